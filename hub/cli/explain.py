"""`ocpi-hub explain`: where a message would go, and why, without sending it."""

from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from hub.asking import Arguments
from hub.cli.ask import do
from hub.cli.common import config_option, console, json_option, plain, print_json

_STEP = 2000
_DESTINATIONS = 10_000


@click.command()
@click.argument("method")
@click.argument("path")
@click.option("--from", "sender", required=True, metavar="DE-CPO", help="The party that would send it.")
@click.option("--to", "receiver", default="", metavar="NL-MSP", help="OCPI-to; without it: open routing.")
@click.option("--body", type=click.File("rb"), help="File with the body, for open routing by content; - for stdin.")
@config_option
@json_option
def explain(
    method: str, path: str, sender: str, receiver: str, body: Any, config_path: Path | None, as_json: bool
) -> None:
    """Say where a message would go, and why.

    As: ocpi-hub explain PUT receiver/locations/DE/CPO/LOC1 --from DE-CPO --to NL-MSP."""
    content = body.read().decode("utf-8", "replace") if body else ""
    given = Arguments(method=method, url=path, name=sender, ref=receiver, body=content)
    result = do(config_path, "explain", given, as_json)
    if as_json:
        print_json(result)
        return
    out = console()
    steps = Table.grid(padding=(0, 2))
    for number, step in enumerate(result["trail"], 1):
        steps.add_row(f"{number:>3}", plain(step, most=_STEP))
    out.print(steps)
    if result["status_code"]:
        out.print(
            Text.assemble(("refused", "red"), f" with {result['status_code']}: ", plain(result["why"], most=_STEP))
        )
    else:
        to = " ".join(result["destinations"]) or "nobody else"
        out.print(Text.assemble((result["way"], "green"), " to ", plain(to, most=_DESTINATIONS)))
