"""extrawest-ocpi in OCPI 2.1.1 with itself in 2.2.1: a CPO and an eMSP, each on the version that the other is not on.

What arrives has passed the package's own schemas of the receiver's version; what is sent and asked for, ours, as the
hub checks everything here but for CDRs. Of 2.1.1 the package can not do everything:

- Its CDR has `end_date_time`, which is `stop_date_time` in OCPI 2.1.1: it refuses every CDR that is in order with HTTP
  422. The one that it sends is told in 2.2.1 all the same, where the name is right, by a hub that does not check.
- It requires the `tariff_id` of a connector, and a location's `time_zone`, both optional in 2.1.1; it writes null for a
  `postal_code` that is missing, which 2.1.1 requires. Our seeds have all three.
- Its /versions takes a raw token for base64, and fails with a 3000 where the padding is not right; the version details
  want it raw. The tokens that our peers make are hexadecimal, which never looks like base64 of anything.
- It advertises no commands of a CPO: that endpoint is set by hand, as in 2.2.1.
- In 2.2.1 a CDR's location has no `evse_uid`, which OCPI requires: no EVSE is left of it for 2.1.1.
"""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from hub.ocpi import v2_1_1, v2_2_1
from hub.ocpi.check import findings
from tests.peers.extrawest import EXTRAWEST
from tests.peers.network import HUB, LATER, Network, opened, pages
from tests.peers.peer import Peer, Version

TYPES = {"2.1.1": v2_1_1, "2.2.1": v2_2_1}
KINDS = {"locations": "Location", "tariffs": "Tariff", "sessions": "Session", "cdrs": "CDR", "tokens": "Token"}
VERSIONS = [("2.1.1", "2.2.1"), ("2.2.1", "2.1.1")]


class Pair(msgspec.Struct):
    """A CPO and an eMSP at one hub."""

    network: Network
    cpo: Peer
    emsp: Peer


@pytest.fixture(params=VERSIONS, ids=lambda pair: f"CPO-{pair[0]}-eMSP-{pair[1]}")
async def pair(request, tmp_path, chain, processes) -> AsyncIterator[Pair]:
    """At a hub that refuses what breaks a rule of OCPI."""
    async with opened(tmp_path, chain, processes, validation="enforce") as network:
        yield await _paired(network, *request.param)


async def _paired(network: Network, for_cpo: Version, for_emsp: Version) -> Pair:
    cpo = await network.peer(EXTRAWEST, "CPO", version=for_cpo, driver=EXTRAWEST.parties["EMSP"])
    return Pair(network, cpo, await network.peer(EXTRAWEST, "EMSP", version=for_emsp))


async def test_registration(pair):
    """Each in its version, and in the role of its invitation, which credentials of 2.1.1 do not tell."""
    for peer in (pair.cpo, pair.emsp):
        view = pair.network.app.partners.show(peer.name)
        encoding = {"2.1.1": "RAW", "2.2.1": "BASE64"}[peer.process.version]
        assert (view.state, view.version, view.gets_token_as) == ("REGISTERED", peer.process.version, encoding)
        assert view.parties == (peer.party_role,)
        hub = (await peer.state())["hub"]
        shown = hub if peer.process.version == "2.1.1" else hub["roles"][0]
        assert (shown["country_code"], shown["party_id"]) == (HUB.country, HUB.party_id)


async def test_each_pages_through_what_the_other_has(pair):
    """GET All: locations, tariffs and tokens from what the hub pulled, sessions and CDRs live."""
    for peer, kept in ((pair.cpo, 4), (pair.emsp, 3)):
        progress = await pair.network.pull(peer)
        assert (progress.problem, progress.kept, progress.refused) == ("", kept, 0)
    found = await pages(pair.emsp, "locations", "?limit=2")
    assert [[each.lower() for each in page] for page in found] == [["loc1", "loc2"], ["loc3"]]
    for module, first in (("locations", "loc1"), ("tariffs", "tar1"), ("sessions", "ses1"), ("cdrs", "cdr1")):
        assert (await _read(pair.emsp, module))[0]["id"].lower() == first
    (token, *_) = await _read(pair.cpo, "tokens")
    name = _of(pair.cpo, "auth_id", "contract_id")
    assert (token["uid"].lower(), token[name].lower()) == ("tok1", "nl-exm-c1")
    (session, *_) = await _read(pair.emsp, "sessions")
    assert _driver(pair.emsp, session) == "nl-exm-c1"


async def test_a_whole_charge(pair):
    """A token, a location and a tariff, then authorise, START_SESSION, a session and its end."""
    cpo, emsp = pair.cpo, pair.emsp
    await _told(emsp, "tokens", "TOK1")
    held = await cpo.holds("tokens", "tok1")
    assert held[_of(cpo, "auth_id", "contract_id")].lower() == "nl-exm-c1"
    await _told(cpo, "locations", "LOC1")
    (connector,) = (await emsp.holds("locations", "loc1"))["evses"][0]["connectors"]
    names = _of(emsp, ("voltage", "amperage"), ("max_voltage", "max_amperage"))
    assert [connector[name] for name in names] == [400, 32]
    await _told(cpo, "tariffs", "TAR1")
    assert (await emsp.holds("tariffs", "tar1"))["elements"][0]["price_components"][0]["price"] == 0.3

    allowed = await cpo.ask("POST", "tokens", "SENDER", "TOK1/authorize?type=RFID", {"location_id": "LOC1"})
    (info,) = allowed.body["data"]
    assert (info["allowed"], findings(info, TYPES[cpo.process.version].AuthorizationInfo)) == ("ALLOWED", [])
    assert ("token" in info) is (cpo.process.version == "2.2.1")
    token = (await emsp.objects("tokens"))["tok1"]
    await _command(pair, "START_SESSION", {"token": token, "location_id": "LOC1", "evse_uid": "EVSE1"})

    await _told(cpo, "sessions", "SES1")
    session = await emsp.holds("sessions", "ses1")
    assert (session["kwh"], _driver(emsp, session)) == (10.5, "nl-exm-c1")
    await pair.network.app.bus.settle()
    path = f"{cpo.party.country}/{cpo.party.party_id}/SES1"
    assert (await cpo.ask("PATCH", "sessions", "RECEIVER", path, {"kwh": 12.5, "last_updated": LATER})).ok
    assert (await emsp.objects("sessions"))["ses1"]["kwh"] == 12.5
    await _command(pair, "STOP_SESSION", {"session_id": "SES1"})


@pytest.mark.parametrize("versions", VERSIONS, ids=lambda pair: f"CPO-{pair[0]}-eMSP-{pair[1]}")
async def test_a_cdr(network, versions):
    """At a hub that does not check. It arrives; in 2.1.1 as OCPI has it, which the package refuses."""
    pair = await _paired(network, *versions)
    cpo, emsp = pair.cpo, pair.emsp
    await _told(emsp, "tokens", "TOK1")
    answer = await cpo.push("cdrs", "CDR1")
    posted = await emsp.heard(lambda each: each["method"] == "POST" and each["path"].rstrip("/").endswith("/cdrs"))
    assert (posted["body"]["id"].lower(), _driver(emsp, posted["body"])) == ("cdr1", "nl-exm-c1")
    if emsp.process.version == "2.2.1":
        assert (await emsp.holds("cdrs", "cdr1"))["cdr_location"]["connector_id"] == "1"
        assert answer.headers["location"].startswith(f"{pair.network.app.url}/ocpi/2.1.1/sealed/")
    else:
        assert findings(posted["body"], v2_1_1.CDR) == []
        assert (posted["status"], posted["body"]["stop_date_time"]) == (422, "2025-01-01T01:00:00Z")
        assert "location" not in answer.headers


async def test_a_reservation(pair):
    """RESERVE_NOW: an id of 2.2.1 gets a number for 2.1.1, and a number is told by its digits."""
    cpo, emsp = pair.cpo, pair.emsp
    await pair.network.pull(cpo)
    token = (await emsp.objects("tokens"))["tok1"]
    order = {"token": token, "expiry_date": LATER, "reservation_id": _of(emsp, 7, "R-7"), "location_id": "LOC1"}
    await _command(pair, "RESERVE_NOW", order)
    heard = await cpo.heard(lambda each: each["path"].endswith("/RESERVE_NOW"))
    made = heard["body"]["reservation_id"]
    assert isinstance(made, int) if cpo.process.version == "2.1.1" else made == "7"


@pytest.mark.parametrize("pair", VERSIONS[:1], indirect=True, ids=["CPO-2.1.1"])
async def test_a_tariff_in_parts(pair):
    """PATCH of a tariff, which only 2.1.1 has, arrives whole."""
    await _told(pair.cpo, "tariffs", "TAR1")
    await pair.emsp.holds("tariffs", "tar1")
    await pair.network.app.bus.settle()
    path = f"{pair.cpo.party.country}/{pair.cpo.party.party_id}/TAR1"
    assert (await pair.cpo.ask("PATCH", "tariffs", "RECEIVER", path, {"currency": "CHF", "last_updated": LATER})).ok
    await pair.emsp.heard(lambda each: "/tariffs/" in each["path"] and each["body"]["currency"] == "CHF")
    assert (await pair.emsp.objects("tariffs"))["tar1"]["currency"] == "CHF"


async def _told(peer: Peer, module: str, own: str) -> None:
    answer = await peer.push(module, own)
    assert (answer.status, answer.code) in ((200, 1000), (201, 1000)), answer


async def _read(peer: Peer, module: str) -> list[dict[str, Any]]:
    """A list that the peer GETs, each object of it valid in the peer's version."""
    answer = await peer.ask("GET", module, "SENDER")
    assert answer.ok, answer
    kind = getattr(TYPES[peer.process.version], KINDS[module])
    assert [findings(each, kind) for each in answer.body["data"]] == [[]] * len(answer.body["data"])
    return answer.body["data"]


async def _command(pair: Pair, name: str, order: dict[str, Any]) -> None:
    url = pair.emsp.module_url("commands") + name.lower()
    answer = await pair.emsp.ask("POST", "commands", "RECEIVER", name, {**order, "response_url": url})
    assert [each["result"] for each in answer.body["data"]] == ["ACCEPTED"]
    heard = await pair.emsp.heard(lambda each: each["path"].endswith(f"/commands/{name.lower()}"))
    assert (heard["status"], heard["body"]["result"]) == (200, "ACCEPTED")


def _driver(peer: Peer, charge: dict[str, Any]) -> str:
    """The contract that a session or CDR was for, as a peer's version names it."""
    name = charge["auth_id"] if peer.process.version == "2.1.1" else charge["cdr_token"]["contract_id"]
    return str(name).lower()


def _of(peer: Peer, old: Any, new: Any) -> Any:
    """What is one thing in OCPI 2.1.1, and another in 2.2.1."""
    return old if peer.process.version == "2.1.1" else new
