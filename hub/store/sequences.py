"""Where the numbering of rows goes on: no number is given out twice, also where its row is gone."""

from sqlalchemy import Column, Table, column, insert, select, table, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

_SQLITE = table("sqlite_sequence", column("name"), column("seq"))


def numbered(of: Table) -> Column[int] | None:
    """The column that the database numbers the rows by; None where there is none."""
    found: Column[int] | None = of.autoincrement_column
    return found


async def last_number(connection: AsyncConnection, of: Table) -> int:
    """The last number that was given out; 0 where none was."""
    if connection.dialect.name == "sqlite":
        query = select(_SQLITE.c.seq).where(_SQLITE.c.name == of.name)
        return await connection.scalar(query) or 0
    name = await _sequence(connection, of)
    # What it gives is the only thing that is no parameter; PostgreSQL itself has quoted it.
    last, used = (await connection.execute(text(f"SELECT last_value, is_called FROM {name}"))).one()  # noqa: S608
    return int(last) if used else 0


async def go_on_after(connection: AsyncConnection, of: Table, number: int) -> None:
    """Let the numbering go on after a number that was given out; nothing happens where that is 0."""
    if not number:
        return
    if connection.dialect.name == "sqlite":
        await connection.execute(update(_SQLITE).where(_SQLITE.c.name == of.name).values(seq=number))
        if await last_number(connection, of) != number:  # it has had no row
            await connection.execute(insert(_SQLITE).values(name=of.name, seq=number))
        return
    name = await _sequence(connection, of)
    await connection.execute(text("SELECT setval(CAST(:name AS regclass), :number)"), {"name": name, "number": number})


async def _sequence(connection: AsyncConnection, of: Table) -> str:
    own = numbered(of)
    values = {"table": of.name, "column": own.name if own is not None else ""}
    query = text("SELECT pg_get_serial_sequence(:table, :column)")
    return str((await connection.execute(query, values)).scalar_one())
