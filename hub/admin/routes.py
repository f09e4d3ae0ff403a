"""What a route of the admin API is: a row of a table that the router and the OpenAPI document are both made from."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Generic, TypeVar, get_args, get_type_hints

import msgspec

from hub.admin.cursor import after, cursor
from hub.admin.problems import Problem
from hub.control import Operations
from hub.store.keys import Scope

Q = TypeVar("Q", bound="Query")
B = TypeVar("B")
T = TypeVar("T")

PREFIX = "/api/v1"
_PARAMETER = re.compile(r"{(\w+)}")


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of a request that takes none, and base of those of all others."""


class Paging(Query, frozen=True, kw_only=True):
    """Which part of a list."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1000, description="Most items of this answer.")] = 100
    cursor: Annotated[
        Annotated[str, msgspec.Meta(max_length=1000)] | None,
        msgspec.Meta(description="`next` of the answer before; without it: the beginning."),
    ] = None


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every request body."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A part of a list. `next` is the cursor of the part that follows, null at the end."""

    items: tuple[T, ...]
    next: str | None

    @classmethod
    def of(cls, items: Sequence[T], key: Callable[[T], Sequence[str | int]], asked: Paging) -> "Page[T]":
        """What was asked for of a list that is all there, in the order of `key`, which no two items share."""
        ordered = sorted(items, key=lambda each: tuple(key(each)))
        if asked.cursor is not None:
            begin = after(asked.cursor)
            try:
                ordered = [each for each in ordered if tuple(key(each)) > begin]
            except TypeError:
                raise Problem(400, "cursor: it is not of this list", "leave it out to begin anew") from None
        shown = ordered[: asked.limit]
        return cls(tuple(shown), cursor(key(shown[-1])) if len(ordered) > len(shown) else None)


class Call(msgspec.Struct, Generic[Q, B], frozen=True):
    """One request, decoded: what it acts on, parts of its path, parameters, and its body (None where it has none)."""

    do: Operations
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
