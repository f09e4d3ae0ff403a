"""The faults of one plugin: counted, told to the log and the bus, and after too many in a row the end of it."""

from collections import Counter
from pathlib import Path

import structlog

from hub.events import Bus, PluginFault, PluginSetAside
from hub.plugin.contain import Fault

log = structlog.get_logger()


class Faults:
    """`aside` says that the plugin failed too often: it is not called until it is reloaded or reset."""

    def __init__(self, path: Path, bus: Bus, limit: int) -> None:
        self.total = 0
        self.last = ""
        self.aside = False
        self._path = path
        self._bus = bus
        self._limit = limit
        self._in_a_row: Counter[str] = Counter()

    def succeeded(self, hook: str) -> None:
        """The hook did what it should: what it did wrong before is forgiven."""
        self._in_a_row.pop(hook, None)

    def failed(self, hook: str, fault: Fault) -> None:
        """Count a fault; the one that reaches the limit sets the plugin aside."""
        self.noted(hook, fault)
        self._in_a_row[hook] += 1
        if not self.aside and self._in_a_row[hook] >= self._limit:
            plugin = self._path.stem
            self.aside = True
            log.error("plugin_set_aside", plugin=plugin, hook=hook, faults=self._limit, until="its file changes")
            self._bus.publish(PluginSetAside(plugin=plugin, hook=hook, faults=self._limit))

    def noted(self, hook: str, fault: Fault) -> None:
        """Count a fault of what only the operator calls: no message suffers by it, so it sets nothing aside."""
        plugin, at = self._path.stem, f"{self._path.name}:{fault.line}" if fault.line else ""
        self.total += 1
        self.last = f"{hook} {fault.kind}: {fault.error}"
        log.warning(
            "plugin_fault",
            plugin=plugin,
            hook=hook,
            kind=fault.kind,
            error=fault.error,
            at=at,
            exc_info=fault.__cause__,
        )
        self._bus.publish(PluginFault(plugin=plugin, hook=hook, kind=fault.kind, error=fault.error, at=at))

    def reset(self) -> None:
        """Call the plugin again, as if it had not failed."""
        self.aside = False
        self._in_a_row.clear()
