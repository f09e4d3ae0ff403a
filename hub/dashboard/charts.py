"""Charts as numbers: where bars, lines and ticks stand. Templates draw them as SVG."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise

import msgspec

WIDTH, HEIGHT = 720.0, 180.0
LEFT, BOTTOM, TOP = 56.0, 22.0, 8.0
STRIP, STRIP_FLOOR = 46.0, 26.0
"""The height of a strip with its times below, and of its pieces."""
_STEPS = (1, 2, 5, 10)
_TICKS = 4
_LABELS = 6
_MOST_POINTS = 400
_DAY = 86_400_000
_LEAST = 1.5


class Tick(msgspec.Struct, frozen=True):
    """A line of the grid and what it says."""

    at: float
    label: str


class Bar(msgspec.Struct, frozen=True):
    """One piece of a bar. `kind` is its class, `says` what it means."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    says: str


class Line(msgspec.Struct, frozen=True):
    """One line as SVG path data, interrupted where there is nothing."""

    kind: str
    path: str


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """All that is drawn."""

    bars: tuple[Bar, ...] = ()
    lines: tuple[Line, ...] = ()
    across: tuple[Tick, ...] = ()
    along: tuple[Tick, ...] = ()


class Step(msgspec.Struct, frozen=True):
    """One step of time: when it begins (milliseconds since 1970), and numbers by name. None: nothing to show."""

    at: int
    values: Mapping[str, float | None]


def stacked(steps: Sequence[Step], kinds: Sequence[str], since: int, until: int, step: int) -> Chart:
    """Bars over time, the kinds upon each other in their order."""
    top = max((sum(each.values.get(kind) or 0 for kind in kinds) for each in steps), default=0)
    scale, ticks = _scale(top, _count)
    wide = _wide(step, since, until)
    bars = []
    for each in steps:
        x, y = _x(each.at, since, until), _floor()
        for kind in kinds:
            if value := each.values.get(kind):
                tall = value * scale
                y -= tall
                bars.append(Bar(x, y, wide, tall, kind, f"{_moment(each.at)} UTC: {value:.0f} {kind}"))
    return Chart(bars=tuple(bars), across=ticks, along=_along(since, until))


def lines(steps: Sequence[Step], kinds: Sequence[str], since: int, until: int, step: int) -> Chart:
    """Lines over time, on a scale of powers of ten: durations in seconds."""
    found = [value for each in steps for kind in kinds if (value := each.values.get(kind))]
    if not found:
        return Chart(along=_along(since, until))
    low, high = math.floor(math.log10(min(found))), math.ceil(math.log10(max(found)))
    high = max(high, low + 1)
    tall = (_floor() - TOP) / (high - low)
    ticks = tuple(Tick(_floor() - tall * (power - low), _duration(10.0**power)) for power in range(low, high + 1))

    def y(value: float) -> float:
        return _floor() - tall * (math.log10(value) - low)

    drawn = tuple(Line(kind, _path(steps, kind, y, (since, until, step))) for kind in kinds)
    return Chart(lines=drawn, across=ticks, along=_along(since, until))


def strip(changes: Sequence[tuple[int, str]], since: int, until: int) -> Chart:
    """What was when, as one row of pieces: each change, the oldest first, holds until the next one.

    Pieces differ in height, too: what is `CONNECTED` is tall.
    """
    bars = []
    for (at, kind), (end, _) in pairwise((*changes, (until, ""))):
        begin = max(at, since)
        if end <= begin:
            continue
        x, tall = _x(begin, since, until), STRIP_FLOOR if kind == "CONNECTED" else STRIP_FLOOR / 2
        wide = max(_LEAST, _x(end, since, until) - x)
        says = f"{kind} from {_moment(begin)} to {_moment(end)} UTC"
        bars.append(Bar(min(x, WIDTH - wide), STRIP_FLOOR - tall, wide, tall, kind, says))
    return Chart(bars=tuple(bars), along=_along(since, until))


def points(series: Sequence[Sequence[tuple[int, float | None]]]) -> Chart | None:
    """Lines from zero up, named `series-1` and so on, of values at any times. None where no time passes in them."""
    known = [(at, value) for line in series for at, value in line if value is not None]
    since, until = min((at for at, _ in known), default=0), max((at for at, _ in known), default=0)
    if since == until:
        return None
    high, ticks = _scale(max(value for _, value in known), _count, least=0.001)

    def path(line: Sequence[tuple[int, float | None]]) -> str:
        parts, pen = [], "M"
        for at, value in _thinned(line):
            if value is not None:
                parts.append(f"{pen}{_x(at, since, until):.1f},{_floor() - max(0.0, value) * high:.1f}")
            pen = "M" if value is None else "L"
        return "".join(parts)

    drawn = tuple(Line(f"series-{number}", path(line)) for number, line in enumerate(series, 1))
    return Chart(lines=drawn, across=ticks, along=_along(since, until))


def _thinned(line: Sequence[tuple[int, float | None]]) -> Sequence[tuple[int, float | None]]:
    """As many as the picture has room for."""
    every = -(-len(line) // _MOST_POINTS)
    return line if every <= 1 else [*line[:-1:every], line[-1]]


def _path(steps: Sequence[Step], kind: str, y: Callable[[float], float], span: tuple[int, int, int]) -> str:
    since, until, step = span
    half = _wide(step, since, until) / 2
    parts: list[str] = []
    last: int | None = None
    for each in steps:
        value = each.values.get(kind)
        if not value:
            continue
        pen = "L" if last is not None and each.at - last <= step else "M"
        parts.append(f"{pen}{_x(each.at, since, until) + half:.1f},{y(value):.1f}")
        last = each.at
    return "".join(parts)


def _floor() -> float:
    return HEIGHT - BOTTOM


def _x(at: int, since: int, until: int) -> float:
    return LEFT + (WIDTH - LEFT) * max(0, at - since) / (until - since)


def _wide(step: int, since: int, until: int) -> float:
    """Of a bar: its step, with a little air."""
    return max(0.8, (WIDTH - LEFT) * step / (until - since) * 0.86)


def _scale(top: float, label: Callable[[float], str], least: float = 1.0) -> tuple[float, tuple[Tick, ...]]:
    """Pixels of one, and round numbers up to the top, in steps of `least` or more."""
    step = _round(max(top / _TICKS, least))
    highest = step * max(1, math.ceil(top / step))
    scale = (_floor() - TOP) / highest
    marks = range(round(highest / step) + 1)
    return scale, tuple(Tick(_floor() - mark * step * scale, label(mark * step)) for mark in marks)


def _round(least: float) -> float:
    """The next one of 0.1, 0.2, 0.5, 1, 2, 5, 10, ... that is not below."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * step for step in _STEPS if power * step >= least * (1 - 1e-9))


def _along(since: int, until: int) -> tuple[Tick, ...]:
    """Times below the chart."""
    whole = f"{'%m-%d' if until - since > 2 * _DAY else '%H:%M'}"
    step = (until - since) / _LABELS
    moments = [round(since + step * (place + 0.5)) for place in range(_LABELS)]
    return tuple(Tick(_x(at, since, until), f"{datetime.fromtimestamp(at / 1000, UTC):{whole}}") for at in moments)


def _moment(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%m-%d %H:%M}"


def _count(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:.6g}"


def _duration(seconds: float) -> str:
    if seconds < 0.001:
        return f"{seconds * 1_000_000:g} µs"
    return f"{seconds * 1000:g} ms" if seconds < 1 else f"{seconds:g} s"
