"""A node's seat in PostgreSQL: a connection of its own, which holds advisory locks and listens.

The locks go with the connection: PostgreSQL frees them at once when the process dies, and within some seconds when
the network was cut. The node itself stops to lead earlier than that: as soon as it has not heard of its connection
for a moment.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from hub.store.database import Database
from hub.store.driver import asyncpg
from hub.store.errors import DatabaseSlow, NoConnection, NoSeat
from hub.store.faults import explained
from hub.store.roster import longest_free
from hub.store.seat import Seat, Told

_FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.TargetServerAttributeNotMatched, OSError)
_LOCKS = 1330860106
"""The first number of every lock of a seat; one less is that of transactions."""
_LEADER = 0
_FIRST = 1
_PATIENCE = 2.0
"""Seconds for a goodbye."""
_LEASE = 4.0
"""Seconds that a node which led may go on to, unheard. Shorter than PostgreSQL takes to find out that it is gone."""


class PostgresSeat(Seat):
    """A seat at one database. `connect` makes a connection for it."""

    def __init__(self, connect: Callable[[], Awaitable[Any]], database: Database) -> None:
        self._new_connection = connect
        self._database = database
        self._heard: dict[str, list[Told]] = {}
        self._listening: set[str] = set()
        self._connection: Any = None
        self._has_slot = self._leads = False
        self._kept_at = float("-inf")
        self._turn = asyncio.Lock()
        """A connection does one thing at a time."""

    @property
    def leads(self) -> bool:
        return self._leads and asyncio.get_running_loop().time() - self._kept_at < _LEASE

    async def keep(self) -> bool:
        began = asyncio.get_running_loop().time()
        try:
            with explained(self._database.where, _FAULTS):
                async with self._turn:
                    held = self._connection is not None
                    try:
                        anew = await self._kept()
                    except Exception:
                        if not held:
                            raise
                        anew = await self._kept()  # it may be the connection alone that is gone
        except (NoConnection, DatabaseSlow) as away:
            self._database.away = away
            raise
        # Not the time of the answer: PostgreSQL may have heard of this node no later than that.
        self._kept_at = began
        return anew

    async def _kept(self) -> bool:
        try:
            anew = await self._connect()
            for channel in self._heard.keys() - self._listening:
                await self._connection.add_listener(channel, self._on)
                self._listening.add(channel)
            # This is also how a node learns that its connection is no more.
            self._leads = self._leads or await self._lock(_LEADER)
            await self._connection.execute("SELECT 1")
        except BaseException:
            self._drop()
            raise
        return anew

    async def _connect(self) -> bool:
        if self._connection is not None and not self._connection.is_closed():
            return False
        self._drop()
        self._connection = await self._new_connection()
        self._database.away = None
        await self._take_slot()
        return True

    async def _take_slot(self) -> None:
        """The one that it had, if nobody took it meanwhile."""
        free = await self._database.read(longest_free)
        own = [self.slot] if self._has_slot else []
        for slot in (*own, *free):
            if await self._lock(_FIRST + slot):
                self.slot, self._has_slot = slot, True
                return
        raise NoSeat(self._database.where, len(free))

    async def _lock(self, number: int) -> bool:
        taken: bool = await self._connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", _LOCKS, number)
        return taken

    def _on(self, _connection: Any, _process: int, channel: str, words: str) -> None:
        for told in self._heard.get(channel, ()):
            told(words)

    def hear(self, channel: str, told: Told) -> None:
        self._heard.setdefault(channel, []).append(told)

    async def tell(self, channel: str, words: str) -> None:
        with explained(self._database.where, _FAULTS):
            async with self._turn:
                if self._connection is None:
                    raise ConnectionError("not connected")
                await self._connection.execute("SELECT pg_notify($1, $2)", channel, words)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._leads = False
        self._listening.clear()
        if connection is not None:
            connection.terminate()

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        self._leads = False
        if connection is not None:
            with suppress(Exception):
                await connection.close(timeout=_PATIENCE)
