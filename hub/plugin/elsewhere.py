"""What other nodes of the hub tell the plugins of this one: that their tables were changed, and what they say.

None of it is waited for: what partners changed must not wait for a plugin.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import structlog

from hub.plugin.contain import Container, Fault

if TYPE_CHECKING:
    from hub.plugin.running import Running
    from hub.plugin.table import HookTable

log = structlog.get_logger()

_CALL = 10.0
"""Seconds of one call."""
_TRIES = 6
_PAUSE = 1.0
"""Seconds until a call that failed is made again; then twice as many."""
_MOST = 1000
"""So much of what is heard may wait."""


class _Called(Protocol):
    """What of a plugin is called."""

    async def changed_elsewhere(self) -> None: ...

    async def heard_from_node(self, body: bytes) -> None: ...


class Elsewhere:
    """Calls one plugin, one call after the other. `failed` is told what it did wrong."""

    def __init__(self, plugin: _Called, container: Container, failed: Callable[[str, Fault], None]) -> None:
        self.dropped = 0
        self._plugin = plugin
        self._container = container
        self._failed = failed
        self._heard: deque[bytes] = deque()
        self._changed = self._reading = self._hearing = False

    def changed(self) -> None:
        """Its tables were changed."""
        self._changed = True
        if not self._reading:
            self._reading = self._begin(self._read(), "changed_elsewhere")

    def hear(self, body: bytes) -> None:
        """It is told something. What is too much is dropped, the oldest first."""
        if len(self._heard) >= _MOST:
            self._heard.popleft()
            self.dropped += 1
        self._heard.append(body)
        if not self._hearing:
            self._hearing = self._begin(self._hand_over(), "heard_from_node")

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> bool:
        self._container.spawn(work, name, lambda _: None)
        return True

    async def _read(self) -> None:
        try:
            tries, pause = 0, _PAUSE
            while self._changed:
                self._changed = False
                if await self._call("changed_elsewhere"):
                    tries, pause = 0, _PAUSE
                elif (tries := tries + 1) < _TRIES:
                    self._changed = True
                    await asyncio.sleep(pause)
                    pause *= 2
        finally:
            self._reading = False

    async def _hand_over(self) -> None:
        try:
            while self._heard:
                await self._call("heard_from_node", self._heard.popleft())
        finally:
            self._hearing = False

    async def _call(self, name: str, *given: Any) -> bool:
        try:
            await self._container.call(getattr(self._plugin, name), *given, seconds=_CALL)
        except Fault as fault:
            self._failed(name, fault)
            return False
        return True


class Others:
    """Brings to the plugins that run what other nodes tell."""

    def __init__(self, current: "Callable[[], HookTable]") -> None:
        self._current = current

    async def changed(self, plugins: Collection[str] | None) -> None:
        """The tables of these plugins were changed; None: perhaps of any."""
        for running in self._running():
            if plugins is None or running.loaded.stem in plugins:
                running.elsewhere.changed()

    def heard(self, told: bytes) -> bool:
        """A plugin said something: its name and that. Whether it runs here, too."""
        stem, body = msgspec.msgpack.decode(told, type=tuple[str, bytes])
        found = [running for running in self._running() if running.loaded.stem == stem]
        for running in found:
            running.elsewhere.hear(body)
        return bool(found)

    def _running(self) -> "list[Running]":
        return [each for each in self._current().running if not each.halted]
