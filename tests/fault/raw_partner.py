"""A partner's server of raw sockets: it does the least that registering needs, and fails as a test says.

Any first path segment is a platform of its own: `/p7/versions` leads to the endpoints of platform `p7`.
"""

import asyncio
import re
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.fault.listening import Listening

VERSION = "2.2.1"
MODULES = (("locations", "SENDER"), ("locations", "RECEIVER"), ("sessions", "RECEIVER"), ("tokens", "SENDER"))
STAMP = "2026-01-01T00:00:00Z"


@dataclass
class Received:
    """One request as it came. `nth` is its number on its connection, from 1 on."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    nth: int

    @property
    def platform(self) -> str:
        return self.path.split("/")[1]

    @property
    def rest(self) -> str:
        return self.path.split("/", 2)[2].split("?")[0].strip("/")


Behaviour = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]


def http(status: int, body: bytes, kind: str = "application/json") -> bytes:
    """A whole answer."""
    return b"HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (
        status, kind.encode(), len(body), body,
    )  # fmt: skip


def ocpi(data: Any = None, code: int = 1000, status: int = 200) -> bytes:
    """A whole answer with an OCPI envelope."""
    return http(status, msgspec.json.encode({"data": data, "status_code": code, "timestamp": STAMP}))


async def accept(_: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(ocpi([]))


async def answer_500(_: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(http(500, b"Internal Server Error", "text/plain"))


async def answer_garbage(_: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x15\x03\x01\x00\x02\x02\x50")
    writer.close()


async def break_off(_: Received, writer: asyncio.StreamWriter) -> None:
    """Half an answer."""
    writer.write(ocpi([])[:-10])
    writer.close()


async def close(_: Received, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def close_on_reuse(request: Received, writer: asyncio.StreamWriter) -> None:
    """Answer the first request of a connection; read the second, and hang up."""
    await (accept if request.nth == 1 else close)(request, writer)


async def reset(_: Received, writer: asyncio.StreamWriter) -> None:
    """RST instead of an answer."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def hang(_: Received, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


class RawPartner(Listening):
    """The server. `deliveries` counts by marker what came in functional requests, `behaviour` says what to do then.

    `on_used_connections` are those deliveries that were not the first request of their connection.

    `credentials` is what a request to the credentials endpoint meets; without one it is refused. GET versions waits
    for `gate`, which is open, and is counted in `called_back`.
    """

    def __init__(self, behaviour: Behaviour = accept, marker: re.Pattern[bytes] = re.compile(rb"(?!)")) -> None:
        super().__init__()
        self.behaviour = behaviour
        self.credentials: Behaviour | None = None
        self.deliveries: Counter[bytes] = Counter()
        self.on_used_connections = 0
        self.called_back = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._marker = marker
        self._changed = asyncio.Event()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for something that requests change."""
        async with asyncio.timeout(10):
            while not true():
                self._changed.clear()
                await self._changed.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            nth = 0
            while not writer.is_closing():
                nth += 1
                await self._answer(await _read(reader, nth), writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, request: Received, writer: asyncio.StreamWriter) -> None:
        base = f"{self.url}/{request.platform}"
        if request.rest == "versions":
            self.called_back += 1
            self._changed.set()
            await self.gate.wait()
            writer.write(ocpi([{"version": VERSION, "url": f"{base}/{VERSION}"}]))
        elif request.rest == VERSION:
            endpoints = [{"identifier": "credentials", "role": "SENDER", "url": f"{base}/credentials"}]
            endpoints += [
                {"identifier": name, "role": role, "url": f"{base}/{role.lower()}/{name}"} for name, role in MODULES
            ]
            writer.write(ocpi({"version": VERSION, "endpoints": endpoints}))
        elif request.rest == "credentials":
            if self.credentials is None:
                writer.write(ocpi(code=2000, status=405))
            else:
                await self.credentials(request, writer)
        else:
            markers = self._marker.findall(request.body)
            self.deliveries.update(markers)
            self.on_used_connections += len(markers) if request.nth > 1 else 0
            self._changed.set()
            await self.behaviour(request, writer)


async def _read(reader: asyncio.StreamReader, nth: int) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")[:-2]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    method, path, _ = first.split(" ")
    return Received(method, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))), nth)
