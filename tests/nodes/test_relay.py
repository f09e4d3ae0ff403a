"""What nodes tell each other: whole, to whom it is for, readable to nobody else, and kept nowhere."""

import secrets
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import pytest

from hub.nodes.relay import _MOST_OPEN, LARGEST, NotTold, Relay, _Open, short
from hub.store.crypto import Keyring
from hub.store.database import Database
from hub.store.migrations import upgrade
from tests.nodes.conftest import until

KEY = bytes(range(32))


class Heard:
    """What was told to one."""

    def __init__(self, relay):
        self.got = []
        relay.on("test", self.take)

    def take(self, body):
        self.got.append(body)
        if body == b"fails":
            raise ValueError
        return body != b"not for me"


@asynccontextmanager
async def relays(url, keys=(KEY, KEY)):
    """A relay for each key, seated at one database, and what each one hears."""
    async with AsyncExitStack() as stack:
        made = []
        for key in keys:
            database = await Database.open(url)
            stack.push_async_callback(database.close)
            seat = database.seat()
            relay = Relay(seat, database, Keyring(key))
            await seat.keep()
            stack.push_async_callback(seat.close)
            relay.start()
            stack.push_async_callback(relay.stop)
            made.append((relay, Heard(relay)))
        yield made


@pytest.mark.parametrize("size", [0, 1, 4_900, 5_000, 5_001, 10_000, LARGEST])
async def test_it_comes_whole_to_all_others_or_to_one(url, size):
    body = secrets.token_bytes(size)
    async with relays(url, (KEY, KEY, KEY)) as ((one, mine), (other, theirs), (_, third)):
        await one.send(None, "test", body)
        await one.send(other.own, "test", body)
        await one.send(None, "nobody knows this", b"")
        await until(lambda: len(theirs.got) == 2 and third.got)
        assert theirs.got == [body, body]
        assert third.got == [body]
        assert mine.got == []


async def test_who_hands_something_over_learns_whether_it_was_for_anybody(url):
    async with relays(url) as ((one, _), (other, theirs)):
        assert await one.hand(other.own, "test", b"yours")
        assert not await one.hand(other.own, "test", b"not for me")
        assert not await one.hand(other.own, "test", b"fails")
        assert not await one.hand(other.own, "nobody knows this", b"")
        assert theirs.got == [b"yours", b"not for me", b"fails"]
        assert not await one.hand(one.own, "test", b"mine")
        assert not await one.hand("no node's id", "test", b"")
        assert not await one.hand(short("01234567-89ab-4def-a123-456789abcdef"), "test", b"of one that is gone")
        assert one._handed == {}


async def test_what_can_not_be_told_is_an_error(url):
    async with relays(url) as ((one, _), (other, theirs)):
        with pytest.raises(NotTold, match="too large"):
            await one.send(None, "test", bytes(LARGEST + 1))
        await one._seat.close()
        with pytest.raises(NotTold, match="can not tell its other nodes just now"):
            await one.hand(other.own, "test", b"")
        assert theirs.got == []


async def test_nobody_else_can_read_it(url):
    """Nor is a word longer than a notification may be."""
    words = []
    async with relays(url, (KEY, KEY, bytes(32))) as ((one, _), (other, theirs), (stranger, strange)):
        other._seat.hear(f"ocpi_hub_{other.own}", words.append)
        secret = b"secret" * 3000
        await one.send(None, "test", secret)
        await one.send(other.own, "test", secret)
        await until(lambda: len(theirs.got) == 2)
        assert strange.got == []
        await stranger.send(other.own, "test", b"made up")
        await one.send(other.own, "test", b"the last")
        await until(lambda: len(theirs.got) == 3)
        assert theirs.got[-1] == b"the last"
        assert len(words) == 6
        assert max(map(len, words)) <= 7_000
        assert not any("c2VjcmV0" in each or "secret" in each for each in words)


async def test_what_never_comes_whole_takes_no_more_room_than_that():
    there = _Open()
    for number in range(1000):
        assert there.add(("one", number), 0, 2, bytes(5_000)) is None
    assert there._bytes <= _MOST_OPEN
    assert sum(sum(map(len, each)) for each in there._pieces.values()) == there._bytes
    assert there.add(("one", 999), 1, 2, b"end") == bytes(5_000) + b"end"
    assert there.add(("one", 998), 2, 3, b"too far") is None, "what is torn is forgotten"
    assert there.add(("one", 998), 1, 2, b"end") is None
    for key in list(there._pieces):
        there._forget(key)
    assert there._bytes == 0


async def test_with_sqlite_there_is_nobody_to_tell(tmp_path):
    database = await Database.open(tmp_path / "hub.db")
    await upgrade(database)
    relay = Relay(database.seat(), database, Keyring(KEY))
    relay.start()
    send = partial(relay.send, None, "test")
    await send(b"")
    await send(bytes(LARGEST + 1))
    assert not await relay.hand(short(database.node), "test", b"")
    assert not await relay.hand("A" * 22, "test", b"")
    await relay.stop()
    await database.close()
