"""Two foreign platforms of different packages and a whole charge, with not a single routing header from either.

extrawest-ocpi as CPO with py-ocpi as eMSP, and the other way round. The packages' own clients push what they have; what
they have no client for (authorise, commands, GET) the app of a peer sends with a plain HTTP client and the hub's token.
"""

import msgspec
import pytest

from tests.peers.extrawest import EXTRAWEST
from tests.peers.network import HUB, Network, pages, parties, routing
from tests.peers.peer import Peer
from tests.peers.pyocpi import PY_OCPI

LOCATIONS = 5


class Pair(msgspec.Struct):
    """A CPO and an eMSP at one hub."""

    network: Network
    cpo: Peer
    emsp: Peer


@pytest.fixture(params=[(EXTRAWEST, PY_OCPI), (PY_OCPI, EXTRAWEST)], ids=lambda pair: f"{pair[0]}-to-{pair[1]}")
async def pair(request, network) -> Pair:
    for_cpo, for_emsp = request.param
    cpo = await network.peer(for_cpo, "CPO", begins="hub", locations=LOCATIONS, driver=for_emsp.parties["EMSP"])
    emsp = await network.peer(for_emsp, "EMSP", begins="peer")
    return Pair(network, cpo, emsp)


async def test_a_whole_charge(pair):
    """Open Routing Request: everybody's by broadcast, one driver's by cdr_token, commands by location and session."""
    cpo, emsp, app = pair.cpo, pair.emsp, pair.network.app

    async def told(peer, module, own):
        answer = await peer.push(module, own)
        assert answer.status in (200, 201), answer

    await told(emsp, "tokens", "TOK1")
    assert (await cpo.holds("tokens", "tok1"))["uid"] == "tok1"
    for module, own in (("locations", "LOC1"), ("tariffs", "TAR1")):
        await told(cpo, module, own)
        assert (await emsp.holds(module, own.lower()))["id"] == own.lower()
    put = await emsp.heard(lambda each: each["method"] == "PUT" and "/locations/" in each["path"])
    assert routing(put["headers"]) == parties(HUB, emsp.party)

    allowed = await cpo.ask("POST", "tokens", "SENDER", "TOK1/authorize?type=RFID", {"location_id": "LOC1"})
    assert [each["allowed"] for each in allowed.body["data"]] == ["ALLOWED"]
    token = (await emsp.objects("tokens"))["tok1"]
    order = {"token": token, "location_id": "LOC1", "evse_uid": "EVSE1", "connector_id": "1"}
    await _command(pair, "START_SESSION", order)

    await told(cpo, "sessions", "SES1")
    assert (await emsp.holds("sessions", "ses1"))["kwh"] == 10.5
    await app.bus.settle()
    path = f"{cpo.party.country}/{cpo.party.party_id}/SES1"
    change = {"kwh": 12.5, "last_updated": "2025-01-02T00:00:00Z"}
    assert (await cpo.ask("PATCH", "sessions", "RECEIVER", path, change)).ok
    assert (await emsp.objects("sessions"))["ses1"]["kwh"] == 12.5
    await _command(pair, "STOP_SESSION", {"session_id": "SES1"})
    await told(cpo, "cdrs", "CDR1")
    cdr = await emsp.holds("cdrs", "cdr1")
    assert (cdr["session_id"], cdr["cdr_token"]["uid"]) == ("ses1", "tok1")
    direct = await emsp.heard(lambda each: each["method"] == "POST" and each["path"].rstrip("/").endswith("/cdrs"))
    assert routing(direct["headers"]) == parties(cpo.party, emsp.party)


async def test_each_pages_through_what_the_other_has(pair):
    """GET All: locations and tokens from what the hub pulled, sessions and CDRs live, a page at a time."""
    cpo, emsp = pair.cpo, pair.emsp
    for peer, kept in ((cpo, LOCATIONS + 1), (emsp, 3)):
        progress = await pair.network.pull(peer)
        assert (progress.problem, progress.kept, progress.refused) == ("", kept, 0)
    assert await pages(emsp, "locations", "?limit=2") == [["loc1", "loc2"], ["loc3", "loc4"], ["loc5"]]
    assert await pages(emsp, "tariffs", to=HUB) == [["tar1"]]
    assert await pages(cpo, "tokens", "?limit=2", to=HUB) == [["tok1", "tok2"], ["tok3"]]
    assert await pages(emsp, "sessions", "?limit=2") == [["ses1", "ses2"], ["ses3"]]
    assert await pages(emsp, "cdrs", "?limit=1") == [["cdr1"], ["cdr2"], ["cdr3"]]
    (one,) = (await emsp.ask("GET", "locations", "SENDER", "LOC4")).body["data"]
    assert one["id"] == "loc4"


async def _command(pair: Pair, name: str, order: dict) -> None:
    url = pair.emsp.module_url("commands") + name.lower()
    answer = await pair.emsp.ask("POST", "commands", "RECEIVER", name, {**order, "response_url": url})
    assert [each["result"] for each in answer.body["data"]] == ["ACCEPTED"]
    heard = await pair.emsp.heard(lambda each: each["path"].endswith(f"/commands/{name.lower()}"))
    assert (heard["status"], heard["body"]["result"]) == (200, "ACCEPTED")
    assert routing(heard["headers"]) == parties(pair.cpo.party, pair.emsp.party)
