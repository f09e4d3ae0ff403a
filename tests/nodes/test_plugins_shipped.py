"""Plugins that ship with the hub, on two nodes: what holds on one holds on the other, and happens once."""

import asyncio
import json
import time

import aiohttp
import msgspec
import pytest

from hub.plugin.party import Page
from tests.nodes.conftest import until
from tests.nodes.pair import call, pair
from tests.partner import Partner, hang, ocpi
from tests.plugin.public_api.conftest import Caller
from tests.plugin.shipped import plugin
from tests.versions import cdr, send, session

SECOND = 1.0
PUT = "PUT /receiver/sessions/NL/CPO/S1"
PREFERENCES = "PUT /sender/sessions/S1/charging_preferences"
S1 = "receiver/sessions/NL/CPO/S1"


def both(nodes, stem):
    return plugin(nodes.one, stem), plugin(nodes.other, stem)


async def roaming(nodes):
    """A CPO, and an eMSP that takes all it is told."""
    emsp, cpo = await nodes.join("DE-MSP:EMSP"), await nodes.join("NL-CPO:CPO")
    for line in (PUT, PUT.replace("PUT", "PATCH"), "POST /receiver/cdrs"):
        emsp.says[line] = ocpi()
    return cpo, emsp


async def test_a_key_of_the_registry_opens_all_nodes_and_then_none(tmp_path, url):
    async with pair(tmp_path, url, plugins={"registry": {"port": 0, "rate": 1000}}) as nodes:
        other = f"{plugin(nodes.other, 'registry').url}/v1/parties"
        key = (await call(nodes.one, "registry", "key-create", "shop")).key
        async with aiohttp.ClientSession(headers={"x-api-key": key}) as browser:

            async def status():
                async with browser.get(other) as answer:
                    return answer.status

            for gives in (200, 401):
                began = time.monotonic()
                while await status() != gives:
                    assert time.monotonic() - began < SECOND
                    await asyncio.sleep(0.02)
                if gives == 200:
                    assert await call(nodes.one, "registry", "key-revoke", "shop")


async def test_a_preset_that_is_set_on_one_node_is_used_on_the_other_and_once(tmp_path, url):
    async with pair(tmp_path, url, plugins={"presets": {}}) as nodes:
        cpo, emsp = await roaming(nodes)
        cpo.says[PREFERENCES] = ocpi("ACCEPTED")
        given = {"name": "mine", "preset": {"uid": "CARD1", "profile_type": "GREEN"}}
        await call(nodes.one, "presets", "set", given)
        assert await until(lambda: plugin(nodes.other, "presets").book.all) < SECOND
        nodes.front.targets = [nodes.one.port, nodes.other.port]
        told = [session("2.2.1") | {"kwh": float(number)} for number in range(6)]
        answers = await asyncio.gather(*(send(cpo, "PUT", S1, each, emsp.party) for each in told))
        assert {each.code for each in answers} == {1000}
        await cpo.expect(PREFERENCES)
        await call(nodes.one, "presets", "remove", "mine")
        assert await until(lambda: not plugin(nodes.other, "presets").book.all) < SECOND
        assert cpo.lines.count(PREFERENCES) == 1


async def test_what_a_node_has_under_way_is_given_up_when_that_node_is_gone(tmp_path, url):
    async with pair(tmp_path, url, plugins={"presets": {}}) as nodes:
        cpo, emsp = await roaming(nodes)
        cpo.says[PREFERENCES] = hang
        other = plugin(nodes.other, "presets")
        await call(nodes.one, "presets", "set", {"name": "mine", "preset": {"uid": "CARD1", "profile_type": "GREEN"}})
        assert (await send(cpo, "PUT", S1, session("2.2.1"), emsp.party)).code == 1000
        await cpo.expect(PREFERENCES)

        async def outcome():
            (found,) = (await call(nodes.other, "presets", "outcomes", {})).outcomes
            return found.outcome

        await other.give_up()
        assert await outcome() == "under way"
        table = type(other).tables.tables["plugin_presets_outcome"]
        await other.store.write(lambda own: own.execute(table.update().values(node="of one that is gone")))
        await other.give_up()
        assert await outcome() == "not known: the hub stopped"


async def test_statistics_count_once_whatever_node_it_passed(tmp_path, url):
    given = {"every": 0.1, "snapshot_every": 1}
    async with pair(tmp_path, url, plugins={"statistics": given}) as nodes:
        cpo, emsp = await roaming(nodes)
        one, other = both(nodes, "statistics")
        assert (await send(cpo, "PUT", S1, session("2.2.1"), emsp.party)).code == 1000
        nodes.to(nodes.other)  # before the first node has written down that there is such a session
        change = {"kwh": 77.0, "last_updated": "2030-01-01T00:00:00Z"}
        assert (await send(cpo, "PATCH", S1, change, emsp.party)).code == 1000
        for app in (nodes.one, nodes.other):
            nodes.to(app)
            assert (await send(cpo, "POST", "receiver/cdrs", cdr("2.2.1"), emsp.party)).code == 1000
        await until(lambda: one.counted["rows written"] + other.counted["rows written"] >= 3)
        await one.flush()
        await other.flush()
        (total,) = (await call(nodes.one, "statistics", "sums", {})).sums
        assert total.count == 1
        (running,) = await one.running()
        assert running.kwh == 77.0
        await until(lambda: one.problem == "" and other.problem == "")
        taken = []
        for each in (one, other):
            each.store.write, write = _noting(each.store.write, taken, each), each.store.write
            assert write
        await asyncio.sleep(2.2)
        assert one in taken
        assert other not in taken, "the node that leads takes snapshots, and no other one"


def _noting(write, taken, who):
    async def noted(work, **options):
        taken.append(who)
        return await write(work, **options)

    return noted


async def drivers(nodes, browser):
    """A user of the public API with a card, who calls either node, and the uid of the card."""
    one, other = both(nodes, "public_api")
    keys = [
        (await call(nodes.one, "public_api", "key-create", {"name": name, "app": "shop", "scopes": scopes})).key
        for name, scopes in (("back", ["users"]), ("front", ["read", "charge"]))
    ]
    await until(lambda: len(other.gate.keys) == 2)
    back = Caller(browser, other.url, keys[0])
    made = await back.post("/v1/users", {"reference": "anna"})
    users = [Caller(browser, each.url, keys[1], made["token"]) for each in (one, other)]
    users[0].user = made["user"]["id"]
    await users[1].post("/v1/cards", {"label": "phone"})
    (card,) = (await one.tokens(Page())).objects
    return back, *users, card


LIMITS = {"port": 0, "party": "NL-APP", "address_requests": 10_000, "key_requests": 10_000, "wrong_keys": 10_000}


async def test_a_socket_on_one_node_hears_of_pushes_on_another_and_tickets_open_all(tmp_path, url):
    async with (
        pair(tmp_path, url, plugins={"public_api": LIMITS}) as nodes,
        aiohttp.ClientSession() as browser,
    ):
        cpo = await nodes.join("NL-CPO:CPO")
        _, user, elsewhere, card = await drivers(nodes, browser)
        ticket = await elsewhere.post("/v1/tickets")
        there = ticket["url"].replace(elsewhere.url.replace("http", "ws"), user.url.replace("http", "ws"))
        async with browser.ws_connect(there) as socket:
            assert await socket.receive_json() == {"type": "sessions", "sessions": []}
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await browser.ws_connect(ticket["url"])
            nodes.to(nodes.other)
            token = {"country_code": "NL", "party_id": "APP", "uid": card.uid, "type": card.type}
            told = session("2.2.1") | {"cdr_token": token | {"contract_id": card.contract_id}, "kwh": 5.0}
            began = time.monotonic()
            assert (await send(cpo, "PUT", S1, told)).status == 201
            heard = await socket.receive_json(timeout=5)
            assert time.monotonic() - began < SECOND
            assert (heard["type"], heard["session"]["kwh"]) == ("session", 5.0)
            nodes.to(nodes.one)
            later = told | {"kwh": 6.0, "last_updated": "2030-01-01T00:00:00Z"}
            assert (await send(cpo, "PUT", S1, later)).status == 200
            assert (await socket.receive_json(timeout=5))["session"]["kwh"] == 6.0
            assert (await elsewhere.get("/v1/sessions"))["items"][0]["kwh"] == 6.0


@pytest.mark.parametrize("what", ["token", "user", "key"])
async def test_who_is_shut_out_on_one_node_is_out_on_all_within_a_second(tmp_path, url, what):
    async with (
        pair(tmp_path, url, plugins={"public_api": LIMITS}) as nodes,
        aiohttp.ClientSession() as browser,
    ):
        back, user, elsewhere, _ = await drivers(nodes, browser)
        socket = await user.listen()
        assert (await socket.receive_json())["type"] == "sessions"
        if what == "token":
            await back.post(f"/v1/users/{user.user}/token")
        elif what == "user":
            assert (await back.call("DELETE", f"/v1/users/{user.user}"))[0] == 200
        else:
            await call(nodes.other, "public_api", "key-revoke", "front")
        began = time.monotonic()
        assert (await socket.receive(5)).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        assert time.monotonic() - began < SECOND
        for each in (user, elsewhere):
            assert (await each.call("GET", "/v1/sessions"))[0] == 401
        await socket.close()


async def test_a_command_of_a_node_that_is_there_is_not_given_up_by_another(tmp_path, url):
    async with (
        pair(tmp_path, url, plugins={"public_api": LIMITS}) as nodes,
        aiohttp.ClientSession() as browser,
    ):
        _, user, _, _ = await drivers(nodes, browser)
        one, other = both(nodes, "public_api")
        table = type(one).tables.tables["plugin_public_api_command"]
        row = {"user": user.user, "kind": "start", "state": "sent", "message": "", "created": 1}
        rows = [row | {"id": "here", "node": one.nodes.own}, row | {"id": "gone", "node": "of one that is gone"}]
        await one.store.write(lambda own: own.execute(table.insert(), rows))
        one.under_way.add("here")
        await other.give_up()
        states = {name: (await user.get(f"/v1/commands/{name}"))["state"] for name in ("here", "gone")}
        assert states == {"here": "sent", "gone": "failed"}


async def test_each_push_is_told_by_the_node_that_it_came_in_on(tmp_path, url):
    sink = Partner("XX-XXX:EMSP")
    sink.says["POST /hook"] = ocpi()
    async with sink.serve():
        hook = {"secret": "x" * 32, "endpoints": [{"name": "mine", "url": f"{sink.url}/hook", "events": ["push"]}]}
        async with pair(tmp_path, url, plugins={"webhooks": hook, "event_log": {"every": 0.05}}) as nodes:
            cpo, emsp = await roaming(nodes)
            for number, app in enumerate((nodes.one, nodes.other, nodes.one, nodes.other)):
                nodes.to(app)
                told = session("2.2.1") | {"kwh": float(number)}
                assert (await send(cpo, "PUT", S1, told, emsp.party)).code == 1000
            hooks = await sink.expect("POST /hook", 4)
            assert sorted(json.loads(each.body)["data"]["body"]["kwh"] for each in hooks) == [0, 1, 2, 3]
            for app in (nodes.one, nodes.other):
                await plugin(app, "webhooks").flush()
            (outcome,) = await plugin(nodes.one, "webhooks").all_counts()
            assert (outcome.outcome, outcome.times) == ("delivered", 4)
            for name, app in (("n0", nodes.one), ("n1", nodes.other)):
                await app.bus.settle()
                await plugin(app, "event_log").write()
                lines = (tmp_path / name / "events" / name / "events.jsonl").read_text().splitlines()
                assert sum(msgspec.json.decode(each)["event"] == "handled" for each in lines) == 2
