"""The end of the listener: what was taken is answered, what comes after that is refused, and nothing is left silent."""

import asyncio

import structlog

from hub.flow.http import HttpServer
from hub.flow.server import OcpiServer
from hub.listener import accept_no_more

log = structlog.get_logger()

_LOOK = 0.02
_QUIET = 0.1
"""Seconds that partners with an open connection get, after the last answer, to be told that the hub stops."""
_LAST_ANSWERS = 2.0
_ROUNDS = 3
"""Turns of the event loop in which connections are accepted that were made before the listener closes."""


class Drain:
    """Ends an HTTP server. `seconds` is what requests under way get."""

    def __init__(self, http: HttpServer, ocpi: OcpiServer, listener: asyncio.Server, seconds: float) -> None:
        self._http = http
        self._ocpi = ocpi
        self._listener = listener
        self._seconds = seconds

    def reconfigure(self, seconds: float) -> None:
        """Other seconds for requests under way."""
        self._seconds = seconds

    async def run(self) -> None:
        """Close the listener, and wait until all is answered."""
        loop = asyncio.get_running_loop()
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)
        await accept_no_more(self._listener)
        self._listener.close()
        self._ocpi.drain()
        await self._answered(loop.time() + self._seconds)
        if self._http.busy:
            log.warning("requests_given_up", requests=self._ocpi.give_up(), after_seconds=self._seconds)
            await self._answered(loop.time() + _LAST_ANSWERS)
        if self._http.connections:
            await asyncio.sleep(_QUIET)
            await self._answered(loop.time() + _LAST_ANSWERS)
        await self._ocpi.stop()

    async def _answered(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        while self._http.busy and loop.time() < until:  # noqa: ASYNC110 - aiohttp has no event for this
            await asyncio.sleep(_LOOK)
