"""`ocpi-hub partner certify`: check a partner's platform, explain what is wrong, and write the report."""

import sys
import time
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from hub.asking import Arguments, ControlError
from hub.cli.ask import do
from hub.cli.common import complain, config_option, console, json_option, plain, print_json, say, told

FORMATS = (".html", ".pdf", ".json")
_PAUSE = 0.2


class _File(click.Path):
    """A file whose ending says what is written into it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; a usage error for another ending."""
        path = Path(str(super().convert(value, param, ctx)))
        if path.suffix.lower() not in FORMATS:
            self.fail(f"{path.name}: the name has to end with {', '.join(FORMATS)}", param, ctx)
        return path


@click.command()
@click.argument("ref", metavar="PARTNER")
@click.option(
    "--write", is_flag=True, help="Write test objects, and reserve and cancel, too. See docs/certification.md."
)
@click.option(
    "--as", "sender", metavar="PARTY", default="", help="Ask in the name of this party. Without it: of the hub."
)
@click.option(
    "--report", "files", type=_File(dir_okay=False), multiple=True, metavar="FILE",
    help="Write the report, too: as the name ends, .html, .pdf or .json. Repeatable.",
)  # fmt: skip
@click.option("--issue", is_flag=True, help="Issue a certificate in the registry plugin where nothing failed.")
@config_option
@json_option
def certify(
    ref: str, write: bool, sender: str, files: tuple[Path, ...], issue: bool, config_path: Path | None, as_json: bool
) -> None:
    """Check whether a partner's platform speaks OCPI as it should.

    The hub, which has to run, asks the platform itself: versions, tokens, headers, paging, filters, objects, errors,
    commands. Nothing is changed there without --write. Exit status 1 where something failed.
    """
    from hub.cli import certify_view  # noqa: PLC0415 - it takes long to import, and the other commands do without

    state = _run(ref, write, sender, config_path, as_json)
    with told(as_json=as_json):
        if state["problem"]:
            raise ControlError(state["problem"])
        report = certify_view.read(state["report"])
        certify_view.write(report, files)
    issued = _issue(state["report"], config_path, as_json) if issue and report.certified else None
    if as_json:
        print_json(state["report"] | {"certificate": issued})
    else:
        certify_view.show(report)
        for file in files:
            say(f"The report is in {file}.")
        if issued:
            for each in issued["certificates"]:
                say(f"Certificate {each['id']} for {each['party']} is valid until {each['valid_until']}.")
        elif issue:
            complain("No certificate was issued: something failed.")
    if not report.certified:
        sys.exit(1)


def _run(ref: str, write: bool, sender: str, config_path: Path | None, as_json: bool) -> dict[str, Any]:
    given = Arguments(ref=ref, mode="write" if write else "", name=sender)
    state: dict[str, Any] = do(config_path, "certify", given, as_json)
    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console(), disable=as_json or not sys.stdout.isatty(), transient=True) as bars:
        bar = bars.add_task(str(plain(ref)), total=None)
        while not state["done"]:
            time.sleep(_PAUSE)
            state = do(config_path, "certify-progress", Arguments(ref=ref), as_json)
            failed = f" ({state['failed']} failed)" if state["failed"] else ""
            description = f"{plain(state['latest'] or ref)}{failed}"
            bars.update(bar, description=description, completed=state["checked"], total=state["total"] or None)
    return state


def _issue(report: dict[str, Any], config_path: Path | None, as_json: bool) -> dict[str, Any]:
    """Have the registry note it."""
    body = {
        "name": report["platform"],
        "parties": report["parties"],
        "capabilities": report["capabilities"],
        "checked_at": report["at"],
    }
    given = Arguments(name="registry", ref="issue", body=msgspec.json.encode(body).decode())
    issued: dict[str, Any] = do(config_path, "plugin-call", given, as_json)
    return issued
