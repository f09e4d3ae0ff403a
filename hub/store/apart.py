"""Rows are written by a process of its own, so that Python's lock in the hub is left to messages.

It is started beside the hub, and anew where it was killed. Whoever asks while it is not there has to write by itself.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import structlog

from hub.store.rows import RowsWork
from hub.store.sqlite_rows import Texts
from hub.store.writing import HEAD, packed, unpacked

T = TypeVar("T")
log = structlog.get_logger()

_PAUSE = 60.0
"""Seconds between two starts."""
_CLOSING = 5.0
"""Seconds that it gets to end by itself."""


class NotThere(Exception):
    """It is not up yet, or has died. What it was given may be done, or not at all."""


class _Child(NamedTuple):
    """The process, and the two ways to it."""

    process: Process
    told: asyncio.StreamWriter
    heard: asyncio.StreamReader

    async def ask(self, frame: bytes) -> tuple[Any, Exception | None]:
        """What came of a frame. Raises OSError or IncompleteReadError where it died."""
        self.told.write(frame)
        await self.told.drain()
        (size,) = HEAD.unpack(await self.heard.readexactly(HEAD.size))
        answer: tuple[Any, Exception | None] = unpacked(await self.heard.readexactly(size))
        return answer

    async def end(self) -> None:
        """Let it end, or else kill it."""
        self.told.close()
        try:
            async with asyncio.timeout(_CLOSING):
                await self.process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
        await self.heard.read()  # to its end: then nothing of it is left open

    async def ended(self) -> dict[str, Any]:
        """Wait for the end of one that died: how that was, for the log."""
        status = await self.process.wait()
        return {"signal": signal.Signals(-status).name} if status < 0 else {"status": status}


class Apart:
    """The process that writes rows into an SQLite file. Used by one at a time."""

    def __init__(self, path: Path, texts: Texts) -> None:
        self._path = path
        self._texts = texts
        self._child: _Child | None = None
        self._starting: asyncio.Task[None] | None = None
        self._next_start = float("-inf")
        self._missed = False

    @property
    def pid(self) -> int | None:
        """Which process it is; None where there is none."""
        return self._child.process.pid if self._child else None

    def start(self) -> None:
        """Begin to start it, unless that was just tried."""
        now = asyncio.get_running_loop().time()
        if (self._starting is None or self._starting.done()) and now >= self._next_start:
            self._next_start = now + _PAUSE
            self._starting = asyncio.create_task(self._start(), name="journal process")

    async def write(self, work: RowsWork[T]) -> T:
        """What `work` returns, when all of it is on disk. Raises what it raises, and NotThere."""
        child = self._child
        if child is None:
            self.start()
            raise NotThere
        try:
            result, error = await child.ask(packed(work))
        except (OSError, asyncio.IncompleteReadError):
            self._child = None
            self._miss(await child.ended())
            raise NotThere from None
        if error is not None:
            raise error
        done: T = result
        return done

    async def close(self) -> None:
        """End it, and wait for that."""
        if self._starting:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        child, self._child = self._child, None
        if child:
            await child.end()

    async def _start(self) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                # It finds the hub where this process has found it, and never in the current folder.
                *(sys.executable, "-P", "-m", "hub.store.writing", str(self._path)),
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                stdin=PIPE,
                stdout=PIPE,
                start_new_session=True,  # Ctrl-C is for the hub
            )
        except OSError as error:
            self._miss({"error": error.strerror})
            return
        child = _Child(
            process, cast("asyncio.StreamWriter", process.stdin), cast("asyncio.StreamReader", process.stdout)
        )
        try:
            await child.ask(packed(self._texts))
        except (OSError, asyncio.IncompleteReadError):
            self._miss(await child.ended())
            return
        except asyncio.CancelledError:
            await child.end()
            raise
        self._child = child
        if self._missed:
            self._missed = False
            log.info("journal_process_back", process=process.pid)

    def _miss(self, why: dict[str, Any]) -> None:
        """Say that it is not there: once, until it is."""
        if not self._missed:
            self._missed = True
            log.warning("journal_process_ended", **why)
