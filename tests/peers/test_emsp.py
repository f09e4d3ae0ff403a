"""A foreign eMSP beside simulated platforms: pull, GET All, broadcast, authorisation, sessions, CDRs, commands.

Both packages. The package's own client pushes tokens, without a single routing header. Everything else that an eMSP
asks for (commands, GET, PATCH) no package has a client for: there its app sends a plain request with the token that the
hub gave it, and no OCPI-to unless a test says so.
"""

import pytest

from hub.core.modules import Interface
from hub.core.party import PartyRole
from hub.sim import SimCpo, SimEmsp
from tests.peers.extrawest import EXTRAWEST
from tests.peers.network import HUB, LATER, pages
from tests.peers.pyocpi import PY_OCPI
from tests.support import register

S, R = Interface.SENDER, Interface.RECEIVER
TOKENS = ["tok1", "tok2", "tok3"]


@pytest.fixture
async def cpo(network) -> SimCpo:
    """Its locations have a field that is optional, and that py-ocpi refuses to go without."""
    cpo = await network.sim_cpo()
    for location in cpo.locations:
        location["opening_times"]["regular_hours"] = []
    return cpo


@pytest.fixture
async def emsp(network, package, cpo):
    return await network.peer(package, "EMSP", page=2)


async def test_the_hub_pulls_and_others_page_through_it(network, cpo, emsp):
    """Pull; GET All via Hubs. Both packages' next Link of tokens has the path of a CPO."""
    progress = await network.pull(emsp)
    assert (progress.problem, progress.pages, progress.kept, progress.refused) == ("", 2, 3, 0)
    held = await cpo.fetch_all("tokens", to=HUB, query={"limit": "1"})
    assert [each["uid"] for each in held] == TOKENS
    assert held == await cpo.fetch_all("tokens", to=emsp.party)
    assert (await network.pull(emsp)).refused == 0


async def test_it_pages_through_what_others_have(cpo, emsp):
    """GET All and single objects, by location and by owner, for somebody who sends no routing headers."""
    cpo.seed(5)
    for location in cpo.locations:
        assert (await cpo.push_location(HUB, location["id"])).ok
    assert await pages(emsp, "locations", "?limit=2") == [["LOC1", "LOC2"], ["LOC3", "LOC4"], ["LOC5"]]
    assert (await emsp.ask("GET", "locations", "SENDER", "LOC3")).body["data"]["id"] == "LOC3"
    assert (await cpo.expect("locations", "GET")).receiver == cpo.party
    assert (await emsp.ask("GET", "locations", "SENDER", "LOC3", to=HUB)).body["data"]["id"] == "LOC3"
    cpo.seed_history(3, (await emsp.objects("tokens"))["tok1"])
    for module in ("sessions", "cdrs"):
        found = await pages(emsp, module, "?limit=2&date_from=2025-01-01T00:00:00Z")
        assert [len(page) for page in found] == [2, 1]


@pytest.mark.parametrize("to", [HUB, None], ids=["to the hub", "to nobody"])
async def test_locations_and_tariffs_are_broadcast_to_it(cpo, emsp, to):
    """Broadcast Push by a CPO: whole, then in parts, then gone."""
    assert (await cpo.push_location(to)).ok
    assert _statuses(await emsp.holds("locations", "loc1")) == {"1001-1": "AVAILABLE", "1001-2": "AVAILABLE"}
    put = await emsp.heard(lambda each: each["method"] == "PUT" and "/locations/" in each["path"])
    assert [put["headers"][f"ocpi-from-{name}"] for name in ("country-code", "party-id")] == ["NL", "HUB"]
    assert (await cpo.patch_evse_status("LOC1", "1001-1", "CHARGING", to)).ok
    await emsp.heard(lambda each: each["method"] == "PATCH")
    assert _statuses((await emsp.objects("locations"))["loc1"]) == {"1001-1": "CHARGING", "1001-2": "AVAILABLE"}
    assert (await cpo.push_tariff(to)).ok
    await emsp.holds("tariffs", "ac")
    assert (await cpo.call("tariffs", R, "DELETE", "NL/CPO/AC", to=to, sender=cpo.party)).ok
    await emsp.heard(lambda each: each["method"] == "DELETE")
    assert "ac" not in await emsp.objects("tariffs")


async def test_locations_are_sent_to_it_alone(cpo, emsp):
    """Directed PUT, PATCH and GET of a client owned object; its answer to GET is a list of one."""
    assert (await cpo.push_location(emsp.party)).ok
    assert (await cpo.patch_evse_status("LOC1", "1001-2", "CHARGING", emsp.party)).ok
    (held,) = (await cpo.call("locations", R, "GET", "NL/CPO/LOC1", to=emsp.party)).data
    assert _statuses(held) == {"1001-1": "AVAILABLE", "1001-2": "CHARGING"}
    assert await cpo.fetch_all("locations", to=HUB) == []


@pytest.mark.parametrize("package", [PY_OCPI], ids=repr)
async def test_a_body_that_it_refuses_reaches_all_others(network, cpo, emsp):
    """Broadcast Push: bodies go out untouched, errors never come back. Sent to it alone, the sender learns of it."""
    other = await network.sim_emsp()
    del next(iter(cpo.locations))["opening_times"]["regular_hours"]
    assert (await cpo.push_location(HUB)).ok
    await other.expect("locations", "PUT", within=20)
    await emsp.heard(lambda each: each["method"] == "PUT" and each["status"] == 422)
    assert await emsp.objects("locations") == {}
    refused = await cpo.push_location(emsp.party)
    assert (refused.status, refused.status_code) == (200, 4000)
    assert "HTTP 422" in refused.status_message


async def test_a_session_and_a_cdr_find_it_by_its_driver(cpo, emsp):
    """Open Routing Request: by cdr_token. Its Location leads back to it, and it does not serve that itself: 404."""
    cpo.seed_history(1, (await emsp.objects("tokens"))["tok1"])
    (session,), (cdr,) = cpo.sessions, cpo.cdrs
    for to, found in ((None, session["id"]), (emsp.party, session["id"])):
        reply = await cpo.call("sessions", R, "PUT", f"NL/CPO/{found}", to=to, sender=cpo.party, body=session)
        assert reply.ok
    assert (await emsp.objects("sessions"))[session["id"].lower()]["kwh"] == session["kwh"]
    posted = await cpo.call("cdrs", R, "POST", to=None, sender=cpo.party, body=cdr)
    assert posted.ok
    assert (await emsp.objects("cdrs"))[cdr["id"].lower()]["id"] == cdr["id"].lower()
    fetched = await cpo.call_url("GET", posted.headers["Location"])
    assert (fetched.status, fetched.status_code) == (404, 4000)
    assert (await emsp.requests())[-1]["path"].endswith(f"/{cdr['id'].lower()}")


async def test_the_tokens_that_it_pushes_are_broadcast_and_kept(cpo, emsp):
    """Broadcast Push of an open push; a PATCH goes the same way, and into the mirror."""
    assert (await emsp.push("tokens", "TOK1")).status in (200, 201)
    got = await cpo.expect("tokens", "PUT", within=20)
    assert (got.sender, got.receiver) == (HUB, cpo.party)
    owner = f"{emsp.party.country}/{emsp.party.party_id}"
    change = {"valid": False, "last_updated": LATER}
    assert (await emsp.ask("PATCH", "tokens", "RECEIVER", f"{owner}/TOK1", change)).ok
    await cpo.expect("tokens", "PATCH", within=20)
    (held,) = await cpo.fetch_all("tokens", to=HUB)
    assert (held["uid"], held["valid"]) == ("tok1", False)
    assert next(iter(cpo.their_tokens))["valid"] is False


async def test_it_authorises_its_tokens(network, package, cpo, emsp):
    """By name; by the mirror; asked with another eMSP, which does not know the token. What nobody knows is a 404."""
    other = await network.stack.enter_async_context(SimEmsp("Second", [PartyRole.parse("BE-SEC:EMSP")]))
    await register(network.app, other)
    asked = [await cpo.authorize("TOK1", to, location_id="LOC1") for to in (emsp.party, None)]
    assert (await other.expect("tokens", "POST")).segments[0] == "TOK1"
    await network.pull(emsp)
    asked.append(await cpo.authorize("TOK1", None))
    assert [[each["allowed"] for each in reply.data] for reply in asked] == [["ALLOWED"]] * 3
    assert len([each for each in other.received if each.method == "POST"]) == 1
    unknown = await cpo.authorize("NO-SUCH", emsp.party)
    assert (unknown.status, unknown.status_code) == (404, 4000 if package is EXTRAWEST else 2004)
    assert (await cpo.authorize("NO-SUCH", None)).status == 404


async def test_it_starts_and_stops_a_session_and_all_of_it_comes_back(network, cpo, emsp):
    """Open Routing Request of commands: by the mirrored location, then by the session that was seen.

    Results arrive at its response_url; session and CDR, which the CPO sends on its own, arrive too.
    """
    assert (await cpo.push_location(HUB)).ok
    token = (await emsp.objects("tokens"))["tok1"]
    order = {"token": token, "location_id": "LOC1", "evse_uid": "1001-1", "connector_id": "1"}
    await _command(emsp, "START_SESSION", order)
    session = await _only(emsp, "sessions")
    assert session["status"] == "ACTIVE"
    await network.app.bus.settle()
    await _command(emsp, "STOP_SESSION", {"session_id": session["id"]})
    cdr = await _only(emsp, "cdrs")
    assert cdr["cdr_token"]["uid"] == "tok1"
    unknown = {"session_id": "NO-SUCH", "response_url": emsp.module_url("commands") + "x"}
    refused = await emsp.ask("POST", "commands", "RECEIVER", "STOP_SESSION", unknown)
    assert refused.code == 2001


async def test_a_command_may_not_have_its_result_sent_elsewhere(cpo, emsp):
    """A response_url outside of what it registered is refused: the hub's token for it would go there."""
    assert (await cpo.push_location(HUB)).ok
    token = (await emsp.objects("tokens"))["tok1"]
    order = {"token": token, "location_id": "LOC1", "response_url": f"{cpo.url}/elsewhere"}
    assert (await emsp.ask("POST", "commands", "RECEIVER", "START_SESSION", order)).code == 2001
    assert not [each for each in cpo.received if each.module == "commands"]


def _statuses(location: dict) -> dict[str, str]:
    """Of each EVSE; extrawest moves the one that changed to the end."""
    return {each["uid"]: each["status"] for each in location["evses"]}


async def _command(emsp, name: str, order: dict) -> None:
    """Send a command without a receiver; its result has to arrive."""
    url = emsp.module_url("commands") + name.lower()
    answer = await emsp.ask("POST", "commands", "RECEIVER", name, {**order, "response_url": url})
    assert (answer.ok, answer.body["data"]["result"]) == (True, "ACCEPTED")
    heard = await emsp.heard(lambda each: each["path"].endswith(f"/commands/{name.lower()}"))
    assert (heard["status"], heard["body"]["result"]) == (200, "ACCEPTED")


async def _only(emsp, module: str):
    """The one object of a module, when it is there."""
    await emsp.heard(lambda each: f"/{module}/" in each["path"] and each["status"] == 200)
    (found,) = (await emsp.objects(module)).values()
    return found
