"""What one node changes holds on the others within a second, and within ten where they hear of no change.

What holds is seen from outside: the node refuses what it took before, or calls another endpoint.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.fault.by_hand import Platform
from tests.fault.wire import Answer, call
from tests.nodes.between import Between
from tests.nodes.cluster import NodeProcess, Nodes, Partners, cluster, join
from tests.promises import size

CHANGES = size(24, 102)
UNHEARD = size(6, 24)
"""Multiples of the ways there are: at the end all is as it was."""
SECOND, UNHEARD_SECONDS = 1.0, 10.0
TRIES = 3
"""The longest of many times says also how busy the machine is."""
MODULES = "locations", "sessions"

pytestmark = [pytest.mark.promise(15), pytest.mark.timeout(size(400, 600))]

Holds = Callable[[NodeProcess], Awaitable[bool]]


class Story:
    """Three nodes, and two partners of which one is shut out again and again, in each way there is."""

    def __init__(self, nodes: Nodes, server: Partners, cpo: Platform, emsp: Platform) -> None:
        self.nodes, self.server, self.cpo, self.emsp = nodes, server, cpo, emsp
        self.moved = 0

    async def get(self, node: NodeProcess, token: str) -> Answer:
        """The CPO asks for locations of the eMSP through one node."""
        url = f"{node.url}/ocpi/2.2.1/sender/locations/"
        return await call("GET", url, token, sender=self.cpo.role.party, to=self.emsp.role.party)

    async def refused(self, node: NodeProcess) -> bool:
        return (await self.get(node, self.cpo.token)).status == 401

    async def taken(self, node: NodeProcess) -> bool:
        answer = await self.get(node, self.cpo.token)
        return (answer.status, answer.code) == (200, 1000)

    async def suspended(self, node: NodeProcess) -> Holds:
        await node.ask("suspend", ref=self.cpo.key)
        return self.refused

    async def resumed(self, node: NodeProcess) -> Holds:
        await node.ask("resume", ref=self.cpo.key)
        return self.taken

    async def rotated(self, node: NodeProcess) -> Holds:
        """The partner renews its token."""
        old, hub = self.cpo.token, self.cpo.hub
        self.cpo.hub = node.url
        await self.cpo.send_credentials("PUT")
        self.cpo.hub = hub

        async def refused(other: NodeProcess) -> bool:
            return (await self.get(other, old)).status == 401

        return refused

    async def denied(self, node: NodeProcess) -> Holds:
        one, other = str(self.cpo.role.party), str(self.emsp.role.party)
        await node.ask("agreement-deny", name=one, ref=other, module="locations")

        async def refused(there: NodeProcess) -> bool:
            answer = await self.get(there, self.cpo.token)
            return answer.status == 200 and answer.code != 1000

        return refused

    async def allowed(self, node: NodeProcess) -> Holds:
        one, other = str(self.cpo.role.party), str(self.emsp.role.party)
        await node.ask("agreement-remove", name=one, ref=other, module="locations")
        return self.taken

    async def moved_on(self, node: NodeProcess) -> Holds:
        """The eMSP's locations are at another place."""
        self.moved += 1
        place = f"moved/{self.moved}"
        url = f"{self.server.url}/{self.emsp.key}/{place}"
        await node.ask("endpoint-set", ref=self.emsp.key, module="locations", interface="SENDER", url=url)

        async def goes_there(other: NodeProcess) -> bool:
            before = len(self.server.asked)
            await self.get(other, self.cpo.token)
            return any(each == (self.emsp.key, place) for each in self.server.asked[before:])

        return goes_there

    async def run(self, changes: int, within: float) -> float:
        """Change, at one node after the other; seconds until that held on all, the longest of them."""
        ways = self.suspended, self.resumed, self.rotated, self.denied, self.allowed, self.moved_on
        longest = 0.0
        for number in range(changes):
            node = self.nodes.all[(number + number // len(ways)) % len(self.nodes.all)]
            holds = await ways[number % len(ways)](node)
            began = time.monotonic()
            assert await holds(node), (number, ways[number % len(ways)].__name__)
            for other in self.nodes.all:
                if other is not node:
                    async with asyncio.timeout(within + 20):
                        while not await holds(other):
                            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - began)
        return longest


@asynccontextmanager
async def story(folder, url, nursery) -> AsyncIterator[tuple[Story, list[Between]]]:
    """Each node has something between itself and the database."""
    port = int(url.rpartition("/")[0].rpartition(":")[2])
    async with AsyncExitStack() as stack:
        between = [await stack.enter_async_context(Between(port)) for _ in range(3)]
        nodes = await stack.enter_async_context(cluster(folder, lambda place: between[place].leads_there(url), nursery))
        server = await stack.enter_async_context(Partners())
        cpo = await join(nodes, server, "NL-CPO:CPO")
        emsp = await join(nodes, server, "DE-MSP:EMSP")
        yield Story(nodes, server, cpo, emsp), between


async def test_what_one_node_revokes_all_refuse(tmp_path, url, nursery, proof):
    async with story(tmp_path, url, nursery) as (told, between):
        for _ in range(TRIES):
            if (longest := await told.run(CHANGES, SECOND)) <= SECOND:
                break
        proof.at_least("changes of one node, in force on all", CHANGES, size(24, 100))
        proof.at_most("seconds until a change of one node holds on all", round(longest, 3), SECOND)
        for each in between:
            each.silent = True
        unheard = await told.run(UNHEARD, UNHEARD_SECONDS)
        assert all(each.dropped for each in between)
        proof.at_least("changes that nobody was told of", UNHEARD, size(6, 20))
        proof.at_most("seconds until one holds on all that they were not told of", round(unheard, 3), UNHEARD_SECONDS)
