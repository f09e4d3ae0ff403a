"""The pages of the mirror: what the hub holds of each module, where the locations are, and one object."""

from typing import Annotated

import msgspec
from msgspec import Meta

from hub.admin.cards import check, hides, shown_id
from hub.admin.problems import Problem
from hub.admin.routes import Query
from hub.admin.traffic import TokenType
from hub.control import needed
from hub.core.party import Party
from hub.core.places import DEGREE, LATITUDES, LONGITUDES, Area
from hub.core.plain import seen
from hub.dashboard.globe import Sheet, cell, degrees, framed, further, sheet
from hub.dashboard.pages import Checked, Visit
from hub.errors import NotFound
from hub.flow.mirror import Mirror, token_key
from hub.store.mirror import Amount, Entry
from hub.store.places import Cluster, Found

MOST_ENTRIES = 50
MOST_OWNERS = 60
MOST_SINGLE = 250
"""So many locations are drawn one by one; more are counted on a grid."""
MOST_SHOWN = 200_000
"""Characters of an object that the page shows; the JSON twin has all."""
_TOKENS = "tokens"
_TYPES = ("RFID", "APP_USER", "AD_HOC_USER", "EMAID", "OTHER")


class Asked(Query, frozen=True, kw_only=True):
    """What to show. `area` is west, south, east and north in degrees, `after` where the list goes on."""

    module: Annotated[str, Meta(max_length=100)] = "locations"
    owner: Annotated[str, Meta(max_length=10)] = ""
    id: Annotated[str, Meta(max_length=200)] = ""
    area: Annotated[str, Meta(max_length=100)] = ""
    after: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One object without its content. `hidden`: the id is not all told; `type` is that of a token."""

    owner: str
    id: str
    hidden: bool
    type: str | None
    version: str
    partner_id: int
    partner: str | None
    last_updated: int
    updated_at: int
    bytes: int


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """Where locations are. `located` counts those that tell it, `area` is what is looked at.

    Degrees are millionths. Either `found` has each location in the area, or `clusters` counts them.
    """

    located: int
    area: Area
    whole: bool
    clusters: tuple[Cluster, ...]
    found: tuple[Found, ...]

    def sheet(self) -> Sheet:
        """It, as a drawing."""
        return sheet(self.area, self.clusters, self.found)

    def outwards(self) -> str:
        """The area around, as it is asked for."""
        return degrees(further(self.area))


class MirrorPage(Checked, frozen=True, kw_only=True):
    """What is held. `next` is where the list goes on; `plot` is None of other modules than locations."""

    amounts: tuple[Amount, ...]
    entries: tuple[Listed, ...] = ()
    next: int | None = None
    plot: Plot | None = None

    def modules(self) -> dict[str, int]:
        """How many objects of each module are held."""
        found: dict[str, int] = {}
        for each in self.amounts:
            found[each.module] = found.get(each.module, 0) + each.objects
        return found

    def owners(self, module: str) -> list[Amount]:
        """Those with the most objects of a module."""
        return sorted((each for each in self.amounts if each.module == module), key=lambda each: -each.objects)


class Mirrored(msgspec.Struct, frozen=True, kw_only=True):
    """One object as its owner sent it, in its OCPI version."""

    module: str
    entry: Listed
    object: msgspec.Raw

    def shown(self) -> str:
        """It, as text to read."""
        readable = bytes(self.object).decode(errors="replace").encode()
        text = seen(msgspec.json.format(readable, indent=2)).decode()
        return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


async def mirror(visit: Visit[Asked]) -> MirrorPage:
    """The page."""
    held, asked = needed(visit.do.mirror), visit.given
    amounts = tuple(await held.amounts())
    try:
        owner = _party(asked.owner.strip()) if asked.owner.strip() else None
        area = _area(asked.area) if asked.area else None
    except Problem as problem:
        field, _, rule = problem.message.partition(": ")
        return MirrorPage(amounts=amounts, wrong={field: rule})
    keys = _keys(asked.module, asked.id.strip()) if asked.id.strip() else None
    found = await held.browse(asked.module, owner, asked.after, MOST_ENTRIES + 1, keys)
    shown = found[:MOST_ENTRIES]
    return MirrorPage(
        amounts=amounts,
        entries=tuple(_listed(visit, asked.module, each) for each in shown),
        next=shown[-1].position if len(found) > len(shown) else None,
        plot=await _plot(held, owner, area) if asked.module == "locations" else None,
    )


async def mirrored(visit: Visit[TokenType]) -> Mirrored:
    """The page of one object. Who may only read is not told cards and contracts: with them somebody could charge."""
    module, object_id = visit.path["module"], visit.path["id"]
    check(module, visit.key.scope)
    owner, held = _party(visit.path["owner"]), needed(visit.do.mirror)
    key = token_key(object_id, visit.given.type) if module == _TOKENS else object_id.lower()
    entries = await held.browse(module, owner, 0, 1, [key])
    found = await held.get(module, owner, key)
    if found is None or not entries:
        raise NotFound(f"the hub holds no such object of {owner}; see the list of the module")
    return Mirrored(module=module, entry=_listed(visit, module, entries[0]), object=msgspec.Raw(found.body))


async def _plot(held: Mirror, owner: Party | None, wanted: Area | None) -> Plot | None:
    extent = await held.extent(owner)
    if extent.area is None:
        return None
    area = framed(wanted or extent.area)
    found = await held.inside(area, MOST_SINGLE + 1, owner)
    many = len(found) > MOST_SINGLE
    return Plot(
        located=extent.locations,
        area=area,
        whole=wanted is None,
        clusters=tuple(await held.clusters(area, cell(area), owner)) if many else (),
        found=() if many else tuple(found),
    )


def _area(written: str) -> Area:
    try:
        edges = Area(*(round(float(edge) * DEGREE) for edge in written.split(",")))
    except (ValueError, TypeError, OverflowError):
        raise _no_area() from None
    if not (-LONGITUDES <= edges.west <= edges.east <= LONGITUDES):
        raise _no_area()
    if not (-LATITUDES <= edges.south <= edges.north <= LATITUDES):
        raise _no_area()
    return edges


def _no_area() -> Problem:
    return Problem(400, "area: it is west, south, east and north in degrees, as 4.5,51.9,5.2,52.5")


def _listed(visit: Visit[Asked] | Visit[TokenType], module: str, entry: Entry) -> Listed:
    record = next((each for each in visit.do.partners.all() if each.id == entry.platform_id), None)
    return Listed(
        owner=entry.owner,
        id=shown_id(module, entry.object_id, visit.key.scope),
        hidden=hides(module, visit.key.scope),
        type=entry.object_key.rpartition(" ")[2] if module == _TOKENS else None,
        version=entry.version,
        partner_id=entry.platform_id,
        partner=record.name if record else None,
        last_updated=entry.last_updated,
        updated_at=entry.updated_at,
        bytes=entry.size,
    )


def _keys(module: str, object_id: str) -> list[str]:
    return [token_key(object_id, kind) for kind in _TYPES] if module == _TOKENS else [object_id.lower()]


def _party(text: str) -> Party:
    try:
        return Party.parse(text)
    except ValueError as reason:
        raise Problem(400, f"owner: {reason}") from None
