"""Two nodes behind a balancer that a test turns to one of them, with plugins and partners of the test."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hub.app import App
from hub.config import Listen
from hub.core.directory import State
from tests.balancer import Balancer, balancer
from tests.hosted import joined
from tests.nodes.conftest import node, until
from tests.partner import Partner
from tests.plugin.shipped import installed


class Pair(NamedTuple):
    """Two nodes; the first one was there first, and leads."""

    front: Balancer
    one: App
    other: App
    stack: AsyncExitStack

    def to(self, app: App) -> None:
        """All connections go to this node from now on."""
        self.front.targets = [app.port]

    async def join(self, role: str, version: str = "2.2.1", **says: Any) -> Partner:
        """A partner that registers at the first node; both know it."""
        self.to(self.one)
        partner = await joined(self.stack, self.one, role, version)
        await until(lambda: all(_knows(each, partner) for each in (self.one, self.other)))
        return partner


def _knows(app: App, partner: Partner) -> bool:
    platform = app.keeper.current.parties.get(partner.party)
    return platform is not None and platform.state is State.REGISTERED


@asynccontextmanager
async def pair(
    folder: Path, url: str, *, plugins: Mapping[str, Any] = {}, files: Iterable[Any] = (), **changes: Any
) -> AsyncIterator[Pair]:
    """Two nodes with these shipped plugins and their settings; `files` write others into a folder that they get."""
    async with AsyncExitStack() as stack:
        front = await stack.enter_async_context(balancer())
        apps = []
        for name in ("n0", "n1"):
            (folder / name).mkdir()
            for stem in plugins:
                installed(folder / name, stem)
            for write in files:
                write(folder / name)
            settings = {stem: {"enabled": True, **given} for stem, given in plugins.items()}
            wanted = {"listen": Listen(port=0, public_url=front.url), "plugins": settings, **changes}
            apps.append(await stack.enter_async_context(node(folder, url, name, **wanted)))
        front.targets = [each.port for each in apps]
        yield Pair(front, *apps, stack)


async def call(app: App, plugin: str, verb: str, given: Any = None) -> Any:
    """What a verb of a plugin answers on a node."""
    body = b"" if given is None else msgspec.json.encode(given)
    return await app.plugins.reception.call(plugin, verb, body)
