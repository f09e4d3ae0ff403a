"""Puts the admin listener together from the parts of a hub that runs."""

import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from typing import Protocol

import msgspec
import structlog
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
from hub.listener import CannotStart, begin, bind
from hub.metrics import Gauges, Metrics

log = structlog.get_logger()


class Pages(Protocol):
    """Pages for people, which have their own way to ask for a key."""

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """What to serve, and where."""

    def close(self) -> None:
        """End the pages that are kept live, when the hub stops."""


@contextmanager
def admin_socket(config: Config) -> Iterator[Sequence[socket.socket]]:
    """The bound socket of [admin], where there is to be a listener. Raises CannotStart.

    Workers share that one. Each has another one, too, by which just that worker is reached, as metrics are its own.
    """
    with ExitStack() as stack:
        listeners = []
        if config.admin.enabled:
            listeners.append(stack.enter_context(closing(bind(config, "admin"))))
        if config.admin.enabled and config.worker:
            admin = msgspec.structs.replace(config.admin, port=config.admin.port + config.worker)
            try:
                own = bind(msgspec.structs.replace(config, admin=admin), "admin", shared=False)
            except (CannotStart, OverflowError) as error:
                log.warning("worker_without_own_port", port=admin.port, reason=str(error))
            else:
                listeners.append(stack.enter_context(closing(own)))
        yield listeners


def url_of(listeners: Sequence[socket.socket]) -> str | None:
    """Where the admin listener is reached; None where there is none."""
    if not listeners:
        return None
    host, port = listeners[0].getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


@asynccontextmanager
async def admin_listener(
    listeners: Sequence[socket.socket],
    operations: Operations,
    health: Health,
    bus: Bus,
    catalogue: Catalogue,
    root: str,
    open_pages: Callable[[Doorman], Pages],
    gauges: Gauges,
) -> AsyncIterator[AdminServer | None]:
    """Answer on the listeners, where there are some, until this is left. CannotStart where another program has a port.

    `root` is where partners reach the hub, `open_pages` makes those for people, `gauges` is told to Prometheus.
    """
    if not listeners:
        yield None
        return
    for each in listeners:
        begin(each, "admin")
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
    await server.start(listeners)
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
