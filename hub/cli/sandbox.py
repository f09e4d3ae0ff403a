"""`ocpi-hub sandbox`: counterparts for a partner that tries its own platform."""

import asyncio
import signal
import tempfile
from pathlib import Path

import click
import msgspec

from hub import log
from hub.cli.common import config_option, load_config, say, told
from hub.cli.running import run
from hub.config import Admin, Config, Upstream
from hub.core.plain import line

_LOOPBACK = ("127.0.0.0/8", "::1/128")
_LONGEST = 500


@click.command()
@click.option(
    "--party", "parties", multiple=True, required=True, metavar="NL-TNM:CPO",
    help="A party of your platform and its role; once for each.",
)  # fmt: skip
@click.option("--host", help="Address to listen on. Without it: the one in [listen].")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.")
@click.option("--public-url", help="Where your platform reaches the sandbox, where that is not where it listens.")
@click.option("--desk-port", type=click.IntRange(0, 65535), default=0, help="Port of the desk; without it a free one.")
@config_option
def sandbox(
    parties: tuple[str, ...],
    host: str | None,
    port: int | None,
    public_url: str | None,
    desk_port: int,
    config_path: Path | None,
) -> None:
    """Try your own platform against a simulated CPO and eMSP.

    Prints a versions URL and a TOKEN_A. When your platform has registered with them, have the counterparts push, ask
    and fail at the desk, a page in your browser, and have your platform checked. Nothing is kept when it ends.
    """
    with told(), tempfile.TemporaryDirectory(prefix="ocpi-hub-sandbox-") as folder:
        base = load_config(config_path)
        given = {"host": host, "port": port, "public_url": public_url}
        listen = msgspec.structs.replace(
            base.listen, **{name: value for name, value in given.items() if value is not None}
        )
        config = _config(msgspec.structs.replace(base, listen=listen), Path(folder))
        log.configure("warning", base.log.format)
        run(config, _serve(config, parties, desk_port))


def _config(base: Config, folder: Path) -> Config:
    """A hub with its data in the folder and no plugins. It may call this machine, where its counterparts are."""
    from hub.sandbox.actions import HUB  # noqa: PLC0415 - it takes long to import, and --help does without

    hub = msgspec.structs.replace(
        base.hub, name="OCPI sandbox", party=HUB, data=str(folder / "data"), plugins=str(folder / "none")
    )
    upstream: Upstream = base.upstream
    upstream = msgspec.structs.replace(upstream, allow_private=(*upstream.allow_private, *_LOOPBACK))
    return msgspec.structs.replace(base, hub=hub, upstream=upstream, admin=Admin(enabled=False), plugins={})


async def _serve(config: Config, parties: tuple[str, ...], desk_port: int) -> None:
    from hub.sandbox import Desk, Sandbox  # noqa: PLC0415 - it takes long to import, and --help does without

    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with Sandbox(config, parties) as box, Desk(box, desk_port) as desk:
        say(line(f"Sandbox for {' '.join(parties)}", _LONGEST))
        say(f"  versions URL  {box.invitation.versions_url}")
        say(f"  TOKEN_A       {box.invitation.token_a}")
        say(f"  CPO           {box.cpo.party}")
        say(f"  eMSP          {box.emsp.party}")
        say(f"  desk          {desk.url}")
        say("Register your platform, then open the desk in a browser. Ctrl-C ends it all.")
        await stopping.wait()
    say("Stopped.")
