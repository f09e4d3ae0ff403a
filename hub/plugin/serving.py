"""What routes of the admin API are given and what they give: those of plugins, and the hub's own as well."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Generic, TypeVar

import msgspec

Q = TypeVar("Q", bound="Query")
B = TypeVar("B")
T = TypeVar("T")

_CURSOR: "msgspec.json.Decoder[tuple[str | int, ...]]" = msgspec.json.Decoder(tuple[str | int, ...])


class Problem(Exception):
    """A request that is answered with an error: an HTTP status, what was wrong, and what to do next."""

    def __init__(self, status: int, message: str, hint: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.hint = hint
        self.headers = headers or {}


class Fault(msgspec.Struct, frozen=True):
    """What was wrong, and what to do next (empty where there is nothing to say)."""

    message: str
    hint: str


class Failure(msgspec.Struct, frozen=True):
    """The answer to everything that did not work."""

    error: Fault


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
    """A request to a route of a plugin, decoded: parts of its path, parameters, and its body (None: it has none)."""

    path: Mapping[str, str]
    query: Q
    body: B


def cursor(key: Sequence[str | int]) -> str:
    """The cursor for what follows an item with this key: nobody needs to look into it."""
    return base64.urlsafe_b64encode(msgspec.json.encode(tuple(key))).decode().rstrip("=")


def after(text: str) -> tuple[str | int, ...]:
    """The key of the last item that was shown. Problem 400 where it is no cursor."""
    try:
        return _CURSOR.decode(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, RecursionError, msgspec.MsgspecError):
        raise Problem(400, "cursor: it is not one of this hub", "leave it out to begin anew") from None
