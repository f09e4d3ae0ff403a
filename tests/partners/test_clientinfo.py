"""HubClientInfo over real sockets: who sees whom, what is PUT to whom and when (OCPI 2.2.1, chapter 15)."""

import asyncio
import datetime
from contextlib import asynccontextmanager

import msgspec
import pytest
from aiohttp import web

from hub.core.agreements import Agreements, Rule
from hub.core.breaker import Policy
from hub.events import StatusChanged
from hub.partners.clientinfo import HubClientInfo
from hub.partners.liveness import Liveness
from hub.upstream import Fault
from tests.partners.places import Desk, Diary, desk

QUICK = Policy(first=0.02, longest=0.1, settle=0.02, quiet=0.05)


class Office:
    """A desk with liveness and client info at work."""

    def __init__(self, desk: Desk, liveness: Liveness, info: HubClientInfo, statuses) -> None:
        self.desk, self.liveness, self.info, self.statuses = desk, liveness, info, statuses
        self.diary = Diary(desk.bus, StatusChanged)

    async def connect(self, name, *roles, module="hubclientinfo"):
        place = await self.desk.place()
        platform = await self.desk.invite(name, *roles)
        await self.told(name, "PLANNED")
        await self.quiet()
        platform = await self.desk.register(platform, place, module=module)
        await self.told(name, "CONNECTED")
        return platform, place

    async def told(self, name, status):
        """Wait until a status was published, and everything that follows from it was begun."""
        event = await self.diary.until(lambda event: (event.platform, event.status) == (name, status))
        await self.desk.bus.settle()
        return event

    async def lose(self, platform, place):
        await place.stop()
        for _ in range(3):
            self.liveness.report(platform.id, Fault.CONNECT)
        return await self.told(platform.name, "OFFLINE")

    async def agree(self, *rules, default=True):
        before = self.desk.keeper.current.agreements
        after = Agreements.of(rules, default=default)
        self.desk.keeper.current = msgspec.structs.replace(self.desk.keeper.current, agreements=after)
        await self.info.agreements_changed(before, after)

    def page(self, viewer, *, date_from=None, date_to=None, offset=0, limit=100):
        found, total = self.info.page(viewer, date_from=date_from, date_to=date_to, offset=offset, limit=limit)
        return [seen(msgspec.to_builtins(each)) for each in found], total

    def shown(self, viewer):
        return self.page(viewer)[0]

    async def quiet(self):
        """Wait until no push is under way."""
        async with asyncio.timeout(5):
            while self.info._tasks:
                await asyncio.wait(self.info._tasks.values())


@asynccontextmanager
async def working(folder, policy=QUICK, **options):
    async with desk(folder) as office:
        statuses = await office.statuses()
        liveness = Liveness(office.keeper, office.client, office.bus, statuses, policy)
        info = HubClientInfo(office.keeper, office.client, office.bus, statuses, liveness.report, **options)
        await info.start()
        await liveness.start()
        try:
            yield Office(office, liveness, info, statuses)
        finally:
            await liveness.stop()
            await info.stop()


@pytest.fixture
async def office(tmp_path):
    async with working(tmp_path) as office:
        yield office


def seen(body):
    """A client info in short: `NL-CPO:CPO CONNECTED`."""
    return f"{body['country_code']}-{body['party_id']}:{body['role']} {body['status']}"


def pushed(place):
    return [seen(each.body) for each in place.by("PUT")]


def moment(text):
    return datetime.datetime.fromisoformat(text)


async def test_everybody_is_told_of_everybody_else(office):
    """15.2.1: planned when invited, connected when registered; the newcomer gets the full picture."""
    cpo, cpo_place = await office.connect("Cpo", "NL-CPO:CPO")
    emsp, emsp_place = await office.connect("Emsp", "DE-MSP:EMSP")
    await office.quiet()
    assert pushed(cpo_place) == ["DE-MSP:EMSP PLANNED", "DE-MSP:EMSP CONNECTED"]
    assert pushed(emsp_place) == ["NL-CPO:CPO CONNECTED"]
    assert office.shown(cpo) == ["DE-MSP:EMSP CONNECTED"]
    assert office.shown(emsp) == ["NL-CPO:CPO CONNECTED"]


async def test_what_a_push_looks_like(office):
    """15.3.1.2: PUT .../{country_code}/{party_id}; configuration modules have no routing headers."""
    await office.connect("Cpo", "NL-CPO:CPO")
    _, place = await office.connect("Emsp", "DE-MSP:EMSP")
    (put,) = await place.arrived(1)
    assert put.path == "/hubclientinfo/NL/CPO"
    assert put.headers["Authorization"] == "Token token-of-2"
    assert put.headers["Content-Type"] == "application/json"
    assert put.headers["X-Request-ID"] != put.headers["X-Correlation-ID"]
    assert not any(name.lower().startswith("ocpi-") for name in put.headers)
    published = office.statuses.get(1)
    assert set(put.body) == {"party_id", "country_code", "role", "status", "last_updated"}
    assert put.body["last_updated"].endswith("Z")
    assert round(moment(put.body["last_updated"]).timestamp() * 1000) == published.changed_at


async def test_offline_and_back(office):
    cpo, cpo_place = await office.connect("Cpo", "NL-CPO:CPO")
    emsp, emsp_place = await office.connect("Emsp", "DE-MSP:EMSP")
    gone = await office.lose(cpo, cpo_place)
    assert office.shown(emsp) == ["NL-CPO:CPO OFFLINE"]
    await cpo_place.start()
    back = await office.diary.until(lambda event: event.before == "OFFLINE")
    puts = await emsp_place.arrived(3)
    assert pushed(emsp_place) == ["NL-CPO:CPO CONNECTED", "NL-CPO:CPO OFFLINE", "NL-CPO:CPO CONNECTED"]
    times = [moment(each.body["last_updated"]) for each in puts]
    assert times == sorted(set(times))
    assert [round(each.timestamp() * 1000) for each in times[1:]] == [gone.at, back.at]
    assert office.shown(emsp) == ["NL-CPO:CPO CONNECTED"]


async def test_who_returns_gets_nothing_of_what_it_missed(office):
    """2.2.1, transport_and_format: Offline behaviour. It is up to the one who returns to GET."""
    cpo, cpo_place = await office.connect("Cpo", "NL-CPO:CPO")
    emsp, _ = await office.connect("Emsp", "DE-MSP:EMSP")
    await office.quiet()
    await office.lose(cpo, cpo_place)
    before = len(cpo_place.by("PUT"))
    await office.desk.suspend(emsp)
    await office.told("Emsp", "SUSPENDED")
    await office.quiet()
    await cpo_place.start()
    await office.diary.until(lambda event: event.before == "OFFLINE")
    await office.quiet()
    assert len(cpo_place.by("PUT")) == before
    assert office.shown(cpo) == ["DE-MSP:EMSP SUSPENDED"]


async def test_suspended_resumed_and_removed(office):
    """15.2.1: what is invalidated is told as SUSPENDED; a list that lacks it says the same."""
    cpo, _ = await office.connect("Cpo", "NL-CPO:CPO", "NL-CP2:CPO")
    emsp, place = await office.connect("Emsp", "DE-MSP:EMSP")
    await office.quiet()
    place.requests.clear()
    await office.desk.suspend(cpo)
    await place.arrived(2)
    await office.desk.resume(cpo)
    await place.arrived(4)
    await office.desk.remove(cpo)
    await place.arrived(6)
    assert [each.rsplit(" ", 1)[1] for each in pushed(place)] == ["SUSPENDED"] * 2 + ["CONNECTED"] * 2 + [
        "SUSPENDED"
    ] * 2
    assert office.shown(emsp) == []


async def test_every_role_of_every_party_is_an_object(office):
    cpo, _ = await office.connect("Both", "NL-ONE:CPO", "NL-ONE:EMSP", "NL-TWO:CPO")
    emsp, place = await office.connect("Emsp", "DE-MSP:EMSP")
    expected = ["NL-ONE:CPO CONNECTED", "NL-ONE:EMSP CONNECTED", "NL-TWO:CPO CONNECTED"]
    await place.arrived(3)
    assert pushed(place) == expected
    assert office.shown(emsp) == expected
    assert office.shown(cpo) == ["DE-MSP:EMSP CONNECTED"], "its own parties are no news to a platform"


async def test_a_platform_that_presents_other_roles(office):
    """What it has not presented is PLANNED; a change of roles renews last_updated, for who asks by date."""
    emsp, place = await office.connect("Emsp", "DE-MSP:EMSP")
    cpo = await office.desk.invite("Cpo", "NL-ONE:CPO", "NL-TWO:CPO")
    await office.told("Cpo", "PLANNED")
    cpo_place = await office.desk.place()
    cpo = await office.desk.register(cpo, cpo_place, "NL-ONE:CPO")
    await office.told("Cpo", "CONNECTED")
    assert office.shown(emsp) == ["NL-ONE:CPO CONNECTED", "NL-TWO:CPO PLANNED"]
    before = office.statuses.get(cpo.id).changed_at
    await office.quiet()
    place.requests.clear()
    await office.desk.register(cpo, cpo_place, "NL-TWO:CPO")
    await place.arrived(2)
    assert sorted(pushed(place)) == ["NL-ONE:CPO PLANNED", "NL-TWO:CPO CONNECTED"]
    assert office.page(emsp, date_from=before + 1)[1] == 2


@pytest.mark.parametrize("module", ["clientinfo", "hubclientinfo"])
async def test_it_goes_under_both_names(office, module):
    await office.connect("Cpo", "NL-CPO:CPO")
    _, place = await office.connect("Emsp", "DE-MSP:EMSP", module=module)
    (put,) = await place.arrived(1)
    assert put.path == f"/{module}/NL/CPO"


async def test_who_has_no_endpoint_gets_nothing_and_may_ask(office):
    emsp, place = await office.connect("Emsp", "DE-MSP:EMSP", module="")
    await office.connect("Cpo", "NL-CPO:CPO")
    await office.quiet()
    assert not place.by("PUT")
    assert office.shown(emsp) == ["NL-CPO:CPO CONNECTED"]


class TestAgreements:
    """Only parties that can communicate see each other (15, first paragraph)."""

    async def test_closed_means_unseen(self, office):
        await office.agree(default=False)
        cpo, cpo_place = await office.connect("Cpo", "NL-CPO:CPO")
        emsp, emsp_place = await office.connect("Emsp", "DE-MSP:EMSP")
        await office.lose(cpo, cpo_place)
        await office.quiet()
        assert not emsp_place.by("PUT")
        assert not cpo_place.by("PUT")
        assert office.shown(emsp) == office.shown(cpo) == []

    async def test_when_one_opens_and_closes_both_sides_learn_it(self, office):
        await office.agree(default=False)
        cpo, cpo_place = await office.connect("Cpo", "NL-CPO:CPO")
        emsp, emsp_place = await office.connect("Emsp", "DE-MSP:EMSP", "DE-OTH:EMSP")
        other, other_place = await office.connect("Other", "FR-OTH:EMSP")
        polled = max(office.statuses.get(each.id).changed_at for each in (cpo, emsp)) + 1
        rule = Rule.between("NL-CPO", "DE-MSP", "locations", allow=True)
        await office.agree(rule, default=False)
        await cpo_place.arrived(1)
        await emsp_place.arrived(1)
        assert pushed(cpo_place) == ["DE-MSP:EMSP CONNECTED"]
        assert pushed(emsp_place) == ["NL-CPO:CPO CONNECTED"]
        assert office.shown(cpo) == ["DE-MSP:EMSP CONNECTED"]
        assert office.page(emsp, date_from=polled) == (["NL-CPO:CPO CONNECTED"], 1), "who polls by date learns it too"
        await office.agree(default=False)
        await cpo_place.arrived(2)
        await emsp_place.arrived(2)
        assert pushed(cpo_place)[1:] == ["DE-MSP:EMSP SUSPENDED"]
        assert pushed(emsp_place)[1:] == ["NL-CPO:CPO SUSPENDED"]
        await office.agree(rule, default=False)
        puts = await emsp_place.arrived(3)
        assert pushed(emsp_place)[2:] == ["NL-CPO:CPO CONNECTED"]
        times = [moment(each.body["last_updated"]) for each in puts]
        assert times == sorted(set(times)), "newer looks newer"
        await office.quiet()
        assert not other_place.by("PUT")
        assert office.shown(other) == []

    async def test_a_change_that_lets_them_see_each_other_as_before_is_no_news(self, office):
        await office.connect("Cpo", "NL-CPO:CPO")
        _, place = await office.connect("Emsp", "DE-MSP:EMSP")
        await office.quiet()
        before = [office.statuses.get(each).changed_at for each in (1, 2)]
        place.requests.clear()
        await office.agree(Rule.between("NL-CPO", "*", "tokens", allow=False))
        await office.quiet()
        assert not place.by("PUT")
        assert [office.statuses.get(each).changed_at for each in (1, 2)] == before

    @pytest.mark.parametrize(
        "rules",
        [
            [Rule.between("*", "*", "*", allow=True)],
            [Rule.between("NL-CPO", "*", "*", allow=True)],
            [Rule.between("*", "DE-MSP", "cdrs", allow=True)],
        ],
        ids=str,
    )
    async def test_rules_for_every_party(self, office, rules):
        await office.agree(default=False)
        cpo, cpo_place = await office.connect("Cpo", "NL-CPO:CPO")
        _, emsp_place = await office.connect("Emsp", "DE-MSP:EMSP")
        await office.agree(*rules, default=False)
        await cpo_place.arrived(1)
        await emsp_place.arrived(1)
        assert office.shown(cpo) == ["DE-MSP:EMSP CONNECTED"]

    async def test_the_default_itself(self, office):
        await office.connect("Cpo", "NL-CPO:CPO")
        _, place = await office.connect("Emsp", "DE-MSP:EMSP")
        await office.quiet()
        await office.agree(default=False)
        await place.arrived(2)
        assert pushed(place)[1:] == ["NL-CPO:CPO SUSPENDED"]


class TestGet:
    """15.3.2.1, and transport_and_format: Pagination."""

    @pytest.fixture
    async def viewer(self, office):
        viewer, _ = await office.connect("Emsp", "DE-MSP:EMSP", module="")
        for number in range(5):
            await office.connect(f"Cpo {number}", f"NL-C0{number}:CPO", module="")
        return viewer

    async def test_pages(self, office, viewer):
        every = [f"NL-C0{number}:CPO CONNECTED" for number in range(5)]
        assert office.page(viewer) == (every, 5)
        assert office.page(viewer, limit=2) == (every[:2], 5)
        assert office.page(viewer, offset=2, limit=2) == (every[2:4], 5)
        assert office.page(viewer, offset=4, limit=2) == (every[4:], 5)
        assert office.page(viewer, offset=9) == ([], 5)

    async def test_the_order_does_not_follow_changes(self, office, viewer):
        """So that nothing is missed by one that is just paging."""
        await office.desk.suspend(office.desk.keeper.current.platforms[3])
        await office.told("Cpo 1", "SUSPENDED")
        assert [each.split(":")[0] for each in office.shown(viewer)] == [f"NL-C0{number}" for number in range(5)]

    async def test_dates(self, office, viewer):
        third = office.statuses.get(4).changed_at
        assert office.page(viewer, date_from=third)[0][0] == "NL-C02:CPO CONNECTED"
        assert office.page(viewer, date_from=third)[1] == 3
        assert office.page(viewer, date_to=third)[1] == 2
        assert office.page(viewer, date_from=third, date_to=third + 1) == (["NL-C02:CPO CONNECTED"], 1)
        assert office.page(viewer, date_from=third, date_to=third) == ([], 0)

    async def test_it_is_the_same_after_a_restart(self, tmp_path, office, viewer):
        before = office.info.page(viewer, date_from=None, date_to=None, offset=0, limit=100)
        async with desk(tmp_path) as again:
            info = HubClientInfo(again.keeper, again.client, again.bus, await again.statuses(), lambda *_: None)
            assert info.page(viewer, date_from=None, date_to=None, offset=0, limit=100) == before


async def never(_):
    await asyncio.Event().wait()


async def broken(_):
    return web.Response(status=500, text="no")


async def test_a_slow_platform_costs_the_others_nothing_and_gets_only_what_is_current(office):
    _, slow_place = await office.connect("Slow", "DE-SLO:EMSP")
    _, quick_place = await office.connect("Quick", "DE-QUI:EMSP")
    await office.quiet()
    slow_place.requests.clear()
    quick_place.requests.clear()
    go = asyncio.Event()

    async def slowly(request):
        await go.wait()
        return web.Response(body=b'{"status_code":1000,"timestamp":"x"}')

    slow_place.answer = slowly
    cpo = await office.desk.invite("Cpo", "NL-CPO:CPO")
    await slow_place.arrived(1)
    await quick_place.arrived(1)
    await office.desk.register(cpo, await office.desk.place())
    await quick_place.arrived(2)
    await office.desk.suspend(cpo)
    await quick_place.arrived(3)
    go.set()
    await office.quiet()
    assert pushed(slow_place) == ["NL-CPO:CPO PLANNED", "NL-CPO:CPO SUSPENDED"], "what was overtaken is not sent"
    assert pushed(quick_place) == ["NL-CPO:CPO PLANNED", "NL-CPO:CPO CONNECTED", "NL-CPO:CPO SUSPENDED"]


async def test_one_attempt_and_what_came_of_it_goes_to_liveness(tmp_path):
    async with working(tmp_path, timeout=0.05) as office:
        _, place = await office.connect("Emsp", "DE-MSP:EMSP")
        cpo, _ = await office.connect("Cpo", "NL-CPO:CPO", module="")
        await office.quiet()
        place.answer = never
        place.requests.clear()
        await office.desk.suspend(cpo)
        await office.told("Cpo", "SUSPENDED")
        await place.arrived(1, "GET")
        await office.quiet()
        assert len(place.by("PUT")) == 1


async def test_one_that_refuses_is_not_asked_again(office):
    _, place = await office.connect("Emsp", "DE-MSP:EMSP")
    place.answer = broken
    await office.connect("Cpo", "NL-CPO:CPO")
    await office.quiet()
    assert pushed(place) == ["NL-CPO:CPO PLANNED", "NL-CPO:CPO CONNECTED"]


async def test_few_pushes_at_the_same_time(tmp_path):
    async with working(tmp_path, at_once=2) as office:
        running, most = 0, 0

        async def count(request):
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.005)
            running -= 1
            return web.Response(body=b'{"status_code":1000,"timestamp":"x"}')

        places = []
        for number in range(6):
            _, place = await office.connect(f"Emsp {number}", f"DE-M0{number}:EMSP")
            place.answer = count
            places.append(place)
        await office.quiet()
        most = 0
        await office.connect("Cpo", "NL-CPO:CPO")
        for place in places:
            await place.arrived(1)
        await office.quiet()
        assert most == 2


async def test_stopping_ends_what_is_under_way(tmp_path):
    async with working(tmp_path) as office:
        _, place = await office.connect("Emsp", "DE-MSP:EMSP")
        place.answer = never
        await office.desk.invite("Cpo", "NL-CPO:CPO")
        await place.arrived(1)
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith(("clientinfo", "liveness", "probe"))]


async def test_of_many_platforms_only_the_one_that_changed_is_looked_at(tmp_path):
    """A change of one partner must not cost more for each of ten thousand others."""
    async with working(tmp_path) as office:
        one, _ = await office.connect("One", "NL-ONE:CPO")
        two, _ = await office.connect("Two", "DE-TWO:EMSP")
        await office.quiet()
        assert office.info._changed_platforms() == set()
        await office.desk.keeper.refresh(two.id)
        assert office.info._changed_platforms() == {two.id}
        assert {each.id for each in office.info._who_listens()} == {one.id, two.id}
        assert office.info._who_listens() is office.info._who_listens()
