"""Every test of the store runs on SQLite and on PostgreSQL: `database` is migrated, `empty` is not."""

import pytest

from hub.store.database import Database
from hub.store.migrations import upgrade


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


@pytest.fixture
async def database(kind, tmp_path, request):
    if kind == "sqlite":
        database = await Database.open(tmp_path / "data" / "hub.db")
        await upgrade(database)
        yield database
        await database.close()
        return
    server = request.getfixturevalue("postgresql")
    url = server.migrated()
    database = await Database.open(url)
    yield database
    await database.close()
    server.drop(url)


@pytest.fixture
async def empty(kind, tmp_path, request):
    """A database without tables."""
    server = request.getfixturevalue("postgresql") if kind == "postgresql" else None
    where = server.make() if server else tmp_path / "empty.db"
    database = await Database.open(where)
    yield database
    await database.close()
    if server:
        server.drop(where)
