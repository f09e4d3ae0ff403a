"""`ocpi-hub serve`: run the hub."""

import asyncio
import gc
import signal
from pathlib import Path

import click

from hub import log
from hub.app import App
from hub.cli.common import config_option, load_config, run, told
from hub.config import Config


@click.command()
@config_option
def serve(config_path: Path | None) -> None:
    """Run the hub until it is told to stop (Ctrl-C or SIGTERM)."""
    with told():
        config = load_config(config_path)
        log.configure(config.log.level, config.log.format)
        run(config, _serve(config))


async def _serve(config: Config) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with App(config) as app:
        # What lives from start to stop need not be looked through at every collection.
        gc.collect()
        gc.freeze()
        click.echo(f"OCPI hub {config.hub.party} is ready. Versions URL for partners: {app.versions_url}", err=True)
        if not app.keeper.records:
            click.echo('Next: ocpi-hub partner invite "ACME Charging" --party NL-TNM:CPO', err=True)
        await stopping.wait()
    click.echo("Stopped.", err=True)
