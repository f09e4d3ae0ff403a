"""One coarse timer for many deadlines: far cheaper than a timer for each."""

import asyncio
from collections.abc import Callable


class Ticker:
    """Calls `work` every `interval` seconds once woken, until `work` says that nothing is left to do."""

    __slots__ = ("_handle", "_interval", "_loop", "_work")

    def __init__(self, interval: float, work: Callable[[], bool]) -> None:
        self._loop = asyncio.get_running_loop()
        self._interval = interval
        self._work = work
        self._handle: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """Begin to tick; nothing changes when ticking already."""
        if self._handle is None:
            self._handle = self._loop.call_later(self._interval, self._tick)

    def stop(self) -> None:
        """Tick no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _tick(self) -> None:
        # First, so that what fails for one deadline does not end the ticking for all.
        self._handle = self._loop.call_later(self._interval, self._tick)
        if not self._work():
            self.stop()
