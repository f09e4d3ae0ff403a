"""A server of raw connections that goes and comes back on one port."""

import asyncio
from typing import Any, Self

from tests.ports import free_port


class Listening:
    """What listens at `url`; who inherits this says in `_serve` what a connection meets."""

    def __init__(self) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[Any]] = set()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def start(self) -> None:
        """Listen; after a stop on the same port again."""
        self.port = self.port or free_port()
        self._server = await asyncio.start_server(self._accepted, self.host, self.port, backlog=512)

    async def stop(self) -> None:
        """Be gone: the port refuses connections, those that are open end."""
        if self._server:
            self._server.close()
            self._server = None
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._serve(reader, writer)
        finally:
            self._open.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError
