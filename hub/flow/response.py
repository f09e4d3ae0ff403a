"""An answer of the OCPI listener: written in one piece, as the bytes that go out."""

import re
from functools import lru_cache

import msgspec
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE
from aiohttp.http_writer import HttpVersion, HttpVersion10, HttpVersion11
from aiohttp.web_response import REASON_PHRASES

from hub.core.headers import CORRELATION_ID, REQUEST_ID, routing
from hub.core.party import Party

_BODILESS = (204, 304)
_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Response(msgspec.Struct, eq=False):
    """An answer with a JSON body. `routed` are the parties that it comes from and goes to, `close` ends a connection.

    `headers` are those beyond the ones that every answer has.
    """

    status: int
    body: bytes
    request_id: str
    correlation_id: str
    routed: tuple[Party, Party] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    close: bool = False

    def encode(self, method: str, version: HttpVersion, *, keep_alive: bool) -> bytes:
        """The bytes of the answer. Raises ValueError where a header would be read as more than one."""
        lines, free = "", self.request_id + self.correlation_id
        for name, value in self.headers:
            lines += f"{name}: {value}\r\n"
            free += name + value
        if not free.isprintable() and _FORBIDDEN.search(free):
            raise ValueError("a header of the answer holds a control character")
        bare = self.status in _BODILESS
        length = "" if bare else f"Content-Length: {len(self.body)}\r\n"
        routed = _routing_lines(*self.routed) if self.routed else ""
        head = (
            f"{_first_lines(version, self.status, keep_alive)}{REQUEST_ID}: {self.request_id}\r\n"
            f"{CORRELATION_ID}: {self.correlation_id}\r\n{routed}{lines}"
            f"{length}Date: {rfc822_formatted_time()}\r\n\r\n"
        ).encode()
        return head if bare or method == "HEAD" else head + self.body


@lru_cache(maxsize=256)
def _first_lines(version: HttpVersion, status: int, keep_alive: bool) -> str:
    """The status line, and what is the same in all answers."""
    connection = ""
    if keep_alive and version == HttpVersion10:
        connection = "Connection: keep-alive\r\n"
    elif not keep_alive and version == HttpVersion11:
        connection = "Connection: close\r\n"
    return (
        f"HTTP/{version.major}.{version.minor} {status} {REASON_PHRASES.get(status, '')}\r\n"
        f"Server: {SERVER_SOFTWARE}\r\nContent-Type: application/json\r\n{connection}"
    )


@lru_cache(maxsize=1024)
def _routing_lines(sender: Party, receiver: Party) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in routing(sender, receiver))
