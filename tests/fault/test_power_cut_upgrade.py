"""The power fails while a hub brings an older database up to date: all that was in it is there, before and after.

A hub starts on what an old one left, changes the schema, and sorts the journal. All that it does to its files is
recorded; at many moments the power fails, and the hub's own code opens what is left.
"""

import asyncio
import random
import shutil
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hub.partners.opening import Store
from hub.store.migrations import newest
from hub.store.sorting import PART
from tests.fault.disk import Disk, read
from tests.fault.old_database import EXCHANGES, SCHEMA
from tests.fault.power import files_of, recording, write_down
from tests.fault.preload import needs_compiler
from tests.fault.process import ROOT, HubProcess
from tests.promises import size
from tests.support import config

CUTS = size(20, 200)
PARTS = size(0, EXCHANGES // PART)
"""Of the journal, which the hub has to have sorted: it begins a minute after its start."""
_DATABASE = Path("data/hub.db")
_SCHEMA = "SELECT version_num FROM alembic_version"
_UNCOUNTED = "SELECT (SELECT count(*) FROM mirror) - (SELECT coalesce(sum(objects), 0) FROM mirror_part)"
_OF_PART = """
<= part.until_id AND {0} > (SELECT coalesce(max(until_id), 0) FROM trace_part WHERE until_id < part.until_id)
"""
_UNSORTED = f"""
SELECT count(*) FROM trace_part AS part WHERE
  held <> (SELECT count(*) FROM exchange WHERE id {_OF_PART.format("id")})
        + (SELECT count(*) FROM delivery WHERE exchange_id {_OF_PART.format("exchange_id")})
  OR (SELECT count(*) FROM trace_key WHERE trace_key.part = part.until_id) * 2 <> held * 3
"""
"""An exchange has two ids, and its delivery has one."""

pytestmark = [pytest.mark.promise(3), needs_compiler]


class Old:
    """What an old hub left in a file: the rows of each table, by the columns that it had."""

    def __init__(self, file: Path) -> None:
        with closing(sqlite3.connect(file)) as database:
            names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            columns = {name: [row[1] for row in database.execute(f"PRAGMA table_info({name})")] for name in names}
            self._columns = {name: ", ".join(found) for name, found in columns.items() if "version_num" not in found}
            self._rows = self._read(database)

    def _read(self, database: sqlite3.Connection) -> dict[str, list[Any]]:
        return {
            name: sorted(database.execute(f"SELECT {columns} FROM {name}"), key=repr)
            for name, columns in self._columns.items()
        }

    def wrong(self, file: Path) -> list[str]:
        """What is not as it was, or as the newest schema has it."""
        with closing(sqlite3.connect(file)) as database:
            rows = self._read(database)
            looks = {
                _SCHEMA: newest(), "PRAGMA integrity_check": "ok",
                _UNCOUNTED: 0, _UNSORTED: 0,
            }  # fmt: skip
            found = {query: database.execute(query).fetchone()[0] for query in looks}
        return [name for name, before in self._rows.items() if before and rows[name] != before] + [
            f"{query}: {found[query]}" for query, wanted in looks.items() if found[query] != wanted
        ]


def parts(file: Path) -> int:
    """How many parts of the journal are sorted."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        found: int = database.execute("SELECT count(*) FROM trace_part").fetchone()[0]
    return found


def schema(folder: Path) -> str:
    """Which one a file has, looked at in a copy: to look is to tidy up after the cut."""
    copy = Path(shutil.copytree(folder, folder.with_name("copy")))
    with closing(sqlite3.connect(copy / _DATABASE)) as database:
        found: str = database.execute(_SCHEMA).fetchone()[0]
    shutil.rmtree(copy)
    return found


@pytest.mark.timeout(size(240, 0))
async def test_power_cuts_during_an_upgrade_lose_nothing(tmp_path, proof):
    root, record = tmp_path / "hub", tmp_path / "record"
    root.mkdir()
    hub = HubProcess(root, level="warning", environment=recording(tmp_path, root, record))
    program = (sys.executable, "-m", "tests.fault.old_database", str(hub.database))
    maker = await asyncio.create_subprocess_exec(*program, cwd=ROOT)
    assert await maker.wait() == 0
    old, disk = Old(hub.database), Disk(root)
    async with hub:
        async with asyncio.timeout(120):
            while parts(hub.database) < PARTS:
                await asyncio.sleep(0.1)
        await hub.stop()
    assert old.wrong(hub.database) == []

    events, chance = read(record), random.Random(1)
    wrong, schemas, done, left = list[str](), Counter[str](), 0, tmp_path / "left"
    for cut in sorted([*chance.choices(range(1, len(events)), k=CUTS - 1), len(events)]):
        for event in events[done:cut]:
            disk.do(event)
        done = cut
        write_down(disk.after_cut(chance), root, left)
        schemas[schema(left)] += 1
        async with Store(config(left)):
            pass
        wrong += old.wrong(left / _DATABASE)
        shutil.rmtree(left)
    assert disk.now() == files_of(root), "something was done to files that is not in the record"
    assert set(schemas) == {SCHEMA, newest()}
    proof.at_least("power cuts during an upgrade", schemas.total(), size(20, 200))
    proof.exactly("what was lost in a power cut during an upgrade", len(wrong), 0)
