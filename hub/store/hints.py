"""Hints on disk: which party was seen behind an id. Keys only, never content."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.content import Hint, Key
from hub.core.party import Party
from hub.store.schema import hint
from hub.store.statements import upsert


async def remember(connection: AsyncConnection, hints: Sequence[Hint], now: int) -> None:
    """Keep these hints; those that were there are as new."""
    rows = [
        {
            "kind": each.key.kind.value,
            "object_key": each.key.id,
            "asker": each.key.asker.id,
            "party": each.party.id,
            "seen_at": now,
        }
        for each in hints
    ]
    await upsert(connection, hint, rows)


async def recall(connection: AsyncConnection, key: Key, not_before: int) -> tuple[Party, ...]:
    """The parties that were seen behind a key since then, the latest first."""
    query = (
        select(hint.c.party)
        .where(
            hint.c.kind == key.kind.value,
            hint.c.object_key == key.id,
            hint.c.asker == key.asker.id,
            hint.c.seen_at >= not_before,
        )
        .order_by(hint.c.seen_at.desc(), hint.c.party)
    )
    return tuple(Party.parse(party) for party in await connection.scalars(query))


async def forget_older(connection: AsyncConnection, before: int) -> None:
    """Forget what was seen before that and not again since."""
    await connection.execute(delete(hint).where(hint.c.seen_at < before))
