"""Bad plugins of every kind: messages go on, the culprit is named, set aside, and comes back when its operator says so.

What a plugin says is done, a refusal as well, and what it keeps in memory nobody can tell from the hub's own: neither
is tested here. See docs/plugins.md.
"""

import asyncio
import json
import time
from contextlib import suppress
from statistics import quantiles

import aiohttp
import pytest

from hub.asking import ControlError
from tests.fault.bad_plugins import BLOCKING, KINDS, STOPPED, Bad
from tests.fault.load import LINE, configure, join, put, receiver
from tests.fault.process import HubProcess
from tests.partner import Partner
from tests.ports import free_port
from tests.promises import size
from tests.raw import wire

pytestmark = [pytest.mark.promise(12), pytest.mark.timeout(300)]

INNOCENT = '''"""Takes its time, and does nothing wrong."""
import asyncio

from hub.plugin import Message, Plugin, receive


class Innocent(Plugin):
    @receive("tariffs.put")
    async def hook(self, message: Message) -> None:
        await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
'''
SENDERS = 8
BLOCKERS = BLOCKING[: size(2, len(BLOCKING))]


class House:
    """A hub, and a CPO that pushes to an eMSP all the time. `failed` are answers that were no success."""

    def __init__(self, hub: HubProcess, cpo: Partner, admin: str) -> None:
        self.hub, self.admin = hub, admin
        self.plugins = hub.log.parent / "plugins"
        self.key = ""
        self.times: list[tuple[float, float]] = []
        self.failed: list[str] = []
        self._push = put(cpo)
        self._over = asyncio.Event()

    def write(self, bad: Bad) -> None:
        self.plugins.joinpath(f"{bad.name}.py").write_text(bad.code, encoding="latin-1" if bad.whole else "utf-8")

    def remove(self, bad: Bad) -> None:
        self.plugins.joinpath(f"{bad.name}.py").unlink()

    async def push(self) -> None:
        """Pushes, one after the other, until it is over."""
        async with wire(self.hub.url, 60.0) as connection:
            while not self._over.is_set():
                begun = time.monotonic()
                await connection.send(self._push)
                answer = await connection.answer()
                self.times.append((begun, time.monotonic() - begun))
                if answer is None or answer.told != (200, 1000):
                    self.failed.append("no answer" if answer is None else str(answer.envelope))
                await asyncio.sleep(0.02)

    def end(self) -> None:
        self._over.set()

    async def stand(self) -> dict[str, dict[str, object]]:
        """Every plugin, as `ocpi-hub plugin list` shows it."""
        return {each["name"]: each for each in await self.hub.ask("plugin-list")}

    async def until(self, names: list[str], state: str) -> set[str]:
        """Wait until all of these are in a state: those that are not after some time."""
        left = set(names)
        with suppress(TimeoutError):
            async with asyncio.timeout(30):
                while left:
                    await asyncio.sleep(0.1)
                    stand = await self.stand()
                    left = {name for name in names if name not in stand or stand[name]["state"] != state}
        return left

    async def get(self, path: str) -> str:
        headers = {"x-api-key": self.key}
        async with aiohttp.ClientSession(self.admin, headers=headers) as session, session.get(path) as answer:
            return await answer.text()

    async def call(self, bad: Bad) -> None:
        """Do what sets it off."""
        match bad.call:
            case ("verb", verb):
                with pytest.raises(ControlError, match=r"failed|returned"):
                    await self.hub.ask("plugin-call", name=bad.name, ref=verb)
            case ("panel", _):
                with suppress(ControlError):
                    await self.hub.ask("plugin-panels", name=bad.name)
            case ("GET", path):
                assert "error" in await self.get(path)

    async def log_names(self, name: str) -> None:
        """Wait until it does."""
        async with asyncio.timeout(10):
            while name not in self.in_log():
                await asyncio.sleep(0.1)

    def in_log(self) -> set[str]:
        """The plugins that the log names for a fault."""
        events = [json.loads(line) for line in self.hub.log.read_text().splitlines() if line.startswith("{")]
        kinds = {"plugin_fault", "plugin_rejected", "plugin_set_aside", "plugin_holds_up_the_hub"}
        return {each["plugin"] for each in events if each["event"] in kinds}

    async def unnamed(self, kinds: list[Bad]) -> list[str]:
        """Who is not named, in what operators look at: the log, the list, the admin API and the dashboard."""
        log, listed = self.in_log(), list((await self.stand()).values())
        told = json.loads(await self.get("/api/v1/plugins?limit=200"))["items"]
        shown = json.loads(await self.get("/dashboard/plugins.json"))["plugins"]
        blamed = [
            {each["name"] for each in view if each["problem"] or each["last_fault"]} for view in (listed, told, shown)
        ]
        return [bad.name for bad in kinds if any(bad.name not in names for names in (log, *blamed))]

    async def again(self, names: list[str]) -> set[str]:
        """Have them called again: those that do not run then."""
        return {name for name in names if (await self.hub.ask("plugin-reset", name=name))["state"] != "running"}


@pytest.fixture
async def house(tmp_path):
    cpo, emsp, admin = Partner("NL-CPO:CPO"), receiver(), free_port()
    hub = HubProcess(tmp_path, timeout=30.0)
    configure(hub, hub={"event_loop": "uvloop"}, admin={"port": admin})
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "innocent.py").write_text(INNOCENT)
    async with hub, cpo.serve(), emsp.serve():
        await join(hub, cpo)
        await join(hub, emsp)
        house = House(hub, cpo, f"http://127.0.0.1:{admin}")
        house.key = (await hub.ask("key-create", name="test", scope="admin"))["key"]
        async with asyncio.TaskGroup() as group:
            for _ in range(SENDERS):
                group.create_task(house.push())
            yield house
            house.end()
        assert len(await emsp.expect(LINE, len(house.times))) == len(house.times) - len(house.failed)
        await hub.stop()


async def test_bad_plugins_of_every_kind_at_once(house, proof):
    for bad in KINDS:
        house.write(bad)
    ends = {end: [bad.name for bad in KINDS if bad.ends == end] for end in ("set aside", "rejected", "named")}
    untaken = await house.until(ends["rejected"], "rejected")
    await house.until(ends["named"], "running")
    for bad in KINDS:
        await house.call(bad)
    house.remove(STOPPED)
    not_aside = await house.until(ends["set aside"], "set aside")
    await house.log_names(STOPPED.name)
    unnamed = await house.unnamed([bad for bad in KINDS if bad is not STOPPED])
    not_back = await house.again(ends["set aside"])
    innocent = (await house.stand())["innocent"]
    print(house.failed[:3])
    print(f"{len(house.times)} pushes, {unnamed=} {not_aside=} {untaken=} {not_back=}")
    proof.at_least("kinds of bad plugins", len(KINDS), 25)
    proof.at_least("pushes through bad plugins", len(house.times), 50)
    proof.exactly("pushes failed", len(house.failed), 0)
    proof.exactly("culprits not named", len(unnamed), 0)
    proof.exactly("culprits not set aside", len(not_aside | untaken), 0)
    proof.exactly("culprits that do not come back", len(not_back), 0)
    proof.exactly("faults of an innocent plugin", innocent["faults"], 0)


@pytest.mark.parametrize("bad", BLOCKERS, ids=lambda bad: bad.name)
async def test_a_plugin_that_holds_up_the_hub(house, proof, bad):
    house.write(bad)
    left = await house.until([bad.name], "set aside")
    unnamed, aside = await house.unnamed([bad]), time.monotonic()
    await asyncio.sleep(2.0)
    during = max(took for _, took in house.times)
    after = quantiles([took for begun, took in house.times if begun > aside], n=100)[98]
    innocent = (await house.stand())["innocent"]
    not_back = await house.again([bad.name])
    print(f"{bad.name}: slowest {during:.1f} s, p99 after that {after:.3f} s")
    what = bad.name.replace("_", " ")
    proof.exactly(f"{what}: pushes failed", len(house.failed), 0)
    proof.at_most(f"{what}: seconds that a push waited", during, 10.0)
    proof.at_most(f"{what}: p99 in seconds when it is set aside", after, 1.0)
    proof.exactly(f"{what}: not named or not set aside, or does not come back", len([*left, *unnamed, *not_back]), 0)
    proof.exactly(f"{what}: faults of an innocent plugin", innocent["faults"], 0)
