"""How much passes, how it ends and how long it takes, over the last minutes: counted in memory, from the bus."""

from collections import Counter, deque
from collections.abc import Iterable
from time import time_ns

import msgspec

from hub.core.durations import of_step, step_of
from hub.core.outcome import Outcome
from hub.events import (
    Attached,
    Bus,
    Delivered,
    Found,
    Handled,
    Handlers,
    Limited,
    PartnerChanged,
    Refused,
    Registered,
    TokenRefused,
)
from hub.flow.entries import outcome_of
from hub.flow.waiting import Waiting
from hub.partners.directory import now_ms

MINUTES = 5
SLOT = 10_000
"""Milliseconds that are counted together."""
_SLOT_NS = SLOT * 1_000_000
_LATELY = MINUTES * 60_000 // SLOT
_KEPT = 2 * _LATELY
_ANSWERED = (Outcome.DELIVERED, Outcome.DECLINED)


class Times:
    """Many times in few numbers: how often each length was, in steps of nine percent."""

    __slots__ = ("steps",)

    def __init__(self) -> None:
        self.steps: Counter[int] = Counter()

    def plus(self, others: Iterable["Times"]) -> "Times":
        """All of them together."""
        together = Times()
        for each in (self, *others):
            together.steps.update(each.steps)
        return together

    def at(self, share: float) -> float | None:
        """Seconds in which this share of them was over; None where there are none."""
        wanted = share * self.steps.total()
        for step, count in sorted(self.steps.items()):
            wanted -= count
            if wanted <= 0:
                return of_step(step) / 1_000_000
        return None


class Count:
    """What was counted of one partner in one slot."""

    __slots__ = ("delivered", "failed", "findings", "limited", "sent", "times")

    def __init__(self) -> None:
        self.sent = self.delivered = self.failed = self.findings = 0
        self.limited: Counter[str] = Counter()
        self.times = Times()


class Slot:
    """What was counted in one stretch of time."""

    __slots__ = ("hub", "messages", "outcomes", "partner", "partners", "strangers", "turned_away")

    def __init__(self) -> None:
        self.messages = self.turned_away = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.hub, self.partner = Times(), Times()
        self.partners: dict[str, Count] = {}
        self.strangers: Counter[str] = Counter()

    def of(self, platform: str) -> Count:
        """What is counted of a partner."""
        count = self.partners.get(platform)
        if count is None:
            count = self.partners[platform] = Count()
        return count


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """The last minutes. Times are seconds: the hub's own, and those that partners took; None where there were none.

    `series` has the messages of each ten seconds, the oldest first; the last one is not full yet.
    """

    minutes: int
    messages: int
    per_minute: float
    outcomes: dict[str, int]
    turned_away: int
    hub_p50: float | None
    hub_p99: float | None
    partner_p50: float | None
    partner_p99: float | None
    series: tuple[int, ...]


class PartnerTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """The last minutes of one partner. `*_before` are those of as many minutes before."""

    sent: int = 0
    delivered: int = 0
    failed: int = 0
    p50: float | None = None
    p99: float | None = None
    findings: int = 0
    findings_before: int = 0
    limited: dict[str, int] = {}
    token_refused: int | None = None


class Pulse:
    """Listens and counts. Nothing of it survives a restart."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._slots: deque[tuple[int, Slot]] = deque(maxlen=_KEPT)
        self._number = 0
        self._waiting = Waiting()
        self._token_refused: dict[str, int] = {}
        self._subscription: Attached | None = None

    def start(self) -> None:
        """Begin to count."""
        handlers: Handlers = {
            Handled: self._handled,
            Delivered: self._delivered,
            Refused: self._refused,
            Limited: self._limited,
            Found: self._found,
            TokenRefused: self._refused_token,
            Registered: self._registered,
            PartnerChanged: self._changed,
        }
        self._subscription = self._bus.attach(handlers, name="pulse")

    @property
    def lost(self) -> int:
        """Events that came too fast to be counted, since the start."""
        return self._subscription.dropped if self._subscription else 0

    def traffic(self) -> Traffic:
        """The last minutes of all."""
        lately, _ = self._lately()
        hub, partner = (
            Times().plus(times) for times in zip(*((each.hub, each.partner) for each in lately), strict=True)
        )
        outcomes: Counter[Outcome] = Counter()
        for each in lately:
            outcomes.update(each.outcomes)
        messages = sum(each.messages for each in lately)
        return Traffic(
            minutes=MINUTES,
            messages=messages,
            per_minute=messages / MINUTES,
            outcomes={key.value: count for key, count in outcomes.most_common()},
            turned_away=sum(each.turned_away for each in lately),
            hub_p50=hub.at(0.5),
            hub_p99=hub.at(0.99),
            partner_p50=partner.at(0.5),
            partner_p99=partner.at(0.99),
            series=tuple(each.messages for each in lately),
        )

    def partner(self, name: str) -> PartnerTraffic:
        """The last minutes of one partner."""
        lately, before = ([slot.partners[name] for slot in part if name in slot.partners] for part in self._lately())
        times = Times().plus(each.times for each in lately)
        limited: Counter[str] = Counter()
        for each in lately:
            limited.update(each.limited)
        return PartnerTraffic(
            sent=sum(each.sent for each in lately),
            delivered=sum(each.delivered for each in lately),
            failed=sum(each.failed for each in lately),
            p50=times.at(0.5),
            p99=times.at(0.99),
            findings=sum(each.findings for each in lately),
            findings_before=sum(each.findings for each in before),
            limited=dict(limited),
            token_refused=self._token_refused.get(name),
        )

    def strangers(self) -> Counter[str]:
        """How many requests with a wrong token came in the last minutes, by address."""
        found: Counter[str] = Counter()
        for each in self._lately()[0]:
            found.update(each.strangers)
        return found

    def _lately(self) -> tuple[list[Slot], list[Slot]]:
        """The slots of the last minutes, and of as many before, the oldest first; empty ones where nothing came."""
        now = now_ms() // SLOT
        known = dict(self._slots)
        slots = [known.get(number) or Slot() for number in range(now - _KEPT + 1, now + 1)]
        return slots[_LATELY:], slots[:_LATELY]

    def _slot(self) -> Slot:
        number = time_ns() // _SLOT_NS
        if number != self._number or not self._slots:
            self._number = number
            self._slots.append((number, Slot()))
        return self._slots[-1][1]

    def _handled(self, event: Handled) -> None:
        slot = self._slot()
        slot.messages += 1
        slot.outcomes[outcome_of(event.route, event.reply)] += 1
        slot.of(event.message.platform.name).sent += 1
        if (own := self._waiting.own(event)) is not None:
            slot.hub.steps[step_of(own)] += 1

    def _delivered(self, event: Delivered) -> None:
        slot, leg = self._slot(), event.leg
        name = leg.platform.name
        count = slot.of(name)
        if leg.ended in _ANSWERED:
            count.delivered += 1
            if self._token_refused:
                self._token_refused.pop(name, None)
        elif leg.ended is Outcome.FAILED:
            count.failed += 1
        if leg.http is not None:
            step = step_of(leg.waited)
            count.times.steps[step] += 1
            slot.partner.steps[step] += 1
        self._waiting.delivered(event)

    def _refused(self, event: Refused) -> None:
        slot = self._slot()
        slot.turned_away += 1
        if event.http in (401, 429) and event.platform is None:
            slot.strangers[event.address or "?"] += 1

    def _limited(self, event: Limited) -> None:
        if event.platform is not None:
            self._slot().of(event.platform).limited[event.limit] += 1

    def _found(self, event: Found) -> None:
        self._slot().of(event.platform).findings += 1

    def _refused_token(self, event: TokenRefused) -> None:
        self._token_refused[event.platform] = now_ms()

    def _registered(self, event: Registered) -> None:
        self._token_refused.pop(event.platform, None)

    def _changed(self, event: PartnerChanged) -> None:
        if event.change == "removed":
            self._token_refused.pop(event.platform, None)
