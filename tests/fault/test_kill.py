"""SIGKILL at any moment: what was acknowledged is there after the next start, and what was not is there whole or not.

Two hubs, each a process with a port and a data folder of its own, are killed again and again under partners and
operators who change all that a hub keeps. After every start the database has to be whole, everything in it has to be
as it was acknowledged, each partner's last tokens have to work in both directions, and GET All has to bring the mirror.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from hub.asking import ControlError
from tests.fault.by_hand import Platform
from tests.fault.process import HubProcess, Nursery
from tests.fault.promised import Book, held_in, plain
from tests.fault.raw_partner import RawPartner, Received, accept
from tests.fault.wire import NoAnswer, authorization, call
from tests.fault.writers import HUB, KINDS, MODULES, Scene, Writer
from tests.promises import size

HUBS = 2
KILLS = size(5, 100)
"""Of each hub."""
WRITERS = 4
ACKNOWLEDGED = size((20, 40), (50, 60))
"""How many changes are acknowledged between a start and a kill, at least and at most."""
AFTER = 0.02
"""Seconds from the last of them to the kill, at most: so that it may come at any point of the next."""
STARTS, START_TAKES = size(3, 20), 0.1
"""Starts that are killed, the last of them this many seconds after it began."""

pytestmark = pytest.mark.promise(3)


class Line:
    """One hub through all its lives, and those who write to it."""

    def __init__(self, number: int, folder: Path, nursery: Nursery) -> None:
        folder.mkdir()
        self.hub = HubProcess(folder, nursery=nursery, level="warning")
        self.book = Book()
        self.wrong: list[Any] = []
        self.carried_out = 0
        self.rolled_back = 0
        self._server = RawPartner(self._note)
        self._scene = Scene(self.hub, self._server, self.book)
        self._writers = [Writer(writer, self._scene) for writer in range(WRITERS)]
        self._random = random.Random(number)
        self._shown: dict[str, str] = {}

    async def run(self) -> None:
        async with self.hub, self._server:
            for _ in range(KILLS):
                await self._live()
                self._check_file()
                await self.hub.start()
                await self._settle()
                await self._check()
            await self.hub.stop()
            self._check_file()

    async def _live(self) -> None:
        """Change things until the kill."""
        goal = self.book.acknowledged.total() + self._random.randint(*ACKNOWLEDGED)
        enough = asyncio.Event()
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for writer in self._writers:
                group.create_task(self._write(writer, goal, enough))
            await enough.wait()
            await asyncio.sleep(self._random.uniform(0, AFTER))
            self.hub.kill()

    async def _write(self, writer: Writer, goal: int, enough: asyncio.Event) -> None:
        """One change after the other, until there is no hub any more."""
        try:
            while True:
                await writer.write()
                if self.book.acknowledged.total() >= goal:
                    enough.set()
        except (NoAnswer, ControlError, ConnectionError):
            pass

    def _check_file(self) -> None:
        """As the kill left it: whole, and as it was acknowledged."""
        self.wrong += self.book.wrong(self._held())

    def _held(self) -> Any:
        return held_in(self.hub.database, self.hub.database.with_name("hub.key"))

    async def _settle(self) -> None:
        """Of what was under way all was done, or nothing; whose token went down with an answer gets another one."""
        done, not_done = self.book.settle(self._held())
        self.carried_out += len(done)
        self.rolled_back += len(not_done)
        for writer in self._writers:
            for member in writer.members:
                if member.subject in done and not writer.knows_its_token(member):
                    await writer.again(member)
                elif writer.is_invited(member):
                    await writer.handshake(member)

    async def _check(self) -> None:
        """Everything that a partner was told is so."""
        members = [member.platform for writer in self._writers for member in writer.registered()]
        for sender, receiver in zip(members, members[1:] + members[:1], strict=True):
            await self._check_connected(sender, receiver)
        for module in MODULES:
            found = [plain(each) async for each in everything(members[0], module)]
            assert sorted(found) == sorted(map(self.book.value, self.book.there("mirror", module))), module

    async def _check_connected(self, sender: Platform, receiver: Platform) -> None:
        """One request goes through: the sender's token opens the hub, and the hub's opens the receiver."""
        answer = await sender.get_locations(receiver)
        assert (answer.status, answer.code) == (200, 1000), (sender.key, receiver.key)
        assert self._shown.pop(receiver.key) == authorization(receiver.token_out), receiver.key

    async def _note(self, request: Received, writer: asyncio.StreamWriter) -> None:
        self._shown[request.platform] = request.headers["authorization"]
        await accept(request, writer)


async def everything(platform: Platform, module: str) -> AsyncIterator[Any]:
    """GET All."""
    url, offset = f"{platform.hub}/ocpi/2.2.1/sender/{module}/", 0
    while True:
        answer = await call("GET", f"{url}?offset={offset}", platform.token, sender=platform.role.party, to=HUB)
        assert answer.code == 1000, answer.body
        if not answer.data:
            return
        for each in answer.data:
            yield each
        offset += len(answer.data)


@pytest.mark.timeout(size(300, 0))
async def test_kills_lose_nothing_that_was_acknowledged(tmp_path, proof):
    with ExitStack() as nurseries:
        lines = [Line(number, tmp_path / f"{number}", nurseries.enter_context(Nursery())) for number in range(HUBS)]
        async with asyncio.TaskGroup() as all_lines:
            for line in lines:
                all_lines.create_task(line.run())
    acknowledged = sum((line.book.acknowledged for line in lines), Counter())
    proof.at_least("kills under writes", HUBS * KILLS, size(10, 200))
    proof.at_least("acknowledged writes", acknowledged.total(), size(200, 10_000))
    for kind in KINDS:
        proof.at_least(f"{kind} among them", acknowledged[kind], size(1, 200))
    # A kill comes at any moment: of few, none may have hit a write just then.
    proof.at_least("writes cut off that were carried out", sum(line.carried_out for line in lines), size(0, 1))
    proof.at_least("writes cut off that were rolled back", sum(line.rolled_back for line in lines), size(0, 1))
    proof.exactly("acknowledged writes lost", sum(len(line.wrong) for line in lines), 0)


@pytest.mark.timeout(size(300, 0))
async def test_killed_while_it_starts_for_the_first_time(tmp_path, proof):
    with Nursery() as nursery:
        for number in range(STARTS):
            folder = tmp_path / f"{number}"
            folder.mkdir()
            hub = HubProcess(folder, nursery=nursery)
            hub.spawn()
            await hub.begun()
            await asyncio.sleep(number * START_TAKES / STARTS)
            hub.kill()
            async with hub:
                await hub.ask("invite", name="p", parties=("NL-ONE:CPO",))
                await hub.stop()
    proof.at_least("kills during a first start", STARTS, size(3, 20))
