"""`ocpi-hub losses`: what could not be carried between partners that speak different versions of OCPI."""

from pathlib import Path
from typing import Any

import click

from hub.asking import MOST_COUNTS, Arguments
from hub.cli.ask import do
from hub.cli.common import config_option, console, json_option, plain, print_json, remark, rows
from hub.cli.partner_view import time


@click.command()
@click.argument("ref", metavar="[PARTNER]", default="")
@config_option
@json_option
def losses(ref: str, config_path: Path | None, as_json: bool) -> None:
    """Show what was lost between versions of OCPI.

    From and to one partner, or between all: the most frequent first. A path is in the words of the version beside it.
    """
    result = do(config_path, "losses", Arguments(ref=ref), as_json)
    if as_json:
        print_json(result)
    elif not result:
        click.echo("Nothing was lost between versions.")
    else:
        _print(result)


def _print(found: list[Any]) -> None:
    table = rows("from", "to", "object", "OCPI", "path", "why", "times", "last")
    for each in found:
        words = (each[name] for name in ("sender", "receiver", "object", "version", "path", "why"))
        table.add_row(*map(plain, words), str(each["count"]), time(each["last_at"]))
    console().print(table)
    if len(found) == MOST_COUNTS:
        remark(f"These are the {MOST_COUNTS} most frequent ones.")
