"""Rows of the journal on a plain connection of SQLite: SQLAlchemy would take longer for each row than SQLite does.

It is imported by a small process of its own, too, and so imports next to nothing.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from hub.store.rows import RowsWork, Values

T = TypeVar("T")
Pragmas = tuple[tuple[str, str, Any], ...]

_AT_ONCE = (250, 50)
"""Rows of one statement. Few sizes: SQLite keeps what it made of each."""

# What to set, how to read it back, and what has to be read: SQLite ignores what it can not do.
DURABLE: Pragmas = (
    ("PRAGMA busy_timeout = 5000", "PRAGMA busy_timeout", 5000),
    ("PRAGMA journal_mode = WAL", "PRAGMA journal_mode", "wal"),
    ("PRAGMA synchronous = FULL", "PRAGMA synchronous", 2),
    ("PRAGMA fullfsync = ON", "PRAGMA fullfsync", 1),
    ("PRAGMA foreign_keys = ON", "PRAGMA foreign_keys", 1),
)


class Texts(NamedTuple):
    """SQL by name: what inserts a row, what counts one, and statements with the parameters that are their own."""

    columns: dict[str, tuple[str, ...]]
    inserts: dict[str, str]
    counts: dict[str, str]
    statements: dict[str, tuple[str, dict[str, Any]]]


def connect(path: str) -> sqlite3.Connection:
    """A durable connection. StoreUnsuitable where SQLite can not keep anything safely there."""
    # Which thread has it changes; two at a time never have.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        set_pragmas(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def set_pragmas(connection: Any, pragmas: Pragmas = DURABLE) -> None:
    """Make a DB-API connection durable, and read back that it is; StoreUnsuitable when SQLite did not do it."""
    cursor = connection.cursor()
    for change, query, wanted in pragmas:
        cursor.execute(change)
        cursor.execute(query)
        (found,) = cursor.fetchone()
        if found != wanted:
            from hub.store.errors import StoreUnsuitable  # noqa: PLC0415 - it brings half of the hub

            raise StoreUnsuitable(
                f"SQLite answers {found!r} to {query!r} where the hub needs {wanted!r}. "
                "Keep the data folder on a local disk, not on a network share."
            )
    cursor.close()


def transact(connection: sqlite3.Connection, texts: Texts, work: RowsWork[T]) -> T:
    """Do work in one transaction. What it returned is on disk."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        result = work(SqliteRows(connection, texts))
        connection.execute("COMMIT")
        return result
    finally:
        if connection.in_transaction:  # it failed, and was not rolled back by SQLite itself
            connection.execute("ROLLBACK")


class SqliteRows:
    """The journal within a transaction."""

    def __init__(self, connection: sqlite3.Connection, texts: Texts) -> None:
        self.connection = connection
        self._texts = texts

    def places(self, table: str, *columns: str) -> tuple[int, ...]:
        return tuple(map(self._texts.columns[table].index, columns))

    def insert(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        # Between two statements Python may run another thread, and then waits for it: a statement for many rows spares
        # the loop and this thread that they take turns at each row.
        one = self._texts.inserts[table]
        most = self.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // len(self._texts.columns[table])
        at = 0
        for size in _AT_ONCE:
            while size <= most and len(rows) - at >= size:
                values = [*chain.from_iterable(rows[at : at + size])]
                self.connection.execute(_many(one, size), values)
                at += size
        self.connection.executemany(one, rows[at:])

    def insert_missing(self, table: str, rows: Sequence[Values]) -> list[Values]:
        statement = f"{self._texts.inserts[table]} ON CONFLICT DO NOTHING"
        return [row for row in rows if self.connection.execute(statement, row).rowcount]

    def count(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        self.connection.executemany(self._texts.counts[table], rows)

    def all(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[Any]:
        return self._done(statement, parameters).fetchall()

    def run(self, statement: str, parameters: Mapping[str, Any] | None = None) -> int:
        return self._done(statement, parameters).rowcount

    def _done(self, statement: str, parameters: Mapping[str, Any] | None) -> sqlite3.Cursor:
        sql, own = self._texts.statements[statement]
        return self.connection.execute(sql, {**own, **(parameters or {})})


@cache
def _many(one: str, size: int) -> str:
    """The SQL that inserts so many rows, from that for one."""
    return one + f", {one.partition(' VALUES ')[2]}" * (size - 1)
