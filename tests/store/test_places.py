"""Where mirrored locations are: kept with the object, found by a rectangle and on a grid, filled in by migration."""

import json

import pytest
from alembic import command
from sqlalchemy import insert, text

from hub.core.party import Party, PartyRole
from hub.core.places import METRE, Area, Point
from hub.store import mirror, places
from hub.store.migrations import upgrade
from hub.store.migrations.due import script
from hub.store.platforms import create_platform
from hub.store.schema import metadata
from tests.store.kinds import only_sqlite
from tests.store.pushing import push

CPO, OTHER = Party.parse("NL-CPO"), Party.parse("BE-CPO")
WORLD = Area(-180_000_000, -90_000_000, 180_000_000, 90_000_000)


def body(name, latitude, longitude, *statuses, updated="2026-01-01T00:00:00Z"):
    coordinates = {"latitude": str(latitude), "longitude": str(longitude)} if latitude is not None else None
    evses = [{"uid": "1", "status": status} for status in statuses]
    return json.dumps({"id": name, "coordinates": coordinates, "evses": evses, "last_updated": updated}).encode()


@pytest.fixture
async def keep(database):
    platform = await database.write(lambda c: create_platform(c, "One", [PartyRole.parse("NL-CPO:CPO")], None, 1))

    async def keep(*bodies, owner=CPO, module="locations"):
        pulled = [mirror.Pulled(owner, json.loads(each)["id"].lower(), json.loads(each)["id"], each) for each in bodies]
        await database.write(lambda c: mirror.absorb(c, module, pulled, version="2.2.1", platform_id=platform, now=1))

    async def put(name, content):
        await push(database, CPO, name, content, platform_id=platform)

    keep.put = put
    keep.platform = platform
    return keep


async def found(database, area=WORLD, owner=None):
    return [each.object_id for each in await database.read(lambda c: places.inside(c, area, 100, owner))]


async def test_a_rectangle_finds_what_is_in_it(database, keep):
    await keep(body("A", 52, 5), body("B", 52.1, 5.1), body("C", -33.9, 18.4), body("nowhere", None, None))
    await keep(body("D", 52.05, 5.05), owner=OTHER)
    await keep(body("T", 52, 5), module="tariffs")
    assert await found(database) == ["C", "A", "D", "B"]
    here = Area(5_000_000, 52_000_000, 5_050_000, 52_050_000)
    assert await found(database, here) == ["A", "D"], "the edges belong to it"
    assert await found(database, here, CPO) == ["A"]
    extent = await database.read(places.extent)
    assert (extent.locations, extent.area) == (4, Area(5_000_000, -33_900_000, 18_400_000, 52_100_000))
    nobody = await database.read(lambda c: places.extent(c, Party.parse("FR-CPO")))
    assert (nobody.locations, nobody.area) == (0, None)


async def test_it_moves_and_goes_with_the_object(database, keep):
    await keep(body("A", 52, 5, "AVAILABLE"))
    await keep.put("A", body("A", 53, 6, "CHARGING", "OUTOFORDER"))
    (at,) = await database.read(lambda c: places.inside(c, WORLD, 100))
    assert (at.latitude, at.longitude) == (53_000_000, 6_000_000)
    assert (at.evses, at.free, at.busy, at.broken) == (2, 0, 1, 1)
    await keep(body("A", 10, 10, updated="2025-01-01T00:00:00Z"))
    assert (await database.read(lambda c: places.inside(c, WORLD, 100)))[0].latitude == 53_000_000, "it is older"
    await keep.put("A", body("A", None, None))
    assert await found(database) == []
    await keep.put("A", body("A", 1, 1))
    await database.write(lambda c: mirror.delete(c, "locations", CPO, "a"))
    assert (await database.read(places.extent)).locations == 0


async def test_a_grid_counts_all_that_is_there(database, keep):
    await keep(*(body(f"L{n}", 50 + n / 100, 4 + n / 50, "AVAILABLE", "CHARGING") for n in range(100)))
    area = Area(4_000_000, 50_000_000, 6_000_000, 51_000_000)
    cells = await database.read(lambda c: places.clusters(c, area, (500_000, 250_000)))
    assert sum(each.locations for each in cells) == 100
    assert sum(each.evses for each in cells) == 200
    assert sum(each.free for each in cells) == sum(each.busy for each in cells) == 100
    assert {(each.column, each.row) for each in cells} == {(n, n) for n in range(4)}
    first = next(each for each in cells if each.column == 0)
    assert first.locations == 25
    assert 50_000_000 <= first.latitude < 50_250_000
    assert first.longitude == 4_000_000 + 12 * 20_000, "the mean of its locations"


@only_sqlite
@pytest.mark.parametrize("asked", ["latitude BETWEEN 1 AND 2 AND longitude BETWEEN 1 AND 2", "latitude IS NOT NULL"])
async def test_one_index_answers(database, asked):
    query = text(f"EXPLAIN QUERY PLAN SELECT longitude, owner, evses, free, busy, broken FROM mirror WHERE {asked}")
    (plan,) = [row[3] for row in await database.read(lambda c: c.execute(query))]
    assert "USING COVERING INDEX ix_mirror_place" in plan


async def test_the_migration_fills_in_what_is_there(empty):
    database = empty

    def before(connection):
        command.upgrade(script(connection), "0008")

    async def fill(connection):
        await create_platform(connection, "One", [PartyRole.parse("NL-CPO:CPO")], None, 1)
        table = metadata.tables["mirror"]
        bodies = [
            ("locations", body("A", 52.087520, 5.10506, "AVAILABLE", "REMOVED", "CHARGING", "INOPERATIVE")),
            ("locations", body("B", None, None)),
            ("locations", b"[]"),
            ("locations", b"\xff{"),
            ("locations", body("far", 91, 0)),
            ("tariffs", body("T", 1, 1)),
        ]
        columns = ["module", "owner", "object_key", "object_id", "version", "platform_id", "last_updated", "updated_at"]
        for number, (module, content) in enumerate(bodies):
            values = (module, "NL-CPO", str(number), str(number), "2.2.1", 1, 1, 1)
            await connection.execute(insert(table).values({**dict(zip(columns, values, strict=True)), "body": content}))

    await database.write(lambda connection: connection.run_sync(before))
    await database.write(fill)
    await upgrade(database)
    (place,) = await database.read(lambda c: places.inside(c, WORLD, 100))
    assert (place.object_id, place.latitude, place.longitude) == ("0", 52_087_520, 5_105_060)
    assert (place.evses, place.free, place.busy, place.broken) == (3, 1, 1, 1)
    kept = await database.read(lambda c: c.scalar(text("SELECT count(*) FROM mirror")))
    assert kept == 6


async def test_amounts_and_entries_by_key(database, keep):
    await keep(body("A", 52, 5), body("B", 52, 5))
    await keep(body("A", 52, 5), owner=OTHER)
    await keep(body("T", 1, 1), module="tariffs")
    amounts = await database.read(mirror.amounts)
    assert [(each.module, each.owner, each.objects) for each in amounts] == [
        ("locations", "BE-CPO", 1),
        ("locations", "NL-CPO", 2),
        ("tariffs", "NL-CPO", 1),
    ]

    async def browse(**wanted):
        options = {"owner": None, "after": 0, "limit": 10, **wanted}
        return [each.owner for each in await database.read(lambda c: mirror.browse(c, "locations", **options))]

    assert await browse(keys=["a"]) == ["NL-CPO", "BE-CPO"]
    assert await browse(keys=["a"], owner=OTHER) == ["BE-CPO"]
    assert await browse(keys=[]) == []


async def near(database, latitude, longitude, radius, limit=100, **more):
    point = Point.at(latitude, longitude)
    return await database.read(lambda c: places.near(c, point, round(radius * METRE), limit, **more))


async def test_the_nearest_come_first_and_a_circle_is_round(database, keep):
    await keep(body("east", 60.0, 10.015), body("north", 60.01, 10.0))
    await keep(body("corner", 60.0099, 10.0199), body("far", 61.0, 10.0))
    found = await near(database, 60.0, 10.0, 1300)
    assert [each.object_key for each in found] == ["east", "north"]
    metres = [round(each.distance**0.5 / METRE) for each in found]
    assert metres == [834, 1112]  # at 60 degrees a degree of longitude is half as long


async def test_pages_of_what_is_near_leave_nothing_out(database, keep):
    await keep(*(body(f"L{each}", 50.0, 5.0 + each % 3 / 1000) for each in range(9)))
    seen, after = [], None
    while page := await near(database, 50.0, 5.0, 1000, 2, after=after):
        seen += [each.object_key for each in page]
        after = page[-1].distance, page[-1].position
    assert sorted(seen) == sorted(f"l{each}" for each in range(9))
    assert len(seen) == 9


async def test_only_those_of_some_owners_and_only_where_one_is_free(database, keep):
    await keep(body("free", 50.0, 5.0, "AVAILABLE"), body("busy", 50.0, 5.0, "CHARGING"))
    await keep(body("theirs", 50.0, 5.0, "AVAILABLE"), owner=OTHER)
    assert [each.object_key for each in await near(database, 50.0, 5.0, 100, free=True, owners=[CPO])] == ["free"]
    assert await near(database, 50.0, 5.0, 100, owners=[]) == []


@pytest.mark.parametrize(("latitude", "longitude"), [(90.0, 0.0), (-90.0, 180.0), (0.0, -180.0)])
async def test_the_edges_of_the_world_are_cut_off(database, keep, latitude, longitude):
    await keep(body("edge", latitude, longitude))
    assert [each.object_key for each in await near(database, latitude, longitude, 1_000_000)] == ["edge"]


@only_sqlite
async def test_what_is_near_is_found_by_the_index(database, keep):
    await keep(*(body(f"L{each}", 50.0, 5.0) for each in range(9)))
    said = []

    def note(_, __, statement, parameters, *___):
        said.append((statement, parameters))

    from sqlalchemy import event

    engine = await database.read(lambda c: _value(c.engine.sync_engine))
    event.listen(engine, "before_cursor_execute", note)
    await near(database, 50.0, 5.0, 100)
    event.remove(engine, "before_cursor_execute", note)
    statement, parameters = said[-1]
    plan = await database.read(lambda c: c.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters))
    assert any("COVERING INDEX ix_mirror_place" in row[-1] for row in plan)


async def _value(value):
    return value
