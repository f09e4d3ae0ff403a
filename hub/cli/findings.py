"""`ocpi-hub findings`: what is wrong with the objects of partners."""

from pathlib import Path
from typing import Any

import click

from hub.asking import MOST_COUNTS, Arguments
from hub.cli.ask import do
from hub.cli.common import config_option, console, json_option, plain, print_json, remark, rows
from hub.cli.partner_view import time


@click.command()
@click.argument("ref", metavar="[PARTNER]", default="")
@click.option("--clear", is_flag=True, help="Forget those of PARTNER, and see which of them come again.")
@config_option
@json_option
def findings(ref: str, clear: bool, config_path: Path | None, as_json: bool) -> None:
    """Show where objects of partners break rules of OCPI.

    Of one partner, or of all: the most frequent first. Each row is one rule at one place, with what came last.
    """
    if clear and not ref:
        raise click.UsageError("--clear needs a PARTNER")
    result = do(config_path, "findings-clear" if clear else "findings", Arguments(ref=ref), as_json)
    if as_json:
        print_json(result)
    elif clear:
        many = "1 finding is" if result["cleared"] == 1 else f"{result['cleared']} findings are"
        click.echo(f"{plain(result['name'])} (partner {result['id']}): {many} forgotten.")
    elif not result:
        click.echo("No findings: no object broke a rule that was looked at.")
    else:
        _print(result)


def _print(found: list[Any]) -> None:
    table = rows("partner", "object", "path", "rule", "what came", "times", "last seen")
    for each in found:
        words = (each[name] for name in ("partner", "object", "path", "rule", "got"))
        table.add_row(*map(plain, words), str(each["count"]), time(each["last_at"]))
    console().print(table)
    if len(found) == MOST_COUNTS:
        remark(f"These are the {MOST_COUNTS} most frequent ones.")
    remark("What happens to such objects: ocpi-hub partner validation PARTNER enforce|report|off|default")
