"""The store with its lock, its key and the directory that is kept in it: opened by the hub, or by a command alone."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from hub.config import Config
from hub.core.party import Party
from hub.nodes.follower import Follower
from hub.partners.directory import DirectoryKeeper
from hub.partners.keys import KeyBook
from hub.store.changes import Topic
from hub.store.crypto import Keyring, load_or_create_key
from hub.store.database import Database
from hub.store.errors import KeyFileMissing, StoreLocked, StoreUnsuitable
from hub.store.files import private_folder
from hub.store.lock import FolderLock
from hub.store.meta import check_key, has_key
from hub.store.migrations import upgrade


class Store:
    """The store with its lock and its key: what the hub and an offline command both open.

    Raises StoreError; StoreLocked where another process still has it after `patience` seconds. `apart`: a process of
    its own writes the journal.
    """

    def __init__(self, config: Config, patience: float = 0.0, *, apart: bool = False) -> None:
        self._folder = config.data_folder
        self._lock_file = config.lock_file
        self._key_path = config.key_file
        self._where = config.database
        self._connections = config.store.connections
        self._patience = patience
        self._apart = apart and config.journal.enabled
        self._stack = AsyncExitStack()
        self.keeper: DirectoryKeeper
        self.keyring: Keyring
        self.database: Database
        self.keys: KeyBook
        self.follower: Follower
        self._hub = Party.parse(config.hub.party)
        self._agreed = config.routing.agreements == "open"

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException as error:
            await self._stack.aclose()
            if isinstance(error, OSError):
                where = error.filename or self._folder
                raise StoreUnsuitable(
                    f"{where}: {error.strerror}. The data folder has to be one that only the hub's own user writes to."
                ) from error
            raise
        return self

    async def _open(self) -> None:
        private_folder(self._folder)
        await self._lock()
        key_path = self._key_path
        if isinstance(self._where, Path):
            if self._where.exists() and not key_path.exists():
                raise KeyFileMissing(key_path, self._where)
            # First: a database without its key could not be opened after a power cut.
            self.keyring = Keyring(load_or_create_key(key_path))
        self.database = await Database.open(self._where, connections=self._connections, apart=self._apart)
        self._stack.push_async_callback(self.database.close)
        await upgrade(self.database)
        if not isinstance(self._where, Path):
            # A key that was made now would not be that of the other nodes.
            # In this order: another worker may be about to make both, the key first.
            if await has_key(self.database) and not key_path.exists():
                raise KeyFileMissing(key_path, self.database.where)
            self.keyring = Keyring(load_or_create_key(key_path))
        await check_key(self.database, self.keyring, key_path)
        self.follower = Follower(self.database)
        await self.follower.mark()
        self.keeper = DirectoryKeeper(self.database, self.keyring, self._hub, agreed=self._agreed)
        await self.keeper.load()
        self.keys = KeyBook(self.database)
        await self.keys.load()
        self.follower.follow(Topic.PLATFORM, self.keeper.follow_platforms)
        self.follower.follow(Topic.AGREEMENT, self.keeper.follow_agreements)
        self.follower.follow(Topic.KEY, self.keys.follow)

    async def _lock(self) -> None:
        lock = FolderLock(self._lock_file)
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience
        while True:
            try:
                lock.acquire()
                break
            except StoreLocked:
                if loop.time() >= until:
                    raise
            await asyncio.sleep(0.05)
        self._stack.callback(lock.release)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._stack.aclose()
