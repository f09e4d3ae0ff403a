"""Broadcast over real sockets (2.2.1, transport_and_format: Broadcast Push)."""

import asyncio
import time
from contextlib import AsyncExitStack

import msgspec

from hub.config.model import Routing
from hub.core.directory import Secret
from hub.core.modules import Interface
from hub.core.party import Party
from hub.events import Delivered
from hub.sim.faults import Fault
from tests.crowd import collect, emsps, until
from tests.partner import Partner, ocpi
from tests.support import config, network, running

HUB = Party("NL", "HUB")
R = Interface.RECEIVER
ENDPOINTS = ("receiver/locations",)


async def test_one_that_hangs_delays_nobody(tmp_path):
    """The sender is answered before the deliveries; the others have it while one still hangs."""
    async with network(tmp_path) as (app, cpo, emsp), emsps(app, "FR-SEC", "FR-THI") as others:
        others[0].fault = Fault.HANG
        began = time.monotonic()
        assert (await cpo.push_location(HUB)).ok
        for each in (emsp, others[1]):
            await each.expect("locations", "PUT")
        assert time.monotonic() - began < 2
        await others[0].stop()


async def test_each_way_of_failing_is_an_event_and_nothing_else(tmp_path):
    """Errors of receivers never reach the sender of a broadcast."""
    async with network(tmp_path) as (app, cpo, _), emsps(app, "FR-SEC", "FR-THI", "FR-FOU") as others:
        seen = collect(app, Delivered)
        for each, fault in zip(others, (Fault.RESET, Fault.STATUS_500, Fault.NOT_JSON), strict=True):
            each.fault = fault
        assert (await cpo.push_location(HUB)).ok
        await until(lambda: len(seen) == 4)
        outcomes = {str(each.to): each.outcome[:4] for each in seen}
        assert outcomes == {"DE-MSP": "1000", "FR-SEC": "4003", "FR-THI": "4000", "FR-FOU": "4000"}


async def test_what_waits_for_a_slot_past_the_deadline_is_not_held_against_anybody(tmp_path):
    """With one delivery at a time, one that hangs leaves no time for the next: that one stays reachable."""
    base = config(tmp_path)
    limits = msgspec.structs.replace(base.limits, timeout=0.4)
    routing = Routing(broadcast_at_once=1)
    async with network(tmp_path, limits=limits, routing=routing) as (app, cpo, emsp), emsps(app, "FR-SEC") as others:
        emsp.fault = Fault.HANG
        seen = collect(app, Delivered)
        for number in (1, 2, 3):
            assert (await cpo.push_location(HUB)).ok
            await until(lambda number=number: len(seen) == 2 * number)
        assert {(str(each.to), str(each.leg.ended), each.leg.sent) for each in seen if each.to != emsp.party} == {
            ("FR-SEC", "abandoned", b"")
        }
        (trace, *_) = await app.operations.journal.trace(seen[0].message.correlation_id)
        assert [(leg.receiver, leg.outcome) for leg in trace.deliveries] == [
            ("DE-MSP", "failed"),
            ("FR-SEC", "abandoned"),
        ]
        assert "nothing was sent" in trace.deliveries[1].reason
        assert app.partners.find("FR-SEC").id not in app.keeper.current.offline
        assert not [each for each in others[0].received if each.method == "PUT"]
        await emsp.stop()


async def test_too_many_broadcasts_are_refused_and_not_kept(tmp_path):
    """The bound holds for those that arrive at the same moment, too."""
    limits = msgspec.structs.replace(config(tmp_path).limits, timeout=1.0)
    async with network(tmp_path, limits=limits, routing=Routing(broadcasts=3)) as (app, cpo, emsp):
        seen = collect(app, Delivered)
        cpo.seed(10)
        emsp.fault = Fault.HANG
        replies = await asyncio.gather(*(cpo.push_location(HUB, each["id"]) for each in cpo.locations))
        refused = [each for each in replies if each.status_code == 4000]
        assert len(replies) - len(refused) == 3
        assert all("3 of your broadcasts are under way" in each.status_message for each in refused)
        await until(lambda: len(seen) == 3)


async def test_a_broadcast_that_the_mirror_refuses_takes_no_slot(tmp_path):
    async with network(tmp_path, routing=Routing(broadcasts=1)) as (_, cpo, emsp):
        for _ in range(3):
            reply = await cpo.call(
                "locations", Interface.RECEIVER, "PATCH", "NL/CPO/NONE", to=HUB,
                body={"last_updated": "2026-01-01T00:00:00Z"},
            )  # fmt: skip
            assert reply.status_code == 2001
        assert (await cpo.push_location(HUB)).ok
        await emsp.expect("locations", "PUT")


async def test_two_hubs_that_are_connected_pass_a_broadcast_on_once(tmp_path):
    """A loop of two hubs ends after one pass."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir(), there.mkdir()
    other = msgspec.structs.replace(config(there).hub, party="BE-HUB", name="Other Hub")
    async with network(here) as (app, cpo, emsp), running(there, hub=other) as beyond, emsps(beyond, "BE-MSP") as far:
        seen, seen_there = collect(app, Delivered), collect(beyond, Delivered)
        invitation = await beyond.partners.invite("Hub here", ["NL-HUB:HUB"])
        await app.partners.connect("Hub there", invitation.versions_url, Secret(invitation.token_a), ["BE-HUB:HUB"])
        assert (await cpo.push_location(HUB)).ok
        for each in (emsp, far[0]):
            assert (await each.expect("locations", "PUT")).segments[:2] == ("NL", "CPO")
        await until(lambda: len(seen) == 2 and len(seen_there) == 1)
        await asyncio.sleep(0.2)
        assert sorted(str(each.to) for each in seen) == ["BE-HUB", "DE-MSP"]
        assert [str(each.to) for each in seen_there] == ["BE-MSP"]


async def test_two_pushes_of_one_object_arrive_in_their_order(tmp_path):
    """One that is slow gets the second when it has answered the first; the others have both by then."""
    release = asyncio.Event()

    async def slow(asked):
        if b'"first"' in asked.body:
            await release.wait()
        return ocpi()

    async with network(tmp_path) as (app, cpo, emsp), Partner("FR-SLW:EMSP", endpoints=ENDPOINTS).serve() as partner:
        await partner.invited(app)
        assert (await partner.register()).code == 1000
        line = "PUT /receiver/locations/NL/CPO/LOC1"
        partner.says[line] = slow
        for name in ("first", "second"):
            body = {**next(iter(cpo.locations)), "name": name}
            assert (await cpo.call("locations", R, "PUT", "NL/CPO/LOC1", to=HUB, body=body)).ok
        for _ in range(2):
            await emsp.expect("locations", "PUT")
        assert partner.lines.count(line) == 1
        release.set()
        names = [msgspec.json.decode(each.body)["name"] for each in await partner.expect(line, 2)]
        assert names == ["first", "second"]


async def test_those_with_the_same_version_get_one_translation(tmp_path):
    """It is made once, whoever they are."""
    async with AsyncExitStack() as stack:
        app, cpo, _ = await stack.enter_async_context(network(tmp_path))
        partners = [Partner(role, endpoints=ENDPOINTS, version="2.1.1") for role in ("FR-ONE:EMSP", "FR-TWO:EMSP")]
        for partner in partners:
            await stack.enter_async_context(partner.serve())
            await partner.invited(app)
            assert (await partner.register()).code == 1000
        seen = collect(app, Delivered)
        assert (await cpo.push_location(HUB)).ok
        await until(lambda: len(seen) == 3)
        one, two = (each.message for each in seen if each.to.country == "FR")
        assert one is two
        bodies = {each.body for partner in partners for each in partner.asked if each.line.startswith("PUT")}
        assert len(bodies) == 1
