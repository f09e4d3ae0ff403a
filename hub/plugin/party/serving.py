"""How a method says which OCPI operation it answers: `@serve("GET sender/locations/{location_id}")`."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from hub.core.modules import METHODS, Interface

F = TypeVar("F", bound=Callable[..., Any])

SERVED = "__ocpi_serves__"


class Served(msgspec.Struct, frozen=True):
    """What a method answers. `needs`: methods that it is made of; None where it has to be written."""

    method: str
    interface: Interface
    module: str
    path: tuple[str, ...]
    needs: tuple[str, ...] | None

    def __str__(self) -> str:
        return f"{self.method} {self.interface.lower()}/{'/'.join((self.module, *self.path))}"


def serve(call: str) -> Callable[[F], F]:
    """The method answers this call: method, interface, module and path, as `PUT receiver/parking/{country_code}/...`.

    For modules that are not of OCPI; what OCPI has stands in the base classes. ValueError where it is none.
    """
    return _marked(call, ())


def declared(call: str, *, needs: tuple[str, ...] | None = None) -> Callable[[F], F]:
    """For base classes: what a method answers once a party overrides it, or has all that its own body needs."""
    return _marked(call, needs)


def _marked(call: str, needs: tuple[str, ...] | None) -> Callable[[F], F]:
    method, _, target = call.partition(" ")
    side, _, rest = target.partition("/")
    module, *path = rest.split("/")
    if method not in METHODS or side.upper() not in Interface.__members__ or not module or "" in path:
        raise ValueError(f"{call!r} is no call; write it as 'GET sender/locations/{{location_id}}'")
    served = Served(method, Interface[side.upper()], module, tuple(path), needs)

    def mark(function: F) -> F:
        setattr(function, SERVED, served)
        return function

    return mark
