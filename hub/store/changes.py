"""What was changed of all that nodes keep in memory, numbered in the order in which it was committed.

A note is written in the same transaction as the change itself: who reads the one finds the other. Writes of the hub's
part never overlap, so numbers have no gaps, and a later one is never committed before an earlier one.
"""

from enum import StrEnum
from typing import TypeVar

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.database import Database, Work
from hub.store.schema import change, revision
from hub.store.statements import upsert

T = TypeVar("T")

CHANNEL = "ocpi_hub"
"""Where PostgreSQL tells nodes that there is something new (NOTIFY)."""
_KEPT = 10_000
"""So many changes are kept. A node that has missed more reads everything again."""


class Topic(StrEnum):
    """What was changed; what a change's key is then."""

    PLATFORM = "platform"
    """A partner: its id."""
    AGREEMENT = "agreement"
    """The agreements."""
    KEY = "key"
    """The keys of the admin API."""
    STATUS = "status"
    """What is published of a platform: its id."""
    DOUBT = "doubt"
    """Whether a platform is there; a node has reason to ask. Its id."""
    CAPTURE = "capture"
    """Of which platforms bodies are kept."""
    PLUGIN = "plugin"
    """What a plugin keeps in its tables: its name."""


class Change(msgspec.Struct, frozen=True):
    """One change. `node` is who made it."""

    number: int
    topic: str
    key: str
    node: str


async def note(connection: AsyncConnection, node: str, topic: Topic, key: str = "") -> None:
    """Note a change within the transaction that makes it."""
    await upsert(connection, revision, [{"id": 1, "number": 1}], adding=("number",))
    number = await latest(connection)
    await connection.execute(change.insert().values(number=number, topic=topic, key=key, node=node))
    await connection.execute(delete(change).where(change.c.number <= number - _KEPT))
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.pg_notify(CHANNEL, str(number))))


async def write_noted(database: Database, work: Work[T], topic: Topic, key: str = "") -> T:
    """`Database.write` of what other nodes have to take over, too."""

    async def noted(connection: AsyncConnection) -> T:
        done = await work(connection)
        await note(connection, database.node, topic, key)
        return done

    return await database.write(noted)


async def latest(connection: AsyncConnection) -> int:
    """The number of the latest change; 0 where there was none."""
    return await connection.scalar(select(revision.c.number)) or 0


async def since(connection: AsyncConnection, seen: int) -> list[Change] | None:
    """What was changed after a number; None where that can not be told, as too much happened or time went back."""
    number = await latest(connection)
    if number == seen:
        return []
    rows = await connection.execute(select(change).where(change.c.number > seen).order_by(change.c.number))
    found = [Change(*row) for row in rows]
    return found if len(found) == number - seen else None
