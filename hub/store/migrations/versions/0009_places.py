"""Where mirrored locations are, beside them, and of those that are there already."""

from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_AT_ONCE = 1000
_FIELDS = ("latitude", "longitude", "evses", "free", "busy", "broken")
_GROUPS = (("AVAILABLE",), ("BLOCKED", "CHARGING", "RESERVED"), ("INOPERATIVE", "OUTOFORDER"))

_mirror = sa.table("mirror", *map(sa.column, ("position", "module", "body", *_FIELDS)))


def upgrade() -> None:
    """Add the columns, fill them, and then make the index."""
    for name in _FIELDS:
        op.add_column("mirror", sa.Column(name, sa.Integer()))
    _fill()
    there = sa.text("latitude IS NOT NULL")
    op.create_index(
        "ix_mirror_place",
        "mirror",
        ["latitude", "longitude", "owner", "evses", "free", "busy", "broken"],
        sqlite_where=there,
        postgresql_where=there,
    )


def _fill() -> None:
    row, last = _mirror.c, -1
    some = sa.select(row.position, row.body).where(row.module == "locations").order_by(row.position).limit(_AT_ONCE)
    change = (
        sa.update(_mirror)
        .where(row.position == sa.bindparam("at"))
        .values({name: sa.bindparam(f"new_{name}") for name in _FIELDS})
    )
    while rows := op.get_bind().execute(some.where(row.position > last)).all():
        places = [{"at": position, **place} for position, body in rows if (place := _place(body))]
        if places:
            op.get_bind().execute(change, places)
        last = rows[-1].position


def _place(body: bytes) -> dict[str, int] | None:
    """A place as columns; None where the location does not tell."""
    try:
        location = msgspec.json.decode(body)
        latitude = _degrees(location["coordinates"]["latitude"], 90)
        longitude = _degrees(location["coordinates"]["longitude"], 180)
        found = [str(each.get("status") or "").upper() for each in location.get("evses") or ()]
    except (
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
    ):
        return None
    statuses = [status for status in found if status != "REMOVED"]
    counts = (sum(status in group for status in statuses) for group in _GROUPS)
    values = (latitude, longitude, len(statuses), *counts)
    return {f"new_{name}": value for name, value in zip(_FIELDS, values, strict=True)}


def _degrees(written: Any, most: int) -> int:
    degrees = float(written)
    if not abs(degrees) <= most:
        raise ValueError(written)
    return round(degrees * 1_000_000)
