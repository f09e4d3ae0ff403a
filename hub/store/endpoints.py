"""Endpoints: those that a platform advertises, and those that an operator sets by hand."""

from collections.abc import Iterable

from sqlalchemy import delete, false
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.modules import Interface
from hub.store.records import PresentedEndpoint
from hub.store.schema import endpoint
from hub.store.statements import insert_missing, upsert


async def set_endpoint(
    connection: AsyncConnection, platform_id: int, version: str, module: str, interface: Interface, *, url: str
) -> None:
    """Set an endpoint by hand; it comes before what the platform advertises."""
    row = {
        "platform_id": platform_id,
        "version": version,
        "module": module,
        "interface": interface.value,
        "url": url,
        "manual": True,
    }
    await upsert(connection, endpoint, [row])


async def remove_endpoint(
    connection: AsyncConnection, platform_id: int, version: str, module: str, interface: Interface
) -> bool:
    """Remove an endpoint; False when there is none. An advertised one returns with the next registration."""
    removed = await connection.execute(
        delete(endpoint).where(
            endpoint.c.platform_id == platform_id,
            endpoint.c.version == version,
            endpoint.c.module == module,
            endpoint.c.interface == interface.value,
        )
    )
    return removed.rowcount > 0


async def drop_advertised(connection: AsyncConnection, platform_id: int) -> None:
    """Forget what the platform advertised. What was set by hand stays."""
    await connection.execute(
        delete(endpoint).where(endpoint.c.platform_id == platform_id, endpoint.c.manual == false())
    )


async def add_advertised(
    connection: AsyncConnection, platform_id: int, version: str, endpoints: Iterable[PresentedEndpoint]
) -> None:
    """Keep what the platform advertises for this version, except where an operator has set an endpoint by hand."""
    rows = [
        {
            "platform_id": platform_id,
            "version": version,
            "module": each.module,
            "interface": each.interface.value,
            "url": each.url,
            "manual": False,
        }
        for each in endpoints
    ]
    await insert_missing(connection, endpoint, rows)
