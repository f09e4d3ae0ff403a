"""The clock of a hub that is a process: what takes it a day takes a test some seconds. See `clock.c`."""

import asyncio
import mmap
from pathlib import Path

from tests.fault.preload import compiled

_SECOND = 1_000_000_000


class Clock:
    """The clock of all lives of one hub. Both its clocks go: the time of day, and the one that timers go by."""

    def __init__(self, folder: Path) -> None:
        """`folder` is not the hub's own."""
        file = folder / "clock"
        file.write_bytes(bytes(16))
        with file.open("r+b") as opened:
            self._ahead = memoryview(mmap.mmap(opened.fileno(), 16)).cast("q")
        self.environment = {"LD_PRELOAD": str(compiled("clock", folder)), "FAULT_CLOCK": str(file)}

    async def pass_by(self, seconds: float) -> None:
        """Let the hub live through so many seconds: every timer that is due in them goes off."""
        self._ahead[0] += int(seconds * _SECOND)
        while self._ahead[1] < self._ahead[0]:
            await asyncio.sleep(0.02)
