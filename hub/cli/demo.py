"""`ocpi-hub demo`: see a hub at work, with nothing to set up."""

import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hub import log
from hub.cli.common import console, json_option, print_json, told
from hub.cli.running import run
from hub.config import Config
from hub.demo import Demo, Summary

_COLOURS = {
    "hub": "bold cyan",
    "demo": "bold magenta",
    "Volt Streets": "green",
    "EasyMove": "yellow",
    "Wattway": "blue",
}


@click.command()
@click.option(
    "--for",
    "seconds",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="End after so many seconds, but not before everything was shown once. Without it: Ctrl-C.",
)
@json_option
def demo(seconds: float | None, as_json: bool) -> None:
    """Show a hub and three partners at work.

    A hub with three simulated partners, which exchange real OCPI messages through it. Nothing has to be set up, and
    nothing is left behind.
    """
    log.configure("error", "auto")
    out = console()

    def tell(who: str, line: str) -> None:
        if not as_json:
            out.print(f"[{_COLOURS.get(who, 'white')}]{escape(who):>12}[/]  {escape(line)}", soft_wrap=True)

    with told(as_json=as_json), tempfile.TemporaryDirectory(prefix="ocpi-hub-demo-") as folder:
        show = Demo(Path(folder), tell)
        summary = run(Config(), _run(show, seconds))
    if as_json:
        print_json(summary)
    else:
        _print(out, summary)
    sys.exit(0 if summary.ok else 1)


async def _run(show: Demo, seconds: float | None) -> Summary:
    with contextlib.suppress(asyncio.CancelledError):
        return await show.run(seconds)
    return show.summary()


def _print(out: Console, summary: Summary) -> None:
    table = Table("module", "OCPI status", "messages", header_style="bold", box=None)
    for module, by_status in summary.messages.items():
        for status, count in by_status.items():
            table.add_row(module, status, str(count))
    out.print()
    out.print(table)
    if summary.ok:
        out.print("[bold green]All of it happened.[/]")
        out.print("Next: ocpi-hub serve, and in a second terminal: ocpi-hub partner invite --help", soft_wrap=True)
    else:
        out.print(f"[bold red]Missing:[/] {escape('; '.join(summary.missing))}")
