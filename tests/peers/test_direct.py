"""Direct routing between the platforms of two packages, quirks and all (2.2.1, transport_and_format: Message Routing).

extrawest-ocpi as CPO with py-ocpi as eMSP, and the other way round. Both answer a single object as a list of one and in
lower case, send no routing headers and no ids, advertise no commands as CPO, and hand out Links and Locations that lead
nowhere. Neither has a client for what a partner asks of another: the app of a peer sends those requests with a plain
HTTP client, the token that the hub gave it, and OCPI-to.
"""

import asyncio

import msgspec
import pytest

from hub.app import App
from tests.peers.extrawest import EXTRAWEST
from tests.peers.network import LATER, Network, pages, parties, routing
from tests.peers.peer import Peer
from tests.peers.pyocpi import PY_OCPI

LOCATIONS = 7
KEEPALIVE = 5.0
PAIRS = [(EXTRAWEST, PY_OCPI), (PY_OCPI, EXTRAWEST)]


class Pair(msgspec.Struct):
    """A CPO and an eMSP at one hub."""

    app: App
    network: Network
    cpo: Peer
    emsp: Peer


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0]}-to-{pair[1]}")
async def pair(request, network) -> Pair:
    """Either registration is begun by another side."""
    for_cpo, for_emsp = request.param
    cpo = await network.peer(
        for_cpo, "CPO", begins="peer", locations=LOCATIONS, page=3, driver=for_emsp.parties["EMSP"]
    )
    emsp = await network.peer(for_emsp, "EMSP", begins="hub", page=2)
    return Pair(network.app, network, cpo, emsp)


async def test_lists_are_paged_to_the_end_with_their_filters(pair):
    """Pagination: Links have the wrong scheme or path, and `date_to` in words of their own; the last one is empty."""

    async def found(module, query=""):
        return await pages(pair.emsp, module, query, to=pair.cpo.party, sealed=True)

    assert await found("locations") == [["loc1", "loc2", "loc3"], ["loc4", "loc5", "loc6"], ["loc7"]]
    assert [len(page) for page in await found("locations", "?limit=2")] == [2, 2, 2, 1]
    assert await found("sessions", "?limit=2") == [["ses1", "ses2"], ["ses3"]]
    assert await found("cdrs", "?limit=2") == [["cdr1", "cdr2"], ["cdr3"]]
    assert await found("tariffs", "?limit=1") == [["tar1"]]
    window = "?date_from=2024-12-01T00:00:00Z&date_to=2025-02-01T00:00:00Z"
    assert [len(page) for page in await found("locations", window)] == [3, 3, 1]
    queries = [each["query"] for each in await pair.cpo.requests() if each["status"] == 200][-3:]
    assert all("date_from=2024-12-01T00:00:00Z" in query and "date_to=2025-02-01" in query for query in queries)
    assert await found("locations", "?date_from=2025-06-01T00:00:00Z") == [[]]
    assert await pages(pair.cpo, "tokens", to=pair.emsp.party, sealed=True) == [["tok1", "tok2"], ["tok3"]]


async def test_single_objects_come_as_the_partner_gives_them(pair):
    """A list of one where one object was asked for goes back as it is. What is not there has many faces.

    extrawest answers 404 with {"detail": ..}: a 404 with an envelope of the hub's. py-ocpi answers HTTP 500 in plain
    text: 4000, since that may be anything.
    """
    for path, key, value in (("LOC1", "id", "loc1"), ("LOC1/EVSE1", "uid", "evse1"), ("loc1/evse1/1", "id", "1")):
        answer = await pair.emsp.ask("GET", "locations", "SENDER", path, to=pair.cpo.party)
        assert [each[key] for each in answer.body["data"]] == [value]
    expected = (404, 4000) if pair.cpo.package is EXTRAWEST else (200, 4000)
    for path in ("NO-SUCH", "LOC1/NO-SUCH"):
        answer = await pair.emsp.ask("GET", "locations", "SENDER", path, to=pair.cpo.party)
        assert (answer.status, answer.code) == expected
        assert pair.cpo.party.id in answer.body["status_message"]


async def test_headers_that_the_packages_know_nothing_of_are_made_by_the_hub(pair):
    """Unique message IDs, Message Routing: the peer's answers come without any of them."""
    answer = await pair.emsp.ask("GET", "locations", "SENDER", "LOC1", to=pair.cpo.party)
    received = (await pair.cpo.requests())[-1]["headers"]
    assert received["x-correlation-id"] == answer.headers["x-correlation-id"] != received["x-request-id"]
    assert received["x-request-id"] != answer.headers["x-request-id"]
    assert routing(received) == parties(pair.emsp.party, pair.cpo.party)
    assert routing(answer.headers) == parties(pair.cpo.party, pair.emsp.party)


async def test_the_cpo_sends_locations_sessions_and_tariffs(pair):
    """Client Owned Object Push; ids and country codes that a package lowercased are no reason to refuse (CiString)."""
    cpo, emsp = pair.cpo, pair.emsp
    owner = f"{cpo.party.country}/{cpo.party.party_id}"

    async def told(method, module, path, body=None):
        answer = await cpo.ask(method, module, "RECEIVER", path, body, to=emsp.party)
        assert answer.ok, answer
        return answer

    async def own(module, object_id=""):
        return (await emsp.ask("GET", module, "SENDER", object_id, to=cpo.party)).body["data"][0]

    location = await own("locations", "LOC2")
    assert (location["country_code"], location["id"]) == (cpo.party.country.lower(), "loc2")
    for path in (f"{owner}/LOC2", f"{owner}/LOC2".lower()):
        await told("PUT", "locations", path, location)
    evse, connector = location["evses"][0], location["evses"][0]["connectors"][0]
    await told("PUT", "locations", f"{owner}/LOC2/EVSE2", evse)
    await told("PUT", "locations", f"{owner}/LOC2/EVSE2/1", connector | {"max_amperage": 16})
    await told("PATCH", "locations", f"{owner}/LOC2/EVSE2/1", {"max_voltage": 230, "last_updated": LATER})
    await told("PATCH", "locations", f"{owner}/LOC2/EVSE2", {"status": "CHARGING", "last_updated": LATER})
    await told("PATCH", "locations", f"{owner}/LOC2", {"name": "New", "last_updated": LATER})
    held = (await told("GET", "locations", f"{owner}/LOC2")).body["data"][0]
    assert (held["name"], held["evses"][0]["status"]) == ("New", "CHARGING")
    changed = held["evses"][0]["connectors"][0]
    assert (changed["max_amperage"], changed["max_voltage"]) == (16, 230)

    session = await own("sessions")
    await told("PUT", "sessions", f"{owner}/SES1", session)
    await told("PATCH", "sessions", f"{owner}/SES1", {"kwh": 12.5, "last_updated": LATER})
    assert (await told("GET", "sessions", f"{owner}/SES1")).body["data"][0]["kwh"] == 12.5

    tariff = await own("tariffs")
    await told("PUT", "tariffs", f"{owner}/TAR1", tariff)
    (held,) = (await told("GET", "tariffs", f"{owner}/TAR1")).body["data"]
    same = held.keys() - {"last_updated"}  # which py-ocpi writes with a space instead of T
    assert {name: held[name] for name in same} == {name: tariff[name] for name in same}
    await told("DELETE", "tariffs", f"{owner}/TAR1")
    assert "tar1" not in await emsp.objects("tariffs")


async def test_a_cdr_is_posted_and_its_location_leads_back_to_the_peer(pair):
    """CDRs 10.2.2: the Location of both packages has a path that they do not serve; extrawest's is https, too."""
    cpo, emsp = pair.cpo, pair.emsp
    (cdr, *_) = (await emsp.ask("GET", "cdrs", "SENDER", to=cpo.party)).body["data"]
    posted = await cpo.ask("POST", "cdrs", "RECEIVER", "", cdr, to=emsp.party)
    assert posted.ok
    assert (await emsp.objects("cdrs"))["cdr1"]["id"] == "cdr1"
    assert posted.headers["location"].startswith(f"{pair.app.url}/ocpi/2.2.1/sealed/")
    fetched = await cpo.send("GET", posted.headers["location"])
    assert (fetched.status, fetched.code) == (404, 4000)
    arrived = (await emsp.requests())[-1]
    assert (arrived["method"], arrived["path"].rpartition("/")[2], arrived["status"]) == ("GET", "cdr1", 404)
    before = len(await emsp.requests())
    assert (await emsp.send("GET", posted.headers["location"])).status == 404
    assert len(await emsp.requests()) == before


async def test_tokens_are_sent_and_authorised(pair):
    """Tokens 12.2. A token that nobody knows: extrawest says 404 with {"detail": ..}, py-ocpi 404 with 2004."""
    cpo, emsp = pair.cpo, pair.emsp
    owner = f"{emsp.party.country}/{emsp.party.party_id}"
    (token, *_) = (await cpo.ask("GET", "tokens", "SENDER", to=emsp.party)).body["data"]
    assert (await emsp.ask("PUT", "tokens", "RECEIVER", f"{owner}/TOK1", token, to=cpo.party)).ok
    blocked = {"valid": False, "last_updated": LATER}
    assert (await emsp.ask("PATCH", "tokens", "RECEIVER", f"{owner}/TOK1", blocked, to=cpo.party)).ok
    held = await emsp.ask("GET", "tokens", "RECEIVER", f"{owner}/TOK1?type=RFID", to=cpo.party)
    assert [each["valid"] for each in held.body["data"]] == [False]
    for body in ({"location_id": "LOC1"}, None):
        answer = await cpo.ask("POST", "tokens", "SENDER", "TOK1/authorize?type=RFID", body, to=emsp.party)
        assert [each["allowed"] for each in answer.body["data"]] == ["ALLOWED"]
    answer = await cpo.ask("POST", "tokens", "SENDER", "NO-SUCH/authorize", to=emsp.party)
    assert (answer.status, answer.code) == (404, 4000 if emsp.package is EXTRAWEST else 2004)


async def test_a_session_is_started_and_its_result_arrives(pair):
    """Commands 13: the result is posted to a sealed response_url without routing headers.

    extrawest posts it right after its answer; with py-ocpi's old server it is there before that answer has ended.
    """
    cpo, emsp, uid = pair.cpo, pair.emsp, "b3c9a1f0-5f0e-4b1c-9a53-0d9f7a6f0e11"
    (token, *_) = (await cpo.ask("GET", "tokens", "SENDER", to=emsp.party)).body["data"]
    order = {"response_url": emsp.module_url("commands") + uid, "location_id": "LOC1", "token": token}
    answer = await emsp.ask("POST", "commands", "RECEIVER", "START_SESSION", order, to=cpo.party)
    assert [each["result"] for each in answer.body["data"]] == ["ACCEPTED"]
    heard = await emsp.heard(lambda request: request["path"].endswith(f"/commands/{uid}"))
    assert (heard["method"], heard["status"], heard["body"]["result"]) == ("POST", 200, "ACCEPTED")
    assert routing(heard["headers"]) == parties(cpo.party, emsp.party)
    (started,) = [each for each in await cpo.requests() if each["path"].endswith("/START_SESSION")]
    assert started["body"]["response_url"].startswith(pair.app.url)
    assert len(started["body"]["response_url"]) <= 255


async def test_charging_preferences_are_set(pair):
    """Sessions 9.2.1.2."""
    wish = {"profile_type": "GREEN", "departure_time": LATER, "energy_need": 20.0, "discharge_allowed": False}
    path = "SES1/charging_preferences"
    answer = await pair.emsp.ask("PUT", "sessions", "SENDER", path, wish, to=pair.cpo.party)
    assert answer.ok
    assert answer.body["data"][0]["profile_type"] == "GREEN"


async def test_a_missing_slash_is_redirected_and_followed_with_the_body(pair):
    """Both packages answer 307 where the slash at the end is missing, and py-ocpi advertises all without one."""
    for peer, module, side in ((pair.cpo, "locations", "SENDER"), (pair.emsp, "cdrs", "RECEIVER")):
        url = peer.module_url(module).rstrip("/")
        await pair.app.partners.set_endpoint(peer.name, module, side, url)
    assert [len(page) for page in await pages(pair.emsp, "locations", to=pair.cpo.party, sealed=True)] == [3, 3, 1]
    assert [each["status"] for each in (await pair.cpo.requests())[-6:]] == [307, 200] * 3
    (cdr, *_) = (await pair.emsp.ask("GET", "cdrs", "SENDER", to=pair.cpo.party)).body["data"]
    assert (await pair.cpo.ask("POST", "cdrs", "RECEIVER", "", cdr, to=pair.emsp.party)).ok
    assert [each["status"] for each in (await pair.emsp.requests())[-2:]] == [307, 200]
    assert "cdr1" in await pair.emsp.objects("cdrs")


async def test_an_error_without_envelope_becomes_one_of_the_hub(pair):
    """Status codes: 422 with {"detail": ..} is the partner's; the sender gets 4000 with words."""
    path, body = f"{pair.cpo.party.country}/{pair.cpo.party.party_id}/LOC1", {"id": "LOC1"}
    answer = await pair.cpo.ask("PUT", "locations", "RECEIVER", path, body, to=pair.emsp.party)
    assert (answer.status, answer.code) == (200, 4000)
    assert "HTTP 422" in answer.body["status_message"]


async def test_a_charging_profile_is_asked_for_and_its_result_arrives(network):
    """Chargingprofiles 14: here the response_url stands in the query. Only extrawest has them."""
    cpo, emsp = await network.peer(EXTRAWEST, "CPO"), await network.peer(EXTRAWEST, "EMSP")
    url = emsp.module_url("chargingprofiles") + "?id=9"
    query = f"SES1?duration=900&response_url={url.replace('?', '%3F').replace('=', '%3D')}"
    answer = await emsp.ask("GET", "chargingprofiles", "RECEIVER", query, to=cpo.party)
    assert [each["result"] for each in answer.body["data"]] == ["ACCEPTED"]
    heard = await emsp.heard(lambda request: request["query"] == "id=9")
    assert (heard["status"], heard["body"]["result"]) == (200, "ACCEPTED")
    assert heard["body"]["profile"]["charging_profile"]["charging_rate_unit"] == "W"


async def test_a_push_never_meets_a_connection_that_the_peer_is_closing(pair):
    """The packages' server closes a connection after five idle seconds, without a word; a push is sent only once."""
    (location,) = (await pair.emsp.ask("GET", "locations", "SENDER", "LOC1", to=pair.cpo.party)).body["data"]
    path = f"{pair.cpo.party.country}/{pair.cpo.party.party_id}/LOC1"
    for pause in (0.0, KEEPALIVE):
        await asyncio.sleep(pause)  # the time itself is what is tested
        assert (await pair.cpo.ask("PUT", "locations", "RECEIVER", path, location, to=pair.emsp.party)).ok
        assert (await pair.emsp.ask("GET", "locations", "SENDER", "LOC1", to=pair.cpo.party)).ok
