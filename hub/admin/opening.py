"""Puts the admin listener together from the parts of a hub that runs."""

import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Protocol

import msgspec
from aiohttp import web

from hub.admin.documentation import Documentation
from hub.admin.gate import Doorman
from hub.admin.health import Health
from hub.admin.plugins import plugin_routes
from hub.admin.server import AdminServer
from hub.admin.table import ROUTES
from hub.config import Config
from hub.control import Operations, needed
from hub.core.addresses import Proxies
from hub.core.hosts import Hosts
from hub.core.modules import Catalogue
from hub.events import Bus
from hub.listener import bind
from hub.metrics import Gauges, Metrics


class Pages(Protocol):
    """Pages for people, which have their own way to ask for a key."""

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """What to serve, and where."""

    def close(self) -> None:
        """End the pages that are kept live, when the hub stops."""


@contextmanager
def admin_socket(config: Config) -> Iterator[socket.socket | None]:
    """The bound socket of [admin], where there is to be a listener. Raises CannotStart."""
    if not config.admin.enabled:
        yield None
        return
    with closing(bind(config, "admin")) as listener:
        yield listener


def url_of(listener: socket.socket | None) -> str | None:
    """Where the admin listener is reached; None where there is none."""
    if listener is None:
        return None
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


@asynccontextmanager
async def admin_listener(
    listener: socket.socket | None,
    operations: Operations,
    health: Health,
    bus: Bus,
    catalogue: Catalogue,
    root: str,
    open_pages: Callable[[Doorman], Pages],
    gauges: Gauges,
) -> AsyncIterator[AdminServer | None]:
    """Answer on `listener`, where there is one, until this is left.

    `root` is where partners reach the hub, `open_pages` makes those for people, `gauges` is told to Prometheus.
    """
    if listener is None:
        yield None
        return
    doorman, reloader = Doorman(operations.keys), needed(operations.reloader)
    journal = needed(operations.journal)
    gauges = msgspec.structs.replace(gauges, refused_keys=lambda: doorman.refused, rows_lost=lambda: journal.lost)
    metrics = Metrics(bus, needed(operations.board), needed(operations.plugins), gauges)
    metrics.start()
    pages = open_pages(doorman)
    reception = needed(operations.plugins).reception
    more = [*Documentation(catalogue, root, lambda: plugin_routes(reception)).routes(), *pages.routes()]
    server = AdminServer(operations, doorman, health, metrics, ROUTES, more)
    _settle(server, reloader.config)
    reloader.follow(lambda new: _settle(server, new))
    operations.keys.start()
    await server.start(listener)
    try:
        yield server
    finally:
        pages.close()
        await server.stop()
        await health.stop()
        await operations.keys.stop()


def _settle(server: AdminServer, config: Config) -> None:
    admin = config.admin
    # Who listens at a name is called by it.
    hosts = Hosts((*admin.names, admin.host))
    server.reconfigure(open_metrics=admin.open_metrics, proxies=Proxies(admin.trusted_proxies), hosts=hosts)
