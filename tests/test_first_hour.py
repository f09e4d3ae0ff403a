"""docs/first-hour.md: its steps are done as they stand there, in their order, and what it promises is seen."""

import re
from pathlib import Path

from hub.config import load
from hub.core.party import PartyRole
from hub.dashboard.table import PAGES
from hub.sim import SimCpo, SimEmsp
from tests.test_readme import SAME_TERMINAL, serving, shell
from tests.test_readme import workplace as workplace  # noqa: PLC0414 - a fixture

PAGE = (Path(__file__).parents[1] / "docs/first-hour.md").read_text()
BLOCKS = dict(re.findall(r"^<!-- (\w+) -->\n```\w+\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))


async def run(folder: Path, block: str) -> str:
    return await shell(folder, f"{SAME_TERMINAL} {BLOCKS[block].removeprefix('source .venv/bin/activate')}")


def test_it_installs_as_the_readme_does():
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    for line in BLOCKS["install"].splitlines()[:3]:
        assert line.removesuffix(" .") in readme


async def test_the_settings_are_right(workplace):
    (workplace / "config.toml").write_text(BLOCKS["settings"])
    assert load(workplace / "config.toml", {}).hub.party == "NO-HUB"
    assert "All is well" in await run(workplace, "check")


async def test_each_step_does_what_it_says(workplace):
    assert BLOCKS["serve"] == "ocpi-hub serve\n"
    async with serving(workplace):
        assert "ohk_" in await run(workplace, "key")
        invited = await run(workplace, "invite")
        assert "INVITED" in await run(workplace, "watch")
        other = await shell(workplace, f"{SAME_TERMINAL} ocpi-hub partner invite EasyMove --party DE-EMO:EMSP")
        cpo, emsp = PartyRole.parse("NL-VST:CPO"), PartyRole.parse("DE-EMO:EMSP")
        async with SimCpo("Volt Streets", [cpo]) as streets:
            async with SimEmsp("EasyMove", [emsp]) as move:
                await streets.register(_field(invited, "versions URL"), _field(invited, "TOKEN_A"))
                await move.register(_field(other, "versions URL"), _field(other, "TOKEN_A"))
                assert "REGISTERED" in await run(workplace, "watch")
                assert "direct to DE-EMO" in await run(workplace, "explain")
                await streets.push_location(emsp.party)
            told = await run(workplace, "journal")
            assert re.search(r"PUT +receiver/locations", told)
            assert "delivered" in told
            for _ in range(3):
                await streets.push_location(emsp.party)
            red = await run(workplace, "journal")
            assert "EasyMove can not be reached" in red
            assert "→ ask EasyMove whether its platform runs" in red
        assert "Saved" in await run(workplace, "home")
    assert (workplace / "first.db").exists()


def test_what_is_red_is_said_as_on_the_page_of_errors():
    errors = (Path(__file__).parents[1] / "docs/errors.md").read_text()
    part = PAGE.partition("## 7.")[2].partition("## 8.")[0]
    for words in re.findall(r"^\| `([^`]+)`", part, re.MULTILINE):
        assert f"`{words}`" in errors


def test_every_page_that_the_dashboard_has_is_explained():
    page = (Path(__file__).parents[1] / "docs/dashboard.md").read_text()
    named = re.findall(r"^\*\*(\w+)\.\*\*", page, re.MULTILINE)
    assert {each.title for each in PAGES if each.listed} <= set(named)


def _field(printed: str, name: str) -> str:
    (value,) = re.findall(rf"^  {name} +(\S+)$", printed, re.MULTILINE)
    return value
