"""Brings what this node has in memory up to date with what other nodes changed in the store.

A number in the store says how much was changed. It is asked for again and again; that PostgreSQL tells of a change is
only a hint to ask sooner.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.changes import Change, Topic, latest, since
from hub.store.database import Database

log = structlog.get_logger()

Handler = Callable[[Collection[str] | None], Awaitable[None]]
"""Gets the keys of what was changed; None where it may be anything."""


class Follower:
    """Reads what is new, and hands it on by topic, in the order in which the topics were first followed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._handlers: dict[Topic, list[Handler]] = {}
        self.seen = 0
        self._doubts = self._settled = 0
        self._reading = asyncio.Lock()

    def follow(self, topic: Topic, handler: Handler) -> None:
        """Have a function called with what other nodes change."""
        self._handlers.setdefault(topic, []).append(handler)

    async def mark(self) -> None:
        """Take all that is in the store now as known. To be called before it is read for the first time."""
        self.seen = await self._database.read(latest)

    def doubt(self) -> None:
        """Something may have been missed: read everything again, the next time."""
        self._doubts += 1

    async def catch_up(self) -> None:
        """Read what is new. When this returns, memory is at least as new as the store was when it was called.

        Raises StoreError. What fails is done again, and all the rest with it, the next time.
        """
        async with self._reading:
            doubts = self._doubts
            number, changes = await self._database.read(lambda connection: _news(connection, self.seen))
            whole = changes is None or doubts != self._settled
            if whole:
                log.info("nodes_read_anew", seen=self.seen, now=number)
            elif not changes:
                return
            self._settled = -1  # what fails now is done again
            for topic, handlers in self._handlers.items():
                keys = None if changes is None or whole else self._keys(changes, topic)
                if keys is None or keys:
                    for handler in handlers:
                        await handler(keys)
            self.seen, self._settled = number, doubts

    def _keys(self, changes: Collection[Change], topic: Topic) -> list[str]:
        """What other nodes changed, each once."""
        mine = self._database.node
        return list(dict.fromkeys(each.key for each in changes if each.topic == topic and each.node != mine))


async def _news(connection: AsyncConnection, seen: int) -> tuple[int, list[Change] | None]:
    return await latest(connection), await since(connection, seen)
