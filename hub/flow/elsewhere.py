"""What other nodes write into the journal, for those who watch what comes just now at this one.

Rows come late: each node writes them in batches, after the answer, and its clock may be behind. So some time before now
is looked at again and again, and each row is passed on once. What one node alone wrote is told by its numbers.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import structlog
from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.outcome import Outcome
from hub.core.route import Way
from hub.flow.journal import Kind
from hub.flow.known_nodes import KnownNodes
from hub.store.database import Database
from hub.store.errors import StoreError
from hub.store.journal_schema import delivery, exchange
from hub.store.roster import SLOTS
from hub.store.rows import Values
from hub.store.statements import among, clock

log = structlog.get_logger()

_PAUSE = 0.5
_ENOUGH = 10.0
"""Seconds after which nobody watches any more."""
_BACK = 35_000
"""Milliseconds: a message may take as long as that until it is answered, and its row is written then."""
_MOST = 2000
"""So many rows of one kind are looked at: where more come in that time, those of slow messages are not passed on."""


class Elsewhere:
    """Looks while somebody watches. `show` gets each row once, as the values of its columns."""

    def __init__(self, database: Database, nodes: KnownNodes, show: Callable[[Kind, Values], None]) -> None:
        self._database = database
        self._nodes = nodes
        self._show = show
        self._clock = asyncio.get_running_loop().time
        self._asked_at = float("-inf")
        self._seen: dict[Kind, set[int]] = {}
        self._beginning = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def watch(self) -> None:
        """Somebody watches, for some seconds from now on. What was written before the first time is not shown."""
        if not self._nodes.shared:
            return
        self._asked_at = self._clock()
        async with self._beginning:
            if self._task is None or self._task.done():
                self._seen = {"exchange": set(), "delivery": set()}
                with suppress(StoreError):
                    await self._look(show=False)
                self._task = asyncio.create_task(self._run(), name="journal elsewhere")

    async def stop(self) -> None:
        """Look no more."""
        if self._task:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _run(self) -> None:
        while self._clock() - self._asked_at < _ENOUGH:
            await asyncio.sleep(_PAUSE)
            try:
                await self._look(show=True)
            except StoreError:
                continue  # the journal says so by itself
            except Exception as error:  # noqa: BLE001 - who watches may have more luck the next time
                log.warning("journal_of_others_not_read", error=repr(error))

    async def _look(self, *, show: bool) -> None:
        clocks = self._nodes.clocks()
        if not clocks:
            return
        since, found = await self._database.read(lambda connection: _new(connection, clocks, self._seen))
        for kind, row in sorted(found, key=lambda each: each[1][0]):
            self._seen[kind].add(row[0])
            if show:
                self._show(kind, row)
        self._seen = {kind: {each for each in seen if each >= since} for kind, seen in self._seen.items()}


async def _new(
    connection: AsyncConnection, clocks: Mapping[int, float], seen: Mapping[Kind, set[int]]
) -> tuple[int, list[tuple[Kind, Values]]]:
    """Rows of other nodes that were not seen: exchanges, and deliveries that failed after theirs was over.

    Before them the number from which on was looked. `clocks` are how far ahead those of the nodes are, by slot.
    """
    now = await connection.scalar(select(clock())) or 0
    since = (now + round(min(clocks.values()) * 1000) - _BACK) * 1000
    ended: dict[Kind, tuple[Table, Any]] = {
        "exchange": (exchange, select(exchange.c.id)),
        "delivery": (
            delivery,
            select(delivery.c.id)
            .join(exchange, exchange.c.id == delivery.c.exchange_id)
            .where(exchange.c.way == Way.BROADCAST.value, delivery.c.outcome != Outcome.DELIVERED.value),
        ),
    }
    found: list[tuple[Kind, Values]] = []
    for kind, (table, query) in ended.items():
        number = table.c.id
        wanted = query.where(number >= since, (number % SLOTS).in_(list(clocks))).order_by(number.desc()).limit(_MOST)
        new = [each for each in await connection.scalars(wanted) if each not in seen[kind]]
        if new:
            rows = await connection.execute(select(table).where(among(number, new)))
            found += [(kind, list(row)) for row in rows]
    return since, found
