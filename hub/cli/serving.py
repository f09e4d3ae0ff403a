"""A hub in this process, from its start until it is told to stop; alone, or as one of several workers."""

import asyncio
import ctypes
import gc
import os
import resource
import signal
import sys
from contextlib import suppress

import msgspec
import structlog

from hub import log
from hub.app import App
from hub.background import background
from hub.cli.running import interrupted, say
from hub.config import Config
from hub.flow.reload import Read
from hub.listener import EVERYWHERE

# Of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_YOUNG = 10_000
"""Objects that are more than before until the collector looks at them: a message makes hundreds, and none is left."""
_LARGE = 1024 * 1024
"""Bytes of a piece of memory that gets pages of its own, and gives them back when it is freed: that takes time."""
_SPARE = 16 * 1024 * 1024
"""Bytes that may be free at the end of the memory in use before it is given back at once, and not only now and then."""
_GIVE_BACK = 1.0
"""Seconds. It takes a fifth of a millisecond, in which nothing else is done; the longer ago it was done, the longer."""


def prepare() -> None:
    """What holds for the whole process, before it begins."""
    _take_all_files()
    _share_memory()


async def serve_until_told(config: Config, read: Read) -> None:
    """Run a hub until SIGTERM, Ctrl-C, or the end of whoever started this worker. `read` reads the configuration."""
    logger = structlog.get_logger()
    stopping, reloading = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    loop.add_signal_handler(signal.SIGINT, interrupted(stopping.set))
    loop.add_signal_handler(signal.SIGHUP, reloading.set)
    if config.worker:
        structlog.contextvars.bind_contextvars(worker=config.worker)
        loop.add_reader(sys.stdin.fileno(), _orphaned, loop, stopping)
    gc.disable()  # what is read at the start stays; see below
    async with App(config, read, apart=True) as app:
        app.reloader.follow(lambda new: log.configure(new.log.level, new.log.format))
        # What lives from start to stop need not be looked through at every collection.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_YOUNG)
        gc.enable()
        words = _welcome(config, app)
        # One line on standard output tells who started this worker that it is ready, and what to say to people.
        say(msgspec.json.encode(words).decode() if config.worker else "\n".join(words))
        beside = [
            background(_reload(app, reloading), "reload"),
            background(_give_memory_back(), "memory of the process"),
        ]
        await stopping.wait()
        for task in beside:
            task.cancel()
        await asyncio.wait(beside)
        logger.info("stopping", at_most_seconds=app.config.limits.drain + app.config.limits.timeout)
    logger.info("stopped")
    if not config.worker:
        say("Stopped.")


def _orphaned(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    """Standard input of a worker is a pipe that nobody writes to: it ends with the process that started the worker."""
    if not os.read(sys.stdin.fileno(), 1):
        loop.remove_reader(sys.stdin.fileno())
        stopping.set()


def _take_all_files() -> None:
    """A shell gives a program 1,024 open files, which as many connections use up; most systems allow far more."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _share_memory() -> None:
    """Have all threads share what they freed, and keep large pieces apart, so that a hub takes no more and more.

    glibc keeps what is free for each thread by itself; only one of them runs Python at a time, so none waits for
    another. And once a large piece was freed, it puts others of that size among the small ones, where what lives for
    long comes to stand behind them, and keeps their pages. Systems without glibc do nothing of the kind.
    """
    with suppress(AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, _LARGE), (_TRIM_THRESHOLD, _SPARE)):
            mallopt(option, value)


async def _give_memory_back() -> None:
    """Give the system what is free between what is in use, again and again: glibc does so at the end of it only.

    So the hub takes what it has in use, and not what it had when most was done at once: a page of the dashboard, or a
    reload, needs megabytes for a moment.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim is not None:
        await asyncio.sleep(_GIVE_BACK)
        trim(0)


async def _reload(app: App, wanted: asyncio.Event) -> None:
    """Reload at each SIGHUP; what came of it is in the log."""
    while True:
        await wanted.wait()
        wanted.clear()
        await app.reloader.reload()


def _welcome(config: Config, app: App) -> list[str]:
    """What people are told when the hub is ready."""
    words = [f"OCPI hub {config.hub.party} is ready. Versions URL for partners: {app.versions_url}"]
    if config.listen.public_url is None and config.listen.host in EVERYWHERE:
        words.append("Partners can not use that URL: set public_url in [listen] to the one that they reach the hub at.")
    if not app.keeper.records:
        words.append('Next: ocpi-hub partner invite "ACME Charging" --party NL-TNM:CPO')
    if app.admin_url and not app.operations.keys.all():
        words.append(f"The admin API is at {app.admin_url}/docs. Its first key: ocpi-hub key create NAME --scope read")
    return words
