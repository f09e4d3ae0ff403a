"""What was seen before: which party is behind a location, token, session or reservation. Keys only, for a time.

Hints are written in batches, after the message: losing some costs an open message its route, and nothing else.
"""

import asyncio
from collections.abc import Iterable
from functools import partial

import structlog

from hub.background import background
from hub.core.content import Hint, Key, Kind, hints_of, is_custom, keys_of
from hub.core.message import Message
from hub.core.party import Party
from hub.core.route import Refuse, Route, Way, decide
from hub.events import Attached, Bus, Handled
from hub.flow.mirror import Mirror, object_key, token_key
from hub.nodes.node import Leads, always
from hub.ocpi.v2_3_0 import TokenType
from hub.partners.directory import now_ms
from hub.store.database import Database
from hub.store.hints import forget_older, recall, remember

log = structlog.get_logger()

_PAUSE = 0.2
_LATER = 0.3
"""Seconds until what another node saw just now is in the store."""
_SWEEP = 3600.0
_MOST = 10_000
_CARDS = tuple(each.value for each in TokenType)
_MODULES = frozenset(("commands", "locations", "sessions", "tokens"))


class Memory:
    """Finds the receiver of an open message, and remembers what passes. `lifetime` is in seconds."""

    def __init__(self, database: Database, mirror: Mirror, bus: Bus, lifetime: float, leads: Leads = always) -> None:
        self._database = database
        self._mirror = mirror
        self._bus = bus
        self._leads = leads
        self._lifetime = round(lifetime * 1000)
        self._fresh: dict[Hint, None] = {}
        self._written: asyncio.Task[None] | None = None
        self._subscription: Attached | None = None

    def start(self) -> None:
        """Begin to listen and to write."""
        self._subscription = self._bus.attach({Handled: self._handled}, name="memory")
        self._written = background(self._write(), "memory")

    def reconfigure(self, lifetime: float) -> None:
        """Remember for another time, in seconds."""
        self._lifetime = round(lifetime * 1000)

    async def stop(self) -> None:
        """Write what is left, and end."""
        if self._subscription:
            await self._bus.unsubscribe(self._subscription)
        if self._written:
            self._written.cancel()
            await asyncio.wait({self._written})
        await self._flush()

    async def find(self, message: Message) -> tuple[Party, ...]:
        """The parties that may be behind what an open message is about.

        Where the message goes nowhere without, another node may have seen it a moment ago: it is looked for once more.
        """
        keys = keys_of(message)
        found = await self._first(keys, message)
        if keys and not found and self._database.shared and isinstance(decide(message), Refuse):
            await asyncio.sleep(_LATER)
            found = await self._first(keys, message)
        return found

    async def _first(self, keys: Iterable[Key], message: Message) -> tuple[Party, ...]:
        for key in keys:
            if found := await self._behind(key, message):
                return found
        return ()

    async def _behind(self, key: Key, message: Message) -> tuple[Party, ...]:
        if key.kind is Kind.CONTRACT:
            return tuple(dict.fromkeys(held.owner for held in await self._mirror.tokens_of(key.id)))
        fresh = tuple(hint.party for hint in self._fresh if hint.key == key)
        since = now_ms() - self._lifetime
        kept = await self._database.read(lambda connection: recall(connection, key, since))
        if seen := tuple(dict.fromkeys((*fresh, *kept))):
            return seen
        if key.kind is Kind.LOCATION:
            return tuple(await self._mirror.owners("locations", key.id))
        if key.kind is Kind.TOKEN:
            kinds = _CARDS if is_custom(message) else ()
            cards = [token_key(key.id, kind) for kind in kinds] or [object_key(message)]
            return tuple({owner: None for card in cards for owner in await self._mirror.owners("tokens", card)})
        return ()

    def _handled(self, event: Handled) -> None:
        route, reply = event.route, event.reply
        if event.message.operation.module not in _MODULES and not is_custom(event.message):
            return
        if not isinstance(route, Route) or route.way is not Way.DIRECT:
            return
        if reply.ok and len(self._fresh) < _MOST:
            self._fresh.update(dict.fromkeys(hints_of(event.message, route.to)))

    async def _write(self) -> None:
        swept = 0.0
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_PAUSE)
            try:
                await self._flush()
                if self._leads() and loop.time() > swept:
                    swept = loop.time() + _SWEEP
                    await self._database.write(partial(forget_older, before=now_ms() - self._lifetime))
            except Exception as error:  # noqa: BLE001 - a full disk now is no reason never to write again
                log.warning("hints_not_kept", hints=len(self._fresh), error=repr(error))

    async def _flush(self) -> None:
        if hints := tuple(self._fresh):
            await self._database.write(lambda connection: remember(connection, hints, now_ms()))
            for hint in hints:
                self._fresh.pop(hint, None)
