"""Copies all that is in one database into another, of SQLite or PostgreSQL, and compares both, row for row.

Both hold the same but for NUL characters in texts, which PostgreSQL does not have: they become U+FFFD.

All of it is one transaction: where it breaks off, the target is as empty as it was.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Integer, MetaData, Select, String, Table, func, inspect, select
from sqlalchemy import Connection as SyncConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.database import Database
from hub.store.errors import StoreNotEmpty, StoreOld, StoreUnsuitable
from hub.store.metadata import metadata
from hub.store.migrations import newest, revisions, upgrade
from hub.store.sequences import go_on_after, last_number, numbered
from hub.store.statements import without_nul

Progress = Callable[[str, int, int], None]
"""Called with what is under way, and the rows that are done of those that there are."""

_AT_ONCE = 1000
_VERSION = "alembic_version"
_PLUGINS = "plugin_"
_encoder = msgspec.msgpack.Encoder(enc_hook=repr)


class CopiedTable(msgspec.Struct, frozen=True):
    """One table, as it is on both sides now: how many rows, and the SHA-256 of all in the order of their keys."""

    table: str
    rows: int
    digest: str


class Copied(msgspec.Struct, frozen=True):
    """What was copied, from where to where."""

    source: str
    target: str
    tables: tuple[CopiedTable, ...]


class _Counter:
    """Rows that are done, of all that have to be copied and then compared."""

    def __init__(self, progress: Progress, rows: int) -> None:
        self._progress = progress
        self._all = 2 * rows
        self._done = 0

    def add(self, words: str, rows: int) -> None:
        self._done += rows
        self._progress(words, self._done, self._all)


async def copy(source: Database, target: Database, progress: Progress) -> Copied:
    """Copy everything. No hub may be at work on either.

    Raises StoreNotEmpty, StoreOld where the source has another schema than this version of the hub, and
    StoreUnsuitable where the target does not hold what the source does; then it is empty again.
    """
    if (there := await revisions(source)) != [newest()]:
        raise StoreOld(source.where, ", ".join(there) or "none")
    await _check_empty(target)
    await upgrade(target)

    async def read(connection: AsyncConnection) -> Copied:
        return await target.write(lambda to: _copy(source, target, connection, to, progress))

    return await source.read(read)


async def _copy(
    source: Database, target: Database, connection: AsyncConnection, to: AsyncConnection, progress: Progress
) -> Copied:
    own = await connection.run_sync(_of_plugins)
    await to.run_sync(own.create_all)
    # What is derived from others comes to be as these are filled.
    tables = [*(each for each in metadata.sorted_tables if "derived" not in each.info), *own.sorted_tables]
    counts = [await connection.scalar(select(func.count()).select_from(each)) or 0 for each in tables]
    counter = _Counter(progress, sum(counts))
    copied = []
    for table in tables:
        digest, count = hashlib.sha256(), 0
        async for rows in _rows(connection, table):
            _add(digest, rows)
            count += len(rows)
            await _fill(target, to, table, rows)
            counter.add(f"copying {table.name}", len(rows))
        await _go_on(connection, to, table)
        copied.append(CopiedTable(str(table.name), count, digest.hexdigest()))
    for each, table in zip(copied, tables, strict=True):
        digest, count = hashlib.sha256(), 0
        async for rows in _rows(to, table):
            _add(digest, rows)
            count += len(rows)
            counter.add(f"comparing {table.name}", len(rows))
        if (count, digest.hexdigest()) != (each.rows, each.digest):
            raise StoreUnsuitable(
                f"{target.where} can not be used: of {each.rows} rows of {table.name} it holds {count}, "
                "or not the same. Nothing is kept there. Report this."
            )
    return Copied(source.where, target.where, tuple(copied))


async def _go_on(connection: AsyncConnection, to: AsyncConnection, table: Table) -> None:
    """Let the numbering of rows go on where it was."""
    column = numbered(table)
    if column is None:
        return
    last = await connection.scalar(select(func.max(column))) or 0
    if table.name in metadata.tables:
        await go_on_after(to, table, max(last, await last_number(connection, table)))
    elif to.dialect.name != "sqlite":  # which looks for the last row where a plugin's table does not say more
        await go_on_after(to, table, last)


async def _fill(target: Database, to: AsyncConnection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    try:
        if table.name in metadata.tables:
            await target.fill(to, table, rows)
        else:  # of a plugin: its types may be any
            names = table.columns.keys()
            await to.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in rows])
    except DBAPIError as error:
        raise StoreUnsuitable(
            f"{target.where} can not be used: it does not take rows of {table.name} ({type(error.orig).__name__}: "
            f"{str(error.orig).splitlines()[0]}). Nothing is kept there."
        ) from error


def _add(digest: Any, rows: Sequence[Sequence[Any]]) -> None:
    for row in rows:
        digest.update(_encoder.encode(tuple(row)))


async def _rows(connection: AsyncConnection, table: Table) -> AsyncIterator[Sequence[Any]]:
    """All rows in the order of their keys, some at a time."""
    result = await connection.stream(_in_order(connection, table), execution_options={"yield_per": _AT_ONCE})
    async for rows in result.partitions(_AT_ONCE):
        yield [tuple(map(without_nul, row)) for row in rows]


def _in_order(connection: AsyncConnection, table: Table) -> Select[Any]:
    # Each database has its own order of texts, but for that of their bytes.
    binary = "BINARY" if connection.dialect.name == "sqlite" else "C"
    keys = [*table.primary_key.columns] or [*table.columns]
    order = [each.collate(binary) if isinstance(each.type, String) else each for each in keys]
    return select(table).order_by(*order)


async def _check_empty(target: Database) -> None:
    async def used(connection: AsyncConnection) -> list[str]:
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        found = []
        for name in names:
            table = metadata.tables.get(name)
            if table is None:
                found += [name] if name != _VERSION else []
            elif await connection.scalar(select(1).select_from(table).limit(1)) is not None:
                found.append(name)
        return sorted(found)

    if names := await target.read(used):
        raise StoreNotEmpty(target.where, names[0])


def _of_plugins(connection: SyncConnection) -> MetaData:
    """The tables of plugins, as they are there."""
    tables = MetaData()
    tables.reflect(connection, only=lambda name, _: name.startswith(_PLUGINS))
    for table in tables.tables.values():
        for column in table.columns:
            # Every number of SQLite has 64 bits.
            is_number = isinstance(column.type, Integer)
            column.type = BigInteger().with_variant(Integer, "sqlite") if is_number else column.type.as_generic()
    return tables
