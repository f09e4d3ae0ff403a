"""A real hub whose partners go away, each in its own way: how soon it gives them up, and how soon the others learn.

The seconds of a release are those of the hub's own bounds; in CI it is the number of failures alone, and the seconds
are those of tests/core/test_outages.py. OCPI 2.2.1, hubclientinfo: ConnectionStatus.
"""

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from itertools import pairwise

import msgspec
import pytest

from tests.fault.fault_proxy import FaultProxy, Faults, Plan
from tests.fault.load import PATH, TARIFF, join
from tests.fault.process import HubProcess
from tests.partner import Partner, Say, ocpi
from tests.promises import LONG, size
from tests.raw import request, wire

pytestmark = [pytest.mark.promise(9), pytest.mark.timeout(size(60, 1200))]

TIMEOUT = size(1.0, 30.0)
EVERY = 1.0
FLAPPING = 400.0
SPANS = 15, 20, 35, 61, 70
GONE = {
    "refuses": None,
    "resets": Plan(there=Faults(reset_at=0)),
    "hangs": Plan(there=Faults(stall_at=0)),
    "breaks off": Plan(back=Faults(cut_at=20)),
    "says 503": Plan(),
}
PUT = "PUT /receiver/tariffs/NL/CPO/T1"
NAMES = {kind: f"DE-G{number:02}" for number, kind in enumerate(GONE)}


class Place:
    """A partner behind a proxy, which goes away in one way, and comes back."""

    def __init__(self, kind: str, partner: Partner, proxy: FaultProxy) -> None:
        self.kind, self.partner, self.proxy = kind, partner, proxy

    async def go(self) -> None:
        plan = GONE[self.kind]
        if plan is None:
            await self.proxy.stop()
        elif self.kind == "says 503":
            self.partner.says |= dict.fromkeys(("GET /versions", PUT), Say(503, b"no"))
        else:
            self.proxy.plan = plan

    async def come_back(self) -> None:
        self.proxy.plan = Plan()
        self.partner.says = {PUT: ocpi()}
        if GONE[self.kind] is None:
            await self.proxy.start()


@asynccontextmanager
async def places(hub):
    """Partners of all kinds, well and registered."""
    async with AsyncExitStack() as stack:
        made = []
        for kind, name in NAMES.items():
            partner = Partner(f"{name}:EMSP", endpoints=["receiver/tariffs"])
            await stack.enter_async_context(partner.serve())
            proxy = await stack.enter_async_context(FaultProxy(int(partner.url.rpartition(":")[2])))
            partner.url, partner.says = proxy.url, {PUT: ocpi()}
            await join(hub, partner)
            made.append(Place(kind, partner, proxy))
        yield made


@asynccontextmanager
async def cpo(hub):
    """The one who pushes, and is told of the others."""
    partner = Partner("NL-CPO:CPO", endpoints=["sender/tariffs", "receiver/hubclientinfo"])
    async with partner.serve():
        for name in NAMES.values():
            partner.says[f"PUT /receiver/hubclientinfo/{name.replace('-', '/')}"] = ocpi()
        await join(hub, partner)
        yield partner


async def push(hub, sender, place):
    """One push; OCPI's status code and what was said."""
    to = place.partner.party
    headers = (f"OCPI-to-country-code: {to.country}", f"OCPI-to-party-id: {to.party_id}",
               "OCPI-from-country-code: NL", "OCPI-from-party-id: CPO")  # fmt: skip
    async with wire(hub.url, TIMEOUT + 20) as connection:
        await connection.send(request("PUT", PATH, *headers, token=sender.token, body=TARIFF))
        answer = await connection.answer()
        return answer.told[1], answer.message


async def test_it_is_given_up_after_three_failures(tmp_path, proof):
    async with HubProcess(tmp_path, timeout=1.0) as hub, cpo(hub) as sender, places(hub) as made:
        for place, tried in zip(
            made, await asyncio.gather(*(failures(hub, sender, each) for each in made)), strict=True
        ):
            proof.at_most(f"messages that fail before one that {place.kind} is given up", tried, 3)


async def failures(hub, sender, place):
    """How many messages fail until the others are refused at once."""
    assert (await push(hub, sender, place))[0] == 1000
    await place.go()
    tried = 0
    while "is offline" not in (answer := await push(hub, sender, place))[1]:
        assert answer[0] >= 2000
        tried += 1
    return tried


class Told:
    """What the CPO was told of one party: seconds since 1970, and the status."""

    def __init__(self, watcher: Partner, name: str) -> None:
        self.watcher = watcher
        self.line = f"PUT /receiver/hubclientinfo/{name.replace('-', '/')}"

    @property
    def all(self) -> list[tuple[float, str]]:
        told = [msgspec.json.decode(each.body) for each in self.watcher.asked if each.line == self.line]
        return [(datetime.fromisoformat(each["last_updated"]).timestamp(), each["status"]) for each in told]

    async def until(self, status: str, since: float) -> float:
        """Seconds from `since` until it was told this, as the CPO's own clock has it."""
        while not (self.all and self.all[-1][1] == status):
            await asyncio.sleep(0.05)
        return round(time.time() - since, 1)


async def traffic(hub, sender, place):
    """One message after another."""
    async with asyncio.TaskGroup() as group:
        while True:
            group.create_task(push(hub, sender, place))
            await asyncio.sleep(EVERY)


async def outage(hub, sender, place):
    """One outage: seconds until OFFLINE was told, and after it until CONNECTED was."""
    told = Told(sender, NAMES[place.kind])
    pushing = asyncio.create_task(traffic(hub, sender, place))
    try:
        await told.until("CONNECTED", 0)
        await place.go()
        offline = await told.until("OFFLINE", time.time())
        await place.come_back()
        return offline, await told.until("CONNECTED", time.time())
    finally:
        pushing.cancel()
        await asyncio.wait([pushing])


@pytest.mark.skipif(not LONG, reason="takes minutes: python -m tests.fault --long --promise 9")
async def test_the_others_learn_of_it_and_of_its_return(tmp_path, proof):
    async with HubProcess(tmp_path, timeout=TIMEOUT) as hub, cpo(hub) as sender, places(hub) as made:
        await asyncio.sleep(60)  # registering was a publication, too
        for place, (offline, connected) in zip(
            made, await asyncio.gather(*(outage(hub, sender, place) for place in made)), strict=True
        ):
            proof.at_most(f"seconds until OFFLINE reaches a partner, of one that {place.kind}", offline, 45.0)
            proof.at_most(f"seconds until CONNECTED reaches a partner, of one that {place.kind}", connected, 75.0)


@pytest.mark.skipif(not LONG, reason="takes minutes: python -m tests.fault --long --promise 9")
async def test_who_flaps_is_told_of_once_a_minute(tmp_path, proof):
    async with HubProcess(tmp_path, timeout=TIMEOUT) as hub, cpo(hub) as sender, places(hub) as made:
        pushing = [asyncio.create_task(traffic(hub, sender, place)) for place in made]
        flapping = [asyncio.create_task(flap(place, span)) for place, span in zip(made, SPANS, strict=True)]
        await asyncio.sleep(FLAPPING)
        for task in (*pushing, *flapping):
            task.cancel()
        await asyncio.wait((*pushing, *flapping))
        told = [Told(sender, name).all for name in NAMES.values()]
        apart = [
            after - before
            for each in told
            for (before, was), (after, now) in pairwise(each)
            if {was, now} == {"CONNECTED", "OFFLINE"}  # what people do, registering for one, is told at once
        ]
        proof.at_least("publications about those that flap", len(apart), 10)
        proof.at_least("seconds between two publications, as a partner got them", round(min(apart), 1), 60.0)


async def flap(place, span):
    while True:
        await place.go()
        await asyncio.sleep(span)
        await place.come_back()
        await asyncio.sleep(span)
