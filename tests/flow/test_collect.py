"""GET All of what the hub does not keep, over real sockets (2.2.1, transport_and_format: GET All via Hubs)."""

from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest

from hub.config.model import Routing
from hub.core.modules import Interface
from hub.core.party import Party
from hub.sim import SimEmsp
from tests.partner import Partner, hang, ocpi
from tests.support import EMSP, config, register, running

HUB = Party("NL", "HUB")


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


@asynccontextmanager
async def one_platform_with_two(tmp_path):
    """A hub with an eMSP, and a platform on which two CPOs are."""
    async with running(tmp_path) as app, SimEmsp("Emsp", [EMSP]) as emsp:
        await register(app, emsp)
        async with Partner("NL-AAA:CPO", "NL-BBB:CPO", endpoints=("sender/cdrs",)).serve() as partner:
            await partner.invited(app)
            assert (await partner.register()).code == 1000
            yield app, emsp, partner


async def test_each_party_of_a_platform_is_asked(tmp_path):
    """A platform that goes by OCPI-to answers for one party only."""
    lists = {"AAA": cdrs("NL-AAA", 3), "BBB": cdrs("NL-BBB", 4)}
    async with one_platform_with_two(tmp_path) as (_, emsp, partner):
        partner.says["GET /sender/cdrs"] = lambda asked: paged(lists[asked.headers["ocpi-to-party-id"]])(asked)
        for limit in ("2", "100"):
            assert await emsp.fetch_all("cdrs", to=HUB, query={"limit": limit}) == [*lists["AAA"], *lists["BBB"]]


async def test_a_platform_that_ignores_whom_it_is_asked_for_shows_nothing_twice_nor_what_is_hidden(tmp_path):
    every = [*cdrs("NL-BBB", 4), *cdrs("NL-AAA", 3)]
    async with one_platform_with_two(tmp_path) as (app, emsp, partner):
        partner.says["GET /sender/cdrs"] = paged(every)
        for limit in ("2", "100"):
            found = await emsp.fetch_all("cdrs", to=HUB, query={"limit": limit})
            assert found == [*cdrs("NL-AAA", 3), *cdrs("NL-BBB", 4)]
        await app.operations.agreements.set("NL-BBB", "DE-MSP", "cdrs", allow=False)
        assert await emsp.fetch_all("cdrs", to=HUB) == cdrs("NL-AAA", 3)


@pytest.mark.parametrize("knows_limits", [True, False])
async def test_a_list_without_a_total_is_counted(tmp_path, knows_limits):
    rows = cdrs("NL-AAA", 7)

    def say(asked):
        query = dict(part.split("=") for part in asked.target.partition("?")[2].split("&"))
        start = int(query["offset"])
        return ocpi(rows[start : start + int(query["limit"])] if knows_limits else rows[start:])

    async with collecting(tmp_path, routing=Routing(page_limit=3)) as (_, emsp, second, first):
        first.says["GET /sender/cdrs"] = say
        second.says["GET /sender/cdrs"] = paged(cdrs("NL-BBB", 2))
        assert await emsp.fetch_all("cdrs", to=HUB) == [*rows, *cdrs("NL-BBB", 2)]


async def test_what_every_party_finds_wrong_is_told(tmp_path):
    """A CPO that insists on date_from refuses with 2001: the requester can mend that."""
    async with collecting(tmp_path) as (_, emsp, second, first):
        refusal = ocpi(None, 2001, message="date_from is required")
        second.says["GET /sender/cdrs"] = first.says["GET /sender/cdrs"] = refusal
        answer = await emsp.call("cdrs", Interface.SENDER, "GET", to=HUB)
        assert answer.status_code == 2001
        assert "date_from is required" in answer.status_message
