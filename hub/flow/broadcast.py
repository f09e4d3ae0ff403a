"""Broadcast: one push handed to many platforms (2.2.1, transport_and_format: Broadcast Push)."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import TypeVar

import structlog

from hub.core.directory import Platform
from hub.core.message import Message
from hub.core.party import Party
from hub.core.route import Route
from hub.errors import OcpiError, RoutingError
from hub.flow.delivery import Deliverer, Shared
from hub.plugin.table import OperationHooks

log = structlog.get_logger()
T = TypeVar("T")

_OBJECT = 3
"""So many segments of a path name the object; the rest of it names a part."""

Subject = tuple[str, tuple[str, ...]]


class Deliveries:
    """The deliveries of one broadcast that have not ended. Those of a newer push of the same object wait for them."""

    def __init__(self, subject: Subject, to: tuple[Party, ...], earlier: "Deliveries | None") -> None:
        self.subject = subject
        self._pending = set(to)
        self._earlier = earlier
        self._waiting: dict[Party, asyncio.Event] = {}

    @property
    def follows(self) -> bool:
        """Whether there may be an earlier one to wait for."""
        return self._earlier is not None

    async def turn(self, party: Party) -> None:
        """Wait until what was sent before about the same object has reached a party, or failed to."""
        if self._earlier is not None:
            await self._earlier.over(party)

    async def over(self, party: Party) -> None:
        """Wait until the delivery to a party ended; at once where there is none."""
        if party in self._pending:
            await self._waiting.setdefault(party, asyncio.Event()).wait()

    def ended(self, party: Party) -> None:
        """The delivery to a party ended, this way or that."""
        self._pending.discard(party)
        if waiting := self._waiting.pop(party, None):
            waiting.set()

    def end(self) -> None:
        """All of them ended."""
        self._earlier = None
        for party in tuple(self._pending):
            self.ended(party)


class Broadcaster:
    """Hands one push to many platforms: once each, all at the same time within a bound, nobody waiting for anybody.

    Two pushes of one object reach a platform in the order in which the hub took them over.
    """

    def __init__(self, deliverer: Deliverer, at_once: int, broadcasts: int, admit: Callable[[Platform], None]) -> None:
        """`at_once` deliveries of one broadcast, and `broadcasts` of one platform, run at the same time.

        `admit` raises TooManyRequests where a platform begins too many in too short a time.
        """
        self._deliverer = deliverer
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
        waiting = iter(to)
        hub = message.directory.hub
        # Only what the mirror keeps is told alike to all: the rest may be told by whose token it is about.
        shared: Shared | None = {} if message.operation.broadcast else None
        loop = asyncio.get_running_loop()

        async def work() -> None:
            for party in waiting:
                if deliveries.follows:
                    await deliveries.turn(party)
                if loop.time() >= message.deadline:
                    self._too_late(message, party)
                else:
                    try:
                        await self._deliverer.deliver(message, party, hooks, speaker=hub, shared=shared)
                    except OcpiError:
                        pass
                    except Exception:
                        log.exception("broadcast_failed", to=party.id)
                deliveries.ended(party)

        await asyncio.gather(*(work() for _ in range(min(self._at_once, len(to)))))

    def _too_late(self, message: Message, party: Party) -> None:
        """An attempt now could only fail, and would be held against a platform that did nothing wrong."""
        log.warning("broadcast_too_late", to=party.id, module=message.module)
        self._deliverer.too_late(message, party)
