"""Statements that are not the same everywhere: the one place where SQL dialects differ."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Table, bindparam, case, select, tuple_
from sqlalchemy import types as sql
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.functions import FunctionElement

Row = dict[str, Any]
_SIZES = (100, 25, 5, 1)
_INSERT: dict[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_DIALECT: dict[str, Callable[[], Any]] = {"sqlite": sqlite.dialect, "postgresql": asyncpg_dialect}
Columns = Any  # of a table, or of the row that was to be inserted: SQLAlchemy has no type for both


async def insert_missing(connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> set[Any]:
    """Insert the rows whose primary key is not there yet; leave the others as they are.

    Returns what the first column of the primary key is in those that were inserted.
    """
    statement, inserted = _insert_missing(connection.dialect.name, table), set[Any]()
    for part in _parts(rows):
        inserted.update((await connection.scalars(statement, part)).all())
    return inserted


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Cut rows into parts of few different lengths.

    What returns something is one SQL text for all rows of a call. SQLite keeps what it made of each text that it saw
    lately: with every length that there is, up to 250 rows, that would be tens of megabytes.
    """
    begin = 0
    for size in _SIZES:
        while len(rows) - begin >= size:
            yield rows[begin : begin + size]
            begin += size


@cache
def insert_text(dialect: str, table: Table) -> str:
    """The SQL that inserts a row of all columns, in their order: the cheapest way for those that are all new."""
    return str(_INSERT[dialect](table).compile(dialect=_DIALECT[dialect]()))


@cache
def upsert_text(dialect: str, table: Table, *, adding: tuple[str, ...], latest: tuple[str, ...]) -> str:
    """The SQL of `upsert` for rows of all columns, in their order."""
    columns = tuple(table.columns.keys())
    statement = _upsert(dialect, table, columns, (), None, adding, (), latest)
    return str(statement.compile(dialect=_DIALECT[dialect]()))


async def upsert(
    connection: AsyncConnection,
    table: Table,
    rows: Sequence[Row],
    *,
    by: Sequence[str] = (),
    where: Callable[[Columns], ColumnElement[bool]] | None = None,
    adding: Sequence[str] = (),
    keeping: Sequence[str] = (),
    latest: Sequence[str] = (),
) -> None:
    """Insert the rows, or overwrite the given columns of those that are there.

    `by` names the unique columns that decide whether a row is there, where that is not the primary key. `where`
    gets the columns of the new row and says whether it overwrites the old one. What is in `adding` is added to what
    is there, what is in `keeping` stays as it is there, of what is in `latest` the greater one stays.
    """
    if not rows:
        return
    columns, dialect = tuple(rows[0]), connection.dialect.name
    statement = _upsert(dialect, table, columns, tuple(by), where, tuple(adding), tuple(keeping), tuple(latest))
    await connection.execute(statement, rows)


# To put a statement together takes longer than to run it: those that come again and again are kept.
@lru_cache(maxsize=64)
def _insert_missing(dialect: str, table: Table) -> ReturningInsert[Any]:
    statement: ReturningInsert[Any]
    statement = _INSERT[dialect](table).on_conflict_do_nothing().returning(table.primary_key.columns[0])
    return statement


@lru_cache(maxsize=64)
def _upsert(
    dialect: str,
    table: Table,
    columns: tuple[str, ...],
    by: tuple[str, ...],
    where: Callable[[Columns], ColumnElement[bool]] | None,
    adding: tuple[str, ...],
    keeping: tuple[str, ...],
    latest: tuple[str, ...],
) -> sqlite.Insert | postgresql.Insert:
    statement = _INSERT[dialect](table)
    new, old = statement.excluded, table.c
    keys = by or [column.name for column in table.primary_key]
    changed: dict[str, Any] = {name: new[name] for name in columns if name not in (*keys, *keeping)}
    changed.update({name: old[name] + new[name] for name in adding})
    changed.update({name: case((old[name] > new[name], old[name]), else_=new[name]) for name in latest})
    whole: sqlite.Insert | postgresql.Insert
    whole = statement.on_conflict_do_update(index_elements=keys, set_=changed, where=where and where(new))
    return whole


def without_nul(value: Any) -> Any:
    """A value as PostgreSQL can hold it: no text there has a NUL character. Others are left as they are."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value


class _Json(sql.TypeDecorator[Any]):
    """Rows as one parameter, in JSON."""

    impl = sql.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str:
        if dialect.name == "postgresql":
            value = [[*map(without_nul, row)] for row in value]
        return msgspec.json.encode(value).decode()


class _Many(sql.TypeDecorator[Any]):
    """Many values as one parameter: of a statement with one for each, every number of them would be kept as a version.

    JSON for SQLite, an array for PostgreSQL.
    """

    impl = sql.Text
    cache_ok = True

    def __init__(self, *, numbers: bool) -> None:
        super().__init__()
        self.numbers = numbers

    def load_dialect_impl(self, dialect: Any) -> Any:
        many = postgresql.ARRAY(sql.BigInteger() if self.numbers else sql.Text())
        return dialect.type_descriptor(many if dialect.name == "postgresql" else sql.Text())

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return [*map(without_nul, value)] if dialect.name == "postgresql" else msgspec.json.encode(value).decode()


class _Among(FunctionElement[bool]):
    """Whether a column has one of many values."""

    name = "among"
    inherit_cache = True
    type = sql.Boolean()

    def self_group(self, against: Any = None) -> "_Among":  # noqa: ARG002
        """As it is: for SQLite, `= 1` would be put behind it, and no index used then."""
        return self


class _Each(FunctionElement[Any]):
    """A JSON array as a table of one column, `value`."""

    name = "each"
    inherit_cache = True


class _Text(FunctionElement[str]):
    """The text at a place of a JSON array."""

    name = "text_at"
    inherit_cache = True
    type = sql.Text()


def among(column: ColumnElement[Any], values: Iterable[str | int]) -> ColumnElement[bool]:
    """Whether the column has one of the values, of which there may be very many."""
    numbers = isinstance(column.type, sql.Integer)
    return _Among(column, bindparam(None, list(values), type_=_Many(numbers=numbers), unique=True))


def among_rows(columns: Sequence[ColumnElement[Any]], rows: Sequence[tuple[str, ...]]) -> ColumnElement[bool]:
    """Whether the columns have, together, the texts of one of the rows. One parameter, as with `among`."""
    each = _each(rows)
    return tuple_(*columns).in_(select(*(_Text(each, place) for place in range(len(columns)))))


def _each(rows: Sequence[tuple[Any, ...]]) -> ColumnElement[Any]:
    values = bindparam(None, [*rows], type_=_Json(), unique=True)
    value: ColumnElement[Any] = _Each(values).table_valued("value").c.value
    return value


class clock(FunctionElement[int]):  # noqa: N801 - it reads as the function that it is
    """Milliseconds since 1970 by the clock of the database."""

    name = "clock"
    type = sql.BigInteger()
    inherit_cache = True


@compiles(clock)
def _(element: clock, compiler: Any, **how: Any) -> str:  # noqa: ARG001
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@compiles(clock, "postgresql")
def _(element: clock, compiler: Any, **how: Any) -> str:  # noqa: ARG001
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"


@compiles(_Among)
def _(element: _Among, compiler: Any, **how: Any) -> str:
    column, values = (compiler.process(each, **how) for each in element.clauses)
    return f"({column} IN (SELECT value FROM json_each({values})))"  # noqa: S608 - names of columns and places of parameters


@compiles(_Among, "postgresql")
def _(element: _Among, compiler: Any, **how: Any) -> str:
    column, values = (compiler.process(each, **how) for each in element.clauses)
    # `= ANY` may become a search of the index for each value, where it should be a look at each row.
    return f"({column} IN (SELECT unnest({values})))"


@compiles(_Each)
def _(element: _Each, compiler: Any, **how: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **how)})"


@compiles(_Each, "postgresql")
def _(element: _Each, compiler: Any, **how: Any) -> str:
    return f"json_array_elements(CAST({compiler.process(element.clauses, **how)} AS JSON))"


@compiles(_Text)
def _(element: _Text, compiler: Any, **how: Any) -> str:
    value, place = (compiler.process(each, **how) for each in element.clauses)
    return f"json_extract({value}, '$[' || {place} || ']')"


@compiles(_Text, "postgresql")
def _(element: _Text, compiler: Any, **how: Any) -> str:
    value, place = (compiler.process(each, **how) for each in element.clauses)
    return f"({value} ->> {place})"
