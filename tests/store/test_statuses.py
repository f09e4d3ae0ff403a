"""The published connection status on disk."""

import pytest
from sqlalchemy.exc import IntegrityError

from hub.core.party import PartyRole
from hub.core.status import ConnectionStatus
from hub.store.platforms import create_platform, remove
from hub.store.schema import connection_status
from hub.store.statuses import MOST_CHANGES, StatusRecord, load_statuses, set_status, status_history

CONNECTED, OFFLINE = ConnectionStatus.CONNECTED, ConnectionStatus.OFFLINE


@pytest.fixture
async def platform_id(database):
    return await database.write(lambda c: create_platform(c, "Tiny", [PartyRole.parse("NL-TNM:CPO")], None, 1))


async def test_the_time_is_that_of_the_last_publication(database, platform_id):
    assert await database.read(load_statuses) == {}
    for status, now in ((CONNECTED, 1), (OFFLINE, 2), (OFFLINE, 3)):
        await database.write(lambda c, status=status, now=now: set_status(c, platform_id, status, now))
    assert await database.read(load_statuses) == {platform_id: StatusRecord(OFFLINE, 3)}
    await database.write(lambda c: set_status(c, platform_id, CONNECTED, 4))
    assert await database.read(load_statuses) == {platform_id: StatusRecord(CONNECTED, 4)}


async def test_changes_are_kept_and_what_is_published_anew_is_none(database, platform_id):
    for status, now in ((CONNECTED, 1), (CONNECTED, 2), (OFFLINE, 3), (OFFLINE, 4), (CONNECTED, 5)):
        await database.write(lambda c, status=status, now=now: set_status(c, platform_id, status, now))
    changes = [StatusRecord(CONNECTED, 5), StatusRecord(OFFLINE, 3), StatusRecord(CONNECTED, 1)]
    assert await database.read(lambda c: status_history(c, platform_id, 10)) == changes
    assert await database.read(lambda c: status_history(c, platform_id, 2)) == changes[:2]
    assert await database.read(lambda c: status_history(c, platform_id + 1, 10)) == []


async def test_only_the_latest_changes_are_kept(database, platform_id):
    async def many(connection):
        for now in range(MOST_CHANGES + 5):
            await set_status(connection, platform_id, (CONNECTED, OFFLINE)[now % 2], now)

    await database.write(many)
    kept = await database.read(lambda c: status_history(c, platform_id, 2 * MOST_CHANGES))
    assert [each.changed_at for each in kept] == list(range(MOST_CHANGES + 4, 4, -1))


async def test_it_goes_with_its_platform(database, platform_id):
    await database.write(lambda c: set_status(c, platform_id, CONNECTED, 1))
    await database.write(lambda c: remove(c, platform_id))
    assert await database.read(load_statuses) == {}
    assert await database.read(lambda c: status_history(c, platform_id, 10)) == []


async def test_the_database_refuses_what_ocpi_does_not_have(database, platform_id):
    row = {"platform_id": platform_id, "status": "ASLEEP", "changed_at": 1}
    with pytest.raises(IntegrityError, match=r"(?i)check"):
        await database.write(lambda c: c.execute(connection_status.insert().values(row)))
