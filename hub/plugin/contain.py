"""Calls a plugin's code so that nothing it does reaches the caller: no exception, no cancellation, no delay.

Every call is a task of its own. So a deadline holds even for code that swallows its cancellation, a plugin that
cancels its own task does not cancel the message, and `SystemExit` does not end the hub.
"""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Literal, NamedTuple

_MAX_TEXT = 300


class Fault(Exception):
    """A plugin's code failed. `line` is where in its file, None where that is not known."""

    def __init__(self, kind: Literal["raised", "slow", "answered wrong"], error: str, line: int | None = None) -> None:
        super().__init__(error)
        self.kind = kind
        self.error = error
        self.line = line


class Answer(NamedTuple):
    """What a call returned, and the seconds from its first step to its last."""

    value: Any
    seconds: float


class _Ended(NamedTuple):
    value: Any
    error: BaseException | None
    seconds: float


class Container:
    """Runs the code of one plugin, and owns every task that it runs in."""

    def __init__(self, file: Path) -> None:
        self._file = str(file)
        self._name = f"plugin {file.stem}"
        self._tasks: set[asyncio.Task[Any]] = set()

    async def call(self, function: Callable[..., Awaitable[Any]], *args: Any, seconds: float | None) -> Answer:
        """Await `function(*args)` for at most `seconds` (None: for as long as it takes).

        Raises Fault, and CancelledError only when the caller is cancelled. Code that blocks the event loop can not
        be cut off: its answer comes late, as `Answer.seconds` tells.
        """
        task = self._run(_contained(lambda: function(*args)), "call")
        try:
            await asyncio.wait({task}, timeout=seconds)
            if not task.done():
                raise Fault("slow", f"took longer than {seconds:g} s", self._waiting_at(task))
        finally:
            task.cancel()
        if task.cancelled():
            raise Fault("raised", "CancelledError: it cancelled its own task")
        ended: _Ended = task.result()
        if ended.error is not None:
            raise self._fault(ended.error) from ended.error
        return Answer(ended.value, ended.seconds)

    def spawn(self, work: Coroutine[Any, Any, None], name: str, done: Callable[[Fault | None], None]) -> None:
        """Run `work` in the background. `done` is told how it ended, unless it was cancelled."""

        async def background() -> None:
            ended = await _contained(lambda: work)
            if not task.cancelling():
                done(self._fault(ended.error) if ended.error else None)

        task = self._run(background(), name)
        # One that is cancelled before its first step was never awaited.
        task.add_done_callback(lambda _: work.close())

    async def end(self, *, seconds: float) -> int:
        """Cancel all that runs, and wait. Returns how many tasks have still not ended after `seconds`."""
        tasks = set(self._tasks)
        if not tasks:
            return 0
        for task in tasks:
            task.cancel()
        _, left = await asyncio.wait(tasks, timeout=seconds)
        return len(left)

    def _run(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = asyncio.create_task(work, name=f"{self._name}: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _fault(self, error: BaseException) -> Fault:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == self._file]
        text = traceback.format_exception_only(error)[0].strip()
        fault = Fault("raised", text[:_MAX_TEXT], lines[-1] if lines else None)
        fault.__cause__ = error
        return fault

    def _waiting_at(self, task: asyncio.Task[Any]) -> int | None:
        """The innermost line of the plugin's file on which the task waits."""
        line: int | None = None
        step: object = task.get_coro()
        while step is not None:
            frame = getattr(step, "cr_frame", None)
            if frame is not None and frame.f_code.co_filename == self._file:
                line = frame.f_lineno
            step = getattr(step, "cr_await", None)
        return line


async def _contained(begin: Callable[[], Awaitable[Any]]) -> _Ended:
    started = time.monotonic()
    try:
        value = await begin()
    except BaseException as error:  # noqa: BLE001 - whatever a plugin raises is its own affair
        return _Ended(None, error, time.monotonic() - started)
    return _Ended(value, None, time.monotonic() - started)
