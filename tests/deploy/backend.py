"""What stands where the hub should, behind a proxy: it says what came through."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Backend:
    """What stands where the hub should: it answers each request but a push, which it takes and hangs up.

    With `answers` it answers a push, too.
    """

    def __init__(self, *, answers: bool = False) -> None:
        self._answers = answers
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []

    @property
    def methods(self) -> list[bytes]:
        return [each.partition(b" ")[0] for each in self.requests]

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["Backend"]:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in self._writers:
                writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")), 0)
                self.requests.append(head + await reader.readexactly(size))
                if not self._answers and not head.startswith(b"GET "):
                    return
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Request-ID: r1\r\n\r\n{}")
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()
