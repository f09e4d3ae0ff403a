"""`ocpi-hub partner capture`: keep bodies of a partner's exchanges for a while."""

from pathlib import Path

import click

from hub.asking import Arguments
from hub.cli.ask import do
from hub.cli.common import config_option, json_option, plain, print_json, say
from hub.cli.partner_view import time


@click.command()
@click.argument("ref", metavar="PARTNER")
@click.option("--minutes", type=click.IntRange(1, 10_080), default=30, show_default=True, help="For how long.")
@click.option("--off", is_flag=True, help="End it now; what was kept stays in the journal.")
@config_option
@json_option
def capture(ref: str, minutes: int, off: bool, config_path: Path | None, as_json: bool) -> None:
    """Keep bodies of a partner's exchanges for a while.

    Request and answer bodies are kept with the journal, until it forgets their exchange. Tokens, cards, contracts and
    what tells of a person are taken out. See them with `ocpi-hub trace`.
    """
    result = do(config_path, "capture", Arguments(ref=ref, minutes=0 if off else minutes), as_json)
    who = f"{plain(result['name'])} (partner {result['id']})"
    if as_json:
        print_json(result)
    elif result["until"] is None:
        say(f"Bodies of {who} are not kept any more.")
    else:
        say(f"Bodies of {who} are kept until {time(result['until'])}.")
        say(f"To see its exchanges: ocpi-hub journal --partner {result['id']}")
