"""Broadcast, ask and collect over real sockets (2.2.1, transport_and_format: Broadcast Push, Open Routing, GET All)."""

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from hub.config.model import Routing
from hub.core.directory import Secret
from hub.core.modules import Interface
from hub.core.party import Party, PartyRole
from hub.events import Delivered
from hub.sim import SimCpo, SimEmsp
from hub.sim.faults import Fault
from tests.partner import Partner, hang, ocpi
from tests.support import EMSP, config, network, register, running

HUB = Party("NL", "HUB")


async def until(condition, seconds=5.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def emsps(app, *parties):
    """Simulated eMSPs, registered."""
    async with AsyncExitStack() as stack:
        made = [await stack.enter_async_context(SimEmsp(each, [PartyRole.parse(f"{each}:EMSP")])) for each in parties]
        for each in made:
            await register(app, each)
        yield made


def collect(app, kind):
    seen = []

    async def keep(event):
        seen.append(event)

    app.bus.subscribe(keep, kind, name="test")
    return seen


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
            await until(lambda number=number: len(seen) == number)
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


async def test_the_first_that_allows_wins_while_another_hangs(tmp_path):
    async with network(tmp_path) as (app, cpo, emsp), emsps(app, "FR-SEC", "FR-THI") as others:
        others[0].fault = Fault.HANG
        began = time.monotonic()
        reply = await cpo.authorize(emsp.token()["uid"], None)
        assert reply.data["allowed"] == "ALLOWED"
        assert time.monotonic() - began < 2
        await others[0].stop()


async def test_a_platform_that_is_slow_to_authorise_is_not_given_up(tmp_path):
    """The short deadline is the hub's own: it says nothing of the platform. The answer of the others counts."""
    async with network(tmp_path, routing=Routing(ask_timeout=0.2)) as (app, cpo, emsp), emsps(app, "FR-SEC") as others:
        emsp.fault = others[0].fault = Fault.HANG
        for _ in range(4):
            assert (await cpo.authorize("ANY", None)).status_code == 4002
        others[0].fault = Fault.NONE
        assert (await cpo.authorize("ANY", None)).status == 404
        assert not app.keeper.current.offline
        await emsp.stop()


async def test_nobody_can_be_asked(tmp_path):
    async with network(tmp_path) as (_, cpo, emsp):
        await emsp.stop()
        reply = await cpo.authorize("ANY", None)
        assert (reply.status, reply.status_code) == (200, 4003)
        assert "none of 1 eMSP(s) could be asked" in reply.status_message


def cdrs(party, count):
    return [{"country_code": party[:2], "party_id": party[3:], "id": f"{party} {n}"} for n in range(count)]


def paged(rows, cap=50, **more):
    """A CPO's list of CDRs, with a page size of its own."""

    def say(asked):
        query = dict(part.split("=") for part in asked.target.partition("?")[2].split("&"))
        start = int(query["offset"])
        return ocpi(rows[start : start + min(cap, int(query["limit"]))], X_Total_Count=str(len(rows)), **more)

    return say


@asynccontextmanager
async def collecting(tmp_path, **changes):
    """A hub with an eMSP, and two CPOs whose every answer the test can replace."""
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(running(tmp_path, **changes))
        emsp = await stack.enter_async_context(SimEmsp("Emsp", [EMSP]))
        await register(app, emsp)
        partners = []
        for name in ("NL-BBB", "NL-AAA"):
            partner = Partner(f"{name}:CPO", endpoints=("sender/cdrs",))
            await stack.enter_async_context(partner.serve())
            await partner.invited(app)
            assert (await partner.register()).code == 1000
            partners.append(partner)
        yield app, emsp, *partners


async def test_the_order_is_by_party_whoever_connected_first(tmp_path):
    async with collecting(tmp_path) as (_, emsp, second, first):
        first.says["GET /sender/cdrs"] = paged(cdrs("NL-AAA", 7), cap=2)
        second.says["GET /sender/cdrs"] = paged(cdrs("NL-BBB", 5))
        for limit in ("1", "3", "4", "100"):
            found = await emsp.fetch_all("cdrs", to=HUB, query={"limit": limit})
            assert found == [*cdrs("NL-AAA", 7), *cdrs("NL-BBB", 5)]
        page = await emsp.call("cdrs", Interface.SENDER, "GET", to=HUB, query={"offset": "6", "limit": "2"})
        assert [each["id"] for each in page.data] == ["NL-AAA 6", "NL-BBB 0"]
        assert {name.lower(): value for name, value in page.headers.items()}["x-total-count"] == "12"


async def test_one_that_hangs_costs_the_others_nothing_but_time(tmp_path):
    limits = msgspec.structs.replace(config(tmp_path).limits, timeout=1.0)
    async with collecting(tmp_path, limits=limits) as (app, emsp, second, first):
        first.says["GET /sender/cdrs"] = hang
        second.says["GET /sender/cdrs"] = paged(cdrs("NL-BBB", 5))
        for _ in range(3):
            assert await emsp.fetch_all("cdrs", to=HUB) == cdrs("NL-BBB", 5)
        assert not app.keeper.current.offline


async def test_odd_answers_do_not_spoil_the_list(tmp_path):
    """A total that is none, a page that is no list, a refusal."""
    async with collecting(tmp_path) as (_, emsp, second, first):
        second.says["GET /sender/cdrs"] = paged(cdrs("NL-BBB", 2))
        for odd in (
            ocpi({"not": "a list"}), ocpi(code=3000), ocpi(None), ocpi([], X_Total_Count="9" * 5000),
            ocpi([], X_Total_Count="5"),
        ):  # fmt: skip
            first.says["GET /sender/cdrs"] = odd
            page = await emsp.call("cdrs", Interface.SENDER, "GET", to=HUB)
            assert [each["id"] for each in page.data] == ["NL-BBB 0", "NL-BBB 1"], odd
        second.says["GET /sender/cdrs"] = first.says["GET /sender/cdrs"] = ocpi(code=3000)
        assert (await emsp.call("cdrs", Interface.SENDER, "GET", to=HUB)).status_code == 4003


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


async def test_one_id_of_two_cpos_is_two_objects(tmp_path):
    async with network(tmp_path) as (app, cpo, emsp), SimCpo("Two", [PartyRole.parse("BE-TWO:CPO")]) as two:
        await register(app, two)
        for each in (two, cpo):
            assert (await each.push_location(HUB)).ok
        assert {each["party_id"] for each in await emsp.fetch_all("locations", to=HUB)} == {"CPO", "TWO"}
