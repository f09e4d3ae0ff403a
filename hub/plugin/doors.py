"""The ports that plugins listen on. One stays open from one version of a plugin to the next: nobody is refused."""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from hub.config import Config
from hub.listener import EVERYWHERE, accept_no_more
from hub.listener.patience import PatientProtocol, with_target
from hub.plugin.parts import NO_LIMITS, HttpLimits
from hub.plugin.serving import Failure, Fault

DRAIN = 5.0
"""Seconds that requests under way get when a plugin stops."""
_LAST = 0.05
"""Seconds that connections get for their first request that came just before a port was given up."""
_BACKLOG = 128
_CAREFUL = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Server": "ocpi-hub"}
_QUIET = logging.getLogger("hub.plugin.http")

Key = tuple[str, str, int]
Guarded = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]], web.Request], Awaitable[web.StreamResponse]]


class _Door(msgspec.Struct):
    """An open port, and how many versions of the plugin use it."""

    listener: socket.socket
    users: int = 0


class Doors:
    """Every open port, by plugin, host and port. With several workers, others open them, too."""

    def __init__(self, config: Config) -> None:
        self._shared = config.worker > 0
        self._own = {"listen": (config.listen.host, config.listen.port)}
        if config.admin.enabled:
            self._own["admin"] = config.admin.host, config.admin.port
        self._open: dict[Key, _Door] = {}

    def take(self, key: Key) -> socket.socket:
        """The listening socket, opened where it is not open yet. OSError where the address can not be had."""
        door = self._open.get(key)
        if door is None:
            self._check(*key[1:])
            door = self._open[key] = _Door(_listener(*key[1:], shared=self._shared))
        door.users += 1
        return door.listener

    def _check(self, host: str, port: int) -> None:
        """Plugins start before the hub listens: they would have its port, and the hub none."""
        for section, (own, number) in self._own.items():
            if port == number != 0 and (host == own or not EVERYWHERE.isdisjoint((host, own))):
                raise OSError(f"can not listen on {host} port {port}: that is the hub's own, see [{section}]")

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
        self._wanted: dict[Key, tuple[web.Application, HttpLimits]] = {}
        self._runners: list[web.AppRunner] = []
        self._servers: list[asyncio.Server] = []
        self._closed = False

    def listen(self, application: web.Application, *, host: str, port: int, limits: HttpLimits = NO_LIMITS) -> str:
        """See `hub.plugin.parts.Listen`."""
        key = (self._plugin, host, port)
        if key in self._wanted:
            raise OSError(f"this plugin listens on {host} port {port} twice")
        listener = self._doors.take(key)
        self._wanted[key] = application, limits
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
        for key, (application, limits) in self._wanted.items():
            if self._closed:
                return
            runner = web.AppRunner(application, access_log=None, logger=_QUIET, shutdown_timeout=DRAIN)
            self._runners.append(runner)
            await runner.setup()
            if runner.server:
                runner.server.request_factory = with_target(runner.server.request_factory)
            room = _Room(runner.server, limits)
            # A copy: what closes it must not close the port that the next version goes on with.
            listener = self._doors.take(key).dup()
            loop = asyncio.get_running_loop()
            self._servers.append(await loop.create_server(room.connection, sock=listener, backlog=_BACKLOG))
            self._doors.leave(key)

    async def close(self) -> None:
        """Take no more, and answer what was taken."""
        self._closed = True
        for server in self._servers:
            await accept_no_more(server)
        if self._servers:  # aiohttp closes a connection that has not asked anything yet
            await asyncio.sleep(_LAST)
        for server in self._servers:
            server.close()
        for runner in self._runners:
            await runner.cleanup()
        for key in self._wanted:
            self._doors.leave(key)
        self._wanted.clear()


class _Room:
    """The connections of one port."""

    def __init__(self, server: "web.Server | None", limits: HttpLimits) -> None:
        self.limits = limits
        self.count = 0
        self.addresses: Counter[str] = Counter()
        self._server = server

    def connection(self) -> "_Connection":
        """A protocol for a new connection."""
        limits = self.limits
        return _Connection(
            self, self._server, loop=asyncio.get_running_loop(), patience=limits.patience,
            write_patience=limits.write_patience, keepalive_timeout=limits.keepalive, access_log=None, logger=_QUIET,
            max_line_size=limits.line, max_field_size=limits.header, max_headers=limits.headers,
        )  # fmt: skip

    def enter(self, address: str) -> bool:
        """Whether there is room for one more of this address; it is counted in any case."""
        self.count += 1
        self.addresses[address] += 1
        most, most_of_one = self.limits.connections, self.limits.per_address
        return not (most and self.count > most) and not (most_of_one and self.addresses[address] > most_of_one)

    def leave(self, address: str) -> None:
        """A connection has ended."""
        self.count -= 1
        self.addresses[address] -= 1
        if not self.addresses[address]:
            del self.addresses[address]


class _Connection(PatientProtocol):
    """One connection. Nothing is told of what went wrong in it but what the other side did wrong."""

    __slots__ = ("_address", "_room")

    def __init__(self, room: _Room, server: Any, **options: Any) -> None:
        super().__init__(server, **options)
        self._room = room
        self._address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take it, where there is room."""
        super().connection_made(transport)
        self._address = str((transport.get_extra_info("peername") or ("",))[0])
        if not self._room.enter(self._address):
            self._transport.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Make room."""
        super().connection_lost(exc)
        self._room.leave(self._address)

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - aiohttp's signature
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        """Answer what never came to a handler."""
        words = "the request is not valid HTTP" if status < 500 else "the server failed"
        body = msgspec.json.encode(Failure(Fault(words, "")))
        response = web.Response(status=status, body=body, content_type="application/json", headers=_CAREFUL)
        response.force_close()
        return response


def _listener(host: str, port: int, *, shared: bool) -> socket.socket:
    """A socket that listens: who connects before anybody answers waits."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG, reuse_port=shared)
    except OSError as error:
        raise OSError(f"can not listen on {host} port {port}: {error.strerror or error}") from None
    listener.setblocking(False)
    return listener
