"""The way of a message through the hub, as one function that reads from top to bottom."""

import time
from collections.abc import Callable

from hub.core.message import Message, Reply
from hub.core.route import Refuse, Route, decide
from hub.errors import OcpiError
from hub.events import Bus, Handled
from hub.flow.delivery import Deliverer
from hub.ocpi import envelope
from hub.plugin.api import Push
from hub.plugin.runner import Runner
from hub.plugin.table import OperationHooks


class Pipeline:
    """Handles messages. `clock` gives the time of an answer as OCPI writes it."""

    def __init__(self, plugins: Runner, deliverer: Deliverer, bus: Bus, clock: Callable[[], str]) -> None:
        self._plugins = plugins
        self._deliverer = deliverer
        self._bus = bus
        self._clock = clock

    async def handle(self, message: Message) -> Reply:
        """Route a message and bring back its answer. Never raises OcpiError: a refusal is an answer, too."""
        began = time.perf_counter()
        with self._plugins.hooks(message.operation) as hooks:
            received = await hooks.receive(message) if hooks.receivers else message
            message = message if isinstance(received, Refuse) else received
            route = received if isinstance(received, Refuse) else decide(message)
            if hooks.routers and not isinstance(received, Refuse):
                route = await hooks.route(message, route)
            reply = await self._deliver(message, route, hooks)
            if hooks.responders:
                reply = await hooks.respond(message, reply)
        if message.is_push and hooks.observers:
            hooks.pushed(Push(message=message, route=route, reply=reply))
        if self._bus.wants(Handled):
            self._bus.publish(Handled(message=message, route=route, reply=reply, seconds=time.perf_counter() - began))
        return reply

    async def _deliver(self, message: Message, route: Route | Refuse, hooks: OperationHooks) -> Reply:
        if isinstance(route, Refuse):
            return self._answer(200, route.code, route.reason)
        try:
            return await self._deliverer.deliver(message, route.to, hooks)
        except OcpiError as error:
            return self._answer(error.http, error.code, error.message)

    def _answer(self, status: int, code: int, reason: str) -> Reply:
        return Reply(status=status, body=envelope.encode(self._clock(), code, reason), ocpi_status=code)
