"""Prove the foreign platforms by themselves, against a plain aiohttp counterpart."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.peers.extrawest import EXTRAWEST
from tests.peers.peer import Package, Peer, Role, fetch

ROLES = pytest.mark.parametrize("role", ["CPO", "EMSP"])
# What the peer sends to us, and what opens our versions and credentials when it registers as the Sender.
OUR_TOKEN, OUR_TOKEN_A = "counterpart-token", "counterpart-token-a"


class Counterpart:
    """A minimal OCPI 2.2.1 platform: versions, credentials, and a note of everything that comes in."""

    def __init__(self, chain) -> None:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self.answer)
        self.server = TestServer(app)
        self.tls = ssl.create_default_context(cafile=chain)
        self.received: list[tuple[str, str, Any]] = []
        self.result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.token = ""

    def url(self, path: str) -> str:
        return str(self.server.make_url(path))

    def credentials(self) -> dict[str, Any]:
        role = {"role": "HUB", "party_id": "HUB", "country_code": "NL", "business_details": {"name": "Counterpart"}}
        return {"token": OUR_TOKEN, "url": self.url("/versions"), "roles": [role]}

    async def call(self, method: str, url: str, body: Any = None, *, token: str = "") -> tuple[int, Any]:
        encoded = base64.b64encode((token or self.token).encode()).decode()
        answer = await fetch(method, url, self.tls, headers={"Authorization": f"Token {encoded}"}, body=body)
        return answer.status, answer.body

    async def answer(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read() or "null")
        token = base64.b64decode(request.headers["Authorization"].removeprefix("Token ")).decode()
        if token not in (OUR_TOKEN, OUR_TOKEN_A):
            return web.json_response({"status_code": 2001}, status=401)
        self.received.append((request.method, request.path, body))
        if request.path == "/versions":
            data: Any = [{"version": "2.2.1", "url": self.url("/2.2.1")}]
        elif request.path == "/2.2.1":
            roles = [("credentials", "RECEIVER"), ("locations", "RECEIVER"), ("tokens", "RECEIVER")]
            endpoints = [{"identifier": name, "role": role, "url": self.url(f"/{name}/")} for name, role in roles]
            data = {"version": "2.2.1", "endpoints": endpoints}
        elif request.path == "/credentials/":
            # As the specification has it: look at the newcomer with its new token while it waits for our answer.
            status, _ = await self.call("GET", body["url"], token=body["token"])
            self.token = body["token"] if status == 200 else ""
            data = self.credentials()
        else:
            data = {}
            if request.path.startswith("/results/"):
                self.result.set_result(body)
        return web.json_response({"data": data, "status_code": 1000, "timestamp": "2025-01-01T00:00:00Z"})


@pytest.fixture
async def counterpart(chain) -> AsyncIterator[Counterpart]:
    counterpart = Counterpart(chain)
    async with counterpart.server:
        yield counterpart


@pytest.fixture
async def start(processes, package) -> AsyncIterator[Any]:
    """Make the peer of a role new."""
    started: list[Peer] = []

    async def start(role: Role, of: Package = package) -> Peer:
        started.append(await Peer(processes(of, role)).__aenter__())
        return started[-1]

    yield start
    for each in started:
        await each.__aexit__()


async def register(counterpart: Counterpart, peer: Peer) -> dict[str, str]:
    """Register the counterpart as the Sender; give the peer's endpoints by module, with a slash at the end."""
    token_a = peer.token_a.reveal()
    _, versions = await counterpart.call("GET", peer.versions_url, token=token_a)
    assert [each["version"] for each in versions["data"]] == ["2.2.1"]
    _, details = await counterpart.call("GET", versions["data"][0]["url"], token=token_a)
    endpoints = {each["identifier"]: f"{each['url'].rstrip('/')}/" for each in details["data"]["endpoints"]}
    url = endpoints["credentials"]
    status, answer = await counterpart.call("POST", url, counterpart.credentials(), token=token_a)
    assert (status, answer["status_code"]) == (200, 1000)
    counterpart.token = answer["data"]["token"]
    return endpoints


@ROLES
async def test_counterpart_registers_with_the_peer(role, package, counterpart, start):
    peer = await start(role)
    endpoints = await register(counterpart, peer)
    assert [(method, path) for method, path, _ in counterpart.received] == [("GET", "/versions"), ("GET", "/2.2.1")]
    own = "locations" if role == "CPO" else "tokens"
    status, answer = await counterpart.call("GET", endpoints[own])
    assert (status, len(answer["data"])) == (200, 3)
    refused = (await counterpart.call("GET", endpoints[own], token=peer.token_a.reveal()))[0]
    assert refused == (403 if package is EXTRAWEST else 500)
    state = await peer.state()
    assert state["registered"]
    assert state["requests"][-2]["headers"]["authorization"] == "Token <C base64>"
    secrets = (peer.token_a.reveal(), counterpart.token, OUR_TOKEN)
    assert not [secret for secret in secrets if secret in json.dumps(state)]


@ROLES
async def test_peer_registers_with_the_counterpart(role, package, counterpart, start):
    peer = await start(role)
    answer = await peer.register(counterpart.url("/versions"), OUR_TOKEN_A)
    assert (answer.status, answer.code) == (200, 1000)
    assert counterpart.received[-1][2]["roles"][0]["role"] == role
    assert (await peer.state())["registered"]
    assert await peer.hub_url("locations", "RECEIVER") == counterpart.url("/locations/")
    module, own = ("locations", "LOC1") if role == "CPO" else ("tokens", "TOK1")
    assert (await peer.push(module, own)).status == 200
    # py-ocpi puts a slash after whatever was advertised.
    slash = "/" if package is EXTRAWEST else "//"
    path = f"/{module}{slash}{peer.party.country}/{peer.party.party_id}/{own}"
    assert counterpart.received[-1][:2] == ("PUT", path)
    assert (await peer.send("DELETE", counterpart.url("/locations/x"))).code == 1000


async def test_a_hub_that_refuses_leaves_the_peer_unregistered(counterpart, start):
    peer = await start("CPO")
    assert (await peer.register(counterpart.url("/versions"), "wrong")).status == 401
    assert not (await peer.state())["registered"]


async def test_cpo_starts_a_session_and_posts_the_result(counterpart, start):
    peer = await start("CPO")
    await register(counterpart, peer)
    token = {"country_code": "NL", "party_id": "EXM", "uid": "TOK1", "type": "RFID", "contract_id": "NL-EXM-C1"}
    token |= {"issuer": "X", "valid": True, "whitelist": "ALLOWED", "last_updated": "2025-01-01T00:00:00Z"}
    order = {"response_url": counterpart.url("/results/7"), "location_id": "LOC1", "token": token}
    status, answer = await counterpart.call("POST", peer.module_url("commands") + "START_SESSION", order)
    assert (status, answer["data"][0]["result"]) == (200, "ACCEPTED")
    assert await asyncio.wait_for(counterpart.result, 10) == {"result": "ACCEPTED", "message": []}


async def test_emsp_takes_a_location_authorises_a_token_and_hears_a_command_result(counterpart, start):
    cpo, emsp = await start("CPO"), await start("EMSP")
    cpo_endpoints = await register(counterpart, cpo)
    _, listed = await counterpart.call("GET", cpo_endpoints["locations"])
    location = listed["data"][0]
    endpoints = await register(counterpart, emsp)
    owner = f"{cpo.party.country}/{cpo.party.party_id}"
    status, _ = await counterpart.call("PUT", f"{endpoints['locations']}{owner}/LOC1", location)
    assert status == 200
    _, answer = await counterpart.call("POST", endpoints["tokens"] + "TOK1/authorize", {"location_id": "LOC1"})
    assert answer["data"][0]["allowed"] == "ALLOWED"
    await counterpart.call("POST", emsp.module_url("commands") + "7", {"result": "ACCEPTED"})
    objects = (await emsp.state())["objects"]
    assert objects["locations"]["loc1"] == location
    assert objects["commands"]["7"]["result"] == "ACCEPTED"
