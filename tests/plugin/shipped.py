"""Starts plugins that ship with the hub in a real hub, beside simulated partners."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hub.app import App
from hub.config import Admin
from hub.plugin import Plugin
from hub.sim import SimCpo, SimEmsp
from tests.support import network

SHIPPED = Path(__file__).parents[2] / "plugins"


def installed(folder: Path, stem: str) -> None:
    """Put a shipped plugin into the `plugins` folder in `folder`."""
    (folder / "plugins").mkdir(parents=True, exist_ok=True)
    shutil.copy(SHIPPED / f"{stem}.py", folder / "plugins")
    if (SHIPPED / stem).is_dir():
        shutil.copytree(SHIPPED / stem, folder / "plugins" / stem, dirs_exist_ok=True)


@asynccontextmanager
async def shipped(
    folder: Path, stem: str, settings: dict[str, Any], **changes: Any
) -> AsyncIterator[tuple[App, SimCpo, SimEmsp]]:
    """A hub with one shipped plugin switched on, a CPO (NL-CPO) and an eMSP (DE-MSP)."""
    installed(folder, stem)
    tables = {stem: {"enabled": True, **settings}}
    async with network(folder, plugins=tables, admin=Admin(port=0), **changes) as running:
        yield running


def pdf_text(path: Path) -> str:
    """What can be read in a PDF; pages end with a form feed."""
    program = shutil.which("pdftotext")
    if program is None and os.environ.get("CI") != "true":
        pytest.skip("needs pdftotext: apt-get install poppler-utils")
    words = [program or "pdftotext", "-layout", path, "-"]
    return subprocess.run(words, capture_output=True, check=True, text=True).stdout


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
