"""The bus: it carries events, and never makes the hub wait.

Parts of the hub that only count and note, as metrics and the journal, attach plain functions: these get what was
published in one turn of the event loop together in the next one. Whoever may have to wait, as plugins do, subscribes:
every subscriber has a bounded queue of its own and one task that empties it. A full queue drops its oldest event and
counts that, so a slow subscriber costs memory and time to nobody.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, TypeVar

import msgspec
import structlog

from hub.background import background
from hub.events.kinds import Event

log = structlog.get_logger()

QUEUE = 1000
PENDING = 10_000
"""Events that wait for those who attached: they do when one turn of the loop publishes so many."""
DRAIN = 5.0
_AT_ONCE = 500
"""Events that are handed out in one turn of the loop: messages come in between."""

E = TypeVar("E", bound=Event)
Handlers: TypeAlias = Mapping[type[Event], Callable[[Any], None]]
"""A plain function for each type of event that is wanted."""


class Subscription:
    """One subscriber: its queue, and what came of the events in it. Made by `Bus.subscribe`."""

    def __init__(
        self, handler: Callable[[Any], Awaitable[None]], types: tuple[type[Event], ...], name: str, size: int
    ) -> None:
        self.name = name
        self.types = types
        self.dropped = 0
        self.failed = 0
        self._handler = handler
        self._queue: deque[Event] = deque(maxlen=size)
        self._awake = False
        self._filled = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()

    @property
    def waiting(self) -> int:
        """Events in the queue."""
        return len(self._queue)

    def offer(self, event: Event) -> None:
        """Queue an event. Never waits, never raises; a full queue loses its oldest event."""
        if len(self._queue) == self._queue.maxlen:
            self.dropped += 1
        self._queue.append(event)
        if not self._awake:
            self._awake = True
            self._filled.set()
            self._settled.clear()

    async def settle(self) -> None:
        """Wait until every event offered so far is handled or dropped."""
        await self._settled.wait()

    async def consume(self) -> None:
        """Hand the events to the subscriber one by one, for ever. Run by the bus."""
        while True:
            await self._filled.wait()
            while self._queue:
                await self._handle(self._queue.popleft())
            self._awake = False
            self._filled.clear()
            self._settled.set()

    async def _handle(self, event: Event) -> None:
        try:
            await self._handler(event)
        except Exception as error:  # noqa: BLE001 - one bad event may not end the subscriber
            _failed(self, event, error)


class Attached:
    """A part of the hub that takes events by plain functions, one for each type. Made by `Bus.attach`."""

    def __init__(self, handlers: Handlers, name: str) -> None:
        self.name = name
        self.handlers = handlers
        self.dropped = 0
        self.failed = 0


class _Wanting(msgspec.Struct, frozen=True):
    """Who wants events of a type."""

    attached: tuple[tuple[Attached, Callable[[Any], None]], ...]
    subscribed: tuple[Subscription, ...]


class Bus:
    """Carries events from those who publish to those who want them. Used from the event loop's thread only."""

    def __init__(self) -> None:
        self._tasks: dict[Subscription, asyncio.Task[None] | None] = {}
        self._attached: list[Attached] = []
        self._pending: deque[Event] = deque()
        self._by_type: dict[type[Event], _Wanting] = {}
        self._running = False
        self._woken = False
        self._loop: asyncio.AbstractEventLoop
        self._context: contextvars.Context

    def publish(self, event: Event) -> None:
        """Offer an event to all who want it. Never waits, never raises."""
        kind = type(event)
        wanting = self._by_type.get(kind) or self._wanting(kind)
        if wanting.attached:
            if len(self._pending) >= PENDING:
                self._drop()
            self._pending.append(event)
            if not self._woken:
                self._wake()
        for subscription in wanting.subscribed:
            subscription.offer(event)

    def wants(self, kind: type[Event]) -> bool:
        """Whether anybody listens to this type, for events that are dear to make."""
        wanting = self._by_type.get(kind) or self._wanting(kind)
        return bool(wanting.attached or wanting.subscribed)

    def attach(self, handlers: Handlers, *, name: str) -> Attached:
        """Call a plain function with every event of its type, in the order they were published.

        All who attached get an event before the next one is handed out. What a function raises is logged.
        """
        self._hand_out_all()
        attached = Attached(handlers, name)
        self._attached.append(attached)
        self._by_type.clear()
        return attached

    def subscribe(
        self,
        handler: Callable[[E], Awaitable[None]],
        *types: type[E],
        name: str,
        size: int = QUEUE,
    ) -> Subscription:
        """Call `handler` with every event of these types, one at a time, in the order they were published."""
        subscription = Subscription(handler, types, name, size)
        self._tasks[subscription] = self._consumer(subscription) if self._running else None
        self._by_type.clear()
        return subscription

    async def unsubscribe(self, subscription: Subscription | Attached, *, drain: float = DRAIN) -> None:
        """End a subscription; events that wait get `drain` seconds to be handled."""
        if isinstance(subscription, Attached):
            self._hand_out_all()
            if subscription in self._attached:
                self._attached.remove(subscription)
            self._by_type.clear()
            return
        task = self._tasks.pop(subscription, None)
        self._by_type.clear()
        if task is None:
            return
        try:
            async with asyncio.timeout(drain):
                await subscription.settle()
        except TimeoutError:
            log.warning("events_lost", subscriber=subscription.name, events=subscription.waiting)
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def start(self) -> None:
        """Begin to hand out events; those published before have waited in the queues."""
        self._running = True
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()  # or what is logged would be told of the message that published
        if self._pending:
            self._wake()
        for subscription, task in self._tasks.items():
            self._tasks[subscription] = task or self._consumer(subscription)

    async def stop(self, *, drain: float = DRAIN) -> None:
        """Hand out what waits, within `drain` seconds, and end all subscriptions."""
        everybody: tuple[Subscription | Attached, ...] = (*self._tasks, *self._attached)
        await asyncio.gather(*(self.unsubscribe(each, drain=drain) for each in everybody))
        self._running = False

    async def settle(self) -> None:
        """Wait until everybody has handled what was published so far."""
        for subscription in tuple(self._tasks):
            await subscription.settle()
        self._hand_out_all()

    def backlog(self) -> list[tuple[str, int, int]]:
        """Of each name that subscribed: events that were dropped since it did, and events that wait."""
        found: dict[str, tuple[int, int]] = {}
        for each in self._tasks:
            _tally(found, each.name, each.dropped, each.waiting)
        for other in self._attached:
            waiting = sum(type(event) in other.handlers for event in self._pending)
            _tally(found, other.name, other.dropped, waiting)
        return [(name, *numbers) for name, numbers in sorted(found.items())]

    def _wake(self) -> None:
        if self._running:
            self._woken = True
            self._loop.call_soon(self._hand_out, context=self._context)

    def _hand_out(self) -> None:
        self._woken = False
        pending, by_type = self._pending, self._by_type
        for _ in range(min(len(pending), _AT_ONCE)):
            event = pending.popleft()
            kind = type(event)
            for attached, handle in (by_type.get(kind) or self._wanting(kind)).attached:
                try:
                    handle(event)
                except Exception as error:  # noqa: BLE001 - one bad event may not keep others from the rest
                    _failed(attached, event, error)
        if pending and not self._woken:
            self._wake()

    def _hand_out_all(self) -> None:
        while self._running and self._pending:
            self._hand_out()

    def _drop(self) -> None:
        """Lose the oldest event."""
        for attached, _ in self._wanting(type(self._pending.popleft())).attached:
            attached.dropped += 1

    def _consumer(self, subscription: Subscription) -> asyncio.Task[None]:
        return background(subscription.consume(), f"events: {subscription.name}")

    def _wanting(self, kind: type[Event]) -> _Wanting:
        found = self._by_type.get(kind)
        if found is None:
            attached = tuple((each, each.handlers[kind]) for each in self._attached if kind in each.handlers)
            subscribed = tuple(each for each in self._tasks if issubclass(kind, each.types))
            found = self._by_type[kind] = _Wanting(attached, subscribed)
        return found


def _failed(whose: Subscription | Attached, event: Event, error: Exception) -> None:
    whose.failed += 1
    log.warning("subscriber_failed", subscriber=whose.name, event_type=type(event).__name__, error=repr(error))


def _tally(found: dict[str, tuple[int, int]], name: str, dropped: int, waiting: int) -> None:
    before = found.get(name, (0, 0))
    found[name] = before[0] + dropped, before[1] + waiting
