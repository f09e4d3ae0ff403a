"""Notices that a plugin's code holds up the event loop, says whose it is while that lasts, and breaks it off.

While one function runs, nothing else in the hub does: no other partner is answered. A thread looks a few times a second
whether the loop still turns. Where it does not, and it is the same call of a plugin all the time, the thread says so in
the log and sends a signal to the loop's thread, in which an exception is raised in the midst of the plugin's code. That
ends what Python runs and what it waits for (`time.sleep`, a socket, a lock); code in C that heeds no signals goes on.
Where it is no plugin's code, the log says where in the hub: that is a fault of the hub, or a machine that stood still.
"""

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

import structlog

log = structlog.get_logger()

PREFIX = "ocpi_hub_plugin_"
"""The names of the modules of plugins begin so; a file stem and eight digits follow."""
PATIENCE = 2.0
"""Seconds for which a plugin may hold up the loop."""
_DIGITS = 9
_LOOK = 0.25
_SIGNAL = signal.SIGURG
"""One that nobody else uses, and that does nothing where nobody waits for it."""
_HUB = __name__.partition(".")[0] + "."

Tell = Callable[[str, str, float], None]


class HeldUp(BaseException):
    """Raised in a plugin's code that holds up the loop. No Exception, so that it is not taken for one of its own."""


class _Seen(NamedTuple):
    """A call of a plugin. `frame` tells it from others, `may_break` says that none of the hub's code runs in it."""

    plugin: str
    frame: int
    at: str
    may_break: bool


class Watchdog:
    """Watches the loop that it is started in.

    `tell` is called there: whose code, where, and for how many seconds. `broken_off` is told whose code is broken off,
    in the midst of that code: it may do no more than set what others look at.
    """

    def __init__(self, tell: Tell, broken_off: Callable[[str], None], patience: float = PATIENCE) -> None:
        self._tell = tell
        self._broken_off = broken_off
        self._patience = patience
        self._over = threading.Event()
        self._watched = 0
        self._turned = 0.0
        self._broken: _Seen | None = None
        self._before: Any = None
        self._beat: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch. Only in the main thread can code be broken off; in others it is named, and no more."""
        self._loop, self._watched = asyncio.get_running_loop(), threading.get_ident()
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(_SIGNAL, self._break_off)
        self._turn()
        self._thread = threading.Thread(target=self._watch, name="plugins: watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._over.set()
        if self._beat:
            self._beat.cancel()
        if self._thread:
            self._thread.join()
        if self._before is not None and signal.getsignal(_SIGNAL) == self._break_off:
            signal.signal(_SIGNAL, self._before)

    def _turn(self) -> None:
        self._turned = time.monotonic()
        self._beat = self._loop.call_later(_LOOK, self._turn)

    def _watch(self) -> None:
        seen, since, turned, named, said = None, 0.0, 0.0, False, 0.0
        while not self._over.wait(_LOOK):
            now, last = time.monotonic(), self._turned
            frame = sys._current_frames().get(self._watched) if now - last > 2 * _LOOK else None  # noqa: SLF001
            found = _look(frame)
            if frame and found is None and last == turned != said and now - last >= self._patience:
                said = last
                log.warning("hub_held_up", at=_where(frame), seconds=round(now - last, 1))
            if found is None or seen is None or last != turned or found[:2] != seen[:2]:
                seen, since, turned, named = found, now, last, False
                continue
            held = now - since
            if held < self._patience - 2 * _LOOK:
                continue
            if not named:
                named = True
                seconds = now - last
                log.warning("plugin_holds_up_the_hub", plugin=found.plugin, at=found.at, seconds=round(seconds, 1))
                self._loop.call_soon_threadsafe(self._tell, found.plugin, found.at, seconds)
            if found.may_break and self._before is not None:
                self._broken = found
                signal.pthread_kill(self._watched, _SIGNAL)

    def _break_off(self, number: int, frame: FrameType | None) -> None:
        wanted, self._broken = self._broken, None
        found = _look(frame)
        if wanted and found and found.frame == wanted.frame and found.may_break:
            self._broken_off(found.plugin)
            raise HeldUp(f"it held up the whole hub, and was broken off after {self._patience:g} s")
        if not wanted and callable(self._before):
            self._before(number, frame)


def place(frame: FrameType | None) -> str | None:
    """Where code of a plugin runs (`mine.py:12`)."""
    found = _look(frame)
    return found.at if found else None


def _where(frame: FrameType) -> str:
    """Where the loop's thread is: in the hub's own code if there is any, else where it is."""
    own: FrameType | None = frame
    while own is not None and not _module(own).startswith(_HUB):
        own = own.f_back
    at = own or frame
    return f"{_module(at)}:{at.f_lineno}"


def _look(frame: FrameType | None) -> _Seen | None:
    """Whose code runs: that of the plugin that is the innermost on the stack. None where it is no plugin's."""
    may_break = True
    while frame is not None and not _module(frame).startswith(PREFIX):
        may_break = may_break and not _module(frame).startswith(_HUB)
        frame = frame.f_back
    if frame is None:
        return None
    inner = frame
    while frame.f_back and _module(frame.f_back).startswith(PREFIX):
        frame = frame.f_back
    plugin = _module(inner).partition(".")[0][len(PREFIX) : -_DIGITS]
    file = inner.f_code.co_filename.rpartition("/")[2]
    return _Seen(plugin, id(frame), f"{file}:{inner.f_lineno}", may_break)


def _module(frame: FrameType) -> str:
    name = frame.f_globals.get("__name__")
    return name if isinstance(name, str) else ""
