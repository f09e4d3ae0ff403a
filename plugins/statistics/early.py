"""What is told of a session before another node has written down that it is there: it has a second turn."""

import time

from .reading import Seen

_MOST = 1000
_SLACK = 1.0


class Early:
    """Pushes that wait for their second turn, which is after `seconds` in which the other nodes write."""

    def __init__(self, seconds: float) -> None:
        self._wait = seconds + _SLACK
        self._waiting: list[tuple[float, Seen]] = []
        self._again: set[int] = set()

    def ripe(self) -> list[Seen]:
        """Those whose second turn is now."""
        until = time.monotonic() - self._wait
        found = [each for since, each in self._waiting if since <= until]
        self._waiting = [each for each in self._waiting if each[0] > until]
        self._again = {id(each) for each in found}
        return found

    def take(self, seen: Seen) -> bool:
        """Let one wait; False where it has waited before, or too many do."""
        if id(seen) in self._again or len(self._waiting) >= _MOST:
            return False
        self._waiting.append((time.monotonic(), seen))
        return True
