"""A soak: partners drop and return at random while pushes go to one and to all, and agreements change.

Every push has a marker of its own. Each destination gets it once at most, and nobody gets it who may not have it (OCPI
2.2.1, transport_and_format: Offline behaviour, Broadcast Push). Ten seconds; `OCPI_HUB_SOAK_SECONDS=600` for a release,
`OCPI_HUB_SOAK_SEED` for another course of events.
"""

import asyncio
import os
import random
import re
from collections import Counter
from contextlib import AsyncExitStack
from itertools import count

import pytest

from hub.core.modules import Interface
from hub.core.party import Party, PartyRole
from hub.sim import SimCpo, SimEmsp
from hub.sim.client import CallFailed
from hub.sim.faults import Fault
from tests.support import register, running

ELEMENTS = [{"price_components": [{"type": "ENERGY", "price": 0.5, "step_size": 1}]}]
SECONDS = float(os.environ.get("OCPI_HUB_SOAK_SECONDS", "10"))
SEED = int(os.environ.get("OCPI_HUB_SOAK_SEED", "1"))
SETTLE = 1.0
"""Seconds in which a hub that kept something would deliver it, when all are back."""
HUB = Party("NL", "HUB")
MARKER = re.compile(rb"marker-\d+")
FAULTS = (Fault.NONE, Fault.NONE, Fault.RESET, Fault.STATUS_500, Fault.NOT_JSON)


class Soak:
    """What goes on, and what must hold of it."""

    def __init__(self, app, cpos, emsps, seed):
        self.app, self.cpos, self.emsps = app, cpos, emsps
        self.chance = random.Random(seed)
        self.numbers = count()
        self.may_have: dict[bytes, set[str]] = {}
        self.answers: Counter[str] = Counter()
        self.until = asyncio.get_running_loop().time() + SECONDS
        self.denied: set[tuple[str, str]] = set()
        self.under_way: dict[str, tuple[str, set[str], set[str]]] = {}
        self.drops = self.changes = 0

    @property
    def goes_on(self):
        return asyncio.get_running_loop().time() < self.until

    async def push(self, cpo):
        """Pushes of one CPO, to one or to all. Who may have a push is written down before it goes."""
        while self.goes_on:
            marker = f"marker-{next(self.numbers):09}"
            to = self.chance.choice((HUB, None, *(each.party for each in self.emsps)))
            body = {"country_code": cpo.party.country, "party_id": cpo.party.party_id, "id": marker,
                    "last_updated": "2026-01-01T00:00:00Z", "currency": "EUR", "elements": ELEMENTS}  # fmt: skip
            path = f"{cpo.party.country}/{cpo.party.party_id}/{marker}"
            named = {each.party.id for each in self.emsps} if to in (HUB, None) else {to.id}
            may_have = {each for each in named if (cpo.party.id, each) not in self.denied}
            self.may_have[marker.encode()] = may_have
            self.under_way[marker] = cpo.party.id, named, may_have
            try:
                reply = await cpo.call("tariffs", Interface.RECEIVER, "PUT", path, to=to, sender=cpo.party, body=body)
                self.answers[f"{'all' if to in (HUB, None) else 'one'} {reply.status_code}"] += 1
            except CallFailed:
                self.answers["lost"] += 1
            del self.under_way[marker]
            await asyncio.sleep(self.chance.uniform(0, 0.01))

    async def drop(self, platform):
        """A partner fails, goes, and comes back."""
        while self.goes_on:
            await asyncio.sleep(self.chance.uniform(0.05, 0.6))
            platform.fault = self.chance.choice(FAULTS)
            if self.chance.random() < 0.5:
                await platform.stop()
                self.drops += 1
                await asyncio.sleep(self.chance.uniform(0.01, 0.5))
                await platform.start()
        platform.fault = Fault.NONE

    async def change_agreements(self):
        """Denials come and go."""
        book = self.app.operations.agreements
        while self.goes_on:
            await asyncio.sleep(self.chance.uniform(0.05, 0.3))
            pair = self.chance.choice(self.cpos).party.id, self.chance.choice(self.emsps).party.id
            self.changes += 1
            if pair not in self.denied:
                await book.set(*pair, "*", allow=False)
                self.denied.add(pair)
                continue
            # A push that is on its way to the hub just now may be routed before or after.
            self.denied.discard(pair)
            for cpo, named, may_have in self.under_way.values():
                if cpo == pair[0]:
                    may_have.update({pair[1]} & named)
            await book.remove(*pair, "*")

    def delivered(self):
        """How often each marker came to each party."""
        return Counter(
            (marker, each.party.id)
            for each in (*self.emsps, *self.cpos)
            for request in each.received
            if request.method == "PUT"
            for marker in MARKER.findall(request.body)[:1]
        )

    def check(self):
        delivered = self.delivered()
        assert [each for each, times in delivered.items() if times > 1] == []
        assert [(marker, party) for marker, party in delivered if party not in self.may_have[marker]] == []
        return delivered


@pytest.mark.timeout(SECONDS + 60)
async def test_every_push_comes_once_at_most_and_to_nobody_who_may_not_have_it(tmp_path):
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(running(tmp_path))
        cpos = [SimCpo(name, [PartyRole.parse(f"{name}:CPO")]) for name in ("NL-ONE", "NL-TWO")]
        emsps = [SimEmsp(name, [PartyRole.parse(f"{name}:EMSP")]) for name in ("DE-AAA", "DE-BBB", "FR-CCC", "BE-DDD")]
        for each in (*cpos, *emsps):
            await stack.enter_async_context(each)
            await register(app, each)
        soak = Soak(app, cpos, emsps, SEED)
        async with asyncio.TaskGroup() as tasks:
            for cpo in cpos * 3:
                tasks.create_task(soak.push(cpo))
            for emsp in emsps:
                tasks.create_task(soak.drop(emsp))
            tasks.create_task(soak.change_agreements())
        before = soak.check()
        await asyncio.sleep(SETTLE)
        after = soak.check()
        print(f"pushes {len(soak.may_have)}, deliveries {sum(after.values())}, drops {soak.drops},", end=" ")
        print(f"agreements changed {soak.changes}, answers {dict(soak.answers)}")
        assert len(soak.may_have) > 20 * SECONDS
        assert soak.drops > SECONDS / 2
        assert soak.changes > SECONDS
        assert len({party for _, party in after}) == len(emsps)
        assert sum(after.values()) - sum(before.values()) <= len(emsps) * len(cpos) * 3, "nothing is delivered later"
