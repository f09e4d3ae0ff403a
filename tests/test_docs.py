"""The pages: links lead somewhere, commands exist, messages are the hub's own (keys and hooks: tests of their own)."""

import re
import runpy
import shlex
from pathlib import Path

import click
import pytest

from hub import __version__
from hub.admin.table import ROUTES
from hub.cli import main

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
SOURCE = "\n".join(path.read_text() for path in sorted((ROOT / "hub").rglob("*.py")))
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@each_page
def test_links_lead_somewhere(page: Path):
    for link in re.findall(r"\]\(([^)\s]+)\)", _without_code(page.read_text())):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in _anchors(target), f"{page.name}: {link}"


def test_the_map_names_every_page():
    index = (ROOT / "docs/index.md").read_text()
    assert {page.name for page in PAGES} - {"index.md"} == set(re.findall(r"\]\((?:\.\./)?(\S+?\.md)\)", index))


@each_page
def test_commands_are_written_as_they_are(page: Path):
    """Verbs and options exist."""
    for written in re.findall(
        r"^ *((?:.*; )?ocpi-hub .*)$|`(ocpi-hub [^`]*)`", _without_output(page.read_text()), re.MULTILINE
    ):
        words = shlex.split(("".join(written)).replace("...", ""), comments=True)
        context, command, rest = _program(), main, words[words.index("ocpi-hub") + 1 :]
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            name, command, rest = command.resolve_command(context, rest)
            context = click.Context(command, info_name=name, parent=context)
        if rest:
            command.make_parser(context).parse_args(list(rest))


def _program() -> click.Context:
    """With the program's own settings: Click keeps what it makes of them with the commands, for all tests."""
    return main.make_context("ocpi-hub", [], resilient_parsing=True)


def test_every_command_and_option_is_in_the_reference():
    made = runpy.run_path(str(ROOT / "docs/make_cli.py"))["page"]()
    assert (ROOT / "docs/cli.md").read_text() == made, "run: python docs/make_cli.py"
    for context in _commands(_program()):
        assert f"\n## {context.command_path}\n" in made
        for option in (each.opts[0] for each in context.command.params if isinstance(each, click.Option)):
            assert f"`{option}" in made


def test_every_route_of_the_admin_api_is_on_its_page():
    made = runpy.run_path(str(ROOT / "docs/make_routes.py"))["page"]()
    assert (ROOT / "docs/admin-api.md").read_text() == made, "run: python docs/make_routes.py"
    for route in ROUTES:
        assert f"`{route.method} {route.path}`" in made


def test_what_is_lost_between_versions_is_as_the_bridge_has_it():
    made = runpy.run_path(str(ROOT / "docs/make_versions.py"))["page"]()
    assert (ROOT / "docs/versions.md").read_text() == made, "run: python docs/make_versions.py"


def test_the_bridge_is_used_from_python_as_written(capsys):
    page = (ROOT / "docs/versions.md").read_text()
    ((program, printed),) = re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    exec(program, {})
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("name", ["registration.md", "routing.md"])
def test_messages_that_a_page_explains_are_the_hubs_own(name):
    page = (ROOT / "docs" / name).read_text()
    rows = re.findall(r"^\| (?:HTTP \d{3}|\d{4}) \| ([^|]*) \|", page, re.MULTILINE)
    quoted = [words for cell in rows for words in re.findall(r"`([^`]+)`", cell)]
    assert len(quoted) > 10
    assert [words for words in quoted if words not in SOURCE] == []


def test_every_part_of_the_hub_is_on_the_map():
    page = (ROOT / "docs/architecture.md").read_text()
    parts = {path.name for path in (ROOT / "hub").iterdir() if path.name[0] not in "._" and path.suffix in ("", ".py")}
    assert parts == {name.rstrip("/") for name in re.findall(r"^\| `hub/(\S+)` \|", page, re.MULTILINE)}


def test_files_that_the_map_names_exist():
    page = (ROOT / "docs/architecture.md").read_text()
    named = re.findall(r"(?<![\w./])(?:hub/)?((?:core|flow|config|plugin|store|cli|sim)/[\w/]*(?:\.py)?)", page)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / "hub" / name).exists()] == []


def test_this_version_is_in_the_changelog():
    assert f"\n## [{__version__}] - " in (ROOT / "CHANGELOG.md").read_text()


def _commands(context: click.Context) -> list[click.Context]:
    if not isinstance(context.command, click.Group):
        return [context]
    group = context.command
    inner = [(name, group.get_command(context, name)) for name in group.list_commands(context)]
    return [leaf for name, each in inner for leaf in _commands(click.Context(each, info_name=name, parent=context))]


def _without_code(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)


def _without_output(text: str) -> str:
    """Without blocks that show what is printed."""
    return re.sub(r"^ *```(?!sh)\w+$.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)


def _anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of headings."""
    headings = re.findall(r"^#+ (.*)$", _without_code(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
