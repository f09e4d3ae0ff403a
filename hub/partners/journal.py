"""The journal as an operator looks at it: pages, traces, sums, what comes just now, and captures of bodies."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from hub.asking import MOST_EXCHANGES
from hub.core.directory import Platform
from hub.core.happened import Attempt, Happened
from hub.core.outcome import Outcome
from hub.core.telling import Telling, tell
from hub.errors import InvalidParameters, NotFound
from hub.partners.directory import DirectoryKeeper, now_ms
from hub.store.captures import load_captures, set_capture
from hub.store.changes import Topic, write_noted
from hub.store.database import Database
from hub.store.journal import (
    DeliveryRow,
    ExchangeRow,
    Filter,
    Traced,
    correlated,
    exchange_of,
    exchange_row,
    page,
    trace,
)
from hub.store.sums import kept_days, span_of
from hub.store.traffic import Traffic, traffic

_MINUTE = 60_000
_BESIDE = 25
"""So many exchanges of one correlation id are told before and after one of them."""
_DAY = 1440 * _MINUTE
_LONGEST = 7 * 24 * 60
"""Minutes: a capture that nobody thinks of any more has to end."""


class Exchange(ExchangeRow, frozen=True, kw_only=True):
    """An exchange with the names of the partners, as they are now. None where a partner is not known any more."""

    sender_name: str | None
    receiver_name: str | None


class Delivery(DeliveryRow, frozen=True, kw_only=True):
    """A delivery with the name of the partner."""

    receiver_name: str | None


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange with its two legs, and what happened in plain words."""

    exchange: Exchange
    deliveries: tuple[Delivery, ...]
    telling: Telling
    bodies: Any = None


class JournalPage(msgspec.Struct, frozen=True, kw_only=True):
    """Exchanges, the newest first. `next_before` is where the next page begins, None after the last one.

    `next_after` is where the page of newer ones ends, None where there are none or that is not known. `lost` counts the
    rows that could not be kept since the hub started.
    """

    rows: tuple[Exchange, ...]
    next_before: int | None
    next_after: int | None
    lost: int


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """What came since the last look; `last` is given with the next. `missed` of them were too many to be kept."""

    last: int
    missed: int
    exchanges: tuple[Exchange, ...]
    failed: tuple[Delivery, ...]
    """Deliveries that failed after their exchange was over: those of broadcasts."""


class Captured(msgspec.Struct, frozen=True):
    """Until when bodies of a partner's exchanges are kept (milliseconds since 1970); None where they are not."""

    id: int
    name: str
    until: int | None


class Running(Protocol):
    """The journal of a hub that runs."""

    @property
    def lost(self) -> int:
        """Rows that could not be kept."""

    async def flush(self) -> None:
        """Write what is not written yet."""

    def live(self, after: int) -> Any:
        """What was noted after a place."""

    def capture(self, platform_id: int, until: int) -> None:
        """Keep bodies until a time."""


class JournalBook:
    """The journal. `running` is None where no hub runs, or where it keeps none."""

    def __init__(
        self,
        database: Database,
        keeper: DirectoryKeeper,
        running: Running | None = None,
        watched: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`watched` is called before it is told what came just now: what comes at other nodes has to be fetched."""
        self._database = database
        self._keeper = keeper
        self._running = running
        self._watched = watched

    @property
    def lost(self) -> int:
        """Rows that could not be kept since the hub started."""
        return self._running.lost if self._running else 0

    async def page(self, wanted: Filter, before: int | None, limit: int) -> JournalPage:
        """One page of what is wanted. InvalidParameters where `limit` is out of bounds."""
        if not 0 < limit <= MOST_EXCHANGES:
            raise InvalidParameters(f"a page has 1 to {MOST_EXCHANGES} rows")
        await self._written()
        rows = await self._database.read(lambda connection: page(connection, wanted, before, limit + 1))
        more = len(rows) > limit
        shown = tuple(self._exchange(row) for row in rows[:limit])
        if wanted.after is not None:
            shown = shown[::-1]
        older = more if wanted.after is None else bool(shown)
        newer = more if wanted.after is not None else before is not None and bool(shown)
        return JournalPage(
            rows=shown,
            next_before=shown[-1].id if older else None,
            next_after=shown[0].id if newer else None,
            lost=self.lost,
        )

    async def trace(self, name: str) -> list[Trace]:
        """What belongs to a correlation id or a request id. NotFound where nothing does."""
        await self._written()
        found = await self._database.read(lambda connection: trace(connection, name))
        if not found:
            raise NotFound(f"the journal has nothing with the id {name!r}; see: ocpi-hub journal")
        return [self._traced(each) for each in found]

    async def exchange(self, number: int) -> tuple[Trace, tuple[Exchange, ...]] | None:
        """One exchange by its number, and those with the same correlation id beside it; None where there is none."""
        await self._written()
        found = await self._database.read(lambda connection: exchange_of(connection, number))
        if found is None:
            return None
        name = found.exchange.correlation_id
        others = await self._database.read(lambda connection: correlated(connection, name, number, _BESIDE))
        return self._traced(found), tuple(self._exchange(row) for row in others)

    async def traffic(self, since: int, until: int, step: int, partner: int | None = None) -> Traffic:
        """Sums for charts, in steps of whole minutes, of all or of one platform; times are milliseconds.

        InvalidParameters where the steps are too many, or too short for a time so long ago.
        """
        if step <= 0 or step % _MINUTE:
            raise InvalidParameters("a step is one or more whole minutes")
        if not 0 < until - since <= MOST_EXCHANGES * step:
            raise InvalidParameters(f"from `since` to `until` it is 1 to {MOST_EXCHANGES} steps")
        span = span_of(step)
        if (days := kept_days(span)) is not None and since < now_ms() - days * _DAY:
            raise InvalidParameters(f"sums of {span} minutes are kept for {days} days; take steps of a whole day")
        platform = None if partner is None else self._keeper.current.platforms.get(partner)
        parties = None if partner is None else [each.id for each in (platform.parties if platform else ())]
        await self._written()
        return await self._database.read(lambda connection: traffic(connection, since, until, step, parties))

    async def watch(self, wanted: Filter, after: int) -> Watched:
        """What is wanted of what came after a place; -1 asks only where that is now."""
        if self._running is None:
            raise InvalidParameters("the hub has to run for this, and to keep a journal: ocpi-hub serve")
        if self._watched:
            await self._watched()
        new = self._running.live(after)
        failed = []
        exchanges = []
        for kind, row in new.rows:
            if kind == "exchange":
                each = self._exchange(exchange_row(row, {}))
                exchanges += [each] if _fits(each, wanted) else []
            else:
                leg = self._delivery(DeliveryRow(**{**row, "outcome": Outcome(row["outcome"])}))
                of_partner = wanted.partner in (None, leg.platform_id)
                failed += [leg] if of_partner and wanted.outcome in (None, leg.outcome) else []
        return Watched(last=new.last, missed=new.missed, exchanges=tuple(exchanges), failed=tuple(failed))

    async def capture(self, platform: Platform, minutes: int) -> Captured:
        """Keep bodies of a partner's exchanges for some minutes; 0 ends that."""
        if not 0 <= minutes <= _LONGEST:
            raise InvalidParameters(f"a capture lasts 1 to {_LONGEST} minutes")
        until = now_ms() + minutes * _MINUTE if minutes else 0
        await write_noted(
            self._database,
            lambda connection: set_capture(connection, platform.id, until),
            Topic.CAPTURE,
            str(platform.id),
        )
        if self._running:
            self._running.capture(platform.id, until)
        return Captured(platform.id, platform.name, until or None)

    async def captured(self, platform: Platform) -> Captured:
        """Until when bodies of a partner's exchanges are kept."""
        captures = await self._database.read(lambda connection: load_captures(connection, now_ms()))
        return Captured(platform.id, platform.name, captures.get(platform.id))

    async def _written(self) -> None:
        if self._running and not self._database.away:
            await self._running.flush()

    def _traced(self, found: Traced) -> Trace:
        legs = tuple(self._delivery(each) for each in found.deliveries)
        row = self._exchange(found.exchange)
        telling = tell(
            msgspec.convert(row, Happened, from_attributes=True),
            tuple(msgspec.convert(leg, Attempt, from_attributes=True) for leg in legs),
        )
        return Trace(exchange=row, deliveries=legs, telling=telling, bodies=found.bodies)

    def _exchange(self, row: ExchangeRow) -> Exchange:
        return Exchange(
            **_fields(row), sender_name=self._name(row.sender_id), receiver_name=self._name(row.receiver_id)
        )

    def _delivery(self, row: DeliveryRow) -> Delivery:
        return Delivery(**_fields(row), receiver_name=self._name(row.platform_id))

    def _name(self, platform_id: int | None) -> str | None:
        record = self._keeper.records.get(platform_id) if platform_id is not None else None
        return record.name if record else None


def _fields(row: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def _fits(row: ExchangeRow, wanted: Filter) -> bool:
    return (
        wanted.partner in (None, row.sender_id, row.receiver_id)
        and wanted.module in (None, row.module)
        and wanted.outcome in (None, row.outcome)
    )
