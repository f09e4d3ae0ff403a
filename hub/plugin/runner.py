"""Starts the plugins, swaps in what changed while the hub runs, and stops them."""

import asyncio
import contextlib
import gc
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, Protocol

import structlog

from hub.background import background
from hub.core.modules import Catalogue, Operation
from hub.core.route import Refuse
from hub.events import Bus, PluginChanged
from hub.plugin.api import Hub, Registration
from hub.plugin.aside import in_thread
from hub.plugin.doors import Doors
from hub.plugin.elsewhere import Others
from hub.plugin.errors import PluginError, likely, problem
from hub.plugin.loader import Loaded, Loader, Source
from hub.plugin.parts import Parts
from hub.plugin.party.offer import Offer
from hub.plugin.reception import Reception
from hub.plugin.running import Running
from hub.plugin.status import HookTiming, PluginStatus
from hub.plugin.table import HookTable, OperationHooks
from hub.plugin.watchdog import Watchdog

log = structlog.get_logger()

QUARANTINE_AFTER = 5
POLL = 1.0
LOAD = 10.0
"""Seconds in which a file has to be loaded while the hub runs."""
SPARE = 5.0
SWEEP = 1.0
"""Seconds after a plugin is gone until its code is looked for, which takes some hundredths of a second."""


class Host(Protocol):
    """Who gives plugins that are parties a place in the network."""

    def clash(self, stem: str, offer: Offer) -> str | None:
        """Why a party can not be had; None where it can."""

    async def begin(self, running: Mapping[str, Running]) -> None:
        """These are all parties there are, by plugin. Raises PluginError with all that can not be had."""

    async def changed(self, stem: str, running: Running | None) -> None:
        """A plugin is a party from now on, in the place of what it was before; None: it is none any more."""


class Runner:
    """The plugins of a hub. The pipeline takes `hooks(operation)`, the registration takes `admit`."""

    def __init__(
        self, loader: Loader, bus: Bus, *, quarantine_after: int = QUARANTINE_AFTER, poll: float = POLL
    ) -> None:
        """`quarantine_after` faults of one hook in a row set a plugin aside; `poll` is seconds between two looks."""
        self.table = HookTable(())
        self.reception = Reception(lambda: self.table)
        self.others = Others(lambda: self.table)
        self._loader = loader
        self._bus = bus
        self._quarantine_after = quarantine_after
        self._poll = poll
        self._loaded: list[Loaded] = []
        self._running: dict[str, Running] = {}
        self._files: dict[str, Path] = {}
        self._digests: dict[str, bytes] = {}
        self._problems: dict[str, str] = {}
        self._doubles: list[str] = []
        self._used: list[HookTable] = []
        self._retiring: set[asyncio.Task[None]] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._refreshing = asyncio.Lock()
        self._watcher: asyncio.Task[None] | None = None
        self._watchdog = Watchdog(self._held_up, self._broken_off)
        self._doors = Doors(loader.config)
        self._changing: dict[str, asyncio.Task[None]] = {}
        self._parts: Parts | None = None
        self._hub: Hub
        self._host: Host | None = None

    def hooks(self, operation: Operation) -> OperationHooks:
        """The hooks now in force for an operation; enter them (`with`) for as long as the message is under way."""
        table = self.table
        return table.hooks.get(operation, table.none)

    async def admit(self, registration: Registration) -> Refuse | None:
        """Whether a plugin refuses this registration."""
        return await self.table.admit(registration)

    async def load(self) -> Catalogue:
        """Load all plugins. The hub is wired with the catalogue that this returns: plugins add modules to it.

        Raises PluginError with all that is wrong with any of them.
        """
        self._loaded = await asyncio.to_thread(self._loader.load_all)
        return self._loader.catalogue

    async def start(self, hub: Hub, parts: Parts | None = None, host: Host | None = None) -> None:
        """Start what was loaded, and watch the files from then on. Raises PluginError where one can not.

        Without a `host`, plugins that are parties are none.
        """
        self._hub, self._parts, self._host = hub, parts, host
        loaded, self._loaded = self._loaded, []
        self._files, _ = self._loader.scan()
        problems: list[str] = []
        for each in sorted(loaded, key=lambda one: (one.order, one.stem)):
            self._digests[each.stem] = each.digest
            try:
                if begun := await self._begin(each):
                    self._running[each.stem] = begun
            except PluginError as error:
                problems += error.problems
        self._swap()
        if host and not problems:
            try:
                await host.begin({stem: each for stem, each in self._running.items() if each.loaded.offer})
            except PluginError as error:
                problems += error.problems
        if problems:
            await self.stop()
            raise PluginError(problems)
        for stem, running in self._running.items():
            await running.open()
            self._tell(stem, "started")
        self._watcher = background(self._watch(), "plugins: watch")
        self._watchdog.start()

    async def stop(self) -> None:
        """Stop watching, and stop every plugin. The hub has to have ended its messages before."""
        if self._watcher:
            self._watcher.cancel()
            await asyncio.wait({self._watcher})
        await self.settle()
        if self._sweep:
            self._sweep.cancel()
        for each in self._loaded:
            each.unload()
        running, self._running = tuple(self._running.values()), {}
        self._swap()
        await asyncio.gather(*(each.stop() for each in running))
        self._watchdog.stop()

    async def settle(self) -> None:
        """Wait until what was replaced has stopped."""
        if self._retiring:
            await asyncio.wait(self._retiring)

    async def refresh(self) -> None:
        """Look once for files that are new, changed or gone. The watcher does this every `poll` seconds."""
        async with self._refreshing:
            self._files, doubles = await asyncio.to_thread(self._loader.scan)
            for double in set(doubles) - set(self._doubles):
                log.error("plugin_rejected", problem=double)
            self._doubles = doubles
            for stem in [stem for stem in self._digests if stem not in self._files]:
                del self._digests[stem]
                self._problems.pop(stem, None)
                await self._replace(stem, None)
            for stem, path in self._files.items():
                await self._consider(stem, path)

    async def adopt(self, loader: Loader) -> None:
        """Take over other settings, changed files, and what was set aside: all of it, or PluginError and nothing."""
        async with self._refreshing:
            files, loaded = await in_thread(LOAD, self._load_changed, loader)
            started = await self._begin_all(loaded)
            self._loader, self._files, self._doubles = loader, files, []
            for stem in [stem for stem in self._digests if stem not in files]:
                del self._digests[stem]
                await self._replace(stem, None)
            self._problems.clear()
            for stem, (digest, running) in started.items():
                self._digests[stem] = digest
                await self._replace(stem, running)
            for each in self._running.values():
                if not each.halted:
                    each.faults.reset()

    async def reset(self, name: str) -> None:
        """Call a plugin again that was set aside. Raises LookupError where none of this name runs.

        One that held up the hub was ended: it is loaded and started anew.
        """
        if name not in self._running:
            raise LookupError(f"no plugin {name!r} is running{likely(name, self._running)}")
        running = self._running[name]
        if running.halted:
            self._digests.pop(name, None)  # so that its file looks like a changed one
            await self.refresh()
        else:
            running.faults.reset()

    def digests(self) -> dict[str, bytes]:
        """Of each plugin the digest of its files, as they were read last."""
        return dict(self._digests)

    def status(self) -> list[PluginStatus]:
        """Every plugin there is a file for, by name."""
        return [self._status(stem, str(path)) for stem, path in sorted(self._files.items())]

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._poll)
            try:
                await self.refresh()
            except OSError as error:
                log.warning("plugins_unreadable", error=str(error))

    async def _consider(self, stem: str, path: Path) -> None:
        """Put a new or changed file in the place of the plugin that runs, if it starts; else all stays as it is."""
        try:
            source = await asyncio.to_thread(self._loader.read, path)
            if self._digests.get(stem) == source.digest:
                return
            self._digests[stem] = source.digest
            loaded = await in_thread(LOAD, self._loader.load, source)
            running = await self._begin(loaded) if loaded else None
        except PluginError as error:
            self._reject(stem, str(error))
        else:
            self._problems.pop(stem, None)
            await self._replace(stem, running)

    def _load_changed(self, loader: Loader) -> tuple[dict[str, Path], dict[str, tuple[bytes, Loaded | None]]]:
        """The files there are, and what is to be started of them: what is not as it was, or does not run as it should.

        Runs in a thread. Raises PluginError with all that is wrong.
        """
        files, problems = loader.scan()
        problems += loader.lost_tables(files)
        loaded: dict[str, tuple[bytes, Loaded | None]] = {}
        for stem, path in files.items():
            try:
                source = loader.read(path)
                if not self._is_as_it_was(stem, source, loader):
                    loaded[stem] = source.digest, loader.load(source)
            except PluginError as error:
                problems += error.problems
        if problems:
            _unload(each for _, each in loaded.values())
            raise PluginError(problems)
        return files, loaded

    def _is_as_it_was(self, stem: str, source: Source, loader: Loader) -> bool:
        before, after = (each.config.plugins.get(stem, {}) for each in (self._loader, loader))
        halted = stem in self._running and self._running[stem].halted
        same = self._digests.get(stem) == source.digest and before == after
        return same and stem not in self._problems and not halted

    async def _begin_all(
        self, loaded: dict[str, tuple[bytes, Loaded | None]]
    ) -> dict[str, tuple[bytes, Running | None]]:
        """Start all, or none: PluginError, and those that started are stopped again."""
        started: dict[str, tuple[bytes, Running | None]] = {}
        try:
            for stem, (digest, each) in loaded.items():
                started[stem] = digest, await self._begin(each) if each else None
        except PluginError:
            await asyncio.gather(*(running.stop() for _, running in started.values() if running))
            _unload(each for stem, (_, each) in loaded.items() if stem not in started)
            raise
        return started

    async def _begin(self, loaded: Loaded) -> Running | None:
        if not loaded.enabled:
            loaded.unload()
            return None
        if reason := self._clash(loaded):
            loaded.unload()
            raise PluginError([problem(loaded.path, None, reason)])
        running = Running(loaded, self._bus, self._quarantine_after, self._doors, self._parts)
        await running.start(self._hub)
        return running

    def _held_up(self, stem: str, at: str, seconds: float) -> None:
        """A plugin held up the loop. One that has done so too often is not only called no more: all of it ends."""
        running = self._running.get(stem)
        if running is None:
            return  # it was about to start, or to stop
        running.faults.held_up(at, seconds)
        if running.faults.aside and not running.halted:
            task = asyncio.create_task(running.halt(), name=f"plugins: halt {stem}")
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    def _broken_off(self, stem: str) -> None:
        """Others may be about to call the same code, before anybody can be told."""
        if running := self._running.get(stem):
            running.broken_off()

    def _reject(self, stem: str, problem: str) -> None:
        if self._problems.get(stem) == problem:
            return
        self._problems[stem] = problem
        stays = "the one before goes on" if stem in self._running else "it does not run"
        log.error("plugin_rejected", plugin=stem, problem=problem, outcome=stays)
        self._bus.publish(PluginChanged(plugin=stem, change="rejected", detail=problem))

    def _clash(self, loaded: Loaded) -> str | None:
        """Why a plugin can not be the party that it wants to be."""
        if loaded.offer is None or self._host is None:
            return None
        for each in (other.loaded for other in self._running.values()):
            if each.stem != loaded.stem and each.offer and each.offer.party == loaded.offer.party:
                return f"{each.path} is {loaded.offer.party} already; a party can be in one plugin only"
        return self._host.clash(loaded.stem, loaded.offer)

    async def _replace(self, stem: str, new: Running | None) -> None:
        old = self._running.pop(stem, None)
        if new:
            self._running[stem] = new
        self._swap()
        if self._host and any(each.loaded.offer for each in (old, new) if each):
            await self._host.changed(stem, new if new and new.loaded.offer else None)
        if old or new:
            # One after the other: of two changes in a row, the later must not open what the earlier still uses.
            before = self._changing.get(stem)
            task = asyncio.create_task(self._hand_over(before, old, new), name=f"plugins: change {stem}")
            self._changing[stem] = task
            self._retiring.add(task)
            task.add_done_callback(self._retired)
            self._tell(stem, "reloaded" if old and new else "started" if new else "stopped")

    def _retired(self, task: asyncio.Task[None]) -> None:
        """A module refers to itself: what is left of it would stay for minutes, and be megabytes after some changes."""
        self._retiring.discard(task)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(SWEEP, self._collect)

    def _collect(self) -> None:
        self._sweep = None
        gc.collect()

    def _swap(self) -> None:
        """One assignment: a message that is under way keeps the table it began with."""
        self._used = [table for table in (*self._used, self.table) if table.pins.users]
        self.table = HookTable(self._running.values())

    async def _hand_over(self, before: asyncio.Task[None] | None, old: Running | None, new: Running | None) -> None:
        if before:
            await asyncio.wait({before})
        if old:
            await self._retire(old)
        if new:
            await new.open()

    async def _retire(self, old: Running) -> None:
        """Stop a plugin when no message can call it any more, or after the longest that a message may take."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._loader.config.limits.timeout + SPARE):
                for table in [table for table in self._used if old in table.running]:
                    await table.pins.wait_idle()
        await old.stop()

    def _tell(self, stem: str, change: Literal["started", "reloaded", "stopped"]) -> None:
        log.info("plugin_changed", plugin=stem, change=change)
        self._bus.publish(PluginChanged(plugin=stem, change=change))

    def _status(self, stem: str, file: str) -> PluginStatus:
        rejected = self._problems.get(stem, "")
        running = self._running.get(stem)
        if running is None:
            return PluginStatus(name=stem, file=file, state="rejected" if rejected else "disabled", problem=rejected)
        return PluginStatus(
            name=stem,
            file=file,
            state="set aside" if running.faults.aside else "running",
            order=running.loaded.order,
            hooks=tuple(" ".join((hook.kind.name, *hook.targets)) for hook in running.loaded.hooks),
            faults=running.faults.total,
            last_fault=running.faults.last,
            dropped=running.queue.dropped if running.queue else 0,
            timings=tuple(
                HookTiming(hook=each.name, calls=each.calls, seconds=each.seconds, slowest=each.slowest)
                for each in running.hooks
            ),
            problem=rejected,
            party=str(running.loaded.offer.party) if running.loaded.offer else "",
            tasks=running.container.running,
        )


def _unload(loaded: Iterable[Loaded | None]) -> None:
    for each in loaded:
        if each:
            each.unload()
