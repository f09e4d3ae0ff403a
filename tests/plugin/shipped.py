"""Starts plugins that ship with the hub in a real hub, beside simulated partners."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hub.app import App
from hub.config import Admin
from hub.plugin import Plugin
from hub.sim import SimCpo, SimEmsp
from tests.support import network

SHIPPED = Path(__file__).parents[2] / "plugins"


@asynccontextmanager
async def shipped(
    folder: Path, stem: str, settings: dict[str, Any], **changes: Any
) -> AsyncIterator[tuple[App, SimCpo, SimEmsp]]:
    """A hub with one shipped plugin switched on, a CPO (NL-CPO) and an eMSP (DE-MSP)."""
    (folder / "plugins").mkdir(exist_ok=True)
    shutil.copy(SHIPPED / f"{stem}.py", folder / "plugins")
    tables = {stem: {"enabled": True, **settings}}
    async with network(folder, plugins=tables, admin=Admin(port=0), **changes) as running:
        yield running


def plugin(app: App, stem: str) -> Plugin:
    """The instance that runs."""
    (found,) = (each for each in app.plugins.table.running if each.loaded.stem == stem)
    return found.plugin


async def until(done: Callable[[], Any]) -> Any:
    """Wait for something to become true, and give it."""
    import asyncio

    async with asyncio.timeout(20):
        while not (found := done()):
            await asyncio.sleep(0.01)
    return found
