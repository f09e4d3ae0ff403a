"""Sums of the journal, added up as its rows are written, so that a year of it is as quick to look at as an hour.

What is counted is when an exchange was received, also for its deliveries. Sums of single minutes are written in the
transaction of the rows; those of longer spans are made of them once a span is over. What is late is added to all.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Any

from sqlalchemy import Table, delete, func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.durations import step_of
from hub.core.route import Way
from hub.store.database import Rows
from hub.store.journal_schema import delivery, duration_sum, exchange, outcome_sum, pair_sum, places, sum_mark
from hub.store.statements import Values, upsert

MINUTE = 60_000
"""Milliseconds."""
HUB, PARTNER = "hub", "partner"
NOBODY = ""
"""Instead of a receiver: the hub answered by itself, or does not know the one that was asked for."""
_KEPT = {1: 2, 15: 8, 60: 62, 480: 186, 1440: None}
"""Minutes of each span, and for how many days its sums are kept; as long as is set where it is None."""
SPANS = tuple(_KEPT)
MOST_STRETCHES = 2 * len(SPANS) - 1
"""Into so many a time is cut at most: up to the longest spans in it, and down again."""
_DAY = 1440 * MINUTE
_LAG = 5 * MINUTE
"""So long after a span is over it is made: what comes even later is added to it by itself, which takes longer."""
_AT_ONCE = 24
"""Spans that are made or deleted in one transaction: while it lasts, others have to wait."""
_COLUMNS: dict[Table, tuple[str, ...]] = {
    outcome_sum: ("span", "at", "outcome", "count"),
    duration_sum: ("span", "at", "of", "step", "count"),
    pair_sum: ("span", "at", "sender", "receiver", "module", "outcome", "count", "last"),
}
_MINUTE_US = MINUTE * 1000
_DIRECT, _REFUSE = Way.DIRECT.value, Way.REFUSE.value
_OF_EXCHANGE = itemgetter(
    *places(exchange, "id", "way", "outcome", "hub_us", "sender", "receiver", "receiver_id", "module")
)
_OF_DELIVERY = itemgetter(
    *places(delivery, "exchange_id", "http_status", "partner_us", "sender", "receiver", "module", "outcome")
)
_MARKS = select(sum_mark.c.span, sum_mark.c.until_at)
_Key = tuple[Any, ...]


def span_of(step: int) -> int:
    """The longest span, in minutes, that fits into a step of whole minutes (in milliseconds)."""
    return max(span for span in SPANS if step % (span * MINUTE) == 0)


def kept_days(span: int) -> int | None:
    """How many days the sums of a span are kept at most. None: as long as is set."""
    return _KEPT[span]


async def marks(connection: AsyncConnection) -> dict[int, int]:
    """Until when (milliseconds since 1970) the spans of each length are made."""
    return _made(await connection.execute(_MARKS))


def _made(rows: Iterable[Any]) -> dict[int, int]:
    return dict.fromkeys(SPANS[1:], 0) | dict(map(tuple, rows))


def cover(since: int, until: int, spans: Sequence[int], made: Mapping[int, int]) -> list[tuple[int, int, int]]:
    """A time cut into as few spans as can be, in order: of each stretch the span, begin and end.

    `spans` are those that may be used; begin and end of the time fit the shortest of them, or the time goes beyond
    what is made.
    """
    return list(_cover(since, until, sorted(spans, reverse=True), made))


def _cover(since: int, until: int, spans: Sequence[int], made: Mapping[int, int]) -> Iterator[tuple[int, int, int]]:
    if since >= until:
        return
    span, *shorter = spans
    if not shorter:
        yield span, since, until
        return
    length = span * MINUTE
    begin, end = -(-since // length) * length, min(until, made[span]) // length * length
    if begin >= end:
        yield from _cover(since, until, shorter, made)
        return
    yield from _cover(since, begin, shorter, made)
    yield span, begin, end
    yield from _cover(end, until, shorter, made)


class Sums:
    """Counts of some rows, by the minute and by what tells them apart: how many, and the latest number."""

    def __init__(self, exchanges: Iterable[Values], deliveries: Iterable[Values]) -> None:
        self._counts: dict[Table, dict[_Key, tuple[int, int]]] = {table: {} for table in _COLUMNS}
        outcomes: list[_Key] = []
        durations: list[_Key] = []
        pairs: dict[_Key, tuple[int, int]] = self._counts[pair_sum]
        for number, way, outcome, hub_us, sender, receiver, receiver_id, module in map(_OF_EXCHANGE, exchanges):
            at = number // _MINUTE_US * MINUTE
            outcomes.append((at, outcome))
            if way is None:
                continue  # of what never was a message, only how it ended: anybody could have sent it
            durations.append((at, HUB, step_of(hub_us)))
            if way != _DIRECT:  # else its delivery is what counts
                # A receiver that nobody knows may be any: each would be a sum of its own.
                known = way == _REFUSE and receiver_id is not None
                _add(pairs, (at, sender, receiver if known else NOBODY, module, outcome), 1, number)
        for number, http_status, partner_us, sender, receiver, module, outcome in map(_OF_DELIVERY, deliveries):
            at = number // _MINUTE_US * MINUTE
            if http_status is not None:
                durations.append((at, PARTNER, step_of(partner_us)))
            _add(pairs, (at, sender, receiver, module, outcome), 1, number)
        for table, keys in ((outcome_sum, outcomes), (duration_sum, durations)):
            self._counts[table] = {key: (count, 0) for key, count in Counter(keys).items()}

    def rows(self, table: Table, made: Mapping[int, int]) -> list[_Key]:
        """Rows for a table, as its columns are: of minutes, and of longer spans where those are made already."""
        size = len(_COLUMNS[table])  # not all have the latest number
        return [each[:size] for span in SPANS for each in self._of(table, span, made)]

    def _of(self, table: Table, span: int, made: Mapping[int, int]) -> Iterator[_Key]:
        length, together = span * MINUTE, self._counts[table]
        if span > 1:
            late = [(key, count) for key, count in together.items() if key[0] < made[span]]
            together = {}
            for (at, *key), count in late:
                _add(together, (at // length * length, *key), *count)
        return ((span, *key, *count) for key, count in together.items())


def _add(counts: dict[_Key, tuple[int, int]], key: _Key, count: int, last: int) -> None:
    before, latest = counts.get(key, (0, 0))
    counts[key] = before + count, max(latest, last)


def add(rows: Rows, exchanges: Iterable[Values], deliveries: Iterable[Values]) -> None:
    """Count rows of the journal, which must be new."""
    sums = Sums(exchanges, deliveries)
    made = _made(rows.all(_MARKS))
    for table in _COLUMNS:
        rows.count(table, sums.rows(table, made), latest=("last",) if table is pair_sum else ())


async def make_spans(connection: AsyncConnection, now: int) -> bool:
    """Make longer spans of what is over, some at once; whether there are more. `now` is in milliseconds."""
    made = {1: now - _LAG} | await marks(connection)
    more = False
    for shorter, span in pairwise(SPANS):
        length = span * MINUTE
        over = made[shorter] // length * length
        begin = made[span] or await _first(connection, shorter, over) // length * length
        end = min(over, begin + _AT_ONCE * length)
        if end <= made[span]:
            continue
        for table in _COLUMNS:
            await _make(connection, table, shorter, span, made[span], end)
        await upsert(connection, sum_mark, [{"span": span, "until_at": end}])
        made[span], more = end, more or end < over
    return more


async def _first(connection: AsyncConnection, span: int, default: int) -> int:
    first = await connection.scalar(select(func.min(outcome_sum.c.at)).where(outcome_sum.c.span == span))
    return default if first is None else min(first, default)


async def _make(connection: AsyncConnection, table: Table, shorter: int, span: int, begin: int, end: int) -> None:
    columns, length = table.c, span * MINUTE
    at = columns.at // length * length
    keys = [column for column in table.primary_key.columns if column.name not in ("span", "at")]
    values = [func.sum(columns.count), *([func.max(columns.last)] if table is pair_sum else [])]
    whole = (
        select(literal(span), at, *keys, *values)
        .where(columns.span == shorter, columns.at >= begin, columns.at < end)
        .group_by(at, *keys)
    )
    await connection.execute(insert(table).from_select(_COLUMNS[table], whole))


async def prune_sums(connection: AsyncConnection, now: int, days: int) -> int:
    """Delete sums that were kept long enough, some at once; how many went.

    `now` is in milliseconds, `days` how long the longest spans are kept.
    """
    made = await marks(connection)
    gone = 0
    for span, longer in zip(SPANS, (*SPANS[1:], None), strict=True):
        # A day longer: what is asked for begins with a whole step.
        end = now - (min(_KEPT[span] or days, days) + 1) * _DAY
        if longer is not None:
            end = min(end, made[longer])
        for table in _COLUMNS:
            of = table.c.span == span
            oldest = await connection.scalar(select(func.min(table.c.at)).where(of))
            if oldest is not None and oldest < end:
                some = min(end, oldest + _AT_ONCE * span * MINUTE)
                gone += (await connection.execute(delete(table).where(of, table.c.at < some))).rowcount
    return gone
