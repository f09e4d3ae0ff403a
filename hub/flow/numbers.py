"""The numbers of exchanges and deliveries: moments that never come twice."""

from time import time_ns


class Numbers:
    """Gives numbers that only grow: microseconds since 1970, or one more than the last.

    A number says when it was given, sorts by time, and is exact in JSON until the year 2255.
    """

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        """A new number."""
        now = time_ns() // 1000
        self._last = now = now if now > self._last else self._last + 1
        return now
