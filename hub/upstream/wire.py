"""The bytes of a request. Refuses what would let a value become a header, or a second request."""

import re
from functools import lru_cache

import msgspec

from hub import __version__
from hub.upstream.request import Fault, Request, SendError
from hub.upstream.url import Origin, check_target, root_of, split_url

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_ALWAYS_SIZED = frozenset({"POST", "PUT", "PATCH"})
_OURS = frozenset({"host", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect"})
_DEFAULTS = {
    "user-agent": f"User-Agent: ocpi-hub/{__version__}\r\n",
    "accept": "Accept: application/json\r\n",
    "accept-encoding": "Accept-Encoding: identity\r\n",
    "connection": "Connection: keep-alive\r\n",
}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = bytes(range(32)) + b"\x7f"
_GAP = "\0"
UNSENDABLE = re.compile(r"[^ -~\x80-\xff]")


class Line(msgspec.Struct, frozen=True, eq=False):
    """What the requests to one origin have in common, checked and written once. Made by `line`.

    `root` is what their URLs begin with (for one that does not, the line saves a little less), `fixed` the headers that
    are always the same, `names` those whose values come with each request.
    """

    origin: Origin
    root: str
    fixed: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    fields: str
    lines: int

    def headers(self, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        """The headers of a request, as one without a line has them."""
        return (*self.fixed, *zip(self.names, values, strict=True))

    def __repr__(self) -> str:
        """Without headers: one of them is a secret."""
        return f"Line({self.origin.authority})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """As `__repr__`, for rich's tracebacks."""
        return [("origin", self.origin.authority)]


def line(url: str, fixed: tuple[tuple[str, str], ...], names: tuple[str, ...]) -> Line:
    """The line for requests to the origin of `url`, or SendError(URL or REQUEST)."""
    origin, _ = split_url(url)
    fields, lines = _fields((*(name for name, _ in fixed), *names))
    places = tuple(value.replace("%", "%%") for _, value in fixed) + ("%s",) * len(names)
    return Line(origin, root_of(url), fixed, names, fields % places, lines)


def aim(request: Request) -> tuple[Origin, str]:
    """Where a request goes, and what it asks for there, or SendError(URL)."""
    line, url = request.line, request.url
    if line is None or not url.startswith(line.root):
        return split_url(url)
    target = url[len(line.root) :]
    if not target.startswith("/"):  # as where a host's name begins with that of another
        return split_url(url)
    check_target(target, line.origin)
    return line.origin, target


def without_line(request: Request) -> Request:
    """The same request with all its headers, for who looks at it."""
    if request.line is None:
        return request
    headers = request.line.headers(request.values)
    return msgspec.structs.replace(request, headers=headers, line=None, values=())


def pieces(line: Line, values: tuple[str, ...]) -> list[bytes]:
    """What follows the target of a request, up to the size of its body, or SendError(REQUEST).

    In three pieces: the values of the first two names come between them. `values` are those of the others.
    """
    text = f" HTTP/1.1\r\nHost: {line.origin.authority}\r\n{line.fields % (_GAP, _GAP, *values)}"
    raw = text.encode("latin-1")
    if len(raw) - len(raw.translate(None, _CONTROL)) != 2 * (line.lines - 1) + 2 * len(_GAP):
        raise _refusal("a header holds a control character")
    return raw.split(_GAP.encode())


def encode(request: Request, origin: Origin, target: str) -> bytes:
    """The whole request as it goes over the wire, or SendError(REQUEST)."""
    method = request.method
    if method not in METHODS:
        raise _refusal(f"the hub does not send {method[:20]!r} requests")
    values: tuple[str, ...]
    if request.line is not None:
        fields, lines, values = request.line.fields, request.line.lines, request.values
    else:
        names, values = zip(*request.headers, strict=True) if request.headers else ((), ())
        fields, lines = _fields(names)
    size = size_line(method, request.body)
    if size:
        lines += 1
    try:
        raw = f"{method} {target} HTTP/1.1\r\nHost: {origin.authority}\r\n{fields % values}{size}\r\n".encode("latin-1")
    except UnicodeEncodeError:
        raise _bad_value(request) from None
    # Each line ends in two control characters; any more came in with a value.
    if len(raw) - len(raw.translate(None, _CONTROL)) != 2 * lines:
        raise _bad_value(request)
    return raw + request.body


def size_line(method: str, body: bytes) -> str:
    """The header that says how large a body is, where there has to be one."""
    return f"Content-Length: {len(body)}\r\n" if body or method in _ALWAYS_SIZED else ""


@lru_cache(maxsize=1024)
def _fields(names: tuple[str, ...]) -> tuple[str, int]:
    """The header lines for `names` with %s for each value, then the constant ones; and how many lines that makes,
    with request line, Host and the empty line counted in."""
    given = {name.lower() for name in names}
    for name in names:
        if _TOKEN.fullmatch(name) is None:
            raise _refusal(f"{name[:40]!r} is not a header name")
        if name.lower() in _OURS:
            raise _refusal(f"the header {name} is written by the hub itself")
    lines = [name.replace("%", "%%") + ": %s\r\n" for name in names]
    lines += [line for name, line in _DEFAULTS.items() if name not in given]
    return "".join(lines), 3 + len(lines)


def _bad_value(request: Request) -> SendError:
    headers = request.headers if request.line is None else request.line.headers(request.values)
    name = next(name for name, value in headers if UNSENDABLE.search(value))
    return _refusal(f"the value of the header {name} holds a control character or one outside Latin-1")


def _refusal(text: str) -> SendError:
    return SendError(Fault.REQUEST, text)
