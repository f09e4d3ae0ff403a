"""The breaker: by enumeration, and by a state machine of random events. How soon partners learn: test_outages.py.

OCPI 2.2.1, hubclientinfo: Still alive check, ConnectionStatus.
"""

from itertools import pairwise, product
from math import inf

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hub.core.breaker import Breaker, Policy
from hub.core.directory import State
from hub.core.status import ConnectionStatus

CONNECTED, OFFLINE = ConnectionStatus.CONNECTED, ConnectionStatus.OFFLINE
PLANNED, SUSPENDED = ConnectionStatus.PLANNED, ConnectionStatus.SUSPENDED
POLICY = Policy()


def connected(now=0.0, policy=POLICY, jitter=0.0) -> Breaker:
    """A registered platform that partners know as CONNECTED."""
    return Breaker(policy, State.REGISTERED, now, jitter, CONNECTED, now - 3600)


def opened(now=0.0, jitter=1.0) -> Breaker:
    breaker = connected(now)
    for _ in range(POLICY.failures):
        breaker.failed(now, jitter)
    return breaker


def probe(breaker, now, *, alive, jitter=1.0):
    breaker.begin_probe(now)
    breaker.end_probe(now, jitter, alive=alive)


EVENTS = {
    "answered": lambda breaker, now: breaker.answered(now),
    "failed": lambda breaker, now: breaker.failed(now, 0.5),
    "seen": lambda breaker, now: breaker.seen(now),
    "probe ok": lambda breaker, now: probe(breaker, now, alive=True),
    "probe lost": lambda breaker, now: probe(breaker, now, alive=False),
}


def test_it_opens_on_three_failures_in_a_row_and_closes_on_a_probe_only():
    """Every row of six events, against what the rule says in so many words."""
    for events in product(EVENTS, repeat=6):
        breaker = connected()
        is_open, lost, probes_lost = False, 0, 0
        for now, event in enumerate(events):
            EVENTS[event](breaker, float(now))
            match event:
                case "probe ok":
                    lost, probes_lost, is_open = (0 if is_open else lost), 0, False
                case "answered" if not is_open:
                    lost = probes_lost = 0
                case "failed" if not is_open:
                    lost += 1
                case "probe lost" if not is_open:
                    probes_lost += 1
            is_open = is_open or lost + probes_lost >= 3
            assert breaker.open == is_open, events


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_probes_of_an_open_breaker_double_their_distance_up_to_the_longest(jitter):
    breaker, now, distances = opened(jitter=jitter), 0.0, []
    for _ in range(40):
        distances.append(breaker.probe_due - now)
        now = breaker.probe_due
        probe(breaker, now, alive=False, jitter=jitter)
    part = 0.5 + jitter / 2
    assert distances == pytest.approx([min(2.0**each, 30.0) * part for each in range(40)])


def test_a_request_of_the_platform_hastens_the_probe_but_does_not_close():
    breaker = opened()
    for now in (1.0, 3.0, 7.0):
        probe(breaker, now, alive=False)
    assert breaker.probe_due == 15.0
    breaker.seen(10.0)
    assert breaker.open
    assert breaker.probe_due == 10.0
    probe(breaker, 10.0, alive=False)
    breaker.seen(10.1)
    breaker.seen(10.2)
    assert breaker.probe_due == 11.0, "many requests must not make many probes"


def test_an_answer_that_was_under_way_hastens_the_probe_too():
    breaker = opened()
    breaker.answered(0.5)
    assert breaker.open
    assert breaker.probe_due == 0.5


def test_late_failures_do_not_put_off_the_probes_of_an_open_breaker():
    breaker = opened()
    due = breaker.probe_due
    for _ in range(20):
        breaker.failed(0.5, 1.0)
    assert breaker.probe_due == due


def test_a_first_failure_asks_for_a_probe_within_a_second():
    breaker = connected()
    breaker.failed(50.0, 1.0)
    assert breaker.probe_due == 51.0
    breaker.answered(50.5)
    assert breaker.probe_due > 300


def test_a_platform_whose_messages_fail_right_after_a_probe_is_probed_less_often():
    breaker, now, distances = connected(), 0.0, []
    for _ in range(8):
        for _ in range(3):
            breaker.failed(now, 1.0)
        assert breaker.open
        distances.append(breaker.probe_due - now)
        now = breaker.probe_due
        probe(breaker, now, alive=True)
        assert not breaker.open
        now += 5
    assert distances == [1, 2, 4, 8, 16, 30, 30, 30]
    breaker.answered(now)
    for _ in range(3):
        breaker.failed(now, 1.0)
    assert breaker.probe_due == now + 1


def test_after_a_while_an_outage_begins_anew():
    breaker, now = opened(), 0.0
    for _ in range(8):
        now = breaker.probe_due
        probe(breaker, now, alive=False)
    probe(breaker, now + 1, alive=True)
    for _ in range(3):
        breaker.failed(now + 100, 1.0)
    assert breaker.probe_due == now + 101


def test_only_failures_in_a_row_count_when_probes_fail_from_time_to_time():
    breaker = connected()
    for now in range(100):
        probe(breaker, float(now), alive=now % 2 == 0)
    assert not breaker.open


class TestIdle:
    """OCPI 2.2.1, hubclientinfo: Still alive check; five minutes."""

    @pytest.mark.parametrize("event", ["answered", "seen", "probe ok"])
    def test_a_probe_is_due_when_nothing_was_heard_for_so_long(self, event):
        breaker = connected()
        EVENTS[event](breaker, 1000.0)
        assert 1300 <= breaker.probe_due <= 1330

    def test_no_second_probe_while_one_is_under_way(self):
        breaker = connected()
        breaker.begin_probe(400.0)
        assert breaker.probe_due == inf
        breaker.failed(401.0, 0.0)
        assert breaker.probe_due == inf

    def test_a_registration_was_heard_of(self):
        breaker = connected()
        breaker.enter(State.REGISTERED, 1000.0, confirmed=True)
        assert 1300 <= breaker.probe_due <= 1330

    def test_unanswered_idle_probes_follow_each_other_and_open_it(self):
        breaker, now = connected(), 400.0
        for expected in (False, False, True):
            probe(breaker, now, alive=False)
            assert breaker.open is expected
            assert 0 < breaker.probe_due - now <= 1
            now = breaker.probe_due

    @pytest.mark.parametrize("state", [State.INVITED, State.SUSPENDED])
    def test_who_is_not_registered_is_never_probed(self, state):
        breaker = Breaker(POLICY, state, 0.0, 0.5)
        breaker.publish(0.0)
        assert breaker.due == inf

    def test_a_hub_that_starts_spreads_its_probes(self):
        due = sorted(connected(jitter=each / 100).probe_due for each in range(101))
        assert due[0] >= 30
        assert due[-1] <= 330
        assert due[-1] - due[0] > 200
        assert max(b - a for a, b in pairwise(due)) < 5


class TestPublished:
    """Hysteresis: what partners are told."""

    def test_a_short_outage_is_not_told(self):
        breaker = opened()
        assert breaker.publishable(9.9) is None
        probe(breaker, 9.9, alive=True)
        assert breaker.publish_due == inf

    def test_offline_is_told_when_it_lasted(self):
        breaker = opened()
        assert breaker.publishable(10.0) is OFFLINE

    def test_trouble_counts_from_its_first_sign(self):
        breaker = connected()
        for now in (0.0, 6.0, 12.0):
            breaker.failed(now, 0.0)
        assert breaker.publishable(12.0) is OFFLINE

    def test_offline_is_told_upon_a_fresh_sign_alone(self):
        breaker = connected()
        breaker.publish(0.0)
        for _ in range(3):
            breaker.failed(20.0, 1.0)
        for now in (21.0, 23.0, 27.0, 35.0):
            probe(breaker, now, alive=False)
        assert breaker.probe_due == 50.0, "so that it is known when a minute is over"
        assert breaker.publishable(60.0) is None
        breaker.begin_probe(50.0)
        assert breaker.publish_due == inf
        breaker.end_probe(55.0, 1.0, alive=False)
        assert breaker.publish_due == 60.0
        assert breaker.publishable(60.0) is OFFLINE

    def test_messages_that_hung_say_nothing_of_now(self):
        breaker = connected()
        for _ in range(3):
            breaker.failed(30.0, 1.0, 30.0)
        assert breaker.open
        assert breaker.publishable(30.0) is None
        assert breaker.probe_due <= 30.0
        probe(breaker, 30.0, alive=False)
        assert breaker.publishable(30.0) is OFFLINE

    def test_messages_that_were_sent_before_it_came_back_do_not_open_it_again(self):
        breaker = opened(100.0)
        probe(breaker, 101.0, alive=True)
        for _ in range(9):
            breaker.failed(125.0, 1.0, 30.0)
        assert not breaker.open
        for _ in range(3):
            breaker.failed(132.0, 1.0, 30.0)
        assert breaker.open

    def test_connected_is_told_a_minute_after_offline_at_the_earliest(self):
        breaker = opened()
        breaker.publish(10.0)
        probe(breaker, 11.0, alive=True)
        assert breaker.publish_due == 70.0
        assert breaker.publishable(70.0) is CONNECTED

    def test_connected_has_to_last_too(self):
        breaker = opened()
        breaker.publish(10.0)
        probe(breaker, 100.0, alive=True)
        assert breaker.publish_due == 110.0

    @pytest.mark.parametrize("known", [None, PLANNED, SUSPENDED, CONNECTED, OFFLINE])
    @pytest.mark.parametrize(("state", "status"), [(State.INVITED, PLANNED), (State.SUSPENDED, SUSPENDED)])
    def test_what_people_do_is_told_at_once(self, known, state, status):
        breaker = Breaker(POLICY, State.REGISTERED, 0.0, 0.5, known, 0.0)
        breaker.enter(state, 1.0, confirmed=False)
        assert breaker.publishable(1.0) is (None if known is status else status)

    @pytest.mark.parametrize("before", [None, PLANNED, SUSPENDED])
    def test_a_platform_that_registers_is_connected_at_once(self, before):
        breaker = Breaker(POLICY, State.INVITED, 0.0, 0.5, before, 0.0)
        breaker.enter(State.REGISTERED, 1.0, confirmed=True)
        assert breaker.publishable(1.0) is CONNECTED

    @pytest.mark.parametrize("before", [None, PLANNED, SUSPENDED])
    def test_a_platform_that_was_changed_while_no_hub_ran_is_looked_at_first(self, before):
        breaker = Breaker(POLICY, State.REGISTERED, 0.0, 0.5, before, -3600.0)
        assert breaker.publish_due == inf
        assert breaker.probe_due <= 1.0
        probe(breaker, 1.0, alive=True)
        assert breaker.publishable(1.0) is CONNECTED

    def test_a_platform_that_registers_again_was_offline_long_enough(self):
        breaker = opened()
        breaker.publish(10.0)
        breaker.enter(State.REGISTERED, 100.0, confirmed=True)
        assert not breaker.open
        assert breaker.publish_due == 110.0

    @pytest.mark.parametrize(("alive", "status"), [(True, CONNECTED), (False, OFFLINE)])
    def test_a_platform_that_is_resumed_is_looked_at_first(self, alive, status):
        breaker = Breaker(POLICY, State.SUSPENDED, 0.0, 0.5, SUSPENDED, 0.0)
        breaker.enter(State.REGISTERED, 5.0, confirmed=False)
        assert breaker.publishable(5.0) is None
        assert breaker.probe_due == 5.0
        while breaker.published is SUSPENDED:
            now = breaker.due
            assert now < 10
            if breaker.publishable(now):
                breaker.publish(now)
            else:
                probe(breaker, now, alive=alive)
        assert breaker.published is status

    def test_a_platform_that_was_offline_when_the_hub_stopped_is_so_until_a_probe(self):
        breaker = Breaker(POLICY, State.REGISTERED, 1000.0, 0.5, OFFLINE, 990.0)
        assert breaker.open
        assert breaker.probe_due <= 1001
        probe(breaker, 1001.0, alive=True)
        assert breaker.publish_due == 1050.0, "the minute goes on through a restart"


class Life(RuleBasedStateMachine):
    """One platform in random events, driven as `Liveness` drives it."""

    @initialize(
        state=st.sampled_from(State),
        known=st.sampled_from([None, *ConnectionStatus]),
        jitter=st.floats(0, 1),
        ago=st.floats(0, 200),
    )
    def begin(self, state, known, jitter, ago):
        self.now = 0.0
        self.breaker = Breaker(POLICY, state, 0.0, jitter, known, -ago)
        self.published = [] if known is None else [(-ago, known)]
        self.row = 0
        self.publish()

    @rule(seconds=st.one_of(st.floats(0, 2), st.floats(0, 90), st.floats(0, 1000)))
    def pass_time(self, seconds):
        until = self.now + seconds
        while (due := self.breaker.publish_due) <= until:
            self.now = max(self.now, due)
            self.publish()
        self.now = until

    @precondition(lambda self: not self.breaker.open)
    @rule(jitter=st.floats(0, 1))
    def fail(self, jitter):
        self.breaker.failed(self.now, jitter)
        self.row += 1
        assert self.breaker.open or self.row < POLICY.failures
        self.publish()

    @rule()
    def answer(self):
        was_open = self.breaker.open
        self.breaker.answered(self.now)
        self.row = 0
        assert self.breaker.open == was_open
        self.publish()

    @rule()
    def see(self):
        was_open = self.breaker.open
        self.breaker.seen(self.now)
        assert self.breaker.open == was_open
        self.publish()

    @precondition(lambda self: self.breaker.probe_due < inf)
    @rule(alive=st.booleans(), jitter=st.floats(0, 1), seconds=st.floats(0, 5))
    def look(self, alive, jitter, seconds):
        self.pass_time(max(0.0, self.breaker.probe_due - self.now))
        if self.breaker.probe_due > self.now:  # a publication moved it
            return
        self.breaker.begin_probe(self.now)
        self.pass_time(seconds)
        self.breaker.end_probe(self.now, jitter, alive=alive)
        assert not alive or not self.breaker.open
        self.row = 0
        self.publish()

    @rule(state=st.sampled_from(State), confirmed=st.booleans())
    def change(self, state, confirmed):
        self.breaker.enter(state, self.now, confirmed=confirmed)
        self.row = 0
        self.publish()

    def publish(self):
        status = self.breaker.publishable(self.now)
        if status is not None:
            self.breaker.publish(self.now)
            assert self.breaker.published is status
            self.published.append((self.now, status))
        assert self.breaker.publish_due > self.now

    @invariant()
    def what_flaps_is_told_once_a_minute_at_most(self):
        for (before, was), (after, now) in pairwise(self.published[-2:]):
            assert was is not now
            if {was, now} == {CONNECTED, OFFLINE}:
                assert after - before >= 60 - 1e-6

    @invariant()
    def something_is_always_about_to_be_found_out(self):
        if self.breaker.state is State.REGISTERED:
            assert self.breaker.probe_due - self.now <= (POLICY.longest if self.breaker.open else 330) + 1e-6

    def teardown(self):
        """Left alone, with a truth that stays, what is told becomes true."""
        if not hasattr(self, "breaker"):
            return
        for alive in (True, False, True):
            until = self.now + 500
            while (due := self.breaker.due) <= until:
                self.now = max(self.now, due)
                if self.breaker.probe_due <= self.now:
                    probe(self.breaker, self.now, alive=alive, jitter=0.5)
                self.publish()
            self.now = until
            expected = {State.INVITED: PLANNED, State.SUSPENDED: SUSPENDED}.get(
                self.breaker.state, CONNECTED if alive else OFFLINE
            )
            assert self.breaker.published is expected


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def test_a_sign_of_life_of_a_healthy_platform_changes_nothing_but_when_it_is_probed():
    """Whoever keeps the breaker need not look at it then: that is done for every message."""
    breaker = Breaker(Policy(), State.REGISTERED, 0.0, 0.5, ConnectionStatus.CONNECTED)
    before = breaker.due
    assert not breaker.answered(100.0)
    assert not breaker.seen(100.0)
    assert breaker.due > before
    breaker.failed(101.0, 0.5)
    assert not breaker.seen(101.5)
    assert breaker.answered(102.0), "the row of failures is over, and with it the probe"
    for second in (103.0, 104.0, 105.0):
        breaker.failed(second, 0.5)
    assert breaker.open
    assert breaker.seen(106.0)
    assert breaker.answered(107.0)
    fresh = Breaker(Policy(), State.REGISTERED, 0.0, 0.5)
    assert fresh.answered(1.0), "it was not known to be reachable"
    assert not fresh.answered(2.0)
