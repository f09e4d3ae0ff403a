"""The bytes of a request. Refuses what would let a value become a header, or a second request."""

import re
from functools import lru_cache

from hub import __version__
from hub.upstream.request import Fault, Request, SendError
from hub.upstream.url import Origin

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
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
_UNSENDABLE = re.compile(r"[^ -~\x80-\xff]")


def encode(request: Request, origin: Origin, target: str) -> bytes:
    """The whole request as it goes over the wire, or SendError(REQUEST)."""
    method = request.method
    if method not in _METHODS:
        raise _refusal(f"the hub does not send {method[:20]!r} requests")
    names, values = zip(*request.headers, strict=True) if request.headers else ((), ())
    fields, lines = _fields(names)
    head = f"{method} {target} HTTP/1.1\r\nHost: {origin.authority}\r\n{fields % values}"
    if request.body or method in _ALWAYS_SIZED:
        head += f"Content-Length: {len(request.body)}\r\n"
        lines += 1
    try:
        raw = head.encode("latin-1")
    except UnicodeEncodeError:
        raise _bad_value(request) from None
    # Each line ends in two control characters; any more came in with a value.
    if len(raw) - len(raw.translate(None, _CONTROL)) != 2 * lines:
        raise _bad_value(request)
    return raw + b"\r\n" + request.body


@lru_cache(maxsize=1024)
def _fields(names: tuple[str, ...]) -> tuple[str, int]:
    """The header lines for `names` with %s for each value, then the constant ones; and how many lines that makes,
    with request line and Host counted in."""
    given = {name.lower() for name in names}
    for name in names:
        if _TOKEN.fullmatch(name) is None:
            raise _refusal(f"{name[:40]!r} is not a header name")
        if name.lower() in _OURS:
            raise _refusal(f"the header {name} is written by the hub itself")
    lines = [name.replace("%", "%%") + ": %s\r\n" for name in names]
    lines += [line for name, line in _DEFAULTS.items() if name not in given]
    return "".join(lines), 2 + len(lines)


def _bad_value(request: Request) -> SendError:
    name = next(name for name, value in request.headers if _UNSENDABLE.search(value))
    return _refusal(f"the value of the header {name} holds a control character or one outside Latin-1")


def _refusal(text: str) -> SendError:
    return SendError(Fault.REQUEST, text)
