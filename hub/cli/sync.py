"""`ocpi-hub sync`: pull what the hub mirrors from a partner now."""

import sys
import time
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from hub.asking import Arguments
from hub.cli.ask import do
from hub.cli.common import complain, config_option, console, json_option, plain, print_json

_PAUSE = 0.2


@click.command()
@click.argument("ref", metavar="PARTNER")
@config_option
@json_option
def sync(ref: str, config_path: Path | None, as_json: bool) -> None:
    """Pull what is mirrored from a partner.

    Locations, tariffs and tokens, with a progress bar. The hub has to run.
    """
    state = do(config_path, "sync", Arguments(ref=ref), as_json)
    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console(), disable=as_json or not sys.stdout.isatty()) as bars:
        bar = bars.add_task(str(plain(ref)), total=None)
        while not state["done"]:
            time.sleep(_PAUSE)
            state = do(config_path, "sync-progress", Arguments(ref=ref), as_json)
            bars.update(
                bar,
                description=str(plain(state["module"] or ref)),
                completed=state["objects"],
                total=state["total"] or None,
            )
    if as_json:
        print_json(state)
    elif state["problem"]:
        complain(f"{plain(state['platform'])}: kept {state['kept']}, then stopped: {plain(state['problem'])}")
    else:
        refused = f", passed by {state['refused']} of other parties or without an id" if state["refused"] else ""
        click.echo(
            f"{plain(state['platform'])}: kept {state['kept']} object(s) from {state['pages']} page(s){refused}."
        )
    if state["problem"]:
        raise SystemExit(1)
