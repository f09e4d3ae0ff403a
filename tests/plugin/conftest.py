"""Real plugin files in a folder of the test, and a runner that starts them."""

import textwrap
from pathlib import Path

import pytest

from hub.config import Config, load
from hub.core.party import Party, Role
from hub.events import Bus, Event
from hub.plugin.loader import Loader
from hub.plugin.parts import Parts
from hub.plugin.runner import Runner
from hub.plugin.running import Running
from hub.plugin.testing import HUB, message, reply

HEADER = """
import asyncio
import time

from hub.plugin import *
"""


class LonelyHub:
    """A hub that knows one party and answers whatever is sent."""

    def __init__(self) -> None:
        self.sent = []

    @property
    def party(self) -> Party:
        return HUB

    def parties(self):
        return {Party("NL", "TNM"): frozenset({Role.EMSP})}

    async def send(self, method, module, interface, *, to, path=(), query="", body=None):
        self.sent.append((method, module, interface, to, path, query, body))
        return reply()


class Plugins:
    """A folder with plugins, and all it takes to run them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "plugins"
        self.folder.mkdir()
        self.config_file = folder / "config.toml"
        self.config_file.write_text("")
        self.bus = Bus()
        self.hub = LonelyHub()
        self.events = []
        self.runner: Runner

    def write(self, stem: str, code: str) -> Path:
        """A file with exactly this text."""
        path = self.folder / f"{stem}.py"
        path.write_text(textwrap.dedent(code))
        return path

    def plugin(self, stem: str, body: str = "...") -> Path:
        """A file with one plugin whose class has this body; its first line is line 8 of the file."""
        return self.write(stem, HEADER + "\nclass Mine(Plugin):\n" + textwrap.indent(textwrap.dedent(body), "    "))

    def settings(self, toml: str) -> None:
        self.config_file.write_text(textwrap.dedent(toml))

    @property
    def config(self) -> Config:
        return load(self.config_file, {})

    @property
    def loader(self) -> Loader:
        return Loader(self.config, (self.folder,))

    async def start(self, parts: Parts | None = None, **options) -> Runner:
        """Start all plugins; the watcher sleeps unless `poll` says otherwise."""
        self.runner = Runner(self.loader, self.bus, **{"poll": 3600, **options})
        self.catalogue = await self.runner.load()
        await self.runner.start(self.hub, parts)
        return self.runner

    def running(self, stem: str) -> Running:
        (found,) = (each for each in self.runner.table.running if each.loaded.stem == stem)
        return found

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    async def note(self, event: Event) -> None:
        self.events.append(event)


@pytest.fixture
async def plugins(tmp_path):
    plugins = Plugins(tmp_path)
    await plugins.bus.start()
    plugins.bus.subscribe(plugins.note, Event, name="test")
    yield plugins
    if hasattr(plugins, "runner"):
        await plugins.runner.stop()
    await plugins.bus.stop()


@pytest.fixture
def authorize():
    """An eMSP is asked to authorise a token; no receiver is named."""
    return message("POST sender/tokens/012345/authorize", {"location_id": "LOC1"})
