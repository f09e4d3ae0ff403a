"""Where mirrored locations are: found by a rectangle, and counted on a grid. One index holds all that is asked here."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import BigInteger, ColumnElement, and_, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.party import Party
from hub.core.places import THOUSAND, Area, Place, Point, place_of
from hub.store.schema import mirror
from hub.store.statements import among

_FIELDS = Place.__struct_fields__
_NOWHERE: Mapping[str, int | None] = dict.fromkeys(_FIELDS)
_row = mirror.c


class Found(Place, frozen=True, kw_only=True):
    """One location. `position` is its place in the mirror."""

    position: int
    owner: str
    object_id: str


class Cluster(Place, frozen=True, kw_only=True):
    """The locations of one cell of a grid: how many, their sums, and where they are on the average.

    `column` counts from the west, `row` from the south.
    """

    column: int
    row: int
    locations: int


class Near(msgspec.Struct, frozen=True, kw_only=True):
    """One location around a point. `distance` is the square of millionths of a degree of latitude, by which it counts.

    `platform_id` is the platform that it came from.
    """

    position: int
    owner: str
    object_key: str
    platform_id: int
    distance: int


class Extent(msgspec.Struct, frozen=True):
    """How many locations tell where they are, and the smallest rectangle around them (None where none does)."""

    locations: int
    area: Area | None


def columns_of(module: str, body: bytes) -> Mapping[str, int | None]:
    """What stands beside an object in the mirror, so that it is found by where it is."""
    place = place_of(body) if module == "locations" else None
    return msgspec.structs.asdict(place) if place else _NOWHERE


async def extent(connection: AsyncConnection, owner: Party | None = None) -> Extent:
    """Where the locations of an owner, or of all, are."""
    latitude, longitude = _row.latitude, _row.longitude
    query = select(
        func.count(), func.min(longitude), func.min(latitude), func.max(longitude), func.max(latitude)
    ).where(latitude.is_not(None), *_of(owner))
    count, *edges = (await connection.execute(query)).one()
    return Extent(count, Area(*edges) if count else None)


async def inside(connection: AsyncConnection, area: Area, limit: int, owner: Party | None = None) -> list[Found]:
    """At most `limit` locations in a rectangle, those in the south first."""
    columns = (_row[name] for name in (*_FIELDS, "position", "owner", "object_id"))
    query = select(*columns).where(*_within(area), *_of(owner)).order_by(_row.latitude, _row.longitude, _row.position)
    return [Found(**each) for each in (await connection.execute(query.limit(limit))).mappings()]


async def clusters(
    connection: AsyncConnection, area: Area, cell: tuple[int, int], owner: Party | None = None
) -> list[Cluster]:
    """All locations in a rectangle, on a grid from its south-west corner on. `cell`: how wide and how tall one is."""
    wide, tall = cell
    column, row = (_row.longitude - area.west) // wide, (_row.latitude - area.south) // tall
    count = func.count()
    sums = [func.sum(_row[name]) for name in ("evses", "free", "busy", "broken")]
    query = (
        select(column, row, count, func.sum(_row.latitude), func.sum(_row.longitude), *sums)
        .where(*_within(area), *_of(owner))
        .group_by(column, row)
        .order_by(count.desc(), column, row)
    )
    return [
        Cluster(round(latitude / many), round(longitude / many), *map(int, evses), column=at, row=up, locations=many)
        for at, up, many, latitude, longitude, *evses in await connection.execute(query)
    ]


async def near(
    connection: AsyncConnection,
    point: Point,
    radius: int,
    limit: int,
    *,
    after: tuple[int, int] | None = None,
    owners: Sequence[Party] | None = None,
    free: bool = False,
) -> list[Near]:
    """At most `limit` locations around a point, the nearest first. `radius` is in millionths of a degree of latitude.

    `after`: distance and position of the last one before; `owners`: only theirs; `free`: only where an EVSE is.
    """
    along = cast(_row.latitude, BigInteger) - point.latitude
    across = (cast(_row.longitude, BigInteger) - point.longitude) * point.narrow // THOUSAND
    distance = along * along + across * across
    fitting = [*_within(point.around(radius)), distance <= radius * radius]
    if owners is not None:
        fitting.append(among(_row.owner, (owner.id for owner in owners)))
    if free:
        fitting.append(_row.free > 0)
    if after is not None:
        square, position = after
        fitting.append(or_(distance > square, and_(distance == square, _row.position > position)))
    # The index alone tells which are the nearest; only these are looked up.
    nearest = (
        select(_row.position, distance.label("distance"))
        .where(*fitting)
        .order_by(distance, _row.position)
        .limit(limit)
        .subquery()
    )
    columns = _row.position, _row.owner, _row.object_key, _row.platform_id, nearest.c.distance
    query = select(*columns).join(nearest, nearest.c.position == _row.position)
    found = await connection.execute(query.order_by(nearest.c.distance, _row.position))
    return [Near(**each) for each in found.mappings()]


def _within(area: Area) -> tuple[ColumnElement[bool], ...]:
    return (
        _row.latitude.between(area.south, area.north),
        _row.longitude.between(area.west, area.east),
    )


def _of(owner: Party | None) -> tuple[ColumnElement[bool], ...]:
    return () if owner is None else (_row.owner == owner.id,)
