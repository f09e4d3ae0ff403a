"""This node: keeps its seat, follows the others, and says that it is there."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import msgspec
import structlog

from hub.background import background
from hub.nodes.follower import Follower
from hub.store.changes import CHANNEL
from hub.store.database import Database
from hub.store.errors import StoreClosed, StoreError, StoreUnavailable
from hub.store.roster import SLOTS, Entry, NodeRecord, nodes, sign_in, sign_out

log = structlog.get_logger()

BEAT = 1.0
"""Seconds between two looks at the seat."""
_LOOKS = 2.0
"""Seconds between two looks for changes, where nothing hints at one."""
GONE = 10.0
"""Seconds after which a node that is not heard is none of those that are there."""
SHOWN = 120.0
"""Seconds in which it is still told that one is not heard any more."""
_PATIENCE = 2.0
"""Seconds that who calls with an unknown token waits for news."""
_PACE = 0.05
"""Seconds between two times that the store is asked for news, however many call with unknown tokens."""

Leads = Callable[[], bool]
"""Whether this node does what only one of several may do."""


def always() -> bool:
    """Where there is one node only."""
    return True


def never() -> bool:
    """Where there is no other place to know anything from."""
    return False


async def no_news() -> bool:
    """Where no other node changes anything: all is known."""
    return True


class Node:
    """One process of the hub among those that share its database; where there can be no other, it does nothing.

    `says` is what it tells the others of itself, as JSON; `seated` is told its slot, of how many, whenever that is new.
    `alone` is the seconds that it goes on without the database. `problem` says in a few words what is wrong with that.
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
        self.problem = ""
        self._database = database
        self._follower = follower
        self._version = version
        self._seated = seated
        self._alone = alone
        self._started_at = 0
        self._clock = asyncio.get_running_loop().time
        self._heard_at = self._clock()
        self._looked_at = self._signed_at = self._listed_at = self._asked_at = float("-inf")
        self._listed: list[NodeRecord] = []
        self._led = False
        self._hint = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._news_due = False
        self._following: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self._next: asyncio.Task[bool] | None = None
        self._asking: asyncio.Task[bool] | None = None

    @property
    def shared(self) -> bool:
        """Whether there may be other nodes."""
        return self._database.shared

    def leads(self) -> bool:
        """Whether this node does what only one of them may do."""
        return self.seat.leads

    @property
    def seen(self) -> int:
        """The number of the latest change that this node knows of."""
        return self._follower.seen

    @property
    def without_store_for(self) -> float:
        """Seconds since the database was to be had; 0 where it is."""
        silent = self._clock() - self._heard_at
        return silent if self._task and (silent > 2 * _LOOKS or self._database.away) else 0.0

    @property
    def alone_for(self) -> float:
        """Seconds that this node still goes on without the database."""
        return max(0.0, self._alone - self.without_store_for)

    def alone(self) -> bool:
        """Whether nothing is known of the other nodes: then none of them may do this one's part."""
        return self.without_store_for > 0

    @property
    def cut_off(self) -> bool:
        """Whether what this node knows is too old to go on with."""
        return self.without_store_for > self._alone

    def listed(self) -> list[NodeRecord]:
        """The nodes as they were heard last, this one among them: those that are there, or fell silent lately."""
        since = self._clock() - self._listed_at
        found = (msgspec.structs.replace(each, silent_for=each.silent_for + since) for each in self._listed)
        return [each for each in found if each.silent_for <= SHOWN]

    def is_me(self, record: NodeRecord) -> bool:
        """Whether a record is this node's own."""
        return record.id == self._database.node

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
        self._task = background(self._run(), "node")

    async def stop(self) -> None:
        """Give the seat up: another node leads at once."""
        ours = self._task, self._following, self._telling, self._next, self._asking
        tasks = {task for task in ours if task}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._task:
            with suppress(Exception):
                await self._database.write(lambda connection: sign_out(connection, self._database.node))
        await self.seat.close()

    async def news(self) -> bool:
        """Bring what this node knows up to date with the others, where the database answers at once; whether it is.

        However many call, the database is asked one at a time, and not without a pause.
        """
        if not self.shared:
            return True
        if self.alone() or (self._asking and self._clock() - self._asked_at > _PATIENCE):
            return False
        asked = self._next = self._next or asyncio.create_task(self._ask(), name="news")
        done, _ = await asyncio.wait((asked,), timeout=_PATIENCE)
        return asked in done and not asked.cancelled() and asked.result()

    async def _ask(self) -> bool:
        """Who comes after this has begun to read may know of something newer: the next one is for them."""
        if self._asking:
            await asyncio.wait((self._asking,))
        await asyncio.sleep(max(0.0, self._asked_at + _PACE - self._clock()))
        self._asking, self._next, self._asked_at = self._next, None, self._clock()
        try:
            await self._follower.catch_up()
        except StoreError:
            log.debug("no_news")
        except Exception:
            log.exception("news_failed")
        else:
            return True
        finally:
            self._asking = None
        return False

    async def has_others(self) -> bool:
        """Whether other nodes are there now. Raises StoreError."""
        return self.shared and any(each.id != self._database.node for each in await self.roster())

    async def roster(self) -> list[NodeRecord]:
        """The nodes that are there."""
        return await self._database.read(lambda connection: nodes(connection, GONE))

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
                self._failed(error)

    async def _beat(self) -> None:
        """Keep the seat, whatever else takes its time; follow the others, and say that this node is there."""
        self._news_due = self._news_due or self._hint.is_set() or self._clock() - self._looked_at >= _LOOKS
        self._hint.clear()
        try:
            await self._keep()
            await self._follow()
        except BaseException:
            self._follower.doubt()
            raise
        await self._tell()

    async def _follow(self) -> None:
        if self._following is None and self._news_due:
            self._news_due, self._looked_at = False, self._clock()
            self._following = asyncio.create_task(self._follower.catch_up(), name="follow")
        if self._following:
            await asyncio.wait((self._following,), timeout=BEAT)
            if not self._following.done():
                return
            done, self._following = self._following, None
            await done
        self._heard_at = self._clock()

    async def _tell(self) -> None:
        """Sign in, without waiting for it: a write may have to wait for others, and changes must not."""
        if self._telling and self._telling.done():
            done, self._telling = self._telling, None
            await done
            self._well()
        if self._telling is None and (self._clock() - self._signed_at >= _LOOKS or self._led is not self.leads()):
            self._telling = asyncio.create_task(self._sign_in(), name="sign in")

    async def _keep(self) -> None:
        if await self.seat.keep():
            self._follower.doubt()
            self._seated(self.seat.slot, SLOTS)

    async def _sign_in(self) -> None:
        leads = self.leads()
        if leads is not self._led:
            log.info("node_leads" if leads else "node_leads_no_more", node=self.name)
            self._led = leads
        entry = Entry(
            slot=self.seat.slot, id=self._database.node, name=self.name, version=self._version,
            started_at=self._started_at, leads=leads, says=self.says(),
        )  # fmt: skip
        await self._database.write(lambda connection: sign_in(connection, entry))
        self._signed_at = self._clock()
        listed = await self._database.read(lambda connection: nodes(connection, SHOWN))
        self._listed = listed
        self._listed_at = self._clock()

    def _failed(self, error: Exception) -> None:
        """Say once that the database is gone."""
        if not self.problem:
            log.error("node_without_store", node=self.name, seconds=self._alone, reason=str(error))
        self.problem = error.brief if isinstance(error, StoreUnavailable) else type(error).__name__

    def _well(self) -> None:
        """Say once that it is back."""
        if self.problem:
            log.info("node_with_store_again", node=self.name)
        self.problem = ""
