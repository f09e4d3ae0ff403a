"""Hints on disk."""

import pytest
from sqlalchemy import func, select

from hub.core.content import Hint, Key, Kind
from hub.core.party import Party
from hub.store.hints import forget_older, recall, remember
from hub.store.schema import hint

CPO, OTHER, EMSP = (Party.parse(text) for text in ("NL-CPO", "BE-CPO", "DE-MSP"))
SESSION = Key.of(Kind.SESSION, "S1", EMSP)


async def seen(database, *hints, now):
    await database.write(lambda c: remember(c, hints, now))


async def test_the_latest_comes_first(database):
    await seen(database, Hint(SESSION, CPO), now=1)
    await seen(database, Hint(SESSION, OTHER), now=2)
    assert await database.read(lambda c: recall(c, SESSION, 0)) == (OTHER, CPO)
    await seen(database, Hint(SESSION, CPO), now=3)
    assert await database.read(lambda c: recall(c, SESSION, 0)) == (CPO, OTHER)


@pytest.mark.parametrize(
    "key", [Key.of(Kind.LOCATION, "S1", EMSP), Key.of(Kind.SESSION, "S2", EMSP), Key.of(Kind.SESSION, "S1", OTHER)]
)
async def test_another_key_recalls_nothing(database, key):
    await seen(database, Hint(SESSION, CPO), now=1)
    assert await database.read(lambda c: recall(c, key, 0)) == ()
    assert await database.read(lambda c: recall(c, Key.of(Kind.SESSION, "s1", EMSP), 0)) == (CPO,)


async def test_what_is_too_old_is_not_recalled_and_is_forgotten(database):
    await seen(database, Hint(SESSION, CPO), Hint(SESSION, OTHER), now=10)
    await seen(database, Hint(SESSION, OTHER), now=20)
    assert await database.read(lambda c: recall(c, SESSION, 11)) == (OTHER,)
    await database.write(lambda c: forget_older(c, 20))
    assert await database.read(lambda c: recall(c, SESSION, 0)) == (OTHER,)


async def test_many_at_once_and_none_at_all(database):
    many = [Hint(Key.of(Kind.SESSION, f"S{n % 500}", EMSP), CPO) for n in range(1000)]
    await seen(database, *many, now=1)
    await seen(database, now=2)
    assert await database.read(lambda c: c.scalar(select(func.count()).select_from(hint))) == 500
