"""SIGKILL at any moment: what was acknowledged is there after the next start, and what was not is there whole or not.

Two hubs, each a process with a port and a data folder of its own, are killed 25 times under partners that register and
renew their tokens. After every start each partner's last acknowledged tokens have to work, in both directions.
"""

import asyncio
import random
import sqlite3
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path

import pytest

from hub.asking import ControlError
from hub.core.party import PartyRole
from tests.fault.by_hand import Platform
from tests.fault.process import HubProcess, Nursery
from tests.fault.raw_partner import RawPartner, Received, accept
from tests.fault.wire import NoAnswer, authorization

HUBS = 2
KILLS = 25
WORKERS = 4
ACKNOWLEDGED = (20, 26)
"""How many registrations and renewals are acknowledged between a start and a kill, at least and at most."""
AFTER = 0.02
"""Seconds from the last of them to the kill, at most: so that it may come at any point of the next."""
STARTS, START_TAKES = 10, 0.1
"""Starts that are killed, the last of them this many seconds after it began."""
NEW = 0.1
"""Share of registrations; the others are renewals."""


class Member:
    """A platform, and what its partner knows: is it registered, and is a handshake without an answer?"""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.registered = False
        self.unsure = False


class Line:
    """One hub through all its lives, and the partners that it has."""

    def __init__(self, number: int, folder: Path, nursery: Nursery) -> None:
        folder.mkdir()
        self.hub = HubProcess(folder, nursery=nursery, level="warning")
        self.members: list[Member] = []
        self.acknowledged = 0
        self.carried_out = 0
        self.rolled_back = 0
        self._names = count()
        self._random = random.Random(number)
        self._shown: dict[str, str] = {}
        self._server = RawPartner(self._note)
        self._enough = asyncio.Event()
        self._goal = 0

    async def run(self) -> None:
        async with self.hub, self._server:
            for _ in range(KILLS):
                await self._live()
                await self.hub.start()
                await self._check()
            await self.hub.stop()
            self._check_file()

    async def _live(self) -> None:
        """Register and renew until the kill."""
        self._goal = self.acknowledged + self._random.randint(*ACKNOWLEDGED)
        self._enough.clear()
        async with asyncio.timeout(30), asyncio.TaskGroup() as workers:
            for number in range(WORKERS):
                workers.create_task(self._work(self.members[number::WORKERS]))
            await self._enough.wait()
            await asyncio.sleep(self._random.uniform(0, AFTER))
            self.hub.kill()

    async def _work(self, mine: list[Member]) -> None:
        """One handshake after the other, until there is no hub any more."""
        try:
            while True:
                if not mine or self._random.random() < NEW:
                    mine.append(await self._invite())
                await self._handshake(self._random.choice(mine))
        except (NoAnswer, ControlError, ConnectionError):
            pass

    async def _invite(self) -> Member:
        number = next(self._names)
        role = PartyRole.parse(f"{'NL' if number < 1000 else 'BE'}-{number % 1000:03}:CPO")
        platform = Platform(f"p{number}", role, self._server.url, self.hub.url)
        platform.token = (await self.hub.ask("invite", name=platform.key, parties=(str(role),)))["token_a"]
        member = Member(platform)
        self.members.append(member)
        return member

    async def _handshake(self, member: Member) -> None:
        member.unsure = True
        await member.platform.send_credentials("PUT" if member.registered else "POST")
        member.unsure, member.registered = False, True
        self.acknowledged += 1
        if self.acknowledged >= self._goal:
            self._enough.set()

    async def _check(self) -> None:
        """Everything that a partner was told is so."""
        self._check_file()
        assert len(await self.hub.ask("list")) >= len(self.members)
        for member in self.members:
            if member.unsure:
                await self._settle(member)
            status = (await member.platform.versions()).status
            assert status == 200, member.platform.key
        registered = [member.platform for member in self.members if member.registered]
        for sender, receiver in zip(registered, registered[1:] + registered[:1], strict=True):
            await self._check_connected(sender, receiver)
        for member in self.members:
            if not member.registered:
                assert (await member.platform.get_locations(registered[0])).status == 401

    async def _settle(self, member: Member) -> None:
        """The kill came during a handshake: all of it was done, or nothing."""
        member.unsure = False
        if (await member.platform.versions()).status == 200:
            self.rolled_back += 1
            return
        self.carried_out += 1
        view = await self.hub.ask("show", ref=member.platform.key)
        assert (view["state"], view["not_presented"]) == ("REGISTERED", [])
        assert len(view["endpoints"]) == 4
        # Its new token went down with the answer: what an operator does then.
        member.platform.token = (await self.hub.ask("invite-again", ref=member.platform.key))["token_a"]
        member.registered = False
        await self._handshake(member)

    async def _check_connected(self, sender: Platform, receiver: Platform) -> None:
        """One request goes through: the sender's token opens the hub, and the hub's opens the receiver."""
        answer = await sender.get_locations(receiver)
        assert (answer.status, answer.code) == (200, 1000), (sender.key, receiver.key)
        assert self._shown.pop(receiver.key) == authorization(receiver.token_out), receiver.key

    def _check_file(self) -> None:
        with closing(sqlite3.connect(f"file:{self.hub.database}?mode=ro", uri=True)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []

    async def _note(self, request: Received, writer: asyncio.StreamWriter) -> None:
        self._shown[request.platform] = request.headers["authorization"]
        await accept(request, writer)


@pytest.mark.timeout(300)
async def test_fifty_kills_lose_nothing_that_was_acknowledged(tmp_path):
    with ExitStack() as nurseries:
        lines = [Line(number, tmp_path / f"{number}", nurseries.enter_context(Nursery())) for number in range(HUBS)]
        async with asyncio.TaskGroup() as all_lines:
            for line in lines:
                all_lines.create_task(line.run())
    figures = {
        "kills": HUBS * KILLS,
        "partners": sum(len(line.members) for line in lines),
        "acknowledged": sum(line.acknowledged for line in lines),
        "cut off and carried out": sum(line.carried_out for line in lines),
        "cut off and rolled back": sum(line.rolled_back for line in lines),
    }
    print(figures)
    assert figures["acknowledged"] >= 1000
    assert figures["cut off and carried out"] + figures["cut off and rolled back"] > 0


async def test_killed_while_it_starts_for_the_first_time(tmp_path):
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
