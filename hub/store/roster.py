"""The nodes that share a database: who sits where, and what each says of itself.

Times between nodes are told by the clock of the database: their own may differ by a minute.
"""

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.schema import node
from hub.store.statements import clock, upsert

LEFT = b""
"""What a node says that has ended."""
SLOTS = 32
"""So many nodes may share a database. Each takes a slot that was free for longest."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What a node writes of itself. `says` is JSON; `started_at` is by its own clock, in milliseconds since 1970."""

    slot: int
    id: str
    name: str
    version: str
    started_at: int
    leads: bool
    says: bytes


class NodeRecord(Entry, frozen=True, kw_only=True):
    """One node. `silent_for` is seconds since it was heard; that was at `seen_at`, by the clock of the database."""

    silent_for: float
    seen_at: int


async def sign_in(connection: AsyncConnection, entry: Entry) -> None:
    """Write a node down, as it is now."""
    now = await connection.scalar(select(clock()))
    await upsert(connection, node, [{**msgspec.structs.asdict(entry), "seen_at": now}])


async def sign_out(connection: AsyncConnection, node_id: str) -> None:
    """A node ends, and nobody has to wonder where it is."""
    await connection.execute(update(node).where(node.c.id == node_id).values(says=LEFT, leads=False))


async def nodes(connection: AsyncConnection, within: float) -> list[NodeRecord]:
    """Those that were heard within so many seconds, by name."""
    silent = (clock() - node.c.seen_at) / 1000.0
    columns = (node.c[name] for name in Entry.__struct_fields__)
    there = silent <= within, node.c.says != LEFT
    query = select(*columns, node.c.seen_at, silent.label("silent_for")).where(*there)
    rows = (await connection.execute(query.order_by(node.c.name, node.c.slot))).mappings()
    return [NodeRecord(**{**row, "silent_for": float(row["silent_for"])}) for row in rows]


async def longest_free(connection: AsyncConnection) -> list[int]:
    """All slots, beginning with those that nobody ever had, and ending with the one that was used last."""
    used = list(await connection.scalars(select(node.c.slot).order_by(node.c.seen_at)))
    return [*(slot for slot in range(SLOTS) if slot not in used), *used]
