"""What a route of the admin API is: a row of a table that the router and the OpenAPI document are both made from."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar, get_args, get_type_hints

import msgspec

from hub.control import Operations
from hub.core.scopes import Scope
from hub.plugin.serving import Body, Page, Paging, Query

__all__ = ["PREFIX", "Body", "Call", "Page", "Paging", "Query", "Route"]

Q = TypeVar("Q", bound=Query)
B = TypeVar("B")

PREFIX = "/api/v1"
_PARAMETER = re.compile(r"{(\w+)}")


class Call(msgspec.Struct, Generic[Q, B], frozen=True):
    """One request, decoded: what it acts on, parts of its path, parameters, and its body (None where it has none).

    `scope` is that of the key that it came with.
    """

    do: Operations
    scope: Scope
    path: Mapping[str, str]
    query: Q
    body: B


Handler = Callable[[Any], Awaitable[Any]]


class Route(msgspec.Struct, frozen=True):
    """One method on one path. `query`, `body` (None: none) and `answer` are what the handler's annotations say."""

    method: str
    path: str
    scope: Scope
    handler: Handler
    query: type[Query]
    body: Any
    answer: Any
    summary: str
    status: int = 200

    @classmethod
    def of(cls, method: str, path: str, scope: Scope, handler: Handler, summary: str, status: int = 200) -> "Route":
        """A row; the types come from the handler, which takes a Call."""
        hints = get_type_hints(handler)
        query, body = get_args(hints["call"])
        return cls(
            method, PREFIX + path, scope, handler, query, None if body is type(None) else body, hints["return"],
            summary, status,
        )  # fmt: skip

    @property
    def name(self) -> str:
        """What the OpenAPI document calls it."""
        return self.handler.__name__.strip("_")

    @property
    def tag(self) -> str:
        """The group that it belongs to."""
        return self.path.removeprefix(PREFIX).split("/")[1]

    @property
    def parameters(self) -> list[str]:
        """The names of the parts of its path."""
        return _PARAMETER.findall(self.path)
