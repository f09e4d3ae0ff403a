"""The mirror on disk: what was received comes back, in an order that never changes."""

import datetime
import itertools
import json
import time

import pytest
from alembic import command
from sqlalchemy import event, func, insert, select, text

from hub.core.party import Party, PartyRole
from hub.errors import InvalidParameters
from hub.store import mirror
from hub.store.journal_schema import exchange
from hub.store.migrations import upgrade
from hub.store.migrations.due import script
from hub.store.platforms import create_platform, remove
from hub.store.schema import mirror as table
from hub.store.schema import mirror_part
from tests.store.kinds import only_sqlite
from tests.store.pushing import push

CPO, OTHER = Party.parse("NL-CPO"), Party.parse("BE-CPO")
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def at(minute):
    """A moment in milliseconds."""
    return round((START + datetime.timedelta(minutes=minute)).timestamp() * 1000)


def body(name, minute=0, **fields):
    """An object that was last updated so many minutes after the start."""
    stamp = f"{START + datetime.timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}"
    return json.dumps({"id": name, "nothing": None, "last_updated": stamp, **fields}).encode()


@pytest.fixture
async def platforms(database):
    roles = [("One", "NL-CPO:CPO"), ("Two", "BE-CPO:CPO")]
    return [
        await database.write(lambda c, name=name, role=role: create_platform(c, name, [PartyRole.parse(role)], None, 1))
        for name, role in roles
    ]


@pytest.fixture
def put(database, platforms):
    async def put(name, minute=0, *, owner=CPO, module="locations", version="2.2.1", **fields):
        return await push(
            database, owner, name, body(name, minute, **fields),
            platform_id=platforms[owner == OTHER], module=module, version=version,
        )  # fmt: skip

    return put


@pytest.fixture
def absorb(database, platforms):
    async def absorb(*bodies, module="locations", version="2.2.1", platform=0, owner=CPO):
        pulled = [mirror.Pulled(owner, json.loads(each)["id"].lower(), json.loads(each)["id"], each) for each in bodies]
        await database.write(
            lambda c: mirror.absorb(
                c, module, pulled, version=version, platform_id=platforms[platform], now=8
            )
        )  # fmt: skip

    return absorb


@pytest.fixture
def page(database):
    async def page(module="locations", **changes):
        query = {"owners": None, "date_from": None, "date_to": None, "offset": 0, "limit": 100}
        return await database.read(lambda c: mirror.page(c, module, **(query | changes)))

    return page


def held(name, minute=0, **fields):
    """An object as it comes back."""
    return mirror.Held(CPO, "2.2.1", body(name, minute, **fields))


def ids(page):
    return [json.loads(held.body)["id"] for held in page.rows]


async def test_what_was_received_comes_back_byte_for_byte(database, put):
    assert await put("L1", x=1.10)
    assert await database.read(lambda c: mirror.get(c, "locations", CPO, "l1")) == held("L1", x=1.10)
    assert not await put("L1", 1, x=2)
    assert await database.read(lambda c: mirror.get(c, "locations", CPO, "l1")) == held("L1", 1, x=2)


@pytest.mark.parametrize(
    ("module", "owner", "key"), [("tokens", CPO, "l1"), ("locations", OTHER, "l1"), ("locations", CPO, "l2")]
)
async def test_another_object_is_not_held(database, put, module, owner, key):
    await put("L1")
    assert await database.read(lambda c: mirror.get(c, module, owner, key)) is None
    assert not await database.write(lambda c: mirror.delete(c, module, owner, key))


async def test_the_owners_of_an_id_are_found(database, put):
    await put("L1", owner=CPO)
    await put("l1", owner=OTHER)
    await put("L2", owner=OTHER)
    found = [await database.read(lambda c, key=key: mirror.find(c, "locations", key)) for key in ("l1", "l2", "l3")]
    assert found == [[OTHER, CPO], [OTHER], []]


async def test_a_deleted_object_that_comes_again_is_the_newest(database, put, page):
    for name in ("A", "B", "C"):
        await put(name)
    assert await database.write(lambda c: mirror.delete(c, "locations", CPO, "a"))
    assert not await database.write(lambda c: mirror.delete(c, "locations", CPO, "a"))
    assert await put("A")
    assert ids(await page()) == ["B", "C", "A"]


@pytest.mark.parametrize("stamp", [None, 5, "yesterday"])
async def test_an_object_without_a_time_is_refused(put, page, stamp):
    with pytest.raises(InvalidParameters, match="last_updated"):
        await put("L1", last_updated=stamp)
    assert (await page()).total == 0


async def test_pages_fit_together_wherever_they_are_cut(put, page):
    names = [f"L{n}" for n in range(11)]
    for name in names:
        await put(name)
    for limit in range(1, 13):
        pages = [await page(offset=offset, limit=limit) for offset in range(0, 12, limit)]
        assert [name for each in pages for name in ids(each)] == names
        assert {each.total for each in pages} == {11}
    assert [(await page(offset=n, limit=m)).rows for n, m in ((11, 5), (99, 5), (0, 0))] == [[], [], []]


async def test_a_crawl_is_stable_while_objects_change(put, page):
    """Pagination: the sequence of objects must not change, a new object comes at the end."""
    for n in range(20):
        await put(f"L{n}", n)
    crawled = []
    for offset in range(0, 24, 4):
        crawled += ids(await page(offset=offset, limit=4))
        for n in (offset % 20, 19 - offset % 20):
            await put(f"L{n}", 100 + offset)
        if offset < 16:
            await put(f"new {offset}", 200)
    assert crawled == [*(f"L{n}" for n in range(20)), *(f"new {n}" for n in (0, 4, 8, 12))]


async def test_only_what_is_asked_for(put, page):
    await put("old", 1)
    await put("other", 2, owner=OTHER)
    await put("new", 3)
    await put("tariff", 1, module="tariffs")
    await put("3.0", 1, version="2.3.0")
    assert ids(await page()) == ["old", "other", "new", "3.0"]
    assert ids(await page(owners=[CPO])) == ["old", "new", "3.0"]
    assert ids(await page(owners=[CPO, OTHER])) == ["old", "other", "new", "3.0"]
    assert (await page(owners=[])) == mirror.Page(0, [])
    assert [held.version for held in (await page()).rows] == [*["2.2.1"] * 3, "2.3.0"]
    assert ids(await page("tariffs")) == ["tariff"]


async def test_date_from_is_inclusive_and_date_to_exclusive(put, page):
    for n in range(4):
        await put(f"L{n}", n)
    assert ids(await page(date_from=at(1))) == ["L1", "L2", "L3"]
    assert ids(await page(date_to=at(2))) == ["L0", "L1"]
    window = await page(date_from=at(1), date_to=at(3), offset=1, limit=1)
    assert (window.total, ids(window)) == (2, ["L2"])


async def test_what_was_pulled_does_not_undo_what_was_pushed_meanwhile(put, page, absorb):
    await put("pushed", 5, by="push")
    await put("stale", 1, by="push")
    await absorb(body("new", 2), body("pushed", 4, by="pull"), body("stale", 2, by="pull"), body("new", 3))
    rows = [json.loads(held.body) for held in (await page()).rows]
    assert [(row["id"], row.get("by")) for row in rows] == [("pushed", "push"), ("stale", "pull"), ("new", None)]
    assert (await page(date_from=at(3), date_to=at(4))).rows == [held("new", 3)]
    await absorb()


async def test_what_was_pulled_repairs_what_is_held_of_the_same_time(page, put, absorb):
    await put("L1", 1, by="push")
    await absorb(body("L1", 1, by="pull"))
    assert (await page()).rows == [held("L1", 1, by="pull")]


async def test_pulling_the_same_again_writes_nothing(database, page, absorb):
    changes = "SELECT updated_at, version, platform_id FROM mirror"
    await absorb(body("L1", 1))
    await database.write(lambda c: c.exec_driver_sql("UPDATE mirror SET updated_at = 1"))
    await absorb(body("L1", 1))
    assert (await database.read(lambda c: c.exec_driver_sql(changes))).all() == [(1, "2.2.1", 1)]
    await absorb(body("L1", 1), version="2.3.0")
    await absorb(body("L1", 1), version="2.3.0", platform=1)
    assert (await database.read(lambda c: c.exec_driver_sql(changes))).all() == [(8, "2.3.0", 2)]


async def test_a_platform_and_a_party_are_forgotten(database, platforms, put, page):
    async def until(platform):
        return await database.read(lambda c: mirror.pulled_until(c, platforms[platform], "locations"))

    async def fill():
        await put("L1", owner=CPO)
        await put("L2", owner=OTHER)
        for platform in platforms:
            await database.write(
                lambda c, platform=platform: mirror.set_pulled_until(c, platform, "locations", "2026-01-01T00:00:00Z")
            )

    await fill()
    await database.write(lambda c: mirror.drop_party(c, platforms[0], OTHER))
    assert ids(await page()) == ["L1", "L2"]
    await fill()
    await database.write(lambda c: mirror.drop_party(c, platforms[0], CPO))
    assert (ids(await page()), await until(0), await until(1)) == (["L2"], None, "2026-01-01T00:00:00Z")
    await fill()
    await database.write(lambda c: mirror.drop_platform(c, platforms[1]))
    assert (ids(await page()), await until(0), await until(1)) == (["L1"], "2026-01-01T00:00:00Z", None)
    await fill()
    await database.write(lambda c: remove(c, platforms[0]))
    assert (ids(await page()), await until(0)) == (["L2"], None)


async def test_a_pull_goes_on_where_the_last_one_ended(database, platforms):
    async def until(module):
        return await database.read(lambda c: mirror.pulled_until(c, platforms[0], module))

    for stamp in ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00.5"):
        await database.write(lambda c, stamp=stamp: mirror.set_pulled_until(c, platforms[0], "tokens", stamp))
        assert (await until("tokens"), await until("locations")) == (stamp, None)


async def fill(connection, platform_id, owners, count):
    """Objects of many owners, those of each owner spread over all."""
    rows = [
        {
            "module": "locations",
            "owner": owners[n % len(owners)].id,
            "object_key": f"l{n}",
            "object_id": f"L{n}",
            "version": "2.2.1",
            "platform_id": platform_id,
            "last_updated": at(n),
            "updated_at": 1,
            "body": body(f"L{n}", n, pad="x" * 1000),
        }
        for n in range(count)
    ]
    await connection.execute(insert(table), rows)


async def test_the_last_page_is_as_quick_as_the_first(database, platforms, page):
    count, owners = 20_000, [Party("NL", "".join(each)) for each in itertools.product("ABCDEFGHIJKLM", repeat=3)]
    await database.write(lambda c: fill(c, platforms[0], owners, count))

    async def took(offset, **asked):
        began = time.perf_counter()
        found = await page(offset=offset, **asked)
        assert ids(found) == [f"L{n}" for n in range(offset, offset + 100)]
        return time.perf_counter() - began

    for asked in ({}, {"owners": owners}, {"date_from": at(0), "date_to": at(count)}):
        rounds = [(await took(0, **asked), await took(count - 100, **asked)) for _ in range(9)]
        first, last = map(min, zip(*rounds, strict=True))
        assert last <= first * 1.5, asked


@only_sqlite
async def test_everything_is_found_by_index(database, platforms, page):
    await database.write(lambda c: fill(c, platforms[0], [CPO, OTHER], 40))
    statements = []

    def listen(_connection, _cursor, statement, parameters, *_):
        if statement.startswith("SELECT"):
            statements.append((statement, parameters))

    event.listen(database._readers.sync_engine, "before_cursor_execute", listen)
    for offset in (0, 9):
        await page(offset=offset, limit=10, owners=[CPO, OTHER], date_from=at(10), date_to=at(30))
        await page(offset=offset, limit=10)
    await database.read(lambda c: mirror.find(c, "locations", "l5"))
    await database.read(lambda c: mirror.get(c, "locations", CPO, "l4"))
    await database.read(lambda c: mirror.tokens_of(c, "contract"))
    await database.read(lambda c: mirror.owners_from(c, platforms[0]))
    event.remove(database._readers.sync_engine, "before_cursor_execute", listen)

    for statement, parameters in statements:
        explain = f"EXPLAIN QUERY PLAN {statement}"
        plan = await database.read(lambda c, explain=explain, p=parameters: c.exec_driver_sql(explain, p))
        steps = [step for *_, step in plan]
        assert not [step for step in steps if "SCAN mirror" in step or "TEMP B-TREE" in step], (statement, steps)
        if "FROM mirror \n" in statement and ("body" not in statement or "LIMIT" in statement):
            assert [step for step in steps if "mirror USING COVERING INDEX" in step], (statement, steps)
    assert len(statements) == 12


async def test_tokens_are_found_by_their_contract(database, platforms):
    """OCPI 2.1.1 names a contract where later versions name a card. The one that was updated last comes first."""
    for name, minute, contract in (("card", 1, "DE-C1"), ("app", 2, "de-c1"), ("other", 3, "DE-C2"), ("none", 4, None)):
        token = mirror.Pulled(OTHER, name, name, body(name, minute), contract)
        await database.write(
            lambda c, token=token: mirror.absorb(c, "tokens", [token], version="2.1.1", platform_id=platforms[1], now=1)
        )

    async def found(contract):
        return [json.loads(each.body)["id"] for each in await database.read(lambda c: mirror.tokens_of(c, contract))]

    assert await found("De-C1") == ["app", "card"]
    assert await found("DE-C3") == []
    await database.write(lambda c: mirror.drop_platform(c, platforms[1]))
    assert await found("DE-C1") == []


async def counted(database):
    """What the parts of the mirror say, and what is there."""
    row, part = table.c, mirror_part.c
    at = row.position // mirror.PART
    there = select(row.module, at, row.owner, func.count()).group_by(row.module, at, row.owner)

    async def read(connection):
        said = await connection.execute(select(part.module, part.part, part.owner, part.objects))
        return sorted(map(tuple, said)), sorted(map(tuple, await connection.execute(there)))

    return await database.read(read)


async def test_the_parts_count_whatever_happens(database, put, absorb, platforms):
    async def same(objects):
        said, there = await counted(database)
        assert said == there
        assert sum(each[3] for each in said) == objects

    await put("A")
    await put("B", owner=OTHER)
    await put("C", module="tokens")
    await put("A", 5)
    await same(3)
    await absorb(body("A", 6), body("D"), body("E"))
    await absorb(body("A", 6), body("D"), body("E"))
    await same(5)
    await database.write(lambda c: mirror.delete(c, "locations", CPO, "d"))
    await database.write(lambda c: mirror.delete(c, "locations", CPO, "never"))
    await same(4)
    await database.write(lambda c: mirror.drop_party(c, platforms[1], OTHER))
    await same(3)
    await put("B", owner=OTHER)
    await database.write(lambda c: remove(c, platforms[1]))
    await same(3)
    with pytest.raises(InvalidParameters):
        await absorb(body("F"), b'{"id": "G"}')
    await database.write(lambda c: mirror.drop_platform(c, platforms[0]))
    await same(0)


async def test_pages_go_over_the_ends_of_parts(database, platforms, page):
    part = mirror.PART
    places = [1, 2, part - 1, part, part + 1, 5 * part, 5 * part + 1, 9 * part - 1, 9 * part]
    rows = [
        {
            **mirror.row_of("locations", mirror.Pulled(owner, f"l{n}", f"L{n}", body(f"L{n}")), "2.2.1", 1, 1),
            "position": n, "platform_id": platforms[0],
        }
        for n, owner in zip(places, itertools.cycle((CPO, CPO, OTHER)), strict=False)
    ]  # fmt: skip
    await database.write(lambda c: c.execute(insert(table), rows))
    for owners in (None, [CPO], [OTHER], [CPO, OTHER], []):
        wanted = [
            f"L{row['position']}" for row in rows if owners is None or row["owner"] in {each.id for each in owners}
        ]
        for offset, limit in itertools.product(range(11), range(1, 11)):
            found = await page(offset=offset, limit=limit, owners=owners)
            assert (found.total, ids(found)) == (len(wanted), wanted[offset : offset + limit])


async def test_what_was_there_before_is_counted(empty):
    """By the migration that brings the parts."""
    await empty.migrate(lambda c: c.run_sync(lambda plain: command.upgrade(script(plain), "0011")))
    roles = [PartyRole.parse("NL-CPO:CPO")]
    number = await empty.write(lambda c: create_platform(c, "One", roles, None, 1))
    row = mirror.row_of("locations", mirror.Pulled(CPO, "a", "A", body("A")), "2.2.1", number, 1)
    await empty.write(
        lambda c: c.execute(insert(table), [{**row, "position": n, "object_key": str(n)} for n in (1, 5000)])
    )
    await empty.write(lambda c: c.execute(text("INSERT INTO trace_part VALUES (3), (9)")))
    names = ("id", "correlation_id", "request_id", "method", "outcome", "http_status", "ocpi_status", "hub_us")
    names += ("bytes_in", "bytes_out", "findings")
    rows = [dict.fromkeys(names, "x") | dict.fromkeys(names[5:], 1) | {"id": n} for n in (2, 3, 4, 9, 10)]
    await empty.write(lambda c: c.execute(insert(exchange), rows))
    await upgrade(empty)
    said, there = await counted(empty)
    assert said == there == [("locations", 0, "NL-CPO", 1), ("locations", 1, "NL-CPO", 1)]
    held = await empty.read(lambda c: c.execute(text("SELECT until_id, held FROM trace_part ORDER BY 1")))
    assert held.all() == [(3, 2), (9, 2)]
