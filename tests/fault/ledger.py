"""The book of a soak: who may have which push, who got it, and what was wrong about that. A few bytes for each push."""

import re
from collections import Counter

MARKER = re.compile(rb"marker-(\d{9})")


def marker(number: int) -> str:
    """What a push carries."""
    return f"marker-{number:09}"


class Ledger:
    """Up to seven `members` have a bit each; guests, who come and go, share the last one."""

    def __init__(self, members: list[str]) -> None:
        self._bits = {member: 1 << place for place, member in enumerate(members)}
        self._guests = 1 << len(members)
        self._may = bytearray()
        self._came = bytearray()
        self.delivered: Counter[str] = Counter()
        self.twice = 0
        self.wrong = 0

    @property
    def pushes(self) -> int:
        """So many were written down."""
        return len(self._may)

    def write(self, members: set[str], *, guests: bool) -> int:
        """A push that these may have: the number that it gets."""
        self._may.append(sum(self._bits[each] for each in members) | (self._guests if guests else 0))
        self._came.append(0)
        return len(self._may) - 1

    def allow(self, number: int, member: str) -> None:
        """It may have this one, too."""
        self._may[number] |= self._bits[member]

    def take(self, party: str, body: bytes) -> None:
        """A member got a push."""
        for found in MARKER.findall(body)[:1]:
            number, bit = int(found), self._bits[party]
            self.delivered[party] += 1
            self.twice += bool(self._came[number] & bit)
            self.wrong += not self._may[number] & bit
            self._came[number] |= bit

    def take_guest(self, seen: set[int], body: bytes) -> None:
        """A guest, which has `seen` these before, got a push."""
        for found in MARKER.findall(body)[:1]:
            number = int(found)
            self.delivered["guests"] += 1
            self.twice += number in seen
            self.wrong += not self._may[number] & self._guests
            seen.add(number)
