"""What a PATCH changes, and objects that are changed, or kept, in parts."""

from typing import Any, TypeVar

import msgspec

from hub.errors import NotFound

T = TypeVar("T", bound=msgspec.Struct)

_ADDED_TO = ("charging_periods",)
"""A PATCH appends these (2.2.1, sessions 9.2.2.3)."""


class Changes(msgspec.Struct, frozen=True):
    """The fields that a PATCH gives, typed as those of the whole object. None takes a field away."""

    fields: dict[str, Any]

    def onto(self, whole: T) -> T:
        """The object with these changes; the one that is given stays as it is."""
        added = {
            name: [*(getattr(whole, name, None) or ()), *(self.fields[name] or ())]
            for name in _ADDED_TO
            if name in self.fields
        }
        return msgspec.structs.replace(whole, **(self.fields | added))


def known(found: T | None) -> T:
    """What was found. NotFound where that is nothing."""
    if found is None:
        raise NotFound("there is no such object here")
    return found


def part(parts: Any, key: str, wanted: str) -> Any:
    """The part with this id, of EVSEs or connectors. NotFound where there is none."""
    for each in parts or ():
        if getattr(each, key).lower() == wanted.lower():
            return each
    raise NotFound(f"there is no {wanted[:64]!r}")


def lacks(parts: Any, key: str, new: Any) -> bool:
    """Whether there is no part with the id of a new one yet, of EVSEs or connectors."""
    return all(getattr(each, key).lower() != getattr(new, key).lower() for each in parts or ())


def with_part(whole: T, name: str, key: str, new: Any) -> T:
    """The object with a part put in, or in the place of the one with its id; as new as that part is."""
    parts = list(getattr(whole, name) or ())
    places = [place for place, each in enumerate(parts) if getattr(each, key).lower() == getattr(new, key).lower()]
    if places:
        parts[places[0]] = new
    else:
        parts.append(new)
    return msgspec.structs.replace(whole, **{name: parts, "last_updated": new.last_updated})
