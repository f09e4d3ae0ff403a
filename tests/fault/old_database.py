"""A process that leaves what a hub of schema 0009 kept: partners, mirror and journal. See test_power_cut_upgrade.py."""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import column, insert, table
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.crypto import load_or_create_key
from hub.store.database import Database
from hub.store.migrations.due import script

SCHEMA = "0009"
PARTNERS = 5
OBJECTS = 5_000
"""Of the mirror: more than it counts together."""
EXCHANGES = 4_500
"""More than are sorted at a time."""
_HOUR = 3_600_000_000

Row = Mapping[str, Any]


def _rows(now: int) -> dict[str, Sequence[Row]]:
    """What is in each table. `now` is in microseconds."""
    at = now // 1000
    partners = range(1, PARTNERS + 1)
    of = {number: ("NL", f"P{number:02}") for number in partners}
    return {
        "platform": [
            {"id": n, "name": f"Partner {n}", "state": "INVITED", "created_at": at, "updated_at": at} for n in partners
        ],
        "party": [
            {"country_code": of[n][0], "party_id": of[n][1], "platform_id": n, "updated_at": at} for n in partners
        ],
        "party_role": [
            {"country_code": of[n][0], "party_id": of[n][1], "role": "CPO", "confirmed": False} for n in partners
        ],
        "credential": [
            {"digest": bytes([n]) * 32, "platform_id": n, "kind": "A", "created_at": at} for n in partners
        ],
        "endpoint": [
            {
                "platform_id": n, "version": "2.2.1", "module": "tariffs", "interface": "RECEIVER",
                "url": f"https://{n}.example/tariffs", "manual": True,
            }
            for n in partners
        ],
        "agreement": [{"one": "NL-P01", "other": "NL-P02", "module": "*", "allow": True, "updated_at": at}],
        "mirror": [
            {
                "module": ("tariffs", "locations")[n % 2], "owner": f"NL-P{n % PARTNERS + 1:02}", "object_key": f"O{n}",
                "object_id": f"o{n}", "version": "2.2.1", "platform_id": n % PARTNERS + 1, "last_updated": at,
                "updated_at": at, "body": b"{}",
            }
            for n in range(OBJECTS)
        ],
        "exchange": [
            {
                "id": now - _HOUR + n * 1000, "correlation_id": f"{n:08}-c", "request_id": f"{n:08}-r",
                "sender": "NL-P01", "sender_id": 1, "receiver": "NL-P02", "receiver_id": 2, "version": "2.2.1",
                "module": "tariffs", "interface": "receiver", "method": "PUT", "way": "direct", "outcome": "delivered",
                "http_status": 200, "ocpi_status": 1000, "hub_us": 900, "bytes_in": 10, "bytes_out": 10, "findings": 0,
            }
            for n in range(EXCHANGES)
        ],
        "delivery": [
            {
                "id": now - _HOUR + n * 1000 + 1, "exchange_id": now - _HOUR + n * 1000, "request_id": f"{n:08}-d",
                "sender": "NL-P01", "receiver": "NL-P02", "platform_id": 2, "version": "2.2.1", "after_us": 100,
                "outcome": "delivered", "http_status": 200, "ocpi_status": 1000, "partner_us": 500, "bytes_out": 10,
                "bytes_in": 10, "losses": 0, "module": "tariffs",
            }
            for n in range(EXCHANGES)
        ],
    }  # fmt: skip


async def _make(file: Path) -> None:
    file.parent.mkdir(mode=0o700)
    load_or_create_key(file.with_name("hub.key"))
    database = await Database.open(file)
    await database.write(lambda connection: connection.run_sync(lambda plain: command.upgrade(script(plain), SCHEMA)))

    async def fill(connection: AsyncConnection) -> None:
        for name, rows in _rows(time.time_ns() // 1000).items():
            await connection.execute(insert(table(name, *map(column, rows[0]))), list(rows))

    await database.write(fill)
    await database.close()


if __name__ == "__main__":
    asyncio.run(_make(Path(sys.argv[1])))
