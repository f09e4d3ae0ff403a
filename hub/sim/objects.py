"""Objects of a simulated platform: its own, and what other parties pushed to it (client owned objects)."""

from collections.abc import Iterator, Mapping

from hub.core.party import Party
from hub.errors import InvalidParameters, NotFound
from hub.sim.messages import Answer, Json, SimRequest, party_of

_OWNED = ("country_code", "party_id")
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "locations": (
        *_OWNED, "id", "publish", "address", "city", "country", "coordinates", "time_zone", "last_updated",
    ),
    "evses": ("uid", "status", "connectors", "last_updated"),
    "connectors": ("id", "standard", "format", "power_type", "max_voltage", "max_amperage", "last_updated"),
    "sessions": (
        *_OWNED, "id", "start_date_time", "kwh", "cdr_token", "auth_method", "location_id", "evse_uid",
        "connector_id", "currency", "status", "last_updated",
    ),
    "cdrs": (
        *_OWNED, "id", "start_date_time", "end_date_time", "cdr_token", "auth_method", "cdr_location", "currency",
        "charging_periods", "total_cost", "total_energy", "total_time", "last_updated",
    ),
    "tariffs": (*_OWNED, "id", "currency", "elements", "last_updated"),
    "tokens": (*_OWNED, "uid", "type", "contract_id", "issuer", "valid", "whitelist", "last_updated"),
}  # fmt: skip
_CHILDREN = (("evses", "uid"), ("connectors", "id"))


class Objects:
    """Objects by owner and id, in the order in which they came. `identity` are the fields that make the id."""

    def __init__(self, *identity: str) -> None:
        self.identity = identity
        self._rows: dict[tuple[Party, *tuple[str, ...]], Json] = {}

    def put(self, value: Json) -> bool:
        """Add or replace; whether it is new."""
        key = self._key(party_of(value), *(str(value[field]) for field in self.identity))
        new = key not in self._rows
        self._rows[key] = value
        return new

    def __getitem__(self, key: tuple[Party, *tuple[str, ...]]) -> Json:
        return self._rows[self._key(*key)]

    def get(self, owner: Party, *ids: str) -> Json | None:
        return self._rows.get(self._key(owner, *ids))

    def find(self, owner: Party | None, *ids: str) -> Json | None:
        """The one of this owner; of any owner where that is None."""
        if owner is not None:
            return self.get(owner, *ids)
        _, *wanted = self._key(Party("", ""), *ids)
        return next((value for (_, *key), value in self._rows.items() if key == wanted), None)

    def remove(self, owner: Party, *ids: str) -> bool:
        """Whether it was there."""
        return self._rows.pop(self._key(owner, *ids), None) is not None

    def of(self, owner: Party | None) -> list[Json]:
        """All of one owner, oldest first; all where that is None."""
        return [value for (party, *_), value in self._rows.items() if owner in (None, party)]

    def __iter__(self) -> Iterator[Json]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    @staticmethod
    def _key(owner: Party, *ids: str) -> tuple[Party, *tuple[str, ...]]:
        return (owner, *(each.lower() for each in ids))


class Pushed:
    """The RECEIVER interface of one module: GET, PUT, PATCH and DELETE of what others own."""

    def __init__(self, module: str, *identity: str) -> None:
        self.objects = Objects(*identity)
        self._module = module

    async def get(self, request: SimRequest) -> Answer:
        return Answer(data=self._known(request))

    async def put(self, request: SimRequest) -> Answer:
        body = request.object(REQUIRED[self._module])
        owner = _owner(request)
        if party_of(body) != owner:
            raise InvalidParameters(f"body: the owner is {party_of(body)}, in the path it is {owner}")
        _check_id(body, self.objects.identity[0], request.segments[2])
        return Answer(http=201 if self.objects.put(body) else 200)

    async def patch(self, request: SimRequest) -> Answer:
        merge(self._known(request), request.object(("last_updated",)))
        return Answer()

    async def delete(self, request: SimRequest) -> Answer:
        if not self.objects.remove(_owner(request), request.segments[2]):
            raise NotFound(f"{self._module} {request.segments[2]} is not known here")
        return Answer()

    def _known(self, request: SimRequest) -> Json:
        found = self.objects.get(_owner(request), *self._ids(request))
        if found is None:
            raise NotFound(f"{self._module} {request.segments[2]} is not known here")
        return found

    def _ids(self, request: SimRequest) -> tuple[str, ...]:
        object_id = request.segments[2]
        # A Token is known by uid and type; RFID is the type where none is given (12.2.1).
        return (object_id, request.query.get("type", "RFID")) if "type" in self.objects.identity else (object_id,)


class PushedLocations(Pushed):
    """The RECEIVER interface of locations, down to EVSEs and connectors."""

    def __init__(self) -> None:
        super().__init__("locations", "id")

    async def get_child(self, request: SimRequest) -> Answer:
        return Answer(data=descend(self._known(request), request.segments[3:])[-1])

    async def put_child(self, request: SimRequest) -> Answer:
        field, identity = _CHILDREN[len(request.segments) - 4]
        child = request.object(REQUIRED[field])
        _check_id(child, identity, request.segments[-1])
        parents = descend(self._known(request), request.segments[3:-1])
        siblings: list[Json] = parents[-1].setdefault(field, [])
        others = [each for each in siblings if each[identity].lower() != child[identity].lower()]
        created = len(others) == len(siblings)
        parents[-1][field] = [*others, child]
        for parent in parents:
            parent["last_updated"] = child["last_updated"]
        return Answer(http=201 if created else 200)

    async def patch_child(self, request: SimRequest) -> Answer:
        change = request.object(("last_updated",))
        nodes = descend(self._known(request), request.segments[3:])
        merge(nodes[-1], change)
        for node in nodes:
            node["last_updated"] = change["last_updated"]
        return Answer()


def descend(location: Json, ids: tuple[str, ...]) -> list[Json]:
    """A Location and what lies below it: the EVSE and the connector with these ids. NotFound where one is missing."""
    nodes = [location]
    for (field, identity), wanted in zip(_CHILDREN, ids, strict=False):
        children: list[Json] = nodes[-1].get(field, [])
        child = next((each for each in children if each[identity].lower() == wanted.lower()), None)
        if child is None:
            raise NotFound(f"{wanted} is not known at {nodes[-1].get('id', nodes[-1].get('uid'))}")
        nodes.append(child)
    return nodes


def merge(known: Json, change: Json) -> None:
    """A PATCH: fields replaced, except charging_periods, which are added (9.2.2.3)."""
    periods = [*(known.get("charging_periods") or ()), *(change.get("charging_periods") or ())]
    known.update(change)
    if periods:
        known["charging_periods"] = periods


def _owner(request: SimRequest) -> Party:
    country, party_id = request.segments[:2]
    return party_of({"country_code": country, "party_id": party_id}, "path")


def _check_id(body: Json, identity: str, in_path: str) -> None:
    if str(body[identity]).lower() != in_path.lower():
        raise InvalidParameters(f"body: {identity} is {str(body[identity])[:64]!r}, in the path it is {in_path[:64]!r}")
