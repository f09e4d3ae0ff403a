"""Calls a plugin's code so that nothing it does reaches the caller: no exception, no cancellation, no delay.

Every call is a task of its own. So a deadline holds even for code that swallows its cancellation, a plugin that
cancels its own task does not cancel the message, and `SystemExit` does not end the hub.
"""

import asyncio
import ctypes
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, TypeAlias

from hub.plugin.watchdog import HeldUp

_MAX_TEXT = 300
_LATE = 0.1
"""Seconds by which a deadline may come late before somebody else must have held up the loop."""
_GIVEN_BACK = 10.0
"""Seconds by which it is put off for that, at most."""


Kind: TypeAlias = Literal["raised", "slow", "answered wrong"]


class Fault(Exception):
    """A plugin's code failed. `line` is where in its file, None where that is not known."""

    def __init__(self, kind: Kind, error: str, line: int | None = None) -> None:
        super().__init__(error)
        self.kind = kind
        self.error = error
        self.line = line


class Answer(NamedTuple):
    """What a call returned, the seconds from its first step to its last, and those of its longest step.

    During a step nothing else in the hub can run.
    """

    value: Any
    seconds: float
    step: float


class _Ended(NamedTuple):
    value: Any
    error: BaseException | None
    seconds: float
    step: float


class _Life:
    """Whether code of a plugin may still run."""

    over = False


class _Steps:
    """Measures each step of a coroutine, on behalf of whoever awaits this. When its life is over, there is none."""

    __slots__ = ("_life", "_work", "longest")

    def __init__(self, work: Coroutine[Any, Any, Any], life: _Life) -> None:
        self._work = work
        self._life = life
        self.longest = 0.0

    @property
    def cr_await(self) -> object:
        """For who looks at what a task waits for."""
        return self._work

    def __await__(self) -> Self:
        return self

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        """The next step."""
        self._check()
        started = time.monotonic()
        try:
            return self._work.send(value)
        finally:
            self._measure(started)

    def throw(self, *error: Any) -> Any:
        """The next step, which begins with an error."""
        self._check()
        started = time.monotonic()
        try:
            return self._work.throw(*error)
        finally:
            self._measure(started)

    def close(self) -> None:
        """There will be no next step."""
        if self._life.over:
            _keep(self._work)
        else:
            self._work.close()

    def _check(self) -> None:
        if self._life.over:
            _keep(self._work)
            raise asyncio.CancelledError

    def _measure(self, started: float) -> None:
        self.longest = max(self.longest, time.monotonic() - started)


class Container:
    """Runs the code of one plugin, and owns every task that it runs in."""

    def __init__(self, file: Path) -> None:
        self._file = str(file)
        self._name = f"plugin {file.stem}"
        self._tasks: set[asyncio.Task[Any]] = set()
        self._life = _Life()

    async def call(self, function: Callable[..., Awaitable[Any]], *args: Any, seconds: float | None) -> Answer:
        """Await `function(*args)` for at most `seconds` (None: for as long as it takes).

        Raises Fault, and CancelledError only when the caller is cancelled. Code that holds up the event loop is not
        cut off by that, but by the watchdog: its answer comes late, as `Answer.step` tells.
        """
        task = self._run(_contained(lambda: function(*args), self._life), "call")
        try:
            await _wait(task, seconds)
            if not task.done():
                raise Fault("slow", f"took longer than {seconds:g} s", self._waiting_at(task))
        finally:
            task.cancel()
        if task.cancelled():
            raise Fault("raised", "CancelledError: it cancelled its own task")
        ended: _Ended = task.result()
        if ended.error is not None:
            raise self._fault(ended.error) from ended.error
        return Answer(ended.value, ended.seconds, ended.step)

    def spawn(self, work: Coroutine[Any, Any, None], name: str, done: Callable[[Fault | None], None]) -> None:
        """Run `work` in the background. `done` is told how it ended, unless it was cancelled."""
        if not isinstance(work, Coroutine):
            raise TypeError(f"{type(work).__name__} can not run in the background; give what an async function returns")

        async def background() -> None:
            ended = await _contained(lambda: work, self._life)
            if not task.cancelling():
                done(self._fault(ended.error) if ended.error else None)

        task = self._run(background(), name)
        # One that is cancelled before its first step was never awaited.
        task.add_done_callback(lambda _: self._life.over or work.close())

    def kill(self) -> None:
        """Run no step more of anything, also of what will not be cancelled. What it holds is lost."""
        self._life.over = True

    @property
    def running(self) -> int:
        """How many tasks there are: background tasks, and calls."""
        return len(self._tasks)

    async def end(self, *, seconds: float) -> int:
        """Cancel all that runs, and wait. Returns how many tasks have still not ended after `seconds`.

        Of these no step is run any more, and the event loop forgets them: it would not close before they end.
        """
        tasks = set(self._tasks)
        if not tasks:
            return 0
        for task in tasks:
            task.cancel()
        _, left = await asyncio.wait(tasks, timeout=seconds)
        if left:
            self.kill()
        for task in left:
            _keep(task)
            asyncio.tasks._unregister_task(task)  # noqa: SLF001 - so says asyncio's documentation on extending it
        return len(left)

    def _run(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = asyncio.create_task(work, name=f"{self._name}: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _fault(self, error: BaseException) -> Fault:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == self._file]
        text = traceback.format_exception_only(error)[0].strip()
        kind: Kind = "slow" if isinstance(error, HeldUp) else "raised"
        fault = Fault(kind, text[:_MAX_TEXT], lines[-1] if lines else None)
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


def _keep(work: object) -> None:
    """Keep a coroutine for ever: one that nobody refers to is run once more, to have it end, and this one may not."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(work))


async def _wait(task: asyncio.Task[Any], seconds: float | None) -> None:
    """Wait for a task for some seconds, and for those more in which somebody else held up the loop."""
    begun, left = time.monotonic(), seconds
    while not task.done():
        started = time.monotonic()
        await asyncio.wait({task}, timeout=left)
        if seconds is None or left is None:
            return
        now = time.monotonic()
        late = now - started - left
        if late < _LATE or now - begun > seconds + _GIVEN_BACK:
            return
        left = late


async def _contained(begin: Callable[[], Awaitable[Any]], life: _Life) -> _Ended:
    started = time.monotonic()
    steps: _Steps | None = None
    try:
        work = begin()
        if isinstance(work, Coroutine):
            work = steps = _Steps(work, life)
        value, error = await work, None
    except BaseException as failed:  # noqa: BLE001 - whatever a plugin raises is its own affair
        value, error = None, failed
    return _Ended(value, error, time.monotonic() - started, steps.longest if steps else 0.0)
