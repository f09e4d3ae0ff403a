"""How soon partners learn that a platform is away or back, over outages of every kind, in simulated time.

OCPI 2.2.1, hubclientinfo: ConnectionStatus. The hub's own bounds hold: see `Policy`, and docs/reliability.md.
"""

from itertools import pairwise, product
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.breaker import Policy
from hub.core.status import ConnectionStatus
from tests.core.outages import GONE, History, Way, World, spells
from tests.promises import size

pytestmark = [pytest.mark.promise(9), pytest.mark.timeout(size(60, 7200))]

CONNECTED, OFFLINE = ConnectionStatus.CONNECTED, ConnectionStatus.OFFLINE
POLICY = Policy()
LATE_OFFLINE, LATE_CONNECTED, A_MINUTE = 45.0, 75.0, 60.0
ROUNDING = 1e-6
HISTORIES = size(150, 3_000)
SEEDS = size(1, 10)
LASTS = (50.0, 61.0, 75.0, 90.0, 600.0)


class Tardy:
    """The worst that was seen: seconds until OFFLINE and CONNECTED were told, between two publications, and failures.

    OFFLINE is late by what it was told later than 45 seconds after it began, or a minute after the last publication.
    """

    def __init__(self) -> None:
        self.offline = self.over = self.connected = 0.0
        self.apart = inf
        self.failures = self.histories = 0

    def live(self, history: History) -> World:
        """Let a history happen, and judge it."""
        world = World(history, POLICY)
        world.run()
        self.histories += 1
        self.failures = max(self.failures, *world.opened, 0)
        self.apart = min([self.apart, *(after - before for (before, _), (after, _) in pairwise(world.told))])
        for since, until in spells(history, GONE):
            told = _true_from(world, OFFLINE, since, until)
            before = max([-inf, *(when for when, _ in world.told if when < told)])
            self.offline = max(self.offline, told - since)
            self.over = max(self.over, told - max(since + LATE_OFFLINE, before + A_MINUTE))
        for since, until in spells(history, frozenset((Way.UP,))):
            self.connected = max(self.connected, _true_from(world, CONNECTED, since, until) - since)
        return world


def _true_from(world: World, status: ConnectionStatus, since: float, until: float) -> float:
    """The time within a spell from which on partners believed this until its end; the end where they did not."""
    if world.status(until) is not status:
        return until
    return max([since, *(when for when, _ in world.told if when <= until)])


def test_a_plain_outage_is_told_in_time_and_so_is_its_end(proof):
    tardy = Tardy()
    for way, rate, lasts, seed in product(sorted(GONE), (0.2, 1.0, 3.0, 100.0), LASTS, range(SEEDS)):
        history = History(turns=((0.0, Way.UP), (100.0 + seed / 7, way), (100.0 + seed / 7 + lasts, Way.UP)), rate=rate,
                          seed=seed, idle=120.0)  # fmt: skip
        world = tardy.live(history)
        assert [status for _, status in world.told] == [OFFLINE, CONNECTED], history
    proof.at_least("plain outages simulated", tardy.histories, size(70, 800))
    proof.at_most("failures in a row until the breaker opens", tardy.failures, 3)
    proof.at_most("seconds until OFFLINE is told in a plain outage", round(tardy.offline, 2), LATE_OFFLINE)
    proof.at_most("seconds until CONNECTED is told after a plain outage", round(tardy.connected, 2), LATE_CONNECTED)


ways = st.sampled_from([*Way, *[Way.UP] * 4])
spans = st.one_of(st.floats(0.01, 3), st.floats(3, 45), st.floats(45, 130), st.sampled_from([5.0, 10.0, 30.0, 60.0]))
histories = st.builds(
    lambda steps, **others: History(turns=_turns(steps), **others),
    st.lists(st.tuples(spans, ways), min_size=1, max_size=12),
    rate=st.sampled_from([0.2, 0.2, 1.0, 5.0, 100.0]),
    latency=st.sampled_from([0.05, 2.0]),
    talks=st.booleans(),
    seed=st.integers(0, 10_000),
)


def _turns(steps: list[tuple[float, Way]]) -> tuple[tuple[float, Way], ...]:
    """Well at first and in the end."""
    turns = [(0.0, Way.UP)]
    for span, way in (*steps, (30.0, Way.UP)):
        turns.append((turns[-1][0] + span, way))
    return tuple(turns)


def test_whatever_happens_partners_learn_it_soon_and_once_a_minute_at_most(proof):
    """The worst histories are the figures; a history that breaks a bound is found by Hypothesis, and shrunk."""
    tardy = Tardy()

    @settings(max_examples=HISTORIES)
    @given(histories)
    def live(history: History) -> None:
        tardy.live(history)
        assert tardy.over <= ROUNDING
        assert tardy.connected <= LATE_CONNECTED
        assert tardy.apart >= A_MINUTE - ROUNDING

    live()
    proof.at_least("random histories simulated", tardy.histories, HISTORIES)
    proof.at_most("failures in a row in any history", tardy.failures, 3)
    proof.at_most("seconds too late of OFFLINE in any history", round(tardy.over, 2), 0.0)
    proof.at_most("seconds until CONNECTED is told in any history", round(tardy.connected, 2), LATE_CONNECTED)
    proof.at_least("seconds between two publications in any history", round(tardy.apart, 2), A_MINUTE)


@pytest.mark.parametrize("way", [Way.SAYS_500, Way.HALF_HANGS])
def test_who_answers_something_is_not_told_offline(proof, way):
    """HTTP 500 is an answer; and who answers GET versions is there, though slow (4002 tells senders so)."""
    world = World(History(turns=((0.0, Way.UP), (50.0, way)), rate=5.0, idle=1000.0), POLICY)
    world.run()
    proof.exactly(f"publications about one that {way}", len(world.told), 0)


def test_who_refuses_messages_at_once_is_told_offline_though_it_answers_probes(proof):
    world = World(History(turns=((0.0, Way.UP), (50.0, Way.HALF)), rate=1.0, idle=1000.0), POLICY)
    world.run()
    assert world.told[0][1] is OFFLINE
    proof.at_most("seconds until OFFLINE of one that answers probes alone", round(world.told[0][0] - 50, 2), 60.0)


@pytest.mark.parametrize("period", [3, 12, 25, 40, 90])
def test_one_that_flaps_is_told_of_rightly_in_the_end(period):
    turns = [(0.0, Way.UP)]
    while turns[-1][0] < 1000:
        turns += [(turns[-1][0] + period / 2, Way.REFUSES), (turns[-1][0] + period, Way.UP)]
    world = World(History(turns=tuple(turns), rate=2.0), POLICY)
    world.run()
    assert world.status(turns[-1][0] + LATE_CONNECTED) is CONNECTED
