"""`ocpi-hub serve`: run the hub."""

import asyncio
import gc
import os
import signal
from pathlib import Path

import click
import structlog

from hub import log
from hub.app import DRAIN, App
from hub.cli.common import config_option, load_config, run, told
from hub.config import Config

_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


@click.command()
@config_option
def serve(config_path: Path | None) -> None:
    """Run the hub until it is told to stop.

    Ctrl-C or SIGTERM stops it; messages under way are finished first. The log goes to standard error.
    """
    with told():
        config = load_config(config_path)
        log.configure(config.log.level, config.log.format)
        run(config, _serve(config))


async def _serve(config: Config) -> None:
    logger = structlog.get_logger()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with App(config) as app:
        # What lives from start to stop need not be looked through at every collection.
        gc.collect()
        gc.freeze()
        _welcome(config, app)
        await stopping.wait()
        logger.info("stopping", at_most_seconds=DRAIN)
    logger.info("stopped")
    _say("Stopped.")


def _welcome(config: Config, app: App) -> None:
    _say(f"OCPI hub {config.hub.party} is ready. Versions URL for partners: {app.versions_url}")
    if config.listen.public_url is None and config.listen.host in _EVERYWHERE:
        _say("Partners can not use that URL: set public_url in [listen] to the one that they reach the hub at.")
    if not app.keeper.records:
        _say('Next: ocpi-hub partner invite "ACME Charging" --party NL-TNM:CPO')


def _say(line: str) -> None:
    """A line for people. On standard output, since programs read the log on standard error."""
    try:
        click.echo(line)
    except OSError:
        # Whoever read this is gone, as `tee` is on Ctrl-C: no reason to end with an error, now or when Python flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
