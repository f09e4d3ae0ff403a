"""Limits per partner: requests per second, requests under way, broadcasts per second; and of wrong tokens.

A partner that asks for more is told so (HTTP 429) and when to come back, before anything is done for it. Who has a
token is never kept waiting by those who have none, also where a proxy makes all of them one address.
"""

from collections import Counter
from collections.abc import Callable

import msgspec
import structlog

from hub.config import PartnerLimits
from hub.core.directory import Platform
from hub.core.limits import Allowance, Pace
from hub.errors import TooManyRequests
from hub.events import Bus, Limited, LimitKind

log = structlog.get_logger()

_ADDRESSES = 10_000
_MINUTE = 60.0
_TELL_AGAIN = 60.0
"""Seconds after which the log says again that a partner is over its limits."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner may do, what is under way, and how often it was refused since the hub started, by limit."""

    allowed: Allowance
    under_way: int
    refused: dict[str, int]


class Meter:
    """What one platform has asked for. `platform` is the snapshot that the limits were taken from."""

    __slots__ = ("allowed", "broadcasts", "burst", "platform", "refused", "requests", "running", "told_at")

    def __init__(self) -> None:
        self.platform: Platform | None = None
        self.allowed = Allowance(requests=0.0, broadcasts=0.0, parallel=0)
        self.burst = 0.0
        self.requests: Pace | None = None
        self.broadcasts: Pace | None = None
        self.running = 0
        self.refused: Counter[LimitKind] = Counter()
        self.told_at = float("-inf")

    def leave(self) -> None:
        """A request that was let in is answered."""
        self.running -= 1


class Gate:
    """Lets requests in. `clock` gives seconds, as those of an event loop."""

    def __init__(self, settings: PartnerLimits, bus: Bus, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._bus = bus
        self._clock = clock
        self._meters: dict[int, Meter] = {}
        self._strangers: dict[str, Pace] = {}
        self.wrong_tokens = 0

    def reconfigure(self, settings: PartnerLimits) -> None:
        """Other limits from now on. What is under way stays."""
        self._settings = settings
        self._strangers.clear()
        for meter in self._meters.values():
            meter.platform = None

    def enter(self, platform: Platform) -> Meter:
        """Let a request in; call `leave` when it is answered. Raises TooManyRequests."""
        meter = self._meters.get(platform.id)
        if meter is None or meter.platform is not platform:
            meter = self._meter(platform)
        if (most := meter.allowed.parallel) and meter.running >= most:
            words = f"{most} of your requests are under way, and no more may be at a time"
            raise self._refuse(meter, platform, "parallel", f"{words}; wait for an answer", 1.0)
        if meter.requests is not None and (wait := meter.requests.wait(self._clock())):
            words = f"you may send {meter.allowed.requests:g} requests per second; slow down"
            raise self._refuse(meter, platform, "requests", words, wait)
        meter.running += 1
        return meter

    def admits(self, platform: Platform) -> Meter | None:
        """As `enter`; None, and nothing is counted, where that would refuse."""
        meter = self._meters.get(platform.id)
        if meter is None or meter.platform is not platform:
            meter = self._meter(platform)
        if (most := meter.allowed.parallel) and meter.running >= most:
            return None
        if meter.requests is not None and meter.requests.wait(self._clock()):
            return None
        meter.running += 1
        return meter

    def forget(self, platform_id: int) -> None:
        """A platform is gone: nothing of what it asked for counts any more."""
        self._meters.pop(platform_id, None)

    def broadcast(self, platform: Platform) -> None:
        """Count a broadcast that a platform begins. Raises TooManyRequests."""
        meter = self._meter(platform)
        if meter.broadcasts is not None and (wait := meter.broadcasts.wait(self._clock())):
            words = f"you may send {meter.allowed.broadcasts:g} broadcasts per second; slow down"
            raise self._refuse(meter, platform, "broadcasts", words, wait)

    def stranger(self, address: str) -> None:
        """Count a request without a valid token from an address. Raises TooManyRequests."""
        self.wrong_tokens += 1
        allowed = self._settings.wrong_tokens
        if not allowed:
            return
        now = self._clock()
        pace = self._strangers.get(address)
        if pace is None:
            if len(self._strangers) >= _ADDRESSES:
                del self._strangers[next(iter(self._strangers))]
            pace = self._strangers[address] = Pace(allowed / _MINUTE, _MINUTE)
        if wait := pace.wait(now):
            self._bus.publish(Limited(platform=None, limit="wrong_tokens", address=address))
            words = f"{allowed} requests with a wrong token came from {address} within a minute"
            raise TooManyRequests(f"{words}; check the token", wait)

    def usage(self, platform: Platform) -> Usage:
        """How much a platform makes use of what it may."""
        meter = self._meter(platform)
        refused = {str(kind): count for kind, count in meter.refused.items()}
        return Usage(allowed=meter.allowed, under_way=meter.running, refused=refused)

    def _meter(self, platform: Platform) -> Meter:
        meter = self._meters.get(platform.id)
        if meter is None:
            meter = self._meters[platform.id] = Meter()
        if meter.platform is not platform:
            self._tune(meter, platform)
        return meter

    def _tune(self, meter: Meter, platform: Platform) -> None:
        """Take over what holds for a platform now. Where that is as before, what was counted stays counted."""
        meter.platform = platform
        settings = self._settings
        allowed = platform.limits.over(
            Allowance(requests=settings.requests, broadcasts=settings.broadcasts, parallel=settings.parallel)
        )
        if (allowed, settings.burst) == (meter.allowed, meter.burst):
            return
        meter.allowed, meter.burst = allowed, settings.burst
        meter.requests = Pace(allowed.requests, settings.burst) if allowed.requests else None
        meter.broadcasts = Pace(allowed.broadcasts, settings.burst) if allowed.broadcasts else None

    def _refuse(self, meter: Meter, platform: Platform, limit: LimitKind, words: str, wait: float) -> TooManyRequests:
        meter.refused[limit] += 1
        now = self._clock()
        if now - meter.told_at > _TELL_AGAIN:
            meter.told_at = now
            log.warning("limited", platform=platform.name, limit=limit, reason=words)
        self._bus.publish(Limited(platform=platform.name, limit=limit, address=None))
        return TooManyRequests(words, wait)
