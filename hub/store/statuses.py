"""The connection status of each platform, as it was published last (OCPI 2.2.1, hubclientinfo: ConnectionStatus)."""

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.status import ConnectionStatus
from hub.store.schema import connection_status
from hub.store.statements import upsert


class StatusRecord(msgspec.Struct, frozen=True):
    """What partners were told of a platform, and since when that is so."""

    status: ConnectionStatus
    changed_at: int


async def load_statuses(connection: AsyncConnection) -> dict[int, StatusRecord]:
    """The published status by platform id; a platform that nothing was published of is not among them."""
    table = connection_status.c
    rows = await connection.execute(select(table.platform_id, table.status, table.changed_at))
    return {platform_id: StatusRecord(ConnectionStatus(status), changed_at) for platform_id, status, changed_at in rows}


async def set_status(connection: AsyncConnection, platform_id: int, status: ConnectionStatus, now: int) -> None:
    """Keep what is published of a platform, and since when. A renewed time of the same status counts, too."""
    await upsert(
        connection,
        connection_status,
        [{"platform_id": platform_id, "status": status.value, "changed_at": now}],
    )
