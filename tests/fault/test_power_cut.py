"""The power fails: only what was synced is sure to be left, and what was acknowledged is there all the same.

A hub works under partners and operators who change all that it keeps, is backed up, killed, started again, stopped, and
restored from the backup. All that it does to its files is recorded, and so are its answers. Then the power fails at
many moments of that record. What a disk may have kept is opened by the hub's own code: it has to be whole, and whoever
had an answer by then has to find what the answer said.
"""

import asyncio
import bisect
import os
import random
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from hub.partners.opening import Store
from hub.store.backup import BEFORE, key_beside
from tests.fault.disk import Disk, Event, read
from tests.fault.power import files_of, recording, write_down
from tests.fault.preload import needs_compiler
from tests.fault.process import ROOT, HubProcess
from tests.fault.promised import Book, Held, held_in
from tests.fault.raw_partner import RawPartner
from tests.fault.wire import Answer
from tests.fault.writers import Scene, Writer
from tests.promises import size
from tests.support import config

CUTS = size(16, 200)
STARTED = size(2, 20)
"""So many of what is left are given to a hub that is a process."""
WRITERS = 4
LIVES = size(1, 4)
CHANGES = size(30, 250)
"""Of each writer in each life."""
LINES = size(50, 300)
_ID = re.compile(rb"X-Request-ID: (\S+)")

pytestmark = [pytest.mark.promise(3), needs_compiler]


class Story:
    """What happened, and when: moments are places in the record."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "hub"
        self.backup = self.root / "backups" / "first.db"
        self.backup.parent.mkdir(parents=True)
        self.record = folder / "record"
        self.hub = HubProcess(self.root, level="warning", environment=recording(folder, self.root, self.record))
        self.disk = Disk(self.root)
        self.book = Book(self._mark)
        self.saving = self.saved = self.restoring = self.restored = 0

    @property
    def now(self) -> int:
        return self.record.stat().st_size

    @property
    def key(self) -> Path:
        return self.hub.database.with_name("hub.key")

    async def happen(self) -> None:
        """Everything, from the first start on."""
        for life in range(LIVES):
            async with self.hub, RawPartner() as server:
                scene = Scene(self.hub, server, self.book)
                writers = [Writer(life * WRITERS + number, scene) for number in range(WRITERS)]
                async with asyncio.TaskGroup() as group:
                    for writer in writers:
                        group.create_task(_write(writer))
                    if life == 0:
                        group.create_task(self._save())
                if life == LIVES - 1:
                    await self.hub.stop()
        self.restoring = self.now
        await self._command("restore")
        self.restored = self.now

    async def _save(self) -> None:
        self.saving = self.now
        await self._command("backup", "--with-key")
        self.saved = self.now

    async def _command(self, verb: str, *options: str) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hub", verb, str(self.backup), *options, "--config", "config.toml",
            cwd=self.root, env=self.hub.environment, stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert await process.wait() == 0

    def _mark(self, answer: Any) -> tuple[int, bytes]:
        """When it came at the latest; and what an answer to a partner is found by."""
        return self.now, answer.headers["x-request-id"].encode() if isinstance(answer, Answer) else b""


async def _write(writer: Writer) -> None:
    for _ in range(CHANGES):
        await writer.write()


class Moments:
    """When answers went out."""

    def __init__(self, events: list[Event]) -> None:
        self._told = {found[1]: each.at for each in events if each.kind == "a" and (found := _ID.search(each.data))}
        self._operator = [each.at for each in events if each.kind == "c"]

    def of(self, mark: tuple[int, bytes]) -> int:
        latest, request = mark
        return self._told[request] if request else self._operator[bisect.bisect_left(self._operator, latest) - 1]


class Judge:
    """Looks at what is left, moment by moment."""

    def __init__(self, story: Story) -> None:
        self.wrong: list[Any] = []
        self._story, self._events = story, read(story.record)
        self._moments = Moments(self._events)
        self._chance = random.Random(1)

    async def look(self, folder: Path) -> None:
        """At all moments that were chosen."""
        disk, done = self._story.disk, 0
        for number, cut in enumerate(self._cuts()):
            for event in self._events[done:cut]:
                disk.do(event)
            done = cut
            left = folder / f"{number}"
            write_down(disk.after_cut(self._chance), disk.root, left)
            await self._judge(self._events[cut].at if cut < len(self._events) else self._story.restored, left)
            if number % (CUTS // STARTED) == 0:
                await self._start(left)
            shutil.rmtree(left)

    def _cuts(self) -> list[int]:
        """Many come right after an answer, some while the backup is put back, one after all of that."""
        places = range(1, len(self._events))
        answers = [number for number in places if self._events[number - 1].kind in "ac"]
        restoring = [number for number in places if self._events[number].at > self._story.restoring]
        chosen = [*self._chance.choices(answers, k=CUTS * 2 // 5), *self._chance.choices(restoring, k=CUTS // 5)]
        return sorted([*chosen, *self._chance.choices(places, k=CUTS - 1 - len(chosen)), len(self._events)])

    async def _judge(self, at: int, left: Path) -> None:
        """What of the hub is not as it was acknowledged."""
        async with Store(config(left)):
            pass
        story, book = self._story, self._story.book

        def known(mark: tuple[int, bytes]) -> bool:
            return self._moments.of(mark) < at

        held, saved = _held(story, left, story.hub.database), None
        if at >= story.saved:
            saved = held_in(*(left / each.relative_to(story.root) for each in (story.backup, key_beside(story.backup))))
            self.wrong += book.wrong(
                saved,
                lambda mark: self._moments.of(mark) < story.saving,
                lambda mark: self._moments.of(mark) < story.saved,
            )
        if at >= story.restored or (at > story.restoring and held == saved):
            assert held == saved
            kept = story.hub.database.with_name(f"{story.hub.database.name}.{BEFORE}")
            held = _held(story, left, kept)
        self.wrong += book.wrong(held, known)

    async def _start(self, left: Path) -> None:
        """A hub that is a process starts, and has what is there."""
        held = _held(self._story, left, self._story.hub.database)
        hub = HubProcess(left)
        async with hub:
            names = {each["name"] for each in await hub.ask("list")}
            await hub.stop()
        assert names == {name for kind, name, *_ in held if kind == "partner"}


def _held(story: Story, left: Path, database: Path) -> Held:
    """What is in a database that was at a place in the story's folder."""
    return held_in(left / database.relative_to(story.root), left / story.key.relative_to(story.root))


@pytest.mark.timeout(size(240, 0))
async def test_power_cuts_lose_nothing_that_was_acknowledged(tmp_path, proof):
    story = Story(tmp_path)
    await story.happen()
    judge = Judge(story)
    (tmp_path / "left").mkdir()
    await judge.look(tmp_path / "left")
    assert story.disk.now() == files_of(story.root), "something was done to files that is not in the record"
    proof.at_least("power cuts", CUTS, size(16, 200))
    proof.at_least("acknowledged writes in their record", story.book.acknowledged.total(), size(100, 4000))
    proof.exactly("acknowledged writes lost in a power cut", len(judge.wrong), 0)


async def test_power_cuts_lose_no_line_of_the_event_log(tmp_path, proof):
    """With `fsync = "always"`, what was written stays, also where a new file was begun just before."""
    root, record = tmp_path / "root", tmp_path / "record"
    root.mkdir()
    environment = recording(tmp_path, root, record)
    disk = Disk(root)
    program = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).with_name("log_writer.py")), str(root), str(ROOT / "plugins/event_log.py"),
        str(LINES), env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip
    assert await program.wait() == 0
    chance, written, lost = random.Random(1), set[bytes](), 0
    events = read(record)
    said = next(each.inode for each in events if each.data.endswith(b"/said"))
    for number, event in enumerate(events):
        disk.do(event)
        if event.inode == said and event.kind == "w":
            written.add(event.data.strip())
        if number % (len(events) // CUTS) == 0:
            left = disk.after_cut(chance)
            logs = [content for path, content in left.items() if path.suffix == ".jsonl"]
            there = {line.partition(b" ")[0] for each in logs for line in each.splitlines() if line.endswith(b" end")}
            lost += len(written - there)
    assert disk.now() == files_of(root)
    proof.at_least("lines that the event log wrote", len(written), LINES)
    proof.exactly("lines of the event log lost in a power cut", lost, 0)
