"""Tables of plugins: made, grown, kept apart from all others, and saved with the database."""

import sqlite3
import time

import pytest
from sqlalchemy import Column, Index, Integer, Table, Text, insert, select, text, update

from hub.plugin.parts import Tables
from hub.store.backup import back_up
from hub.store.changes import latest, since
from hub.store.plugins import PluginStores
from hub.store.schema import platform
from tests.store.kinds import only_sqlite


def counts(*more: Column) -> tuple[Tables, Table]:
    tables = Tables()
    return tables, Table(
        "plugin_mine_count", tables, Column("name", Text, primary_key=True), Column("n", Integer, nullable=False), *more
    )


async def test_rows_are_added_up_and_read(database):
    tables, count = counts()
    store = await PluginStores(database).of("mine", tables)
    for _ in range(2):
        await store.write(lambda own: own.upsert(count, [{"name": "a", "n": 2}, {"name": "b", "n": 1}], adding=["n"]))
    assert await store.read(lambda own: own.scalar(select(count.c.n).where(count.c.name == "a"))) == 4


@only_sqlite
async def test_rows_are_saved_with_the_database(database, tmp_path):
    tables, count = counts()
    store = await PluginStores(database).of("mine", tables)
    await store.write(lambda own: own.upsert(count, [{"name": "a", "n": 4}, {"name": "b", "n": 2}]))
    back_up(database.path, tmp_path / "copy.db", lambda *_: None, running=True)
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        assert copy.execute("SELECT n FROM plugin_mine_count ORDER BY n").fetchall() == [(2,), (4,)]
    copy.close()


async def test_rows_are_found_by_several_columns_and_the_clock_is_that_of_the_database(database):
    tables, count = counts()
    store = await PluginStores(database).of("mine", tables)
    await store.write(lambda own: own.upsert(count, [{"name": name, "n": 1} for name in "abc"]))

    async def find(own):
        these = own.among((count.c.name, count.c.name), [("a", "a"), ("b", "c"), ("c", "c")])
        return set((await own.execute(select(count.c.name).where(these))).scalars()), await own.now()

    found, now = await store.read(find)
    assert found == {"a", "c"}
    assert abs(now - time.time() * 1000) < 5_000


async def test_other_nodes_are_told_of_a_write_that_asks_for_it(database):
    """Where there can be none, nothing is noted."""
    tables, count = counts()
    store = await PluginStores(database).of("mine", tables)
    before = await database.read(latest)
    await store.write(lambda own: own.upsert(count, [{"name": "a", "n": 1}]))
    assert await database.read(latest) == before
    await store.write(lambda own: own.upsert(count, [{"name": "a", "n": 2}]), tell=True)
    noted = await database.read(lambda connection: since(connection, before))
    assert [(each.topic, each.key) for each in noted] == ([("plugin", "mine")] if database.shared else [])


async def test_what_fails_is_rolled_back(database):
    tables, count = counts()
    store = await PluginStores(database).of("mine", tables)

    async def fail(own):
        await own.execute(insert(count), [{"name": "a", "n": 1}])
        raise KeyError

    with pytest.raises(KeyError):
        await store.write(fail)
    assert await store.read(lambda own: own.scalar(select(count.c.n))) is None


async def test_columns_and_indexes_are_added(database):
    tables, count = counts()
    store = await PluginStores(database).of("mine", tables)
    await store.write(lambda own: own.execute(insert(count), [{"name": "a", "n": 1}]))
    tables, count = counts(Column("note", Text), Column("kind", Text, nullable=False, server_default="plain"))
    Index("ix_plugin_mine_count_kind", count.c.kind)
    store = await PluginStores(database).of("mine", tables)
    await PluginStores(database).of("mine", tables)
    row = await store.read(lambda own: own.execute(select(count)))
    assert row.mappings().one() == {"name": "a", "n": 1, "note": None, "kind": "plain"}
    tables, count = counts(Column("must", Integer, nullable=False))
    with pytest.raises(ValueError, match=r"plugin_mine_count.must is new.*let it be NULL, or give it a server_def"):
        await PluginStores(database).of("mine", tables)


@pytest.mark.parametrize(
    "statement",
    [
        select(platform.c.name),
        update(platform).values(name="x"),
        text("SELECT 1"),
        select(text("1")),
    ],
)
async def test_other_tables_are_not_reached(database, statement):
    tables, count = counts()
    store = await PluginStores(database).of("mine", tables)
    with pytest.raises(ValueError, match=r"is not one of this plugin|SQL as text|plugins select"):
        await store.write(lambda own: own.execute(statement))
    inner = update(count).values(n=select(platform.c.id).scalar_subquery())
    with pytest.raises(ValueError, match="table 'platform' is not one of this plugin"):
        await store.write(lambda own: own.execute(inner))
    with pytest.raises(ValueError, match="not one of this plugin"):
        await store.write(lambda own: own.upsert(platform, [{"id": 1}]))
