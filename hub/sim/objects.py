"""Objects of a simulated platform: its own, and what other parties pushed to it (client owned objects)."""

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from hub.core.party import Party
from hub.ocpi.writing import plain
from hub.plugin.party import NotFound
from hub.sim.messages import Json, party_of

T = TypeVar("T")

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

    def keep(self, value: msgspec.Struct) -> bool:
        """Add or replace an object of OCPI; whether it is new."""
        return self.put(plain(value))

    def read(self, kind: type[T], owner: Party, *ids: str) -> T | None:
        """The object of OCPI that is kept."""
        found = self.get(owner, *ids)
        return None if found is None else msgspec.convert(found, kind)

    def __getitem__(self, key: tuple[Party, *tuple[str, ...]]) -> Json:
        return self._rows[self._key(*key)]

    def get(self, owner: Party, *ids: str) -> Json | None:
        return self._rows.get(self._key(owner, *ids))

    def find(self, *ids: str) -> Json | None:
        """The first with this id, whoever owns it."""
        _, *wanted = self._key(Party("", ""), *ids)
        return next((value for (_, *key), value in self._rows.items() if key == wanted), None)

    def remove(self, owner: Party, *ids: str) -> bool:
        """Whether it was there."""
        return self._rows.pop(self._key(owner, *ids), None) is not None

    def of(self, owner: Party) -> list[Any]:
        """All of one owner, oldest first."""
        return [value for (party, *_), value in self._rows.items() if party == owner]

    def __iter__(self) -> Iterator[Json]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    @staticmethod
    def _key(owner: Party, *ids: str) -> tuple[Party, *tuple[str, ...]]:
        return (owner, *(each.lower() for each in ids))


def descend(location: Json, *ids: str) -> list[Json]:
    """A Location and what lies below it: the EVSE and the connector with these ids. NotFound where one is missing."""
    nodes = [location]
    for (field, identity), wanted in zip(_CHILDREN, ids, strict=False):
        children: list[Json] = nodes[-1].get(field, [])
        child = next((each for each in children if each[identity].lower() == wanted.lower()), None)
        if child is None:
            raise NotFound(f"{wanted} is not known at {nodes[-1].get('id', nodes[-1].get('uid'))}")
        nodes.append(child)
    return nodes
