"""The catalogue: every operation of every functional module, in one table that all else reads.

Router, rights checks, version details, simulator and documentation take their facts from here. A row says which
method and path exist on an interface, where the owner of the object is written, which field of the body has to
equal the last path segment, and where a URL for later use is handed out (OCPI 2.2.1, chapters 8 to 14).
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

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


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One row: a method on a path of one interface. `path` holds literals and `{placeholders}`.

    `bare`: the body may be left out.
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

    @property
    def is_push(self) -> bool:
        """A push changes something at the receiver: it is attempted once and never again."""
        return self.method != "GET"

    @property
    def has_body(self) -> bool:
        return self.method in ("POST", "PUT", "PATCH")

    @property
    def selector(self) -> str:
        """How plugins name it: `tokens.post`."""
        return f"{self.module}.{self.method.lower()}"

    def fits(self, segments: tuple[str, ...]) -> bool:
        """Whether these decoded path segments are of this shape (literals equal, nothing empty)."""
        return len(segments) == len(self.path) and all(
            (shape[0] == "{" and segment != "") or shape == segment
            for shape, segment in zip(self.path, segments, strict=True)
        )

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
        handed_out = {}
        for row in operations:
            if (use := _use(row)) is not None:
                handed_out[use.version, use.module, use.interface, use.method] = use
            shapes = grouped.setdefault((row.version, row.interface, row.module), {})
            key = (row.method, len(row.path))
            shapes[key] = (*shapes.get(key, ()), row)
        return cls({key: ModuleRows(shapes) for key, shapes in grouped.items()}, handed_out)

    def module(self, version: str, interface: Interface, module: str) -> ModuleRows | None:
        return self.rows.get((version, interface, module))

    def indirect(self, version: str, module: str, interface: Interface, method: str) -> Operation | None:
        """The row for a URL that a partner handed out: its path is the partner's own affair."""
        return self.handed_out.get((version, module, interface, method))

    def offered(self, version: str) -> list[tuple[str, Interface]]:
        """Module and interface of all that the hub offers in a version, in a stable order."""
        return sorted((module, interface) for (v, interface, module) in self.rows if v == version)

    @property
    def modules(self) -> frozenset[str]:
        return frozenset(module for (_, _, module) in self.rows)

    def operations(self) -> Iterable[Operation]:
        """Every row, those for handed-out URLs last."""
        for rows in self.rows.values():
            for same_key in rows.operations.values():
                yield from same_key
        yield from self.handed_out.values()


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
        url=UrlIn.LINK if row.url is UrlIn.LINK else UrlIn.NOWHERE,
    )


def rows(
    version: str,
    module: str,
    interface: Interface,
    methods: str,
    path: str = "",
    *,
    owner: OwnerIn = OwnerIn.NOWHERE,
    identity: str | None = None,
    url: UrlIn = UrlIn.NOWHERE,
    bare: bool = False,
) -> list[Operation]:
    """The rows of one line of the table: one for each of the space-separated methods."""
    shape = tuple(path.split("/")) if path else ()
    return [
        Operation(
            version=version, module=module, interface=interface, method=method, path=shape,
            owner=owner, identity=identity if method in ("POST", "PUT", "PATCH") else None, url=url, bare=bare,
        )
        for method in methods.split()
    ]  # fmt: skip


_S, _R = Interface.SENDER, Interface.RECEIVER
_OWNED = "{country_code}/{party_id}"
_V221 = "2.2.1"

# fmt: off
OCPI_2_2_1: tuple[Operation, ...] = (
    *rows(_V221, "locations", _S, "GET", url=UrlIn.LINK),
    *rows(_V221, "locations", _S, "GET", "{location_id}"),
    *rows(_V221, "locations", _S, "GET", "{location_id}/{evse_uid}"),
    *rows(_V221, "locations", _S, "GET", "{location_id}/{evse_uid}/{connector_id}"),
    *rows(_V221, "locations", _R, "GET PUT PATCH", _OWNED + "/{location_id}", owner=OwnerIn.PATH, identity="id"),
    *rows(_V221, "locations", _R, "GET PUT PATCH", _OWNED + "/{location_id}/{evse_uid}",
          owner=OwnerIn.PATH, identity="uid"),
    *rows(_V221, "locations", _R, "GET PUT PATCH", _OWNED + "/{location_id}/{evse_uid}/{connector_id}",
          owner=OwnerIn.PATH, identity="id"),
    *rows(_V221, "sessions", _S, "GET", url=UrlIn.LINK),
    *rows(_V221, "sessions", _S, "PUT", "{session_id}/charging_preferences"),
    *rows(_V221, "sessions", _R, "GET PUT PATCH", _OWNED + "/{session_id}", owner=OwnerIn.PATH, identity="id"),
    *rows(_V221, "cdrs", _S, "GET", url=UrlIn.LINK),
    *rows(_V221, "cdrs", _R, "POST", owner=OwnerIn.BODY, url=UrlIn.LOCATION),
    *rows(_V221, "tariffs", _S, "GET", url=UrlIn.LINK),
    *rows(_V221, "tariffs", _R, "GET PUT DELETE", _OWNED + "/{tariff_id}", owner=OwnerIn.PATH, identity="id"),
    *rows(_V221, "tokens", _S, "GET", url=UrlIn.LINK),
    *rows(_V221, "tokens", _S, "POST", "{token_uid}/authorize", bare=True),
    *rows(_V221, "tokens", _R, "GET PUT PATCH", _OWNED + "/{token_uid}", owner=OwnerIn.PATH, identity="uid"),
    *rows(_V221, "commands", _R, "POST", "{command}", url=UrlIn.BODY),
    *rows(_V221, "commands", _S, "POST", "{command}"),
    *rows(_V221, "commands", _S, "POST", "{command}/{uid}"),
    *rows(_V221, "chargingprofiles", _R, "GET DELETE", "{session_id}", url=UrlIn.QUERY),
    *rows(_V221, "chargingprofiles", _R, "PUT", "{session_id}", url=UrlIn.BODY),
    *rows(_V221, "chargingprofiles", _S, "PUT", "{session_id}"),
)
# fmt: on

CATALOGUE = Catalogue.of(OCPI_2_2_1)
VERSIONS = ("2.2.1",)
