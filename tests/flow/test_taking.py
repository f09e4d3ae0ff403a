"""Pushes are taken over in groups: each gets its own answer, once it is on disk, and in its order."""

import asyncio
import json

import pytest
from sqlalchemy import event

from hub.core.party import Party, PartyRole
from hub.errors import InvalidParameters
from hub.flow.taking import Taking
from hub.store import mirror
from hub.store.database import Database
from hub.store.errors import PlatformUnknown
from hub.store.migrations import upgrade
from hub.store.platforms import create_platform
from hub.store.pushes import Changed, Push

CPO = Party.parse("NL-CPO")


@pytest.fixture
async def database(tmp_path):
    database = await Database.open(tmp_path / "data" / "hub.db")
    await upgrade(database)
    yield database
    await database.close()


@pytest.fixture
async def platform(database):
    return await database.write(lambda c: create_platform(c, "One", [PartyRole.parse("NL-CPO:CPO")], None, 1))


@pytest.fixture
async def taking(database):
    taking = Taking(database)
    yield taking
    await taking.stop()


def location(name, **fields):
    return json.dumps({"id": name, "last_updated": "2026-01-01T00:00:00Z", **fields}).encode()


def put(name, platform, **fields):
    kept = mirror.Pulled(CPO, name.lower(), name, location(name, **fields))
    return pushed(name, platform, lambda held: Changed(kept, held is None))


def pushed(name, platform, change):
    return Push(subject=("locations", CPO, name.lower()), version="2.2.1", platform_id=platform, change=change)


def delete(name, platform):
    return pushed(name, platform, lambda _: Changed(None, created=False))


async def held(database, name):
    found = await database.read(lambda c: mirror.get(c, "locations", CPO, name.lower()))
    return found and json.loads(found.body)


async def test_what_comes_while_one_is_written_is_written_together(database, platform, taking):
    commits = []
    event.listen(database._writer.sync_engine, "commit", commits.append)
    outcomes = await asyncio.gather(*(taking.take(put(f"L{n}", platform, n=n)) for n in range(40)))
    assert outcomes == [True] * 40
    assert len(commits) < 5
    assert [(await held(database, f"L{n}"))["n"] for n in range(40)] == [*range(40)]
    assert not await taking.take(put("L7", platform, n=99))


async def test_pushes_of_one_object_keep_their_order(database, platform, taking):
    steps = [put("L1", platform, n=n) for n in range(5)]
    outcomes = await asyncio.gather(
        *map(taking.take, (*steps, delete("L1", platform), put("l1", platform, n=5), put("L1", platform, n=6)))
    )
    assert outcomes == [True, False, False, False, False, False, True, False]
    assert (await held(database, "L1"))["n"] == 6


async def test_one_that_is_refused_costs_no_other(database, platform, taking):
    def refuse(_):
        raise InvalidParameters("it is older than what is held")

    kept, timeless = put("L2", platform), put("L4", platform, last_updated="yesterday")
    outcomes = await asyncio.gather(
        *map(taking.take, (put("L1", platform), kept, pushed("L3", platform, refuse), timeless, put("L5", platform))),
        return_exceptions=True,
    )
    assert [each if isinstance(each, bool) else type(each) for each in outcomes] == [
        True, True, InvalidParameters, InvalidParameters, True,
    ]  # fmt: skip
    assert [bool(await held(database, f"L{n}")) for n in range(1, 6)] == [True, True, False, False, True]


async def test_a_platform_that_is_gone_costs_only_its_own(database, platform, taking):
    outcomes = await asyncio.gather(
        *map(taking.take, (put("L1", platform), put("L2", platform), put("L3", 77), put("L4", platform))),
        return_exceptions=True,
    )
    assert [each if isinstance(each, bool) else type(each) for each in outcomes] == [True, True, PlatformUnknown, True]
    assert [bool(await held(database, f"L{n}")) for n in range(1, 5)] == [True, True, False, True]


async def test_who_no_longer_waits_is_passed_by(database, platform, taking):
    tasks = [asyncio.create_task(taking.take(put(f"L{n}", platform))) for n in range(3)]
    await asyncio.sleep(0)  # the first is on its way, the others wait
    tasks[1].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in outcomes] == [bool, asyncio.CancelledError, bool]
    assert await held(database, "L0")
    assert await held(database, "L2")


async def test_a_failure_of_the_disk_is_told_to_all_who_wait(database, platform, taking):
    await database.close()
    outcomes = await asyncio.gather(*(taking.take(put(f"L{n}", platform)) for n in range(3)), return_exceptions=True)
    assert {type(each).__name__ for each in outcomes} == {"StoreClosed"}


async def test_what_is_held_is_found_by_index(database, platform, taking):
    seen = []

    def listen(_connection, _cursor, statement, parameters, *_):
        if statement.startswith("SELECT"):
            seen.append((statement, parameters))

    event.listen(database._writer.sync_engine, "before_cursor_execute", listen)
    await asyncio.gather(*(taking.take(put(f"L{n}", platform)) for n in range(4)))
    event.remove(database._writer.sync_engine, "before_cursor_execute", listen)
    for statement, parameters in seen:
        explain = f"EXPLAIN QUERY PLAN {statement}"
        plan = await database.read(lambda c, explain=explain, p=parameters: c.exec_driver_sql(explain, p))
        steps = [step for *_, step in plan]
        assert [step for step in steps if "SEARCH mirror" in step and "object_key=? AND owner=?" in step], steps
