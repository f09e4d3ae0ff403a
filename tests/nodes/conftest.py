"""Several hubs in this process, as nodes that share one PostgreSQL database."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.app import App
from hub.config import Listen, Node, Store
from tests.balancer import balancer
from tests.fault.process import Nursery
from tests.support import config


@pytest.fixture
def url(postgresql):
    """An empty database of the newest schema."""
    url = postgresql.migrated()
    yield url
    postgresql.drop(url)


@pytest.fixture(scope="session")
def nursery():
    """Where nodes that are processes come from."""
    with Nursery() as started:
        yield started


@asynccontextmanager
async def node(folder: Path, url: str, name: str, **changes: Any) -> AsyncIterator[App]:
    """One node with its own data folder; all have the key of the one that was first."""
    data = folder / name / "data"
    data.mkdir(parents=True, exist_ok=True)
    for key in folder.glob("*/data/hub.key"):
        if not (data / "hub.key").exists():
            shutil.copy2(key, data)
    settings = config(folder / name, **changes)
    async with App(msgspec.structs.replace(settings, store=Store(url=url), node=Node(name=name))) as app:
        yield app


@asynccontextmanager
async def nodes(folder: Path, url: str, count: int = 2, **changes: Any) -> AsyncIterator[list[App]]:
    """So many nodes, started one after the other, behind a balancer that gives each a connection in turn."""
    async with AsyncExitStack() as stack:
        front = await stack.enter_async_context(balancer())
        changes = {"listen": Listen(port=0, public_url=front.url), **changes}
        apps = []
        for place in range(count):
            apps.append(await stack.enter_async_context(node(folder, url, f"n{place}", **changes)))
            front.targets.append(apps[-1].port)
        yield apps


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> float:
    """Wait for a condition; the seconds that took. TimeoutError where it does not come."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
    return loop.time() - began
