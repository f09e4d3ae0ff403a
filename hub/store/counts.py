"""Findings and losses on disk, summed up: how often, by path. Never a value of a partner's object."""

from collections.abc import Iterable, Mapping

import msgspec
from sqlalchemy import Column, Table, delete, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.schema import finding, loss
from hub.store.statements import upsert

MOST = 1000
"""So many rows are kept of each platform."""


class FindingKey(msgspec.Struct, frozen=True):
    """One rule that objects of one platform break at one place. Indexes in the path are left out: `evses[].uid`."""

    platform_id: int
    kind: str
    path: str
    rule: str


class FindingCount(FindingKey, frozen=True):
    """How often that was, and when first and last (milliseconds since 1970). `got` is what came, in words."""

    got: str
    count: int
    first_at: int
    last_at: int


class LossKey(msgspec.Struct, frozen=True):
    """One place in objects that could not be told to a platform of another version, in the words of `version`."""

    sender_id: int
    receiver_id: int
    kind: str
    version: str
    path: str


class LossCount(LossKey, frozen=True):
    """How often that was, and when last (milliseconds since 1970)."""

    why: str
    count: int
    last_at: int


async def add_findings(connection: AsyncConnection, found: Mapping[FindingKey, tuple[str, int]], now: int) -> None:
    """Add to the counts. Of each key: what came, and how often. Platforms that are gone are passed by."""
    rows = [
        {**msgspec.structs.asdict(key), "got": got, "count": count, "first_at": now, "last_at": now}
        for key, (got, count) in found.items()
    ]
    await upsert(connection, finding, rows, adding=("count",), keeping=("first_at",))
    await _prune(connection, finding, finding.c.platform_id, {key.platform_id for key in found})


async def add_losses(connection: AsyncConnection, lost: Mapping[LossKey, tuple[str, int]], now: int) -> None:
    """Add to the counts. Of each key: why, and how often."""
    rows = [
        {**msgspec.structs.asdict(key), "why": why, "count": count, "last_at": now}
        for key, (why, count) in lost.items()
    ]
    await upsert(connection, loss, rows, adding=("count",))
    await _prune(connection, loss, loss.c.sender_id, {key.sender_id for key in lost})


async def findings_of(connection: AsyncConnection, platform_id: int | None, limit: int) -> list[FindingCount]:
    """The findings of one platform, or of all: the most frequent first."""
    query = select(finding).order_by(finding.c.count.desc(), finding.c.path).limit(limit)
    if platform_id is not None:
        query = query.where(finding.c.platform_id == platform_id)
    return [FindingCount(**row) for row in (await connection.execute(query)).mappings()]


async def count_findings(connection: AsyncConnection, platform_id: int) -> int:
    """How many rules, each at one place, the objects of a platform break."""
    query = select(func.count()).select_from(finding).where(finding.c.platform_id == platform_id)
    return (await connection.execute(query)).scalar_one()


async def losses_of(connection: AsyncConnection, platform_id: int | None, limit: int) -> list[LossCount]:
    """What was lost from or to one platform, or between all: the most frequent first."""
    query = select(loss).order_by(loss.c.count.desc(), loss.c.path).limit(limit)
    if platform_id is not None:
        query = query.where(or_(loss.c.sender_id == platform_id, loss.c.receiver_id == platform_id))
    return [LossCount(**row) for row in (await connection.execute(query)).mappings()]


async def clear_findings(connection: AsyncConnection, platform_id: int) -> int:
    """Begin to count anew; how many kinds of findings there were."""
    return (await connection.execute(delete(finding).where(finding.c.platform_id == platform_id))).rowcount


async def _prune(connection: AsyncConnection, table: Table, platform: Column[int], ids: Iterable[int]) -> None:
    """Keep each platform's most frequent rows: paths may hold names that a partner makes up, and those have no end."""
    for platform_id in ids:
        own = platform == platform_id
        if (await connection.scalar(select(func.count()).select_from(table).where(own)) or 0) <= MOST:
            continue
        keys = [*table.primary_key]
        kept = select(*keys).where(own).order_by(table.c.count.desc(), table.c.last_at.desc()).limit(MOST)
        await connection.execute(delete(table).where(own, tuple_(*keys).not_in(kept)))
