"""The first page: how the hub stands, what passes, and what is wrong right now."""

from enum import StrEnum

import msgspec

from hub.admin.routes import Query
from hub.control import Operations, needed
from hub.core.outcome import Outcome
from hub.dashboard.charts import Chart, Step, lines, stacked
from hub.dashboard.pages import Visit
from hub.flow.overview import Status
from hub.partners.directory import now_ms
from hub.store.errors import StoreUnavailable
from hub.store.traffic import Bucket, Traffic

KINDS = tuple(
    str(each)
    for each in (
        Outcome.DELIVERED, Outcome.ANSWERED, Outcome.DECLINED, Outcome.ABANDONED,
        Outcome.REFUSED, Outcome.TURNED_AWAY, Outcome.FAILED,
    )
)  # fmt: skip
"""Outcomes as they are stacked: what is well at the bottom."""
TIMES = ("hub p50", "hub p99", "partner p50", "partner p99")
_MINUTE = 60_000


class Span(StrEnum):
    """How far back charts look."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_LENGTHS = {Span.HOUR: (60, 1), Span.DAY: (24 * 60, 15), Span.WEEK: (7 * 24 * 60, 120), Span.MONTH: (30 * 24 * 60, 480)}
"""Minutes in all, and of one step."""


class Back(Query, frozen=True, kw_only=True):
    """How far back."""

    span: Span = Span.HOUR


class Period(msgspec.Struct, frozen=True):
    """From when to when, in which steps: milliseconds."""

    since: int
    until: int
    step: int

    @classmethod
    def back(cls, span: Span) -> "Period":
        """Up to now, on whole steps, so that bars do not change as time goes by."""
        minutes, each = _LENGTHS[span]
        step = each * _MINUTE
        until = (now_ms() // step + 1) * step
        return cls(until - minutes * _MINUTE, until, step)


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """What passed in a time. `traffic` is None where the hub keeps no journal, or can not read it right now: `away`."""

    period: Period
    traffic: Traffic | None
    away: bool = False

    def outcomes(self) -> Chart:
        """How messages ended, over time."""
        period = self.period
        steps = [
            Step(each.at, {str(outcome): count for outcome, count in each.outcomes.items()}) for each in self._buckets()
        ]
        return stacked(steps, KINDS, period.since, period.until, period.step)

    def sums(self) -> dict[str, int]:
        """How many ended which way, in all of the time."""
        found = {kind: sum(each.outcomes.get(Outcome(kind), 0) for each in self._buckets()) for kind in KINDS}
        return {kind: count for kind, count in found.items() if count}

    def _buckets(self) -> tuple[Bucket, ...]:
        return self.traffic.buckets if self.traffic else ()


class Overview(Passed, frozen=True, kw_only=True):
    """How the hub stands, and what passed."""

    status: Status

    def times(self) -> Chart:
        """How long they took, over time."""
        period = self.period
        return lines([_times(each) for each in self._buckets()], TIMES, period.since, period.until, period.step)


async def overview(visit: Visit[Back]) -> Overview:
    """The page."""
    period, status = Period.back(visit.given.span), needed(visit.do.overview).status()
    try:
        traffic = await passed(visit.do, period)
    except StoreUnavailable:
        return Overview(status=status, period=period, traffic=None, away=True)
    return Overview(status=status, period=period, traffic=traffic)


async def passed(do: Operations, period: Period, partner: int | None = None) -> Traffic | None:
    """What passed in a time, of all or of one partner, where the hub keeps a journal."""
    if do.journal is None or (do.config and not do.config.journal.enabled):
        return None
    return await do.journal.traffic(period.since, period.until, period.step, partner)


def _times(bucket: Bucket) -> Step:
    measured = (bucket.hub.p50, bucket.hub.p99, bucket.partner.p50, bucket.partner.p99)
    return Step(
        bucket.at,
        {name: None if time is None else time / 1_000_000 for name, time in zip(TIMES, measured, strict=True)},
    )
