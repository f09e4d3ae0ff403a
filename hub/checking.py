"""All that can be wrong before a hub starts: `ocpi-hub check`."""

import asyncio
from pathlib import Path

import msgspec

from hub.app import plugin_folders
from hub.config import Config
from hub.flow.outgoing import file_problems
from hub.listener import CannotStart, bind, checked_tls
from hub.partners.opening import Store
from hub.plugin.loader import Loader
from hub.store.database import Database
from hub.store.errors import StoreError, StoreLocked
from hub.store.migrations import revisions
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
        if not isinstance(config.database, Path):
            await _check_postgresql(config, config.database, found)
        elif config.database.exists():
            async with Store(config):
                pass
        elif folder.is_dir() or folder.parent.is_dir():
            found.note = f"There is no database in {folder} yet; the first start makes it."
        if not (folder.is_dir() or folder.parent.is_dir()):
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


async def _check_postgresql(config: Config, url: str, found: Findings) -> None:
    """Open a database without making anything in it that is not there."""
    database = await Database.open(url, connections=1)
    try:
        new = not await revisions(database)
        if not await database.keeps_on_disk():
            found.warnings.append(
                f"the server of {database.where} does not wait for its disk (fsync is off): a power cut may cost all."
            )
    finally:
        await database.close()
    if new:
        found.note = f"There is nothing in {config.database_name} yet; the first start makes the tables."
    else:
        async with Store(config):
            pass
