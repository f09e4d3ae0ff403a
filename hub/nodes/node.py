"""This node: keeps its seat, follows the others, and says that it is there."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from hub.nodes.follower import Follower
from hub.store.changes import CHANNEL
from hub.store.database import Database
from hub.store.errors import StoreClosed, StoreError
from hub.store.roster import SLOTS, Entry, NodeRecord, nodes, sign_in

log = structlog.get_logger()

BEAT = 1.0
"""Seconds between two looks at the seat."""
_LOOKS = 2.0
"""Seconds between two looks for changes, where nothing hints at one."""
_GONE = 10.0
"""Seconds after which a node that is not heard is none of those that are there."""


Leads = Callable[[], bool]
"""Whether this node does what only one of several may do."""


def always() -> bool:
    """Where there is one node only."""
    return True


async def no_news() -> None:
    """Where no other node changes anything."""


class Node:
    """One process of the hub among those that share its database; where there can be no other, it does nothing.

    `says` is what it tells the others of itself, as JSON; `seated` is told its slot, of how many, whenever that is new.
    `alone` is the seconds that it goes on without the database.
    """

    def __init__(
        self,
        database: Database,
        follower: Follower,
        name: str,
        version: str,
        seated: Callable[[int, int], None],
        alone: float,
    ) -> None:
        self.name = name
        self.says: Callable[[], bytes] = lambda: b"{}"
        self.seat = database.seat()
        self._database = database
        self._follower = follower
        self._version = version
        self._seated = seated
        self._alone = alone
        self._started_at = 0
        self._clock = asyncio.get_running_loop().time
        self._heard_at = self._clock()
        self._looked_at = self._signed_at = float("-inf")
        self._led = self._told = False
        self._hint = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def leads(self) -> bool:
        """Whether this node does what only one of them may do."""
        return self.seat.leads

    @property
    def without_store_for(self) -> float:
        """Seconds since the database was to be had; 0 where it is."""
        silent = self._clock() - self._heard_at
        return silent if self._task and silent > 2 * _LOOKS else 0.0

    @property
    def cut_off(self) -> bool:
        """Whether what this node knows is too old to go on with."""
        return self.without_store_for > self._alone

    def reconfigure(self, alone: float) -> None:
        """Go on for other seconds without the database."""
        self._alone = alone

    async def start(self, now: int) -> None:
        """Take the seat, and begin to follow. Raises StoreError."""
        self._started_at = now
        if not self._database.shared:
            return
        self.seat.hear(CHANNEL, lambda _: self._hint.set())
        await self._keep()
        await self._follower.catch_up()
        await self._sign_in()
        self._heard_at = self._clock()
        self._task = asyncio.create_task(self._run(), name="node")

    async def stop(self) -> None:
        """Give the seat up: another node leads at once."""
        if self._task:
            self._task.cancel()
            await asyncio.wait((self._task,))
        await self.seat.close()

    async def news(self) -> None:
        """Bring what this node knows up to date with the others, where the database is to be had."""
        if self._database.shared:
            with suppress(StoreError):
                await self._follower.catch_up()

    async def roster(self) -> list[NodeRecord]:
        """The nodes that are there."""
        return await self._database.read(lambda connection: nodes(connection, _GONE))

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT):
                    await self._hint.wait()
            try:
                await self._beat()
            except StoreClosed:
                return
            except Exception as error:  # noqa: BLE001 - the database may be back with the next beat
                self._tell(error)
                self._follower.doubt()
                self._hint.clear()

    async def _beat(self) -> None:
        hinted = self._hint.is_set()
        self._hint.clear()
        await self._keep()
        now = self._clock()
        if hinted or now - self._looked_at >= _LOOKS:
            await self._follower.catch_up()
            self._looked_at = now
        if now - self._signed_at >= _LOOKS or self._led is not self.leads():
            await self._sign_in()
        self._heard_at = self._clock()
        self._tell(None)

    async def _keep(self) -> None:
        if await self.seat.keep():
            self._follower.doubt()
            self._seated(self.seat.slot, SLOTS)

    async def _sign_in(self) -> None:
        self._signed_at, leads = self._clock(), self.leads()
        if leads is not self._led:
            log.info("node_leads" if leads else "node_leads_no_more", node=self.name)
            self._led = leads
        entry = Entry(
            slot=self.seat.slot, id=self._database.node, name=self.name, version=self._version,
            started_at=self._started_at, leads=leads, says=self.says(),
        )  # fmt: skip
        await self._database.write(lambda connection: sign_in(connection, entry))

    def _tell(self, error: Exception | None) -> None:
        """Say once that the database is gone, and once that it is back."""
        if error and not self._told:
            log.error("node_without_store", node=self.name, seconds=self._alone, reason=str(error))
        elif not error and self._told:
            log.info("node_with_store_again", node=self.name)
        self._told = error is not None
