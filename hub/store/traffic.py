"""Sums of the journal for charts: outcomes and durations over time, and who talked to whom."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Integer, Select, Text, case, cast, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.outcome import Outcome
from hub.core.route import Way
from hub.store.schema import delivery, exchange

MOST_PAIRS = 1000
_DIGITS = 100


class Durations(msgspec.Struct, frozen=True):
    """Estimates, in microseconds: from the first two digits. None where nothing was measured."""

    p50: int | None
    p99: int | None


class Bucket(msgspec.Struct, frozen=True):
    """What was in one step of time, which begins `at` (milliseconds since 1970)."""

    at: int
    outcomes: Mapping[Outcome, int]
    hub: Durations
    partner: Durations


class Pair(msgspec.Struct, frozen=True):
    """How many messages went from one party to another, and how many of them did not come to a good end."""

    sender: str
    receiver: str
    messages: int
    declined: int
    failed: int


class Traffic(msgspec.Struct, frozen=True):
    """The steps in which something was, the oldest first, and the pairs of parties, those with the most first."""

    buckets: tuple[Bucket, ...]
    pairs: tuple[Pair, ...]


async def traffic(connection: AsyncConnection, since: int, until: int, step: int) -> Traffic:
    """The traffic between two moments, in steps. All three are milliseconds.

    Outcomes are those of exchanges; deliveries of a broadcast are counted in pairs, and as the partners' durations.
    """
    outcomes: dict[int, dict[Outcome, int]] = defaultdict(dict)
    for at, outcome, count in await connection.execute(_outcomes(since, until, step)):
        outcomes[at][Outcome(outcome)] = count
    hub = await _durations(connection, exchange.c.id, exchange.c.hub_us, since, until, step)
    partner = await _durations(connection, delivery.c.exchange_id, delivery.c.partner_us, since, until, step)
    buckets = (
        Bucket(at, outcomes.get(at, {}), _percentiles(hub.get(at, {})), _percentiles(partner.get(at, {})))
        for at in sorted({*outcomes, *partner})
    )
    return Traffic(tuple(buckets), await pairs(connection, since, until))


async def pairs(connection: AsyncConnection, since: int, until: int) -> tuple[Pair, ...]:
    """Who talked to whom: each delivery, and what was meant for a party and refused or not sent."""
    sent, came = delivery.c, exchange.c
    columns = (sent.sender, sent.receiver, sent.outcome)
    delivered = select(*columns).where(_within(sent.exchange_id, since, until))
    unsent = select(came.sender, came.receiver, came.outcome).where(
        _within(came.id, since, until),
        came.way == Way.REFUSE.value,
        came.sender.is_not(None),
        came.receiver.is_not(None),
    )
    row = union_all(delivered, unsent).subquery().c
    bad = Outcome.FAILED.value, Outcome.REFUSED.value
    count = func.count()
    query = (
        select(
            row.sender,
            row.receiver,
            count,
            func.sum(case((row.outcome == Outcome.DECLINED.value, 1), else_=0)),
            func.sum(case((row.outcome.in_(bad), 1), else_=0)),
        )
        .group_by(row.sender, row.receiver)
        .order_by(count.desc(), row.sender, row.receiver)
        .limit(MOST_PAIRS)
    )
    return tuple(Pair(*each) for each in await connection.execute(query))


def _outcomes(since: int, until: int, step: int) -> Select[Any]:
    number, outcome = exchange.c.id, exchange.c.outcome
    at = _step_of(number, step)
    return select(at, outcome, func.count()).where(_within(number, since, until)).group_by(at, outcome)


async def _durations(
    connection: AsyncConnection,
    number: ColumnElement[int],
    taken: ColumnElement[int],
    since: int,
    until: int,
    step: int,
) -> dict[int, dict[int, int]]:
    """How many durations begin with the same two digits and have as many of them, by step of time."""
    at = _step_of(number, step)
    digits = cast(taken, Text)
    alike = func.length(digits) * _DIGITS + cast(func.substr(digits, 1, 2), Integer)
    query = select(at, alike, func.count()).where(_within(number, since, until)).group_by(at, alike)
    found: dict[int, dict[int, int]] = defaultdict(dict)
    for bucket, group, count in await connection.execute(query):
        found[bucket][group] = count
    return found


def _step_of(number: ColumnElement[int], step: int) -> ColumnElement[int]:
    """The beginning of the step that a number is in, in milliseconds."""
    return (number // (step * 1000)) * step


def _within(number: ColumnElement[int], since: int, until: int) -> ColumnElement[bool]:
    return (number >= since * 1000) & (number < until * 1000)


def _percentiles(counts: Mapping[int, int]) -> Durations:
    ordered = sorted(counts.items())
    total = sum(counts.values())
    return Durations(_percentile(ordered, total, 0.5), _percentile(ordered, total, 0.99))


def _percentile(counts: Sequence[tuple[int, int]], total: int, part: float) -> int | None:
    """The duration that this part of all does not exceed, as if those alike were spread evenly."""
    passed = 0
    for group, count in counts:
        if passed + count >= part * total:
            length, first = divmod(group, _DIGITS)
            unit: int = 10 ** max(0, length - 2)
            return round(unit * (first + (part * total - passed) / count))
        passed += count
    return None
