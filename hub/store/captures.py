"""Until when bodies of a platform's exchanges are kept, too. Times are milliseconds since 1970."""

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.journal_schema import capture
from hub.store.statements import upsert


async def load_captures(connection: AsyncConnection, now: int) -> dict[int, int]:
    """The end of every capture that is on, by platform id."""
    found = await connection.execute(select(capture.c.platform_id, capture.c.until_at).where(capture.c.until_at > now))
    return {each.platform_id: each.until_at for each in found}


async def set_capture(connection: AsyncConnection, platform_id: int, until: int) -> None:
    """Switch a capture on until a time, or off where that is 0. Captures that are over are forgotten."""
    if until:
        await upsert(connection, capture, [{"platform_id": platform_id, "until_at": until}])
    else:
        await connection.execute(delete(capture).where(capture.c.platform_id == platform_id))
