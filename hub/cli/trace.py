"""`ocpi-hub trace`: one message on its whole way, as a timeline."""

from pathlib import Path

import click

from hub.asking import Arguments
from hub.cli.ask import do
from hub.cli.common import config_option, console, json_option, print_json
from hub.cli.journal_view import print_trace


@click.command()
@click.argument("name", metavar="CORRELATION-ID")
@config_option
@json_option
def trace(name: str, config_path: Path | None, as_json: bool) -> None:
    """Show one message on its whole way.

    Both legs as a timeline: from the sender to the hub, from the hub to each receiver, and back. An X-Request-ID of
    either leg will do, too.
    """
    found = do(config_path, "trace", Arguments(name=name), as_json)
    if as_json:
        print_json(found)
        return
    out = console()
    for number, each in enumerate(found):
        if number:
            out.print()
        print_trace(out, each)
