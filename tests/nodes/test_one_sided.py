"""What one node alone can not reach: it goes on with all else, the others still reach it, nobody is told OFFLINE."""

import asyncio
import time

import pytest

from tests.fault.by_hand import Platform
from tests.fault.raw_partner import Received
from tests.nodes.cluster import NodeProcess, Partners, cluster, join, owner, through
from tests.promises import size

LASTS = size(5.0, 75.0)
"""Seconds. After sixty, partners would be told (hub.core.breaker.Policy.quiet)."""
AT_ONCE = 2.0

pytestmark = [pytest.mark.promise(15), pytest.mark.timeout(size(200, 400))]


class Particular(Partners):
    """Partners who hang up on one node, as a firewall may."""

    refused: NodeProcess | None = None

    async def _answer(self, request: Received, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("peername")[1]
        if request.platform == "msp" and self.refused and owner(port, [self.refused.pid]):
            writer.transport.abort()
        else:
            await super()._answer(request, writer)


async def arrives(sender: Platform, to: Platform) -> bool:
    return (await sender.put_session(to, {"id": "S1"})).code == 1000


async def test_what_one_node_alone_can_not_reach_holds_up_nothing_else(tmp_path, url, nursery, proof):
    async with cluster(tmp_path, url, nursery) as nodes, Particular() as server:
        cpo, emsp, other = [await join(nodes, server, role) for role in ("NL-CPO:CPO", "DE-MSP:EMSP", "DE-OTH:EMSP")]
        leader = await nodes.leader()
        one = next(each for each in nodes.all if each is not leader)
        there, here = through(leader, cpo), through(one, cpo)
        server.told, server.refused = [], one
        while not one.said("unreachable"):
            assert not await arrives(here, emsp)
        times, since = [], time.monotonic()
        while time.monotonic() - since < LASTS:
            began = time.monotonic()
            assert await arrives(here, other)
            times.append(time.monotonic() - began)
            assert await arrives(there, emsp)
            await asyncio.sleep(0.1)
        assert not await arrives(here, emsp)
        server.refused = None
        async with asyncio.timeout(40):
            while not await arrives(here, emsp):
                await asyncio.sleep(0.1)
        told = [each for each in server.told if each[2] == "OFFLINE"]
    proof.at_least("pushes to others through a node that alone can not reach a partner", len(times), size(20, 300))
    proof.at_most("seconds of the slowest push to others through such a node", round(max(times), 2), AT_ONCE)
    proof.exactly("partners told OFFLINE of whom one node can not reach", len(told), 0)
