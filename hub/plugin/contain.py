"""Calls a plugin's code so that nothing it does reaches the caller: no exception, no cancellation, no delay.

A call is a task of its own. So a deadline holds even for code that swallows its cancellation, a plugin that cancels its
own task does not cancel the message, and `SystemExit` does not end the hub. Code without an `await` needs no task,
as it is over before anybody could wait for it: what it sees as its own is one that does nothing else.
"""

import asyncio
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from hub.plugin.steps import Life, Steps, keep
from hub.plugin.watchdog import HeldUp

_MAX_TEXT = 300
_LATE = 0.1
"""Seconds by which a deadline may come late before somebody else must have held up the loop."""
_GIVEN_BACK = 10.0
"""Seconds by which it is put off for that, at most."""
_AT_ONCE: dict[str, Any] = {"eager_start": True} if sys.version_info >= (3, 12) else {}
"""Begin a task where it is made, in Pythons that can: one that does not wait costs no turn of the loop then."""
_CANCELLED = "CancelledError: it cancelled its own task"


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


class Container:
    """Runs the code of one plugin, and owns every task that it runs in."""

    def __init__(self, file: Path) -> None:
        self._file = str(file)
        self._name = f"plugin {file.stem}"
        self._tasks: set[asyncio.Task[Any]] = set()
        self._own: asyncio.Task[None] | None = None
        self._life = Life()

    async def call(self, function: Callable[..., Awaitable[Any]], *args: Any, seconds: float | None) -> Answer:
        """Await `function(*args)` for at most `seconds` (None: for as long as it takes).

        Raises Fault, and CancelledError only when the caller is cancelled. Code that holds up the event loop is not
        cut off by that, but by the watchdog: its answer comes late, as `Answer.step` tells.
        """
        wait = _Wait()
        steps = Steps(partial(function, *args), self._life, wait.over)
        task = self._run(steps, "call", _AT_ONCE)
        if steps.longest > _LATE:
            _excuse(asyncio.current_task(), steps.longest)
        if not steps.over:
            try:
                await wait.until(steps, seconds)
                if not steps.over:
                    raise Fault("slow", f"took longer than {seconds:g} s", self._waiting_at(task))
            finally:
                task.cancel()
        if steps.error is not None:
            raise self._fault(steps.error) from steps.error
        if task.cancelled():
            raise Fault("raised", _CANCELLED)
        return Answer(steps.value, steps.seconds, steps.longest)

    def step(self, function: Callable[..., Coroutine[Any, Any, Any]], args: tuple[Any, ...]) -> tuple[Any, float]:
        """What `function(*args)` gives when it is awaited, of a function that never waits, and its seconds.

        Raises Fault. The current task that it sees is not that of the caller, and what it sets in its context stays in
        there.
        """
        if self._life.over:
            raise Fault("raised", "nothing of the plugin runs any more")
        loop = asyncio.get_running_loop()
        caller, own = asyncio.current_task(loop), self._own or self._begin_own()
        if caller:
            asyncio.tasks._leave_task(loop, caller)  # noqa: SLF001 - so says asyncio's documentation on extending it
        asyncio.tasks._enter_task(loop, own)  # noqa: SLF001
        value: Any = None
        started = time.monotonic()
        try:
            copy_context().run(function(*args).send, None)
        except StopIteration as ended:
            value = ended.value
        except BaseException as error:
            raise self._fault(error) from error
        finally:
            seconds = time.monotonic() - started
            if seconds > _LATE:
                _excuse(caller, seconds)
            asyncio.tasks._leave_task(loop, own)  # noqa: SLF001
            if caller:
                asyncio.tasks._enter_task(loop, caller)  # noqa: SLF001
        if own.cancelling():
            self._own = None
            raise Fault("raised", _CANCELLED)
        return value, seconds

    def spawn(self, work: Coroutine[Any, Any, None], name: str, done: Callable[[Fault | None], None]) -> None:
        """Run `work` in the background. `done` is told how it ended, unless it was cancelled."""
        if not isinstance(work, Coroutine):
            raise TypeError(f"{type(work).__name__} can not run in the background; give what an async function returns")

        def ended(steps: Steps) -> None:
            if not task.cancelling():
                done(self._fault(steps.error) if steps.error else None)

        task = self._run(Steps(lambda: work, self._life, ended), name, {})
        # One that is cancelled before its first step was never awaited.
        task.add_done_callback(lambda _: self._life.over or work.close())

    def kill(self) -> None:
        """Run no step more of anything, also of what will not be cancelled. What it holds is lost."""
        self._life.over = True

    @property
    def running(self) -> int:
        """How many tasks there are: background tasks, and calls."""
        return len(self._tasks) - (self._own is not None)

    async def end(self, *, seconds: float) -> int:
        """Cancel all that runs, and wait. Returns how many tasks have still not ended after `seconds`.

        Of these no step is run any more, and the event loop forgets them: it would not close before they end.
        """
        tasks, self._own = set(self._tasks), None
        if not tasks:
            return 0
        for task in tasks:
            task.cancel()
        _, left = await asyncio.wait(tasks, timeout=seconds)
        if left:
            self.kill()
        for task in left:
            keep(task)
            asyncio.tasks._unregister_task(task)  # noqa: SLF001 - so says asyncio's documentation on extending it
        return len(left)

    def _run(self, work: Coroutine[Any, Any, None], name: str, options: dict[str, Any]) -> asyncio.Task[None]:
        loop = asyncio.get_running_loop()
        task: asyncio.Task[None] = asyncio.Task(work, loop=loop, name=f"{self._name}: {name}", **options)
        if not task.done():
            self._tasks.add(task)
            task.add_done_callback(self._forget)
        return task

    def _begin_own(self) -> asyncio.Task[None]:
        self._own = self._run(_for_ever(), "calls", {})
        return self._own

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task is self._own:
            self._own = None

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


def _excuse(caller: asyncio.Task[Any] | None, seconds: float) -> None:
    """What one plugin takes in a call does not count for another that makes the hub call it."""
    steps = caller.get_coro() if caller else None
    if isinstance(steps, Steps):
        steps.excused += seconds


class _Wait:
    """Waits for the end of a call for some seconds, and for those more in which somebody else held up the loop."""

    __slots__ = ("_waiter",)

    def __init__(self) -> None:
        self._waiter: asyncio.Future[None] | None = None

    def over(self, _: object = None) -> None:
        """Wake who waits: the call has ended, or its time."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def until(self, steps: Steps, seconds: float | None) -> None:
        """Wait until the steps or the seconds are over."""
        loop = asyncio.get_running_loop()
        begun, left = time.monotonic(), seconds
        while not steps.over:
            self._waiter = loop.create_future()
            timer = None if left is None else loop.call_later(left, self.over)
            started = time.monotonic()
            try:
                await self._waiter
            finally:
                if timer is not None:
                    timer.cancel()
            if steps.over or seconds is None or left is None:
                return
            now = time.monotonic()
            late = now - started - left
            if late < _LATE or now - begun > seconds + _GIVEN_BACK:
                return
            left = late


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()
