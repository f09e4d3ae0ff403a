"""Puts the admin listener together from the parts of a hub that runs."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager

from hub.admin.documentation import Documentation
from hub.admin.gate import Doorman
from hub.admin.health import Health
from hub.admin.server import AdminServer
from hub.admin.table import ROUTES
from hub.config import Config
from hub.control import Operations, needed
from hub.core.modules import Catalogue
from hub.events import Bus
from hub.listener import bind
from hub.metrics import Metrics


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
    listener: socket.socket | None, operations: Operations, health: Health, bus: Bus, catalogue: Catalogue, root: str
) -> AsyncIterator[AdminServer | None]:
    """Answer on `listener`, where there is one, until this is left. `root` is where partners reach the hub."""
    if listener is None:
        yield None
        return
    doorman, reloader = Doorman(operations.keys), needed(operations.reloader)
    journal = needed(operations.journal)
    metrics = Metrics(
        bus, needed(operations.board), needed(operations.plugins), lambda: doorman.refused, lambda: journal.lost
    )
    metrics.start()
    server = AdminServer(operations, doorman, health, metrics, ROUTES, Documentation(catalogue, root).routes())
    server.reconfigure(open_metrics=reloader.config.admin.open_metrics)
    reloader.follow(lambda new: server.reconfigure(open_metrics=new.admin.open_metrics))
    operations.keys.start()
    await server.start(listener)
    try:
        yield server
    finally:
        await server.stop()
        await health.stop()
        await operations.keys.stop()
