"""Tasks that go on for as long as the hub does, and that nobody waits for before."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

log = structlog.get_logger()

_T = TypeVar("_T")


def background(work: Coroutine[Any, Any, _T], name: str) -> asyncio.Task[_T]:
    """Begin such a task. Where it fails, the log says so: a part of the hub is missing from then on."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_tell)
    return task


def _tell(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("background_ended", task=task.get_name(), exc_info=error)
