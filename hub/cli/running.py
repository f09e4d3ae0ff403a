"""How commands that are part of the hub themselves run: their event loop, their log, and how Ctrl-C ends them."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, TypeVar

import click
import uvloop

from hub import log
from hub.config import Config

T = TypeVar("T")

_INTERRUPTED = 130
"""The exit status of what Ctrl-C has ended, as shells have it."""


def run(config: Config, main: Coroutine[Any, Any, T]) -> T:
    """Run on the event loop of the configuration."""
    factory = uvloop.new_event_loop if config.hub.event_loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


def quiet_log(config: Config) -> None:
    """For commands whose output is their result: only warnings go to stderr."""
    log.configure("warning", config.log.format)


def interrupted(stop: Callable[[], None], stop_at_once: Callable[[], None] = lambda: None) -> Callable[[], None]:
    """What Ctrl-C does: the first stops the hub in good order, the second ends it as it stands."""
    pressed = count(1)

    def press() -> None:
        stop()
        if next(pressed) == 1:
            say("Finishing what is under way; press Ctrl-C again to stop at once.")
            return
        stop_at_once()
        say("Stopped at once. Partners got no answer to what was under way.")
        os._exit(_INTERRUPTED)

    return press


def say(line: str) -> None:
    """A line for people. On standard output, since programs read the log on standard error."""
    try:
        click.echo(line)
    except OSError:
        # Whoever read this is gone, as `tee` is on Ctrl-C: no reason to end with an error, now or when Python flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
