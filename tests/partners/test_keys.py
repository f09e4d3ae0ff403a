"""Keys of the admin API: made, kept as digests, and their last use."""

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
    assert all(len(each.key) == len("ohk_") + 43 for each in made)
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
