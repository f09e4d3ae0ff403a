"""Modules that are no part of OCPI go through the hub: from config.toml, from a plugin, and those that it ships.

OCPI 2.2.1, version_information_endpoint: Custom Modules.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.app import App
from hub.config import ConfigError, Hub, load
from hub.config.model import Routing
from hub.core.catalogue import CATALOGUE
from hub.core.custom import CustomModule
from hub.core.modules import Interface
from hub.core.party import PartyRole, Role
from hub.plugin import PluginError
from hub.sim import SimCpo, SimEmsp
from hub.sim.messages import Answer, SimRequest
from tests.support import CPO, EMSP, register, running

S, R = Interface.SENDER, Interface.RECEIVER
OWNED = "{country_code}/{party_id}/{id}"
TOKENS = CustomModule(
    owner=Role.CPO, sender=("GET", "GET {id}"), receiver=(f"GET {OWNED}", f"PUT {OWNED}", "POST", "DELETE {id}")
)


@asynccontextmanager
async def custom(folder: Path, routes: dict[str, Any], **changes: Any) -> AsyncIterator[tuple[App, SimCpo, SimEmsp]]:
    """A hub with one CPO and one eMSP. `routes`: what both answer, as `{"SENDER nltnm-tokens GET 1": data}`."""
    async with running(folder, **changes) as app, SimCpo("Cpo", [CPO]) as cpo, SimEmsp("Emsp", [EMSP]) as emsp:
        for platform in (cpo, emsp):
            for call, data in routes.items():
                side, module, method, length = call.split()
                platform.routes[Interface(side), module, method, int(length)] = answering(data)
            await register(app, platform)
        yield app, cpo, emsp


def answering(data: Any) -> Any:
    async def answer(request: SimRequest) -> Answer:
        return data(request) if callable(data) else Answer(data=data)

    return answer


def hub(*extra: str) -> Hub:
    return Hub(name="Test Hub", party="NL-HUB", extra_modules=extra)


BODIES = [
    b'"just text"',
    b'[ {"id": 1}, null, 2.50 ]',
    b'{"id":"other","country_code":"XX","unknown":null,  "n":1.10}',
    b"null",
    b"",
]


@pytest.mark.parametrize("body", BODIES)
async def test_bodies_go_through_untouched(tmp_path, body):
    """String, array, object, null and none: no struct, no identity, the bytes as they came."""
    routes = {"RECEIVER nltnm-tokens PUT 3": None, "RECEIVER nltnm-tokens POST 0": ["any", "answer"]}
    async with custom(tmp_path, routes, modules={"nltnm-tokens": TOKENS}) as (_, cpo, emsp):
        reply = await cpo.call("nltnm-tokens", R, "PUT", "NL/CPO/T1", to=EMSP.party, body=body or None)
        assert reply.ok
        got = await emsp.expect("nltnm-tokens", "PUT")
        assert (got.segments, got.body, got.sender, got.receiver) == (("NL", "CPO", "T1"), body, CPO.party, EMSP.party)
        reply = await cpo.call("nltnm-tokens", R, "POST", to=EMSP.party, body=body or None)
        assert reply.data == ["any", "answer"]
        assert (await emsp.expect("nltnm-tokens", "POST")).body == body


async def test_rights_hold_for_custom_modules_too(tmp_path):
    async with custom(tmp_path, {"RECEIVER nltnm-tokens PUT 3": None}, modules={"nltnm-tokens": TOKENS}) as made:
        _, cpo, emsp = made
        reply = await cpo.call("nltnm-tokens", R, "PUT", "DE/MSP/T1", to=EMSP.party, body="x")
        assert (reply.status, reply.status_code) == (200, 2001)
        reply = await cpo.call("nltnm-tokens", R, "PUT", "NL/CPO/T1", to=EMSP.party, body=b"{")
        assert reply.status == 400
        reply = await cpo.call("nltnm-tokens", R, "PATCH", "NL/CPO/T1", to=EMSP.party, body="x")
        assert reply.status == 405
        assert [request for request in emsp.received if request.method != "GET"] == []


async def test_an_identity_is_checked_where_it_was_asked_for(tmp_path):
    module = msgspec.structs.replace(TOKENS, identity="id")
    async with custom(tmp_path, {"RECEIVER nltnm-tokens PUT 3": None}, modules={"nltnm-tokens": module}) as made:
        _, cpo, emsp = made
        assert (await cpo.call("nltnm-tokens", R, "PUT", "NL/CPO/T1", to=EMSP.party, body={"id": "t1"})).ok
        reply = await cpo.call("nltnm-tokens", R, "PUT", "NL/CPO/T1", to=EMSP.party, body={"id": "T2"})
        assert reply.status_code == 2001
        assert [request.method for request in emsp.received].count("PUT") == 1


def paged(request: SimRequest) -> Answer:
    """Objects with the numbers from 0 to 5, two on a page at most."""
    offset, limit = int(request.query.get("offset", 0)), min(int(request.query.get("limit", 2)), 2)
    following = f"http://{request.headers['Host']}{request.path}?offset={offset + limit}&limit={limit}"
    link = {"Link": f'<{following}>; rel="next"'} if offset + limit < 6 else {}
    headers = {"X-Total-Count": "6", "X-Limit": "2", **link}
    return Answer(data=numbered(*range(6))[offset : offset + limit], headers=headers)


@pytest.mark.parametrize("path", ["", "archived"])
async def test_lists_are_paged_through_sealed_links(tmp_path, path):
    module = CustomModule(sender=("GET", "GET archived", "GET {id}"))
    routes = {"SENDER nltnm-tokens GET 0": paged, "SENDER nltnm-tokens GET 1": paged}
    async with custom(tmp_path, routes, modules={"nltnm-tokens": module}) as (app, _, emsp):
        reply = await emsp.call("nltnm-tokens", S, "GET", path, to=CPO.party)
        found = list(reply.data)
        while link := reply.headers.get("Link"):
            assert link.startswith(f"<{app.url}/ocpi/2.2.1/sealed/")
            reply = await emsp.call_url("GET", link[1:].partition(">")[0], to=CPO.party)
            found += reply.data
        assert found == numbered(0, 1, 2, 3, 4, 5)


@pytest.mark.parametrize("where", ["body", "query"])
async def test_a_response_url_is_sealed_where_there_is_one(tmp_path, where):
    """As with commands and charging profiles: the hub's own URL, and the result finds its way back through it."""
    module = CustomModule(receiver=("POST {id}",), sender=("GET",), response_url=where)
    routes = {"RECEIVER nltnm-tokens POST 1": None, "SENDER nltnm-tokens POST 1": None, "SENDER nltnm-tokens GET 0": []}
    async with custom(tmp_path, routes, modules={"nltnm-tokens": module}) as (app, cpo, emsp):
        mine = f"{emsp.endpoint('nltnm-tokens', S)}/42"
        given = {"body": {"response_url": mine}} if where == "body" else {"query": {"response_url": mine}, "body": {}}
        assert (await emsp.call("nltnm-tokens", R, "POST", "X1", to=CPO.party, **given)).ok
        got = await cpo.expect("nltnm-tokens", "POST")
        sealed = got.json()["response_url"] if where == "body" else got.query["response_url"]
        assert sealed.startswith(f"{app.url}/ocpi/2.2.1/sealed/")
        assert (await cpo.call_url("POST", sealed, body="done")).ok
        result = await emsp.expect("nltnm-tokens", "POST")
        assert (result.segments, result.body, result.sender) == (("42",), b'"done"', CPO.party)
        for body in (b"", b'"text"', b'{"a": 1}'):
            assert (await emsp.call("nltnm-tokens", R, "POST", "X1", to=CPO.party, body=body or None)).ok
            assert (await cpo.expect("nltnm-tokens", "POST")).body == body


async def test_a_module_is_routed_to_the_owner_in_its_path(tmp_path):
    """2.2.1, transport_and_format: Open Routing Request, for a GET of one object by its owner."""
    parking = CustomModule(sender=(f"GET {OWNED}",))
    async with custom(tmp_path, {"SENDER parking GET 3": {"id": "P1"}}, modules={"parking": parking}) as (_, _, emsp):
        reply = await emsp.call("parking", S, "GET", "NL/CPO/P1", sender=EMSP.party)
        assert reply.data == {"id": "P1"}


async def test_custom_ids_are_told_only_when_switched_on(tmp_path):
    for name in ("off", "on"):
        (tmp_path / name).mkdir()
    async with custom(tmp_path / "off", {}) as (_, cpo, _):
        assert {module for module, _ in cpo.peer.endpoints} <= CATALOGUE.modules | {"credentials", "hubclientinfo"}
        reply = await cpo.call_url("GET", cpo.peer.endpoint("tokens", S).replace("tokens", "bookings"))
        assert reply.status == 404
    modules = {"nltnm-tokens": TOKENS}
    async with custom(tmp_path / "on", {}, hub=hub("bookings"), modules=modules) as (_, cpo, _):
        assert {("bookings", S), ("bookings", R), ("nltnm-tokens", S), ("nltnm-tokens", R)} <= cpo.peer.endpoints.keys()


async def test_custom_ids_are_told_to_those_only_who_have_an_agreement(tmp_path):
    routing = Routing(agreements="closed")
    async with (
        custom(tmp_path, {}, modules={"nltnm-tokens": TOKENS}, routing=routing) as (app, cpo, emsp),
        SimEmsp("Other", [PartyRole.parse("FR-ABC:EMSP")]) as other,
    ):
        await register(app, other)
        agreements = app.operations.agreements
        await agreements.set("*", "*", "*", allow=True)
        await agreements.set("*", "*", "nltnm-tokens", allow=False)
        await agreements.set("NL-CPO", "DE-MSP", "nltnm-tokens", allow=True)
        for platform, told in ((cpo, True), (emsp, True), (other, False)):
            await platform.renew()
            assert (("nltnm-tokens", R) in platform.peer.endpoints) is told
            assert ("tokens", R) in platform.peer.endpoints
        url = cpo.peer.endpoint("nltnm-tokens", R)
        assert (await other.call_url("POST", url, to=CPO.party, body="x")).status_code == 4001


PLUGIN = '''
"""Adds a module, and watches it."""
from hub.plugin import CustomModule, Message, Plugin, Refuse, receive


class Mine(Plugin):
    modules = {"nltnm-tokens": CustomModule(receiver=("POST",))}

    @receive("nltnm-tokens.post")
    async def look(self, message: Message) -> Refuse | None:
        return Refuse("not that one") if message.json() == "bad" else None
'''


async def test_a_plugin_adds_a_module_and_sees_its_messages(tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "mine.py").write_text(PLUGIN)
    async with custom(tmp_path, {"RECEIVER nltnm-tokens POST 0": None}) as (app, cpo, emsp):
        assert (await cpo.call("nltnm-tokens", R, "POST", to=EMSP.party, body="good")).ok
        assert (await emsp.expect("nltnm-tokens", "POST")).json() == "good"
        reply = await cpo.call("nltnm-tokens", R, "POST", to=EMSP.party, body="bad")
        assert (reply.status_code, reply.status_message) == (2001, "not that one")
        (running,) = app.plugins.table.running
        assert (await running.plugin.hub.send("POST", "nltnm-tokens", R, to=EMSP.party, body=["from the hub"])).ok


async def test_a_plugin_that_clashes_keeps_the_hub_from_starting(tmp_path):
    (tmp_path / "plugins").mkdir()
    path = tmp_path / "plugins" / "mine.py"
    path.write_text(PLUGIN)
    with pytest.raises(PluginError, match="module nltnm-tokens is there already") as caught:
        async with running(tmp_path, modules={"nltnm-tokens": TOKENS}):
            pass
    assert str(caught.value).startswith(f"{path}:7: ")


async def test_the_table_of_config_toml_is_what_runs(tmp_path):
    (tmp_path / "config.toml").write_text('[modules.a]\nsender = ["GET {id}"]\n')
    modules = load(tmp_path / "config.toml", {}).modules
    async with custom(tmp_path, {"SENDER a GET 1": 17}, modules=modules) as (_, _, emsp):
        assert (await emsp.call("a", S, "GET", "X", to=CPO.party)).data == 17
    (tmp_path / "config.toml").write_text('[modules.a]\nsender = ["GIT {id}"]\n')
    with pytest.raises(ConfigError, match=r"config.toml:2: sender: 'GIT {id}' must begin with GET"):
        load(tmp_path / "config.toml", {})


def numbered(*numbers: int) -> list[dict[str, int]]:
    return [{"number": number} for number in numbers]


async def test_get_all_collects_what_owners_have(tmp_path):
    """2.2.1, transport_and_format: GET All via Hubs, also where the list has a path of its own."""
    routes = {"SENDER bookings GET 0": [{"id": "B1"}], "SENDER bookings GET 1": paged}
    async with custom(tmp_path, routes, hub=hub("bookings")) as (app, _, emsp):
        to = app.keeper.current.hub
        assert (await emsp.call("bookings", S, "GET", to=to)).data == [{"id": "B1"}]
        page = await emsp.call("bookings", S, "GET", "booking_locations", to=to, query={"limit": "4"})
        assert page.data == numbered(0, 1, 2, 3)
        link = page.headers["Link"]
        assert link.startswith(f"<{app.url}/ocpi/2.2.1/sender/bookings/booking_locations/?")
        assert (await emsp.call_url("GET", link[1:].partition(">")[0], to=to)).data == numbered(4, 5)


async def test_bookings_payments_and_invoices_are_routed(tmp_path):
    """2.3.0, branches bookings and payments."""
    routes = {
        "SENDER bookings POST 0": {"reservation_status": "PENDING"},
        "RECEIVER bookings PUT 4": None,
        "SENDER payments POST 3": None,
        "RECEIVER invoicereconciliation POST 0": None,
    }
    async with custom(tmp_path, routes, hub=hub("bookings", "payments", "invoicereconciliation")) as (_, cpo, emsp):
        asked = {"country_code": "DE", "party_id": "MSP", "request_id": "Q1"}
        reply = await emsp.call("bookings", S, "POST", to=CPO.party, body=asked)
        assert reply.data == {"reservation_status": "PENDING"}
        path = "NL/CPO/booking_locations/BL1"
        assert (await cpo.call("bookings", R, "PUT", path, to=EMSP.party, body={"id": "BL1"})).ok
        assert (await emsp.call("payments", S, "POST", "terminals/T1/deactivate", to=CPO.party)).ok
        assert (await cpo.expect("payments")).segments == ("terminals", "T1", "deactivate")
        record = {"country_code": "NL", "party_id": "CPO", "id": "I1"}
        assert (await cpo.call("invoicereconciliation", R, "POST", to=EMSP.party, body=record)).ok
        stolen = await emsp.call("invoicereconciliation", R, "POST", to=CPO.party, body=record)
        assert stolen.status_code == 2001


async def test_a_platform_that_calls_its_bookings_booking(tmp_path):
    """2.3.0, bookings: the chapter's module id is `Booking`, its URLs say `bookings`."""
    async with running(tmp_path, hub=hub("bookings")) as app, SimCpo("Cpo", [CPO]) as cpo, SimEmsp("E", [EMSP]) as emsp:
        cpo.routes[S, "Booking", "GET", 0] = answering([{"id": "B1"}])
        await register(app, cpo)
        await register(app, emsp)
        assert (await emsp.call("bookings", S, "GET", to=CPO.party)).data == [{"id": "B1"}]


async def test_what_is_shared_is_broadcast_and_kept(tmp_path):
    """2.2.1, transport_and_format: Broadcast Push and GET All, for a module that the hub knows nothing of."""
    module = CustomModule(
        owner=Role.CPO,
        identity="id",
        share=True,
        sender=("GET", "GET {id}"),
        receiver=(f"PUT {OWNED}", f"DELETE {OWNED}"),
    )
    thing = {"country_code": "NL", "party_id": "CPO", "id": "T1", "last_updated": "2026-05-01T10:00:00Z", "x": None}
    async with custom(tmp_path, {"RECEIVER things PUT 3": None}, modules={"things": module}) as (app, cpo, emsp):
        to = app.keeper.current.hub
        assert (await cpo.call("things", R, "PUT", "NL/CPO/T1", to=to, body=thing)).status == 201
        got = await emsp.expect("things", "PUT")
        assert (got.json(), got.sender) == (thing, to)
        assert (await emsp.call("things", S, "GET", to=to)).data == [thing]
        assert (await emsp.call("things", S, "GET", "T1", to=to)).data == thing
