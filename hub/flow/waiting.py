"""How long the hub itself took for a message: all of it, but for what it waited for the partner."""

from hub.core.route import Way
from hub.events import Delivered, Handled

_UNDER_WAY = 10_000
_ASKS_MANY = frozenset((Way.ASK, Way.COLLECT))


def is_broadcast(event: Delivered) -> bool:
    """Whether a delivery is one of a broadcast, which was answered before it."""
    return event.leg.broadcast


class Waiting:
    """Remembers what each exchange under way waited for, until it is handled."""

    def __init__(self) -> None:
        self._waited: dict[int, int] = {}

    def delivered(self, event: Delivered) -> None:
        """Note how long a platform took; not for a broadcast, whose sender was answered before.

        Of those that were asked beside others, nobody fetches it: the oldest go.
        """
        if waited := event.leg.waited:
            self._waited[event.message.exchange] = waited
            if len(self._waited) > _UNDER_WAY:
                del self._waited[next(iter(self._waited))]

    def own(self, event: Handled) -> float | None:
        """The hub's own microseconds; None where it asked many at once, whose time can not be taken off."""
        way = event.route.way
        waited = 0 if way is Way.BROADCAST else self._waited.pop(event.message.exchange, 0)
        return None if way in _ASKS_MANY else event.seconds * 1_000_000 - waited
