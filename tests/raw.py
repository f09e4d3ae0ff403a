"""A client of raw sockets: requests that no HTTP library would send, written byte for byte, and what comes back."""

import asyncio
import base64
import re
import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec
from structlog.testing import capture_logs

from hub.app import App
from hub.sim import SimCpo, SimEmsp

ROUTING = "OCPI-from-country-code: NL", "OCPI-from-party-id: CPO", "OCPI-to-country-code: DE", "OCPI-to-party-id: MSP"
TARIFF = (
    b'{"country_code":"NL","party_id":"CPO","id":"T1","currency":"EUR",'
    b'"elements":[{"price_components":[{"type":"ENERGY","price":0.5,"step_size":1}]}],'
    b'"last_updated":"2026-01-01T00:00:00Z"}'
)
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Answer(msgspec.Struct, frozen=True):
    """One HTTP answer. Names in `headers` are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def envelope(self) -> dict[str, Any]:
        """The OCPI envelope, checked: a status_code, a timestamp, and where it is no success words for people."""
        assert self.headers["content-type"].startswith("application/json"), self
        envelope = msgspec.json.decode(self.body)
        assert isinstance(envelope["status_code"], int)
        assert _TIMESTAMP.fullmatch(envelope["timestamp"])
        if envelope["status_code"] >= 2000:
            assert len(envelope["status_message"]) > 10
            assert not re.search(r"Traceback|\.py\b|Error\(| at 0x[0-9a-f]{6}", envelope["status_message"])
        return envelope

    @property
    def code(self) -> int:
        """OCPI's status_code."""
        return int(self.envelope["status_code"])

    @property
    def told(self) -> tuple[int, int]:
        """HTTP status and OCPI status_code."""
        return self.status, self.code

    @property
    def message(self) -> str:
        """OCPI's status_message."""
        return str(self.envelope["status_message"])


class Wire:
    """One connection. Everything that waits gives up after `within` seconds with a TimeoutError."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, within: float) -> None:
        self._reader = reader
        self._writer = writer
        self._within = within

    @property
    def is_closed(self) -> bool:
        """The other side has closed the connection, as far as is known."""
        return self._writer.is_closing() or self._reader.at_eof()

    async def send(self, data: bytes) -> None:
        """Send bytes; a connection that is closed already takes none."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except ConnectionError:
            pass

    async def dribble(self, data: bytes, pause: float = 0.02) -> None:
        """Send byte by byte, for as long as the other side takes it."""
        for byte in data:
            await self.send(bytes((byte,)))
            await asyncio.sleep(pause)

    def stop_reading(self) -> None:
        """Take nothing more from the other side."""
        self._writer.transport.pause_reading()

    def half_close(self) -> None:
        """Say that nothing more will be sent."""
        self._writer.write_eof()

    async def answer(self, *, head: bool = False) -> Answer | None:
        """The next answer; None where the connection ends without one. `head`: it has no body."""
        async with asyncio.timeout(self._within):
            try:
                return await _answer(self._reader, head=head)
            except (ConnectionError, asyncio.IncompleteReadError):
                return None

    async def closed(self) -> bytes:
        """Wait until the other side closes the connection; gives what came before that."""
        async with asyncio.timeout(self._within):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""

    def abort(self) -> None:
        """End the connection at once."""
        self._writer.transport.abort()


@asynccontextmanager
async def wire(url: str, within: float = 5.0, tls: ssl.SSLContext | None = None) -> AsyncIterator[Wire]:
    """A connection to the host and port of a URL, with small buffers on this side."""
    host, _, port = url.split("/")[2].rpartition(":")
    client = socket.socket()
    try:
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.get_running_loop().sock_connect(client, (host, int(port)))
        reader, writer = await asyncio.open_connection(sock=client, ssl=tls, server_hostname=host if tls else None)
    except BaseException:
        client.close()
        raise
    try:
        yield Wire(reader, writer, within)
    finally:
        writer.transport.abort()


async def ask(url: str, data: bytes, within: float = 5.0, tls: ssl.SSLContext | None = None) -> Answer | None:
    """Send bytes on a connection of their own: the first final answer, or None where there is none."""
    async with wire(url, within, tls) as connection:
        await connection.send(data)
        while True:
            answer = await connection.answer(head=data.lstrip().startswith(b"HEAD "))
            if answer is None or answer.status >= 200:
                return answer


def request(
    method: str, target: str, *headers: str | bytes, token: str | None = None, body: bytes | None = None
) -> bytes:
    """The bytes of a request. `headers` are whole lines; Content-Length and Host are added where a test sends none."""
    lines = [line if isinstance(line, bytes) else line.encode() for line in headers]
    if token is not None:
        lines.append(b"Authorization: Token " + base64.b64encode(token.encode()))
    if not _has(lines, b"host:"):
        lines.append(b"Host: hub")
    if body is not None and not (_has(lines, b"content-length:") or _has(lines, b"transfer-encoding:")):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join((f"{method} {target} HTTP/1.1".encode(), *lines, b"", body or b""))


class House(msgspec.Struct):
    """A running hub, and a CPO and an eMSP that are registered at it; requests are the CPO's."""

    app: App
    cpo: SimCpo
    emsp: SimEmsp

    @property
    def token(self) -> str:
        return self.cpo.peer.token.reveal()

    def get(self, target: str, *headers: str | bytes, method: str = "GET", body: bytes | None = None) -> bytes:
        """A request with the CPO's token."""
        return request(method, target, *headers, token=self.token, body=body)

    def put(self, body: bytes | None, *headers: str | bytes) -> bytes:
        """A PUT of a tariff to the eMSP, healthy but for what is given."""
        target = "/ocpi/2.2.1/receiver/tariffs/NL/CPO/T1"
        return request("PUT", target, *headers, *ROUTING, token=self.token, body=body)

    async def told(self, data: bytes) -> Answer:
        """The answer, which has to be there and to be an envelope."""
        answer = await ask(self.app.url, data)
        assert answer is not None
        assert answer.envelope
        return answer

    async def check(self) -> None:
        """The hub still serves."""
        assert (await self.cpo.push_tariff(self.emsp.party)).ok


@contextmanager
def calm() -> Iterator[list[Any]]:
    """Nothing may be logged as an error while this is open: no bad input is a failure of the hub."""
    with capture_logs() as events:
        yield events
    assert [each for each in events if each["log_level"] in ("error", "critical")] == []


def _has(lines: Iterable[bytes], name: bytes) -> bool:
    return any(line.lower().startswith(name) for line in lines)


async def _answer(reader: asyncio.StreamReader, *, head: bool) -> Answer:
    raw = await reader.readuntil(b"\r\n\r\n")
    first, *lines = raw.decode("latin-1").split("\r\n")[:-2]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    size = 0 if head else int(headers.get("content-length", "0"))
    return Answer(int(first.split(" ")[1]), headers, await reader.readexactly(size))
