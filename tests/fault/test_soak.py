"""A soak: a hub at half of what it can, while partners come and go, agreements, tokens and plugins change.

Every push has a marker of its own. Each destination gets it once at most, and nobody gets it who may not have it (OCPI
2.2.1, transport_and_format: Offline behaviour, Broadcast Push); and the hub does not grow. Some seconds in CI; an hour,
after half an hour of warming up, for a release. `OCPI_HUB_SOAK_SECONDS` is another length, a third of it to warm up,
`OCPI_HUB_SOAK_SEED` another course of events.
"""

import asyncio
import gc
import json
import os
import shutil
from contextlib import AsyncExitStack
from statistics import mean, median

import pytest

from tests.fault.load import configure
from tests.fault.process import ROOT, HubProcess
from tests.fault.soak import Soak
from tests.fault.soak_others import PLUGIN, Others
from tests.fault.vitals import Vitals, descriptors, megabytes, processor, slope, tasks
from tests.ports import free_port
from tests.promises import LONG, size

SECONDS = float(os.environ.get("OCPI_HUB_SOAK_SECONDS") or size(15, 5400))
SEED = int(os.environ.get("OCPI_HUB_SOAK_SEED", "1"))
WARM = SECONDS / 3
"""Seconds in which caches fill: what is taken then is no growth."""
EVERY = size(0.5, 10.0)
OFTEN = size(0.1, 0.27)
"""Seconds. The hub takes more for moments, and gives it back every second: of one look in ten seconds, always as long
after that as the one before, one would see now what it keeps and now what it had for a moment, and a trend in that."""
MOST = size(60.0, 200.0)
"""Pushes a second: the machine is not the test's alone."""
QUIET = 1.5
PACE = size((0.2, 1.0), (2.0, 8.0))
"""Seconds between two reloads, and that a guest stays."""
HURRY = 0.0, 0.3
"""The same while it warms up: what keeps something of each, up to a number of them, is full before anything counts."""

pytestmark = pytest.mark.promise(11)


class Run:
    """A soak with all who take part, and the vitals of its hub."""

    def __init__(self, hub: HubProcess, soak: Soak, admin: str, key: str) -> None:
        self.hub, self.soak, self.admin, self.key = hub, soak, admin, key
        self.others = Others(soak, admin, key)
        self.seen: list[Vitals] = []

    async def capacity(self) -> float:
        """Pushes that the hub could take in a second with a processor of its own, from what some cost it."""
        self.soak.begin(60.0)
        before, begun = processor(self.hub.pid), self.soak.ledger.pushes
        await asyncio.gather(*(self.soak.push(cpo, None, 40) for cpo in self.soak.cpos * 4))
        return (self.soak.ledger.pushes - begun) / (processor(self.hub.pid) - before)

    async def go_on(self, seconds: float, rate: float, pace: tuple[float, float] = PACE) -> None:
        """Everything at once for so long."""
        soak, others = self.soak, self.others
        soak.begin(seconds)
        async with asyncio.TaskGroup() as group:
            for work in (
                *(soak.push(cpo, rate) for cpo in soak.cpos * 12),
                *(soak.drop(member) for member in soak.members),
                soak.change_agreements(), soak.renew(), soak.command(), soak.read(), soak.authorize(),
                *(others.guests(*pace) for _ in range(2)), others.reload(*pace),
                others.operate(), others.poll(), others.visit(), others.visit(), others.be_rude(), self._watch(),
            ):  # fmt: skip
                group.create_task(work)

    async def rest(self) -> tuple[int, int]:
        """Descriptors and tasks of a hub that has nothing to do, when its idle connections are gone."""
        await asyncio.sleep(QUIET)
        found = []
        for _ in range(10):
            found.append((descriptors(self.hub.pid), await tasks(self.admin, self.key)))
            await asyncio.sleep(QUIET / 10)
        return min(each for each, _ in found), min(each for _, each in found)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while self.soak.goes_on:
            until, taken = loop.time() + EVERY, [megabytes(self.hub.pid)]
            while self.soak.goes_on and loop.time() < until:
                await self.soak.pause(OFTEN, OFTEN)
                taken.append(megabytes(self.hub.pid))
            now = Vitals(loop.time(), mean(taken), descriptors(self.hub.pid))
            self.seen.append(now)
            spread = f"{min(taken):.1f} to {max(taken):.1f}"
            print(f"{now.at:.0f} s: {now.memory:.1f} MB ({spread}), {now.descriptors} fd", flush=True)


# asyncio forgets a connection that comes in just while its server closes, as those of partners that go do:
# github.com/python/cpython/issues/109564.
@pytest.mark.filterwarnings("ignore:unclosed (transport )?<(_SelectorSocketTransport|socket.socket) :ResourceWarning")
@pytest.mark.timeout(SECONDS * 2 + 120)
async def test_a_soak(tmp_path, proof):
    admin = free_port()
    hub = HubProcess(tmp_path)
    configure(
        hub,
        hub={"event_loop": "uvloop"},
        admin={"port": admin},
        upstream={"idle": 1.0},
        journal={"rows": 10_000},
        routing={"validation": "report"},
        partner_limits={"wrong_tokens": 0},
        plugins={
            "statistics": {"enabled": True},
            "presets": {"enabled": True},
            "registry": {"enabled": True, "port": 0},
            "soak": {"step": 1},
        },
    )
    shutil.copytree(ROOT / "plugins", tmp_path / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "plugins" / "soak.py").write_text(PLUGIN)
    async with hub, AsyncExitStack() as stack:
        soak = Soak(hub, SEED)
        for each in (*soak.cpos, *soak.members):
            await stack.enter_async_context(each)
            await soak.join(each)
        key = (await hub.ask("key-create", name="soak", scope="admin"))["key"]
        run = Run(hub, soak, f"http://127.0.0.1:{admin}", key)
        capacity = await run.capacity()
        rate = min(capacity / 2, MOST)
        await run.go_on(WARM / 2, rate, HURRY)
        await run.go_on(WARM / 2, rate)
        warm, resting = run.seen[-1], await run.rest()
        run.seen.clear()
        before, begun, pushed = processor(hub.pid), asyncio.get_running_loop().time(), soak.ledger.pushes
        await run.go_on(SECONDS - WARM, rate)
        lasted = asyncio.get_running_loop().time() - begun
        busy, pushed = (processor(hub.pid) - before) / lasted, soak.ledger.pushes - pushed
        delivered = soak.ledger.delivered.total()
        rested = await run.rest()
        late = soak.ledger.delivered.total() - delivered
        listed = {each["name"]: each for each in await hub.ask("plugin-list")}
        await hub.stop()
    gc.collect()  # what asyncio forgot is found here, and not in another test
    errors = [line for line in hub.log.read_text().splitlines() if '"level":"error"' in line or "Traceback" in line]
    memory = [each.memory for each in run.seen]
    print(f"capacity {capacity:.0f}/s, rate {rate:.0f}/s, came to {pushed / lasted:.0f}/s, hub busy {busy:.0%}")
    print(f"at rest: descriptors and tasks {resting} after warm-up, {rested} at the end")
    print(f"memory warm {warm.memory:.1f}, median {median(memory):.1f}, last {memory[-1]:.1f} MB; late {late}")
    print(f"deliveries {dict(soak.ledger.delivered)}, answers {dict(soak.answers)}, done {dict(soak.done)}", flush=True)
    assert soak.broken == []
    assert errors == []
    assert listed["soak"]["state"] == "running", json.dumps(listed["soak"])
    assert min(soak.ledger.delivered.values()) > SECONDS
    proof.at_least("seconds of the soak", SECONDS, size(15, 5400))
    proof.at_least("pushes", soak.ledger.pushes, size(300, 100_000))
    proof.at_least("partners that came and went", soak.done["guest"], SECONDS / 10)
    proof.at_least("reloads", soak.done["reload"], SECONDS / 20)
    proof.exactly("pushes that came to somebody who may not have them", soak.ledger.wrong, 0)
    proof.exactly("pushes that came twice", soak.ledger.twice, 0)
    proof.exactly("requests without an answer", soak.silent, 0)
    proof.exactly("answers 5xx", sum(n for (http, _), n in soak.answers.items() if http >= 500), 0)
    proof.at_most("descriptors more than after warm-up", rested[0] - resting[0], 3)
    proof.at_most("tasks more than after warm-up", rested[1] - resting[1], 3)
    if LONG:
        proof.at_most("MB per hour", slope(run.seen), 1.0)
    else:
        proof.at_most("MB more than after warm-up", memory[-1] - warm.memory, 10.0)
