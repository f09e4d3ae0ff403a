"""Counts what is wrong with partners' objects, and what is lost between versions; written in batches.

Counting never delays a message. What was counted and not written yet when the power fails is not counted.
"""

import asyncio
import re
from collections.abc import Callable
from typing import TypeVar

import structlog

from hub.background import background
from hub.bridge import Loss
from hub.core.directory import Directory
from hub.events import Attached, Bus, Delivered, Found
from hub.partners.directory import now_ms
from hub.store.counts import FindingKey, LossKey, add_findings, add_losses
from hub.store.database import Database
from hub.store.errors import StoreUnavailable

log = structlog.get_logger()

_PAUSE = 1.0
_MOST = 10_000
K = TypeVar("K")
_INDEX = re.compile(r"\[\d+\]")


class Tally:
    """Listens for findings and losses. `current` gives the directory in force."""

    def __init__(self, database: Database, bus: Bus, current: Callable[[], Directory]) -> None:
        self._database = database
        self._bus = bus
        self._current = current
        self._findings: dict[FindingKey, tuple[str, int]] = {}
        self._losses: dict[LossKey, tuple[str, int]] = {}
        self._subscription: Attached | None = None
        self._written: asyncio.Task[None] | None = None
        self._flushing = asyncio.Lock()

    def start(self) -> None:
        """Begin to listen and to write."""
        self._subscription = self._bus.attach({Found: self._found, Delivered: self._delivered}, name="tally")
        self._written = background(self._write(), "tally")

    async def stop(self) -> None:
        """Write what is left, and end."""
        if self._subscription:
            await self._bus.unsubscribe(self._subscription)
        if self._written:
            async with self._flushing:  # or what it is just writing would be lost
                self._written.cancel()
                await asyncio.wait({self._written})
        await self.flush()

    async def flush(self) -> None:
        """Write what was counted. All of it is on disk when this returns, also what another call began to write."""
        async with self._flushing:
            findings, losses = self._findings, self._losses
            self._findings, self._losses = {}, {}
            there = self._current().platforms
            findings = {key: each for key, each in findings.items() if key.platform_id in there}
            losses = {key: each for key, each in losses.items() if {key.sender_id, key.receiver_id} <= there.keys()}
            try:
                if findings:
                    await self._database.write(lambda connection: add_findings(connection, findings, now_ms()))
                    findings = {}
                if losses:
                    await self._database.write(lambda connection: add_losses(connection, losses, now_ms()))
            except StoreUnavailable:
                # It may be back with the next look. Where it broke off in the commit itself, some are counted twice.
                _put_back(findings, self._findings)
                _put_back(losses, self._losses)
                raise

    def _found(self, event: Found) -> None:
        for each in event.findings:
            key = FindingKey(event.platform_id, event.kind, _INDEX.sub("[]", each.path), each.rule)
            self._count(self._findings, key, each.got)

    def _delivered(self, event: Delivered) -> None:
        if not event.lost and not event.lost_back:
            return
        receiver = event.message.directory.parties.get(event.to)
        if receiver is not None:
            sender_id, operation = event.message.platform.id, event.message.operation
            self._lose(sender_id, receiver.id, operation.body, event.lost)
            self._lose(receiver.id, sender_id, operation.data, event.lost_back)

    def _lose(self, sender_id: int, receiver_id: int, kind: str | None, losses: tuple[Loss, ...]) -> None:
        for each in losses:
            key = LossKey(sender_id, receiver_id, kind or "", each.version, _INDEX.sub("[]", each.path))
            self._count(self._losses, key, each.why)

    @staticmethod
    def _count(counts: dict[K, tuple[str, int]], key: K, words: str) -> None:
        if key in counts or len(counts) < _MOST:
            counts[key] = words, counts.get(key, ("", 0))[1] + 1

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(_PAUSE)
            try:
                await self.flush()
            except Exception as error:  # noqa: BLE001 - a full disk now is no reason never to write again
                log.warning("counts_not_kept", error=repr(error))


def _put_back(counts: dict[K, tuple[str, int]], later: dict[K, tuple[str, int]]) -> None:
    """Add to what was counted since, what could not be written."""
    for key, (words, count) in counts.items():
        if key in later or len(later) < _MOST:
            later[key] = later.get(key, (words, 0))[0], later.get(key, ("", 0))[1] + count
