"""How commands that are part of the hub themselves run: their event loop, and their log."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

from hub import log
from hub.config import Config

T = TypeVar("T")


def run(config: Config, main: Coroutine[Any, Any, T]) -> T:
    """Run on the event loop of the configuration."""
    factory = uvloop.new_event_loop if config.hub.event_loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


def quiet_log(config: Config) -> None:
    """For commands whose output is their result: only warnings go to stderr."""
    log.configure("warning", config.log.format)
