"""Reload, seen from outside: each kind of setting does what it says from the next request on."""

import asyncio
from contextlib import asynccontextmanager

import msgspec
import pytest

from hub.app import App
from hub.config import Limits, Log, PartnerLimits, Routing, Sync, Upstream
from hub.events import PluginChanged, Reloaded
from tests.partner import Partner, ocpi
from tests.raw import ask as raw_ask
from tests.raw import request, wire
from tests.support import config

TO = "OCPI-to-country-code: DE", "OCPI-to-party-id: MSP", "OCPI-from-country-code: NL", "OCPI-from-party-id: CPO"
PATH, LINE = "/ocpi/2.2.1/receiver/tariffs/NL/CPO/T1", "PUT /receiver/tariffs/NL/CPO/T1"
TARIFF = (
    b'{"country_code":"NL","party_id":"CPO","id":"T1","currency":"EUR","elements":[],'
    b'"last_updated":"2026-01-01T00:00:00Z"}'
)
PLUGIN = '''"""{name}."""
import msgspec
from hub.plugin import Message, Plugin, Reply, Settings, respond


class MySettings(Settings):
    word: str = "first"
    start_fails: bool = False


class Mine(Plugin[MySettings]):
    async def start(self) -> None:
        if self.settings.start_fails:
            raise ValueError("it will not start")

    @respond("tariffs.put")
    async def mark(self, message: Message, reply: Reply) -> Reply:
        return msgspec.structs.replace(reply, headers=(*reply.headers, ("X-{name}", self.settings.word)))
'''


_LOOPBACK = ("127.0.0.0/8",)


class Place:
    """A hub whose configuration the test holds, a CPO that asks it, and an eMSP that answers."""

    def __init__(self, app, box, cpo, emsp):
        self.app, self.box, self.cpo, self.emsp = app, box, cpo, emsp

    async def put(self):
        return await self.cpo.ask("PUT", PATH, *TO, body=TARIFF)

    async def change(self, **sections):
        self.box[0] = msgspec.structs.replace(self.box[0], **sections)
        return await self.app.reloader.reload()


@asynccontextmanager
async def place(folder, **changes):
    box = [config(folder, **changes)]
    cpo, emsp = Partner("NL-CPO:CPO"), Partner("DE-MSP:EMSP", endpoints=["receiver/tariffs"])
    emsp.says[LINE] = ocpi()
    async with App(box[0], lambda: box[0]) as app, cpo.serve(), emsp.serve():
        for each in (cpo, emsp):
            await each.invited(app)
            assert (await each.register()).code == 1000
        yield Place(app, box, cpo, emsp)


def plugin(folder, name):
    (folder / "plugins").mkdir(exist_ok=True)
    (folder / "plugins" / f"{name}.py").write_text(PLUGIN.replace("{name}", name))


async def test_nothing_changed(tmp_path):
    async with place(tmp_path) as here:
        assert await here.change() == await here.app.reloader.reload()
        assert (await here.change()).changed == ()


async def test_what_a_request_may_be(tmp_path):
    async with place(tmp_path) as here:
        big = request("PUT", PATH, *TO, token=here.cpo.token, body=TARIFF + b" " * 2000)
        async with wire(here.app.url) as connection:
            await connection.send(big)
            assert (await connection.answer()).told == (200, 1000)
            await here.change(limits=Limits(timeout=5.0, request_body=1024))
            await connection.send(big)
            assert (await connection.answer()).status == 413, "also on a connection that was open"
        async with wire(here.app.url) as connection:
            await here.change(limits=Limits(timeout=0.3))
            here.emsp.says[LINE] = _late
            assert (await here.put()).code == 4002


async def _late(_):
    await asyncio.sleep(1.0)
    return ocpi()


async def test_routing_and_validation(tmp_path):
    async with place(tmp_path) as here:
        assert (await here.put()).code == 1000
        told = await here.change(routing=Routing(validation="enforce"))
        assert told.changed == ("routing.validation",)
        assert (await here.put()).code == 2001, "a tariff has to have elements"
        await here.change(routing=Routing(validation="off", agreements="closed"))
        assert (await here.put()).code in (4000, 4001)
        await here.app.operations.agreements.set("NL-CPO", "DE-MSP", "*", allow=True)
        assert (await here.put()).code == 1000, "agreements stay what they are"
        await here.change(routing=Routing(validation="off", agreements="open", page_limit=7))
        answer = await here.cpo.ask("GET", "/ocpi/2.2.1/sender/hubclientinfo")
        assert answer.headers["x-limit"] == "7"


async def test_networks_that_may_be_called(tmp_path):
    """Connections that are open to what is forbidden now carry nothing more."""
    async with place(tmp_path) as here:
        assert (await here.put()).code == 1000
        await here.change(upstream=Upstream(allow_private=()))
        answer = await here.put()
        assert answer.code == 4003
        assert "its address is not allowed" in answer.message
        await here.change(upstream=Upstream(allow_private=_LOOPBACK))
        assert (await here.put()).code == 1000


async def test_connections_stay_where_nothing_changed_for_them(tmp_path):
    ports = []

    async def tell(asked):
        ports.append(asked.port)
        return ocpi()

    async with place(tmp_path) as here:
        here.emsp.says[LINE] = tell
        for changes in ({}, {"log": Log(level="error")}, {"upstream": Upstream(idle=7.0, allow_private=_LOOPBACK)}):
            await here.put()
            await here.change(**changes)
        await here.put()
    assert ports[0] == ports[1] == ports[2] != ports[3]


async def test_limits_of_partners(tmp_path):
    async with place(tmp_path) as here:
        await here.change(partner_limits=PartnerLimits(requests=0.01, burst=0.0))
        assert [(await here.put()).status for _ in range(2)] == [200, 429]
        await here.change(partner_limits=PartnerLimits(requests=0))
        assert (await here.put()).status == 200


async def test_pulling_begins_and_ends(tmp_path):
    async with place(tmp_path) as here:
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert "sync" not in names
        await here.change(sync=Sync(enabled=True, interval=3600.0))
        await here.change(sync=Sync(enabled=True, interval=7200.0))
        assert [task.get_name() for task in asyncio.all_tasks()].count("sync") == 1
        await here.change(sync=Sync(enabled=False))
        assert "sync" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_followers_and_listeners_are_told(tmp_path):
    async with place(tmp_path) as here:
        events, seen = [], []

        async def keep(event):
            events.append(event)

        here.app.bus.subscribe(keep, Reloaded, name="test")
        here.app.reloader.follow(lambda new: seen.append(new.log.level))
        await here.change(log=Log(level="error"))
        await here.app.bus.settle()
        assert ([each.changed for each in events], seen) == ([("log.level",)], ["error"])
        assert here.app.config.log.level == "error"


async def test_settings_of_plugins(tmp_path):
    plugin(tmp_path, "one")
    plugin(tmp_path, "two")
    async with place(tmp_path) as here:
        assert (await here.put()).headers["x-one"] == "first"
        changes = []

        async def keep(event):
            changes.append((event.plugin, event.change))

        here.app.bus.subscribe(keep, PluginChanged, name="test")
        assert (await here.change(plugins={"one": {"word": "second"}})).changed == ("plugins.one",)
        await here.app.bus.settle()
        assert changes == [("one", "reloaded")], "the other one is left alone"
        answer = await here.put()
        assert (answer.headers["x-one"], answer.headers["x-two"]) == ("second", "first")
        await here.change(plugins={"one": {"enabled": False}})
        answer = await here.put()
        assert "x-one" not in answer.headers
        assert answer.headers["x-two"] == "first"
        await here.change(plugins={})
        assert (await here.put()).headers["x-one"] == "first"


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        ({"one": {"word": "new"}, "two": {"start_fails": True}}, "the plugin does not start: ValueError"),
        ({"one": {"word": "new"}, "two": {"wrod": "x"}}, "unknown key 'wrod'"),
        ({"one": {"word": "new"}, "three": {}}, "there is no plugin file three.py"),
    ],
)
async def test_all_of_it_or_nothing(tmp_path, tables, problem):
    """One plugin that can not start with its settings: the other one keeps its own, and so does the rest."""
    plugin(tmp_path, "one")
    plugin(tmp_path, "two")
    async with place(tmp_path) as here:
        before = here.app.config
        told = await here.change(plugins=tables, limits=Limits(request_body=2048))
        assert problem in told.problems[0]
        assert told.changed == ()
        assert here.app.config is before
        answer = await here.put()
        assert (answer.headers["x-one"], answer.headers["x-two"]) == ("first", "first")
        assert {each.state for each in here.app.plugins.status()} == {"running"}
        told = await here.change(plugins={"one": {"word": "new"}})
        assert told.problems == ()
        assert (await here.put()).headers["x-one"] == "new"


async def test_a_changed_file_and_one_that_is_gone(tmp_path):
    plugin(tmp_path, "one")
    plugin(tmp_path, "two")
    async with place(tmp_path) as here:
        file = tmp_path / "plugins" / "one.py"
        file.write_text(file.read_text().replace('"first"', '"changed"'))
        (tmp_path / "plugins" / "two.py").unlink()
        await here.change()
        answer = await here.put()
        assert answer.headers["x-one"] == "changed"
        assert "x-two" not in answer.headers
        file.write_text("broken(")
        told = await here.change(limits=Limits(request_body=2048))
        assert "one.py:1" in told.problems[0]
        assert (await here.put()).headers["x-one"] == "changed"


async def test_one_that_was_set_aside_is_called_again(tmp_path):
    plugin(tmp_path, "one")
    async with place(tmp_path) as here:
        file = tmp_path / "plugins" / "one.py"
        good = file.read_text()
        file.write_text(good.replace("        return msg", "        raise ValueError\n        return msg"))
        await here.change()
        for _ in range(6):
            await here.put()
        assert [each.state for each in here.app.plugins.status()] == ["set aside"]
        await here.change()
        assert [each.state for each in here.app.plugins.status()] == ["running"]


async def test_reloads_wait_for_each_other(tmp_path):
    plugin(tmp_path, "one")
    async with place(tmp_path) as here:
        here.box[0] = msgspec.structs.replace(here.box[0], plugins={"one": {"word": "second"}})
        told = await asyncio.gather(*(here.app.reloader.reload() for _ in range(5)))
        assert sorted(each.changed for each in told) == [(), (), (), (), ("plugins.one",)]
        assert (await raw_ask(here.app.url, request("GET", "/ocpi/versions", token=here.cpo.token))).status == 200
