"""Two foreign platforms (extrawest-ocpi as CPO and as eMSP) reach each other through the hub, quirks and all.

The package answers single objects as lists of one, in lower case, sends no routing headers and no ids, advertises
no commands endpoint as CPO, and hands out URLs with a wrong scheme or path. OCPI 2.2.1 throughout.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import aiohttp
import msgspec
import pytest

from hub.app import App
from hub.core.directory import Secret
from tests.peers.extrawest import Answer, ExtrawestPeer
from tests.support import running

Begins = Literal["peer", "hub"]
LATER = "2025-01-02T00:00:00Z"
LOCATIONS = 7
KEEPALIVE = 5.0


class Network(msgspec.Struct):
    """A hub with both peers registered."""

    app: App
    cpo: ExtrawestPeer
    emsp: ExtrawestPeer

    async def ask(
        self, peer: ExtrawestPeer, method: str, target: tuple[str, str], path: str, body: Any = None
    ) -> Answer:
        """One request by a peer through the hub to the other peer. `target`: module and interface."""
        return await peer.send(method, await peer.hub_url(*target) + path, headers=self.headers(peer), body=body)

    async def pages(self, peer: ExtrawestPeer, module: str, query: str) -> list[list[str]]:
        """The ids on each page of a list, until there is no Link any more."""
        answer = await self.ask(peer, "GET", (module, "SENDER"), query)
        found = [_ids(answer)]
        while "link" in answer.headers:
            url = re.fullmatch(r'<(.+)>; rel="next"', answer.headers["link"])[1]
            assert url.startswith(f"{self.app.url}/ocpi/2.2.1/sealed/")
            answer = await peer.send("GET", url)
            found.append(_ids(answer))
        return found

    def headers(self, peer: ExtrawestPeer) -> dict[str, str]:
        """OCPI-to, which the package does not send by itself."""
        other = self.emsp if peer is self.cpo else self.cpo
        return {"OCPI-to-country-code": other.country_code, "OCPI-to-party-id": other.party_id}


async def _register(app: App, peer: ExtrawestPeer, begins: Begins) -> None:
    name, role = f"Extrawest {peer.role}", f"{peer.country_code}-{peer.party_id}:{peer.role}"
    if begins == "peer":
        invitation = await app.partners.invite(name, [role])
        answer = await peer.register(app.versions_url, invitation.token_a)
        assert (answer.status, answer.body["status_code"]) == (200, 1000)
    else:
        await app.partners.connect(name, peer.versions_url, Secret(peer.token_a), [role])
    if peer.role == "CPO":
        await app.partners.set_endpoint(name, "commands", "RECEIVER", peer.module_url("commands"))


@asynccontextmanager
async def _network(folder: Path, cpo_begins: Begins, emsp_begins: Begins) -> AsyncIterator[Network]:
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(running(folder))
        peers = ExtrawestPeer("CPO", locations=LOCATIONS), ExtrawestPeer("EMSP")
        cpo, emsp = await asyncio.gather(*(stack.enter_async_context(peer) for peer in peers))
        await _register(app, cpo, cpo_begins)
        await _register(app, emsp, emsp_begins)
        yield Network(app, cpo, emsp)


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[Network]:
    async with _network(tmp_path, "peer", "hub") as network:
        yield network


@pytest.mark.parametrize("begins", ["peer", "hub"])
async def test_registration_by_either_side_opens_both_directions(tmp_path, begins):
    """Credentials 7.1: whoever begins, each side ends up with a token of the other, sent in Base64."""
    async with _network(tmp_path, begins, begins) as net:
        for peer in (net.cpo, net.emsp):
            state = await peer.state()
            assert state["registered"]
            (role,) = state["hub"]["roles"]
            assert [role[key].upper() for key in ("country_code", "party_id", "role")] == ["NL", "HUB", "HUB"]
            view = net.app.partners.show(f"Extrawest {peer.role}")
            assert view.parties == (f"{peer.country_code}-{peer.party_id}:{peer.role}",)
            assert (view.state, view.version, view.gets_token_as) == ("REGISTERED", "2.2.1", "BASE64")
            token = "Token <A base64>" if begins == "hub" else "Token <C base64>"
            assert state["requests"][0]["headers"]["authorization"] == token
            assert {each["headers"]["authorization"] for each in state["requests"]} <= {token, "Token <C base64>"}
        assert (await net.ask(net.emsp, "GET", ("locations", "SENDER"), "LOC1")).body["status_code"] == 1000
        assert (await net.ask(net.cpo, "GET", ("tokens", "SENDER"), "")).body["status_code"] == 1000
        for peer in (net.cpo, net.emsp):
            assert (await peer.state())["requests"][-1]["headers"]["authorization"] == "Token <C base64>"
            assert net.app.partners.show(f"Extrawest {peer.role}").sends_token_as == "BASE64"


async def test_lists_are_paged_to_the_end_with_their_filters(network):
    """The package's Link has the wrong scheme, for tokens also the wrong path, and is empty on the last page."""
    assert await network.pages(network.emsp, "locations", "?limit=3") == [
        ["loc1", "loc2", "loc3"], ["loc4", "loc5", "loc6"], ["loc7"],
    ]  # fmt: skip
    assert await network.pages(network.emsp, "locations", "") == [[f"loc{n}" for n in range(1, LOCATIONS + 1)]]
    assert await network.pages(network.cpo, "tokens", "?limit=2") == [["tok1", "tok2"], ["tok3"]]
    assert await network.pages(network.emsp, "sessions", "?limit=1") == [["ses1"]]
    assert await network.pages(network.emsp, "cdrs", "?limit=1") == [["cdr1"]]
    assert await network.pages(network.emsp, "tariffs", "?limit=1") == [["tar1"]]
    window = "?date_from=2024-12-01T00:00:00Z&date_to=2025-02-01T00:00:00Z&limit=5"
    assert [len(page) for page in await network.pages(network.emsp, "locations", window)] == [5, 2]
    queries = [each["query"] for each in (await network.cpo.state())["requests"][-2:]]
    assert all("date_from=2024-12-01T00:00:00Z" in query for query in queries)
    assert await network.pages(network.emsp, "locations", "?date_from=2025-06-01T00:00:00Z") == [[]]


async def test_single_objects_come_as_the_partner_gives_them(network):
    """A list of one where one object was asked for goes back as it is; only the partner's 404 gets an envelope."""
    for path, key, value in (("LOC1", "id", "loc1"), ("LOC1/EVSE1", "uid", "evse1"), ("loc1/evse1/1", "id", "1")):
        answer = await network.ask(network.emsp, "GET", ("locations", "SENDER"), path)
        assert [each[key] for each in answer.body["data"]] == [value]
    answer = await network.ask(network.emsp, "GET", ("locations", "SENDER"), "NO-SUCH")
    assert (answer.status, answer.body["status_code"]) == (404, 4000)
    assert "DE-EXC" in answer.body["status_message"]


async def test_headers_that_the_package_knows_nothing_of_are_made_by_the_hub(network):
    """Transport and format: Message Routing, Unique message IDs; the peer's answers come without any of them."""
    answer = await network.ask(network.emsp, "GET", ("locations", "SENDER"), "LOC1")
    received = (await network.cpo.state())["requests"][-1]["headers"]
    assert received["x-correlation-id"] == answer.headers["x-correlation-id"] != received["x-request-id"]
    assert received["x-request-id"] != answer.headers["x-request-id"]
    assert _routing(received) == ["NL", "EXM", "DE", "EXC"]
    assert _routing(answer.headers) == ["DE", "EXC", "NL", "EXM"]


async def test_the_cpo_pushes_a_location_a_session_and_a_tariff(network):
    """Ids and country codes that the package lowercased are no reason to refuse (CiString)."""
    cpo, emsp = network.cpo, network.emsp
    (location,) = (await network.ask(emsp, "GET", ("locations", "SENDER"), "LOC2")).body["data"]
    assert (location["country_code"], location["id"]) == ("de", "loc2")
    for path in ("DE/EXC/LOC2", "de/exc/loc2"):
        assert _success(await network.ask(cpo, "PUT", ("locations", "RECEIVER"), path, location))
    assert (await emsp.state())["requests"][-1]["body"] == location
    status = {"status": "CHARGING", "last_updated": LATER}
    assert _success(await network.ask(cpo, "PATCH", ("locations", "RECEIVER"), "DE/EXC/LOC2/EVSE2", status))
    (session,) = (await network.ask(emsp, "GET", ("sessions", "SENDER"), "")).body["data"]
    assert _success(await network.ask(cpo, "PUT", ("sessions", "RECEIVER"), "DE/EXC/SES1", session))
    energy = {"kwh": 12.5, "last_updated": LATER}
    assert _success(await network.ask(cpo, "PATCH", ("sessions", "RECEIVER"), "DE/EXC/SES1", energy))
    (tariff,) = (await network.ask(emsp, "GET", ("tariffs", "SENDER"), "")).body["data"]
    assert _success(await network.ask(cpo, "PUT", ("tariffs", "RECEIVER"), "DE/EXC/TAR1", tariff))
    objects = (await emsp.state())["objects"]
    assert objects["locations"]["loc2"]["evses"][0]["status"] == "CHARGING"
    assert objects["sessions"]["ses1"]["kwh"] == 12.5
    assert objects["tariffs"]["tar1"] == tariff
    assert _success(await network.ask(cpo, "DELETE", ("tariffs", "RECEIVER"), "DE/EXC/TAR1"))
    assert "tar1" not in (await emsp.state())["objects"]["tariffs"]
    answer = await network.ask(cpo, "GET", ("locations", "RECEIVER"), "DE/EXC/LOC2")
    assert answer.body["data"][0]["evses"][0]["status"] == "CHARGING"


async def test_a_cdr_is_posted_and_its_location_leads_back_to_the_peer(network):
    """CDRs 10.2.2: the package's Location has the wrong scheme, and a path that it does not serve itself."""
    (cdr,) = (await network.ask(network.emsp, "GET", ("cdrs", "SENDER"), "")).body["data"]
    posted = await network.ask(network.cpo, "POST", ("cdrs", "RECEIVER"), "", cdr)
    assert _success(posted)
    assert (await network.emsp.state())["objects"]["cdrs"]["cdr1"] == cdr
    assert posted.headers["location"].startswith(f"{network.app.url}/ocpi/2.2.1/sealed/")
    fetched = await network.cpo.send("GET", posted.headers["location"])
    assert (fetched.status, fetched.body["status_code"]) == (404, 4000)
    arrived = (await network.emsp.state())["requests"][-1]
    assert (arrived["method"], arrived["path"].rpartition("/")[2], arrived["status"]) == ("GET", "cdr1", 404)
    before = len((await network.emsp.state())["requests"])
    assert (await network.emsp.send("GET", posted.headers["location"])).status == 404
    assert len((await network.emsp.state())["requests"]) == before


async def test_tokens_are_pushed_and_authorised(network):
    (token, *_) = (await network.ask(network.cpo, "GET", ("tokens", "SENDER"), "")).body["data"]
    assert _success(await network.ask(network.emsp, "PUT", ("tokens", "RECEIVER"), "NL/EXM/TOK1", token))
    blocked = {"valid": False, "last_updated": LATER}
    assert _success(await network.ask(network.emsp, "PATCH", ("tokens", "RECEIVER"), "NL/EXM/TOK1", blocked))
    assert (await network.cpo.state())["objects"]["tokens"]["tok1"]["valid"] is False
    for body in ({"location_id": "LOC1"}, None):
        answer = await network.ask(network.cpo, "POST", ("tokens", "SENDER"), "TOK1/authorize?type=RFID", body)
        assert [each["allowed"] for each in answer.body["data"]] == ["ALLOWED"]
    answer = await network.ask(network.cpo, "POST", ("tokens", "SENDER"), "NO-SUCH/authorize")
    assert not _success(answer)


async def test_a_session_is_started_and_its_result_arrives(network):
    """Commands 13: the result is posted to a sealed response_url without routing headers, right after the answer."""
    cpo, emsp, uid = network.cpo, network.emsp, "b3c9a1f0-5f0e-4b1c-9a53-0d9f7a6f0e11"
    (token, *_) = (await network.ask(cpo, "GET", ("tokens", "SENDER"), "")).body["data"]
    order = {"response_url": emsp.module_url("commands") + uid, "location_id": "LOC1", "token": token}
    answer = await network.ask(emsp, "POST", ("commands", "RECEIVER"), "START_SESSION", order)
    assert [each["result"] for each in answer.body["data"]] == ["ACCEPTED"]
    heard = await _request(emsp, lambda request: request["path"].endswith(f"/commands/{uid}"))
    assert (heard["method"], heard["status"], heard["body"]["result"]) == ("POST", 200, "ACCEPTED")
    assert _routing(heard["headers"]) == ["DE", "EXC", "NL", "EXM"]
    sealed = (await cpo.state())["requests"][-1]["body"]["response_url"]
    assert sealed.startswith(network.app.url)
    assert len(sealed) <= 255


async def test_a_charging_profile_is_asked_for_and_its_result_arrives(network):
    """Chargingprofiles 14: here the response_url stands in the query."""
    url = network.emsp.module_url("chargingprofiles") + "?id=9"
    query = f"SES1?duration=900&response_url={url.replace('?', '%3F').replace('=', '%3D')}"
    answer = await network.ask(network.emsp, "GET", ("chargingprofiles", "RECEIVER"), query)
    assert [each["result"] for each in answer.body["data"]] == ["ACCEPTED"]
    heard = await _request(network.emsp, lambda request: request["query"] == "id=9")
    assert (heard["status"], heard["body"]["result"]) == (200, "ACCEPTED")
    assert heard["body"]["profile"]["charging_profile"]["charging_rate_unit"] == "W"


async def test_a_missing_slash_is_redirected_and_followed_with_the_body(network):
    """The package answers 307 where the slash at the end is missing."""
    for name, module, interface in (("CPO", "locations", "SENDER"), ("EMSP", "cdrs", "RECEIVER")):
        peer = network.cpo if name == "CPO" else network.emsp
        url = peer.module_url(module).rstrip("/")
        await network.app.partners.set_endpoint(f"Extrawest {name}", module, interface, url)
    assert await network.pages(network.emsp, "locations", "?limit=4") == [
        ["loc1", "loc2", "loc3", "loc4"], ["loc5", "loc6", "loc7"],
    ]  # fmt: skip
    assert [each["status"] for each in (await network.cpo.state())["requests"][-4:]] == [307, 200, 307, 200]
    (cdr,) = (await network.ask(network.emsp, "GET", ("cdrs", "SENDER"), "")).body["data"]
    assert _success(await network.ask(network.cpo, "POST", ("cdrs", "RECEIVER"), "", cdr))
    assert [each["status"] for each in (await network.emsp.state())["requests"][-2:]] == [307, 200]
    assert (await network.emsp.state())["objects"]["cdrs"]["cdr1"] == cdr


async def test_errors_without_envelope_become_errors_of_the_hub(network):
    """Status codes: 422 and 403 with {"detail": ...} are the partner's; the sender gets 4000 with words."""
    answer = await network.ask(network.cpo, "PUT", ("locations", "RECEIVER"), "DE/EXC/LOC1", {"id": "LOC1"})
    assert (answer.status, answer.body["status_code"]) == (200, 4000)
    assert "HTTP 422" in answer.body["status_message"]
    await _unregister(network.app, network.emsp)
    answer = await network.ask(network.cpo, "GET", ("tokens", "SENDER"), "")
    assert (answer.status, answer.body["status_code"]) == (200, 4000)
    assert "token" in answer.body["status_message"]


async def test_tokens_are_renewed_by_either_side_and_traffic_goes_on(network):
    """Credentials 7.2.3: PUT makes new tokens; the package calls back with the new one while it handles the PUT."""
    for peer, other in ((network.cpo, network.emsp), (network.emsp, network.cpo)):
        before = network.app.keeper.token_out(network.app.partners.find(f"Extrawest {peer.role}").id).reveal()
        await network.app.partners.rotate(f"Extrawest {peer.role}")
        assert network.app.keeper.token_out(network.app.partners.find(f"Extrawest {peer.role}").id).reveal() != before
        module = "tokens" if peer is network.cpo else "locations"
        assert _success(await network.ask(peer, "GET", (module, "SENDER"), ""))
        module = "locations" if peer is network.cpo else "tokens"
        assert _success(await network.ask(other, "GET", (module, "SENDER"), ""))


async def test_a_push_never_meets_a_connection_that_the_peer_is_closing(network):
    """The package's server closes a connection after five idle seconds, without a word; a push is sent only once."""
    (location,) = (await network.ask(network.emsp, "GET", ("locations", "SENDER"), "LOC1")).body["data"]
    for pause in (0.0, KEEPALIVE):
        await asyncio.sleep(pause)  # the time itself is what is tested
        assert _success(await network.ask(network.cpo, "PUT", ("locations", "RECEIVER"), "DE/EXC/LOC1", location))
        assert _success(await network.ask(network.emsp, "GET", ("locations", "SENDER"), "LOC1"))


async def _request(peer: ExtrawestPeer, fits: Callable[[dict[str, Any]], bool], within: float = 5.0) -> dict[str, Any]:
    """The first request that came in at a peer, was answered, and fits."""
    async with asyncio.timeout(within):
        while True:
            for request in (await peer.state())["requests"]:
                if fits(request) and request["status"]:
                    return request
            await asyncio.sleep(0.02)


async def _unregister(app: App, peer: ExtrawestPeer) -> None:
    """Make a peer forget the hub, behind the hub's back."""
    platform = app.partners.find(f"Extrawest {peer.role}")
    authorization = app.keeper.current.platforms[platform.id].authorization.reveal()
    async with (
        aiohttp.ClientSession() as session,
        session.delete(peer.module_url("credentials"), headers={"Authorization": authorization}) as response,
    ):
        assert response.status == 200


def _success(answer: Answer) -> bool:
    return answer.status in (200, 201) and answer.body["status_code"] == 1000


def _ids(answer: Answer) -> list[str]:
    assert _success(answer), answer
    return [each.get("uid") or each["id"] for each in answer.body["data"]]


def _routing(headers: dict[str, str]) -> list[str]:
    names = ("from-country-code", "from-party-id", "to-country-code", "to-party-id")
    return [headers[f"ocpi-{name}"] for name in names]
