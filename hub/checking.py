"""All that can be wrong before a hub starts: `ocpi-hub check`."""

import asyncio

import msgspec

from hub.app import plugin_folders
from hub.config import Config
from hub.flow.outgoing import file_problems
from hub.listener import CannotStart, bind, checked_tls
from hub.partners.opening import Store
from hub.plugin.loader import Loader
from hub.store.errors import StoreError, StoreLocked
from hub.telemetry import checked_telemetry


class Findings(msgspec.Struct):
    """What a check found: all that keeps the hub from starting, what will not go well, what could not be checked.

    `in_use`: a hub (or another command) has the store open.
    """

    problems: list[str]
    warnings: list[str] = []
    note: str = ""
    in_use: bool = False


async def check(config: Config) -> Findings:
    """Load everything as a start does; start nothing, and make no file."""
    found = Findings(list(await asyncio.to_thread(Loader(config, plugin_folders(config)).check)))
    found.problems += file_problems(config)
    found.problems += checked_telemetry(config)
    _, found.warnings = checked_tls(config)
    folder = config.data_folder
    try:
        if (folder / "hub.db").exists():
            async with Store(config):
                pass
        elif folder.is_dir() or folder.parent.is_dir():
            found.note = f"There is no database in {folder} yet; the first start makes it."
        else:
            found.problems.append(f"There is no folder {folder.parent} to make {folder.name} in. Make it first.")
        bind(config).close()
        if config.admin.enabled:
            bind(config, "admin").close()
    except StoreLocked as locked:
        found.in_use = True
        found.note = f"{folder} was left alone: {f'process {locked.pid}' if locked.pid else 'another process'} uses it."
    except (StoreError, CannotStart) as error:
        found.problems.append(str(error))
    return found
