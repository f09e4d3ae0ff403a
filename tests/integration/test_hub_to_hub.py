"""Two hubs, a CPO at the one and an eMSP at the other: messages pass both, and come back.

OCPI 2.2.1, transport_and_format: Message Routing (a PUT via two hubs); credentials 7.4.1: a hub presents only its HUB
role, so the parties behind it are those that were named with it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hub.app import App
from hub.config import Hub
from hub.core.directory import Secret
from hub.core.message import Message
from hub.core.modules import Interface
from hub.core.party import Party, Role
from hub.events import Handled
from hub.sim import SimCpo, SimEmsp
from hub.sim.messages import SimRequest
from tests.support import CPO, EMSP, register, running

A, B = Party("NL", "HUB"), Party("BE", "HUB")
S, R = Interface.SENDER, Interface.RECEIVER


class Watched:
    """A hub, and the pushes that it has handled."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.handled: list[Message] = []
        app.bus.subscribe(self._note, Handled, name="test")

    async def _note(self, event: Handled) -> None:
        if event.message.is_push:
            self.handled.append(event.message)

    async def last(self) -> Message:
        await self.app.bus.settle()
        return self.handled[-1]


def pushes(platform: SimEmsp) -> list[SimRequest]:
    return [request for request in platform.received if request.method != "GET"]


@asynccontextmanager
async def two_hubs(folder: Path) -> AsyncIterator[tuple[Watched, Watched, SimCpo, SimEmsp]]:
    """NL-CPO at hub A, DE-MSP at hub B; A registered at B, each knowing who is behind the other."""
    for name in ("a", "b"):
        (folder / name).mkdir()
    async with (
        running(folder / "a", hub=Hub(name="A", party=A.id)) as a,
        running(folder / "b", hub=Hub(name="B", party=B.id)) as b,
        SimCpo("Cpo", [CPO]) as cpo,
        SimEmsp("Emsp", [EMSP]) as emsp,
    ):
        await register(a, cpo)
        await register(b, emsp)
        invitation = await b.partners.invite("Hub A", [f"{A}:HUB", str(CPO)])
        token = Secret(invitation.token_a)
        await a.partners.connect("Hub B", invitation.versions_url, token, [f"{B}:HUB", str(EMSP)])
        yield Watched(a), Watched(b), cpo, emsp


async def test_parties_behind_a_hub_are_its_parties(tmp_path):
    async with two_hubs(tmp_path) as (a, b, _, _):
        theirs = a.app.keeper.current.parties[B]
        assert theirs.is_hub
        assert theirs.roles == {B: {Role.HUB}, EMSP.party: {Role.EMSP}}
        assert b.app.keeper.current.parties[A].roles == {A: {Role.HUB}, CPO.party: {Role.CPO}}
        assert not a.app.keeper.current.parties[CPO.party].is_hub


async def test_a_directed_push_passes_both_hubs_with_the_right_headers(tmp_path):
    async with two_hubs(tmp_path) as (a, b, cpo, emsp):
        ids = {"X-Request-ID": "request-1", "X-Correlation-ID": "correlation-1"}
        location = next(iter(cpo.locations))
        path = f"NL/CPO/{location['id']}"
        reply = await cpo.call("locations", R, "PUT", path, to=EMSP.party, body=location, headers=ids)
        assert reply.status == 201
        got = await emsp.expect("locations", "PUT")
        hops = [await a.last(), await b.last()]
        assert got.json() == location
        assert [(hop.sender, hop.receiver) for hop in hops] == [(CPO.party, EMSP.party)] * 2
        assert (got.sender, got.receiver) == (CPO.party, EMSP.party)
        assert hops[0].platform.name == "Cpo"
        assert hops[1].platform.name == "Hub A"
        requests = ["request-1", hops[1].request_id, got.headers["X-Request-ID"]]
        assert hops[0].request_id == requests[0]
        assert len({*requests}) == 3
        assert {hop.correlation_id for hop in hops} == {got.headers["X-Correlation-ID"]} == {"correlation-1"}
        answer = {name.lower(): value for name, value in reply.headers.items()}
        assert (answer["x-request-id"], answer["x-correlation-id"]) == ("request-1", "correlation-1")
        assert (answer["ocpi-from-country-code"], answer["ocpi-from-party-id"]) == ("DE", "MSP")
        assert (answer["ocpi-to-country-code"], answer["ocpi-to-party-id"]) == ("NL", "CPO")


async def test_what_the_receiver_says_comes_back_through_both(tmp_path):
    async with two_hubs(tmp_path) as (_, _, cpo, _):
        reply = await cpo.authorize("NO-SUCH-TOKEN", EMSP.party)
        assert (reply.status, reply.status_code) == (404, 2004)
        stranger = await cpo.call("tokens", S, "GET", to=Party("FR", "MSP"))
        assert stranger.status_code == 4001


async def test_a_party_that_is_not_behind_the_hub_can_not_speak_through_it(tmp_path):
    """The other hub may speak for those who were named with it, and for nobody else's parties."""
    async with two_hubs(tmp_path) as (a, b, _, emsp):
        async with SimCpo("Later", [CPO.parse("NL-NEW:CPO")]) as later:
            await register(a.app, later)
            reply = await later.push_location(EMSP.party)
        assert reply.status_code == 2001
        assert "NL-NEW is not a party of this platform" in reply.status_message
        await b.app.bus.settle()
        assert pushes(emsp) == b.handled == []


async def test_a_command_and_its_result(tmp_path):
    """2.2.1, commands: a response_url is sealed by each hub on the way there, and opened by each on the way back."""
    async with two_hubs(tmp_path) as (_, _, cpo, emsp):
        location, token = next(iter(cpo.locations)), emsp.token()
        started = await emsp.start_session(location["id"], location["evses"][0]["uid"], token, CPO.party)
        assert (await emsp.result(of=started)).result == "ACCEPTED"
        session = await emsp.expect("sessions", "PUT")
        assert session.sender == CPO.party
        stopped = await emsp.stop_session(session.segments[-1], CPO.party)
        assert (await emsp.result(of=stopped)).result == "ACCEPTED"
        assert (await emsp.expect("cdrs", "POST")).json()["session_id"] == session.segments[-1]


async def test_lists_are_paged_through_both(tmp_path):
    async with two_hubs(tmp_path) as (_, b, cpo, emsp):
        cpo.seed(25)
        cpo.page_cap = 10
        first = await emsp.call("locations", S, "GET", to=CPO.party)
        assert first.headers["Link"].startswith(f"<{b.app.url}/ocpi/2.2.1/sealed/")
        found = await emsp.fetch_all("locations", to=CPO.party)
        assert len({each["id"] for each in found}) == len(cpo.locations) > 20


@pytest.mark.parametrize("open_routing", [False, True])
async def test_a_broadcast_reaches_those_behind_the_other_hub_once(tmp_path, open_routing):
    """2.2.1, transport_and_format: Broadcast Push. A loop of two hubs ends after one pass."""
    async with two_hubs(tmp_path) as (a, b, cpo, emsp):
        location = next(iter(cpo.locations))
        path = f"NL/CPO/{location['id']}"
        to = None if open_routing else A
        assert (await cpo.call("locations", R, "PUT", path, to=to, sender=CPO.party, body=location)).ok
        got = await emsp.expect("locations", "PUT")
        assert (got.sender, got.receiver, got.segments[:2]) == (B, EMSP.party, ("NL", "CPO"))
        arrived = await b.last()
        assert (arrived.sender, arrived.receiver) == (A, B)
        await a.app.bus.settle()
        assert [message.platform.name for message in a.handled] == ["Cpo"]
        assert len(pushes(emsp)) == 1


async def test_a_token_that_nobody_named_is_found_behind_the_other_hub(tmp_path):
    """2.2.1, transport_and_format: Open Routing Request, over two hubs."""
    async with two_hubs(tmp_path) as (_, _, cpo, emsp):
        uid = emsp.token()["uid"]
        reply = await cpo.call("tokens", S, "POST", f"{uid}/authorize", sender=CPO.party)
        assert reply.data["allowed"] == "ALLOWED"


async def test_get_all_reaches_those_behind_the_other_hub(tmp_path):
    """2.2.1, transport_and_format: GET All via Hubs. Sessions are asked of the other hub, which asks its CPOs."""
    async with two_hubs(tmp_path) as (_, _, cpo, emsp):
        location = next(iter(cpo.locations))
        await emsp.start_session(location["id"], location["evses"][0]["uid"], emsp.token(), CPO.party)
        session = await emsp.expect("sessions", "PUT")
        found = await emsp.fetch_all("sessions", to=B, query={"date_from": "2020-01-01T00:00:00Z"})
        assert [each["id"] for each in found] == [session.segments[-1]]
