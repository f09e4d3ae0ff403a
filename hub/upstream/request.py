"""What goes into the client and what comes out: Request, Response, SendError, and the Limits it works under."""

import re
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from hub.upstream.wire import Line


class Fault(StrEnum):
    """Why a request brought no answer that can be used."""

    URL = "url"
    """The URL is one the hub does not call."""
    REQUEST = "request"
    """The method or a header can not be sent as it is."""
    FORBIDDEN = "forbidden"
    """The host is at an address the hub may not call."""
    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    BUSY = "busy"
    """All connections of the pool are in use."""
    TIMEOUT = "timeout"
    RESET = "reset"
    """The partner closed the connection before its answer was complete."""
    PROTOCOL = "protocol"
    """The answer is not HTTP/1.1 as it should be."""
    TOO_LARGE = "too_large"
    REDIRECT = "redirect"
    CLOSED = "closed"
    """The hub is stopping."""


class SendError(Exception):
    """A request that brought no usable answer. The text is for people and holds no path, header or body.

    `sent` is True when any byte of the request may have reached the partner.
    """

    def __init__(self, fault: Fault, text: str, *, sent: bool = False) -> None:
        super().__init__(text)
        self.fault = fault
        self.sent = sent


def seconds(value: float) -> str:
    """A time span as people read it."""
    return f"{round(value, 1):g} s"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds a client works under. Times are seconds, sizes are bytes."""

    connections: int = 32
    """Connections of one pool, in use and idle together."""
    idle: float = 30.0
    """How long an unused connection is kept; less when the partner's Keep-Alive header says so."""
    push_idle: float = 4.0
    """How long a connection may have been idle to still carry a push. A push that meets a connection which its
    server is just closing is lost, and many servers close after 5 s."""
    connect_timeout: float = 5.0
    """For all addresses of a host together, TLS included."""
    dns_timeout: float = 5.0
    dns_threads: int = 32
    max_body: int = 16 * 1024 * 1024
    """Of an answer, after decompression."""
    max_header: int = 64 * 1024


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request to one platform.

    `pool` is the key of the platform: each key has its own bounded pool of connections.
    `deadline` is a time of the running loop's clock (`loop.time()`) and covers everything up to the answer's
    last byte. `sender` is the platform that asks for it, which gets no more than its share of the pool; None for the
    hub itself. `max_body` is for an answer that has to be smaller than `Limits.max_body`. `follow` says whether a
    redirect within the origin is followed. `credentials`: the answer is a credentials object, in which the token of
    the request may stand again. Instead of `headers`, a `line` (to the origin of `url`) and the `values` for its names.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    pool: str | int
    deadline: float
    sender: int | None = None
    max_body: int | None = None
    follow: bool = True
    line: "Line | None" = None
    values: tuple[str, ...] = ()
    credentials: bool = False

    def most(self, limits: Limits) -> int:
        """Bytes that the answer may have."""
        return limits.max_body if self.max_body is None else min(self.max_body, limits.max_body)

    def __repr__(self) -> str:
        """No URL, header or body: any of them may hold a secret."""
        return f"Request({self.method}, pool={self.pool!r}, body={len(self.body)} bytes)"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """As `__repr__`, for rich's tracebacks."""
        return [("method", self.method), ("pool", self.pool)]


class Names(msgspec.Struct, frozen=True):
    """Names of header fields that are looked for together."""

    names: tuple[str, ...]
    pattern: re.Pattern[bytes]

    @classmethod
    def of(cls, *names: str) -> "Names":
        return cls(names, re.compile(rb"\n(?i:" + "|".join(map(re.escape, names)).encode() + rb")[ \t]*:"))


class Headers(msgspec.Struct, gc=False):
    """The header fields of an answer, looked up without regard to case.

    `given` are pairs of lower-case name and value, or the head of an answer as it came, which has been parsed before.
    """

    given: list[tuple[bytes, bytes]] | bytes

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """Pairs of lower-case name and value."""
        if isinstance(self.given, bytes):
            lines = (line.partition(b":") for line in self.given.split(b"\r\n")[1:])
            self.given = [(name.lower(), value.strip(b" \t")) for name, _, value in lines]
        return self.given

    def among(self, names: "Names") -> tuple[tuple[str, str], ...]:
        """Those of `names` that there are, each with its first value."""
        if isinstance(self.given, bytes) and names.pattern.search(self.given) is None:
            return ()
        return tuple([(name, value) for name in names.names if (value := self.get(name)) is not None])

    def get(self, name: str) -> str | None:
        """The first value of `name`."""
        wanted = name.lower().encode("latin-1")
        for field, value in self.fields:
            if field == wanted:
                return value.decode("latin-1").strip()
        return None

    def getall(self, name: str) -> list[str]:
        """Every value of `name`, in the order of the answer."""
        wanted = name.lower().encode("latin-1")
        return [value.decode("latin-1").strip() for field, value in self.fields if field == wanted]

    def items(self) -> list[tuple[str, str]]:
        """Every field as (lower-case name, value), in the order of the answer."""
        return [(field.decode("latin-1"), value.decode("latin-1").strip()) for field, value in self.fields]

    def __repr__(self) -> str:
        """No value: any of them may hold a secret."""
        return f"Headers({len(self.fields)})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """As `__repr__`, for rich's tracebacks."""
        return [("fields", len(self.fields))]


class Response(msgspec.Struct, gc=False):
    """A complete answer. `body` is decompressed."""

    status: int
    headers: Headers
    body: bytes

    def __repr__(self) -> str:
        """No header or body: any of them may hold a secret."""
        return f"Response({self.status}, body={len(self.body)} bytes)"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """As `__repr__`, for rich's tracebacks."""
        return [("status", self.status)]
