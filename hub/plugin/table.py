"""The hooks in force, compiled per operation: an immutable table that a message pins for its whole way.

An operation that no plugin has a hook for costs one look-up.
"""

import asyncio
import datetime
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import msgspec

from hub.core.message import Message, Reply
from hub.core.modules import Operation
from hub.core.rights import check_owner
from hub.core.route import Refuse, Route
from hub.errors import OcpiError
from hub.ocpi import envelope
from hub.plugin.api import Outgoing, Push, Registration
from hub.plugin.hooks import ADMIT, FORWARD, ON_PUSH, RECEIVE, RESPOND, ROUTE, Kind
from hub.plugin.running import BoundHook, Running


class Pins:
    """How many messages still use a table. What it refers to is stopped when there are none.

    `users` is how many, `idle` is set when there is none; it is None as long as nobody has waited for that.
    """

    __slots__ = ("idle", "users")

    def __init__(self) -> None:
        self.users = 0
        self.idle: asyncio.Event | None = None

    def __enter__(self) -> Self:
        self.users += 1
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.users -= 1
        if self.idle is not None and not self.users:
            self.idle.set()

    async def wait_idle(self) -> None:
        """Wait until no message uses the table any more."""
        while self.users:
            self.idle = self.idle or asyncio.Event()
            self.idle.clear()
            await self.idle.wait()


class OperationHooks:
    """The hooks for one operation. `with table.hooks(operation) as hooks:` keeps their plugins from being stopped.

    Each tuple is empty where no plugin has a hook: the matching method then has nothing to do and may be left out.
    """

    __slots__ = ("_pins", "forwarders", "observers", "quick", "receivers", "responders", "routers")

    def __init__(self, pins: Pins, running: Iterable[Running] = (), operation: Operation | None = None) -> None:
        plugins = tuple(running)

        def mine(kind: Kind) -> tuple[BoundHook, ...]:
            return tuple(
                hook for each in plugins for hook in each.hooks if hook.kind is kind and operation in hook.operations
            )

        self._pins = pins
        self.receivers = mine(RECEIVE)
        self.routers = mine(ROUTE)
        self.forwarders = mine(FORWARD)
        self.responders = mine(RESPOND)
        observing = {hook.plugin for hook in mine(ON_PUSH)}
        self.observers = tuple(each.queue for each in plugins if each.queue and each.loaded.stem in observing)
        # Whether the hooks look at routes alone, and answer without waiting for anything.
        others = self.receivers or self.forwarders or self.responders
        self.quick = not others and not any(hook.waits for hook in self.routers)

    def __enter__(self) -> Self:
        self._pins.users += 1
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pins = self._pins
        pins.users -= 1
        if pins.idle is not None and not pins.users:
            pins.idle.set()

    async def receive(self, message: Message) -> Message | Refuse:
        """Show a message to the receive hooks, each what the one before made of it. The first Refuse ends it."""
        for hook in self.receivers:
            answer = await hook.ask(message)
            if isinstance(answer, Refuse):
                return _refused(hook, answer)
            message = answer or message
        return message

    async def route(self, message: Message, proposed: Route | Refuse) -> Route | Refuse:
        """Show a route to the route hooks, each what the one before made of it. A hook's Refuse is the last word.

        So is the hub's own, where it refuses because the sender does not own the object.
        """
        if self.routers and isinstance(proposed, Refuse) and not _owns(message):
            return proposed
        for hook in self.routers:
            answer = await hook.ask(message, proposed)
            if isinstance(answer, Refuse) and answer is not proposed:
                return _refused(hook, answer, proposed.trail)
            if isinstance(answer, Route) and answer is not proposed:
                trail = (*proposed.trail, f"plugin {hook.plugin}: {answer.why}")
                proposed = msgspec.structs.replace(answer, trail=trail)
        return proposed

    def route_at_once(self, message: Message, proposed: Route) -> Route | Refuse:
        """As `route`, where the hooks are `quick`."""
        if not self.routers:
            return proposed
        try:
            self.route(message, proposed).send(None)
        except StopIteration as answer:
            chosen: Route | Refuse = answer.value
            return chosen
        raise RuntimeError("a hook waits that was said not to")

    async def forward(self, message: Message, outgoing: Outgoing) -> Outgoing | Refuse:
        """Show what is about to be sent to one destination to the forward hooks. The first Refuse ends it."""
        for hook in self.forwarders:
            answer = await hook.ask(message, outgoing)
            if isinstance(answer, Refuse):
                return _refused(hook, answer)
            outgoing = answer or outgoing
        return outgoing

    async def respond(self, message: Message, reply: Reply) -> Reply:
        """Show an answer to the respond hooks. Where one fails that must not be skipped, the answer becomes a 4000."""
        for hook in self.responders:
            answer = await hook.ask(message, reply)
            if isinstance(answer, Refuse):
                now = envelope.date_time(datetime.datetime.now(datetime.UTC))
                return Reply(status=200, body=envelope.encode(now, answer.code, answer.reason), ocpi_status=answer.code)
            reply = answer or reply
        return reply

    def pushed(self, push: Push) -> None:
        """Queue a push for the plugins that observe it. Never waits, never raises."""
        for queue in self.observers:
            queue.offer(push)


class HookTable:
    """All hooks of the plugins that run, in their order. `none` is for operations that are not in `hooks`."""

    def __init__(self, running: Iterable[Running]) -> None:
        self.running = tuple(sorted(running, key=lambda each: (each.loaded.order, each.loaded.stem)))
        self.pins = Pins()
        self.admitters = tuple(hook for each in self.running for hook in each.hooks if hook.kind is ADMIT)
        used = {row for each in self.running for hook in each.hooks for row in hook.operations}
        self.none = OperationHooks(self.pins)
        self.hooks = {row: OperationHooks(self.pins, self.running, row) for row in used}

    async def admit(self, registration: Registration) -> Refuse | None:
        """Ask every admit hook; the first Refuse counts."""
        with self.pins:
            for hook in self.admitters:
                answer = await hook.ask(registration)
                if isinstance(answer, Refuse):
                    return _refused(hook, answer)
        return None


def _owns(message: Message) -> bool:
    try:
        check_owner(message.owner, message.sender, message.platform)
    except OcpiError:
        return False
    return True


def _refused(hook: BoundHook, refusal: Refuse, trail: tuple[str, ...] = ()) -> Refuse:
    return msgspec.structs.replace(refusal, trail=(*trail, f"plugin {hook.plugin}: {refusal.reason}"))
