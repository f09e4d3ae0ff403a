"""The SQLite database: one writer, a few readers, and a promise: what was acknowledged is on disk."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import URL, Connection, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hub.store.connection import SteadyConnection, to_its_end
from hub.store.errors import StoreClosed, StoreDamaged, StoreUnsuitable
from hub.store.files import private_file, private_folder

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

READERS = 4
QUICK_CHECK_UP_TO = 64 * 2**20  # bytes: checking that much takes well under a second

# What to set, how to read it back, and what has to be read: SQLite ignores what it can not do.
_DURABLE = (
    ("PRAGMA busy_timeout = 5000", "PRAGMA busy_timeout", 5000),
    ("PRAGMA journal_mode = WAL", "PRAGMA journal_mode", "wal"),
    ("PRAGMA synchronous = FULL", "PRAGMA synchronous", 2),
    ("PRAGMA fullfsync = ON", "PRAGMA fullfsync", 1),
    ("PRAGMA foreign_keys = ON", "PRAGMA foreign_keys", 1),
)
_READ_ONLY = (*_DURABLE, ("PRAGMA query_only = ON", "PRAGMA query_only", 1))


class Database:
    """One database file. Every use is one function that runs in one transaction: `write` or `read`.

    Only this process may write to the file: hold a FolderLock while it is open.
    """

    def __init__(self, path: Path, *, readers: int = READERS) -> None:
        """Use `open`, which also checks the file."""
        self.path = path
        self._writer = _engine(path, connections=1, begin="BEGIN IMMEDIATE", pragmas=_DURABLE)
        self._readers = _engine(path, connections=readers, begin="BEGIN", pragmas=_READ_ONLY)
        self._rows: sqlite3.Connection | None = None
        self._lock = asyncio.Lock()
        self._closed = False

    @classmethod
    async def open(cls, path: Path, *, readers: int = READERS) -> Self:
        """Open the database at `path`; file and folder are made for the owner alone when they are not there.

        Raises StoreUnsuitable when it can not be kept there safely, StoreDamaged when the file is broken.
        """
        _prepare(path)
        database = cls(path, readers=readers)
        try:
            await database.write(_answer)
            await database.read(_answer if _size(path) > QUICK_CHECK_UP_TO else database._quick_check)
        except (sqlite3.Error, SQLAlchemyError) as error:
            await database.close()
            raise _explained(path, error) from error
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """Close every connection and end their threads. Waits for a write under way; reads have to be over."""
        async with self._lock:
            self._closed = True
            await self._readers.dispose()
            if self._rows:
                await asyncio.to_thread(self._rows.close)
            await self._writer.dispose()  # last, so that it empties the write-ahead log into the file

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction that no other write overlaps, and commit. What this returned is on disk.

        Any exception of `work`, and being cancelled during it, rolls everything back. Cancelled during the commit
        itself, the commit is finished first: the caller, which learns nothing then, finds all of it or nothing.
        `work` must neither commit nor call `write`, and should await nothing but its connection: others wait.
        """
        async with self._lock, self._connect(self._writer) as connection:
            result = await work(connection)
            await connection.commit()
            return result

    async def write_rows(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """`write` for very many rows: all of `work` is one hop into a thread, on a plain connection of its own.

        Its errors are those of sqlite3. Once begun it comes to its end, also where the caller is cancelled.
        """
        async with self._lock:
            if self._closed:
                raise StoreClosed
            return await to_its_end(asyncio.to_thread(self._write_rows, work))

    def _write_rows(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._rows is None:
            self._rows = _plain(self.path)
        connection = self._rows
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            connection.execute("COMMIT")
            return result
        finally:
            if connection.in_transaction:  # it failed, and was not rolled back by SQLite itself
                connection.execute("ROLLBACK")

    async def read(self, work: Work[T]) -> T:
        """Run `work` on one unchanging view of the database, beside any writer. It can not write."""
        async with self._connect(self._readers) as connection:
            return await work(connection)

    @asynccontextmanager
    async def _connect(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        # A closed engine would silently open new connections.
        if self._closed:
            raise StoreClosed
        connection = SteadyConnection(engine)
        try:
            await connection.start()
            yield connection
        finally:
            if connection.sync_connection:  # it started; what is not committed is rolled back
                await connection.close()

    async def _quick_check(self, connection: AsyncConnection) -> None:
        found = (await connection.execute(text("PRAGMA quick_check(3)"))).scalars().all()
        if found != ["ok"]:
            raise StoreDamaged(f"{self.path} is damaged: {'; '.join(found)}. Restore it from a backup.")


def _prepare(path: Path) -> None:
    private_folder(path.parent)
    try:
        private_file(path)
    except OSError as error:
        raise StoreUnsuitable(f"{path} can not be made or changed: {error.strerror}.") from error


def _size(path: Path) -> int:
    return path.stat().st_size


async def _answer(connection: AsyncConnection) -> None:
    await connection.execute(text("SELECT count(*) FROM sqlite_master"))


def _explained(path: Path, error: Exception) -> StoreDamaged | StoreUnsuitable:
    reason = str(getattr(error, "orig", None) or error)
    if "malformed" in reason or "not a database" in reason:
        return StoreDamaged(f"{path} is damaged: {reason}. Restore it from a backup.")
    return StoreUnsuitable(f"{path} can not be used: {reason}. Is another program at work on it?")


def _engine(path: Path, *, connections: int, begin: str, pragmas: tuple[tuple[str, str, Any], ...]) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,  # they hold digests, and an error's text ends up in a log
        connect_args={"isolation_level": None},  # or sqlite3 begins transactions of its own, and too late
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        set_pragmas(connection, pragmas)

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _plain(path: Path) -> sqlite3.Connection:
    # Which thread has it changes; two at a time never have.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        set_pragmas(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def set_pragmas(connection: Any, pragmas: tuple[tuple[str, str, Any], ...] = _DURABLE) -> None:
    """Make a DB-API connection durable, and read back that it is; StoreUnsuitable when SQLite did not do it."""
    cursor = connection.cursor()
    for change, query, wanted in pragmas:
        cursor.execute(change)
        cursor.execute(query)
        (found,) = cursor.fetchone()
        if found != wanted:
            raise StoreUnsuitable(
                f"SQLite answers {found!r} to {query!r} where the hub needs {wanted!r}. "
                "Keep the data folder on a local disk, not on a network share."
            )
    cursor.close()
