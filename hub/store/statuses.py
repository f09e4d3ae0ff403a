"""The connection status of each platform, as it was published last (OCPI 2.2.1, hubclientinfo: ConnectionStatus)."""

import msgspec
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.status import ConnectionStatus
from hub.store.schema import connection_status, platform, status_change
from hub.store.statements import upsert

MOST_CHANGES = 1000
"""So many changes of one platform are kept."""


class StatusRecord(msgspec.Struct, frozen=True):
    """What partners were told of a platform, and since when that is so."""

    status: ConnectionStatus
    changed_at: int


async def load_statuses(connection: AsyncConnection) -> dict[int, StatusRecord]:
    """The published status by platform id; a platform that nothing was published of is not among them."""
    table = connection_status.c
    rows = (await connection.execute(select(table.platform_id, table.status, table.changed_at))).all()
    return {platform_id: StatusRecord(ConnectionStatus(status), changed_at) for platform_id, status, changed_at in rows}


async def set_status(connection: AsyncConnection, platform_id: int, status: ConnectionStatus, now: int) -> None:
    """Keep what is published of a platform, and since when. A renewed time of the same status counts, too.

    Nothing of a platform that was removed meanwhile.
    """
    if await connection.scalar(select(platform.c.id).where(platform.c.id == platform_id)) is None:
        return
    await upsert(
        connection,
        connection_status,
        [{"platform_id": platform_id, "status": status.value, "changed_at": now}],
    )
    history = status_change.c
    latest = select(history.status).where(history.platform_id == platform_id).order_by(history.at.desc())
    if await connection.scalar(latest.limit(1)) == status.value:
        return
    await connection.execute(insert(status_change).values(platform_id=platform_id, at=now, status=status.value))
    oldest = latest.with_only_columns(history.at).offset(MOST_CHANGES).limit(1).scalar_subquery()
    await connection.execute(delete(status_change).where(history.platform_id == platform_id, history.at <= oldest))


async def status_history(connection: AsyncConnection, platform_id: int, limit: int) -> list[StatusRecord]:
    """What was published of a platform and when it changed, the latest first."""
    history = status_change.c
    query = select(history.status, history.at).where(history.platform_id == platform_id)
    rows = await connection.execute(query.order_by(history.at.desc()).limit(limit))
    return [StatusRecord(ConnectionStatus(status), at) for status, at in rows]
