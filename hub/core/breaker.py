"""The breaker of one platform: whether messages may go there, when to look again, and what partners are told of it.

A pure state machine. Times are seconds of any one clock and are passed in; so is chance, as a number from 0 to 1.
OCPI 2.2.1, hubclientinfo: Still alive check, ConnectionStatus.
"""

from math import inf

import msgspec

from hub.core.directory import State
from hub.core.status import ConnectionStatus

_REACHABLE = frozenset((ConnectionStatus.CONNECTED, ConnectionStatus.OFFLINE))
_MOST_TRIES = 16
_SPREAD = 0.1
_LATE = 2.0
"""Seconds that a sign of trouble may be older than `Policy.settle` when partners are told of it."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """When a platform counts as gone, when it is probed, and how soon partners are told. Times are seconds.

    `failures` in a row open the breaker. While it is open, probes follow each other at distances that double from
    `first` to `longest`; a platform that was silent for `idle` is probed, too. What partners are told changes when it
    was so for `settle`, and `quiet` after it changed last at the earliest. OFFLINE is told upon a fresh sign of it
    alone: where the latest is older than `settle`, the platform is probed first. So nobody is told OFFLINE, and kept
    waiting for `quiet`, of one that is back already.
    """

    failures: int = 3
    idle: float = 300.0
    first: float = 1.0
    longest: float = 30.0
    settle: float = 10.0
    quiet: float = 60.0


class Breaker:
    """What the hub knows of one platform's connection. `open`: messages are refused at once.

    `published` is the status that partners were told last, `published_at` when; `state` where it stands with the hub.
    """

    __slots__ = (
        "_closed_at",
        "_confirmed",
        "_failures",
        "_found_at",
        "_gone_at",
        "_heard_at",
        "_lost",
        "_opened_at",
        "_patience",
        "_policy",
        "_probe_at",
        "_probed_at",
        "_probing",
        "_published_at",
        "_tries",
        "_trouble_at",
        "open",
        "published",
        "state",
    )

    def __init__(
        self,
        policy: Policy,
        state: State,
        now: float,
        jitter: float,
        published: ConnectionStatus | None = None,
        published_at: float = -inf,
    ) -> None:
        """A platform as it was left: one that was OFFLINE stays so until a probe says otherwise."""
        self.state = state
        self.published = published
        self.open = state is State.REGISTERED and published is ConnectionStatus.OFFLINE
        self._policy = policy
        self._published_at = published_at
        self._confirmed = published in _REACHABLE
        self._failures = self._lost = self._tries = 0
        self._trouble_at = now
        self._closed_at = self._found_at = self._gone_at = self._opened_at = -inf
        self._patience = policy.idle * (1 + _SPREAD * jitter)
        # A hub that starts must not probe all its platforms at the same moment.
        self._heard_at = now - policy.idle * jitter
        self._probe_at = now + policy.first * jitter if self.open or not self._confirmed else inf
        self._probed_at = -inf
        self._probing = False

    @property
    def failures(self) -> int:
        """Failures in a row: at `Policy.failures` the breaker opens."""
        return self._failures

    @property
    def trouble_at(self) -> float:
        """When that began which was the first failure of the latest row."""
        return self._trouble_at

    def reconfigure(self, policy: Policy, jitter: float) -> None:
        """Judge by another policy from now on."""
        self._policy = policy
        self._patience = policy.idle * (1 + _SPREAD * jitter)

    @property
    def due(self) -> float:
        """When there is something to do, a probe or a publication, if nothing happens before."""
        return min(self.probe_due, self.publish_due)

    @property
    def probe_due(self) -> float:
        """When the next probe is due; never while one is under way, or where nothing can be expected to answer."""
        if self._probing or self.state is not State.REGISTERED:
            return inf
        due = self._probe_at if self._probe_at < inf else self._heard_at + self._patience
        return min(due, self._tell_at - self._policy.settle) if self._in_doubt else due

    @property
    def status(self) -> ConnectionStatus | None:
        """The true status; None while that is not known: since a suspension ended, nothing was heard."""
        if self.state is State.INVITED:
            return ConnectionStatus.PLANNED
        if self.state is State.SUSPENDED:
            return ConnectionStatus.SUSPENDED
        if self.open:
            return ConnectionStatus.OFFLINE
        return ConnectionStatus.CONNECTED if self._confirmed else None

    @property
    def publish_due(self) -> float:
        """When the true status may be told; never where it was told already.

        Only what a connection does by itself has to settle. What people do, inviting, registering, suspending, is
        told at once.
        """
        return inf if self._in_doubt else self._tell_at

    @property
    def _tell_at(self) -> float:
        """When the true status is to be told, if it is still true by then."""
        status = self.status
        if status is None or status is self.published:
            return inf
        if status not in _REACHABLE or self.published not in _REACHABLE:
            return -inf
        since = self._trouble_at if self.open else self._closed_at
        return max(since + self._policy.settle, self._published_at + self._policy.quiet, self._opened_at)

    @property
    def _in_doubt(self) -> bool:
        """It is open, there is that to tell, and by then the latest sign of it will be an old one."""
        return self.open and self._gone_at + self._policy.settle + _LATE < self._tell_at < inf

    def publishable(self, now: float) -> ConnectionStatus | None:
        """The status to tell partners now, where there is one to tell."""
        return self.status if self.publish_due <= now else None

    def publish(self, now: float) -> None:
        """The true status was told."""
        self.published = self.status
        self._published_at = now

    def enter(self, state: State, now: float, *, confirmed: bool) -> None:
        """The platform was invited, registered, suspended, resumed. `confirmed`: it has just been in contact."""
        self.state = state
        self.open = False
        self._confirmed = confirmed
        self._failures = self._lost = self._tries = 0
        self._heard_at = self._closed_at = self._found_at = now
        self._probe_at = inf if confirmed else now

    def answered(self, now: float) -> bool:
        """The platform answered a message. Whether that changes anything; else a probe is due later, and no more."""
        self._heard_at = now
        if self.open:
            self.hurry(now)
            return True
        if self._confirmed and self._probe_at == inf and not (self._failures or self._lost or self._tries):
            return False
        self._confirmed = True
        self._failures = self._lost = self._tries = 0
        self._probe_at = inf
        return True

    def seen(self, now: float) -> bool:
        """The platform sent a request of its own: a sign of life, but no proof that it can be reached.

        Whether that changes anything, as of `answered`.
        """
        self._heard_at = now
        if self.open:
            self.hurry(now)
        return self.open

    def follow(self, status: ConnectionStatus, now: float, jitter: float) -> None:
        """Others found this, and told partners of it: it holds here, too."""
        self.published, self._published_at = status, now
        if self.state is not State.REGISTERED or status not in _REACHABLE:
            return
        if status is ConnectionStatus.CONNECTED:
            self._probed_at = now
            self._alive(now, jitter)
            self._probe_at = inf
        elif not self.open:
            self.open = True
            self._trouble_at = self._gone_at = self._opened_at = now
            self._wait(now, jitter)

    def failed(self, now: float, jitter: float, took: float = 0.0) -> None:
        """A message got no answer, which took so many seconds to find out.

        One that was sent before the platform was found to be back says nothing of it now.
        """
        if not self.open and now - took >= self._found_at:
            self._lost += 1
            self._count(now, jitter, now - took)

    def begin_probe(self, now: float) -> None:
        """A probe goes out."""
        self._probing = True
        self._probed_at = now

    def end_probe(self, now: float, jitter: float, *, alive: bool) -> None:
        """A probe came to its end. `alive`: it was answered."""
        self._probing = False
        self._probe_at = inf
        if alive:
            self._alive(now, jitter)
        elif self.open:
            self._gone_at = self._probed_at
            self._wait(now, jitter)
        else:
            self._count(now, jitter, self._probed_at)

    def _alive(self, now: float, jitter: float) -> None:
        self._heard_at = now
        self._confirmed = True
        self._patience = self._policy.idle * (1 + _SPREAD * jitter)
        if self.open:
            self.open = False
            self._lost = 0
            self._closed_at = now
            self._found_at = self._probed_at
        # An answer to a probe says nothing of messages that were lost: three of them open the breaker all the same.
        self._failures = self._lost

    def _count(self, now: float, jitter: float, began: float) -> None:
        """One more failure of a row. The first already asks for a probe: it tells sooner than traffic may."""
        self._trouble_at = min(self._trouble_at, began) if self._failures else began
        self._gone_at = max(self._gone_at, began)
        self._failures += 1
        if self._failures < self._policy.failures:
            self._probe_at = min(self._probe_at, now + self._policy.first * jitter)
            return
        self.open = True
        self._opened_at = now
        # Where a probe closed it a moment ago, the platform answers probes better than messages: look less often.
        if now - self._closed_at > self._policy.longest:
            self._tries = 0
        self._wait(now, jitter)

    def _wait(self, now: float, jitter: float) -> None:
        """Put the next probe off, each time twice as far."""
        delay = min(self._policy.longest, self._policy.first * 2**self._tries)
        self._probe_at = now + delay * (0.5 + jitter / 2)
        self._tries = min(self._tries + 1, _MOST_TRIES)

    def hurry(self, now: float) -> None:
        """Probe at once, though not more often than ever: a platform may send requests and take none."""
        self._probe_at = min(self._probe_at, max(now, self._probed_at + self._policy.first))
