"""Reload: the configuration read again and put in force while the hub runs; all of it, or nothing and a reason."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import structlog

from hub.config import Config, ConfigError
from hub.config.compare import compare
from hub.events import Bus, Reloaded
from hub.plugin.errors import PluginError
from hub.plugin.loader import Loader
from hub.plugin.runner import Runner

log = structlog.get_logger()

Read = Callable[[], Config]
Follower = Callable[[Config], Awaitable[None] | None]
Check = Callable[[Config], list[str]]
Folders = Callable[[Config], list[Path]]


class Reload(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a reload: the keys that changed, those that need a restart, and where it was refused, why.

    With `problems`, everything is as it was.
    """

    changed: tuple[str, ...] = ()
    restart_needed: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class Reloader:
    """Holds the configuration in force. Parts that can change while the hub runs `follow` it."""

    def __init__(self, config: Config, read: Read, loader: Loader, folders: Folders, plugins: Runner, bus: Bus) -> None:
        """`read` reads the configuration anew, `folders` says where a configuration has its plugins."""
        self.config = config
        self._read = read
        self._loader = loader
        self._folders = folders
        self._plugins = plugins
        self._bus = bus
        self._checks: list[Check] = []
        self._followers: list[Follower] = []
        self._running = asyncio.Lock()

    def follow(self, follower: Follower, check: Check | None = None) -> None:
        """Call `follower` with each configuration that comes into force, in the order of these calls.

        It must not fail: what could be wrong with a configuration, `check` tells before. Checks run in a thread.
        """
        self._followers.append(follower)
        if check:
            self._checks.append(check)

    async def reload(self) -> Reload:
        """Read the configuration and put it in force, plugins included. No request waits for it, none is dropped."""
        async with self._running:
            try:
                reload = await self._reload()
            except (ConfigError, PluginError) as error:
                reload = Reload(problems=tuple(error.problems))
        if reload.problems:
            log.error("reload_refused", problems=reload.problems, outcome="everything stays as it was")
        else:
            log.info("reloaded", changed=reload.changed, restart_needed=reload.restart_needed)
        return reload

    async def _reload(self) -> Reload:
        change = compare(self.config, await asyncio.to_thread(self._read))
        config = change.config
        problems = [each for check in self._checks for each in await asyncio.to_thread(check, config)]
        if problems:
            return Reload(problems=tuple(problems))
        await self._plugins.adopt(self._loader.following(config, self._folders(config)))
        self.config = config
        for follower in self._followers:
            waits = follower(config)
            if waits is not None:
                await waits
        self._bus.publish(Reloaded(changed=change.changed))
        return Reload(changed=change.changed, restart_needed=change.restart)
