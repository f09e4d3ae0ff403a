"""Locations as a plot: degrees on a sheet with a grid of meridians and parallels, and what stands where on it."""

import math
from collections.abc import Iterable, Sequence

import msgspec

from hub.core.places import DEGREE, LATITUDES, LONGITUDES, Area, Place
from hub.store.places import Cluster, Found

WIDTH, HEIGHT = 720.0, 430.0
LEFT, BOTTOM = 56.0, 24.0
ACROSS, DOWN = 18, 11
"""Cells of the grid on which locations are counted."""
_AIR = 0.05
_LEAST = 2000
"""The lowest sheet there is, in millionths of a degree: about 200 m."""
_STEEPEST = 0.2
"""How much narrower than a parallel a meridian may get: near the poles it would be nothing."""
_STEPS = (1, 2, 5)
_LINES = 5
_SMALL, _LARGE, _RING = 9.0, 16.0, 2.0
_KILOMETRE = 1 / 111.2
"""Degrees of latitude."""
KINDS = ("free", "busy", "broken", "unknown")
WORDS = {"free": "available", "busy": "in use", "broken": "out of order", "unknown": "not known"}


class Tick(msgspec.Struct, frozen=True):
    """A line of the grid and what it says."""

    at: float
    label: str


class Share(msgspec.Struct, frozen=True):
    """A piece of a ring: from where on and how much of it, in hundredths."""

    kind: str
    begin: float
    length: float


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """One thing on the sheet: a single location (`found`) or many, with the area to look at more closely."""

    x: float
    y: float
    radius: float
    kind: str
    locations: int
    place: Place
    shares: tuple[Share, ...] = ()
    found: Found | None = None
    area: Area | None = None

    @property
    def closer(self) -> str:
        """The area to look at, as it is asked for; empty where it can be looked at no closer."""
        return degrees(self.area) if self.area else ""

    @property
    def says(self) -> str:
        """What is there, in words."""
        many = f"{self.locations:,} locations" if self.found is None else self.found.object_id
        evses = ", ".join(f"{count:,} {WORDS[kind]}" for kind, count in counts(self.place).items() if count)
        return f"{many}: {evses or 'no EVSE'}"

    @property
    def where(self) -> str:
        """Its degrees."""
        place = self.place
        return f"{_named(place.latitude, 4, 'S', 'N')}, {_named(place.longitude, 4, 'W', 'E')}"

    @property
    def label(self) -> str:
        """How many there are, short enough for its circle."""
        if self.locations < 1000:
            return str(self.locations)
        return f"{self.locations / 1000:.3g}k" if self.locations < 1_000_000 else f"{self.locations / 1_000_000:.3g}M"


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """All that is drawn. `scale` is the length of `kilometres` on it."""

    meridians: tuple[Tick, ...]
    parallels: tuple[Tick, ...]
    marks: tuple[Mark, ...]
    scale: float
    kilometres: str


def framed(area: Area) -> Area:
    """The area with some air around it, as wide and high as the sheet is."""
    middle_x, middle_y = (area.west + area.east) / 2, (area.south + area.north) / 2
    wide, high = (area.east - area.west) * (1 + 2 * _AIR), (area.north - area.south) * (1 + 2 * _AIR)
    narrow = _narrow(middle_y)
    ratio = (WIDTH - LEFT) / (HEIGHT - BOTTOM) / narrow
    high = min(max(high, wide / ratio, _LEAST), 2 * LATITUDES)
    wide = min(high * ratio, 2 * LONGITUDES)
    west = min(max(middle_x - wide / 2, -LONGITUDES), LONGITUDES - wide)
    south = min(max(middle_y - high / 2, -LATITUDES), LATITUDES - high)
    return Area(round(west), round(south), round(west + wide), round(south + high))


def further(area: Area) -> Area:
    """The area around, twice as wide and high."""
    wide, high = (area.east - area.west) // 2, (area.north - area.south) // 2
    return framed(Area(area.west - wide, area.south - high, area.east + wide, area.north + high))


def degrees(area: Area) -> str:
    """An area as it is asked for."""
    return ",".join(f"{edge / DEGREE:.6f}" for edge in area)


def cell(area: Area) -> tuple[int, int]:
    """How wide and how high one cell of the grid is."""
    return max(1, (area.east - area.west) // ACROSS), max(1, (area.north - area.south) // DOWN)


def sheet(area: Area, clusters: Sequence[Cluster], found: Sequence[Found]) -> Sheet:
    """The plot of an area: single locations, or how many there are in each cell."""
    most = max((each.locations for each in clusters), default=1)
    marks = (*(_many(area, each, most) for each in clusters), *(_single(area, each) for each in found))
    meridians = (Tick(_x(area, at), _named(at, _digits(step), "W", "E")) for at, step in _lines(area.west, area.east))
    parallels = (Tick(_y(area, at), _named(at, _digits(step), "S", "N")) for at, step in _lines(area.south, area.north))
    kilometres = _round_down((area.north - area.south) / DEGREE / _KILOMETRE / 4)
    scale = kilometres * _KILOMETRE * DEGREE * (HEIGHT - BOTTOM) / (area.north - area.south)
    return Sheet(
        meridians=tuple(meridians),
        parallels=tuple(parallels),
        marks=marks,
        scale=round(scale, 1),
        kilometres=f"{kilometres:g} km" if kilometres >= 1 else f"{kilometres * 1000:g} m",
    )


def _single(area: Area, found: Found) -> Mark:
    return Mark(
        x=_x(area, found.longitude), y=_y(area, found.latitude), radius=5.0, kind=_prevailing(found), locations=1,
        place=found, found=found,
    )  # fmt: skip


def _many(area: Area, cluster: Cluster, most: int) -> Mark:
    part = math.log(cluster.locations + 1) / math.log(most + 1)
    wide, high = cell(area)
    west, south = area.west + cluster.column * wide, area.south + cluster.row * high
    radius = round(_SMALL + (_LARGE - _SMALL) * part, 1)
    # It stays in its cell, so that no two cover each other.
    around = radius + _RING
    return Mark(
        x=_between(_x(area, west) + around, _x(area, cluster.longitude), _x(area, west + wide) - around),
        y=_between(_y(area, south + high) + around, _y(area, cluster.latitude), _y(area, south) - around),
        radius=radius,
        kind=_prevailing(cluster),
        locations=cluster.locations,
        place=cluster,
        shares=tuple(_shares(cluster)),
        area=Area(west, south, west + wide, south + high) if high > _LEAST else None,
    )


def _shares(place: Place) -> Iterable[Share]:
    begin = 0.0
    for kind, count in counts(place).items():
        if count:
            length = 100 * count / place.evses
            yield Share(kind, round(begin, 2), round(length, 2))
            begin += length


def counts(place: Place) -> dict[str, int]:
    """EVSEs by what their status says."""
    known = (place.free, place.busy, place.broken)
    return dict(zip(KINDS, (*known, place.evses - sum(known)), strict=True))


def _prevailing(place: Place) -> str:
    """What can be said of a place in one word: it is free where one EVSE is; else what most of them are."""
    if place.free:
        return "free"
    return max(KINDS[1:], key=lambda kind: counts(place)[kind]) if place.evses else "unknown"


def _lines(begin: int, end: int) -> list[tuple[int, int]]:
    """Round degrees between two, each with the distance to the next."""
    step = max(1, round(_round_up((end - begin) / DEGREE / _LINES) * DEGREE))
    first = -(-begin // step) * step
    return [(at, step) for at in range(first, end + 1, step)]


def _round_up(least: float) -> float:
    """The next one of 1, 2, 5, 10, ... and of their parts of ten that is not below."""
    power = 10.0 ** math.floor(math.log10(least))
    return next((power * step for step in _STEPS if power * step >= least), power * 10)


def _round_down(most: float) -> float:
    power = 10.0 ** math.floor(math.log10(most))
    return next(power * step for step in reversed(_STEPS) if power * step <= most)


def _digits(step: int) -> int:
    """How many a number of degrees needs to differ from the next one."""
    return max(0, math.ceil(-math.log10(step / DEGREE) - 1e-9))


def _named(at: int, digits: int, below: str, above: str) -> str:
    side = "" if at == 0 else f" {below if at < 0 else above}"
    return f"{abs(at) / DEGREE:.{digits}f}°{side}"


def _narrow(latitude: float) -> float:
    """How much shorter a degree of longitude is than one of latitude."""
    return max(_STEEPEST, math.cos(math.radians(latitude / DEGREE)))


def _between(least: float, value: float, most: float) -> float:
    return round(min(max(least, value), max(least, most)), 1)


def _x(area: Area, longitude: int) -> float:
    return round(LEFT + (WIDTH - LEFT) * (longitude - area.west) / (area.east - area.west), 1)


def _y(area: Area, latitude: int) -> float:
    return round((HEIGHT - BOTTOM) * (area.north - latitude) / (area.north - area.south), 1)
