"""What passed, for charts: outcomes and durations over time, and who talked to whom. Read from sums of the journal."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import CTE, CompoundSelect, Select, Table, and_, case, func, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.durations import of_step
from hub.core.outcome import Outcome
from hub.store.counting import HUB, NOBODY, PARTNER, SPANS
from hub.store.journal_schema import delivery, duration_sum, exchange, outcome_sum, pair_sum
from hub.store.statements import among
from hub.store.sums import MOST_STRETCHES, cover, marks, span_of

MOST_PAIRS = 1000
_NOTHING = (0, 0, 0)
_BAD = (Outcome.FAILED.value, Outcome.REFUSED.value)

Stretch = tuple[int, int, int]
"""Minutes of the spans in it, begin and end (milliseconds since 1970)."""


class Durations(msgspec.Struct, frozen=True):
    """Estimates, in microseconds, to nine percent. None where nothing was measured."""

    p50: int | None
    p99: int | None


class Bucket(msgspec.Struct, frozen=True):
    """What was in one step of time, which begins `at` (milliseconds since 1970)."""

    at: int
    outcomes: Mapping[Outcome, int]
    hub: Durations
    partner: Durations


class PairModule(msgspec.Struct, frozen=True):
    """The messages of one module from one party to another."""

    module: str
    messages: int
    declined: int
    failed: int


class Failure(msgspec.Struct, frozen=True):
    """The latest message that failed or was refused, `at` in milliseconds since 1970.

    The rest is told while the journal has its rows.
    """

    at: int
    correlation_id: str | None = None
    reason: str | None = None


class Pair(msgspec.Struct, frozen=True):
    """How many messages went from one party to another, and how many of them did not come to a good end."""

    sender: str
    receiver: str
    messages: int
    declined: int
    failed: int
    modules: tuple[PairModule, ...] = ()
    last_failure: Failure | None = None


class Traffic(msgspec.Struct, frozen=True):
    """The steps in which something was, the oldest first, and the pairs of parties, those with the most first."""

    buckets: tuple[Bucket, ...]
    pairs: tuple[Pair, ...]


async def traffic(
    connection: AsyncConnection, since: int, until: int, step: int, parties: Collection[str] | None = None
) -> Traffic:
    """The traffic between two moments, in steps of whole minutes: all of each step that has a part in it.

    All three are milliseconds. Outcomes are those of exchanges; deliveries of a broadcast are counted in pairs, and as
    the partners' durations. With `parties` (`NL-TNM`), outcomes are those of deliveries from and to these, and of what
    the hub answered them by itself; durations are not told then.
    """
    since, until = since // step * step, -(-until // step) * step
    longest = span_of(step)
    made = await marks(connection)
    stretches = cover(since, until, [span for span in SPANS if span <= longest], made)
    outcomes = await _outcomes(connection, stretches, step, parties)
    times = {} if parties is not None else await _durations(connection, stretches, step)
    nothing = Durations(None, None)
    buckets = tuple(
        Bucket(at, outcomes.get(at, {}), times.get((at, HUB), nothing), times.get((at, PARTNER), nothing))
        for at in sorted({*outcomes, *(at for at, _ in times)})
    )
    return Traffic(buckets, await _pairs(connection, cover(since, until, SPANS, made), parties))


async def _outcomes(
    connection: AsyncConnection, stretches: Sequence[Stretch], step: int, parties: Collection[str] | None
) -> dict[int, dict[Outcome, int]]:
    table = outcome_sum if parties is None else pair_sum
    row = _rows(table, stretches, ("at", "outcome", "count"), parties).subquery().c
    at = row.at // step * step
    found: dict[int, dict[Outcome, int]] = defaultdict(dict)
    query = select(at, row.outcome, func.sum(row["count"])).group_by(at, row.outcome)
    for begin, outcome, count in await connection.execute(query):
        found[begin][Outcome(outcome)] = int(count)  # sums are decimals in PostgreSQL
    return found


async def _durations(
    connection: AsyncConnection, stretches: Sequence[Stretch], step: int
) -> dict[tuple[int, str], Durations]:
    """By step of time, and whose they are: counted up from the shortest to where a share of all is reached."""
    row = _rows(duration_sum, stretches, ("at", "of", "step", "count")).subquery().c
    at = (row.at // step * step).label("begin")
    each = (
        select(at, row.of, row.step, func.sum(row["count"]).label("number")).group_by(at, row.of, row.step).subquery().c
    )
    of = [each.begin, each.of]
    up_to = func.sum(each.number).over(partition_by=of, order_by=each.step).label("up_to")
    among = func.sum(each.number).over(partition_by=of).label("among")
    passed = select(*of, each.step, up_to, among).subquery().c
    shares = [func.min(case((passed.up_to * 100 >= passed.among * share, passed.step))) for share in (50, 99)]
    query = select(passed.begin, passed.of, *shares).group_by(passed.begin, passed.of)
    rows = await connection.execute(query)
    return {(begin, whose): Durations(round(of_step(p50)), round(of_step(p99))) for begin, whose, p50, p99 in rows}


async def _pairs(
    connection: AsyncConnection, stretches: Sequence[Stretch], parties: Collection[str] | None
) -> tuple[Pair, ...]:
    """Who talked to whom: each delivery, and what was meant for a party and refused or not sent."""
    columns = "sender", "receiver", "module", "outcome", "count", "last"
    row = _rows(pair_sum, stretches, columns, parties).subquery().c
    keys = [row[name] for name in columns[:4]]
    grouped = (
        select(*keys, func.sum(row["count"]).label("number"), func.max(row.last).label("latest"))
        .where(row.receiver != NOBODY)
        .group_by(*keys)
        .cte("grouped")
    )
    found: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for sender, receiver, module, outcome, number, latest in await connection.execute(_most(grouped)):
        found[sender, receiver].append((module, outcome, int(number), latest))
    failed = {pair: max((of[3] for of in each if of[1] in _BAD), default=None) for pair, each in found.items()}
    failures = await _failures(connection, {pair: last for pair, last in failed.items() if last is not None})
    pairs = (_pair(*pair, each, failures.get(pair)) for pair, each in found.items())
    return tuple(sorted(pairs, key=lambda pair: (-pair.messages, pair.sender, pair.receiver)))


def _most(grouped: CTE) -> Select[Any]:
    """Of the pairs with the most messages, all that is known."""
    row = grouped.c
    number = func.sum(row.number)
    top = (
        select(row.sender, row.receiver)
        .group_by(row.sender, row.receiver)
        .order_by(number.desc(), row.sender, row.receiver)
        .limit(MOST_PAIRS)
        .subquery()
    )
    same = and_(top.c.sender == row.sender, top.c.receiver == row.receiver)
    return select(*row).join_from(top, grouped, same)


def _pair(sender: str, receiver: str, found: Sequence[Any], failure: Failure | None) -> Pair:
    modules: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for module, outcome, number, _ in found:
        counts = modules[module]
        counts[0] += number
        counts[1] += number if outcome == Outcome.DECLINED.value else 0
        counts[2] += number if outcome in _BAD else 0
    each = sorted((PairModule(module, *counts) for module, counts in modules.items()), key=lambda one: -one.messages)
    messages, declined, failed = (sum(counts[place] for counts in modules.values()) for place in range(3))
    return Pair(sender, receiver, messages, declined, failed, tuple(each), failure)


async def _failures(connection: AsyncConnection, last: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], Failure]:
    """What the journal still knows of exchanges, given by their numbers."""
    if not last:
        return {}
    wanted = set(last.values())
    came, sent = exchange.c, delivery.c
    exchanges = select(came.id, came.correlation_id, came.reason).where(among(came.id, wanted))
    deliveries = select(sent.exchange_id, sent.receiver, sent.reason).where(among(sent.exchange_id, wanted))
    known = {number: (correlation, reason) for number, correlation, reason in await connection.execute(exchanges)}
    reasons = {(number, receiver): reason for number, receiver, reason in await connection.execute(deliveries)}
    found = {}
    for pair, number in last.items():
        correlation, reason = known.get(number, (None, None))
        found[pair] = Failure(number // 1000, correlation, reasons.get((number, pair[1])) or reason)
    return found


def _rows(
    table: Table, stretches: Sequence[Stretch], columns: Sequence[str], parties: Collection[str] | None = None
) -> CompoundSelect[Any]:
    """The sums of a time. Each stretch of it is looked up by itself, so that an index finds its rows.

    There are always as many look-ups, some of nothing: how many stretches there are changes with every quarter of an
    hour, and of a statement that grows with them each version would be kept: megabytes in all.
    """
    row = table.c
    of = () if parties is None else (or_(among(row.sender, parties), among(row.receiver, parties)),)
    every = [*stretches, *[_NOTHING] * (MOST_STRETCHES - len(stretches))]
    return union_all(
        *(
            select(*(row[name] for name in columns)).where(row.span == span, row.at >= since, row.at < until, *of)
            for span, since, until in every
        )
    )
