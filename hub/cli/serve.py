"""`ocpi-hub serve`: run the hub, in one process or in several."""

import sys
from functools import partial
from pathlib import Path
from socket import gethostname

import click
from msgspec import structs

from hub import log
from hub.asking import ControlError
from hub.cli.common import config_option, load_config, told
from hub.cli.running import run
from hub.config import Config

MOST = 32
"""Workers: as many nodes may share a database."""


@click.command()
@click.option(
    "--workers",
    type=click.IntRange(1, MOST),
    default=1,
    metavar="N",
    help="Processes to run on this machine, each a node of its own. More than one need PostgreSQL.",
)
@click.option("--worker", type=int, default=0, hidden=True)
@config_option
def serve(config_path: Path | None, workers: int, worker: int) -> None:
    """Run the hub until it is told to stop.

    Ctrl-C or SIGTERM stops it; messages under way are finished first. A second Ctrl-C does not wait for them. SIGHUP
    does what `ocpi-hub reload` does. The log goes to standard error.
    """
    with told():
        read = partial(_read, config_path, worker)
        config = read()
        log.configure(config.log.level, config.log.format)
        # Imported here: who only looks after workers needs next to nothing of the hub.
        if workers > 1 and not worker:
            if not config.store.url:
                raise ControlError(
                    f"{workers} workers can not share {config.database_name}: a file has one hub. Let them share a "
                    "PostgreSQL database, which store.url names; docs/scaling.md tells how to move there"
                )
            from hub.cli.workers import Workers  # noqa: PLC0415

            sys.exit(run(config, Workers(config, workers).run()))
        from hub.cli.serving import prepare, serve_until_told  # noqa: PLC0415

        prepare()
        run(config, serve_until_told(config, read))


def _read(config_path: Path | None, worker: int) -> Config:
    """The configuration; that of a worker names it."""
    config = load_config(config_path)
    if not worker:
        return config
    node = structs.replace(config.node, name=f"{config.node.name or gethostname()}-{worker}")
    return structs.replace(config, node=node, worker=worker)
