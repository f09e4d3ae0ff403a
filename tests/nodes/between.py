"""What stands between a node and PostgreSQL: it passes everything on, but for notifications where a test says so.

It reads the frames of the server: a letter, four bytes of length, and the rest (PostgreSQL, Message Formats).
"""

import asyncio
import struct
from contextlib import suppress
from typing import Any

from tests.fault.listening import Listening

_WANTS_TLS = 80877103, 80877104
"""Codes in the place of the protocol's version: who sends one asks for TLS or GSSAPI first."""
_CHUNK = 65_536


class Between(Listening):
    """`dropped` counts the notifications that did not get through while `silent`."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.silent = False
        self.dropped = 0
        self._there = port

    def leads_there(self, url: str) -> str:
        """The URL of a database by way of this."""
        return url.replace(f":{self._there}/", f":{self.port}/")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back: asyncio.StreamWriter | None = None
        try:
            first = await _opening(reader, writer)
            there, back = await asyncio.open_connection("127.0.0.1", self._there)
            back.write(first)
            ways = asyncio.create_task(_copy(reader, back)), asyncio.create_task(self._answers(there, writer))
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in ways:
                    each.cancel()
                await asyncio.wait(ways)
        except (OSError, EOFError):
            pass
        finally:
            for each in (writer, back):
                if each is not None:
                    each.transport.abort()

    async def _answers(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            while True:
                head = await there.readexactly(5)
                body = await there.readexactly(struct.unpack("!I", head[1:])[0] - 4)
                if head[:1] == b"A" and self.silent:
                    self.dropped += 1
                    continue
                writer.write(head + body)
                await writer.drain()


async def _opening(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The first message of a client, or a request to cancel; nothing is encrypted here."""
    while True:
        head = await reader.readexactly(8)
        length, code = struct.unpack("!II", head)
        if code not in _WANTS_TLS:
            return head + await reader.readexactly(length - 8)
        writer.write(b"N")


async def _copy(reader: asyncio.StreamReader, writer: Any) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
