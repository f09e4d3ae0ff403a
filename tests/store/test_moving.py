"""All that is in one database is copied into another, in either direction, and compared row for row."""

import itertools

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    func,
    insert,
    select,
    text,
    update,
)

from hub.core.party import PartyRole
from hub.plugin.parts import Tables
from hub.store.database import Database
from hub.store.errors import StoreNotEmpty, StoreOld, StoreUnsuitable
from hub.store.meta import check_key
from hub.store.metadata import metadata
from hub.store.migrations import upgrade
from hub.store.moving import copy
from hub.store.platforms import create_platform, remove
from hub.store.plugins import PluginStores
from hub.store.schema import meta, mirror, platform, revision

WORDS = {
    "state": "INVITED", "encoding": "RAW", "kind": "C", "interface": "SENDER", "validation": "off", "scope": "read",
    "status": "CONNECTED", "token_out_encoding": None, "token_out": None,
}  # fmt: skip
TEXTS = ["b", "B", "ä", "a'\"\\", "日本", " ", "_", "é"]


def rows_of(table, platforms):
    """Rows with all that a table can hold: other letters than ASCII, large numbers, bytes, and nothing at all."""
    for n in range(8):
        yield {column.name: value(column, n, platforms) for column in table.columns}


def value(column, n, platforms):
    if column.name in WORDS:
        return WORDS[column.name]
    if column.foreign_keys and column.name.endswith("_id") and isinstance(column.type, Integer):
        return platforms[n]
    if column.name in ("country_code", "party_id"):
        return f"Q{n}"
    if column.nullable and n % 3 == 0:
        return None
    kinds = {
        Boolean: n % 2 == 0,
        Float: n / 3,
        LargeBinary: bytes([n, 0, 255]).ljust(32, b"x"),
        BigInteger: 2**40 + n,
        Integer: 10 + n,
        String: f"{TEXTS[n][:1]}{n}" if getattr(column.type, "length", None) else f"{TEXTS[n]}{column.name}",
    }
    return next(found for kind, found in kinds.items() if isinstance(column.type, kind))


async def fill(database):
    platforms = [
        await database.write(lambda c, n=n: create_platform(c, f"P{n}", [PartyRole.parse(f"NL-PX{n}:CPO")], None, n))
        for n in range(9)
    ]
    for table in metadata.sorted_tables:
        if table is not platform and "derived" not in table.info:
            rows = [{"id": 1, "number": 7}] if table is revision else list(rows_of(table, platforms))
            await database.write(lambda c, table=table, rows=rows: c.execute(insert(table), rows))
    # The last number was given out, too, and must not be given out again.
    await database.write(lambda c: remove(c, platforms[8]))
    return platforms[8]


async def everything(database):
    found = {}
    for table in metadata.sorted_tables:
        rows = await database.read(lambda c, table=table: c.execute(select(table)))
        found[table.name] = sorted(map(repr, rows))
    return found


@pytest.fixture(params=["sqlite to postgresql", "postgresql to sqlite"])
async def pair(request, tmp_path):
    """A migrated source and a target without tables."""
    server = request.getfixturevalue("postgresql")
    where = [tmp_path / "hub.db", server.make()]
    if request.param.startswith("postgresql"):
        where.reverse()
    source, target = [await Database.open(each) for each in where]
    await upgrade(source)
    yield source, target
    await source.close()
    await target.close()
    server.drop(next(each for each in where if isinstance(each, str)))


async def test_everything_is_copied_and_told_with_its_digest(pair):
    source, target = pair
    last = await fill(source)
    told = []
    copied = await copy(source, target, lambda *step: told.append(step))
    assert await everything(target) == await everything(source)
    assert {each.table: each.rows for each in copied.tables} == {
        name: len(rows)
        for name, rows in (await everything(source)).items()
        if "derived" not in metadata.tables[name].info
    }
    assert all(each.rows for each in copied.tables)
    assert len({each.digest for each in copied.tables}) == len(copied.tables)
    assert (copied.source, copied.target) == (source.where, target.where)
    done = [step[1] for step in told]
    assert done == sorted(done)
    assert done[-1] == told[-1][2] == 2 * sum(each.rows for each in copied.tables)
    new = await target.write(lambda c: create_platform(c, "New", [], None, 1))
    assert new == last + 1, "no number is given out twice"
    position = await target.read(lambda c: c.scalar(select(func.max(mirror.c.position))))
    row = next(rows_of(mirror, [new] * 9)) | {"object_key": "new", "position": None}
    await target.write(lambda c: c.execute(insert(mirror), {name: row[name] for name in row if name != "position"}))
    assert await target.read(lambda c: c.scalar(select(func.max(mirror.c.position)))) > position


async def test_the_same_rows_have_the_same_digest_in_both(pair):
    source, target = pair
    await fill(source)
    there = await copy(source, target, lambda *_: None)
    await source.write(lambda c: c.execute(meta.delete()))
    with pytest.raises(StoreNotEmpty):
        await copy(target, source, lambda *_: None)
    for table in reversed(metadata.sorted_tables):
        await source.write(lambda c, table=table: c.execute(table.delete()))
    assert (await copy(target, source, lambda *_: None)).tables == there.tables


async def test_tables_of_plugins_go_with_it(pair):
    source, target = pair
    tables = Tables()
    table = Table(
        "plugin_mine_thing", tables,
        Column("name", Text, primary_key=True), Column("n", Integer), Column("half", Float), Column("raw", LargeBinary),
        Column("on", Boolean),
    )  # fmt: skip
    store = await PluginStores(source).of("mine", tables)
    rows = [
        {"name": each, "n": 2**31 - 1 - n, "half": n / 3, "raw": b"\0", "on": n % 2 == 0}
        for n, each in enumerate(TEXTS)
    ]
    await store.write(lambda own: own.execute(insert(table), rows))
    await copy(source, target, lambda *_: None)
    again = await PluginStores(target).of("mine", tables)
    found = await again.read(lambda own: own.execute(select(table)))
    assert sorted(map(dict, found.mappings()), key=str) == sorted(rows, key=str)


async def test_more_than_one_batch(pair):
    source, target = pair
    rows = [{"key": "".join(each), "value": "x"} for each in itertools.product("abcdefghijkl", repeat=4)][:2500]
    await source.write(lambda c: c.execute(insert(meta), rows))
    copied = await copy(source, target, lambda *_: None)
    assert next(each.rows for each in copied.tables if each.table == "meta") == 2500


async def test_a_target_with_something_in_it_is_left_alone(pair, tmp_path):
    source, target = pair
    await upgrade(target)
    from hub.store.crypto import Keyring

    await check_key(target, Keyring(bytes(32)), tmp_path / "hub.key")
    with pytest.raises(StoreNotEmpty, match="there is something in meta"):
        await copy(source, target, lambda *_: None)


async def test_another_schema_is_refused(pair):
    source, target = pair
    version = metadata.tables.get("alembic_version") or Table("alembic_version", Tables(), Column("version_num", Text))
    await source.write(lambda c: c.execute(update(version).values(version_num="0009")))
    with pytest.raises(StoreOld, match=r"\(0009\)"):
        await copy(source, target, lambda *_: None)


async def test_a_nul_is_replaced_which_postgresql_can_not_hold(pair):
    source, target = pair
    await source.write(lambda c: c.execute(insert(meta), [{"key": "a", "value": "x\0y"}]))
    await copy(source, target, lambda *_: None)
    assert await target.read(lambda c: c.scalar(select(meta.c.value))) == "x\ufffdy"


async def test_what_does_not_fit_leaves_the_target_empty(pair):
    """A column of SQLite may hold anything."""
    source, target = pair
    if not source.where.endswith(".db"):
        pytest.skip("PostgreSQL holds nothing that SQLite does not")
    await source.write(lambda c: c.execute(insert(meta).values(key="a", value="x")))
    await source.write(lambda c: c.execute(text("INSERT INTO sum_mark VALUES (1, 'never')")))
    with pytest.raises(StoreUnsuitable, match=r"does not take rows of sum_mark .*Nothing is kept"):
        await copy(source, target, lambda *_: None)
    assert await target.read(lambda c: c.scalar(select(func.count()).select_from(meta))) == 0
