"""Statements that are not the same everywhere: the one place where SQL dialects differ."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Table, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

Row = dict[str, Any]
Columns = Any  # of a table, or of the row that was to be inserted: SQLAlchemy has no type for both


async def insert_missing(connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
    """Insert the rows whose primary key is not there yet; leave the others as they are."""
    if rows:
        await connection.execute(insert(table).on_conflict_do_nothing(), rows)


async def upsert(
    connection: AsyncConnection,
    table: Table,
    rows: Sequence[Row],
    *,
    by: Sequence[str] = (),
    where: Callable[[Columns], ColumnElement[bool]] | None = None,
    adding: Sequence[str] = (),
    keeping: Sequence[str] = (),
) -> None:
    """Insert the rows, or overwrite the given columns of those that are there.

    `by` names the unique columns that decide whether a row is there, where that is not the primary key. `where`
    gets the columns of the new row and says whether it overwrites the old one. What is in `adding` is added to what
    is there, what is in `keeping` stays as it is there.
    """
    if not rows:
        return
    statement = insert(table)
    keys = by or [column.name for column in table.primary_key]
    changed: dict[str, Any] = {name: statement.excluded[name] for name in rows[0] if name not in (*keys, *keeping)}
    changed.update({name: table.c[name] + statement.excluded[name] for name in adding})
    only = where and where(statement.excluded)
    await connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed, where=only), rows)


def among(column: ColumnElement[str], values: Iterable[str]) -> ColumnElement[bool]:
    """Whether the column has one of the values, of which there may be very many: they are one parameter."""
    each = func.json_each(msgspec.json.encode(list(values)).decode()).table_valued("value")
    return column.in_(select(each.c.value))
