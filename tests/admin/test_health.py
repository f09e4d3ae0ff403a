"""Health: alive while it runs, ready only while messages can be taken, and why not in plain text."""

import asyncio
from contextlib import AsyncExitStack

import aiohttp
from sqlalchemy import text

from hub.admin import health as health_module
from hub.admin.health import Health
from hub.sim import SimCpo
from tests.admin.conftest import OPEN
from tests.partner import Partner, ocpi
from tests.support import CPO, register, running


async def test_alive_and_ready_without_a_key(net):
    answer = await net.api.raw("GET", "/health/live")
    assert (answer.status, answer.content_type, await answer.text()) == (200, "text/plain", "alive\n")
    answer = await net.api.raw("GET", "/health/ready")
    assert (answer.status, await answer.text()) == (200, "ready\n")


async def test_not_ready_before_it_listens_and_while_it_drains(net):
    health = Health(net.app.keeper._database, net.app.keeper, net.app.node)
    assert await health.problems() == ["listener: the hub does not listen for partners yet"]
    with health.taking_messages():
        assert await health.problems() == []
    assert await health.problems() == ["draining: the hub is about to stop, and takes no new messages"]


async def test_a_store_that_does_not_answer(net, monkeypatch):
    monkeypatch.setattr(health_module, "_FRESH", -1.0)
    monkeypatch.setattr(health_module, "_PATIENCE", 0.05)
    database = net.app.keeper._database

    async def hold(connection):
        await connection.execute(text("SELECT 1"))
        await released.wait()

    released = asyncio.Event()
    readers = [asyncio.create_task(database.read(hold)) for _ in range(4)]
    await asyncio.sleep(0)
    answer = await net.api.raw("GET", "/health/ready")
    assert answer.status == 503
    assert await answer.text() == "store: the database does not answer within 0.05 s\n"
    released.set()
    await asyncio.gather(*readers)
    assert (await net.api.raw("GET", "/health/ready")).status == 200
    await database.close()
    assert (
        "store: the database can not be read (StoreClosed)" in await (await net.api.raw("GET", "/health/ready")).text()
    )
    assert (await net.api.raw("GET", "/health/live")).status == 200


async def test_a_change_that_could_not_be_read_again(net, monkeypatch):
    net.app.keeper.stale.add(1)
    answer = await net.api.raw("GET", "/health/ready")
    assert (answer.status, (await answer.text()).startswith("directory: ")) == (503, True)
    await net.app.keeper.refresh(1)
    assert (await net.api.raw("GET", "/health/ready")).status == 200


async def test_it_tells_that_it_drains_while_the_last_message_is_answered(tmp_path):
    """The admin listener goes after the one for partners."""
    arrived, release = asyncio.Event(), asyncio.Event()

    async def slow(_):
        arrived.set()
        await release.wait()
        return ocpi()

    async with AsyncExitStack() as stack, aiohttp.ClientSession() as session:
        cpo = await stack.enter_async_context(SimCpo("Cpo", [CPO]))
        emsp = await stack.enter_async_context(Partner("DE-MSP:EMSP", endpoints=("receiver/locations",)).serve())
        async with AsyncExitStack() as life:
            app = await life.enter_async_context(running(tmp_path, admin=OPEN))
            await register(app, cpo)
            await emsp.invited(app)
            assert (await emsp.register()).code == 1000
            emsp.says["PUT /receiver/locations/NL/CPO/LOC1"] = slow
            url, told = f"{app.admin_url}/health/ready", (200, "ready\n")
            sending = asyncio.create_task(cpo.push_location(emsp.party))
            await arrived.wait()
            ending = asyncio.create_task(life.aclose())
            while told[0] == 200:
                async with session.get(url) as answer:
                    told = answer.status, await answer.text()
            assert told == (503, "draining: the hub is about to stop, and takes no new messages\n")
            release.set()
            assert (await sending).status_code == 1000
            await ending
