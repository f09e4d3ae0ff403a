"""A foreign CPO beside simulated platforms: pull, GET All, broadcast, open routing, commands.

Both packages. What the CPO pushes, the package's own client sends, and without a single routing header. Everything else
that a CPO asks for (PATCH, DELETE, authorise) no package has a client for: there its app sends a plain request with the
token that the hub gave it.
"""

import pytest

from hub.config import Sync
from hub.core.modules import Interface
from hub.core.party import PartyRole
from hub.sim import SimEmsp
from hub.sim.messages import Answer
from tests.peers.network import HUB, LATER, opened, until
from tests.peers.pyocpi import PY_OCPI
from tests.support import EMSP, register

S, R = Interface.SENDER, Interface.RECEIVER
LOCATIONS = 7
ALL = [f"loc{n}" for n in range(1, LOCATIONS + 1)]


@pytest.fixture
async def emsp(network) -> SimEmsp:
    return await network.sim_emsp()


@pytest.fixture
async def cpo(network, package, emsp):
    return await network.peer(package, "CPO", locations=LOCATIONS, page=3, driver=EMSP.party)


async def test_the_hub_pulls_and_others_page_through_it(network, package, cpo, emsp):
    """Pull; GET All via Hubs. Broken Links do not stop it, nor py-ocpi's `last_updated` with a space instead of T."""
    progress = await network.pull(cpo)
    assert (progress.problem, progress.pages, progress.kept, progress.refused) == ("", 4, LOCATIONS + 1, 0)
    held = await emsp.fetch_all("locations", to=HUB, query={"limit": "2"})
    assert [each["id"] for each in held] == ALL
    assert held == await emsp.fetch_all("locations", to=cpo.party)
    stamp = "2025-01-01 00:00:00+00:00" if package is PY_OCPI else "2025-01-01T00:00:00Z"
    assert {each["last_updated"] for each in held} == {stamp}
    assert [each["id"] for each in await emsp.fetch_all("tariffs", to=HUB)] == ["tar1"]
    for since, until_, found in (("2025-01-01", "2025-01-02", 7), ("2024-12-31", "2025-01-01", 0)):
        window = {"date_from": f"{since}T00:00:00Z", "date_to": f"{until_}T00:00:00Z"}
        assert len(await emsp.fetch_all("locations", to=HUB, query=window)) == found


async def test_the_second_pull_asks_from_where_the_first_was(network, cpo):
    """Pull with date_from, written as the platform itself writes it."""
    await network.pull(cpo)
    before = len(await cpo.requests())
    progress = await network.pull(cpo)
    assert (progress.problem, progress.refused) == ("", 0)
    queries = [each["query"] for each in (await cpo.requests())[before:]]
    assert all("date_from=2025-01-01" in query for query in queries)
    assert {each["status"] for each in (await cpo.requests())[before:]} <= {200, 307}


async def test_single_objects_are_found_by_anybody_and_by_their_owner(network, cpo, emsp):
    """GET of one object: the hub's own copy, or the owner's, whom open routing finds by the location."""
    await network.pull(cpo)
    for path, name in (("LOC2", "loc2"), ("LOC2/EVSE2", "evse2"), ("LOC2/EVSE2/1", "1")):
        before = len(await cpo.requests())
        held = await emsp.call("locations", S, "GET", path, to=HUB)
        assert name in (held.data.get("uid"), held.data.get("id"))
        assert len(await cpo.requests()) == before
        live = await emsp.call("locations", S, "GET", path, sender=emsp.party)
        assert live.data == [held.data]
        assert (await cpo.requests())[before]["path"].lower().endswith(path.lower())
    path = f"{cpo.party.country}/{cpo.party.party_id}/LOC2"
    assert (await cpo.ask("GET", "locations", "RECEIVER", path, to=HUB)).body["data"]["id"] == "loc2"


async def test_sessions_and_cdrs_of_all_are_collected(network, cpo, emsp):
    """GET All of what a hub does not keep: from the peer and a simulated CPO, one after the other, in pages."""
    other = await network.sim_cpo()
    other.seed_history(4, emsp.token())
    for module, own, prefix in (("sessions", other.sessions, "ses"), ("cdrs", other.cdrs, "cdr")):
        mine = [f"{prefix}{n}" for n in range(1, 4)]
        theirs = [each["id"] for each in own]
        expected = mine + theirs if cpo.party < other.party else theirs + mine
        query = {"limit": "2", "date_from": "2025-01-01T00:00:00Z"}
        page = await emsp.call(module, S, "GET", to=HUB, query=query)
        assert {name.lower(): value for name, value in page.headers.items()}["x-total-count"] == "7"
        found = await emsp.fetch_all(module, to=HUB, query=query)
        assert [each["id"] for each in found] == expected


async def test_what_it_pushes_for_everybody_is_broadcast_and_kept(network, cpo, emsp):
    """Broadcast Push of an open push: the hub speaks, the owner stays in the path. py-ocpi's has a doubled slash."""
    second = await network.stack.enter_async_context(SimEmsp("Second", [PartyRole.parse("BE-SEC:EMSP")]))
    await register(network.app, second)
    for module, own in (("locations", "LOC1"), ("tariffs", "TAR1")):
        assert (await cpo.push(module, own)).status in (200, 201)
        for receiver in (emsp, second):
            got = await receiver.expect(module, "PUT", within=20)
            assert (got.sender, got.receiver) == (HUB, receiver.party)
            assert [each.upper() for each in got.segments] == [cpo.party.country, cpo.party.party_id, own]
        (held,) = await emsp.fetch_all(module, to=HUB)
        assert held["id"] == own.lower()
    assert not [each for each in await cpo.requests() if each["method"] == "PUT" and "clientinfo" not in each["path"]]

    owner = f"{cpo.party.country}/{cpo.party.party_id}"
    change = {"status": "CHARGING", "last_updated": LATER}
    assert (await cpo.ask("PATCH", "locations", "RECEIVER", f"{owner}/LOC1/EVSE1", change)).ok
    assert (await emsp.expect("locations", "PATCH", within=20)).sender == HUB
    (held,) = await emsp.fetch_all("locations", to=HUB)
    assert held["evses"][0]["status"] == "CHARGING"
    assert (await cpo.ask("DELETE", "tariffs", "RECEIVER", f"{owner}/TAR1")).ok
    await emsp.expect("tariffs", "DELETE", within=20)
    assert await emsp.fetch_all("tariffs", to=HUB) == []


def takes_any_cdr(emsp):
    """The CDRs of both packages lack the evse_uid that OCPI requires. This eMSP takes them all the same."""
    kept = []

    async def post(request):
        kept.append(request.json())
        return Answer(http=201, headers={"Location": f"{emsp.endpoint('cdrs', R)}/{len(kept)}"})

    async def get(request):
        return Answer(data=kept[int(request.segments[0]) - 1])

    return {(R, "cdrs", "POST", 0): post, (R, "cdrs", "GET", 1): get}


async def test_a_session_and_a_cdr_that_it_pushes_find_their_driver(network, cpo, emsp):
    """Open Routing Request: by cdr_token. The CDR's Location leads through the hub to the eMSP that has it."""
    assert (await cpo.push("sessions", "SES1")).status in (200, 201)
    got = await emsp.expect("sessions", "PUT", within=20)
    assert (got.sender, got.receiver) == (cpo.party, emsp.party)
    change = {"kwh": 12.5, "last_updated": LATER}
    path = f"{cpo.party.country}/{cpo.party.party_id}/SES1"
    await network.app.bus.settle()
    assert (await cpo.ask("PATCH", "sessions", "RECEIVER", path, change)).ok
    assert next(iter(emsp.their_sessions))["kwh"] == 12.5
    emsp.routes |= takes_any_cdr(emsp)
    posted = await cpo.push("cdrs", "CDR1")
    assert posted.status in (200, 201)
    got = await emsp.expect("cdrs", "POST", within=20)
    assert (got.sender, got.receiver) == (cpo.party, emsp.party)
    fetched = await cpo.send("GET", posted.headers["location"])
    assert fetched.ok
    assert fetched.body["data"]["id"] == "cdr1"


async def test_a_token_is_authorised_whoever_knows_it(network, cpo, emsp):
    """Open Routing Request: by the mirrored token, else asked of all; the eMSP's own 2004 is passed on."""
    uid = emsp.token()["uid"]
    asked = await cpo.ask("POST", "tokens", "SENDER", f"{uid}/authorize", {"location_id": "LOC1"})
    assert (asked.ok, asked.body["data"]["allowed"]) == (True, "ALLOWED")
    assert (await emsp.expect("tokens", "POST")).sender == cpo.party
    assert (await emsp.push_token(None)).ok
    assert (await cpo.holds("tokens", uid.lower()))["uid"].upper() == uid
    known = await cpo.ask("POST", "tokens", "SENDER", f"{uid.lower()}/authorize?type=RFID")
    assert known.body["data"]["allowed"] == "ALLOWED"
    nobody = await cpo.ask("POST", "tokens", "SENDER", "NOBODY/authorize")
    assert (nobody.status, nobody.code) == (404, 2004)


@pytest.mark.parametrize("to", [HUB, None], ids=["to the hub", "to nobody"])
async def test_a_token_is_broadcast_to_it(cpo, emsp, to):
    """Broadcast Push by an eMSP: PUT, then PATCH of what it has by then."""
    token = emsp.token()
    assert (await emsp.push_token(to)).ok
    await cpo.holds("tokens", token["uid"].lower())
    got = (await cpo.requests())[-1]["headers"]
    assert [got[f"ocpi-from-{name}"] for name in ("country-code", "party-id")] == [HUB.country, HUB.party_id]
    path = f"{token['country_code']}/{token['party_id']}/{token['uid']}"
    change = {"valid": False, "last_updated": LATER}
    assert (await emsp.call("tokens", R, "PATCH", path, to=to, sender=emsp.party, body=change)).ok
    await cpo.heard(lambda each: each["method"] == "PATCH")
    assert (await cpo.objects("tokens"))[token["uid"].lower()]["valid"] is False


async def test_a_token_is_sent_to_it_alone(cpo, emsp):
    """Directed PUT, PATCH and GET of a client owned object."""
    token = emsp.token()
    path = f"{token['country_code']}/{token['party_id']}/{token['uid']}"
    assert (await emsp.push_token(cpo.party)).ok
    change = {"valid": False, "last_updated": LATER}
    assert (await emsp.call("tokens", R, "PATCH", path, to=cpo.party, body=change)).ok
    (held,) = (await emsp.call("tokens", R, "GET", path, to=cpo.party)).data
    assert (held["uid"].upper(), held["valid"]) == (token["uid"], False)
    assert await emsp.fetch_all("tokens", to=HUB) == []


async def test_commands_find_it_and_their_results_come_back(network, cpo, emsp):
    """Commands 13: by name, by location, by the session and the reservation seen before; each result arrives."""
    assert (await cpo.push("locations", "LOC1")).status in (200, 201)
    assert (await cpo.push("sessions", "SES1")).status in (200, 201)
    await network.app.bus.settle()
    token = emsp.token()
    for to in (cpo.party, None):
        for sent in (
            await emsp.start_session("LOC1", "EVSE1", token, to),
            await emsp.reserve("R1", "LOC1", "EVSE1", token, to),
            await emsp.unlock("LOC1", "EVSE1", to),
            await emsp.stop_session("SES1", to),
        ):
            assert [each["result"] for each in sent.reply.data] == ["ACCEPTED"]
            assert (await emsp.result(20, of=sent)).result == "ACCEPTED"
        await network.app.bus.settle()
        sent = await emsp.cancel_reservation("R1", to)
        assert (await emsp.result(20, of=sent)).result == "ACCEPTED"
    commands = [each for each in await cpo.requests() if "/commands/" in each["path"]]
    assert len(commands) == 10
    assert {each["headers"]["ocpi-to-party-id"] for each in commands} == {cpo.party.party_id}


async def test_charging_preferences_find_it_by_the_session(network, cpo, emsp):
    """Open routing by the session seen before."""
    assert (await cpo.push("sessions", "SES2")).status in (200, 201)
    await network.app.bus.settle()
    reply = await emsp.set_preferences("SES2", {"profile_type": "FAST"}, None)
    assert reply.ok
    assert reply.data[0]["profile_type"] == "FAST"
    unknown = await emsp.set_preferences("SES3", {"profile_type": "FAST"}, None)
    assert unknown.status_code == 2001
    assert "session 'SES3'".lower() in unknown.status_message.lower()


async def test_what_it_may_not_send_is_refused(network, cpo, emsp):
    """A session without a cdr_token, an object of another party, sessions for everybody: 2001, and nobody gets it."""
    owner = f"{cpo.party.country}/{cpo.party.party_id}"
    session = (await cpo.objects("sessions"))["ses1"]
    lost = {name: value for name, value in session.items() if name != "cdr_token"}
    for path, body, to in (
        (f"{owner}/SES1", lost, None),
        ("NL/OTH/SES1", {**session, "country_code": "NL", "party_id": "OTH"}, None),
        (f"{owner}/SES1", session, HUB),
    ):
        answer = await cpo.ask("PUT", "sessions", "RECEIVER", path, body, to=to)
        assert answer.code == 2001, answer
    assert not [each for each in emsp.received if each.module == "sessions"]


async def test_the_hub_pulls_from_it_as_soon_as_it_has_registered(tmp_path, chain, processes, package):
    """Pull on connection, by itself."""
    async with opened(tmp_path, chain, processes, sync=Sync()) as network:
        emsp = await network.sim_emsp()
        cpo = await network.peer(package, "CPO", locations=LOCATIONS, page=3)
        puller, platform = network.app.operations.puller, network.platform(cpo)
        await until(lambda: (progress := puller.progress(platform)) and progress.done)
        assert [each["id"] for each in await emsp.fetch_all("locations", to=HUB)] == ALL
