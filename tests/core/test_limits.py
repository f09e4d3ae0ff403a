"""Allowances and the pace: what is allowed in any stretch of time, and when to come back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.limits import Allowance, OwnLimits, Pace

COMMON = Allowance(requests=10.0, broadcasts=5.0, parallel=3)


@pytest.mark.parametrize(
    ("own", "allowed"),
    [
        (OwnLimits(), COMMON),
        (OwnLimits(requests=1.5), Allowance(requests=1.5, broadcasts=5.0, parallel=3)),
        (OwnLimits(broadcasts=0, parallel=0), Allowance(requests=10.0, broadcasts=0, parallel=0)),
    ],
)
def test_own_limits_go_over_common_ones(own, allowed):
    assert own.over(COMMON) == allowed


def test_what_was_saved_up_may_come_at_once():
    pace = Pace(10.0, 2.0)
    assert [pace.wait(100.0) for _ in range(20)] == [0.0] * 20
    assert pace.wait(100.0) == pytest.approx(0.1)
    assert pace.wait(100.0) == pytest.approx(0.1), "what is refused costs nothing"
    assert pace.wait(100.11) == 0.0
    assert pace.wait(100.11) > 0.0
    assert [pace.wait(200.0) for _ in range(20)] == [0.0] * 20, "more than the burst is never saved"
    assert pace.wait(200.0) > 0.0


@pytest.mark.parametrize("burst", [0.0, 0.05])
def test_one_is_always_allowed_when_it_was_quiet(burst):
    pace = Pace(10.0, burst)
    assert pace.wait(5.0) == 0.0
    assert pace.wait(5.0) == pytest.approx(0.1)
    assert pace.wait(5.2) == 0.0


@given(
    rate=st.floats(0.1, 1000),
    burst=st.floats(0, 60),
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=200),
)
def test_no_stretch_of_time_has_more_than_it_may_and_who_waits_gets_in(rate, burst, gaps):
    pace, now, let_in = Pace(rate, burst), 0.0, []
    for gap in gaps:
        now += gap
        wait = pace.wait(now)
        if wait:
            now += wait * 1.000001 + 1e-9
            assert pace.wait(now) == 0.0
        let_in.append(now)
    for first, start in enumerate(let_in):
        for last in range(first, len(let_in)):
            assert last - first + 1 <= (let_in[last] - start) * rate + max(burst * rate, 1.0) + 1e-3
