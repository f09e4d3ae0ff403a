"""Where ids of messages are found in the journal: by keys of them that are sorted part by part, after the rows.

An id is random: an index of ids that every row is put into at once costs several times what the row itself costs, and
the more the larger it is. So the newest exchanges are looked through one by one, and of those before, the keys are
put in order, some thousand exchanges at a time. A key is the end of an id: what it finds has to be looked at.
"""

from collections.abc import Sequence

from sqlalchemy import or_, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.journal_schema import delivery, exchange, trace_key, trace_part
from hub.store.journal_statements import SO_FAR
from hub.store.sorting import key_of
from hub.store.statements import among


async def holders(connection: AsyncConnection, names: Sequence[str]) -> list[int]:
    """The numbers of all exchanges that may have one of these ids, or a delivery that has it.

    They are looked up by themselves: in a query for all at once, a look at each exchange there is may seem quicker.
    """
    mark = await connection.scalar(SO_FAR) or 0
    new, sent, key = exchange.c, delivery.c, trace_key.c
    keys = {key_of(name) for name in names}
    found = union(
        select(new.id).where(new.id > mark, or_(among(new.correlation_id, names), among(new.request_id, names))),
        select(sent.exchange_id).where(sent.exchange_id > mark, among(sent.request_id, names)),
        select(key.exchange_id).where(key.part.in_(select(trace_part.c.until_id)), among(key.key, keys)),
    )
    return list(await connection.scalars(found))
