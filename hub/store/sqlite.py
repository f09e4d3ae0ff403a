"""The store in an SQLite file: one writer, a few readers, and what was acknowledged is on disk."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import URL, Connection, Table, event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hub.store.apart import Apart, NotThere
from hub.store.connection import steady, to_its_end
from hub.store.database import CONNECTIONS, Database, Part, Work
from hub.store.errors import StoreClosed, StoreDamaged, StoreUnsuitable
from hub.store.files import private_file, private_folder
from hub.store.journal_statements import sqlite_texts
from hub.store.rows import RowsWork
from hub.store.sqlite_rows import DURABLE, Pragmas, connect, set_pragmas, transact
from hub.store.statements import insert_text

T = TypeVar("T")

QUICK_CHECK_UP_TO = 64 * 2**20  # bytes: checking that much takes well under a second
# Each write throws away what readers have read. With the 2 MB that SQLite would keep for each of them, a hub took eight
# megabytes more at times, in pieces of a page among all others; the system has the pages in memory anyway.
_READ_ONLY: Pragmas = (
    *DURABLE,
    ("PRAGMA query_only = ON", "PRAGMA query_only", 1),
    ("PRAGMA cache_size = -512", "PRAGMA cache_size", -512),
)


class SqliteDatabase(Database):
    """One database file. Only this process, and its own, may write to it: hold a FolderLock while it is open."""

    def __init__(self, path: Path, *, readers: int = CONNECTIONS, apart: bool = False) -> None:
        """Use `at`, which also checks the file."""
        super().__init__()
        self.path = path
        self.where = str(path)
        self._writer = _engine(path, connections=1, begin="BEGIN IMMEDIATE", pragmas=DURABLE)
        self._readers = _engine(path, connections=readers, begin="BEGIN", pragmas=_READ_ONLY)
        self._rows: sqlite3.Connection | None = None
        self._texts = sqlite_texts()
        self._apart = Apart(path, self._texts) if apart else None
        self._lock = asyncio.Lock()
        self._closed = False

    @classmethod
    async def at(cls, path: Path, *, readers: int = CONNECTIONS, apart: bool = False) -> Self:
        """Open the database at `path`; file and folder are made for the owner alone when they are not there.

        `apart`: very many rows are written by a process of its own.
        Raises StoreUnsuitable when it can not be kept there safely, StoreDamaged when the file is broken.
        """
        _prepare(path)
        database = cls(path, readers=readers, apart=apart)
        try:
            await database.write(_answer)
            await database.read(_answer if _size(path) > QUICK_CHECK_UP_TO else database._quick_check)
        except (sqlite3.Error, SQLAlchemyError) as error:
            await database.close()
            raise _explained(path, error) from error
        except BaseException:
            await database.close()
            raise
        if database._apart:
            database._apart.start()
        return database

    async def close(self) -> None:
        async with self._lock:
            self._closed = True
            await self._readers.dispose()
            if self._apart:
                await self._apart.close()
            if self._rows:
                await asyncio.to_thread(self._rows.close)
            await self._writer.dispose()  # last, so that it empties the write-ahead log into the file

    async def write(self, work: Work[T], part: Part = Part.HUB) -> T:  # noqa: ARG002 - there is one writer for both
        async with self._lock, self._connect(self._writer) as connection:
            result = await work(connection)
            await connection.commit()
            return result

    async def write_rows(self, work: RowsWork[T]) -> T:
        async with self._lock:
            if self._closed:
                raise StoreClosed
            try:
                return await to_its_end(self._write_rows(work))
            except sqlite3.Error as error:
                raise _as_elsewhere(error) from error

    async def _write_rows(self, work: RowsWork[T]) -> T:
        if self._apart:
            with suppress(NotThere):
                return await self._apart.write(work)
        # All of it is one hop into a thread, on a plain connection of its own.
        return await asyncio.to_thread(self._write_rows_here, work)

    def _write_rows_here(self, work: RowsWork[T]) -> T:
        if self._rows is None:
            self._rows = connect(str(self.path))
        return transact(self._rows, self._texts, work)

    async def fill(self, connection: AsyncConnection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        await connection.exec_driver_sql(insert_text("sqlite", table), [tuple(row) for row in rows])

    async def read(self, work: Work[T]) -> T:
        async with self._connect(self._readers) as connection:
            return await work(connection)

    @asynccontextmanager
    async def _connect(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        # A closed engine would silently open new connections.
        if self._closed:
            raise StoreClosed
        async with steady(engine) as connection:
            yield connection

    async def _quick_check(self, connection: AsyncConnection) -> None:
        found = (await connection.execute(text("PRAGMA quick_check(3)"))).scalars().all()
        if found != ["ok"]:
            raise StoreDamaged(f"{self.path} is damaged: {'; '.join(found)}. Restore it from a backup.")


def _as_elsewhere(error: sqlite3.Error) -> Exception:
    """The error as SQLAlchemy raises it, without the values."""
    found: Exception = DBAPIError.instance(None, None, error, sqlite3.Error, hide_parameters=True)
    return found


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


def _engine(path: Path, *, connections: int, begin: str, pragmas: Pragmas) -> AsyncEngine:
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
