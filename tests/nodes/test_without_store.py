"""A node whose database is gone: it goes on with what it knows for a time, says so, and keeps every promise."""

import asyncio
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from hub.config import Admin
from hub.core.modules import Interface
from hub.core.party import Party
from hub.sim import SimCpo, SimEmsp
from hub.store.database import Database
from hub.store.journal import Filter
from hub.store.migrations import upgrade
from tests.nodes.conftest import node, until
from tests.partner import Partner
from tests.postgresql import cluster
from tests.support import CPO, EMSP, register

HUB = Party("NL", "HUB")
AT_ONCE = 1.0
"""Seconds: what nobody has to wait for."""


@pytest.fixture(scope="module")
def server(postgresql):
    """A server of its own, which tests stop."""
    with cluster() as server:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, migrate(server.template)).result()
        yield server


@pytest.fixture
def own_url(server):
    url = server.migrated()
    yield url
    server.drop(url)


async def migrate(url):
    database = await Database.open(url)
    await upgrade(database)
    await database.close()


@contextmanager
def stopped(server):
    """The server is gone, and there again at the end."""
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def hanging(server):
    """The server takes connections and says nothing."""
    held = processes(server)
    try:
        for pid in held:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in held:
            os.kill(pid, signal.SIGCONT)


def processes(server):
    """The server and its children."""
    first = int((server.folder / "data/postmaster.pid").read_text().splitlines()[0])
    every = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()]
    return [first, *(pid for pid in every if parent(pid) == first)]


def parent(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


async def health(app):
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{app.admin_url}/health/live") as live:
            assert live.status == 200
        async with session.get(f"{app.admin_url}/health/ready") as answer:
            return answer.status, await answer.text()


async def api(app, key, method, path, body=None):
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{app.admin_url}/api/v1{path}", json=body, headers={"X-API-Key": key}) as answer,
    ):
        return answer.status, dict(answer.headers), await answer.json()


async def took(work):
    """What came of it, and the seconds that it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    return await work, loop.time() - began


def refused(reply):
    """Whether that is the refusal of what needs the database."""
    return (reply.status, reply.status_code, reply.headers.get("retry-after")) == (503, 3000, "5")


@pytest.mark.parametrize("gone", [stopped, hanging])
async def test_it_goes_on_for_a_time_says_so_and_comes_back_by_itself(tmp_path, server, own_url, gone):
    async with (
        node(tmp_path, own_url, "n0", admin=Admin(port=0)) as app,
        SimCpo("Cpo", [CPO]) as cpo,
        SimEmsp("Emsp", [EMSP]) as emsp,
    ):
        for each in (cpo, emsp):
            await register(app, each)
        assert (await cpo.push_location(HUB)).ok
        await emsp.expect("locations")
        key = (await app.operations.keys.create("mine", "admin")).key
        assert await health(app) == (200, "ready\n")
        with gone(server):
            # What needs no store goes on all the while, also before the hub knows that it is gone.
            reply, seconds = await took(cpo.push_tariff(EMSP.party))
            assert reply.ok
            assert seconds < AT_ONCE
            await until(lambda: app.node.without_store_for and app.node.problem)
            reply, seconds = await took(cpo.push_tariff(EMSP.party))
            assert reply.ok
            assert seconds < AT_ONCE
            # Nothing is acknowledged that can not be kept, and nobody gets it.
            before = len(emsp.received)
            for work in (cpo.push_location(HUB, "LOC2"), emsp.call("locations", Interface.SENDER, "GET", to=HUB)):
                reply, seconds = await took(work)
                assert refused(reply), reply
                assert seconds < AT_ONCE
            assert len([each for each in emsp.received if each.module == "locations"]) == 1, before
            # Nor is anything changed.
            with pytest.raises(Exception, match="503"):
                await cpo.renew()
            (status, headers, told), seconds = await took(api(app, key, "POST", "/partners/1/suspend"))
            assert (status, headers["Retry-After"]) == (503, "5")
            assert "database" in told["error"]["message"]
            assert seconds < AT_ONCE
            # Whether a token is a wrong one is not known now: another node may have given it. That is told soon.
            stranger = Partner("XX-XXX:CPO")
            stranger.hub = app.url
            answer, seconds = await took(stranger.ask("GET", "/ocpi/versions", token="wrong"))
            assert (answer.status, seconds < AT_ONCE) == (503, True)
            status, text = await health(app)
            assert status == 503
            assert "messages go on with what is known of partners, for " in text
            (_, _, now), seconds = await took(api(app, key, "GET", "/overview"))
            assert seconds < AT_ONCE
            assert now["troubles"][0]["what"].startswith("the database can not be used: ")
            assert "Other messages go on for " in now["troubles"][0]["what"]
            # After some time, who may do what is not known any more.
            app.node.reconfigure(0.1)
            await until(lambda: app.node.cut_off)
            for reply in (await cpo.push_tariff(EMSP.party), await cpo.push_location(HUB)):
                assert refused(reply)
            assert "every request is refused until it is back" in (await health(app))[1]
            (_, _, now) = await api(app, key, "GET", "/overview")
            assert "Nothing is taken any more" in now["troubles"][0]["what"]
        app.node.reconfigure(300.0)
        await until(lambda: not app.node.without_store_for and not app.node.problem, 20)
        assert (await cpo.push_location(HUB, "LOC2")).ok
        await cpo.renew()
        assert (await cpo.push_tariff(EMSP.party)).ok
        async with asyncio.timeout(5):
            while await health(app) != (200, "ready\n"):
                await asyncio.sleep(0.05)
        await until(app.node.leads)
        assert (await api(app, key, "GET", "/overview"))[2]["troubles"] == []


async def test_rows_of_the_journal_wait_for_the_database(tmp_path, server, own_url):
    async with (
        node(tmp_path, own_url, "n0") as app,
        SimCpo("Cpo", [CPO]) as cpo,
        SimEmsp("Emsp", [EMSP]) as emsp,
    ):
        for each in (cpo, emsp):
            await register(app, each)
        await app.bus.settle()
        with stopped(server):
            await until(lambda: app.node.without_store_for)
            for _ in range(3):
                assert (await cpo.push_tariff(EMSP.party)).ok
        await until(lambda: not app.node.without_store_for, 20)
        await app.bus.settle()
        page = await app.operations.journal.page(Filter(module="tariffs"), None, 10)
        assert (len(page.rows), page.lost) == (3, 0)


async def test_many_strangers_do_not_keep_the_database_busy(tmp_path, own_url):
    async with node(tmp_path, own_url, "n0") as app:
        asked = 0
        read = app.node._follower.catch_up

        async def counted():
            nonlocal asked
            asked += 1
            await read()

        app.node._follower.catch_up = counted
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(20):
            await asyncio.gather(*(app.node.news() for _ in range(50)))
        assert asked <= 2 + (loop.time() - began) / 0.05 + (loop.time() - began) / 2
