"""The connections of one platform: how many are in use, and which idle ones can carry the next request."""

from hub.upstream.connection import Connection
from hub.upstream.request import Fault, Limits, SendError
from hub.upstream.url import Origin

_RESERVED = 4
"""One in so many connections is kept for others than the one that uses the most."""
_MARGIN = 1.0
"""Seconds that a connection is given up before its server would."""


class Pool:
    """At most `Limits.connections`, in use and idle together, spread over the platform's origins."""

    __slots__ = ("_idle", "_limits", "_used_by", "dropped", "in_use")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._idle: list[Connection] = []  # the longest unused one first
        self._used_by: dict[int, int] = {}
        self.in_use = 0
        self.dropped = False

    @property
    def idle(self) -> int:
        """How many connections wait for a request."""
        return len(self._idle)

    def enter(self, sender: int | None) -> None:
        """Take a slot, or SendError(BUSY) at once: waiting would only hide that the platform is too slow.

        No `sender` gets them all: a quarter is left to the others, however much it sends.
        """
        most = self._limits.connections
        if self.in_use >= most:
            raise SendError(Fault.BUSY, f"all {most} connections are busy")
        if sender is not None:
            share, used = most - most // _RESERVED, self._used_by.get(sender, 0)
            if used >= share:
                raise SendError(Fault.BUSY, f"all {share} connections that one partner may use are busy")
            self._used_by[sender] = used + 1
        self.in_use += 1

    def hold(self, origin: Origin, now: float, sender: int | None, *, push: bool) -> Connection | None:
        """A connection that can carry a request at once, with a slot for it; None where there is none."""
        most = self._limits.connections
        used = 0 if sender is None else self._used_by.get(sender, 0)
        if self.in_use >= most or used >= most - most // _RESERVED:
            return None
        connection = self.take(origin, now, push=push)
        if connection is not None:
            self.in_use += 1
            if sender is not None:
                self._used_by[sender] = used + 1
        return connection

    def leave(self, sender: int | None) -> None:
        """Give the slot back."""
        self.in_use -= 1
        if sender is not None:
            left = self._used_by.pop(sender) - 1
            if left:
                self._used_by[sender] = left

    def take(self, origin: Origin, now: float, *, push: bool) -> Connection | None:
        """The idle connection to `origin` that was used last, if it is fresh enough."""
        idle = self._idle
        since = now - self._limits.push_idle if push else 0.0
        for index in range(len(idle) - 1, -1, -1):
            connection = idle[index]
            if connection.idle_since < since:
                return None
            if (
                (connection.origin is origin or connection.origin == origin)
                and connection.keep_until > now
                and connection.alive
            ):
                del idle[index]
                return connection
        return None

    def put(self, connection: Connection, now: float) -> None:
        """Keep a connection for the next request, for less time than its partner does if that is known."""
        keep = self._limits.idle
        if connection.keep_for is not None:
            keep = min(keep, connection.keep_for - _MARGIN)
        connection.idle_since = now
        connection.keep_until = now + keep
        self._idle.append(connection)

    def give_back(self, connection: Connection) -> None:
        """Keep a connection that was taken, and carried nothing."""
        self._idle.append(connection)

    def make_room(self) -> None:
        """Close the longest unused connections so that one more fits."""
        while self._idle and self.in_use + len(self._idle) > self._limits.connections:
            self._idle.pop(0).close()

    def reconfigure(self, limits: Limits) -> None:
        """Other bounds. What is idle is closed: it was opened under the old ones."""
        self._limits = limits
        while self._idle:
            self._idle.pop().close()

    def drop(self) -> None:
        """Keep no connection any more, and make no use of those that are being opened."""
        self.dropped = True
        while self._idle:
            self._idle.pop().close()

    def forget(self, connection: Connection) -> None:
        """A connection was lost; it may have been idle."""
        if connection in self._idle:
            self._idle.remove(connection)

    def reap(self, now: float) -> None:
        """Close what was idle for too long."""
        for connection in [idle for idle in self._idle if idle.keep_until <= now]:
            self._idle.remove(connection)
            connection.close()
