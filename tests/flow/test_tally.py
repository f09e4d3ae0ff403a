"""What is counted, and when it is on disk."""

import asyncio

import msgspec
import pytest
from structlog.testing import capture_logs

from hub.core.directory import Directory, Platform, State
from hub.core.party import Party, PartyRole
from hub.events import Bus, Found
from hub.flow import tally as module
from hub.flow.tally import Tally
from hub.ocpi.rules import Finding
from hub.store.counts import findings_of
from hub.store.database import Database
from hub.store.errors import NoConnection
from hub.store.migrations import upgrade
from hub.store.platforms import create_platform

HUB = Party("NL", "HUB")


class Counting:
    """A tally on a bus, with a database that knows one platform."""

    def __init__(self, database: Database, platform_id: int) -> None:
        self.database = database
        self.platform_id = platform_id
        self.bus = Bus()
        self.directory = Directory.of(HUB, [Platform(platform_id, "Tiny", State.REGISTERED)])
        self.tally = Tally(database, self.bus, lambda: self.directory)

    def find(self, *paths: str, platform_id: int | None = None) -> None:
        """Publish findings at these places."""
        findings = tuple(Finding(path, "is required", "missing") for path in paths)
        self.bus.publish(
            Found(platform_id=platform_id or self.platform_id, platform="Tiny", kind="Location", findings=findings)
        )

    async def on_disk(self) -> dict[str, int]:
        """How often, by path."""
        return {each.path: each.count for each in await self.database.read(lambda c: findings_of(c, None, 1000))}


@pytest.fixture
async def counting(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PAUSE", 3600.0)
    database = await Database.open(tmp_path / "hub.db")
    await upgrade(database)
    roles = [PartyRole.parse("NL-TNM:CPO")]
    counting = Counting(database, await database.write(lambda c: create_platform(c, "Tiny", roles, None, 1)))
    counting.tally.start()
    await counting.bus.start()
    yield counting
    await counting.tally.stop()
    await counting.bus.stop()
    await database.close()


async def test_what_was_counted_is_on_disk_after_a_flush(counting):
    counting.find("evses[0].uid", "evses[12].connectors[3].id", "id")
    counting.find("evses[1].uid")
    await counting.bus.settle()
    assert await counting.on_disk() == {}
    await counting.tally.flush()
    assert await counting.on_disk() == {"evses[].uid": 2, "evses[].connectors[].id": 1, "id": 1}
    counting.find("id")
    await counting.bus.settle()
    await counting.tally.flush()
    assert (await counting.on_disk())["id"] == 2


async def test_it_is_written_by_itself(counting, monkeypatch):
    await counting.tally.stop()
    monkeypatch.setattr(module, "_PAUSE", 0.01)
    counting.tally.start()
    counting.find("id")
    async with asyncio.timeout(10):
        while await counting.on_disk() != {"id": 1}:
            await asyncio.sleep(0.01)


async def test_a_stop_writes_what_is_left(counting):
    counting.find("id")
    await counting.tally.stop()
    assert await counting.on_disk() == {"id": 1}


async def test_a_stop_in_the_middle_of_a_write_loses_nothing(counting, monkeypatch):
    await counting.tally.stop()
    monkeypatch.setattr(module, "_PAUSE", 0.0)
    counting.tally.start()
    for _ in range(50):
        counting.find("id")
        await asyncio.sleep(0)
    await counting.tally.stop()
    assert await counting.on_disk() == {"id": 50}


async def test_all_is_on_disk_when_two_flush_at_the_same_time(counting):
    counting.find("id")
    await counting.bus.settle()
    first = asyncio.create_task(counting.tally.flush())
    await asyncio.sleep(0)
    await counting.tally.flush()
    assert await counting.on_disk() == {"id": 1}
    await first


async def test_a_platform_that_is_gone_is_passed_by(counting):
    counting.find("id")
    counting.find("id", platform_id=99)
    await counting.tally.stop()
    assert await counting.on_disk() == {"id": 1}


async def test_there_is_an_end_to_what_is_kept_in_memory(counting, monkeypatch):
    monkeypatch.setattr(module, "_MOST", 3)
    counting.find(*(f"field{n}" for n in range(5)))
    counting.find("field0")
    await counting.tally.stop()
    assert await counting.on_disk() == {"field0": 2, "field1": 1, "field2": 1}


async def test_a_write_that_fails_is_not_the_last(counting, monkeypatch):
    await counting.tally.stop()
    directory = counting.directory
    counting.directory = msgspec.structs.replace(directory, platforms={99: directory.platforms[counting.platform_id]})
    monkeypatch.setattr(module, "_PAUSE", 0.01)
    counting.tally.start()  # the database knows no platform 99
    with capture_logs() as logs:
        counting.find("id", platform_id=99)
        async with asyncio.timeout(10):
            while "counts_not_kept" not in [each["event"] for each in logs]:
                await asyncio.sleep(0.01)
    counting.directory = directory
    counting.find("id")
    async with asyncio.timeout(10):
        while await counting.on_disk() != {"id": 1}:
            await asyncio.sleep(0.01)


async def test_counts_wait_for_a_database_that_is_away(counting, monkeypatch):
    write = counting.database.write

    async def away(*_):
        counting.find("id", "name")  # it goes on while that is found out
        raise NoConnection("somewhere", "on purpose")

    counting.find("id")
    monkeypatch.setattr(counting.database, "write", away)
    for _ in range(2):
        await counting.bus.settle()
        with pytest.raises(NoConnection):
            await counting.tally.flush()
    monkeypatch.setattr(counting.database, "write", write)
    await counting.bus.settle()
    await counting.tally.flush()
    assert await counting.on_disk() == {"id": 3, "name": 2}
