"""Keys of the admin API on disk: the digest of each, its name, what it opens, and when it was used last."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.scopes import Scope
from hub.store.schema import admin_key


class KeyRecord(msgspec.Struct, frozen=True):
    """One key. Times are milliseconds since 1970; without `expires_at` it holds until it is revoked."""

    digest: bytes
    name: str
    scope: Scope
    created_at: int
    expires_at: int | None = None
    last_used_at: int | None = None

    def __repr__(self) -> str:
        """Without the digest."""
        return f"<key {self.name!r}, {self.scope}>"


async def add_key(connection: AsyncConnection, key: KeyRecord) -> bool:
    """Keep a key; False where there is one of that name."""
    if await connection.scalar(select(admin_key.c.name).where(admin_key.c.name == key.name)) is not None:
        return False
    await connection.execute(insert(admin_key).values(**msgspec.structs.asdict(key)))
    return True


async def remove_key(connection: AsyncConnection, name: str) -> None:
    """Forget a key."""
    await connection.execute(delete(admin_key).where(admin_key.c.name == name))


async def load_keys(connection: AsyncConnection) -> list[KeyRecord]:
    """Every key, by name."""
    rows = (await connection.execute(select(admin_key).order_by(admin_key.c.name))).mappings()
    return [KeyRecord(**{**row, "scope": Scope(row["scope"])}) for row in rows]


async def keys_used(connection: AsyncConnection, used: Mapping[bytes, int]) -> None:
    """Keep when keys were used last, by digest, unless another node knows better. Those that are gone are passed by."""
    for digest, at in used.items():
        earlier = or_(admin_key.c.last_used_at.is_(None), admin_key.c.last_used_at < at)
        used_now = update(admin_key).where(admin_key.c.digest == digest, earlier).values(last_used_at=at)
        await connection.execute(used_now)
