"""Sums of the journal, added up as its rows are written, so that a year of it is as quick to look at as an hour.

What is counted is when an exchange was received, also for its deliveries. Sums of single minutes are written in the
transaction of the rows; those of longer spans are made of them once a span is over. What is late is added to all.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from sqlalchemy import Table, delete, func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.counting import COLUMNS, MINUTE, SPANS, made_until
from hub.store.journal_schema import duration_sum, outcome_sum, pair_sum, sum_mark
from hub.store.journal_statements import MARKS
from hub.store.statements import upsert

_KEPT = {1: 2, 15: 8, 60: 62, 480: 186, 1440: None}
"""Minutes of each span, and for how many days its sums are kept; as long as is set where it is None."""
MOST_STRETCHES = 2 * len(SPANS) - 1
"""Into so many a time is cut at most: up to the longest spans in it, and down again."""
_DAY = 1440 * MINUTE
_LAG = 5 * MINUTE
"""So long after a span is over it is made: what comes even later is added to it by itself, which takes longer."""
_AT_ONCE = 24
"""Spans that are made or deleted in one transaction: while it lasts, others have to wait."""
_TABLES = outcome_sum, duration_sum, pair_sum


def span_of(step: int) -> int:
    """The longest span, in minutes, that fits into a step of whole minutes (in milliseconds)."""
    return max(span for span in SPANS if step % (span * MINUTE) == 0)


def kept_days(span: int) -> int | None:
    """How many days the sums of a span are kept at most. None: as long as is set."""
    return _KEPT[span]


async def marks(connection: AsyncConnection) -> dict[int, int]:
    """Until when (milliseconds since 1970) the spans of each length are made."""
    return made_until(await connection.execute(MARKS))


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
        for table in _TABLES:
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
    await connection.execute(insert(table).from_select(COLUMNS[table.name], whole))


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
        for table in _TABLES:
            of = table.c.span == span
            oldest = await connection.scalar(select(func.min(table.c.at)).where(of))
            if oldest is not None and oldest < end:
                some = min(end, oldest + _AT_ONCE * span * MINUTE)
                gone += (await connection.execute(delete(table).where(of, table.c.at < some))).rowcount
    return gone
