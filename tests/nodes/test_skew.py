"""The clocks of nodes are a minute apart, both ways: all goes on as if they were not."""

import asyncio
import struct
from pathlib import Path

import aiohttp
import msgspec
import pytest

from hub.core.party import Party
from tests.fault.by_hand import Platform
from tests.fault.preload import compiled, needs_compiler
from tests.fault.wire import Answer, call
from tests.nodes.cluster import Nodes, Partners, cluster, join, until
from tests.promises import size

SKEW = -60, 0, 60
ROUNDS = size(3, 30)
SECOND = 1_000_000_000
HUB = Party("NL", "HUB")

pytestmark = [pytest.mark.promise(15), pytest.mark.timeout(size(400, 600)), needs_compiler]


def skewed(folder: Path, seconds: int) -> dict[str, str]:
    """The environment of a process whose clock is ahead, always by the same."""
    folder.mkdir()
    (folder / "clock").write_bytes(struct.pack("qq", seconds * SECOND, seconds * SECOND))
    return {"LD_PRELOAD": str(compiled("clock", folder)), "FAULT_CLOCK": str(folder / "clock")}


class Day:
    """Three nodes with clocks of their own, a CPO and an eMSP."""

    def __init__(self, nodes: Nodes, server: Partners, cpo: Platform, emsp: Platform) -> None:
        self.nodes, self.server, self.cpo, self.emsp = nodes, server, cpo, emsp
        self.exchanges = 0

    async def send(
        self, place: int, method: str, path: str, sender: Platform, to: Party, body: object = None
    ) -> Answer:
        """One exchange, through one node."""
        url = f"{self.nodes.all[place].url}/ocpi/2.2.1/{path}"
        answer = await call(method, url, sender.token, body, sender=sender.role.party, to=to)
        assert (answer.status // 100, answer.code) == (2, 1000), (place, path, answer)
        self.exchanges += 1
        return answer

    async def mirrored(self, number: int) -> None:
        """What is newer holds, whatever node it came through; all give it."""
        newest = {}
        for place in (2, 1, 0):
            newest = {
                "country_code": "NL", "party_id": "CPO", "id": "T1", "currency": "EUR", "elements": [],
                "last_updated": f"2026-01-01T00:{number:02}:{30 - place:02}Z",
            }  # fmt: skip
            await self.send(place, "PUT", "receiver/tariffs/NL/CPO/T1", self.cpo, HUB, newest)
        for place in range(len(SKEW)):
            got = await self.send(place, "GET", "sender/tariffs/", self.emsp, HUB)
            assert got.data == [newest], (place, got.data)

    async def results(self, number: int) -> None:
        """A result comes in on another node than its request."""
        asked, response_url = number % len(SKEW), f"{self.server.url}/msp/result/{number}"
        start = {"response_url": response_url, "location_id": "L1", "token": {"uid": "1", "type": "RFID"}}
        await self.send(
            asked, "POST", "receiver/commands/START_SESSION", self.emsp, self.cpo.role.party, start
        )  # fmt: skip
        sealed = msgspec.json.decode(self.server.bodies["cpo", "receiver/commands/START_SESSION"])["response_url"]
        path = sealed.removeprefix(f"{self.nodes.url}/ocpi/2.2.1/")
        await self.send((asked + 1) % 3, "POST", path, self.cpo, self.emsp.role.party, {"result": "ACCEPTED"})
        assert ("msp", f"result/{number}") in self.server.asked

    async def statuses(self, number: int) -> None:
        """What is published later looks later, whoever does it."""
        before = len(self.server.told)
        for place, verb, status in ((0, "suspend", "SUSPENDED"), (2, "resume", "CONNECTED")):
            await self.nodes.all[(place + number) % 3].ask(verb, ref="cpo")
            await until(lambda status=status: ("msp", "CPO", status) in self.server.told[before:])

    async def keys(self, number: int) -> None:
        """A key of one node opens the others, and is shut on all."""
        key = (await self.nodes.all[number % 3].ask("key-create", name=f"key {number}", scope="read", days=1))["key"]
        async with asyncio.timeout(15):
            while await self._opened(key) != [200, 200, 200]:
                await asyncio.sleep(0.2)
        await self.nodes.all[(number + 1) % 3].ask("key-revoke", name=f"key {number}")
        async with asyncio.timeout(15):
            while 200 in await self._opened(key):
                await asyncio.sleep(0.05)

    async def _opened(self, key: str) -> list[int]:
        found = []
        async with aiohttp.ClientSession(headers={"x-api-key": key}) as session:
            for node in self.nodes.all:
                async with session.get(f"http://127.0.0.1:{node.admin_port}/api/v1/partners") as answer:
                    found.append(answer.status)
        return found

    async def journalled(self) -> list[int]:
        """How many exchanges every node tells of, when each has written what it knows."""
        told: list[int] = []
        async with asyncio.timeout(20):
            while min(told, default=0) < self.exchanges:
                pages = [await node.ask("journal", limit=10_000) for node in self.nodes.all]
                told = [sum(row["module"] in ("tariffs", "commands") for row in page["rows"]) for page in pages]
                await asyncio.sleep(0.1)
        return told


async def test_clocks_a_minute_apart_change_nothing(tmp_path, url, nursery, proof):
    clocks = [skewed(tmp_path / f"clock{place}", seconds) for place, seconds in enumerate(SKEW)]
    async with cluster(tmp_path, url, nursery, environment=clocks.__getitem__) as nodes, Partners() as server:
        server.nodes = nodes.all
        cpo, emsp = await join(nodes, server, "NL-CPO:CPO"), await join(nodes, server, "DE-MSP:EMSP")
        day = Day(nodes, server, cpo, emsp)
        for number in range(ROUNDS):
            for each in (day.mirrored, day.results, day.statuses, day.keys):
                await each(number)
            leader = await nodes.leader()
            leader.kill()
            await nodes.leader()
            await leader.start()
        told = await day.journalled()
    backwards = sum(stamps != sorted(set(stamps)) for stamps in server.stamps.values())
    proof.at_least("seconds between the clocks of nodes", max(SKEW) - min(SKEW), 120)
    proof.at_least("exchanges through them", day.exchanges, size(20, 200))
    proof.exactly("exchanges that a journal does not have", max(abs(day.exchanges - each) for each in told), 0)
    proof.exactly("statuses that look older than the one before", backwards, 0)
