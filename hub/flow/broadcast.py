"""Broadcast: one push handed to many platforms (2.2.1, transport_and_format: Broadcast Push)."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import TypeVar

from hub.core.directory import Platform
from hub.core.message import Message
from hub.core.party import Party
from hub.core.route import Route
from hub.errors import RoutingError
from hub.flow.delivery import Deliverer
from hub.flow.following import Deliveries, Subject
from hub.flow.volley import Lanes, Volley
from hub.plugin.table import OperationHooks

T = TypeVar("T")

_OBJECT = 3
"""So many segments of a path name the object; the rest of it names a part."""


class Broadcaster:
    """Hands one push to many platforms: once each, all at the same time within a bound, nobody waiting for anybody.

    Two pushes of one object reach a platform in the order in which the hub took them over.
    """

    def __init__(self, deliverer: Deliverer, at_once: int, broadcasts: int, admit: Callable[[Platform], None]) -> None:
        """`at_once` deliveries of one broadcast, and `broadcasts` of one platform, run at the same time.

        `admit` raises TooManyRequests where a platform begins too many in too short a time.
        """
        self._deliverer = deliverer
        self._lanes = Lanes(deliverer.lines)
        self._admit = admit
        self._at_once = at_once
        self._broadcasts = broadcasts
        self._running: set[asyncio.Task[None]] = set()
        self._by_platform: Counter[int] = Counter()
        self._latest: dict[Subject, Deliveries] = {}

    async def begin(
        self, message: Message, route: Route, hooks: OperationHooks, keep: Callable[[Message], Awaitable[T]]
    ) -> T:
        """Start the deliveries, once `keep` has taken the message over; what `keep` returned.

        What comes of them goes to events and plugins, never to the sender. RoutingError (4000) where too many of
        this platform's broadcasts are under way, TooManyRequests where they come too fast: then nothing was kept.
        """
        if self._by_platform[message.platform.id] >= self._broadcasts:
            raise RoutingError(f"{self._broadcasts} of your broadcasts are under way; wait for them")
        self._admit(message.platform)
        with ExitStack() as held:
            self._by_platform[message.platform.id] += 1
            held.callback(self._ended, message.platform.id)
            held.enter_context(hooks)
            kept = await keep(message)
            deliveries = self._follow(message, route.destinations)
            held.callback(self._leave, deliveries)
            task = asyncio.create_task(self._deliver_all(message, route.destinations, hooks, deliveries))
            self._running.add(task)
            ends = held.pop_all()
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: ends.close())
        return kept

    def reconfigure(self, at_once: int, broadcasts: int) -> None:
        """Other bounds, for broadcasts that begin from now on."""
        self._at_once, self._broadcasts = at_once, broadcasts

    async def stop(self) -> None:
        """Wait for what is under way: every delivery ends by the deadline of its message."""
        if self._running:
            await asyncio.wait(self._running)

    def _ended(self, platform_id: int) -> None:
        self._by_platform[platform_id] -= 1
        self._by_platform += Counter()

    def _follow(self, message: Message, to: tuple[Party, ...]) -> Deliveries:
        subject = message.module, message.segments[:_OBJECT]
        deliveries = self._latest[subject] = Deliveries(subject, to, self._latest.get(subject))
        return deliveries

    def _leave(self, deliveries: Deliveries) -> None:
        deliveries.end()
        if self._latest.get(deliveries.subject) is deliveries:
            del self._latest[deliveries.subject]

    async def _deliver_all(
        self, message: Message, to: tuple[Party, ...], hooks: OperationHooks, deliveries: Deliveries
    ) -> None:
        volley = Volley(self._deliverer, self._lanes, message, hooks, deliveries, self._at_once)
        await volley.deliver(to)
