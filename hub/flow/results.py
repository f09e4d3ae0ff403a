"""Results that come later of what the hub itself asked for: partners POST them to a URL of the hub, sealed.

Each may come in on any node: its URL says which one waits for it. OCPI 2.2.1: `response_url` (commands 13,
chargingprofiles 14).
"""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from hub.core.message import Message, decode_json
from hub.core.urls import RESULTS
from hub.errors import NotFound
from hub.nodes.relay import Relay

_KIND = "result"


class Came(msgspec.Struct, frozen=True, array_like=True):
    """A result that another node waits for, by its name."""

    key: str
    body: bytes


class Results:
    """Who waits for which result."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        relay.on(_KIND, self._handed)

    @contextmanager
    def expect(self) -> Iterator[tuple[str, asyncio.Future[Any]]]:
        """A URL, and what is POSTed to it first: its JSON. It is good until the context is left."""
        key = waited_for_by(self._relay.own)
        self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            yield RESULTS + key, self._waiting[key]
        finally:
            del self._waiting[key]

    async def take(self, message: Message) -> None:
        """Hand a result to whoever waits, here or on another node.

        NotFound where nobody does any more, BadRequest where it is not JSON, NotTold where the other node can not be
        told.
        """
        key = (message.url or "").removeprefix(RESULTS)
        result = message.json()
        if not self._taken(key, result) and not await self._hand_on(key, message.body):
            raise NotFound("nobody waits for this result any more")

    async def _hand_on(self, key: str, body: bytes) -> bool:
        return await self._relay.hand(who_waits(key), _KIND, msgspec.msgpack.encode(Came(key, body)))

    def _handed(self, told: bytes) -> bool:
        came = msgspec.msgpack.decode(told, type=Came)
        return self._taken(came.key, decode_json(came.body) if came.body else None)

    def _taken(self, key: str, result: Any) -> bool:
        waiting = self._waiting.get(key)
        if waiting is None:
            return False
        if not waiting.done():  # a partner may tell it twice, and the first one counts
            waiting.set_result(result)
        return True


def waited_for_by(node: str, size: int = 12) -> str:
    """A new name, which fits into a URL, of a result that this node waits for; `size` random bytes are in it."""
    return f"{node}.{secrets.token_urlsafe(size)}"


def who_waits(name: str) -> str:
    """The node that waits for the result of this name."""
    return name.partition(".")[0]
