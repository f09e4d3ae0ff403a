"""What is counted of all and of each partner in a few seconds, kept small when these are over, and its sums."""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain

from hub.core.durations import of_step
from hub.core.outcome import Outcome

MINUTES = 5
SLOT = 10_000
"""Milliseconds that are counted together."""
LATELY = MINUTES * 60_000 // SLOT
KEPT = 2 * LATELY
_PACKED: Counter[int] = Counter()
"""What stands in the place of numbers that are packed."""


class Times:
    """Many times in few numbers: how often each length was, in steps of nine percent."""

    __slots__ = ("_packed", "steps")

    def __init__(self) -> None:
        self.steps: Counter[int] = Counter()
        self._packed = b""

    def pack(self) -> None:
        """Take a tenth of the memory: nothing more is counted."""
        self._packed = array("I", chain.from_iterable(self.steps.items())).tobytes()
        self.steps = _PACKED

    def counted(self) -> Mapping[int, int]:
        """How often each step was."""
        if not self._packed:
            return self.steps
        numbers = array("I", self._packed)
        return dict(zip(numbers[::2], numbers[1::2], strict=True))

    def plus(self, others: Iterable["Times"]) -> "Times":
        """All of them together."""
        together = Times()
        for each in (self, *others):
            together.steps.update(each.counted())
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

    def plus(self, other: "Count", sign: int = 1) -> "Count":
        """This one, with another added, or taken away where the sign is -1."""
        self.sent += sign * other.sent
        self.delivered += sign * other.delivered
        self.failed += sign * other.failed
        self.findings += sign * other.findings
        if sign > 0:
            self.limited.update(other.limited)
            self.times.steps.update(other.times.counted())
        else:
            self.limited.subtract(other.limited)
            self.times.steps.subtract(other.times.counted())
        return self


class Slot:
    """What was counted in one stretch of time."""

    __slots__ = ("hub", "messages", "outcomes", "partner", "partners", "strangers", "turned_away")

    def __init__(self) -> None:
        self.messages = self.turned_away = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.hub, self.partner = Times(), Times()
        self.partners: dict[str, Count] = {}
        self.strangers: Counter[str] = Counter()

    @property
    def times(self) -> list[Times]:
        """All times that are counted in it."""
        return [self.hub, self.partner, *(each.times for each in self.partners.values())]

    def of(self, platform: str) -> Count:
        """What is counted of a partner."""
        count = self.partners.get(platform)
        if count is None:
            count = self.partners[platform] = Count()
        return count


class Summed:
    """The sums of one partner up to a slot, which moves on: only what comes in and what goes is looked at then.

    `at` is the slot before which all is summed up.
    """

    __slots__ = ("at", "begin", "findings_before", "lately", "name")

    def __init__(self, name: str, at: int) -> None:
        self.name = name
        self.at = self.begin = at
        self.lately = Count()
        self.findings_before = 0

    def move(self, now: int, known: Mapping[int, Slot]) -> None:
        """Move on to a slot. Those that are over do not change any more."""
        while self.at < now:
            self.at += 1
            if over := self._count(self.at - 1, known):
                self.lately.plus(over)
            if gone := self._count(self.at - LATELY, known):
                self.lately.plus(gone, -1)
                self.findings_before += gone.findings
            if forgotten := self._count(self.at - KEPT, known):
                self.findings_before -= forgotten.findings

    def _count(self, slot: int, known: Mapping[int, Slot]) -> Count | None:
        """What was counted in a slot, where that is one that was added."""
        return known[slot].partners.get(self.name) if slot in known and slot >= self.begin else None
