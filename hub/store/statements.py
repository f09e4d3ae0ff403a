"""Statements that are not the same everywhere: the one place where SQL dialects differ."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Table, case, func, select, tuple_
from sqlalchemy.dialects.sqlite import Insert, dialect, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningInsert

Row = dict[str, Any]
Values = list[Any]
"""A row as a list: one value for each column of its table, in their order."""
_SIZES = (100, 25, 5, 1)
Columns = Any  # of a table, or of the row that was to be inserted: SQLAlchemy has no type for both


async def insert_missing(connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> set[Any]:
    """Insert the rows whose primary key is not there yet; leave the others as they are.

    Returns what the first column of the primary key is in those that were inserted.
    """
    statement, inserted = _insert_missing(table), set[Any]()
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
def insert_text(table: Table) -> str:
    """The SQL that inserts a row of all columns, in their order: the cheapest way for those that are all new."""
    return str(insert(table).compile(dialect=dialect()))


@cache
def upsert_text(table: Table, *, adding: tuple[str, ...], latest: tuple[str, ...]) -> str:
    """The SQL of `upsert` for rows of all columns, in their order."""
    return str(_upsert(table, tuple(table.columns.keys()), (), None, adding, (), latest).compile(dialect=dialect()))


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
    statement = _upsert(table, tuple(rows[0]), tuple(by), where, tuple(adding), tuple(keeping), tuple(latest))
    await connection.execute(statement, rows)


# To put a statement together takes longer than to run it: those that come again and again are kept.
@lru_cache(maxsize=64)
def _insert_missing(table: Table) -> ReturningInsert[Any]:
    return insert(table).on_conflict_do_nothing().returning(table.primary_key.columns[0])


@lru_cache(maxsize=64)
def _upsert(
    table: Table,
    columns: tuple[str, ...],
    by: tuple[str, ...],
    where: Callable[[Columns], ColumnElement[bool]] | None,
    adding: tuple[str, ...],
    keeping: tuple[str, ...],
    latest: tuple[str, ...],
) -> Insert:
    statement = insert(table)
    new, old = statement.excluded, table.c
    keys = by or [column.name for column in table.primary_key]
    changed: dict[str, Any] = {name: new[name] for name in columns if name not in (*keys, *keeping)}
    changed.update({name: old[name] + new[name] for name in adding})
    changed.update({name: case((old[name] > new[name], old[name]), else_=new[name]) for name in latest})
    return statement.on_conflict_do_update(index_elements=keys, set_=changed, where=where and where(new))


def among(column: ColumnElement[Any], values: Iterable[str | int]) -> ColumnElement[bool]:
    """Whether the column has one of the values, of which there may be very many.

    They are one parameter: of a statement that has one for each, SQLite would keep a version for each number of them.
    """
    each = func.json_each(msgspec.json.encode(list(values)).decode()).table_valued("value")
    return column.in_(select(each.c.value))


def among_rows(columns: Sequence[ColumnElement[Any]], rows: Sequence[tuple[str, ...]]) -> ColumnElement[bool]:
    """Whether the columns have, together, the values of one of the rows. One parameter, as with `among`."""
    each = func.json_each(msgspec.json.encode(rows).decode()).table_valued("value")
    return tuple_(*columns).in_(select(*(func.json_extract(each.c.value, f"$[{n}]") for n in range(len(columns)))))
