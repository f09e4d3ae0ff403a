"""What the catalogue is made of: operations, found by version, interface, module, method and path.

Router, rights checks, version details, simulator and documentation take their facts from a catalogue. The rows
themselves stand in `core.catalogue`, those of custom modules come from `core.custom`.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any

import msgspec

from hub.core.party import Role

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Interface(StrEnum):
    """Which side of a module an endpoint is (2.2.1, version_information InterfaceRole)."""

    SENDER = "SENDER"
    RECEIVER = "RECEIVER"


class OwnerIn(StrEnum):
    """Where the owner of the object is written; that party has to be the one which sends the message."""

    PATH = "path"
    BODY = "body"
    NOWHERE = "nowhere"


class UrlIn(StrEnum):
    """Where a request or its answer hands out a URL for later use, which the hub seals."""

    BODY = "body"
    QUERY = "query"
    LOCATION = "location"
    LINK = "link"
    NOWHERE = "nowhere"


class Kept(StrEnum):
    """How the hub answers GET All for a module: from its mirror, or by asking the parties."""

    MIRROR = "mirror"
    COLLECT = "collect"
    NO = "no"


class Operation(msgspec.Struct, frozen=True, cache_hash=True, kw_only=True, dict=True):
    """One row: a method on a path of one interface. `path` holds literals and `{placeholders}`.

    `bare`: the body, and what it would hold, may be left out. `owner_role` is the role that owns the objects.
    `body`, `data` and `result` name what the request carries, what the answer's `data` holds (a list of it where
    `is_list`), and what is posted to the response_url later: kinds of objects, by their names in OCPI 2.2.1.
    `versions` are those in which the same operation exists; a message may go to a platform that speaks one of them.
    `structs` are those kinds, found by their names, that are no part of OCPI: what a module of a plugin is about. No
    version tells them otherwise, so they are never bridged.
    """

    version: str
    module: str
    interface: Interface
    method: str
    path: tuple[str, ...]
    owner: OwnerIn = OwnerIn.NOWHERE
    identity: str | None = None
    url: UrlIn = UrlIn.NOWHERE
    bare: bool = False
    owner_role: Role | None = None
    kept: Kept = Kept.NO
    body: str | None = None
    data: str | None = None
    result: str | None = None
    versions: frozenset[str] = frozenset()
    structs: tuple[type[msgspec.Struct], ...] = ()

    @cached_property
    def broadcast(self) -> bool:
        """Whether it may be sent to everybody: a push of what the hub mirrors, which is meant for everybody."""
        return self.kept is Kept.MIRROR and self.is_push and self.interface is Interface.RECEIVER

    @cached_property
    def is_list(self) -> bool:
        """Whether it fetches a whole list."""
        return self.method == "GET" and self.interface is Interface.SENDER and not any(map(is_placeholder, self.path))

    @cached_property
    def is_push(self) -> bool:
        """A push changes something at the receiver: it is attempted once and never again."""
        return self.method != "GET"

    @cached_property
    def has_body(self) -> bool:
        return self.method in ("POST", "PUT", "PATCH")

    @cached_property
    def open_by_content(self) -> bool:
        """Whether a message that names no receiver is routed by what it holds; else it is meant for all."""
        return not self.broadcast and not self.is_list

    @cached_property
    def alone(self) -> bool:
        """Whether it is a PATCH of what the hub mirrors that no other version has: there it is a PUT."""
        return self.method == "PATCH" and len(self.versions) == 1 and self.kept is Kept.MIRROR

    @cached_property
    def identified(self) -> bool:
        """Whether its body says what it is, or whose: id and owner are compared with those of the path."""
        return self.identity is not None or (self.owner is not OwnerIn.NOWHERE and self.bridged_body is not None)

    @cached_property
    def literals(self) -> tuple[tuple[int, str], ...]:
        """The parts of the path that are no placeholders, and where they stand."""
        return tuple((at, shape) for at, shape in enumerate(self.path) if not is_placeholder(shape))

    @cached_property
    def selector(self) -> str:
        """How plugins name it: `tokens.post`."""
        return f"{self.module}.{self.method.lower()}"

    @cached_property
    def bridged_body(self) -> str | None:
        """The kind of object in the body, where versions of OCPI have it each in their own way."""
        return None if self.structs else self.body

    @cached_property
    def bridged_data(self) -> str | None:
        """The same of the answer's data."""
        return None if self.structs else self.data

    def struct(self, kind: str | None) -> Any:
        """The struct of a kind that is no part of OCPI; None where it is one of OCPI, or nothing is known of it."""
        return next((each for each in self.structs if each.__name__ == kind), None)

    def fits(self, segments: tuple[str, ...]) -> bool:
        """Whether these decoded path segments are of this shape (literals equal, nothing empty)."""
        if len(segments) != len(self.path) or "" in segments:
            return False
        return not self.literals or all(segments[at] == literal for at, literal in self.literals)

    def __str__(self) -> str:
        return f"{self.method} {self.interface.lower()}/{'/'.join((self.module, *self.path))}"


class ModuleRows(msgspec.Struct, frozen=True):
    """The operations of one module on one interface, found by method and number of segments."""

    operations: Mapping[tuple[str, int], tuple[Operation, ...]]

    def find(self, method: str, segments: tuple[str, ...]) -> Operation | None:
        for operation in self.operations.get((method, len(segments)), ()):
            if operation.fits(segments):
                return operation
        return None

    def allowed(self, segments: tuple[str, ...]) -> tuple[str, ...]:
        """The methods that this path has: empty where the path does not exist at all."""
        return tuple(method for method in METHODS if self.find(method, segments))


class Catalogue(msgspec.Struct, frozen=True):
    """All rows, indexed once at load. `handed_out` holds those for URLs that partners make up themselves."""

    rows: Mapping[tuple[str, Interface, str], ModuleRows]
    handed_out: Mapping[tuple[str, str, Interface, str], Operation] = {}

    @classmethod
    def of(cls, operations: Iterable[Operation]) -> "Catalogue":
        grouped: dict[tuple[str, Interface, str], dict[tuple[str, int], tuple[Operation, ...]]] = {}
        handed_out: dict[tuple[str, str, Interface, str], Operation] = {}
        given = tuple(operations)
        uses = [use for row in given if (use := _use(row)) is not None]
        for use in _with_versions(uses):
            key = use.version, use.module, use.interface, use.method
            handed_out[key] = _alike(handed_out.get(key, use), use)
        for row in _with_versions(given):
            shapes = grouped.setdefault((row.version, row.interface, row.module), {})
            shape = (row.method, len(row.path))
            shapes[shape] = (*shapes.get(shape, ()), row)
        return cls({key: ModuleRows(shapes) for key, shapes in grouped.items()}, handed_out)

    def plus(self, operations: Iterable[Operation]) -> "Catalogue":
        """This catalogue with the operations of modules that it does not have yet."""
        more = tuple(operations)
        replaced = {(row.version, row.interface, row.module) for row in more}
        kept = (row for row in self._table() if (row.version, row.interface, row.module) not in replaced)
        return Catalogue.of((*kept, *more))

    def module(self, version: str, interface: Interface, module: str) -> ModuleRows | None:
        return self.rows.get((version, interface, module))

    def indirect(self, version: str, module: str, interface: Interface, method: str) -> Operation | None:
        """The row for a URL that a partner handed out: its path is the partner's own affair."""
        return self.handed_out.get((version, module, interface, method))

    def offered(self, version: str) -> list[tuple[str, Interface]]:
        """Module and interface of all that the hub offers in a version, in a stable order."""
        return sorted((module, interface) for (v, interface, module) in self.rows if v == version)

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions of OCPI that the hub speaks, the oldest first."""
        return tuple(sorted({version for version, _, _ in self.rows}))

    def has(self, version: str, module: str) -> bool:
        """Whether a version has a module, on one interface or both."""
        return any((version, interface, module) in self.rows for interface in Interface)

    @property
    def modules(self) -> frozenset[str]:
        return frozenset(module for (_, _, module) in self.rows)

    def operations(self) -> Iterable[Operation]:
        """Every row, those for handed-out URLs last."""
        yield from self._table()
        yield from self.handed_out.values()

    def _table(self) -> Iterable[Operation]:
        for rows in self.rows.values():
            for same_key in rows.operations.values():
                yield from same_key


def is_placeholder(shape: str) -> bool:
    """Whether any segment fits this part of a row's path: `{location_id}`."""
    return shape.startswith("{")


def _with_versions(operations: Iterable[Operation]) -> Iterable[Operation]:
    """The rows, each with the versions in which the same operation exists."""
    given = tuple(operations)
    versions: dict[tuple[object, ...], set[str]] = {}
    for row in given:
        versions.setdefault((row.module, row.interface, row.method, row.path), set()).add(row.version)
    for row in given:
        same = versions[row.module, row.interface, row.method, row.path]
        yield msgspec.structs.replace(row, versions=frozenset(same))


def _use(row: Operation) -> Operation | None:
    """How the URL is used that this row hands out: a page and an object are fetched, a result is posted."""
    if row.url is UrlIn.NOWHERE:
        return None
    result = row.url in (UrlIn.BODY, UrlIn.QUERY)
    return Operation(
        version=row.version,
        module=row.module,
        interface=Interface.SENDER if result else row.interface,
        method="POST" if result else "GET",
        path=("{url}",),
        body=row.result if result else None,
        data=None if result else row.data or row.body,
        url=UrlIn.LINK if row.url is UrlIn.LINK else UrlIn.NOWHERE,
        bare=row.bare,
        owner_role=row.owner_role,
        structs=row.structs,
    )


def _alike(one: Operation, other: Operation) -> Operation:
    """What is known of a URL that either row may have handed out: bookings have two lists, profiles three results."""
    body, data = (one.body if one.body == other.body else None), (one.data if one.data == other.data else None)
    structs = tuple(dict.fromkeys((*one.structs, *other.structs)))
    return msgspec.structs.replace(other, body=body, data=data, structs=structs)
