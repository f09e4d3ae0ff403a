"""What happened in the hub, as typed events on a bus that never makes the hub wait.

Journal, metrics, live feed and plugins subscribe. Every subscriber has a bounded queue of its own and one task that
empties it. A full queue drops its oldest event and counts that, so a slow subscriber costs memory and time to nobody.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeVar

import msgspec
import structlog

from hub.bridge.rules import Loss
from hub.core.directory import Platform
from hub.core.headers import RequestHeaders
from hub.core.message import Message, Reply
from hub.core.modules import Operation
from hub.core.outcome import Outcome
from hub.core.party import Party, PartyRole
from hub.core.route import Refuse, Route
from hub.core.status import ConnectionStatus
from hub.ocpi.rules import Finding

log = structlog.get_logger()

QUEUE = 1000
DRAIN = 5.0


class Event(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Base of all events. Subscribing to it means: everything."""


class Handled(Event, frozen=True, kw_only=True, eq=False):
    """A message was answered. `seconds` is the time from its receipt to its answer."""

    message: Message
    route: Route | Refuse
    reply: Reply
    seconds: float


class Delivered(Event, frozen=True, kw_only=True, eq=False):
    """One attempt to hand a message to one platform came to its end.

    `outcome` is short and for people: `1000`, `2003`, `4002 no answer in time`. `seconds` is the time of the whole
    attempt. `lost` and `lost_back` are what could not be carried there, and what of the answer could not be carried
    back, where the two speak different versions of OCPI.
    """

    message: Message
    to: Party
    platform: str
    outcome: str
    seconds: float
    lost: tuple[Loss, ...] = ()
    lost_back: tuple[Loss, ...] = ()
    leg: "Leg"


class Leg(msgspec.Struct, kw_only=True, eq=False):
    """The second leg of a message: what went to a platform, and what came of it. Filled in on the way.

    `number` is microseconds since 1970 at its begin, `waited` the microseconds until the platform's answer was there.
    `http` and `ocpi` are None where nothing came that has them; `reason` says why there is no answer to give back.
    """

    platform: Platform
    number: int
    request_id: str
    sent: bytes = b""
    waited: int = 0
    http: int | None = None
    ocpi: int | None = None
    answer: bytes = b""
    reason: str = ""
    ended: Outcome = Outcome.FAILED

    def __repr__(self) -> str:
        """Without bodies."""
        return f"Leg({self.platform.name}, {self.ended})"


class Refused(Event, frozen=True, kw_only=True, eq=False):
    """A request that never became a message was answered with an error: whatever is known of it.

    `platform` is None where no valid token came; `claimed` is whom the request said to be from. `path` has no query.
    """

    number: int
    method: str
    path: str
    address: str | None
    headers: RequestHeaders
    platform: Platform | None
    http: int
    code: int
    reason: str
    seconds: float
    bytes_in: int
    bytes_out: int


class Served(Event, frozen=True, kw_only=True, eq=False):
    """The hub answered a request to a configuration module with success: versions, credentials or hubclientinfo.

    `version` is None for the list of versions. `platform` is the one that asked, as it was then.
    """

    number: int
    method: str
    module: str
    version: str | None
    headers: RequestHeaders
    platform: Platform
    http: int
    seconds: float
    bytes_in: int
    bytes_out: int


class Answered(Event, frozen=True, kw_only=True, eq=False):
    """A platform answered a message with success. `body` is the whole answer, as it came."""

    platform: Platform
    operation: Operation
    body: bytes
    exchange: int = 0


class Found(Event, frozen=True, kw_only=True, eq=False):
    """An object of a platform breaks rules of its OCPI version. `kind` is what it should be: `Location`.

    `exchange` is the number of the message that brought it.
    """

    platform_id: int
    platform: str
    kind: str
    findings: tuple[Finding, ...]
    exchange: int = 0


LimitKind = Literal["requests", "parallel", "broadcasts", "wrong_tokens"]


class Limited(Event, frozen=True, kw_only=True, eq=False):
    """A request was refused because a limit was reached: of a platform, or of an address that has no valid token."""

    platform: str | None
    limit: LimitKind
    address: str | None


class Reloaded(Event, frozen=True, kw_only=True, eq=False):
    """Another configuration came into force: `changed` are the keys that are not as before."""

    changed: tuple[str, ...]


class TokenRefused(Event, frozen=True, kw_only=True, eq=False):
    """A platform answered the hub with HTTP 401 or 403."""

    platform: str
    http: int


class Registered(Event, frozen=True, kw_only=True, eq=False):
    """A platform finished registering, or renewed its registration."""

    platform: str
    version: str
    roles: tuple[PartyRole, ...]


class Unregistered(Event, frozen=True, kw_only=True, eq=False):
    """A platform took back its registration."""

    platform: str


class PartnerChanged(Event, frozen=True, kw_only=True, eq=False):
    """The operator changed a partner: `change` says what, in words (`invited`, `suspended`, `resumed`)."""

    platform: str
    change: str


class StatusChanged(Event, frozen=True, kw_only=True, eq=False):
    """The published connection status of a platform changed. `parties` has that of each party and role of it.

    `before` is None where nothing was published before; `at` is in milliseconds since 1970.
    """

    platform: str
    platform_id: int
    before: ConnectionStatus | None
    status: ConnectionStatus
    parties: Mapping[PartyRole, ConnectionStatus]
    at: int


class PluginFault(Event, frozen=True, kw_only=True, eq=False):
    """A plugin failed once. `at` is the line in its file (`home_market.py:12`), empty where none is known."""

    plugin: str
    hook: str
    kind: Literal["raised", "slow", "answered wrong"]
    error: str
    at: str


class PluginSetAside(Event, frozen=True, kw_only=True, eq=False):
    """A plugin failed too often in a row and is not called any more, until it is reloaded or reset."""

    plugin: str
    hook: str
    faults: int


class PluginChanged(Event, frozen=True, kw_only=True, eq=False):
    """A plugin was started, reloaded, stopped, or its changed file rejected; `detail` says why."""

    plugin: str
    change: Literal["started", "reloaded", "stopped", "rejected"]
    detail: str = ""


E = TypeVar("E", bound=Event)


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
            self._filled.clear()
            self._settled.set()

    async def _handle(self, event: Event) -> None:
        try:
            await self._handler(event)
        except Exception as error:  # noqa: BLE001 - one bad event may not end the subscriber
            self.failed += 1
            log.warning("subscriber_failed", subscriber=self.name, event_type=type(event).__name__, error=repr(error))


class Bus:
    """Carries events from those who publish to those who subscribed. Used from the event loop's thread only."""

    def __init__(self) -> None:
        self._tasks: dict[Subscription, asyncio.Task[None] | None] = {}
        self._by_type: dict[type[Event], tuple[Subscription, ...]] = {}
        self._running = False

    def publish(self, event: Event) -> None:
        """Offer an event to all who want it. Never waits, never raises."""
        for subscription in self._listeners(type(event)):
            subscription.offer(event)

    def wants(self, kind: type[Event]) -> bool:
        """Whether anybody listens to this type, for events that are dear to make."""
        return bool(self._listeners(kind))

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

    async def unsubscribe(self, subscription: Subscription, *, drain: float = DRAIN) -> None:
        """End a subscription; events that wait get `drain` seconds to be handled."""
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
        for subscription, task in self._tasks.items():
            self._tasks[subscription] = task or self._consumer(subscription)

    async def stop(self, *, drain: float = DRAIN) -> None:
        """Hand out what waits, within `drain` seconds, and end all subscriptions."""
        await asyncio.gather(*(self.unsubscribe(subscription, drain=drain) for subscription in tuple(self._tasks)))
        self._running = False

    async def settle(self) -> None:
        """Wait until every subscriber has handled what was published so far."""
        for subscription in tuple(self._tasks):
            await subscription.settle()

    def backlog(self) -> list[tuple[str, int, int]]:
        """Of each name that subscribed: events that were dropped since it did, and events that wait."""
        found: dict[str, tuple[int, int]] = {}
        for each in self._tasks:
            dropped, waiting = found.get(each.name, (0, 0))
            found[each.name] = dropped + each.dropped, waiting + each.waiting
        return [(name, *numbers) for name, numbers in sorted(found.items())]

    def _consumer(self, subscription: Subscription) -> asyncio.Task[None]:
        return asyncio.create_task(subscription.consume(), name=f"events: {subscription.name}")

    def _listeners(self, kind: type[Event]) -> tuple[Subscription, ...]:
        found = self._by_type.get(kind)
        if found is None:
            found = tuple(each for each in self._tasks if issubclass(kind, each.types))
            self._by_type[kind] = found
        return found
