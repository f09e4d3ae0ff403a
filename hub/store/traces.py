"""Where ids of messages are found in the journal: by keys of them that are sorted part by part, after the rows.

An id is random: an index of ids that every row is put into at once costs several times what the row itself costs, and
the more the larger it is. So the newest exchanges are looked through one by one, and of those before, the keys are
put in order, some thousand exchanges at a time. A key is the end of an id: what it finds has to be looked at.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from sqlalchemy import BigInteger, bindparam, case, delete, func, insert, or_, select, union, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.database import Rows
from hub.store.journal_schema import delivery, exchange, trace_key, trace_part
from hub.store.statements import among

PART = 2000
"""Exchanges of one part; it has that of their deliveries which is twice as many, too, if there are so many."""
LAG = 60_000_000
"""Microseconds: what is not so old is not sorted yet. Rows that come even later are put into the part of their time."""
_KEPT = 8
_MARK, _UNTIL, _BEFORE = (bindparam(name, type_=BigInteger()) for name in ("mark", "until", "before"))
_SO_FAR = select(func.max(trace_part.c.until_id))
_PART_OF = select(func.min(trace_part.c.until_id)).where(
    trace_part.c.until_id >= bindparam("number", type_=BigInteger())
)
_ENDS = [
    select(column).where(column > _MARK, column < _BEFORE).order_by(column).offset(bindparam("most")).limit(1)
    for column in (exchange.c.id, delivery.c.exchange_id)
]
_HELD = select(
    *(
        select(func.count()).where(number > _MARK, number <= _UNTIL).scalar_subquery()
        for number in (exchange.c.id, delivery.c.exchange_id)
    )
)
_MORE = (
    update(trace_part)
    .where(trace_part.c.until_id == _UNTIL)
    .values(held=trace_part.c.held + bindparam("more", type_=BigInteger()))
)
_NAMES = union_all(
    *(
        select(name.label("name"), number.label("number")).where(number > _MARK, number <= _UNTIL, name.is_not(None))
        for name, number in (
            (exchange.c.correlation_id, exchange.c.id),
            (exchange.c.request_id, exchange.c.id),
            (delivery.c.request_id, delivery.c.exchange_id),
        )
    )
).subquery()
_LENGTH = func.length(_NAMES.c.name)
_KEY = func.substr(_NAMES.c.name, case((_LENGTH > _KEPT, _LENGTH - _KEPT + 1), else_=1)).label("key")
_SORTED = insert(trace_key).from_select(
    ["part", "key", "exchange_id"],
    select(_UNTIL, _KEY, _NAMES.c.number).distinct().order_by(_KEY, _NAMES.c.number),
)


async def holders(connection: AsyncConnection, names: Sequence[str]) -> list[int]:
    """The numbers of all exchanges that may have one of these ids, or a delivery that has it.

    They are looked up by themselves: in a query for all at once, a look at each exchange there is may seem quicker.
    """
    mark = await connection.scalar(_SO_FAR) or 0
    new, sent, key = exchange.c, delivery.c, trace_key.c
    keys = {key_of(name) for name in names}
    found = union(
        select(new.id).where(new.id > mark, or_(among(new.correlation_id, names), among(new.request_id, names))),
        select(sent.exchange_id).where(sent.exchange_id > mark, among(sent.request_id, names)),
        select(key.exchange_id).where(key.part.in_(select(trace_part.c.until_id)), among(key.key, keys)),
    )
    return list(await connection.scalars(found))


def sort_part(rows: Rows, now: int) -> bool:
    """Put the keys of the next part in order; whether there was enough for one. `now` is in microseconds."""
    mark = _mark(rows)
    ends = [
        row[0]
        for query, most in zip(_ENDS, (PART, 2 * PART), strict=True)
        for row in rows.all(query, {"mark": mark, "before": now - LAG, "most": most - 1})
    ]
    if not ends:
        return False
    until = min(ends)
    rows.run(_SORTED, {"mark": mark, "until": until})
    held = sum(rows.all(_HELD, {"mark": mark, "until": until})[0])
    rows.insert(trace_part, [[until, held]])
    return True


def add_late(rows: Rows, ids: Iterable[tuple[int, str | None]], numbers: Iterable[int]) -> None:
    """Put ids of new rows, each after the number of its exchange, into the parts that were sorted without them.

    `numbers` are those of the rows' exchanges, once for each row.
    """
    mark = _mark(rows)
    late = [
        [_part_of(rows, number), key_of(name), number] for number, name in ids if number <= mark and name is not None
    ]
    rows.insert_missing(trace_key, late)
    for part, count in Counter(_part_of(rows, number) for number in numbers if number <= mark).items():
        rows.run(_MORE, {"until": part, "more": count})


async def forget_before(connection: AsyncConnection, number: int | None) -> None:
    """Drop the parts of which every exchange is before a number; all, where none is given."""
    for table, column in ((trace_key, trace_key.c.part), (trace_part, trace_part.c.until_id)):
        await connection.execute(delete(table).where(column < number) if number is not None else delete(table))


def key_of(name: str) -> str:
    """The key of an id."""
    return name[-_KEPT:]


def _part_of(rows: Rows, number: int) -> int:
    part: int = rows.all(_PART_OF, {"number": number})[0][0]
    return part


def _mark(rows: Rows) -> int:
    until: int | None = rows.all(_SO_FAR)[0][0]
    return until or 0
