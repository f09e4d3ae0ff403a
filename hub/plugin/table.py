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
    """How many messages still use a table. What it refers to is stopped when there are none."""

    def __init__(self) -> None:
        self._users = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def __enter__(self) -> Self:
        self._users += 1
        self._idle.clear()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._users -= 1
        if not self._users:
            self._idle.set()

    @property
    def idle(self) -> bool:
        return not self._users

    async def wait_idle(self) -> None:
        """Wait until no message uses the table any more."""
        await self._idle.wait()


class OperationHooks:
    """The hooks for one operation. `with table.hooks(operation) as hooks:` keeps their plugins from being stopped.

    Each tuple is empty where no plugin has a hook: the matching method then has nothing to do and may be left out.
    """

    __slots__ = ("_pins", "forwarders", "observers", "receivers", "responders", "routers")

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

    def __enter__(self) -> Self:
        self._pins.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pins.__exit__(kind, error, at)

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
    """All hooks of the plugins that run, in their order."""

    def __init__(self, running: Iterable[Running]) -> None:
        self.running = tuple(sorted(running, key=lambda each: (each.loaded.order, each.loaded.stem)))
        self.pins = Pins()
        self.admitters = tuple(hook for each in self.running for hook in each.hooks if hook.kind is ADMIT)
        used = {row for each in self.running for hook in each.hooks for row in hook.operations}
        self._none = OperationHooks(self.pins)
        self._hooks = {row: OperationHooks(self.pins, self.running, row) for row in used}

    def hooks(self, operation: Operation) -> OperationHooks:
        """The hooks for an operation."""
        return self._hooks.get(operation, self._none)

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
