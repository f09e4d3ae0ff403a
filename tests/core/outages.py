"""A platform that fails and comes back as a history says, with traffic, in simulated time.

Its breaker is driven as `Liveness` drives it, with the bounds that a hub has where nothing is configured.
"""

import heapq
import random
from bisect import bisect_right
from collections.abc import Callable
from enum import StrEnum
from itertools import pairwise

import msgspec

from hub.config import Limits, Liveness, Upstream
from hub.core.breaker import Breaker, Policy
from hub.core.directory import State
from hub.core.status import ConnectionStatus

TIMEOUT, PROBE, DIAL = Limits().timeout, Liveness().probe_timeout, Upstream().connect_timeout
CONNECTIONS = Upstream().connections


class Way(StrEnum):
    """How a platform is just now."""

    UP = "answers"
    REFUSES = "refuses connections"
    DROPS = "does not answer to connections"
    HANGS = "accepts, and never answers"
    SAYS_503 = "answers 503"
    SAYS_500 = "answers 500"
    HALF = "answers GET versions, and messages with 503"
    HALF_HANGS = "answers GET versions, and no messages"


GONE = frozenset((Way.REFUSES, Way.DROPS, Way.HANGS, Way.SAYS_503))
"""In these a platform gives no sign of life."""
_MESSAGE = {
    Way.UP: (None, True),
    Way.REFUSES: (0.001, False),
    Way.DROPS: (DIAL, False),
    Way.HANGS: (TIMEOUT, False),
    Way.SAYS_503: (None, False),
    Way.SAYS_500: (None, True),
    Way.HALF: (None, False),
    Way.HALF_HANGS: (TIMEOUT, False),
}
_PROBE = _MESSAGE | {
    Way.HANGS: (PROBE, False),
    Way.SAYS_500: (None, False),
    Way.HALF: (None, True),
    Way.HALF_HANGS: (None, True),
}


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What happens: pairs of seconds and the way the platform has from then on, the first of them at 0.

    `rate` is messages per second, `latency` the most seconds that an answer takes, `talks` whether the platform sends
    requests of its own, whatever it takes. `idle` is the seconds for which it stays as it is at the end.
    """

    turns: tuple[tuple[float, Way], ...]
    rate: float = 1.0
    latency: float = 0.05
    talks: bool = False
    seed: int = 0
    idle: float = 200.0


class World:
    """One life of a platform. `told` is when partners were told what; `opened` how many failures each opening took."""

    def __init__(self, history: History, policy: Policy) -> None:
        self.told: list[tuple[float, ConnectionStatus]] = []
        self.opened: list[int] = []
        self._history = history
        self._times = [when for when, _ in history.turns]
        self._chance = random.Random(history.seed)
        self._breaker = Breaker(
            policy, State.REGISTERED, 0.0, self._chance.random(), ConnectionStatus.CONNECTED, -policy.quiet
        )
        self._agenda: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = self._under_way = self._failures = 0

    def run(self) -> None:
        """From the beginning to the end."""
        until = self._times[-1] + self._history.idle
        self._at(self._chance.random() / self._history.rate, self._send)
        if self._history.talks:
            self._at(self._chance.random(), self._talk)
        now = 0.0
        while now < until:
            now = min(self._agenda[0][0], max(now, self._breaker.due))
            if self._agenda[0][0] <= now:
                heapq.heappop(self._agenda)[2](now)
            if self._breaker.probe_due <= now:
                self._breaker.begin_probe(now)
                self._meet(now, _PROBE, self._probed)
            if status := self._breaker.publishable(now):
                self._breaker.publish(now)
                self.told.append((now, status))

    def status(self, now: float) -> ConnectionStatus:
        """What partners believe."""
        told = bisect_right(self.told, now, key=lambda each: each[0])
        return self.told[told - 1][1] if told else ConnectionStatus.CONNECTED

    def _at(self, when: float, what: Callable[[float], None]) -> None:
        self._number += 1
        heapq.heappush(self._agenda, (when, self._number, what))

    def _meet(
        self, now: float, table: dict[Way, tuple[float | None, bool]], what: Callable[[float, float, bool], None]
    ) -> None:
        """An attempt at the platform; `what` is called with the time, the seconds it took, and whether it went well."""
        took, alive = table[self._history.turns[bisect_right(self._times, now) - 1][1]]
        took = self._chance.uniform(0.001, self._history.latency) if took is None else took
        self._at(now + took, lambda when: what(when, took, alive))

    def _send(self, now: float) -> None:
        self._at(now + self._chance.uniform(0.8, 1.0) / self._history.rate, self._send)
        if not self._breaker.open and self._under_way < CONNECTIONS:
            self._under_way += 1
            self._meet(now, _MESSAGE, self._answered)

    def _answered(self, now: float, took: float, alive: bool) -> None:
        self._under_way -= 1
        if alive:
            self._breaker.answered(now)
        else:
            self._failing(lambda: self._breaker.failed(now, self._chance.random(), took))
        self._failures = 0 if alive else self._failures

    def _probed(self, now: float, _took: float, alive: bool) -> None:
        self._failing(lambda: self._breaker.end_probe(now, self._chance.random(), alive=alive))

    def _failing(self, step: Callable[[], None]) -> None:
        was_open = self._breaker.open
        step()
        if self._breaker.open and not was_open:
            self.opened.append(self._breaker.failures)

    def _talk(self, now: float) -> None:
        self._at(now + self._chance.uniform(0.5, 5.0), self._talk)
        self._breaker.seen(now)


def spells(history: History, ways: frozenset[Way]) -> list[tuple[float, float]]:
    """When it was in one of these ways, from when until when; a change between two of them ends no spell."""
    found: list[tuple[float, float]] = []
    for (when, way), (end, _) in pairwise((*history.turns, (history.turns[-1][0] + history.idle, Way.UP))):
        if way not in ways:
            continue
        since = found.pop()[0] if found and found[-1][1] == when else when
        found.append((since, end))
    return found
