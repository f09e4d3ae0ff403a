"""What a page and an action of the dashboard are: rows of the table in `site`, typed like routes of the admin API."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar, get_args, get_type_hints
from urllib.parse import quote

import msgspec

from hub.admin.routes import Query
from hub.control import Operations
from hub.core.scopes import Scope
from hub.store.keys import KeyRecord

ROOT = "/dashboard"
Q = TypeVar("Q")


class Visit(msgspec.Struct, Generic[Q], frozen=True):
    """Somebody looks at a page, or does something on it: parts of the path, and what was asked or filled in."""

    do: Operations
    path: Mapping[str, str]
    given: Q
    key: KeyRecord


class Page(msgspec.Struct, frozen=True):
    """One page. What `load` returns is what the template draws, and what the page's JSON twin tells.

    The template's blocks that are named `live_...` are drawn anew every `every` seconds, while somebody looks.
    """

    path: str
    title: str
    load: Callable[[Visit[Any]], Awaitable[msgspec.Struct]]
    query: type[Query]
    every: float
    listed: bool

    @classmethod
    def of(
        cls, path: str, title: str, load: Callable[[Any], Awaitable[Any]], *, every: float = 5.0, listed: bool = True
    ) -> "Page":
        """A page; `listed`: it stands in the menu. The type of its query is what `load` takes."""
        return cls(path, title, load, _given(load), every, listed)

    @property
    def name(self) -> str:
        """Of its template, and its function."""
        return self.load.__name__

    def url(self, path: Mapping[str, str]) -> str:
        """Where it is, with the parts of a path filled in."""
        return ROOT + self.path.format(**{name: quote(part, safe="") for name, part in path.items()})


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what a page says that tells beside each field what is wrong with it; it is answered with 400 then."""

    wrong: Mapping[str, str] = {}


class Download(msgspec.Struct, frozen=True):
    """A file that is made while it goes out. `lines` writes it; what it raises before the first piece is told."""

    path: str
    kind: str
    lines: Callable[[Visit[Any]], AsyncIterator[str]]
    query: type[Query]

    @classmethod
    def of(cls, path: str, kind: str, lines: Callable[[Any], AsyncIterator[str]]) -> "Download":
        """A file of a media type; the type of its query is what `lines` takes."""
        return cls(path, kind, lines, _given(lines))

    @property
    def name(self) -> str:
        """As which it is saved."""
        return self.path.rpartition("/")[2]


class Done(msgspec.Struct, frozen=True):
    """What came of an action: the page to show then, what to say, and what is told this once, by its name."""

    page: str
    said: str
    path: Mapping[str, str] = {}
    told: Mapping[str, str] = {}


class Action(msgspec.Struct, frozen=True):
    """One thing that can be done. `page` is where its form stands: it is shown again where that did not work."""

    path: str
    scope: Scope
    act: Callable[[Visit[Any]], Awaitable[Done]]
    form: Any
    page: str

    @classmethod
    def of(cls, path: str, scope: Scope, page: str, act: Callable[[Any], Awaitable[Done]]) -> "Action":
        """An action; the type of its form is what `act` takes."""
        return cls(path, scope, act, _given(act), page)


class Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what is filled in. An empty form is `Form` itself."""


def _given(function: Callable[..., Any]) -> Any:
    (visit,) = (hint for name, hint in get_type_hints(function).items() if name != "return")
    return get_args(visit)[0]
