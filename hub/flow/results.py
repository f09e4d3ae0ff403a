"""Results that come later of what the hub itself asked for: partners POST them to a URL of the hub, sealed.

OCPI 2.2.1: `response_url` (commands 13, chargingprofiles 14).
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from hub.core.message import Message
from hub.core.urls import RESULTS
from hub.errors import NotFound


class Results:
    """Who waits for which result."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[Any]] = {}

    @contextmanager
    def expect(self) -> Iterator[tuple[str, asyncio.Future[Any]]]:
        """A URL, and what is POSTed to it first: its JSON. It is good until the context is left."""
        url = f"{RESULTS}{uuid4()}"
        self._waiting[url] = asyncio.get_running_loop().create_future()
        try:
            yield url, self._waiting[url]
        finally:
            del self._waiting[url]

    def take(self, message: Message) -> None:
        """Hand a result to whoever waits. NotFound where nobody does any more, BadRequest where it is not JSON."""
        waiting = self._waiting.get(message.url or "")
        if waiting is None:
            raise NotFound("nobody waits for this result any more")
        result = message.json()
        if not waiting.done():  # a partner may tell it twice, and the first one counts
            waiting.set_result(result)
