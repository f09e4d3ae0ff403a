"""The store in an SQLite file: one writer, a few readers, and what was acknowledged is on disk."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import URL, Connection, Executable, Table, event, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hub.store.connection import steady, to_its_end
from hub.store.database import CONNECTIONS, Database, Part, RowsWork, Work
from hub.store.errors import StoreClosed, StoreDamaged, StoreUnsuitable
from hub.store.files import private_file, private_folder
from hub.store.statements import Values, insert_text, upsert_text

T = TypeVar("T")

_AT_ONCE = (250, 50)
"""Rows of one statement. Few sizes: SQLite keeps what it made of each."""
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


class SqliteDatabase(Database):
    """One database file. Only this process may write to it: hold a FolderLock while it is open."""

    def __init__(self, path: Path, *, readers: int = CONNECTIONS) -> None:
        """Use `at`, which also checks the file."""
        super().__init__()
        self.path = path
        self.where = str(path)
        self._writer = _engine(path, connections=1, begin="BEGIN IMMEDIATE", pragmas=_DURABLE)
        self._readers = _engine(path, connections=readers, begin="BEGIN", pragmas=_READ_ONLY)
        self._rows: sqlite3.Connection | None = None
        self._lock = asyncio.Lock()
        self._closed = False

    @classmethod
    async def at(cls, path: Path, *, readers: int = CONNECTIONS) -> Self:
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
        async with self._lock:
            self._closed = True
            await self._readers.dispose()
            if self._rows:
                await asyncio.to_thread(self._rows.close)
            await self._writer.dispose()  # last, so that it empties the write-ahead log into the file

    async def write(self, work: Work[T], part: Part = Part.HUB) -> T:  # noqa: ARG002 - there is one writer for both
        async with self._lock, self._connect(self._writer) as connection:
            result = await work(connection)
            await connection.commit()
            return result

    async def write_rows(self, work: RowsWork[T]) -> T:
        # All of it is one hop into a thread, on a plain connection of its own.
        async with self._lock:
            if self._closed:
                raise StoreClosed
            return await to_its_end(asyncio.to_thread(self._write_rows, work))

    def _write_rows(self, work: RowsWork[T]) -> T:
        if self._rows is None:
            self._rows = _plain(self.path)
        connection = self._rows
        try:
            connection.execute("BEGIN IMMEDIATE")
            result = work(SqliteRows(connection))
            connection.execute("COMMIT")
            return result
        except sqlite3.Error as error:
            raise _as_elsewhere(error) from error
        finally:
            if connection.in_transaction:  # it failed, and was not rolled back by SQLite itself
                connection.execute("ROLLBACK")

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


class SqliteRows:
    """A plain connection: SQLAlchemy would take longer for each row than SQLite does."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def insert(self, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        # Between two statements Python may run another thread, and then waits for it: a statement for many rows spares
        # the loop and this thread that they take turns at each row.
        most = self._connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // len(table.columns)
        at = 0
        for size in _AT_ONCE:
            while size <= most and len(rows) - at >= size:
                values = [*chain.from_iterable(rows[at : at + size])]
                self._connection.execute(_insert_many(table, size), values)
                at += size
        self._connection.executemany(insert_text("sqlite", table), rows[at:])

    def insert_missing(self, table: Table, rows: Sequence[Values]) -> list[Values]:
        statement = f"{insert_text('sqlite', table)} ON CONFLICT DO NOTHING"
        return [row for row in rows if self._connection.execute(statement, row).rowcount]

    def count(self, table: Table, rows: Sequence[Sequence[Any]], *, latest: Sequence[str] = ()) -> None:
        self._connection.executemany(upsert_text("sqlite", table, adding=("count",), latest=tuple(latest)), rows)

    def all(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> list[Any]:
        sql, own = _named(statement)
        return self._connection.execute(sql, {**own, **(parameters or {})}).fetchall()

    def run(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> None:
        self.all(statement, parameters)


@cache
def _insert_many(table: Table, size: int) -> str:
    """The SQL that inserts so many rows of all columns, in their order."""
    one = insert_text("sqlite", table)
    return one + f", {one.partition(' VALUES ')[2]}" * (size - 1)


@lru_cache(maxsize=64)
def _named(statement: Any) -> tuple[str, Mapping[str, Any]]:
    compiled = statement.compile(dialect=sqlite.dialect(paramstyle="named"))
    return str(compiled), compiled.params


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
