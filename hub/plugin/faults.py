"""The faults of one plugin: counted, told to the log and the bus, and after too many in a row the end of it."""

from collections import Counter
from pathlib import Path

import structlog

from hub.events import Bus, PluginFault, PluginSetAside
from hub.plugin.contain import Fault, Kind

log = structlog.get_logger()

HELD_UP = 3
"""So often may a plugin hold up the whole hub, whatever it does right in between."""


class Faults:
    """`aside` says that the plugin failed too often: it is not called until it is reloaded or reset.

    `in_a_row` counts the faults of each hook that it has not made good for yet.
    """

    def __init__(self, path: Path, bus: Bus, limit: int) -> None:
        self.total = 0
        self.last = ""
        self.aside = False
        self.in_a_row: Counter[str] = Counter()
        self._path = path
        self._bus = bus
        self._limit = limit
        self._held_up = 0

    def succeeded(self, hook: str) -> None:
        """The hook did what it should: what it did wrong before is forgiven."""
        self.in_a_row.pop(hook, None)

    def failed(self, hook: str, fault: Fault) -> None:
        """Count a fault; the one that reaches the limit sets the plugin aside."""
        self.noted(hook, fault)
        self.in_a_row[hook] += 1
        if self.in_a_row[hook] >= self._limit:
            self._set_aside(hook, self._limit)

    def held_up(self, at: str, seconds: float) -> None:
        """Count that the hub stood still for it, as the watchdog tells; what it is told of this itself is no other."""
        self._count("", "slow", f"held up the whole hub for {seconds:.1f} s", at)
        self._held_up += 1
        if self._held_up >= HELD_UP:
            self._set_aside("", HELD_UP)

    def noted(self, hook: str, fault: Fault) -> None:
        """Count a fault of what only the operator calls: no message suffers by it, so it sets nothing aside."""
        at = f"{self._path.name}:{fault.line}" if fault.line else ""
        self._count(hook, fault.kind, fault.error, at, fault.__cause__)

    def _count(self, hook: str, kind: Kind, error: str, at: str, cause: BaseException | None = None) -> None:
        plugin = self._path.stem
        self.total += 1
        self.last = f"{hook} {kind}: {error}".strip()
        log.warning("plugin_fault", plugin=plugin, hook=hook, kind=kind, error=error, at=at, exc_info=cause)
        self._bus.publish(PluginFault(plugin=plugin, hook=hook, kind=kind, error=error, at=at))

    def _set_aside(self, hook: str, faults: int) -> None:
        if not self.aside:
            plugin = self._path.stem
            self.aside = True
            log.error("plugin_set_aside", plugin=plugin, hook=hook, faults=faults, until="its file changes")
            self._bus.publish(PluginSetAside(plugin=plugin, hook=hook, faults=faults))

    def reset(self) -> None:
        """Call the plugin again, as if it had not failed."""
        self.aside = False
        self.in_a_row.clear()
        self._held_up = 0
