"""`ocpi-hub serve`: run the hub."""

import asyncio
import ctypes
import gc
import os
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path

import click
import structlog

from hub import log
from hub.app import App
from hub.cli.common import config_option, load_config, told
from hub.cli.running import run
from hub.config import Config
from hub.flow.reload import Read

_INTERRUPTED = 130
"""The exit status of what Ctrl-C has ended, as shells have it."""
_ARENA_MAX = -8
"""M_ARENA_MAX of glibc's malloc.h."""
_YOUNG = 10_000
"""Objects that are more than before until the collector looks at them: a message makes hundreds, and none is left."""
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


@click.command()
@config_option
def serve(config_path: Path | None) -> None:
    """Run the hub until it is told to stop.

    Ctrl-C or SIGTERM stops it; messages under way are finished first. A second Ctrl-C does not wait for them. SIGHUP
    does what `ocpi-hub reload` does. The log goes to standard error.
    """
    with told():
        config = load_config(config_path)
        log.configure(config.log.level, config.log.format)
        _take_all_files()
        _share_memory()
        run(config, _serve(config, partial(load_config, config_path)))


async def _serve(config: Config, read: Read) -> None:
    logger = structlog.get_logger()
    stopping, reloading = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    loop.add_signal_handler(signal.SIGINT, _interrupted(stopping))
    loop.add_signal_handler(signal.SIGHUP, reloading.set)
    gc.disable()  # what is read at the start stays; see below
    async with App(config, read) as app:
        app.reloader.follow(lambda new: log.configure(new.log.level, new.log.format))
        # What lives from start to stop need not be looked through at every collection.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_YOUNG)
        gc.enable()
        _welcome(config, app)
        reloads = asyncio.create_task(_reload(app, reloading))
        await stopping.wait()
        reloads.cancel()
        with suppress(asyncio.CancelledError):
            await reloads
        logger.info("stopping", at_most_seconds=app.config.limits.drain + app.config.limits.timeout)
    logger.info("stopped")
    _say("Stopped.")


def _take_all_files() -> None:
    """A shell gives a program 1,024 open files, which as many connections use up; most systems allow far more."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _share_memory() -> None:
    """Have all threads share what they freed: glibc keeps it for each of them by itself, and so takes ever more.

    Only one of them runs Python at a time, so none waits for another. Systems without glibc do nothing of the kind.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def _interrupted(stopping: asyncio.Event) -> Callable[[], None]:
    """What Ctrl-C does: the first stops the hub in good order, the second ends it as it stands."""
    pressed = count(1)

    def press() -> None:
        stopping.set()
        if next(pressed) == 1:
            _say("Finishing what is under way; press Ctrl-C again to stop at once.")
            return
        _say("Stopped at once. Partners got no answer to what was under way.")
        os._exit(_INTERRUPTED)

    return press


async def _reload(app: App, wanted: asyncio.Event) -> None:
    """Reload at each SIGHUP; what came of it is in the log."""
    while True:
        await wanted.wait()
        wanted.clear()
        await app.reloader.reload()


def _welcome(config: Config, app: App) -> None:
    _say(f"OCPI hub {config.hub.party} is ready. Versions URL for partners: {app.versions_url}")
    if config.listen.public_url is None and config.listen.host in _EVERYWHERE:
        _say("Partners can not use that URL: set public_url in [listen] to the one that they reach the hub at.")
    if not app.keeper.records:
        _say('Next: ocpi-hub partner invite "ACME Charging" --party NL-TNM:CPO')
    if app.admin_url and not app.operations.keys.all():
        _say(f"The admin API is at {app.admin_url}/docs. Its first key: ocpi-hub key create NAME --scope read")


def _say(line: str) -> None:
    """A line for people. On standard output, since programs read the log on standard error."""
    try:
        click.echo(line)
    except OSError:
        # Whoever read this is gone, as `tee` is on Ctrl-C: no reason to end with an error, now or when Python flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
