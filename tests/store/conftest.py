"""A migrated database in a fresh folder."""

import pytest

from hub.store.database import Database
from hub.store.migrations import upgrade


@pytest.fixture
async def database(tmp_path):
    database = await Database.open(tmp_path / "data" / "hub.db")
    await upgrade(database)
    yield database
    await database.close()
