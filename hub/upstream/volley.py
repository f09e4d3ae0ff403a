"""The bytes of a push that many get: what is alike is checked and written once, and not for each receiver."""

import msgspec

from hub.upstream.echo import forms
from hub.upstream.request import Fault, SendError
from hub.upstream.url import Origin, check_target, is_target
from hub.upstream.wire import METHODS, UNSENDABLE, Line, pieces, size_line


class Aimed(msgspec.Struct, frozen=True, eq=False):
    """What the pushes to one endpoint of a platform have in common. Made by `aimed`.

    `pool` is the key of the platform, `path` that of the endpoint, `forms` are those of its token. The headers stand
    in three pieces: the request id comes between the first two, the correlation id between the last two.
    """

    pool: int
    origin: Origin
    path: bytes
    before: bytes
    between: bytes
    after: bytes
    forms: tuple[bytes, ...]

    def __repr__(self) -> str:
        """Without headers: one of them is a secret."""
        return f"Aimed({self.origin.authority})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """As `__repr__`, for rich's tracebacks."""
        return [("origin", self.origin.authority)]


class Push(msgspec.Struct, frozen=True, eq=False):
    """What a push has in common for all who get it. Made by `push`; `deadline` and `sender` are those of a Request."""

    method: bytes
    tail: bytes
    correlation_id: bytes
    rest: bytes
    deadline: float
    sender: int
    max_body: int

    def to(self, aimed: Aimed, request_id: str) -> bytes:
        """The whole request, as it goes over the wire. `request_id` is made by the hub: it is not checked."""
        return b"".join(
            (
                self.method,
                aimed.path,
                self.tail,
                aimed.before,
                request_id.encode(),
                aimed.between,
                self.correlation_id,
                aimed.after,
                self.rest,
            )
        )

    def __repr__(self) -> str:
        """No path, header or body: any of them may hold a secret."""
        return f"Push({len(self.rest)} bytes)"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """As `__repr__`, for rich's tracebacks."""
        return [("bytes", len(self.rest))]


def aimed(pool: int, line: Line, endpoint: str, values: tuple[str, ...]) -> Aimed | None:
    """What the pushes to an endpoint have in common; None where its URL is not of the line, or has a query.

    `values` are those for the names of the line, where the first two stand for the ids. SendError(URL or REQUEST)
    where it can not be called.
    """
    path = endpoint.removeprefix(line.root).rstrip("/")
    if not endpoint.startswith(f"{line.root}/") or "?" in endpoint or (path and not path.startswith("/")):
        return None
    check_target(path, line.origin)
    before, between, after = pieces(line, values[2:])
    return Aimed(pool, line.origin, path.encode("ascii"), before, between, after, forms(line.fixed))


def push(
    method: str, tail: str, correlation_id: str, body: bytes, *, deadline: float, sender: int, max_body: int
) -> Push:
    """A push to what is `tail` below each endpoint, or SendError(REQUEST)."""
    if method not in METHODS or not is_target(tail) or UNSENDABLE.search(correlation_id):
        raise SendError(Fault.REQUEST, "the push can not be written as it is")
    rest = size_line(method, body).encode() + b"\r\n" + body
    return Push(
        f"{method} ".encode(), tail.encode(), correlation_id.encode("latin-1"), rest, deadline, sender, max_body
    )
