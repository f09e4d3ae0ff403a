"""The numbers of exchanges and deliveries: moments that never come twice."""

import time


class Numbers:
    """Gives numbers that only grow: microseconds since 1970, or one more than the last.

    A number says when it was given, sorts by time, and is exact in JSON until the year 2255.
    """

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        """A new number."""
        self._last = max(time.time_ns() // 1000, self._last + 1)
        return self._last
