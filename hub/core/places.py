"""Where a location is and how its EVSEs are: what of it can be searched and plotted (2.2.1, locations 8.3.1, 8.4.22).

Degrees are whole millionths of a degree (about 10 cm): they compare and divide alike in every database.
"""

import math
from typing import NamedTuple

import msgspec

from hub.core.message import decode_as
from hub.errors import OcpiError

DEGREE = 1_000_000
THOUSAND = 1000
METRE = DEGREE / 111_195
"""Millionths of a degree of latitude."""
LATITUDES, LONGITUDES = 90 * DEGREE, 180 * DEGREE
FREE = frozenset(("AVAILABLE",))
BUSY = frozenset(("BLOCKED", "CHARGING", "RESERVED"))
BROKEN = frozenset(("INOPERATIVE", "OUTOFORDER"))
_REMOVED = "REMOVED"

_Number = str | float | None


class Area(NamedTuple):
    """A rectangle of degrees; its edges belong to it. None crosses the 180th meridian."""

    west: int
    south: int
    east: int
    north: int


class Point(NamedTuple):
    """A point in millionths of a degree; `narrow` thousandths of a degree of latitude are one of longitude here."""

    latitude: int
    longitude: int
    narrow: int

    @classmethod
    def at(cls, latitude: float, longitude: float) -> "Point":
        """A point in degrees."""
        narrow = max(1, round(THOUSAND * math.cos(math.radians(latitude))))
        return cls(round(latitude * DEGREE), round(longitude * DEGREE), narrow)

    def around(self, radius: int) -> Area:
        """The rectangle around a circle, cut off at the poles and at the 180th meridian."""
        wide = radius * THOUSAND // self.narrow + 1
        return Area(
            max(self.longitude - wide, -LONGITUDES), max(self.latitude - radius, -LATITUDES),
            min(self.longitude + wide, LONGITUDES), min(self.latitude + radius, LATITUDES),
        )  # fmt: skip


class Place(msgspec.Struct, frozen=True):
    """Where a location is, how many EVSEs it has, and of how many of them the status says that, removed ones apart."""

    latitude: int
    longitude: int
    evses: int
    free: int
    busy: int
    broken: int


class _Coordinates(msgspec.Struct):
    latitude: _Number = None
    longitude: _Number = None


class _Evse(msgspec.Struct):
    status: str | None = None


class _Location(msgspec.Struct):
    coordinates: _Coordinates
    evses: list[_Evse] | None = None


_LOCATION = msgspec.json.Decoder(_Location)


def place_of(body: bytes) -> Place | None:
    """Where a location is; None where it does not tell, or says what can not be."""
    try:
        location = decode_as(body, _LOCATION)
    except (OcpiError, msgspec.ValidationError):
        return None
    latitude = _degrees(location.coordinates.latitude, LATITUDES)
    longitude = _degrees(location.coordinates.longitude, LONGITUDES)
    if latitude is None or longitude is None:
        return None
    there = [status for each in location.evses or () if (status := (each.status or "").upper()) != _REMOVED]
    free, busy, broken = (sum(status in group for status in there) for group in (FREE, BUSY, BROKEN))
    return Place(latitude, longitude, len(there), free, busy, broken)


def _degrees(written: _Number, most: int) -> int | None:
    try:
        degrees = float(written if written is not None else math.nan)
    except ValueError:
        return None
    return round(degrees * DEGREE) if abs(degrees) * DEGREE <= most else None
