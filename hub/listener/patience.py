"""A connection that cuts off who never asks, and who does not take the answers."""

import asyncio
from typing import Any, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler


class PatientProtocol(RequestHandler):
    """One connection. `patience` is seconds until the first request, `write_patience` until an answer is taken."""

    __slots__ = ("_patience", "_silent", "_stuck", "_transport", "_write_patience")

    def __init__(self, server: "web.Server", *, patience: float, write_patience: float, **options: Any) -> None:
        super().__init__(server, **options)
        self._patience = patience
        self._write_patience = write_patience
        self._silent: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock: the first request has to be there in time."""
        super().connection_made(transport)
        # aiohttp lets go of its transport before what was written is out; this one stays to the end.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)
        self._silent = self._loop.call_later(self._patience, self._cut_if_silent)

    def pause_writing(self) -> None:
        """The other side does not keep up: start the clock."""
        super().pause_writing()
        self._stuck = self._loop.call_later(self._write_patience, self._transport.abort)

    def resume_writing(self) -> None:
        """All that was written is out: stop the clock."""
        super().resume_writing()
        if self._stuck:
            self._stuck.cancel()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop the clocks."""
        for clock in (self._silent, self._stuck):
            if clock:
                clock.cancel()
        super().connection_lost(exc)

    def _cut_if_silent(self) -> None:
        if self._request_count == 0:
            self._transport.abort()
