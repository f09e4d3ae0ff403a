"""A balancer in front of nodes: each new connection goes to the next one that takes it. It knows nothing of HTTP."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_CHUNK = 65_536


class Balancer:
    """Passes bytes on. `targets` are ports on this machine, and may change at any time.

    `taken` counts connections by port, and `unanswered` those that ended without a byte from there.
    """

    def __init__(self) -> None:
        self.targets: list[int] = []
        self.taken: dict[int, int] = {}
        self.unanswered: Counter[int] = Counter()
        self.port = 0
        self._turn = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        self._turn += 1
        first = self._turn % max(1, len(self.targets))
        for port in (*self.targets[first:], *self.targets[:first]):
            with suppress(OSError):
                there, back = await asyncio.open_connection("127.0.0.1", port)
                self.taken[port] = self.taken.get(port, 0) + 1
                try:
                    await asyncio.gather(_copy(reader, back), self._answer(port, there, writer))
                finally:
                    back.transport.abort()
                return
        writer.close()

    async def _answer(self, port: int, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came = await _copy(there, writer)
        self.unanswered[port] += not came


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    """Copy to the end, and close: so many bytes."""
    copied = 0
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            copied += len(chunk)
            writer.write(chunk)
            await writer.drain()
    writer.close()
    return copied


@asynccontextmanager
async def balancer() -> AsyncIterator[Balancer]:
    """A balancer without targets yet."""
    front = Balancer()
    connections: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        connections.add(task)
        try:
            await front.pass_on(reader, writer)
        except asyncio.CancelledError:
            pass  # it is over
        finally:
            connections.discard(task)
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    front.port = server.sockets[0].getsockname()[1]
    try:
        yield front
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
