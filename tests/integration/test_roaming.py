"""The four ways of a message besides direct routing, over real sockets (2.2.1, transport_and_format 4.3)."""

import asyncio

from hub.config import Sync
from hub.core.modules import Interface
from hub.core.party import Party, PartyRole
from hub.sim import SimEmsp
from tests.support import CPO, EMSP, network, register

HUB = Party("NL", "HUB")


async def until(condition, seconds=5.0):
    """Wait for something to become true."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_broadcast_reaches_the_other_side_and_the_hub_speaks_it(tmp_path):
    """Broadcast Push: From becomes the hub, To the receiving party, the owner stays in the path."""
    async with network(tmp_path) as (app, cpo, emsp), SimEmsp("Second", [PartyRole.parse("FR-SEC:EMSP")]) as second:
        await register(app, second)
        cpo.seed(4)
        assert (await cpo.push_location(HUB, "LOC4")).status == 201
        for receiver in (emsp, second):
            got = await receiver.expect("locations", "PUT")
            assert got.sender == HUB
            assert got.receiver == receiver.party
            assert got.segments[:2] == ("NL", "CPO")
        assert (await cpo.push_location(HUB, "LOC4")).status == 200
        assert not cpo.received


async def test_a_dead_receiver_costs_the_others_nothing(tmp_path):
    """Errors of receivers never reach the sender of a broadcast; nothing is repeated."""
    async with network(tmp_path) as (app, cpo, emsp), SimEmsp("Second", [PartyRole.parse("FR-SEC:EMSP")]) as second:
        await register(app, second)
        await second.stop()
        assert (await cpo.push_location(HUB)).ok
        await emsp.expect("locations", "PUT")
        await second.start()
        await asyncio.sleep(0.3)
        assert not [each for each in second.received if each.method != "GET"]


async def test_sessions_and_cdrs_are_never_broadcast(tmp_path):
    """Broadcast Push: not for what only one party may see."""
    async with network(tmp_path) as (_, cpo, emsp):
        reply = await cpo.call(
            "cdrs", Interface.RECEIVER, "POST", to=HUB, body={"country_code": "NL", "party_id": "CPO", "id": "1"}
        )
        assert reply.status_code == 2001
        assert "name the receiving party" in reply.status_message
        assert not [each for each in emsp.received if each.module == "cdrs"]


async def test_get_all_pages_through_the_mirror(tmp_path):
    """GET All via Hubs: what was broadcast, in pages, as it was received."""
    async with network(tmp_path) as (_, cpo, emsp):
        cpo.seed(5)
        for location in cpo.locations:
            await cpo.push_location(HUB, location["id"])
        page = await emsp.call("locations", Interface.SENDER, "GET", to=HUB, query={"limit": "2"})
        headers = {name.lower(): value for name, value in page.headers.items()}
        assert headers["x-total-count"] == str(len(cpo.locations))
        assert "offset=2" in headers["link"]
        found = await emsp.fetch_all("locations", to=HUB, query={"limit": "2"})
        assert [each["id"] for each in found] == [each["id"] for each in cpo.locations]
        one = await emsp.call("locations", Interface.SENDER, "GET", "LOC1", to=HUB)
        assert one.data["id"] == "LOC1"
        missing = await emsp.call("locations", Interface.SENDER, "GET", "NONE", to=HUB)
        assert missing.status == 404


async def test_a_patch_goes_into_the_mirror_and_an_old_one_does_not(tmp_path):
    """EVSE PATCH is applied into the whole location; one that is older than what is held is refused."""
    async with network(tmp_path) as (_, cpo, emsp):
        await cpo.push_location(HUB)
        location = next(iter(cpo.locations))
        path = f"NL/CPO/{location['id']}/{location['evses'][0]['uid']}"
        new = {"status": "CHARGING", "last_updated": "2030-01-01T00:00:00Z"}
        assert (await cpo.call("locations", Interface.RECEIVER, "PATCH", path, to=HUB, body=new)).ok
        held = await emsp.call("locations", Interface.SENDER, "GET", location["id"], to=HUB)
        assert held.data["evses"][0]["status"] == "CHARGING"
        old = {"status": "AVAILABLE", "last_updated": "2001-01-01T00:00:00Z"}
        assert (await cpo.call("locations", Interface.RECEIVER, "PATCH", path, to=HUB, body=old)).status_code == 2001


async def test_get_all_of_sessions_is_collected_live(tmp_path):
    """GET All of what a hub does not keep: asked of each CPO, for the one who asks."""
    async with network(tmp_path) as (_, cpo, emsp):
        cpo.seed_history(7, emsp.token())
        found = await emsp.fetch_all("cdrs", to=HUB, query={"limit": "3"})
        assert [each["id"] for each in found] == [each["id"] for each in cpo.cdrs]


async def test_open_routing_by_content_and_by_what_was_seen(tmp_path):
    """Open Routing Request: the whole charge without anybody naming a receiver."""
    async with network(tmp_path) as (app, cpo, emsp):
        await emsp.push_token(None)
        await cpo.push_location(None)
        token = emsp.token()
        assert (await cpo.authorize(token["uid"], None)).data["allowed"] == "ALLOWED"
        location = next(iter(cpo.locations))
        started = await emsp.start_session(location["id"], location["evses"][0]["uid"], token, None)
        assert (await emsp.result(of=started)).result == "ACCEPTED"
        session = await emsp.expect("sessions", "PUT")
        await app.bus.settle()
        stopped = await emsp.stop_session(session.segments[-1], None)
        assert (await emsp.result(of=stopped)).result == "ACCEPTED"
        await emsp.expect("cdrs", "POST")


async def test_an_unknown_token_is_asked_of_all(tmp_path):
    """Open routing of authorise: the first that allows wins."""
    async with network(tmp_path) as (app, cpo, emsp), SimEmsp("Second", [PartyRole.parse("FR-SEC:EMSP")]) as second:
        await register(app, second)
        reply = await cpo.authorize(emsp.token()["uid"], None)
        assert reply.data["allowed"] == "ALLOWED"
        assert (await cpo.authorize("NOBODY-KNOWS", None)).status == 404


async def test_agreements_steer_everything(tmp_path):
    """A denial hides the parties from each other: direct, broadcast, GET All, HubClientInfo."""
    async with network(tmp_path) as (app, cpo, emsp):
        await cpo.push_location(HUB)
        await emsp.expect("locations", "PUT")
        await app.operations.agreements.set("NL-CPO", "DE-MSP", "*", allow=False)
        assert (await cpo.push_location(EMSP.party)).status_code == 4001
        assert (await cpo.push_location(HUB)).ok
        assert not await emsp.fetch_all("locations", to=HUB)
        infos = await emsp.call("hubclientinfo", Interface.SENDER, "GET")
        assert not infos.data
        await app.operations.agreements.remove("NL-CPO", "DE-MSP", "*")
        assert (await cpo.push_location(EMSP.party)).ok
        infos = await emsp.call("hubclientinfo", Interface.SENDER, "GET")
        assert [(each["party_id"], each["status"]) for each in infos.data] == [("CPO", "CONNECTED")]


async def test_the_hub_pulls_from_a_platform_that_connects(tmp_path):
    """Pull: the mirror fills without a push."""
    async with network(tmp_path, sync=Sync()) as (app, cpo, emsp):
        await until(lambda: (p := app.operations.puller.progress(app.partners.find("Cpo"))) and p.done)
        found = await emsp.fetch_all("locations", to=HUB)
        assert [each["id"] for each in found] == [each["id"] for each in cpo.locations]


async def test_explain_says_what_routing_does(tmp_path):
    """`explain` prints the route and the trail without sending."""
    async with network(tmp_path) as (app, _, emsp):
        told = await app.operations.explainer.explain("PUT", "receiver/locations/NL/CPO/LOC1", "NL-CPO", "NL-HUB", b"")
        assert (told.way, told.destinations) == ("broadcast", ("DE-MSP",))
        told = await app.operations.explainer.explain("PUT", "receiver/locations/NL/CPO/LOC1", "NL-CPO", "DE-XXX", b"")
        assert (told.way, told.status_code) == ("refuse", 4001)
        assert not [each for each in emsp.received if each.method != "GET"]
        assert CPO.party.id in told.trail[0]
