"""The journal: what passed the hub, noted from events and written in batches.

It never delays a message: events wait in a bounded queue, rows in a bounded buffer, and what does not fit is counted
and lost. A disk that is full or a database that is locked is tried again with the next batch.
"""

import asyncio
import time
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from functools import partial
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec
import structlog
from sqlalchemy.exc import OperationalError

from hub.background import background
from hub.core.outcome import Outcome
from hub.core.plain import line
from hub.core.redact import redacted
from hub.core.route import Way
from hub.events import Attached, Bus, Delivered, Found, Handled, Handlers, Refused, Served
from hub.flow import entries
from hub.flow.numbers import Numbers
from hub.flow.waiting import is_broadcast
from hub.nodes.node import Leads, always
from hub.partners.directory import now_ms
from hub.store.captures import load_captures
from hub.store.database import Database, Part, Work
from hub.store.errors import StoreUnavailable
from hub.store.journal import Batch, add_findings, keep, named, size
from hub.store.journal_schema import delivery, exchange, places
from hub.store.pruning import prune
from hub.store.rows import RowsWork, Values
from hub.store.sorting import sort_part
from hub.store.statements import Row
from hub.store.sums import make_spans, prune_sums

log = structlog.get_logger()

_PAUSE = 0.5
_BATCH = 1000
_AT_ONCE = 250
"""Rows of one transaction: while it lasts, a push that the mirror keeps has to wait."""
_MOST = 20_000
_CAPTURED_BYTES = 16 * 1024 * 1024
_STRANGERS = 100
"""So many rows of requests without a valid token are kept per batch: who has none must not push out all others."""
_UNDER_WAY = 10_000
_LIVE = 1000
_TIDY = 60.0
_CHUNK = 100
_BREATH = 0.02
_LATE = 300_000_000
_DAY = 86_400
_WORDS = 200

_FINDINGS, _FINDING = places(exchange, "findings", "finding")
_TABLES = {"exchange": exchange, "delivery": delivery}

T = TypeVar("T")
Kind: TypeAlias = Literal["exchange", "delivery"]


class Live(msgspec.Struct, frozen=True):
    """What was noted last, for those who watch. `last` is where to go on from; `missed` of them are not kept any more.

    A row is that of an exchange, or of a delivery that failed after its exchange was over.
    """

    last: int
    missed: int
    rows: tuple[tuple[Kind, Row], ...]


class Journal:
    """Listens and writes. `days` and `rows` say how much is kept, `sums_days` how long sums outlive that."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        numbers: Numbers,
        leads: Leads = always,
        *,
        days: int,
        rows: int,
        sums_days: int,
    ) -> None:
        self._database = database
        self._bus = bus
        self._numbers = numbers
        self._leads = leads
        self._days = days
        self._rows = rows
        self._sums_days = sums_days
        self._captures: dict[int, int] = {}
        self._exchanges: deque[Values] = deque()
        self._deliveries: deque[Values] = deque()
        self._captured: deque[Values] = deque()
        self._unwritten: dict[int, Values] = {}
        self._waits: dict[int, tuple[int, int]] = {}
        self._found: dict[int, tuple[int, str]] = {}
        self._captured_bytes = 0
        self._strangers = 0
        self._lost = 0
        self._told_at = float("-inf")
        self._told_of = 0
        self._live: deque[tuple[Kind, Values]] = deque(maxlen=_LIVE)
        self._noted = 0
        self._full = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._subscription: Attached | None = None
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    @property
    def lost(self) -> int:
        """Rows that could not be kept since the hub started."""
        return self._lost + (self._subscription.dropped if self._subscription else 0)

    async def start(self) -> None:
        """Begin to listen and to write."""
        self._captures = await self._database.read(lambda connection: load_captures(connection, now_ms()))
        handlers: Handlers = {
            Handled: self._handled,
            Delivered: self._delivered,
            Refused: self._refused,
            Served: self._served,
            Found: self._findings,
        }
        self._subscription = self._bus.attach(handlers, name="journal")
        loops = self._write(), self._tidy()
        self._tasks = tuple(background(each, "journal") for each in loops)

    async def stop(self) -> None:
        """Write what is left, and end."""
        if self._subscription:
            await self._bus.unsubscribe(self._subscription)
        async with self._flushing:  # or what is just being written would be lost
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)
        await self.flush()

    def reconfigure(self, days: int, rows: int, sums_days: int) -> None:
        """Keep more or less, from now on."""
        self._days, self._rows, self._sums_days = days, rows, sums_days

    def capture(self, platform_id: int, until: int) -> None:
        """Keep bodies of a platform's exchanges until a time (milliseconds since 1970); 0 ends it."""
        self._captures[platform_id] = until

    def live(self, after: int) -> Live:
        """What was noted after a place in the order of noting; with a negative one, only where that order is now."""
        if after < 0:
            return Live(self._noted, 0, ())
        new = self._noted - after if after <= self._noted else self._noted  # else the hub was restarted
        rows = tuple(self._live)[-new:] if new else ()
        return Live(self._noted, new - len(rows), tuple((kind, named(_TABLES[kind], row)) for kind, row in rows))

    def show(self, kind: Kind, row: Values) -> None:
        """Have those see a row who watch what comes just now."""
        self._noted += 1
        self._live.append((kind, row))

    async def follow_captures(self, _: Collection[str] | None) -> None:
        """Take over of which platforms bodies are kept, as other nodes have it."""
        self._captures = await self._database.read(lambda connection: load_captures(connection, now_ms()))

    async def flush(self) -> None:
        """Write what was noted. All of it is on disk when this returns, unless the disk does not take it."""
        async with self._flushing:
            try:
                while self._waiting():
                    await self._write_some()
                if self._found:
                    await self._write_findings()
            except Exception as error:  # noqa: BLE001 - a full disk now is no reason never to write again
                self._tell(error)
        self._strangers = 0

    async def tidy(self) -> None:
        """Sum up what is over, and delete what is too old or too much, a little at a time."""
        while await self._changed(lambda connection: make_spans(connection, now_ms())):
            pass
        while await self._changed(lambda connection: prune_sums(connection, now_ms(), self._sums_days)):
            pass
        while await self._sort():
            pass
        oldest = (now_ms() - self._days * _DAY * 1000) * 1000
        while await self._prune(oldest, _CHUNK):
            pass
        excess = await self._database.read(size) - self._rows
        while excess > 0 and (gone := await self._prune(None, max(1, min(_CHUNK, excess // 2)))):
            excess -= gone

    def _handled(self, event: Handled) -> None:
        message = event.message
        number = message.exchange
        covered, _ = self._waits.pop(number, (None, 0))
        row = entries.handled(event, None if event.route.way is Way.BROADCAST else covered)
        if not number:
            number = row[0] = self._numbers.next()
        if self._found and (found := self._found.pop(number, None)):
            row[_FINDINGS], row[_FINDING] = found
        if self._keep("exchange", self._exchanges, row):
            self._unwritten[number] = row
        if self._captures:
            self._capture(message.platform.id, number, 0, message.body, event.reply.body)

    def _delivered(self, event: Delivered) -> None:
        message, leg = event.message, event.leg
        row = entries.delivered(event)
        broadcast = is_broadcast(event)
        if not broadcast:
            # Who is asked beside others is waited for only once.
            covered, last = self._waits.get(message.exchange, (0, 0))
            end = leg.number + leg.waited
            self._waits[message.exchange] = covered + max(0, end - max(last, leg.number)), max(last, end)
            if len(self._waits) > _UNDER_WAY:
                del self._waits[next(iter(self._waits))]
        self._keep("delivery", self._deliveries, row, live=broadcast and leg.ended is not Outcome.DELIVERED)
        if self._captures:
            self._capture(leg.platform.id, message.exchange, leg.number, leg.sent, leg.answer)

    def _refused(self, event: Refused) -> None:
        if event.platform is None:
            self._strangers += 1
            if self._strangers > _STRANGERS:
                self._lost += 1
                return
        self._keep("exchange", self._exchanges, entries.refused(event))

    def _served(self, event: Served) -> None:
        self._keep("exchange", self._exchanges, entries.served(event))

    def _findings(self, event: Found) -> None:
        number, findings = event.exchange, event.findings
        if not number:
            return
        first = findings[0]
        words = line(f"{first.path}: {first.rule}", _WORDS)
        if row := self._unwritten.get(number):
            row[_FINDINGS], row[_FINDING] = row[_FINDINGS] + len(findings), row[_FINDING] or words
        elif len(self._found) < _UNDER_WAY:
            count, known = self._found.get(number, (0, words))
            self._found[number] = count + len(findings), known

    def _capture(self, platform_id: int, number: int, leg: int, request: bytes, answer: bytes) -> None:
        if self._captures.get(platform_id, 0) <= now_ms():
            return
        if self._captured_bytes > _CAPTURED_BYTES or self._waiting() >= _MOST:
            self._lost += 1
            return
        self._captured.append([number, leg, request, answer])
        self._captured_bytes += len(request) + len(answer)

    def _keep(self, kind: Kind, queue: deque[Values], row: Values, *, live: bool = True) -> bool:
        if live:
            self.show(kind, row)
        waiting = self._waiting()
        if waiting >= _MOST:
            self._lost += 1
            return False
        queue.append(row)
        if waiting + 1 >= _BATCH:
            self._full.set()
        return True

    def _waiting(self) -> int:
        return len(self._exchanges) + len(self._deliveries) + len(self._captured)

    async def _write(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE):
                    await self._full.wait()
            self._full.clear()
            await self.flush()
            self._tell_losses()
            if self._waiting():  # it did not go; no hurry
                await asyncio.sleep(_PAUSE)

    async def _write_some(self) -> None:
        queues = self._exchanges, self._deliveries, self._captured
        taken = [[queue.popleft() for _ in range(min(_AT_ONCE, len(queue)))] for queue in queues]
        exchanges, deliveries, captured = taken
        try:
            bodies = await asyncio.to_thread(_readable, captured) if captured else []
            await keep(self._database, Batch(exchanges, deliveries, bodies))
        except (OperationalError, StoreUnavailable):
            for queue, rows in zip(queues, taken, strict=True):
                queue.extendleft(reversed(rows))
            raise
        except BaseException:
            self._lost += sum(map(len, taken))
            self._forget(exchanges, captured)
            raise
        self._forget(exchanges, captured)

    def _forget(self, exchanges: list[Values], captured: list[Values]) -> None:
        for row in exchanges:
            self._unwritten.pop(row[0], None)
        self._captured_bytes -= sum(len(request) + len(answer) for _, _, request, answer in captured)

    async def _write_findings(self) -> None:
        found = dict(self._found)
        there = await self._database.write(lambda connection: add_findings(connection, found), Part.JOURNAL)
        oldest = time.time_ns() // 1000 - _LATE
        for number in found:
            # What is not there yet is under way, unless it is very late.
            if number in there or number < oldest:
                self._found.pop(number, None)

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(_TIDY)
            try:
                if self._leads():
                    await self.tidy()
            except Exception as error:  # noqa: BLE001 - as above
                self._tell(error)

    async def _sort(self) -> bool:
        return await self._done(partial(sort_part, now=now_ms() * 1000))

    async def _prune(self, before_id: int | None, most: int) -> int:
        return await self._done(partial(prune, before_id=before_id, most=most))

    async def _done(self, work: RowsWork[T]) -> T:
        done = await self._database.write_rows(work)
        await asyncio.sleep(_BREATH)
        return done

    async def _changed(self, work: Work[T]) -> T:
        done = await self._database.write(work, Part.JOURNAL)
        await asyncio.sleep(_BREATH)  # others want to write, too
        return done

    def _tell_losses(self) -> None:
        if self.lost > self._told_of:
            self._tell(None)

    def _tell(self, error: Exception | None) -> None:
        """Say that the disk or the journal does not keep up: once a minute at most."""
        now = asyncio.get_running_loop().time()
        if now - self._told_at < 60:
            return
        self._told_at, self._told_of = now, self.lost
        why: dict[str, Any] = {"error": line(str(getattr(error, "orig", error)), _WORDS)} if error else {}
        log.warning("journal_behind", rows_lost=self.lost, rows_waiting=self._waiting(), **why)


def _readable(rows: list[Values]) -> list[Values]:
    return [[number, leg, redacted(request), redacted(answer)] for number, leg, request, answer in rows]
