"""Keys of the admin API: made, kept as digests, and their last use."""

import asyncio
import hashlib

import pytest
from sqlalchemy import select

from hub.errors import InvalidParameters, NotFound
from hub.partners import keys as keys_module
from hub.partners.keys import KeyBook
from hub.store.database import Database
from hub.store.migrations import upgrade
from hub.store.schema import admin_key


@pytest.fixture
async def database(tmp_path):
    database = await Database.open(tmp_path / "hub.db")
    await upgrade(database)
    yield database
    await database.close()


async def loaded(database) -> KeyBook:
    book = KeyBook(database)
    await book.load()
    return book


async def test_a_key_is_256_random_bits_kept_as_a_digest(database):
    book = await loaded(database)
    made = [await book.create(f"key {number}", "read") for number in range(3)]
    assert len({each.key for each in made}) == 3
    assert all(each.key.startswith("ohk_") and len(each.key) == len("ohk_") + 43 for each in made)
    rows = (await database.read(lambda connection: connection.execute(select(admin_key)))).mappings().all()
    assert {row["digest"] for row in rows} == {hashlib.sha256(each.key.encode()).digest() for each in made}
    content = (database.path.parent / "hub.db-wal").read_bytes() + database.path.read_bytes()
    assert not [each for each in made if each.key.encode() in content]
    assert made[0].key not in repr(made[0])


async def test_keys_outlive_the_hub_with_their_last_use(database):
    book = await loaded(database)
    made = await book.create("key", "operate", 30)
    book.start()
    assert book.opens(made.key).name == "key"
    used = book.all()[0].last_used_at
    assert used
    await book.stop()
    (view,) = (await loaded(database)).all()
    assert (view.name, view.scope, view.last_used_at, view.expires_at) == ("key", "operate", used, made.expires_at)
    assert (await loaded(database)).opens(made.key).scope == "operate"


@pytest.mark.parametrize("days", [1, 2, 3650])
async def test_a_key_expires_to_the_millisecond(database, monkeypatch, days):
    monkeypatch.setattr(keys_module, "now_ms", lambda: 1_000)
    book = await loaded(database)
    made = await book.create("key", "operate", days)
    assert (made.name, made.scope, made.expires_at) == ("key", "operate", 1_000 + days * 24 * 3600 * 1000)
    for now, expired in ((made.expires_at - 1, False), (made.expires_at, True), (made.expires_at + 1, True)):
        monkeypatch.setattr(keys_module, "now_ms", lambda now=now: now)
        assert (book.opens(made.key) is None) is expired
        (view,) = book.all()
        assert (view.created_at, view.expires_at, view.expired) == (1_000, made.expires_at, expired)
    lasting = await book.create("lasting", "read")
    assert lasting.expires_at is None
    assert [each.expired for each in book.all()] == [True, False]


async def test_keys_stand_by_name_and_go_one_by_one(database):
    book = await loaded(database)
    made = {name: await book.create(name, "read") for name in ("c", "a" * 100, "b")}
    assert [each.name for each in book.all()] == ["a" * 100, "b", "c"]
    await book.revoke("b")
    assert book.opens(made["c"].key)
    assert [each.name for each in book.all()] == ["a" * 100, "c"]


async def test_last_uses_are_kept_while_the_hub_runs(database, monkeypatch):
    monkeypatch.setattr(keys_module, "_PAUSE", 0.01)
    book = await loaded(database)
    made = await book.create("key", "read")
    book.start()
    book.opens(made.key)
    used = book.all()[0].last_used_at
    async with asyncio.timeout(10):
        while (await loaded(database)).all()[0].last_used_at != used:
            await asyncio.sleep(0.01)
    assert book.all()[0].last_used_at == used
    await book.stop()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "keys"]


@pytest.mark.parametrize("key", ["", "ohk_", "\udcff", "ohk_" + "a" * 43])
async def test_what_is_no_key_opens_nothing(database, key):
    book = await loaded(database)
    await book.create("key", "read")
    assert book.opens(key) is None


async def test_a_revoked_key_is_gone(database):
    book = await loaded(database)
    made = await book.create("key", "read")
    assert (await book.revoke("key")).name == "key"
    assert book.opens(made.key) is None
    assert (await loaded(database)).opens(made.key) is None
    with pytest.raises(NotFound, match="no key 'key'; see: ocpi-hub key list"):
        await book.revoke("key")
    await book.create("key", "read")  # its name is free again


@pytest.mark.parametrize(
    ("name", "scope", "days", "words"),
    [
        ("", "read", None, "1 to 100 printable"),
        (" ", "read", None, "1 to 100 printable"),
        ("a\nb", "read", None, "1 to 100 printable"),
        ("\u202ea", "read", None, "1 to 100 printable"),
        ("a/b", "read", None, "without a slash"),
        ("a" * 101, "read", None, "1 to 100 printable"),
        ("a", "root", None, "'root' is no scope; it is read, operate, admin"),
        ("a", "read", 0, "1 to 3650 days"),
        ("a", "read", 3651, "1 to 3650 days"),
        ("taken", "read", None, "there is a key named 'taken' already"),
    ],
)
async def test_what_can_not_be_a_key(database, name, scope, days, words):
    book = await loaded(database)
    await book.create("taken", "read")
    with pytest.raises(InvalidParameters, match=words):
        await book.create(name, scope, days)
    assert len(book.all()) == 1


async def test_a_full_disk_ends_nobody(database, monkeypatch):
    """When a use can not be kept, the key opens all the same."""
    book = await loaded(database)
    made = await book.create("key", "read")

    async def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(keys_module, "keys_used", full)
    assert book.opens(made.key)
    await book.stop()
    assert book.opens(made.key)
