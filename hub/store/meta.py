"""Facts about the database itself: which key it was made with."""

import hmac
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.crypto import Keyring
from hub.store.database import Database
from hub.store.errors import WrongKey
from hub.store.schema import meta

KEY_CHECK = "key_check"


def key_check(keyring: Keyring) -> str:
    """What a database holds to know its key by. It tells nothing about the key."""
    return keyring.derive(b"key check", 16).hex()


async def has_key(database: Database) -> bool:
    """Whether this database was made with a key already."""
    query = select(meta.c.value).where(meta.c.key == KEY_CHECK)
    return await database.read(lambda connection: connection.scalar(query)) is not None


async def check_key(database: Database, keyring: Keyring, key_path: Path) -> None:
    """Make sure that this key belongs to this database: WrongKey if not. A new database takes the key as its own."""
    value = key_check(keyring)

    async def compare(connection: AsyncConnection) -> None:
        found = await connection.scalar(select(meta.c.value).where(meta.c.key == KEY_CHECK))
        if found is None:
            await connection.execute(insert(meta).values(key=KEY_CHECK, value=value))
        elif not hmac.compare_digest(found, value):
            raise WrongKey(key_path, database.where)

    await database.write(compare)
