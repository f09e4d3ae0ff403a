"""Runs a plugin's code step by step, so that nothing it raises gets out of its task, and measures each step."""

import asyncio
import ctypes
import dis
import inspect
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any


class Life:
    """Whether code of a plugin may still run."""

    over = False


def never_waits(function: Callable[..., Any]) -> bool:
    """Whether what an async method returns can be run to its end in one step: there is no `await` in its code.

    An `async for` or `async with` is one, too: only one instruction leaves a coroutine before its end.
    """
    code = getattr(getattr(function, "__func__", None), "__code__", None)
    if code is None or not code.co_flags & inspect.CO_COROUTINE:
        return False
    return all(each.opname != "YIELD_VALUE" for each in dis.get_instructions(code))


def keep(work: object) -> None:
    """Keep a coroutine for ever: one that nobody refers to is run once more, to have it end, and this one may not."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(work))


class Steps(Coroutine[Any, Any, None]):
    """What a task runs that runs a plugin's code. However that ends, the task comes to its end; `ended` is called then.

    `value` and `error` say how, `seconds` is the time from the first step to the last, `longest` that of the longest
    step: during a step nothing else in the hub can run. `excused` are seconds of the step that others took. When its
    life is over, there is no step more.
    """

    __slots__ = (
        "_begin",
        "_begun",
        "_ended",
        "_life",
        "_work",
        "error",
        "excused",
        "longest",
        "over",
        "seconds",
        "value",
    )

    def __init__(self, begin: Callable[[], Awaitable[Any]], life: Life, ended: Callable[["Steps"], None]) -> None:
        self._begin = begin
        self._life = life
        self._ended = ended
        self._work: Coroutine[Any, Any, Any] | None = None
        self._begun = 0.0
        self.over = False
        self.value: Any = None
        self.error: BaseException | None = None
        self.seconds = 0.0
        self.longest = 0.0
        self.excused = 0.0

    @property
    def cr_await(self) -> object:
        """For who looks at what a task waits for."""
        return self._work

    def __await__(self) -> Generator[Any, None, None]:
        """A coroutine has to have this."""
        raise TypeError("a task runs this; await the task")

    def send(self, value: Any) -> Any:
        """The next step."""
        work = self._work
        if work is None:
            return self._step(self._first)
        return self._step(work.send, value)

    def throw(self, *error: Any) -> Any:
        """The next step, which begins with an error. Before the first, that is the end."""
        work = self._work or _nothing()
        return self._step(work.throw, *error)

    def close(self) -> None:
        """There will be no next step."""
        if self._work is not None:
            if self._life.over:
                keep(self._work)
            else:
                self._work.close()

    def _first(self) -> Any:
        work = self._begin()
        self._work = work if isinstance(work, Coroutine) else _awaited(work)
        return self._work.send(None)

    def _step(self, how: Callable[..., Any], *given: Any) -> Any:
        started = time.monotonic()
        self._begun = self._begun or started
        try:
            if self._life.over:
                keep(self._work)
                raise asyncio.CancelledError  # noqa: TRY301 - it ends as any other
            return how(*given)
        except StopIteration as ended:
            self.value = ended.value
        except BaseException as error:  # noqa: BLE001 - whatever a plugin raises is its own affair
            self.error = error
        finally:
            now = time.monotonic()
            self.longest = max(self.longest, now - started - self.excused)
            self.excused = 0.0
        self.seconds = now - self._begun
        self.over = True
        self._ended(self)
        raise StopIteration


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work


async def _nothing() -> None: ...
