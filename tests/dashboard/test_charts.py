"""Where bars, lines and ticks of a chart stand."""

import re

from hypothesis import given
from hypothesis import strategies as st

from hub.dashboard.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    STRIP_FLOOR,
    TOP,
    WIDTH,
    Step,
    lines,
    points,
    stacked,
    strip,
)

_KINDS = ("a", "b")
_SINCE, _STEP = 1_700_000_000_000, 60_000
_COUNT = 60
_UNTIL = _SINCE + _COUNT * _STEP

_steps = st.lists(
    st.tuples(st.integers(0, _COUNT - 1), st.integers(0, 10**9), st.integers(0, 10**9)), unique_by=lambda each: each[0]
).map(lambda found: [Step(_SINCE + at * _STEP, {"a": a, "b": b}) for at, a, b in sorted(found)])


@given(_steps)
def test_bars_stay_inside_and_are_as_high_as_they_count(steps):
    chart = stacked(steps, _KINDS, _SINCE, _UNTIL, _STEP)
    for bar in chart.bars:
        assert bar.x >= LEFT
        assert bar.x + bar.width <= WIDTH + 1
        assert bar.y >= TOP - 1e-6
        assert bar.y + bar.height <= HEIGHT - BOTTOM + 1e-6
    counted = [step.values[kind] for step in steps for kind in _KINDS if step.values[kind]]
    assert len(chart.bars) == len(counted)
    if counted:
        scales = [bar.height / count for bar, count in zip(chart.bars, counted, strict=True)]
        assert max(scales) - min(scales) <= 1e-6 * max(scales)


@given(_steps)
def test_the_highest_tick_is_not_below_the_highest_bar(steps):
    chart = stacked(steps, _KINDS, _SINCE, _UNTIL, _STEP)
    highest = min(tick.at for tick in chart.across)
    assert all(bar.y >= highest - 1e-6 for bar in chart.bars)
    assert 2 <= len(chart.across) <= 6
    assert len({tick.label for tick in chart.across}) == len(chart.across)


@given(st.lists(st.one_of(st.none(), st.floats(1e-6, 1e3)), min_size=1, max_size=_COUNT))
def test_lines_stay_inside_and_break_where_nothing_is(values):
    steps = [Step(_SINCE + place * _STEP, {"a": value}) for place, value in enumerate(values) if value is not None]
    chart = lines(steps, ("a",), _SINCE, _UNTIL, _STEP)
    path = chart.lines[0].path if chart.lines else ""
    points = [tuple(map(float, each)) for each in re.findall(r"[ML]([\d.]+),([\d.]+)", path)]
    assert len(points) == len(steps)
    assert all(LEFT <= x <= WIDTH and TOP - 0.1 <= y <= HEIGHT - BOTTOM + 0.1 for x, y in points)
    runs = sum(
        1 for place, value in enumerate(values) if value is not None and (place == 0 or values[place - 1] is None)
    )
    assert path.count("M") == runs


def test_ticks_are_round():
    chart = stacked([Step(_SINCE, {"a": 730, "b": None})], _KINDS, _SINCE, _UNTIL, _STEP)
    assert [tick.label for tick in chart.across] == ["0", "200", "400", "600", "800"]
    times = lines([Step(_SINCE, {"a": 0.0004, "b": 2.0})], _KINDS, _SINCE, _UNTIL, _STEP)
    assert [tick.label for tick in times.across] == ["100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s"]


def test_below_a_long_time_stand_days():
    day = 86_400_000
    short = stacked([], _KINDS, _SINCE, _SINCE + day, day)
    long = stacked([], _KINDS, _SINCE, _SINCE + 7 * day, day)
    assert all(re.fullmatch(r"\d\d:\d\d", tick.label) for tick in short.along)
    assert all(re.fullmatch(r"\d\d-\d\d", tick.label) for tick in long.along)


def test_points_go_from_zero_up_and_break_at_nothing():
    chart = points([[(0, 0.0), (1000, 0.5), (2000, None), (3000, 0.25)], [(0, -1.0), (3000, 0.5)]])
    assert [tick.label for tick in chart.across] == ["0", "0.2", "0.4", "0.6"]
    first, second = chart.lines
    assert (first.kind, first.path.count("M"), first.path.count("L")) == ("series-1", 2, 1)
    assert second.path.startswith(f"M{LEFT:.1f},{HEIGHT - BOTTOM:.1f}L")


def test_points_without_time_are_no_chart():
    assert points([]) is None
    assert points([[(5, 1.0)]]) is None
    assert points([[(5, None), (6, None)]]) is None


@given(st.lists(st.tuples(st.integers(0, 10**9), st.floats(0, 1e9)), max_size=600, unique_by=lambda each: each[0]))
def test_many_points_are_thinned_and_stay_inside(values):
    chart = points([sorted(values)])
    if chart is None:
        assert len(values) < 2
        return
    found = [tuple(map(float, each)) for each in re.findall(r"[ML]([\d.]+),([\d.]+)", chart.lines[0].path)]
    assert 2 <= len(found) <= 402
    assert all(LEFT <= x <= WIDTH and TOP - 0.1 <= y <= HEIGHT - BOTTOM + 0.1 for x, y in found)


@given(st.lists(st.integers(_SINCE - _STEP, _UNTIL - 1), unique=True).map(sorted))
def test_pieces_of_a_strip_follow_each_other_to_its_end(times):
    changes = [(at, ("CONNECTED", "OFFLINE")[place % 2]) for place, at in enumerate(times)]
    bars = strip(changes, _SINCE, _UNTIL).bars
    assert len(bars) == sum(end > _SINCE for end in [*times, _UNTIL][1:])
    for bar in bars:
        assert LEFT <= bar.x <= bar.x + bar.width <= WIDTH + 1e-6
        assert bar.y + bar.height == STRIP_FLOOR
        assert (bar.height == STRIP_FLOOR) == (bar.kind == "CONNECTED"), "not by colour alone"
    assert [bar.kind for bar in bars] == [kind for _, kind in changes][len(changes) - len(bars) :]
    if bars:
        assert bars[-1].x + bars[-1].width >= WIDTH - 1e-6
        assert [bar.x for bar in bars] == sorted(bar.x for bar in bars)
