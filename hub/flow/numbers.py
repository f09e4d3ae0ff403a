"""The numbers of exchanges and deliveries: moments that never come twice."""

from time import time_ns


class Numbers:
    """Gives numbers that only grow: microseconds since 1970, or one more than the last.

    A number says when it was given, sorts by time, and is exact in JSON until the year 2255. Where several nodes
    give them, it is up to as many microseconds early or late.
    """

    def __init__(self) -> None:
        self._last = self._slot = 0
        self._step = 1

    def share(self, slot: int, of: int) -> None:
        """Give only numbers that leave the remainder `slot` when divided by `of`: other nodes give the others."""
        self._slot, self._step = slot, of
        self._last += of - self._last % of + slot

    def next(self) -> int:
        """A new number."""
        now = time_ns() // 1000
        now += self._slot - now % self._step
        self._last = now = now if now > self._last else self._last + self._step
        return now
