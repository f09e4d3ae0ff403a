"""A plugin that runs: its instance, its bound hooks, its queue of events, and its background tasks."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import msgspec
import structlog
from aiohttp import web

from hub.core.modules import Operation
from hub.core.route import Refuse
from hub.errors import OcpiError
from hub.events import Bus, Event, Subscription
from hub.plugin.answers import complaint
from hub.plugin.api import Hub, Plugin, Push
from hub.plugin.contain import Container, Fault
from hub.plugin.doors import Doors, Front
from hub.plugin.elsewhere import Elsewhere
from hub.plugin.errors import PluginError, problem
from hub.plugin.faults import HELD_UP, Faults
from hub.plugin.hooks import ADMIT, ON, ON_PUSH
from hub.plugin.inspection import Hook
from hub.plugin.loader import Loaded
from hub.plugin.parts import Alone, Parts
from hub.plugin.serving import Failure, Problem
from hub.plugin.serving import Fault as Words
from hub.plugin.steps import never_waits

log = structlog.get_logger()

START = 10.0
STOP = 5.0
OBSERVE = 30.0
_TURN = 0.005
"""Seconds for which a plugin may handle events before the others have their turn."""
MOST_TASKS = 1000
"""Background tasks of one plugin: more than that are a leak."""
_MEANT = (Problem, OcpiError, web.HTTPException, ConnectionResetError)
"""What a service raises for its caller, or because that one is gone. It is no fault of the plugin."""


class BoundHook:
    """A hook of a running plugin, ready to be asked. `seconds` is the time of all `calls` that were answered.

    `waits`: it may have to be waited for.
    """

    def __init__(self, running: "Running", hook: Hook) -> None:
        loaded = running.loaded
        self.plugin = loaded.stem
        self.kind = hook.kind
        self.operations = hook.operations
        self.name = hook.method
        self.calls = 0
        self.seconds = 0.0
        self.slowest = 0.0
        self._events = hook.events
        self._method = getattr(running.plugin, hook.method)
        self.waits = not never_waits(self._method)
        self._seconds = OBSERVE if hook.kind in {ON, ON_PUSH} else loaded.timeout
        self._container = running.container
        self._faults = running.faults
        refuses = loaded.refuses_admission if hook.kind is ADMIT else loaded.refuses
        without = Refuse(f"plugin {self.plugin} failed and nothing may pass without it", 4000)
        self._without = without if refuses else None

    async def ask(self, *given: Any) -> Any:
        """What the hook answers; where it fails None, or a Refuse when nothing may pass without it."""
        faults = self._faults
        if faults.aside:
            return self._without
        try:
            if self.waits:
                value, seconds, step = await self._container.call(self._method, *given, seconds=self._seconds)
            else:
                value, seconds = self._container.step(self._method, given)
                step = seconds
        except Fault as fault:
            return self._failed(fault)
        self.calls += 1
        self.seconds += seconds
        self.slowest = max(self.slowest, seconds)
        if value is not None and (wrong := complaint(self.kind, given, value)):
            return self._failed(Fault("answered wrong", wrong))
        if step > self._seconds:
            faults.failed(self.name, Fault("slow", f"blocked the hub for {step:.1f} s"))
        elif faults.in_a_row:
            faults.succeeded(self.name)
        return value

    def observes(self, event: Event) -> bool:
        """Whether this hook is to be called for an event."""
        if isinstance(event, Push):
            return self.kind is ON_PUSH and event.message.operation in self.operations
        return isinstance(event, self._events)

    def _failed(self, fault: Fault) -> Refuse | None:
        self._faults.failed(self.name, fault)
        return self._without


class Running:
    """One plugin from its start to its stop."""

    def __init__(self, loaded: Loaded, bus: Bus, quarantine_after: int, doors: Doors, parts: Parts | None) -> None:
        """`parts` is None where there is neither a store nor a client, as in tests of hooks."""
        self.loaded = loaded
        self.container = Container(loaded.path)
        self.faults = Faults(loaded.path, bus, quarantine_after)
        self.hooks: tuple[BoundHook, ...] = ()
        self.queue: Subscription | None = None
        self.halted = False
        self._broken_off = 0
        self._observers: dict[type[Event] | Operation, tuple[BoundHook, ...]] = {}
        self._busy = 0.0
        self.plugin: Plugin
        self.elsewhere: Elsewhere
        self._bus = bus
        self._parts = parts
        self._front = Front(loaded.stem, doors, self._answer)

    async def start(self, hub: Hub) -> None:
        """Make the instance and start it. Raises PluginError where that fails; nothing of it is left then."""
        try:
            await self.container.call(self._begin, hub, seconds=START)
        except BaseException as error:
            await self._front.close()
            await self.container.end(seconds=STOP)
            self.loaded.unload()
            if isinstance(error, Fault):
                reason = f"the plugin does not start: {error}"
                raise PluginError([problem(self.loaded.path, error.line, reason)]) from error
            raise
        self.hooks = tuple(BoundHook(self, hook) for hook in self.loaded.hooks)
        if any(hook.kind in {ON, ON_PUSH} for hook in self.hooks):
            events = tuple(event for hook in self.loaded.hooks for event in hook.events)
            self.queue = self._bus.subscribe(self._observe, *events, name=f"plugin {self.loaded.stem}")

    async def open(self) -> None:
        """Begin what only one version of the plugin can do: the one before has to have stopped. Raises nothing."""
        await self._front.open()
        try:
            await self.container.call(self.plugin.take_over, seconds=START)
        except Fault as fault:
            self.faults.failed("take_over", fault)
        if self.plugin.nodes.several:  # what was changed while the version before was told of it
            self.elsewhere.changed()

    async def serve(self, name: str, *given: Any, seconds: float | None) -> Any:
        """What a method returns that the operator calls. Raises what it raised for the caller; else Problem.

        A fault is counted, but sets nothing aside.
        """
        if self.halted:
            raise Problem(503, f"plugin {self.loaded.stem} is set aside", "mend it, or have it called again")
        try:
            answer = await self.container.call(getattr(self.plugin, name), *given, seconds=seconds)
        except Fault as fault:
            if isinstance(fault.__cause__, _MEANT):
                raise fault.__cause__ from None
            self.faults.noted(name, fault)
            hint = "the reason is in the hub's log"
            raise Problem(504 if fault.kind == "slow" else 500, f"plugin {self.loaded.stem} failed", hint) from fault
        return answer.value

    def blame(self, name: str, wrong: str) -> None:
        """Count that what a method returned is of no use to the operator."""
        self.faults.noted(name, Fault("answered wrong", wrong))

    def broken_off(self) -> None:
        """Its code held up the hub, and was broken off. Once too often, and nothing of it runs any more."""
        self._broken_off += 1
        if self._broken_off >= HELD_UP:
            self.container.kill()

    async def halt(self) -> None:
        """Run nothing of it any more, as it holds up the hub. It has to be loaded anew after that."""
        self.halted = True
        self.container.kill()
        await self._front.close()
        await self.container.end(seconds=STOP)

    async def stop(self) -> None:
        """Let the queue run empty, end the background tasks, and stop the instance. Never raises a fault."""
        await self._front.close()
        if self.queue:
            await self._bus.unsubscribe(self.queue, drain=STOP)
        left = await self.container.end(seconds=STOP)
        if not left and not self.halted:
            try:
                await self.container.call(self.plugin.stop, seconds=STOP)
            except Fault as fault:
                self.faults.failed("stop", fault)
            left = await self.container.end(seconds=STOP)
        if left:
            log.warning("plugin_tasks_left", plugin=self.loaded.stem, tasks=left)
        self.loaded.unload()

    async def _begin(self, hub: Hub) -> None:
        self.plugin = self.loaded.plugin()
        self.elsewhere = Elsewhere(self.plugin, self.container, self.faults.noted)
        self.plugin.settings = self.loaded.settings
        self.plugin.log = structlog.get_logger().bind(plugin=self.loaded.stem)
        self.plugin.hub = hub
        self.plugin.spawn = self._spawn
        self.plugin.listen = self._front.listen
        self.plugin.folder = self.loaded.folder
        self.plugin.nodes = self._parts.nodes(self.loaded.stem) if self._parts else Alone()
        if self._parts:
            self.plugin.http = self._parts.http(self.loaded.stem)
            if self.plugin.tables is not None:
                self.plugin.store = await self._parts.store(self.loaded.stem, self.plugin.tables)
        await self.plugin.start()

    def _spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        if self.halted or self.container.running >= MOST_TASKS:
            work.close()
            raise RuntimeError(f"a plugin has {MOST_TASKS} background tasks at most, and none when it is set aside")
        self.container.spawn(work, name, partial(self._ended, name))

    def _ended(self, name: str, fault: Fault | None) -> None:
        if fault:
            self.faults.failed(name, fault)
        else:
            self.faults.succeeded(name)

    async def _answer(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]], request: web.Request
    ) -> web.StreamResponse:
        """What a handler of the plugin's own port answers."""
        try:
            answer = await self.container.call(handler, request, seconds=None)
        except Fault as fault:
            if isinstance(fault.__cause__, _MEANT):
                raise fault.__cause__ from None
            self.faults.noted(f"{request.method} on its port", fault)
            body = msgspec.json.encode(Failure(Words("the server failed", "")))
            raise web.HTTPInternalServerError(body=body, content_type="application/json") from None
        return answer.value  # type: ignore[no-any-return]

    async def _observe(self, event: Event) -> None:
        what = event.message.operation if isinstance(event, Push) else type(event)
        hooks = self._observers.get(what)
        if hooks is None:
            hooks = self._observers[what] = tuple(hook for hook in self.hooks if hook.observes(event))
        began = time.monotonic()
        for hook in hooks:
            await hook.ask(event)
        self._busy += time.monotonic() - began
        if self._busy > _TURN:
            self._busy = 0.0
            await asyncio.sleep(0)
