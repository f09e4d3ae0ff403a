"""A key file that is not the database's is found out at start."""

from pathlib import Path

import pytest

from hub.store.crypto import Keyring
from hub.store.errors import WrongKey
from hub.store.meta import check_key


async def test_the_first_key_is_the_one(database, tmp_path):
    path = tmp_path / "hub.key"
    await check_key(database, Keyring(bytes(32)), path)
    await check_key(database, Keyring(bytes(32)), path)
    with pytest.raises(WrongKey, match=rf"^hub.key does not belong to {Path(database.where).name}: "):
        await check_key(database, Keyring(b"x" * 32), path)
    await check_key(database, Keyring(bytes(32)), path)
