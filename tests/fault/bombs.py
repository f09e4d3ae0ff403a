"""What costs its sender little and would cost its receiver much: bodies, lists, headers and codings without end."""

import asyncio
import time
import zlib
from collections.abc import Callable, Iterator
from itertools import repeat

import msgspec

from tests.fault.raw_partner import VERSION, RawPartner, Received, ocpi

MB = 1 << 20
GB = 1 << 30
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
ENVELOPE = b'{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z","data":'
LARGEST = 16 * MB
"""Bytes of an answer that the hub takes where nothing else is configured."""
HEAD = 64 * 1024
NEVER = 1 << 62
BLOCK = b" " * MB


class Bomb(msgspec.Struct, frozen=True):
    """`bytes` makes what is sent after the head of a request, or as a whole answer. `tells`: after so many of them the
    receiver can know. One that drips never tells, and sends its pieces slowly.
    """

    name: str
    bytes: Callable[[], Iterator[bytes]]
    tells: int = 0
    drips: bool = False


def zeros(window: int) -> Iterator[bytes]:
    """Two gigabytes of zeros, compressed: 1 kB for each megabyte."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, window)
    yield squeeze.compress(BLOCK) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    yield from repeat(squeeze.compress(BLOCK) + squeeze.flush(zlib.Z_SYNC_FLUSH), 2048)


def chunked(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The same in chunks."""
    for part in parts:
        yield b"%x\r\n%b\r\n" % (len(part), part)


def framed(head: bytes, parts: Iterator[bytes]) -> Callable[[], Iterator[bytes]]:
    """A head, and what follows it."""
    return lambda: iter([head]) if parts is None else _after(head, parts)


def _after(head: bytes, parts: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from parts


def whole(text: bytes) -> Callable[[], Iterator[bytes]]:
    """An answer that comes to its end."""
    return lambda: _after(OK + b"Content-Length: %d\r\n\r\n" % len(text), iter([text]))


def bodies(start: bytes) -> list[Bomb]:
    """Bodies of two gigabytes; `start` is the head of a request or answer without its last line."""
    coded = start + b"Transfer-Encoding: chunked\r\n"
    return [
        Bomb("2 GB by Content-Length", lambda: _after(start + b"Content-Length: 2147483648\r\n\r\n", repeat(BLOCK,
        2048))),
        Bomb("a chunk of 2 GB", lambda: _after(coded + b"\r\n80000000\r\n", repeat(BLOCK, 2048)), LARGEST),
        Bomb("chunks without end", lambda: _after(coded + b"\r\n", chunked(repeat(b"[" * 1000, 2_000_000))), LARGEST),
        *(
            Bomb(f"2 GB in {coding}", lambda coding=coding, window=window: _after(
                coded + b"Content-Encoding: %b\r\n\r\n" % coding.encode(), chunked(zeros(window))), 20 * 1100)
            for coding, window in (("gzip", 31), ("deflate", 15), ("deflate", -15), ("gzip, gzip", 31), ("br", 15),
            ("zstd", 15))
        ),
        Bomb("a chunk extension without end", lambda: _after(coded + b"\r\n1;" , repeat(b"e" * 10_000, 200_000)),
        HEAD, True),
        Bomb("trailers without end", lambda: _after(coded + b"\r\n1\r\n \r\n0\r\n", repeat(b"Trailer: a\r\n" * 100,
        2_000_000)), HEAD),
    ]  # fmt: skip


def heads(start: bytes) -> list[Bomb]:
    """Heads without end."""
    return [
        Bomb("headers without end", lambda: _after(start, repeat(b"X-Note: a\r\n" * 100, 2_000_000)), HEAD),
        Bomb("a header without end", lambda: _after(start + b"X-Note: ", repeat(b"a" * 10_000, 200_000)), HEAD),
        Bomb("a name of a header without end", lambda: _after(start, repeat(b"a" * 10_000, 200_000)), HEAD),
    ]


def texts() -> list[tuple[str, bytes]]:
    """JSON of a size that is taken, as bad as it gets."""
    room = LARGEST - 200
    return [
        ("nested millions deep", ENVELOPE + b"[" * (room // 2) + b"]" * (room // 2) + b"}"),
        ("nested millions deep without an envelope", b'{"a":' * (room // 5)),
        ("8 million numbers", ENVELOPE + b"[" + b"1," * (room // 2) + b"1]}"),
        ("5 million empty objects", ENVELOPE + b"[" + b"{}," * (room // 3) + b"{}]}"),
        ("5 million empty lists", ENVELOPE + b"[" + b"[]," * (room // 3) + b"[]]}"),
        ("an object with 4 million members", ENVELOPE + b'{"a":[' + b"{}," * (room // 3) + b"{}]}}"),
        ("a million texts", ENVELOPE + b"[" + b'{"id":"\\u0000","x":"y"},' * (room // 24) + b"{}]}"),
        ("10 million numbers", ENVELOPE + b"[" + b"1," * 10_000_000 + b"1]}"),
    ]


def answers() -> list[Bomb]:
    """Every answer of the kind."""
    return [
        *bodies(OK),
        *heads(OK),
        Bomb("a body that ends with the connection", lambda: _after(OK + b"\r\n", repeat(BLOCK, 2048)), LARGEST),
        Bomb("a status line without end", lambda: _after(b"HTTP/1.1 200 ", repeat(b"a" * 10_000, 200_000)), HEAD),
        Bomb("1xx without end", lambda: repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 1_000_000), HEAD),
        Bomb("1xx with headers without end", lambda: repeat(b"HTTP/1.1 103 Hints\r\nX: y\r\n\r\n" * 100, 1_000_000),
        HEAD),
        *(Bomb(name, whole(text), len(text)) for name, text in texts()),
        Bomb("a body that drips", lambda: _after(OK + b"Content-Length: 999\r\n\r\n", repeat(b" ", 999)), NEVER, True),
        Bomb("a head that drips", lambda: repeat(b"HTTP/1.1 200 OK\r\nX-Note: a", 1), NEVER, True),
    ]  # fmt: skip


class Bomber(RawPartner):
    """A partner whose answers at one place are bombs: `versions`, `details`, `credentials`, or `modules`.

    `able` is when the hub could have told. Platforms whose key begins with `old` speak OCPI 2.1.1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bomb: Bomb | None = None
        self.place = "modules"
        self.able = 0.0

    async def _answer(self, request: Received, writer: asyncio.StreamWriter) -> None:
        version = "2.1.1" if request.platform.startswith("old") else VERSION
        place = {"versions": "versions", version: "details", "credentials": "credentials"}.get(request.rest, "modules")
        base = f"{self.url}/{request.platform}"
        if self.bomb is not None and place == self.place:
            await self._explode(self.bomb, writer)
        elif place == "versions":
            writer.write(ocpi([{"version": version, "url": f"{base}/{version}"}]))
        elif place == "details":
            writer.write(ocpi({"version": version, "endpoints": list(_endpoints(base))}))
        else:
            await super()._answer(request, writer)

    async def _explode(self, bomb: Bomb, writer: asyncio.StreamWriter) -> None:
        sent = 0
        self.able = time.monotonic()
        for part in bomb.bytes():
            writer.write(part)
            await writer.drain()
            sent += len(part)
            if sent - len(part) < bomb.tells <= sent:
                self.able = time.monotonic()
            if bomb.drips:
                await asyncio.sleep(0.2)
        if bomb.drips:
            await asyncio.Event().wait()


def _endpoints(base: str) -> Iterator[dict[str, str]]:
    yield {"identifier": "credentials", "role": "SENDER", "url": f"{base}/credentials"}
    # One bomb at a time: lists of sessions are collected from all who have them.
    few, all_of_them = ("locations", "tokens"), ("locations", "sessions", "tariffs", "tokens", "commands")
    for module in few if "/old" in base else all_of_them:
        for side in ("sender", "receiver"):
            yield {"identifier": module, "role": side.upper(), "url": f"{base}/{side}/{module}"}
