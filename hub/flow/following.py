"""In which order the pushes of broadcasts reach a party: those of one object as the hub took them over."""

import asyncio
from typing import TypeAlias

from hub.core.party import Party

Subject: TypeAlias = tuple[str, tuple[str, ...]]


class Deliveries:
    """The deliveries of one broadcast that have not ended. Those of a newer push of the same object wait for them."""

    def __init__(self, subject: Subject, to: tuple[Party, ...], earlier: "Deliveries | None") -> None:
        self.subject = subject
        self.pending = set(to)
        self._earlier = earlier
        self._waiting: dict[Party, asyncio.Event] = {}

    def waits(self, party: Party) -> bool:
        """Whether there is an earlier one to wait for."""
        return self._earlier is not None and party in self._earlier.pending

    async def turn(self, party: Party) -> None:
        """Wait until what was sent before about the same object has reached a party, or failed to."""
        if self._earlier is not None:
            await self._earlier.over(party)

    async def over(self, party: Party) -> None:
        """Wait until the delivery to a party ended; at once where there is none."""
        if party in self.pending:
            await self._waiting.setdefault(party, asyncio.Event()).wait()

    def ended(self, party: Party) -> None:
        """The delivery to a party ended, this way or that."""
        self.pending.discard(party)
        if waiting := self._waiting.pop(party, None):
            waiting.set()

    def end(self) -> None:
        """All of them ended."""
        self._earlier = None
        for party in tuple(self.pending):
            self.ended(party)
