"""A message over time, as geometry: what the hub and each partner did when. Templates draw it as SVG."""

import math
from collections.abc import Iterator, Sequence

import msgspec

from hub.dashboard.charts import Bar, Tick
from hub.dashboard.render import seconds
from hub.partners.journal import Delivery, Trace

WIDTH = 720.0
EDGE = 8.0
LANE = 44.0
"""Height of one lane: a line of text and a bar below it."""
FOLDED = 30
"""So many deliveries have a lane of their own."""
_BAR, _TEXT, _FOOT = 12.0, 24.0, 26.0
_LEAST = 2.0
_STEPS = (1, 2, 5, 10)
_TICKS = 5


class Lane(msgspec.Struct, frozen=True):
    """What one of them did: the party, its name, what came of it, and the bars. `y` is the base line of the text."""

    who: str
    name: str | None
    says: str
    y: float
    bars: tuple[Bar, ...]


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """All that is drawn. `answered` is where the sender got its answer; `more` deliveries are not drawn."""

    width: float = WIDTH
    height: float
    edge: float = EDGE
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    answered: float
    more: int


def timeline(trace: Trace) -> Timeline:
    """The message from its receipt to the end of its last delivery."""
    row, legs = trace.exchange, trace.deliveries[:FOLDED]
    total = row.hub_us + (row.partner_us or 0)
    scale = _scale(max([total, 1, *(each.after_us + each.partner_us for each in legs)]))
    hub = Lane("the hub", None, f"{seconds(row.hub_us / 1e6)} of its own", _TEXT, tuple(_hub(trace, total, scale)))
    lanes = (hub, *(_lane(each, place + 1, scale) for place, each in enumerate(legs)))
    return Timeline(
        height=LANE * len(lanes) + _FOOT,
        lanes=lanes,
        ticks=scale.ticks,
        answered=scale.x(total),
        more=len(trace.deliveries) - len(legs),
    )


class _Scale(msgspec.Struct, frozen=True):
    """Microseconds as places. Every attempt is seen, also one that was over at once."""

    each: float
    ticks: tuple[Tick, ...]

    def x(self, microseconds: float) -> float:
        return EDGE + microseconds * self.each

    def bar(self, begin: float, end: float, y: float, kind: str, says: str) -> Bar:
        return Bar(self.x(begin), y, max(_LEAST, (end - begin) * self.each), _BAR, kind, says)


def _scale(longest: float) -> _Scale:
    power = 10 ** math.floor(math.log10(longest / _TICKS))
    step = next(power * each for each in _STEPS if power * each * _TICKS >= longest)
    wide = WIDTH - 2 * EDGE - _LEAST
    count = math.floor(longest / step) + 1
    ticks = tuple(Tick(EDGE + place * step * wide / longest, seconds(place * step / 1e6)) for place in range(count))
    return _Scale(wide / longest, (Tick(EDGE, "0"), *ticks[1:]))


def _hub(trace: Trace, total: int, scale: _Scale) -> Iterator[Bar]:
    """What the hub did itself; in between it waited for those whom the sender waited for, too."""
    y, at = _TEXT + 6, 0
    waited = () if trace.exchange.partner_us is None else _joined(trace.deliveries, total)
    for begin, end in waited:
        yield scale.bar(at, begin, y, "hub", f"the hub: {seconds((begin - at) / 1e6)}")
        yield scale.bar(begin, end, y, "waiting", f"waiting: {seconds((end - begin) / 1e6)}")
        at = end
    yield scale.bar(at, total, y, "hub", f"the hub: {seconds((total - at) / 1e6)}")


def _joined(legs: Sequence[Delivery], total: int) -> list[tuple[int, int]]:
    """The times in which somebody was waited for: those that overlap are one."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted((each.after_us, min(total, each.after_us + each.partner_us)) for each in legs):
        if begin >= total:
            break
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    return found


def _lane(leg: Delivery, place: int, scale: _Scale) -> Lane:
    top, took = place * LANE, seconds(leg.partner_us / 1e6)
    says = f"{leg.outcome} after {took}, begun at {seconds(leg.after_us / 1e6)}"
    bar = scale.bar(leg.after_us, leg.after_us + leg.partner_us, top + _TEXT + 6, leg.outcome, says)
    return Lane(leg.receiver, leg.receiver_name, f"{leg.outcome} after {took}", top + _TEXT, (bar,))
