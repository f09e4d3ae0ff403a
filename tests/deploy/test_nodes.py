"""Three real nodes on a real PostgreSQL behind the real nginx, with the files that ship: nothing comes twice."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from tests.deploy.proxy import Proxy, needs_nginx, nginx, upstream
from tests.fault.process import HubProcess
from tests.partner import Asked, Partner, Say, ocpi
from tests.ports import free_port
from tests.raw import TARIFF, Answer

pytestmark = needs_nginx

TARGET = "/ocpi/2.2.1/receiver/tariffs/NL/CPO/"
AS_CPO = ("OCPI-from-country-code: NL", "OCPI-from-party-id: CPO", "OCPI-to-country-code: DE", "OCPI-to-party-id: MSP")


class House(msgspec.Struct):
    """The nodes, the proxy before them, and two partners that registered through it."""

    nodes: list[HubProcess]
    proxy: Proxy
    cpo: Partner
    emsp: Partner
    held: list[str] = []
    let_go: asyncio.Event = msgspec.field(default_factory=asyncio.Event)

    async def push(self, name: str) -> Answer:
        """The CPO pushes the tariff of this name to the eMSP."""
        body = TARIFF.replace(b'"T1"', json.dumps(name).encode())
        self.emsp.says[f"PUT /receiver/tariffs/NL/CPO/{name}"] = self._take
        return await self.cpo.ask("PUT", f"{TARGET}{name}", *AS_CPO, f"X-Request-ID: {name}", body=body)

    async def _take(self, asked: Asked) -> Say:
        if asked.line.endswith(tuple(self.held)):
            await self.let_go.wait()
        return ocpi()

    def came(self, name: str) -> int:
        """How often the eMSP got this tariff."""
        return self.emsp.lines.count(f"PUT /receiver/tariffs/NL/CPO/{name}")


@asynccontextmanager
async def house(folder: Path, url: str) -> AsyncIterator[House]:
    port = free_port()
    (folder / "key").mkdir()
    shared = {
        "OCPI_HUB__STORE__URL": url,
        "OCPI_HUB__STORE__KEY_FILE": str(folder / "key/hub.key"),
        "OCPI_HUB__LISTEN__PUBLIC_URL": f"https://127.0.0.1:{port}",
        "OCPI_HUB__SYNC__ENABLED": "false",
    }
    hubs = []
    for number in (1, 2, 3):
        (folder / f"node-{number}").mkdir()
        hubs.append(HubProcess(folder / f"node-{number}", environment=shared))
    async with AsyncExitStack() as stack:
        await asyncio.gather(*(stack.enter_async_context(each) for each in hubs))
        lines = upstream("upstream.cluster.conf", *(each.port for each in hubs))
        proxy = await stack.enter_async_context(nginx(folder / "nginx", port, lines))
        cpo = await stack.enter_async_context(Partner("NL-CPO:CPO", endpoints=("sender/tariffs",)).serve())
        emsp = await stack.enter_async_context(Partner("DE-MSP:EMSP", endpoints=("receiver/tariffs",)).serve())
        for partner, hub in zip((cpo, emsp), hubs, strict=False):
            invitation = await hub.ask("invite", name=str(partner.roles[0]), parties=(str(partner.roles[0]),))
            partner.token, partner.hub, partner.tls = invitation["token_a"], proxy.url, proxy.tls
            await invitation_is_known(partner)
            assert (await partner.register()).code == 1000
        await asyncio.gather(*map(both_are_known, hubs))
        yield House(hubs, proxy, cpo, emsp)


async def invitation_is_known(partner: Partner) -> None:
    """nginx asks each node in turn: three that know the token, one after the other, are all of them."""
    known = 0
    async with asyncio.timeout(10):
        while known < 3:
            known = known + 1 if (await partner.ask("GET", "/ocpi/versions")).code == 1000 else 0


async def both_are_known(hub: HubProcess) -> None:
    """A node has heard of what others did."""
    async with asyncio.timeout(10):
        while [each["state"] for each in await hub.ask("list")] != ["REGISTERED"] * 2:
            await asyncio.sleep(0.02)


async def test_each_push_comes_once_whatever_becomes_of_the_node_that_has_it(tmp_path, postgresql):
    async with house(tmp_path, postgresql.migrated()) as network:
        (key,) = (tmp_path / "key").iterdir()
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert not list(tmp_path.glob("node-*/data/hub.key"))
        await every_push_comes(network, "before")
        await one_is_killed(network)
        await every_push_comes(network, "after")
        await network.nodes[1].start()
        await one_is_stopped(network)


async def every_push_comes(network: House, names: str) -> None:
    """To whichever node nginx gives it."""
    pushed = [f"{names}-{number}" for number in range(30)]
    assert [(await network.push(name)).told for name in pushed] == [(200, 1000)] * 30
    assert [network.came(name) for name in pushed] == [1] * 30


async def one_is_killed(network: House) -> None:
    """What is under way on it is lost, and not sent to another one; what the others have goes on."""
    under_way = ["A", "B", "C"]
    network.held += under_way
    pushes = [asyncio.create_task(network.push(name)) for name in under_way]  # nginx gives one to each node
    for name in under_way:
        await network.emsp.expect(f"PUT /receiver/tariffs/NL/CPO/{name}")
    network.nodes[1].kill()
    lost, _ = await asyncio.wait(pushes, return_when=asyncio.FIRST_COMPLETED)
    assert [push.result().told for push in lost] == [(502, 3000)]
    network.let_go.set()
    assert sorted([answer.told for answer in await asyncio.gather(*pushes)]) == [(200, 1000), (200, 1000), (502, 3000)]
    assert [network.came(name) for name in under_way] == [1, 1, 1]


async def one_is_stopped(network: House) -> None:
    """What it takes it ends. On a connection that nginx kept it may say that it takes no more; then nothing comes.

    A request that crosses with the end of its connection is not repeated: nginx can not know whether it arrived.
    """
    answers: dict[str, tuple[int, int]] = {}
    over = asyncio.Event()

    async def keep_pushing(who: int) -> None:
        number = 0
        while not over.is_set():
            name = f"stop-{who}-{number}"
            answers[name] = (await network.push(name)).told
            number += 1

    pushing = [asyncio.create_task(keep_pushing(who)) for who in range(4)]
    await network.emsp.expect("PUT /receiver/tariffs/NL/CPO/stop-0-5")
    await network.nodes[0].stop()
    done = len(answers)
    while len(answers) < done + 20:
        await asyncio.sleep(0.02)
    over.set()
    await asyncio.gather(*pushing)
    assert set(answers.values()) <= {(200, 1000), (502, 3000), (503, 3000)}
    assert {network.came(name) for name, told in answers.items() if told == (200, 1000)} == {1}
    assert {network.came(name) for name, told in answers.items() if told == (503, 3000)} <= {0}
    assert {network.came(name) for name, told in answers.items() if told == (502, 3000)} <= {0, 1}
