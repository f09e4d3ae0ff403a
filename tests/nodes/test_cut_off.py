"""The node that leads loses the way to the database, and neither side is told: as when a cable is pulled out.

It routes on with what it knows and says that it is alone; what it can not keep, it does not acknowledge. Another leads,
and never both at a time. When the way is there again, it catches up.
"""

import asyncio
import time

import aiohttp
import msgspec
import pytest

from hub.core.party import Party
from tests.fault.by_hand import Platform
from tests.fault.wire import Answer, call
from tests.nodes.cables import Cables, cables
from tests.nodes.cluster import NodeProcess, Nodes, Partners, cluster, join, through, until
from tests.postgresql import cluster as database_server
from tests.promises import size

CUT = size(16.0, 60.0)
LEADS_WITHIN = 10.0
PROBES_WITHIN = LEADS_WITHIN + 5.0
"""A node looks every three seconds whether it has to see to a partner that another one looked after."""
CAUGHT_UP_WITHIN = 10.0
PATIENCE = 10.0
"""Seconds in which the cut off node has to say that it is."""
SAYS_NO_WITHIN = 20.0
"""And in which a write that was under way is refused: TCP finds out first, and then a new connection is tried."""
HUB = Party("NL", "HUB")

pytestmark = [pytest.mark.promise(15), pytest.mark.timeout(size(400, 400))]


class Scene:
    """Three nodes in networks of their own. `acknowledged` are the tariffs that somebody said to have."""

    def __init__(self, nodes: Nodes, server: Partners, wires: Cables) -> None:
        self.nodes, self.server, self.wires = nodes, server, wires
        self.acknowledged: dict[str, str] = {}
        self.pushed = self.failed = self.refused = 0
        self.slowest = self.longest_no = 0.0

    async def join(self, role: str, node: NodeProcess) -> Platform:
        platform = await join(node, self.server, role)
        platform.hub = node.url
        return platform

    async def push(self, node: NodeProcess, sender: Platform, receiver: Platform, over: asyncio.Event) -> None:
        """Pushes that need no store."""
        while not over.is_set():
            began = time.monotonic()
            answer = await through(node, sender).put_session(receiver, {"id": f"S{self.pushed % 7}"})
            self.pushed += 1
            self.failed += (answer.status, answer.code) != (200, 1000)
            self.slowest = max(self.slowest, time.monotonic() - began)
            await asyncio.sleep(0.05)

    async def keep(self, node: NodeProcess, cpo: Platform, over: asyncio.Event) -> None:
        """Pushes that the hub keeps."""
        number = 0
        while not over.is_set():
            number += 1
            name, stamp = f"t{node.name}", f"2026-01-01T{number // 60:02}:{number % 60:02}:00Z"
            tariff = {
                "country_code": "NL", "party_id": "CPO", "id": name, "currency": "EUR", "elements": [],
                "last_updated": stamp,
            }  # fmt: skip
            began = time.monotonic()
            url = f"{node.url}/ocpi/2.2.1/receiver/tariffs/NL/CPO/{name}"
            answer = await call("PUT", url, cpo.token, tariff, sender=cpo.role.party, to=HUB, within=60)
            if (answer.status, answer.code) == (200, 1000):
                self.acknowledged[name] = stamp
            else:
                self.refused += 1
                self.longest_no = max(self.longest_no, time.monotonic() - began)
            await asyncio.sleep(0.1)


async def health(node: NodeProcess, what: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"{node.admin}/health/{what}") as answer:
        return answer.status


async def test_a_node_that_is_cut_off_routes_on_and_another_leads(tmp_path, nursery, proof):
    with cables(3) as wires, database_server(listen_addresses=f"127.0.0.1,{wires.database}") as server:
        hba = server.folder / "data/pg_hba.conf"
        hba.write_text(f"{hba.read_text()}\nhost all all {wires.network} trust\n")
        server.run("pg_ctl", "reload", "-D", str(server.folder / "data"))
        own = server.make()
        url = own.replace("127.0.0.1", wires.database)
        partners = Partners()
        partners.host = wires.partners
        sections = {"liveness": {"idle": 1.0}, "upstream": {"allow_private": ["127.0.0.0/8", "10.0.0.0/8"]}}
        async with cluster(tmp_path, url, nursery, at=wires.at, **sections) as nodes, partners:
            nodes.database = own
            await trial(Scene(nodes, partners, wires), proof)


async def trial(scene: Scene, proof) -> None:
    nodes, server = scene.nodes, scene.server
    leader = await nodes.leader()
    others = [each for each in nodes.all if each is not leader]
    cpo, emsp = [await scene.join(role, leader) for role in ("NL-CPO:CPO", "DE-MSP:EMSP")]
    out = await scene.join("NL-OUT:CPO", others[0])
    await scene.join("NL-QUI:CPO", others[1])  # it is probed, as it is never heard
    for node in nodes.all:
        assert (await through(node, out).get_locations(emsp)).code == 1000
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for node in nodes.all:
            group.create_task(scene.push(node, cpo, emsp, over))
            group.create_task(scene.keep(node, cpo, over))
        await asyncio.sleep(1.5)
        scene.wires.pull_out(nodes.all.index(leader))
        cut = time.monotonic()
        leading = group.create_task(until(lambda: any(each.leads for each in others), 4 * LEADS_WITHIN))
        await while_cut_off(scene, leader, others, out, emsp)
        await asyncio.sleep(max(0.0, CUT - (time.monotonic() - cut)))
        scene.wires.plug_in(nodes.all.index(leader))
        began = time.monotonic()
        while (await through(leader, out).get_locations(emsp)).status != 401:
            await asyncio.sleep(0.05)
        caught_up = time.monotonic() - began
        await asyncio.sleep(1.0)
        over.set()
    while await health(leader, "ready") != 200:
        assert time.monotonic() - began < CAUGHT_UP_WITHIN * 2
        await asyncio.sleep(0.1)
    assert len(leader.said("node_without_store")) == len(leader.said("node_with_store_again")) == 1
    held = await nodes.held()
    lost = [
        name for name, stamp in scene.acknowledged.items() if stamp not in held["mirror", "tariffs", "NL-CPO", name]
    ]
    hosts = {node.host: node for node in nodes.all}
    later = [each for each in server.probes if each.at > cut and each.platform == "qui"]
    first = next(each.at for each in later if hosts[each.host] is not leader)
    last = max((each.at for each in later if hosts[each.host] is leader), default=cut)
    proof.at_least("seconds without the database", round(time.monotonic() - cut), CUT)
    proof.at_least("pushes through nodes of which one is cut off", scene.pushed, size(100, 500))
    proof.exactly("of those that failed", scene.failed, 0)
    proof.at_most("seconds of the longest of them", round(scene.slowest, 2), 5.0)
    proof.at_least("writes that the cut off node did not acknowledge", scene.refused, 1)
    proof.at_most("seconds in which it said so", round(scene.longest_no, 1), SAYS_NO_WITHIN)
    proof.at_most("seconds until another leads in its place", round(leading.result(), 1), LEADS_WITHIN)
    proof.at_most("seconds until it probes", round(first - cut, 1), PROBES_WITHIN)
    proof.exactly("probes of both at a time", sum(first <= each.at <= last for each in later), 0)
    proof.at_most("seconds until it knows what it missed", round(caught_up, 1), CAUGHT_UP_WITHIN)
    proof.exactly("acknowledged writes lost by the cut", len(lost), 0)


def tariff_stamp(body: str) -> str:
    return str(msgspec.json.decode(body)["last_updated"])


async def while_cut_off(
    scene: Scene, alone: NodeProcess, others: list[NodeProcess], out: Platform, emsp: Platform
) -> None:
    """It says so, and takes no registration; the others go on, and one of them leads."""
    new = await scene.join("NL-NEW:CPO", others[0])
    await others[1].ask("suspend", ref=out.key)
    assert (await through(others[0], new).get_locations(emsp)).code == 1000
    began = time.monotonic()
    while await health(alone, "ready") != 503:
        assert time.monotonic() - began < PATIENCE
        await asyncio.sleep(0.1)
    assert await health(alone, "live") == 200
    await until(lambda: alone.said("node_without_store"), PATIENCE)
    answer = await renewal(alone, out)
    assert (answer.status, answer.code) != (200, 1000), answer


async def renewal(node: NodeProcess, platform: Platform) -> Answer:
    url = f"{node.url}/ocpi/2.2.1/credentials"
    return await call("PUT", url, platform.token, platform.credentials("n" * 20), within=60)
