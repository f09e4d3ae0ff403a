"""The way of a message through the hub, as one function that reads from top to bottom."""

import time
from collections.abc import Awaitable, Callable

import msgspec

from hub.core.catalogue import WITHOUT_INTERFACES
from hub.core.message import Message, Reply
from hub.core.paging import Page, paging
from hub.core.route import Refuse, Route, Way, decide
from hub.core.urls import endpoint_path
from hub.errors import NotInThatVersion, OcpiError
from hub.events import Bus, Handled
from hub.flow.ask import ask
from hub.flow.away import told_of
from hub.flow.bridging import Bridging
from hub.flow.broadcast import Broadcaster
from hub.flow.collect import Collector
from hub.flow.delivery import Deliverer
from hub.flow.memory import Memory
from hub.flow.mirror import Mirror
from hub.flow.results import Results
from hub.flow.validation import Validator
from hub.ocpi import envelope
from hub.plugin.api import Push
from hub.plugin.runner import Runner
from hub.plugin.table import OperationHooks
from hub.store.errors import StoreUnavailable

_SERVER_ERROR, _HUB_ERRORS = 3000, 4000


class Ways(msgspec.Struct, frozen=True):
    """What carries a message out, for each of the ways that it can go. `root` is the hub's URL of all versions."""

    deliverer: Deliverer
    broadcaster: Broadcaster
    collector: Collector
    mirror: Mirror
    bridging: Bridging
    memory: Memory
    ask_seconds: float
    root: str
    results: Results


class Pipeline:
    """Handles messages by its parts. `clock` gives the time of an answer as OCPI writes it."""

    def __init__(self, plugins: Runner, ways: Ways, validator: Validator, bus: Bus, clock: Callable[[], str]) -> None:
        self.plugins = plugins
        self.ways = ways
        self.validator = validator
        self._bus = bus
        self._clock = clock

    def reconfigure(self, ask_seconds: float) -> None:
        """Another time for eMSPs to authorise a token that nobody knows."""
        self.ways = msgspec.structs.replace(self.ways, ask_seconds=ask_seconds)

    async def handle(self, message: Message) -> Reply:
        """Route a message and bring back its answer. Never raises OcpiError: a refusal is an answer, too."""
        began = time.perf_counter()
        with self.plugins.hooks(message.operation) as hooks:
            message, route = await self._plan(message, hooks, self.validator.check(message))
            reply = await self.carry(message, route, hooks)
        self.handled(message, route, reply, hooks, began)
        return reply

    async def carry(self, message: Message, route: Route | Refuse, hooks: OperationHooks) -> Reply:
        """The second half of the way: carry a message out as its route says, and bring back its answer."""
        try:
            reply = await self._carried_out(message, route, hooks)
        except (OcpiError, StoreUnavailable) as reason:
            reply = self.refused(message, told_of(reason))
        return await hooks.respond(message, reply) if hooks.responders else reply

    def refused(self, message: Message, error: OcpiError) -> Reply:
        """The answer where a message could not be carried out."""
        return self._answer(message, error.http, error.code, error.message, error.headers)

    def handled(
        self, message: Message, route: Route | Refuse, reply: Reply, hooks: OperationHooks, began: float
    ) -> None:
        """Tell of a message that has its answer."""
        if hooks.observers and message.operation.is_push:
            hooks.pushed(Push(message=message, route=route, reply=reply))
        if self._bus.wants(Handled):
            self._bus.publish(Handled(message=message, route=route, reply=reply, seconds=time.perf_counter() - began))

    async def plan(self, message: Message) -> tuple[Message, Route | Refuse]:
        """The message as it would go on and its route, plugins asked as they would be; nothing is sent or counted."""
        with self.plugins.hooks(message.operation) as hooks:
            return await self._plan(message, hooks, self.validator.judge(message).refusal)

    async def _plan(
        self, message: Message, hooks: OperationHooks, refusal: Refuse | None
    ) -> tuple[Message, Route | Refuse]:
        """The message as plugins want it, and its route, with what was seen before looked up where it is open."""
        if refusal is not None:
            return message, refusal
        if hooks.receivers:
            received = await hooks.receive(message)
            if isinstance(received, Refuse):
                return message, received
            message = received
        if message.operation.alone:
            message = await self.ways.bridging.whole(message)
        found = await self.ways.memory.find(message) if message.receiver is None else ()
        route = decide(message, found)
        return message, await hooks.route(message, route) if hooks.routers else route

    def _carried_out(self, message: Message, route: Route | Refuse, hooks: OperationHooks) -> Awaitable[Reply]:
        """What brings the reply. Most messages go to one party: they pay for no step more than that."""
        if route.way is Way.DIRECT and isinstance(route, Route):
            return self.ways.deliverer.deliver(message, route.destinations[0], hooks)
        return self._otherwise(message, route, hooks)

    async def _otherwise(self, message: Message, route: Route | Refuse, hooks: OperationHooks) -> Reply:
        if isinstance(route, Refuse):
            return self._answer(message, 200, route.code, route.reason)
        match route.way:
            case Way.BROADCAST:
                return await self._broadcast(message, route, hooks)
            case Way.ASK:
                return await ask(self.ways.deliverer, message, route, hooks, self.ways.ask_seconds)
            case Way.COLLECT:
                return self._page(message, await self.ways.collector.page(message, route, hooks))
            case Way.MIRROR:
                return await self._mirrored(message)
            case Way.LOCAL:
                await self.ways.results.take(message)
                return self._answer(message, 200, 1000, "Success")
            case _:
                return await self.ways.deliverer.deliver(message, route.to, hooks)

    async def _broadcast(self, message: Message, route: Route, hooks: OperationHooks) -> Reply:
        """The mirror has it before the sender is answered; the deliveries go on after that."""
        created = await self.ways.broadcaster.begin(message, route, hooks, self.ways.mirror.apply)
        return self._answer(message, 201 if created else 200, 1000, "Success")

    async def _mirrored(self, message: Message) -> Reply:
        if message.operation.is_list:
            held, total, query = await self.ways.mirror.page(message)
            rows = await self.ways.bridging.held(message, held)
            return self._page(message, Page(rows=tuple(rows), total=total, query=query))
        rows = await self.ways.bridging.held(message, [await self.ways.mirror.object(message)])
        if not rows:
            raise NotInThatVersion(f"OCPI {message.version} has no words for this object")
        return self._data(rows[0])

    def _page(self, message: Message, page: Page) -> Reply:
        path = endpoint_path(message.version, message.interface, message.module)
        url = f"{self.ways.root}/{path}{''.join(f'{each}/' for each in message.segments)}"
        return self._data(list(page.rows), paging(page.query, page.total, url))

    def _data(self, data: object, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
        return Reply(status=200, body=envelope.encode(self._clock(), data=data), ocpi_status=1000, headers=headers)

    def _answer(
        self, message: Message, status: int, code: int, reason: str, headers: tuple[tuple[str, str], ...] = ()
    ) -> Reply:
        if code >= _HUB_ERRORS and message.version in WITHOUT_INTERFACES:
            code = _SERVER_ERROR  # OCPI 2.1.1 has no codes for what happens in a hub
        body = envelope.encode(self._clock(), code, reason)
        return Reply(status=status, body=body, ocpi_status=code, headers=headers)
