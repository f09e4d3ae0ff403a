"""How much passes, how it ends and how long it takes, over the last minutes: counted in memory, from the bus."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest
from time import time_ns

import msgspec

from hub.core.durations import step_of
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
from hub.flow.counted import KEPT, LATELY, MINUTES, SLOT, Count, Slot, Summed, Times
from hub.flow.entries import outcome_of
from hub.flow.node_says import MOST_ADDRESSES, NodeSays, PartnerSays
from hub.flow.waiting import Waiting
from hub.partners.directory import now_ms

_SLOT_NS = SLOT * 1_000_000
_SPARE = 6
"""Slots that are kept longer, so that they can be taken from sums again."""
_STAY = 2
_ANSWERED = (Outcome.DELIVERED, Outcome.DECLINED)


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


def traffic_of(nodes: Sequence[NodeSays]) -> Traffic:
    """What all nodes tell, added up."""
    outcomes: Counter[str] = Counter()
    hub, partner = Times(), Times()
    series = [0] * LATELY
    for each in nodes:
        outcomes.update(each.outcomes)
        hub.steps.update(each.hub)
        partner.steps.update(each.partner)
        for place, count in enumerate(each.series[-LATELY:], LATELY - len(each.series[-LATELY:])):
            series[place] += count
    messages = sum(each.messages for each in nodes)
    return Traffic(
        minutes=MINUTES,
        messages=messages,
        per_minute=messages / MINUTES,
        outcomes=dict(outcomes.most_common()),
        turned_away=sum(each.turned_away for each in nodes),
        hub_p50=hub.at(0.5),
        hub_p99=hub.at(0.99),
        partner_p50=partner.at(0.5),
        partner_p99=partner.at(0.99),
        series=tuple(series),
    )


def partner_traffic_of(told: Sequence[PartnerSays]) -> PartnerTraffic:
    """What all nodes tell of one partner, added up."""
    times = Times()
    limited: Counter[str] = Counter()
    for each in told:
        times.steps.update(each.steps)
        limited.update(each.limited)
    refused = min((each.token_refused_ago for each in told if each.token_refused_ago is not None), default=None)
    return PartnerTraffic(
        sent=sum(each.sent for each in told),
        delivered=sum(each.delivered for each in told),
        failed=sum(each.failed for each in told),
        p50=times.at(0.5),
        p99=times.at(0.99),
        findings=sum(each.findings for each in told),
        findings_before=sum(each.findings_before for each in told),
        limited=dict(limited),
        token_refused=None if refused is None else now_ms() - round(refused * 1000),
    )


class Pulse:
    """Listens and counts. Nothing of it survives a restart."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._slots: deque[tuple[int, Slot]] = deque(maxlen=KEPT + _SPARE)
        self._sums: dict[str, Summed] = {}
        self._number = 0
        self._over: list[Times] = []
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

    def node(self) -> NodeSays:
        """The last minutes of all, as this node counted them."""
        lately, _ = self._lately()
        outcomes: Counter[str] = Counter()
        for each in lately:
            outcomes.update({outcome.value: count for outcome, count in each.outcomes.items()})
        strangers = self.strangers()
        return NodeSays(
            messages=sum(each.messages for each in lately),
            outcomes=dict(outcomes),
            turned_away=sum(each.turned_away for each in lately),
            hub=dict(Times().plus(each.hub for each in lately).steps),
            partner=dict(Times().plus(each.partner for each in lately).steps),
            series=tuple(each.messages for each in lately),
            wrong_tokens=strangers.total(),
            strangers=dict(strangers.most_common(MOST_ADDRESSES)),
            events_lost=self.lost,
        )

    def told(self, partners: Iterable[tuple[int, str]]) -> list[PartnerSays]:
        """The last minutes of partners, by id and name, as this node counted them."""
        now, known = now_ms() // SLOT, dict(self._slots)
        return [self._told(platform_id, name, now, known) for platform_id, name in partners]

    def _told(self, platform_id: int, name: str, now: int, known: Mapping[int, Slot]) -> PartnerSays:
        summed = self._sums.get(name)
        if summed is None or not 0 <= now - summed.at <= _SPARE:
            summed = self._sums[name] = Summed(name, now - KEPT)
        summed.move(now, known)
        late, newest = summed.lately, known[now].partners.get(name) if now in known else None
        count = Count().plus(late).plus(newest) if newest else late
        refused = self._token_refused.get(name)
        return PartnerSays(
            id=platform_id,
            sent=count.sent,
            delivered=count.delivered,
            failed=count.failed,
            steps=dict(+count.times.steps),
            findings=count.findings,
            findings_before=summed.findings_before,
            limited=dict(+count.limited),
            token_refused_ago=None if refused is None else (now_ms() - refused) / 1000,
        )

    def active(self, most: int) -> list[str]:
        """The partners of which something passed in the last minutes; of too many, the busiest."""
        lately, _ = self._lately()
        found = dict.fromkeys(self._token_refused)
        for slot in lately:
            found.update(dict.fromkeys(slot.partners))
        if len(found) <= most:
            return list(found)
        over = lately[-2].partners
        busy = {name: count.sent + count.delivered + count.failed for name, count in over.items()}
        # Those that were summed up before cost little: they stay, unless others are much busier.
        return nlargest(most, found, key=lambda name: busy.get(name, 0) * (_STAY if name in self._sums else 1))

    def traffic(self) -> Traffic:
        """The last minutes of all, at this node."""
        return traffic_of([self.node()])

    def partner(self, name: str) -> PartnerTraffic:
        """The last minutes of one partner, at this node."""
        return partner_traffic_of(self.told([(0, name)]))

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
        slots = [known.get(number) or Slot() for number in range(now - KEPT + 1, now + 1)]
        return slots[LATELY:], slots[:LATELY]

    def _slot(self) -> Slot:
        number = time_ns() // _SLOT_NS
        if number != self._number or not self._slots:
            self._number = number
            if self._slots:
                self._over += self._slots[-1][1].times
            self._slots.append((number, Slot()))
        if self._over:
            self._over.pop().pack()  # one with each event: of many partners, all at once would take long
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
        count = slot.partners.get(name) or slot.of(name)
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
        if not leg.broadcast:
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
            self._sums.pop(event.platform, None)
