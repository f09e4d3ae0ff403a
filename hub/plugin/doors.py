"""The ports that plugins listen on. One stays open from one version of a plugin to the next: nobody is refused."""

import logging
import socket
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

DRAIN = 5.0
"""Seconds that requests under way get when a plugin stops."""
_BACKLOG = 128
_QUIET = logging.getLogger("hub.plugin.http")

Key = tuple[str, str, int]
Guarded = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]], web.Request], Awaitable[web.StreamResponse]]


class _Door(msgspec.Struct):
    """An open port, and how many versions of the plugin use it."""

    listener: socket.socket
    users: int = 0


class Doors:
    """Every open port, by plugin, host and port."""

    def __init__(self) -> None:
        self._open: dict[Key, _Door] = {}

    def take(self, key: Key) -> socket.socket:
        """The listening socket, opened where it is not open yet. OSError where the address can not be had."""
        door = self._open.get(key)
        if door is None:
            door = self._open[key] = _Door(_listener(*key[1:]))
        door.users += 1
        return door.listener

    def leave(self, key: Key) -> None:
        """A version of a plugin needs the port no longer."""
        door = self._open[key]
        door.users -= 1
        if not door.users:
            del self._open[key]
            door.listener.close()


class Front:
    """What one version of a plugin serves. `guarded` calls a handler so that nothing of it reaches the hub."""

    def __init__(self, plugin: str, doors: Doors, guarded: Guarded) -> None:
        self._plugin = plugin
        self._doors = doors
        self._guarded = guarded
        self._wanted: dict[Key, web.Application] = {}
        self._runners: list[web.AppRunner] = []
        self._closed = False

    def listen(self, application: web.Application, *, host: str, port: int) -> str:
        """See `hub.plugin.parts.Listen`."""
        key = (self._plugin, host, port)
        if key in self._wanted:
            raise OSError(f"this plugin listens on {host} port {port} twice")
        listener = self._doors.take(key)
        self._wanted[key] = application
        guarded = self._guarded

        @web.middleware
        async def careful(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            return await guarded(handler, request)

        application.middlewares.insert(0, careful)
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{listener.getsockname()[1]}"

    async def open(self) -> None:
        """Begin to answer."""
        for key, application in self._wanted.items():
            if self._closed:
                return
            runner = web.AppRunner(application, access_log=None, logger=_QUIET, shutdown_timeout=DRAIN)
            self._runners.append(runner)
            await runner.setup()
            # A copy: what closes it must not close the port that the next version goes on with.
            await web.SockSite(runner, self._doors.take(key).dup(), backlog=_BACKLOG).start()
            self._doors.leave(key)

    async def close(self) -> None:
        """Take no more, and answer what was taken."""
        self._closed = True
        for runner in self._runners:
            await runner.cleanup()
        for key in self._wanted:
            self._doors.leave(key)
        self._wanted.clear()


def _listener(host: str, port: int) -> socket.socket:
    """A socket that listens: who connects before anybody answers waits."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise OSError(f"can not listen on {host} port {port}: {error.strerror or error}") from None
    listener.setblocking(False)
    return listener
