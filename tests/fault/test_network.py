"""Marked pushes through a network that fails in every way, in both directions, and a hub that is killed meanwhile.

The course of events is random, and the same for the same seed. OCPI 2.2.1, transport_and_format: Offline behaviour.
"""

import asyncio
import random
import re
import secrets
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest

from hub.core.party import PartyRole
from tests.fault.by_hand import Platform, Refused
from tests.fault.fault_proxy import FaultProxy, Faults, Plan
from tests.fault.process import HubProcess
from tests.fault.raw_partner import RawPartner
from tests.fault.wire import NoAnswer
from tests.promises import size

pytestmark = [pytest.mark.promise(2), pytest.mark.timeout(size(120, 7200))]

SEED = 7
STEPS = size(12, 200)
PUSHES = 10
KILL_EVERY = 6
EMSPS = 3
MARKER = re.compile(rb"mark-[0-9a-f]{16}")


class Behind(RawPartner):
    """A partner that is reached through a proxy."""

    proxy: FaultProxy

    @property
    def url(self) -> str:
        return self.proxy.url


class Network:
    """A CPO and some eMSPs behind proxies, and one before the hub. `meant` says where a marker may arrive."""

    def __init__(self, hub: HubProcess) -> None:
        self.hub = hub
        self.chance = random.Random(SEED)
        self.front = FaultProxy(hub.port, SEED)
        self.servers = [Behind(marker=MARKER) for _ in range(EMSPS + 1)]
        self.platforms: list[Platform] = []
        self.meant: dict[bytes, int] = {}
        self.done: set[bytes] = set()
        self.renewed = self.kills = 0

    async def start(self, stack: AsyncExitStack) -> None:
        await stack.enter_async_context(self.front)
        for number, server in enumerate(self.servers):
            await stack.enter_async_context(server)
            server.proxy = await stack.enter_async_context(FaultProxy(server.port, number))
            role = PartyRole.parse(f"DE-M{number:02}:EMSP" if number else "NL-CPO:CPO")
            platform = Platform(f"p{number}", role, server.url, self.front.url)
            platform.token = (await self.hub.ask("invite", name=f"Partner {number}", parties=(str(role),)))["token_a"]
            await platform.send_credentials("POST")
            self.platforms.append(platform)

    def some(self, *, spoil: bool) -> Faults:
        """A way to fail, or none. `spoil`: bytes may change on their way, too."""
        at = self.chance.randrange(1200)
        known = [Faults(), Faults(latency=0.02, jitter=0.05), Faults(rate=20_000.0), Faults(cut_at=at),
                 Faults(reset_at=at), Faults(half_close_at=at), Faults(stall_at=at)]  # fmt: skip
        return self.chance.choice([*known, *([Faults(garbage_at=at), Faults(flip_at=at)] if spoil else [])])

    def spoil(self) -> None:
        """Another network. Pushes are not changed on their way: they would be others, rightly routed."""
        self.front.plan = Plan(there=self.some(spoil=False), back=self.some(spoil=False))
        for server in self.servers[1:]:
            server.proxy.plan = Plan(there=self.some(spoil=False), back=self.some(spoil=True))

    def heal(self) -> None:
        for proxy in (self.front, *(server.proxy for server in self.servers)):
            proxy.plan = Plan()

    async def push(self) -> None:
        to, marker = self.chance.randrange(1, EMSPS + 1), f"mark-{secrets.token_hex(8)}"
        self.meant[marker.encode()] = to
        try:
            answer = await self.platforms[0].put_session(self.platforms[to], {"id": "S1", "remark": marker})
        except (NoAnswer, TimeoutError):
            return
        if answer.code == 1000:
            self.done.add(marker.encode())

    async def renew(self) -> None:
        """New tokens, through a network that is well: those that were acknowledged have to be good from now on."""
        try:
            await self.chance.choice(self.platforms).send_credentials("PUT")
            self.renewed += 1
        except Refused:
            pass  # the hub could not call back, and the old token stays

    async def kill(self) -> None:
        self.hub.kill()
        await self.hub.start()
        self.kills += 1

    async def opens(self) -> int:
        """How many of the tokens that were acknowledged open the hub."""
        return [(await each.versions()).status for each in self.platforms].count(200)


async def test_pushes_through_a_network_that_fails_in_every_way(tmp_path, proof):
    hub = HubProcess(tmp_path, timeout=1.5, connections=PUSHES * EMSPS)
    closed = 0
    async with hub, AsyncExitStack() as stack:
        network = Network(hub)
        await network.start(stack)
        for step in range(1, STEPS + 1):
            network.spoil()
            pushes = [asyncio.create_task(network.push()) for _ in range(PUSHES)]
            if not step % KILL_EVERY:
                await asyncio.sleep(network.chance.uniform(0, 0.3))
                await network.kill()
            if step % 3:
                await asyncio.sleep(0.5)  # some faults end while pushes are under way
                network.heal()
            await asyncio.wait(pushes)
            network.heal()
            await network.renew()
            closed += len(network.platforms) - await network.opens()
        arrived = {(marker, number): times for number, server in enumerate(network.servers)
                   for marker, times in server.deliveries.items() if marker in network.meant}  # fmt: skip
    there = {marker for marker, _ in arrived}
    proof.at_least("pushes through a network that fails", len(network.meant), PUSHES * STEPS)
    proof.at_least("of these arrived all the same", len(there), STEPS)
    proof.at_least("kills of the hub meanwhile", network.kills, STEPS // KILL_EVERY)
    proof.exactly("pushes that arrived twice", sum(times > 1 for times in arrived.values()), 0)
    proof.exactly("pushes that arrived elsewhere", sum(network.meant[each] != to for each, to in arrived), 0)
    proof.exactly("pushes acknowledged that did not arrive", len(network.done - there), 0)
    proof.exactly("tokens acknowledged that open nothing", closed, 0)
    proof.exactly("errors in the log of the hub", len(errors(hub)), 0)


def errors(hub: HubProcess) -> list[Any]:
    """What the hub itself holds for a failure of its own."""
    lines = [msgspec.json.decode(each) for each in hub.log.read_bytes().splitlines() if each.startswith(b"{")]
    return [each for each in lines if each.get("level") in ("error", "critical") or "exception" in each]
