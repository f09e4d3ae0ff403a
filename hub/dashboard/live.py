"""Keeps pages live: server-sent events with those parts of a page that look different than before."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress

import msgspec
from aiohttp import web

from hub.admin.problems import Problem
from hub.errors import NotFound

WATCHERS = 100
"""So many live pages there are at once."""
_BEAT = 15.0
"""Seconds of silence after which a sign of life is sent: proxies close what is silent for long."""
_ENCODER = msgspec.json.Encoder()

Look = Callable[[], Awaitable[Iterable[tuple[str, str]] | None]]
"""Draws the live parts; None where nobody may look any more."""


class Live:
    """Counts who watches, and sends."""

    def __init__(self) -> None:
        self.watchers = 0
        self._closed = False
        self._news = asyncio.Event()

    def close(self) -> None:
        """End all of it: browsers come again by themselves when the hub is back."""
        self._closed = True
        self.look_again()

    def look_again(self) -> None:
        """Have every page looked at anew, at once: somebody may not look any more."""
        self._news.set()
        self._news = asyncio.Event()

    async def send(self, request: web.Request, look: Look, every: float) -> web.StreamResponse:
        """Send changed parts until the browser goes or may not look any more. Problem 503 where too many watch."""
        if self.watchers >= WATCHERS:
            raise Problem(503, f"{WATCHERS} live pages are open already", "close some", {"Retry-After": "30"})
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        self.watchers += 1
        try:
            changes = self._changes(look, every)
            first = await anext(changes, b"")  # before the answer begins: where there is no such page, that is a 404
            await response.prepare(request)
            await response.write(first)
            async for each in changes:
                await response.write(each)
        except ConnectionError:
            pass  # the browser left
        except NotFound:
            if not response.prepared:
                raise
            # What was shown is gone. The browser asks again, and is told so.
        finally:
            self.watchers -= 1
        return response

    async def _changes(self, look: Look, every: float) -> AsyncIterator[bytes]:
        sent: dict[str, str] = {}
        silent = 0.0
        while not self._closed:
            news = self._news
            parts = await look()
            if parts is None:
                yield b"event: over\ndata: \n\n"
                return
            changed = {part: drawn for part, drawn in parts if sent.get(part) != drawn}
            sent |= changed
            for part, drawn in changed.items():
                yield b"event: part\ndata: " + _ENCODER.encode({"id": part, "html": drawn}) + b"\n\n"
            silent = 0.0 if changed else silent + every
            if silent >= _BEAT:
                silent = 0.0
                yield b": still here\n\n"
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), every)
