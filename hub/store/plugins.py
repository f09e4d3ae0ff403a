"""Tables of plugins: made when a plugin starts, and used through a connection that sees no other table."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, CursorResult, Inspector, MetaData, Table, inspect, select
from sqlalchemy import Connection as SyncConnection
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.sql.selectable import SelectBase, TableClause
from sqlalchemy.sql.visitors import iterate
from sqlalchemy.util import LRUCache

from hub.plugin.parts import Work
from hub.store.changes import Topic, write_noted
from hub.store.database import Database
from hub.store.statements import among_rows, clock, upsert

T = TypeVar("T")

_STATEMENTS = 100
"""So many compiled statements are kept for a plugin."""


class OwnTables:
    """The tables of one plugin within one transaction; see `hub.plugin.parts.Connection`."""

    def __init__(self, connection: AsyncConnection, tables: MetaData) -> None:
        self._connection = connection
        self._tables = tables

    async def execute(self, statement: Executable, rows: Sequence[dict[str, Any]] | None = None) -> CursorResult[Any]:
        """Execute a statement about these tables. Raises ValueError where it is about others."""
        if reason := self._wrong(statement):
            raise ValueError(reason)
        return await self._connection.execute(statement, rows)

    async def scalar(self, statement: Executable) -> Any:
        """The first column of the first row."""
        return (await self.execute(statement)).scalar()

    def among(self, columns: Sequence[ColumnElement[Any]], rows: Sequence[tuple[str, ...]]) -> ColumnElement[bool]:
        """Whether columns have, together, the texts of one of the rows."""
        return among_rows(columns, rows)

    async def now(self) -> int:
        """Milliseconds since 1970 by the clock of the database."""
        found: int = (await self._connection.execute(select(clock()))).scalar_one()
        return found

    async def upsert(
        self, table: Table, rows: Sequence[dict[str, Any]], *, adding: Sequence[str] = (), keeping: Sequence[str] = ()
    ) -> None:
        """Insert rows, or change those whose primary key is there."""
        if not self._has(table):
            raise ValueError(_not_its(table))
        await upsert(self._connection, table, rows, adding=adding, keeping=keeping)

    def _wrong(self, statement: Executable) -> str | None:
        if not isinstance(statement, SelectBase | UpdateBase):
            return f"{type(statement).__name__}: plugins select, insert, update and delete"
        for part in iterate(statement):
            if isinstance(part, TextClause):
                return "SQL as text is not taken; write the statement with SQLAlchemy's functions"
            if isinstance(part, TableClause) and not self._has(part):
                return _not_its(part)
        return None

    def _has(self, table: TableClause) -> bool:
        return self._tables.tables.get(table.name) is table


class PluginStore:
    """The store of one plugin; see `hub.plugin.parts.Store`."""

    def __init__(self, database: Database, plugin: str, tables: MetaData) -> None:
        self._database = database
        self._plugin = plugin
        self._tables = tables
        # In the engine's own they would keep the tables of each version of a plugin, long after that is gone.
        self._compiled: LRUCache[Any, Any] = LRUCache(_STATEMENTS)

    async def read(self, work: Work[T]) -> T:
        """Run `work` on one unchanging view."""
        return await self._database.read(lambda connection: self._run(connection, work))

    async def write(self, work: Work[T], *, tell: bool = False) -> T:
        """Run `work` in one transaction, and commit; `tell` other nodes of it."""

        async def run(connection: AsyncConnection) -> T:
            return await self._run(connection, work)

        if tell and self._database.shared:
            return await write_noted(self._database, run, Topic.PLUGIN, self._plugin)
        return await self._database.write(run)

    async def _run(self, connection: AsyncConnection, work: Work[T]) -> T:
        await connection.execution_options(compiled_cache=self._compiled)
        return await work(OwnTables(connection, self._tables))


class PluginStores:
    """Makes stores of plugins."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, plugin: str, tables: MetaData) -> PluginStore:
        """The store of a plugin, with its tables there. ValueError where a table can not become what it should be."""

        async def make(connection: AsyncConnection) -> None:
            await connection.run_sync(lambda sync: _make(sync, plugin, tables))

        await self._database.write(make)
        return PluginStore(self._database, plugin, tables)


def _not_its(table: TableClause) -> str:
    return f"table {table.name!r} is not one of this plugin"


def _make(connection: SyncConnection, plugin: str, tables: MetaData) -> None:
    """Make the tables, columns and indexes that are not there. What is there and no longer wanted stays."""
    found = inspect(connection)
    there = set(found.get_table_names())
    tables.create_all(connection)
    for table in tables.sorted_tables:
        if table.name in there:
            _add_columns(connection, found, plugin, table)
            _add_indexes(connection, found, table)


def _add_columns(connection: SyncConnection, found: Inspector, plugin: str, table: Table) -> None:
    known = {each["name"] for each in found.get_columns(table.name)}
    missing = [column for column in table.columns if column.name not in known]
    for column in missing:
        if not column.nullable and column.server_default is None:
            raise ValueError(
                f"plugin {plugin}: column {table.name}.{column.name} is new, and rows are there without it; "
                "let it be NULL, or give it a server_default"
            )
    if missing:
        _alter(connection, table, missing)


def _alter(connection: SyncConnection, table: Table, missing: Sequence[Column[Any]]) -> None:
    # Not at the top: Alembic takes long to import, and most starts change no table.
    from alembic.migration import MigrationContext  # noqa: PLC0415
    from alembic.operations import Operations  # noqa: PLC0415

    operations = Operations(MigrationContext.configure(connection))
    for column in missing:
        operations.add_column(
            table.name,
            Column(column.name, column.type, nullable=column.nullable, server_default=column.server_default),
        )


def _add_indexes(connection: SyncConnection, found: Inspector, table: Table) -> None:
    known = {each["name"] for each in found.get_indexes(table.name)}
    for index in table.indexes:
        if index.name not in known:
            index.create(connection)
