"""The connection of a foreign platform: registration, tokens, client infos, liveness, and the end of it.

Both packages, in both roles. Neither has a client for credentials: what a platform sends as the Sender of a
registration, its app sends with a plain HTTP client.
"""

import pytest

from hub.config import Liveness
from hub.core.directory import State
from hub.core.party import PartyRole
from hub.errors import OcpiError
from hub.sim import SimCpo, SimEmsp
from tests.peers.extrawest import EXTRAWEST
from tests.peers.network import HUB, opened, until
from tests.support import register

ROLES = pytest.mark.parametrize("role", ["CPO", "EMSP"])
OWN = {"CPO": "locations", "EMSP": "tokens"}
"""The module whose list a peer of this role serves."""


@pytest.mark.parametrize("begins", ["peer", "hub"])
@ROLES
async def test_either_side_begins_and_each_holds_a_token_of_the_other(network, package, role, begins):
    """Credentials 7.1. Ids come back in lower case; py-ocpi shows its versions to everybody, and writes https only."""
    peer = await network.peer(package, role, begins=begins)
    state = await peer.state()
    (hub,) = state["hub"]["roles"]
    assert [hub[name].upper() for name in ("country_code", "party_id", "role")] == [HUB.country, HUB.party_id, "HUB"]
    view = network.app.partners.show(peer.name)
    assert view.parties == (peer.party_role,)
    assert (view.state, view.version, view.gets_token_as) == ("REGISTERED", "2.2.1", "BASE64")
    token = "Token <A base64>" if begins == "hub" else "Token <C base64>"
    calls = [(each["method"], each["path"], each["headers"]["authorization"]) for each in state["requests"]]
    assert calls[:2] == [("GET", "/ocpi/versions", token), ("GET", "/ocpi/2.2.1/details", token)]
    assert (await peer.ask("GET", "locations", "SENDER", to=HUB)).body["data"] == []
    assert network.app.partners.show(peer.name).sends_token_as == "BASE64"
    assert (await network.pull(peer)).problem == ""


@ROLES
async def test_endpoints_are_kept_as_they_are_advertised(network, package, role):
    """A slash at the end with extrawest, none with py-ocpi; no CPO advertises commands, only extrawest client infos."""
    peer = await network.peer(package, role)
    endpoints = {(each.module, each.interface): each for each in network.app.partners.show(peer.name).endpoints}
    slash = "/" if package is EXTRAWEST else ""
    own = endpoints[OWN[role], "SENDER"]
    assert own.url == peer.module_url(OWN[role]).rstrip("/") + slash
    assert [key for key, each in endpoints.items() if each.manual] == ([("commands", "RECEIVER")] * (role == "CPO"))
    assert (("hubclientinfo", "RECEIVER") in endpoints) is (package is EXTRAWEST)


@ROLES
async def test_a_second_registration_and_a_used_token_are_refused(network, package, role):
    """Credentials 7.2.2: 405 when registered; TOKEN_A is good once."""
    peer = await network.peer(package, role)
    url = await peer.hub_url("credentials", "SENDER")
    mine = {"token": "another", "url": peer.versions_url, "roles": []}
    assert (await peer.send("POST", url, body=mine)).status == 405
    again = await network.app.partners.invite_again(peer.name)
    assert (await peer.send("GET", url)).status == 401
    assert (await peer.register(again.versions_url, again.token_a)).code == 1000
    assert (await peer.register(again.versions_url, again.token_a)).status == 401


@ROLES
async def test_the_hub_renews_the_tokens(network, package, role):
    """Credentials 7.2.3. py-ocpi can not: it takes version details for a list, and fails with a plain HTTP 500.

    It has called back with the new token by then; the old ones stay good on both sides.
    """
    peer = await network.peer(package, role)
    before = network.authorization(peer)
    if package is EXTRAWEST:
        await network.app.partners.rotate(peer.name)
        assert network.authorization(peer) != before
    else:
        with pytest.raises(OcpiError, match="HTTP 500 with a body that is not an OCPI response"):
            await network.app.partners.rotate(peer.name)
        assert network.authorization(peer) == before
    assert [each["method"] for each in await peer.requests() if each["path"].endswith("/credentials/")] == ["PUT"]
    assert (await peer.ask("GET", "hubclientinfo", "SENDER")).ok
    assert (await network.pull(peer)).problem == ""


@ROLES
async def test_the_platform_renews_the_tokens(network, package, role):
    """Credentials 7.2.3, the other way round: the hub calls back, and both tokens are new."""
    peer = await network.peer(package, role)
    before = network.authorization(peer)
    assert (await peer.renew()).ok
    assert network.authorization(peer) != before
    assert (await peer.ask("GET", "hubclientinfo", "SENDER")).ok
    assert (await network.pull(peer)).problem == ""


@ROLES
async def test_a_platform_unregisters(network, package, role):
    """Credentials 7.2.4: nothing is open any more, either way, and those who could see it are told."""
    other = await _other(network, role)
    peer = await network.peer(package, role)
    await until(lambda: _status(other, peer) == "CONNECTED")
    url = await peer.hub_url("credentials", "SENDER")
    assert (await peer.send("DELETE", url)).ok
    assert (await peer.send("DELETE", url)).status == 401
    assert network.platform(peer).state is State.INVITED
    await until(lambda: _status(other, peer) == "PLANNED")
    assert (await other.call(*_list_of(role), "GET", to=peer.party)).status_code == 4003


@ROLES
async def test_a_platform_that_forgot_the_hub(network, package, role):
    """extrawest answers 403 with {"detail": ..}, py-ocpi HTTP 500 in plain text: words for the sender and the pull."""
    other = await _other(network, role)
    peer = await network.peer(package, role)
    await peer.reset()
    reply = await other.call(*_list_of(role), "GET", to=peer.party)
    assert (reply.status, reply.status_code) == (200, 4000)
    told = "does not accept this hub's token" if package is EXTRAWEST else "HTTP 500 and a body that is not OCPI"
    assert told in reply.status_message
    assert f"HTTP {403 if package is EXTRAWEST else 500}" in (await network.pull(peer)).problem


@ROLES
async def test_client_infos_are_put_where_they_are_taken(network, package, role):
    """Hubclientinfo 15.3. extrawest takes them at /clientinfo/; py-ocpi does not, and may GET them."""
    first = await _other(network, role)
    peer = await network.peer(package, role)
    second = await network.stack.enter_async_context(SimEmsp("Second", [PartyRole.parse("BE-SEC:EMSP")]))
    await register(network.app, second)
    await network.app.partners.suspend("Second")
    seen = {first.party: "CONNECTED", second.party: "SUSPENDED"}
    if package is EXTRAWEST:
        path = f"/ocpi/{role.lower()}/2.2.1/clientinfo/BE/SEC"
        await peer.heard(lambda each: each["path"] == path and each["body"]["status"] == "SUSPENDED")
        infos = await peer.objects("hubclientinfo")
        assert {party: infos[party.id.lower()]["status"] for party in seen} == seen
        await until(lambda: _status(first, peer) == "CONNECTED")
    assert not [each for each in await peer.requests() if "hubclientinfo" in each["path"]]
    page = await peer.ask("GET", "hubclientinfo", "SENDER", "?limit=1")
    assert (page.headers["x-total-count"], page.headers["x-limit"]) == ("2", "100")
    (rest,) = (await peer.ask("GET", "hubclientinfo", "SENDER", "?offset=1&limit=1")).body["data"]
    (one,) = page.body["data"]
    assert {f"{each['country_code']}-{each['party_id']}": each["status"] for each in (one, rest)} == {
        party.id: status for party, status in seen.items()
    }


@ROLES
async def test_the_hub_looks_whether_it_is_there(tmp_path, chain, processes, package, role):
    """Hubclientinfo, Still alive check: GET versions after idle time. Gone, it gets nothing; the hub sees it return."""
    async with opened(tmp_path, chain, processes, liveness=Liveness(idle=0.2)) as network:
        other = await _other(network, role)
        peer = await network.peer(package, role)
        before = len(await peer.requests())
        probe = await peer.heard(lambda each: each["path"] == "/ocpi/versions", after=before)
        assert (probe["headers"]["authorization"], probe["status"]) == ("Token <C base64>", 200)
        there = network.platform(peer).id
        peer.process.stop()
        try:
            for _ in range(3):
                reply = await other.call(*_list_of(role), "GET", to=peer.party)
                assert reply.status_code == 4003
            assert there in network.app.keeper.current.offline
        finally:
            peer.process.start()
        # It knows nothing any more; that it answers at all says that it is there.
        await until(lambda: there not in network.app.keeper.current.offline)


async def _other(network, role: str) -> SimCpo | SimEmsp:
    """Somebody of the other role."""
    return await (network.sim_emsp() if role == "CPO" else network.sim_cpo())


def _list_of(role: str) -> tuple[str, str]:
    return OWN[role], "SENDER"


def _status(viewer: SimCpo | SimEmsp, peer) -> str | None:
    """What somebody was told of a peer."""
    info = viewer.their_statuses.get(peer.party, peer.role)
    return info and info["status"]
