"""Whether the hub is alive, and whether it is ready for messages; for whoever starts, watches and balances it."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from hub.nodes.node import Node
from hub.partners.directory import DirectoryKeeper
from hub.store.database import Database
from hub.store.errors import StoreUnavailable
from hub.store.migrations import outgrown

_PATIENCE = 2.0
_FRESH = 1.0


class Health:
    """What keeps the hub from taking messages."""

    def __init__(self, database: Database, keeper: DirectoryKeeper, node: Node) -> None:
        self.listening = False
        self.draining = False
        self._database = database
        self._keeper = keeper
        self._node = node
        self._lock = asyncio.Lock()
        self._asking: asyncio.Task[str] | None = None
        self._asked_at = float("-inf")
        self._store_problem = ""

    @contextmanager
    def taking_messages(self) -> Iterator[None]:
        """The listener for partners is open until this is left; after that, the hub is about to stop."""
        self.listening = True
        try:
            yield
        finally:
            self.draining = True

    async def problems(self) -> list[str]:
        """Why it is not ready, in words; empty where it is."""
        found = []
        if self.draining:
            found.append("draining: the hub is about to stop, and takes no new messages")
        elif not self.listening:
            found.append("listener: the hub does not listen for partners yet")
        if problem := await self._store() or self._node.problem:
            found.append(f"store: {problem}{self._meanwhile()}")
        if self._keeper.stale:
            found.append("directory: a change could not be read again; restart the hub when its store is well")
        return found

    async def stop(self) -> None:
        """End what was asked of the store and is not answered."""
        if self._asking:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    def _meanwhile(self) -> str:
        """What holds as long as the store is away."""
        seconds = self._node.without_store_for
        if not seconds:
            return ""
        if self._node.cut_off:
            return f", for {seconds:.0f} s; every request is refused until it is back"
        left = self._node.alone_for
        return f", for {seconds:.0f} s; messages go on with what is known of partners, for {left:.0f} s more"

    async def _store(self) -> str:
        """What is wrong with the store. Asked once a second at most, however often this is called."""
        async with self._lock:
            if time.monotonic() - self._asked_at > _FRESH:
                self._store_problem = await self._ask()
                self._asked_at = time.monotonic()
            return self._store_problem

    async def _ask(self) -> str:
        # A read that waits for a connection can not be broken off at once: it is left to itself, and not asked twice.
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(_read(self._database), name="health")
        await asyncio.wait({self._asking}, timeout=_PATIENCE)
        if not self._asking.done():
            return f"the database does not answer within {_PATIENCE:g} s"
        return self._asking.result()


async def _read(database: Database) -> str:
    """What is wrong with reading, or with working on what is there; empty where nothing is."""
    try:
        return await database.read(outgrown)
    except StoreUnavailable as error:
        return error.brief  # whoever balances load may read this, and need not know where the database is
    except Exception as error:  # noqa: BLE001 - whatever it is, the hub is not ready
        return f"the database can not be read ({type(error).__name__})"
