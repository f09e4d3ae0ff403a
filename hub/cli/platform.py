"""`ocpi-hub platform`: serve one party, a plugin, as an OCPI platform of its own."""

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import click
import msgspec

from hub import log
from hub.cli.common import complain, config_option, load_config, plain, told
from hub.cli.running import run
from hub.config import Config
from hub.core.directory import Secret
from hub.errors import OcpiError
from hub.platform import PlatformApp, platform_config

TOKEN = "OCPI_PLATFORM_TOKEN"  # noqa: S105 - the name of a variable


@click.group()
def platform() -> None:
    """Serve a party of your own, without a hub.

    It is a plugin that is a CPO or an eMSP: see docs/parties.md.
    """


@platform.command("run")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--host", help="Address to listen on. Without it: the one in [listen].")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.")
@click.option("--public-url", help="Where partners reach this platform, where that is not the address it listens on.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Folder for its tokens and tables.")
@click.option("--hub", "hub_url", metavar="VERSIONS_URL", help="Register at this hub, unless that was done before.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help=f"File with the TOKEN_A that the hub has given. Else it is read from {TOKEN}, or asked for.",
)
@click.option(
    "--partner", "parties", multiple=True, metavar="PARTY:ROLE",
    help="Party of the hub, as XX-HUB:HUB: needed in OCPI 2.1.1 and 2.3.0, where it does not tell. Repeatable.",
)  # fmt: skip
@click.option(
    "--invite", "invited", multiple=True, metavar="PARTY:ROLE",
    help="Print a TOKEN_A with which a partner with these parties can register here. Repeatable.",
)  # fmt: skip
@config_option
def serve_platform(
    file: Path,
    host: str | None,
    port: int | None,
    public_url: str | None,
    data: Path | None,
    hub_url: str | None,
    token_file: Path | None,
    parties: Sequence[str],
    invited: Sequence[str],
    config_path: Path | None,
) -> None:
    """Serve the party in FILE over HTTP until it is told to stop.

    Its settings are the table [plugins.<name of the file>] of the configuration. What it is registered with is kept in
    the data folder: from the second start on, no token is needed.
    """
    with told():
        config = platform_config(load_config(config_path), file, data)
        changes = {"host": host, "port": port, "public_url": public_url}
        given = {name: value for name, value in changes.items() if value is not None}
        config = msgspec.structs.replace(config, listen=msgspec.structs.replace(config.listen, **given))
        log.configure(config.log.level, config.log.format)
        run(config, _serve(config, file, hub_url, token_file, parties, invited))


async def _serve(
    config: Config,
    file: Path,
    hub_url: str | None,
    token_file: Path | None,
    parties: Sequence[str],
    invited: Sequence[str],
) -> None:
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with PlatformApp(config, file) as app:
        click.echo(f"{app.offer.party} is ready. Versions URL: {app.versions_url}")
        try:
            if invited:
                invitation = await app.invite(invited[0], invited)
                if invitation is not None:
                    click.echo(f"TOKEN_A for {', '.join(invited)}, told this once: {invitation.token_a}")
            if hub_url and not app.knows(hub_url):
                await app.register(
                    urlsplit(hub_url).netloc, hub_url, await asyncio.to_thread(_token, token_file), parties
                )
        except OcpiError as error:
            complain(f"Error: {error.message}")
        if app.registered:
            click.echo(plain(f"Registered at: {', '.join(app.registered)}").plain)
        else:
            click.echo("Not registered anywhere yet. See: ocpi-hub platform run --help, --hub and --invite")
        await stopping.wait()
    click.echo("Stopped.")


def _token(file: Path | None) -> Secret:
    """The TOKEN_A: from a file, the environment, or the terminal; never an argument, which others can see."""
    if file is not None:
        return Secret(file.read_text().strip())
    if given := os.environ.get(TOKEN):
        return Secret(given.strip())
    return Secret(click.prompt("TOKEN_A of the hub", hide_input=True).strip())
