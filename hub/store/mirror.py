"""The mirror on disk: objects that are meant for everybody, as they were received, for GET All.

OCPI 2.2.1, transport_and_format: Pagination, GET All via Hubs. Objects come in the order in which they were first
seen. That order never changes while they do, so a partner that crawls the pages misses none and meets none twice.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select, update
from sqlalchemy import delete as delete_from
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.party import Party
from hub.core.patching import last_updated
from hub.store.places import columns_of
from hub.store.schema import mirror, mirror_part, sync_state, token_contract
from hub.store.statements import Row, among, upsert

PART = 4096
"""Positions of one part; triggers of the database count by it, too."""
KEY = ("module", "object_key", "owner")
"""What an object is known by."""

_OVERWRITE = (
    update(mirror)
    .where(*(mirror.c[name] == bindparam(f"{name}_") for name in KEY))
    .values({each.name: bindparam(f"{each.name}_") for each in mirror.c if each.name not in (*KEY, "position")})
)


class Pulled(msgspec.Struct, frozen=True):
    """One object of a list that was pulled from its owner's platform. `contract` is that of a token."""

    owner: Party
    key: str
    object_id: str
    body: bytes
    contract: str | None = None


class Held(msgspec.Struct, frozen=True):
    """One object as it is held: in the OCPI version in which its owner sent it."""

    owner: Party
    version: str
    body: bytes


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one object without its body, of which `size` is the bytes. Times are milliseconds since 1970."""

    position: int
    owner: str
    object_id: str
    object_key: str
    version: str
    platform_id: int
    last_updated: int
    updated_at: int
    size: int


class Amount(msgspec.Struct, frozen=True):
    """How many objects of a module an owner has here, and when the latest of them was updated (milliseconds)."""

    module: str
    owner: str
    objects: int
    last_updated: int


class Page(msgspec.Struct, frozen=True):
    """One page, and how many objects there are on all pages."""

    total: int
    rows: list[Held]


async def absorb(
    connection: AsyncConnection,
    module: str,
    objects: Sequence[Pulled],
    *,
    version: str,
    platform_id: int,
    now: int,
) -> None:
    """Keep what was pulled, except where something newer was pushed meanwhile. What is the same is not written.

    Raises InvalidParameters where a last_updated is missing or no DateTime.
    """
    await note_contracts(connection, [(each, platform_id) for each in objects])
    rows = [row_of(module, each, version, platform_id, now) for each in objects]
    await upsert(connection, mirror, rows, by=KEY, where=_newer)


def _newer(new: Any) -> ColumnElement[bool]:
    changes = (new[name] != mirror.c[name] for name in ("body", "version", "platform_id"))
    return and_(new.last_updated >= mirror.c.last_updated, or_(*changes))


async def get(connection: AsyncConnection, module: str, owner: Party, key: str) -> Held | None:
    """One object; None where it is not held."""
    query = select(mirror.c.owner, mirror.c.version, mirror.c.body).where(*_is(module, owner, key))
    row = (await connection.execute(query)).one_or_none()
    return _held(*row) if row else None


async def tokens_of(connection: AsyncConnection, contract: str) -> list[Held]:
    """The tokens of a contract, whoever owns them; the one that was updated last comes first."""
    named = select(token_contract.c.owner, token_contract.c.object_key).where(
        token_contract.c.contract == contract.lower()
    )
    found: list[tuple[int, Held]] = []
    # One by one, each by its key: a join may begin with all tokens there are.
    for owner, key in (await connection.execute(named)).all():
        query = select(mirror.c.last_updated, mirror.c.owner, mirror.c.version, mirror.c.body)
        row = (await connection.execute(query.where(*_is("tokens", Party.parse(owner), key)))).one_or_none()
        if row is not None:
            found.append((row.last_updated, _held(*row[1:])))
    return [held for _, held in sorted(found, key=lambda each: each[0], reverse=True)]


async def find(connection: AsyncConnection, module: str, key: str) -> list[Party]:
    """The owners of all objects with this key."""
    query = select(mirror.c.owner).where(mirror.c.module == module, mirror.c.object_key == key)
    return sorted(Party.parse(owner) for owner in await connection.scalars(query))


async def sources(connection: AsyncConnection, module: str, key: str) -> list[tuple[Party, int]]:
    """The owners of all objects with this key, each with the platform that its object came from."""
    query = select(mirror.c.owner, mirror.c.platform_id).where(mirror.c.module == module, mirror.c.object_key == key)
    return sorted((Party.parse(owner), platform_id) for owner, platform_id in await connection.execute(query))


async def owners_from(connection: AsyncConnection, platform_id: int) -> list[Party]:
    """The owners of all objects that came from a platform."""
    query = select(mirror.c.owner).where(mirror.c.platform_id == platform_id).distinct()
    return sorted(Party.parse(owner) for owner in await connection.scalars(query))


async def delete(connection: AsyncConnection, module: str, owner: Party, key: str) -> bool:
    """Forget one object; False where it is not held."""
    removed = await connection.execute(delete_from(mirror).where(*_is(module, owner, key)))
    return removed.rowcount > 0


async def page(
    connection: AsyncConnection,
    module: str,
    *,
    owners: Sequence[Party] | None,
    date_from: int | None,
    date_to: int | None,
    offset: int,
    limit: int,
) -> Page:
    """`limit` objects from `offset` on, of these owners (None: of all), last updated within the dates.

    `date_from` is inclusive, `date_to` exclusive, both in milliseconds. Takes as long at the end as at the start.
    """
    fitting = [mirror.c.module == module]
    if owners is not None:
        fitting.append(among(mirror.c.owner, (owner.id for owner in owners)))
    if date_from is None and date_to is None:
        return await _page_of_all(connection, module, owners, fitting, offset, limit)
    if date_from is not None:
        fitting.append(mirror.c.last_updated >= date_from)
    if date_to is not None:
        fitting.append(mirror.c.last_updated < date_to)
    total = await connection.scalar(select(func.count()).select_from(mirror).where(*fitting)) or 0
    end = min(offset + limit, total)
    if offset >= end:
        return Page(total, [])
    # The index is counted off from the nearer end; then only the bodies of this page are read.
    from_start = offset < total - end
    order, skipped = (mirror.c.position, offset) if from_start else (mirror.c.position.desc(), total - end)
    positions = select(mirror.c.position).where(*fitting).order_by(order).limit(end - offset).offset(skipped)
    return Page(total, await _bodies(connection, positions))


async def _page_of_all(
    connection: AsyncConnection,
    module: str,
    owners: Sequence[Party] | None,
    fitting: Sequence[ColumnElement[bool]],
    offset: int,
    limit: int,
) -> Page:
    """A page that begins in the part of the mirror in which its first object is; none of those before is looked at."""
    row = mirror_part.c
    whose = [] if owners is None else [among(row.owner, (owner.id for owner in owners))]
    sums = select(row.part, func.sum(row.objects)).where(row.module == module, *whose).group_by(row.part)
    parts = [(part, int(objects)) for part, objects in await connection.execute(sums.order_by(row.part))]
    ends = [*accumulate(objects for _, objects in parts)]
    total = ends[-1] if ends else 0
    if offset >= total:
        return Page(total, [])
    first, last = (bisect_right(ends, place) for place in (offset, min(offset + limit, total) - 1))
    skipped = offset - (ends[first - 1] if first else 0)
    begin, end = parts[first][0] * PART, (parts[last][0] + 1) * PART
    within = mirror.c.position >= begin, mirror.c.position < end
    positions = select(mirror.c.position).where(*fitting, *within).order_by(mirror.c.position)
    return Page(total, await _bodies(connection, positions.limit(limit).offset(skipped)))


async def _bodies(connection: AsyncConnection, positions: Select[Any]) -> list[Held]:
    columns = select(mirror.c.owner, mirror.c.version, mirror.c.body)
    held = columns.where(mirror.c.position.in_(positions)).order_by(mirror.c.position)
    return [_held(*row) for row in await connection.execute(held)]


async def amounts(connection: AsyncConnection) -> list[Amount]:
    """How much is held, by module and owner."""
    columns = mirror.c.module, mirror.c.owner
    query = select(*columns, func.count(), func.max(mirror.c.last_updated)).group_by(*columns).order_by(*columns)
    return [Amount(*row) for row in await connection.execute(query)]


async def browse(
    connection: AsyncConnection,
    module: str,
    *,
    owner: Party | None,
    after: int,
    limit: int,
    keys: Sequence[str] | None = None,
) -> list[Entry]:
    """`limit` entries with a position over `after`, of one owner or of all, in their order. Bodies are not read.

    `keys`: only those with one of them, wherever they are.
    """
    columns = (
        mirror.c.position, mirror.c.owner, mirror.c.object_id, mirror.c.object_key, mirror.c.version,
        mirror.c.platform_id, mirror.c.last_updated, mirror.c.updated_at, func.length(mirror.c.body).label("size"),
    )  # fmt: skip
    query = select(*columns).where(mirror.c.module == module)
    if owner is not None:
        query = query.where(mirror.c.owner == owner.id)
    if keys is None:
        query = query.where(mirror.c.position > after).order_by(mirror.c.position)
    else:  # these are found by their keys: with a position as well, all objects would be gone through for them
        query = query.where(among(mirror.c.object_key, keys))
    rows = (await connection.execute(query.limit(limit))).mappings()
    return sorted((Entry(**row) for row in rows), key=lambda each: each.position)


async def drop_platform(connection: AsyncConnection, platform_id: int) -> None:
    """Forget all objects of a platform. Its next pull begins anew."""
    await connection.execute(delete_from(mirror).where(mirror.c.platform_id == platform_id))
    await connection.execute(delete_from(token_contract).where(token_contract.c.platform_id == platform_id))
    await _begin_anew(connection, platform_id)


async def drop_party(connection: AsyncConnection, platform_id: int, owner: Party) -> None:
    """Forget all objects of one party of a platform. The platform's next pull begins anew."""
    await connection.execute(delete_from(mirror).where(mirror.c.platform_id == platform_id, mirror.c.owner == owner.id))
    await _begin_anew(connection, platform_id)


async def pulled_until(connection: AsyncConnection, platform_id: int, module: str) -> str | None:
    """The date_from of the next pull, as it was set; None where the next pull is the first."""
    query = select(sync_state.c.date_from).where(sync_state.c.platform_id == platform_id, sync_state.c.module == module)
    date_from: str | None = await connection.scalar(query)
    return date_from


async def set_pulled_until(connection: AsyncConnection, platform_id: int, module: str, date_from: str) -> None:
    """Where the next pull goes on: an OCPI DateTime."""
    await upsert(connection, sync_state, [{"platform_id": platform_id, "module": module, "date_from": date_from}])


async def note_contracts(connection: AsyncConnection, objects: Iterable[tuple[Pulled, int]]) -> None:
    """Keep the contracts of tokens, each with the platform that it came from."""
    rows = [
        {
            "owner": each.owner.id,
            "object_key": each.key,
            "contract": each.contract.lower(),
            "platform_id": platform_id,
        }
        for each, platform_id in objects
        if each.contract
    ]
    await upsert(connection, token_contract, rows)


async def overwrite(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    """Write objects that are held already. An upsert would use up a new position for each of them."""
    if rows:
        await connection.execute(_OVERWRITE, [{f"{name}_": value for name, value in row.items()} for row in rows])


def row_of(module: str, each: Pulled, version: str, platform_id: int, now: int) -> Row:
    """All columns of an object. InvalidParameters where its last_updated is missing or no DateTime."""
    return {
        "module": module,
        "object_key": each.key,
        "owner": each.owner.id,
        "object_id": each.object_id,
        "version": version,
        "platform_id": platform_id,
        "last_updated": last_updated(each.body),
        "updated_at": now,
        "body": each.body,
        **columns_of(module, each.body),
    }


async def _begin_anew(connection: AsyncConnection, platform_id: int) -> None:
    await connection.execute(delete_from(sync_state).where(sync_state.c.platform_id == platform_id))


def _held(owner: str, version: str, body: bytes) -> Held:
    return Held(Party.parse(owner), version, body)


def _is(module: str, owner: Party, key: str) -> tuple[ColumnElement[bool], ...]:
    return mirror.c.module == module, mirror.c.object_key == key, mirror.c.owner == owner.id
