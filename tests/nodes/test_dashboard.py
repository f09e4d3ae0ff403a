"""What operators see of several nodes: each of them, what all of them count, and what is wrong between them."""

import asyncio
import json
import re
import shutil

import aiohttp

from hub.asking import Arguments
from hub.cli.common import console
from hub.cli.status import _screen
from hub.config import Admin, Liveness, Routing
from hub.control import run_verb
from hub.upstream import Fault
from tests.nodes.conftest import node, nodes, until
from tests.nodes.test_live import pair, put
from tests.support import running

OPEN = Admin(port=0)


async def registered(app, *partners):
    for each in partners:
        await each.invited(app)
        await each.register()


def named(status, name):
    return next(each for each in status.nodes if each.name == name)


async def page(app, key, path):
    """A page of the dashboard as JSON."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{app.admin_url}{path}", headers={"X-API-Key": key}) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return json.loads(await answer.text())


async def drawn(app, key, path):
    """A page of the dashboard as a browser gets it."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        origin = {"Origin": app.admin_url}
        async with session.post(f"{app.admin_url}/dashboard/login", data={"key": key}, headers=origin) as answer:
            assert answer.status == 200, await answer.text()
        async with session.get(f"{app.admin_url}{path}") as answer:
            return await answer.text()


async def test_every_node_shows_all_of_them_and_what_all_of_them_count(tmp_path, url, capsys):
    async with nodes(tmp_path, url, admin=OPEN) as apps:
        cpo, emsp = pair()
        async with cpo.serve(), emsp.serve():
            await registered(apps[0], cpo, emsp)
            await until(lambda: len(apps[1].keeper.current.parties) == 2)
            for app in (*apps, *apps, *apps):
                assert (await put(cpo, app)).status == 200
            key = (await apps[0].operations.keys.create("mine", "admin")).key
            for app in apps:
                overview = app.operations.overview
                await until(lambda: overview.status().traffic.messages == 6 and len(overview.nodes()) == 2)  # noqa: B023
                now = overview.status()
                assert (sum(now.traffic.series), now.traffic.outcomes) == (6, {"delivered": 6})
                sent = {each.standing.partner: each.traffic.sent for each in now.partners}
                assert sent == {"NL-CPO:CPO": 6, "DE-MSP:EMSP": 0}
                assert [each.traffic.delivered for each in now.partners] == [0, 6]
                assert all(each.traffic.p99 for each in now.partners if each.traffic.delivered)
                assert [each.name for each in now.nodes if each.here] == [app.node.name]
                assert [each.leads for each in now.nodes] == [each.node.leads() for each in apps]
                assert all(each.there and not each.differs and each.behind == 0 for each in now.nodes)
                assert now.troubles == ()
                await until(lambda: key_known(app, key))  # noqa: B023
                listed = await page(app, key, "/api/v1/nodes")
                assert [each["name"] for each in listed["items"]] == ["n0", "n1"]
                html = await drawn(app, key, "/dashboard/overview")
                assert "<h2>Nodes: 2</h2>" in html
                assert re.search(r"n0.*n1", html, re.DOTALL)
                console().print(_screen(await run_verb(app.operations, "status", Arguments())))
                told = capsys.readouterr().out
                assert re.search(r"n0.* leads .*\n *n1.* there ", told), told


def twin_of(folder, url, name="n1"):
    """Another node of the same name."""
    data = folder / "more" / name / "data"
    data.mkdir(parents=True)
    shutil.copy2(folder / "n0" / "data" / "hub.key", data)
    return node(folder / "more", url, name)


def key_known(app, key):
    return app.operations.keys.opens(key)


async def test_nodes_that_are_set_up_otherwise_are_pointed_out(tmp_path, url):
    (tmp_path / "n1" / "plugins").mkdir(parents=True)
    (tmp_path / "n1" / "plugins" / "mine.py").write_text("from hub.plugin import Plugin\n\nclass Mine(Plugin): ...\n")
    async with (
        node(tmp_path, url, "n0") as one,
        node(tmp_path, url, "n1", routing=Routing(page_limit=7)) as other,
        twin_of(tmp_path, url) as twin,
    ):
        await _pointed_out(one, other, twin)


async def _pointed_out(one, other, twin):
    for app, names in ((one, {"n1"}), (other, {"n0", "n1"})):
        status = app.operations.overview.status
        await until(lambda: len(status().nodes) == 3 and not [each for each in status().nodes if each.behind])  # noqa: B023
        whats = [each.what for each in status().troubles]
        assert "two nodes have the name n1" in whats
        assert any(each.endswith("is set up otherwise than this one: [routing], plugin mine") for each in whats), (
            names,
            whats,
        )
    assert ("name", "[routing]", "plugin mine") in [each.differs for each in one.operations.overview.nodes()]
    assert twin.node.name == "n1"


async def test_a_partner_that_one_node_can_not_reach(tmp_path, url):
    async with nodes(tmp_path, url, admin=OPEN, liveness=Liveness(idle=300.0)) as (one, other):
        cpo, emsp = pair()
        async with cpo.serve(), emsp.serve():
            await registered(one, cpo, emsp)
            await until(lambda: len(other.keeper.current.parties) == 2)
            await until(lambda: all(each.status == "CONNECTED" for each in other.operations.board.all()))
            liveness = other.operations.board._liveness

            async def cut(*_):
                return False

            liveness._answers = cut  # the network between this node and the partner
            for _ in range(10):
                liveness.report(2, Fault.TIMEOUT)

            def status():
                return next(each for each in one.operations.overview.status().partners if each.standing.partner_id == 2)

            await until(lambda: status().nodes)
            assert {each.node: each.down_for is None for each in status().nodes} == {"n0": True, "n1": False}
            (trouble,) = one.operations.overview.status().troubles
            assert trouble.what == "DE-MSP:EMSP can not be reached from some nodes: n1"
            key = (await one.operations.keys.create("mine", "admin")).key
            html = await drawn(one, key, "/dashboard/partners/2")
            assert "does not reach it" in html


async def test_a_node_that_ends_is_not_missed_and_one_that_dies_is(tmp_path, url):
    async with node(tmp_path, url, "n0") as one:
        async with node(tmp_path, url, "n1"):
            await until(lambda: len(one.operations.overview.nodes()) == 2)
        await until(lambda: len(one.operations.overview.nodes()) == 1)
        async with node(tmp_path, url, "n2") as dead:
            await until(lambda: len(one.operations.overview.nodes()) == 2)
            dead.node._task.cancel()
            await asyncio.wait((dead.node._task,))
            await until(lambda: not named(one.operations.overview.status(), "n2").there, 15)
            (trouble,) = (each for each in one.operations.overview.status().troubles if each.about == "node")
            assert trouble.what.startswith("node n2 was not heard for 1")
            assert trouble.what.endswith(" seconds, and was not stopped")
            async with twin_of(tmp_path, url, "n2"):
                await until(lambda: [each.there for each in one.operations.overview.nodes()] == [True, True])
                assert one.operations.overview.status().troubles == ()


async def test_with_sqlite_there_is_one_node_and_no_table_of_them(tmp_path):
    async with running(tmp_path, admin=OPEN) as app:
        (only,) = app.operations.overview.nodes()
        assert (only.leads, only.here, only.there, only.behind, only.differs) == (True, True, True, 0, ())
        assert app.operations.overview.status().troubles == ()
        key = (await app.operations.keys.create("mine", "admin")).key
        assert "<h2>Nodes" not in await drawn(app, key, "/dashboard/overview")
        assert len((await page(app, key, "/api/v1/nodes"))["items"]) == 1
