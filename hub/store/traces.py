"""Where ids of messages are found in the journal: by keys of them that are sorted part by part, after the rows.

An id is random: an index of ids that every row is put into at once costs several times what the row itself costs, and
the more the larger it is. So the newest exchanges are looked through one by one, and of those before, the keys are
put in order, some thousand exchanges at a time. A key is the end of an id: what it finds has to be looked at.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import CompoundSelect, delete, func, or_, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.journal_schema import delivery, exchange, trace_key, trace_part
from hub.store.statements import among

PART = 2000
"""Exchanges of one part; it has that of their deliveries which is twice as many, too, if there are so many."""
LAG = 60_000_000
"""Microseconds: what is not so old is not sorted yet. Rows that come even later are put into the part of their time."""
_KEPT = 8
_INSERT = "INSERT OR IGNORE INTO trace_key (part, key, exchange_id) VALUES (?, ?, ?)"
_SORTED = f"""INSERT INTO trace_key (part, key, exchange_id)
SELECT DISTINCT :until, substr(name, -{_KEPT}) AS key, number FROM (
    SELECT correlation_id AS name, id AS number FROM exchange WHERE id > :mark AND id <= :until
    UNION ALL SELECT request_id, id FROM exchange WHERE id > :mark AND id <= :until
    UNION ALL SELECT request_id, exchange_id FROM delivery WHERE exchange_id > :mark AND exchange_id <= :until
) WHERE name IS NOT NULL ORDER BY key, number"""  # noqa: S608 - nothing in it is from outside


async def holders(connection: AsyncConnection, names: Sequence[str]) -> CompoundSelect[Any]:
    """A query for the numbers of all exchanges that may have one of these ids, or a delivery that has it."""
    mark = await connection.scalar(select(func.max(trace_part.c.until_id))) or 0
    new, sent, key = exchange.c, delivery.c, trace_key.c
    keys = {key_of(name) for name in names}
    return union(
        select(new.id).where(new.id > mark, or_(among(new.correlation_id, names), among(new.request_id, names))),
        select(sent.exchange_id).where(sent.exchange_id > mark, among(sent.request_id, names)),
        select(key.exchange_id).where(key.part.in_(select(trace_part.c.until_id)), among(key.key, keys)),
    )


def sort_part(connection: sqlite3.Connection, now: int) -> bool:
    """Put the keys of the next part in order; whether there was enough for one. `now` is in microseconds."""
    mark = _mark(connection)
    ends = [
        row[0]
        for table, column, most in (("exchange", "id", PART), ("delivery", "exchange_id", 2 * PART))
        for row in connection.execute(
            f"SELECT {column} FROM {table} WHERE {column} > ? AND {column} < ? "  # noqa: S608 - of the line above
            f"ORDER BY {column} LIMIT 1 OFFSET ?",
            (mark, now - LAG, most - 1),
        )
    ]
    if not ends:
        return False
    until = min(ends)
    connection.execute(_SORTED, {"mark": mark, "until": until})
    connection.execute("INSERT INTO trace_part (until_id) VALUES (?)", (until,))
    return True


def add_late(connection: sqlite3.Connection, ids: Iterable[tuple[int, str | None]]) -> None:
    """Put ids of new rows, each after the number of its exchange, into the parts that were sorted without them."""
    mark = _mark(connection)
    for number, name in ids:
        if number <= mark and name is not None:
            part = "SELECT min(until_id) FROM trace_part WHERE until_id >= ?"
            (until,) = connection.execute(part, (number,)).fetchone()
            connection.execute(_INSERT, (until, key_of(name), number))


async def forget_before(connection: AsyncConnection, number: int | None) -> None:
    """Drop the parts of which every exchange is before a number; all, where none is given."""
    for table, column in ((trace_key, trace_key.c.part), (trace_part, trace_part.c.until_id)):
        await connection.execute(delete(table).where(column < number) if number is not None else delete(table))


def key_of(name: str) -> str:
    """The key of an id."""
    return name[-_KEPT:]


def _mark(connection: sqlite3.Connection) -> int:
    (until,) = connection.execute("SELECT max(until_id) FROM trace_part").fetchone()
    return until or 0
