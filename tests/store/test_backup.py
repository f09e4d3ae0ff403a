"""Copies of the database: whole and of one moment while it is written to, and judged before they take its place."""

import asyncio
import os
import sqlite3
import stat
from contextlib import closing

import pytest
from sqlalchemy import insert, text

from hub.core.party import PartyRole
from hub.store.backup import back_up, copy_key, examine, key_beside, restore
from hub.store.crypto import Keyring, load_or_create_key
from hub.store.database import Database
from hub.store.errors import BackupExists, KeyFileMissing, SchemaTooNew, StoreDamaged, StoreUnsuitable, WrongKey
from hub.store.meta import check_key
from hub.store.migrations import upgrade
from hub.store.platforms import create_platform
from hub.store.schema import meta


def silent(_done, _all):
    pass


async def make(folder, *partners):
    """A data folder, closed again."""
    folder.mkdir(mode=0o700)
    database = await Database.open(folder / "hub.db")
    await upgrade(database)
    await check_key(database, Keyring(load_or_create_key(folder / "hub.key")), folder / "hub.key")
    for number, name in enumerate(partners):
        role = PartyRole.parse(f"NL-P{number:02}:CPO")
        await database.write(lambda c, name=name, role=role: create_platform(c, name, [role], os.urandom(32), 1))
    return database


def names(file):
    with closing(sqlite3.connect(file)) as database:
        return [row[0] for row in database.execute("SELECT name FROM platform ORDER BY id")]


async def test_a_copy_is_whole_and_for_its_owner_alone(tmp_path):
    database = await make(tmp_path / "data", "one", "two")
    steps = []
    made = back_up(database.path, tmp_path / "b", lambda done, total: steps.append((done, total)), running=True)
    await database.close()
    assert names(tmp_path / "b") == ["one", "two"]
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o600
    assert (made.partners, made.bytes, made.file) == (2, (tmp_path / "b").stat().st_size, str(tmp_path / "b"))
    assert steps[-1] == (made.bytes, made.bytes)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["b", "data"], "nothing is left beside it"
    assert (tmp_path / "data" / "hub.key").read_bytes().strip() not in (tmp_path / "b").read_bytes()


async def test_it_is_of_one_moment_while_the_hub_writes(tmp_path, monkeypatch):
    """Two rows that are always written together: a copy has both or none, and ends although writing goes on."""
    monkeypatch.setattr("hub.store.backup._PAGES", 1)
    database = await make(tmp_path / "data")
    written = 0

    async def both(connection):
        for side in ("left", "right"):
            await connection.execute(insert(meta).values(key=f"{side} {written}", value="x" * 3000))

    async def write():
        nonlocal written
        while True:
            await database.write(both)
            written += 1

    task = asyncio.create_task(write())
    while written < 20:
        await asyncio.sleep(0)
    for number in range(3):
        file = tmp_path / f"b{number}"
        await asyncio.to_thread(back_up, database.path, file, silent, running=True)
        with closing(sqlite3.connect(file)) as copy:
            rows = copy.execute("SELECT key FROM meta").fetchall()
        sides = [{int(key.split()[1]) for (key,) in rows if key.startswith(side)} for side in ("left", "right")]
        assert sides[0] == sides[1]
        assert len(sides[0]) >= 20
    before = written
    while written < before + 5:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    await database.close()


async def test_what_a_killed_hub_left_in_the_log_is_in_it(tmp_path):
    """Its last commits are in hub.db-wal only."""
    database = await make(tmp_path / "data", "one")
    killed = tmp_path / "killed"
    killed.mkdir()
    for part in ("hub.db", "hub.db-wal", "hub.key"):
        (killed / part).write_bytes((tmp_path / "data" / part).read_bytes())
    await database.close()
    back_up(killed / "hub.db", tmp_path / "b", silent)
    assert names(tmp_path / "b") == ["one"]


async def test_nothing_is_overwritten_unasked(tmp_path):
    await (await make(tmp_path / "data")).close()
    file = tmp_path / "b"
    file.write_text("mine")
    with pytest.raises(BackupExists, match="--force"):
        back_up(tmp_path / "data/hub.db", file, silent)
    with pytest.raises(BackupExists):
        copy_key(tmp_path / "data/hub.key", file)
    assert file.read_text() == "mine"
    back_up(tmp_path / "data/hub.db", file, silent, force=True)
    assert examine(file).partners == 0
    with pytest.raises(StoreUnsuitable, match="put the backup elsewhere"):
        back_up(tmp_path / "data/hub.db", tmp_path / "data/hub.db.bak", silent)
    with pytest.raises(StoreUnsuitable, match="No such file"):
        back_up(tmp_path / "data/hub.db", tmp_path / "no/folder", silent)


async def test_what_is_no_whole_backup_is_refused(tmp_path):
    database = await make(tmp_path / "data", *(f"partner {number}" * 50 for number in range(60)))
    await database.close()
    good = tmp_path / "good"
    back_up(database.path, good, silent)
    bad = tmp_path / "bad"
    whole = good.read_bytes()
    for content in (b"", b"hello" * 1000, whole[: len(whole) // 2], _scrambled(whole)):
        bad.write_bytes(content)
        with pytest.raises(StoreDamaged):
            restore(bad, tmp_path / "data", tmp_path / "data" / "hub.key", silent)
    with closing(sqlite3.connect(bad)) as other:
        bad.write_bytes(b"")
        other.execute("CREATE TABLE platform (id)")
    with pytest.raises(StoreDamaged, match="no database of a hub"):
        restore(bad, tmp_path / "data", tmp_path / "data" / "hub.key", silent)
    with pytest.raises(StoreUnsuitable, match="There is no file"):
        restore(tmp_path / "none", tmp_path / "data", tmp_path / "data" / "hub.key", silent)
    bad.write_bytes(whole)
    with closing(sqlite3.connect(bad)) as newer, newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999', works_from = '9998'")
    with pytest.raises(SchemaTooNew):
        restore(bad, tmp_path / "data", tmp_path / "data" / "hub.key", silent)
    assert len(names(database.path)) == 60
    assert not list((tmp_path / "data").glob("*restore*"))


def _scrambled(whole):
    page = 4096
    return whole[: 3 * page] + os.urandom(page * 4) + whole[7 * page :]


async def test_restored_is_what_was_saved_and_what_was_there_is_kept(tmp_path):
    database = await make(tmp_path / "data", "one")
    back_up(database.path, tmp_path / "b", silent, running=True)
    await database.write(lambda c: create_platform(c, "two", [PartyRole.parse("NL-TWO:CPO")], os.urandom(32), 1))
    await database.close()
    folder = tmp_path / "data"
    done = restore(tmp_path / "b", folder, folder / "hub.key", silent)
    assert (names(folder / "hub.db"), done.backup.partners, done.key_restored) == (["one"], 1, False)
    assert done.replaced == str(folder / "hub.db.before-restore")
    assert names(folder / "hub.db.before-restore") == ["one", "two"]
    assert stat.S_IMODE((folder / "hub.db").stat().st_mode) == 0o600
    again = restore(tmp_path / "b", folder, folder / "hub.key", silent)
    assert again.replaced == str(folder / "hub.db.before-restore.2"), "the first one is not lost"
    opened = await Database.open(folder / "hub.db")
    await upgrade(opened)
    assert await opened.read(lambda c: c.scalar(text("SELECT count(*) FROM platform"))) == 1
    await opened.close()


async def test_the_log_of_the_replaced_database_does_not_get_into_the_new_one(tmp_path):
    """Also where the old one is too damaged to be opened."""
    await (await make(tmp_path / "data", "one")).close()
    folder = tmp_path / "data"
    back_up(folder / "hub.db", tmp_path / "b", silent)
    (folder / "hub.db").write_bytes(b"no database " * 1000)
    (folder / "hub.db-wal").write_bytes(os.urandom(9000))
    restore(tmp_path / "b", folder, folder / "hub.key", silent)
    assert names(folder / "hub.db") == ["one"]
    assert (folder / "hub.db.before-restore").read_bytes().startswith(b"no database")
    assert not (folder / "hub.db-wal").exists()


async def test_the_key_has_to_be_the_right_one(tmp_path):
    await (await make(tmp_path / "data", "one")).close()
    file, folder = tmp_path / "b", tmp_path / "other"
    back_up(tmp_path / "data/hub.db", file, silent)
    await (await make(folder, "x")).close()
    with pytest.raises(WrongKey):
        restore(file, folder, folder / "hub.key", silent)
    (folder / "hub.key").unlink()
    with pytest.raises(KeyFileMissing):
        restore(file, folder, folder / "hub.key", silent)
    assert names(folder / "hub.db") == ["x"]
    copy_key(tmp_path / "data/hub.key", key_beside(file))
    assert stat.S_IMODE(key_beside(file).stat().st_mode) == 0o600
    assert restore(file, folder, folder / "hub.key", silent).key_restored
    assert (folder / "hub.key").read_bytes() == (tmp_path / "data/hub.key").read_bytes()
    assert stat.S_IMODE((folder / "hub.key").stat().st_mode) == 0o600
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o700)
    assert restore(file, empty, empty / "hub.key", silent).replaced is None
    assert names(empty / "hub.db") == ["one"]
