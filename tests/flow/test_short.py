"""The short way: what goes it, what does not, and that nobody can tell the difference."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
import pytest

from hub.app import App
from hub.config.model import PartnerLimits
from hub.events import Delivered, Handled, Refused
from hub.flow.short import Walk
from tests.partner import Partner, Say, hang, ocpi
from tests.raw import Answer, request, wire
from tests.support import running
from tests.versions import location, session

TO = "OCPI-to-country-code: DE", "OCPI-to-party-id: MSP", "OCPI-from-country-code: NL", "OCPI-from-party-id: CPO"
IDS = "X-Request-ID: r", "X-Correlation-ID: c"
TARIFF: dict[str, Any] = {
    "country_code": "NL",
    "party_id": "CPO",
    "id": "T1",
    "currency": "EUR",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 0.25, "step_size": 1}]}],
    "last_updated": "2026-01-01T00:00:00Z",
}
LINE = "PUT /receiver/tariffs/NL/CPO/T1"
LIST = "GET /sender/tokens"
SAID = "the test says so"


class Net:
    """A hub, a CPO that sends on one connection, and an eMSP. `short` says of each request whether it went short."""

    def __init__(self, app: App, cpo: Partner, emsp: Partner, connection: Any) -> None:
        self.app, self.cpo, self.emsp, self._connection = app, cpo, emsp, connection
        self.short: list[bool] = []
        self.events: list[Any] = []
        self._begin, app._http.at_once = app._http.at_once, self._at_once
        app.bus.attach(dict.fromkeys((Handled, Delivered, Refused), self.events.append), name="test")

    def _at_once(self, request: Any) -> Walk | None:
        walk = self._begin(request)
        self.short.append(walk is not None)
        return walk

    async def send(self, method: str, path: str, body: bytes | None, *, headers: tuple[str, ...] = TO) -> None:
        await self._connection.send(request(method, path, *headers, *IDS, token=self.cpo.token, body=body))

    async def answer(self) -> Answer:
        answer = await self._connection.answer()
        assert answer is not None
        assert answer.envelope
        return answer

    async def put(self, **changes: Any) -> Answer:
        await self.send("PUT", "/ocpi/2.2.1/receiver/tariffs/NL/CPO/T1", msgspec.json.encode(TARIFF | changes))
        return await self.answer()

    async def get(self, query: str = "") -> Answer:
        await self.send("GET", f"/ocpi/2.2.1/sender/tokens{query}", None)
        return await self.answer()

    async def warm(self) -> None:
        """Two requests: the first has no lane, and each leaves a connection to the eMSP."""
        assert (await self.put()).told == (200, 1000)
        assert (await self.put()).told == (200, 1000)
        self.short.clear()

    async def told(self) -> list[Any]:
        await self.app.bus.settle()
        return self.events


@asynccontextmanager
async def net(folder, versions: tuple[str, str] = ("2.2.1", "2.2.1"), **changes: Any):
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(running(folder, **{"validation": "enforce", **changes}))
        cpo = Partner("NL-CPO:CPO", version=versions[0], endpoints=["sender/tariffs", "sender/locations"])
        ends = ["receiver/tariffs", "sender/tokens", "receiver/locations", "receiver/sessions"]
        emsp = Partner("DE-MSP:EMSP", version=versions[1], endpoints=ends)
        for each in (cpo, emsp):
            await stack.enter_async_context(each.serve())
        for each in (cpo, emsp):
            await each.invited(app)
            assert (await each.register()).code == 1000
        emsp.says = {LINE: ocpi(), LIST: ocpi([])}
        yield Net(app, cpo, emsp, await stack.enter_async_context(wire(app.url)))


async def test_a_message_like_one_before_goes_the_short_way_and_nobody_can_tell(tmp_path):
    async with net(tmp_path) as one:
        answers = [await one.put() for _ in range(4)]
        assert one.short == [False, True, True]  # aiohttp's parser has read the first
        assert len({(each.status, each.code, *sorted(each.headers.items() - {("date", each.headers["date"])}))
                    for each in answers}) == 1  # fmt: skip
        asked = await one.emsp.expect(LINE, 4)
        assert len({each.body for each in asked}) == 1
        ids = [each.headers.pop("x-request-id") for each in asked]
        assert len({*ids, "r"}) == 5
        assert all(each.headers == asked[0].headers for each in asked)
        events = await one.told()
        assert [type(each) for each in events] == [Delivered, Handled] * 4
        assert len({each.message.exchange for each in events}) == 4
        for kind in (Delivered, Handled):
            shown = {(each.message.sender, each.message.segments, each.outcome if kind is Delivered else each.route)
                     for each in events if type(each) is kind}  # fmt: skip
            assert len(shown) == 1


async def test_lists_go_it_too_with_their_query(tmp_path):
    async with net(tmp_path) as one:
        one.emsp.says[LIST] = ocpi([], X_Total_Count="7", X_Limit="2")
        for _ in range(3):
            answer = await one.get("?limit=2&offset=4")
            assert (answer.told, answer.headers["x-total-count"]) == ((200, 1000), "7")
            assert "link" in answer.headers
        assert one.short[-1]
        assert {each.target for each in await one.emsp.expect(LIST, 3)} == {"/sender/tokens?limit=2&offset=4"}


async def test_what_the_receiver_has_other_words_for_goes_it_too(tmp_path):
    """From OCPI 2.1.1, whose URLs do not say for which side a message is, to OCPI 2.3.0."""
    own = location("2.1.1")
    async with net(tmp_path, ("2.1.1", "2.3.0")) as one:
        line = "PUT /receiver/locations/NL/CPO/LOC1"
        one.emsp.says[line] = ocpi()
        for n in range(4):
            body = own | {"name": f"No. {n}", "type": "ON_STREET" if n else "OTHER"}
            await one.send("PUT", "/ocpi/2.1.1/locations/NL/CPO/LOC1", msgspec.json.encode(body))
            assert (await one.answer()).told == (200, 1000)
        assert one.short == [False, True, True]
        told = [msgspec.json.decode(each.body) for each in await one.emsp.expect(line, 4)]
        assert [each["name"] for each in told] == [f"No. {n}" for n in range(4)]
        assert [each.get("parking_type") for each in told] == [None] + ["ON_STREET"] * 3
        assert all((each["country_code"], each["party_id"]) == ("NL", "CPO") for each in told)
        await one.send("PUT", "/ocpi/2.1.1/locations/NL/XXX/LOC1", msgspec.json.encode(own))
        assert (await one.answer()).code == 2001
        assert one.short[-1] is False


async def test_what_is_lost_on_it_is_told(tmp_path):
    async with net(tmp_path, ("2.3.0", "2.1.1")) as one:
        line = "PUT /receiver/locations/NL/CPO/LOC1"
        one.emsp.says[line] = ocpi()
        body = msgspec.json.encode(location("2.3.0") | {"help_phone": "+31201234567"})
        for _ in range(3):
            await one.send("PUT", "/ocpi/2.3.0/receiver/locations/NL/CPO/LOC1", body)
            assert (await one.answer()).told == (200, 1000)
        assert one.short == [False, True]
        first, *others = [each for each in await one.told() if isinstance(each, Delivered)]
        assert first.lost
        assert all((each.lost, each.message.body) == (first.lost, first.message.body) for each in others)


async def test_what_has_to_be_looked_up_does_not(tmp_path):
    """The token of a session: the mirror may hold it."""
    async with net(tmp_path, ("2.1.1", "2.2.1")) as one:
        line = "PUT /receiver/sessions/NL/CPO/S1"
        one.emsp.says[line] = ocpi()
        for _ in range(3):
            await one.send("PUT", "/ocpi/2.1.1/sessions/NL/CPO/S1", msgspec.json.encode(session("2.1.1")))
            assert (await one.answer()).status == 200
        assert one.short == [False, False]


async def test_each_message_is_checked_for_itself(tmp_path):
    async with net(tmp_path) as one:
        await one.warm()
        for wrong in ({"id": "T2"}, {"party_id": "XYZ"}, {"currency": 7}, {"id": None}):
            assert (await one.put(**wrong)).code == 2001
        await one.send("PUT", "/ocpi/2.2.1/receiver/tariffs/NL/XYZ/T1", msgspec.json.encode(TARIFF))
        assert (await one.answer()).code == 2001
        await one.send("PUT", "/ocpi/2.2.1/receiver/tariffs/NL/CPO/T1", b"{")
        assert (await one.answer()).status == 400
        assert one.short == [False] * 6
        assert (await one.put()).code == 1000
        assert one.short[-1]
        assert len(await one.emsp.expect(LINE, 3)) == 3


async def test_who_is_shut_out_gets_and_sends_nothing(tmp_path):
    async with net(tmp_path) as one:
        await one.warm()
        await one.app.partners.suspend(str(one.emsp.roles[0]))
        assert (await one.put()).code == 4003
        assert one.short == [False]
        await one.app.partners.suspend(str(one.cpo.roles[0]))
        assert (await one.put()).status == 401
        assert len(await one.emsp.expect(LINE, 2)) == 2


@pytest.mark.parametrize("whose", ["cpo", "emsp"])
async def test_who_is_shut_out_meanwhile_ends_what_is_under_way(tmp_path, whose):
    async with net(tmp_path) as one:
        await one.warm()
        one.emsp.says[LINE] = hang
        await one.send("PUT", "/ocpi/2.2.1/receiver/tariffs/NL/CPO/T1", msgspec.json.encode(TARIFF))
        await one.emsp.expect(LINE, 3)
        assert one.short == [True]
        await one.app.partners.suspend(str(getattr(one, whose).roles[0]))
        if whose == "cpo":
            answer = await one.answer()
            assert answer.status in (401, 403)
            ended = [each for each in await one.told() if isinstance(each, Delivered)][-1]
            assert ended.leg.ended == "abandoned"
        assert one.app.gate.usage(one.app.keeper.current.parties[one.cpo.party]).under_way == (whose == "emsp")


async def test_what_the_partner_answers_is_told_as_ever(tmp_path):
    async with net(tmp_path) as one:
        await one.warm()
        for say, code in (
            (ocpi(code=2003, message=SAID), 2003),
            (ocpi(code=3000, status=503, message=SAID), 3000),
            (Say(500, b"no"), 4000),
            (Say(200, b"[]"), 4000),
            (Say(401, b"{}"), 4000),
            (Say(302, b"", {"Location": "/elsewhere"}), 4000),
        ):
            one.emsp.says[LINE] = say
            await one.put()
            one.short.clear()
            answer = await one.put()
            assert (answer.status, answer.code) == (200, code)
        assert one.short == [True]


async def test_a_redirect_to_the_same_house_is_followed(tmp_path):
    async with net(tmp_path) as one:
        await one.warm()
        one.emsp.says[LINE] = Say(307, b"", {"Location": "/moved"})
        one.emsp.says["PUT /moved"] = ocpi(code=1001)
        assert (await one.put()).code == 1001
        assert one.short == [True]
        assert len(await one.emsp.expect("PUT /moved")) == 1


async def test_a_get_is_asked_again_where_its_connection_was_just_closed_and_a_push_is_not(tmp_path):
    async with net(tmp_path) as one:
        dropped = []

        async def drop(asked):
            dropped.append(asked)
            raise asyncio.CancelledError

        await one.warm()
        await one.get()
        await one.get()
        one.short.clear()
        one.emsp.says[LIST] = lambda asked: ocpi([]) if dropped else drop(asked)
        assert (await one.get()).code == 1000
        assert (one.short, len(dropped)) == ([True], 1)
        one.emsp.says[LINE] = drop
        await one.put()  # the connection may be new
        dropped.clear()
        assert (await one.put()).code == 4003
        assert len(dropped) == 1


async def test_who_is_over_a_limit_is_told_so_once(tmp_path):
    async with net(tmp_path, partner_limits=PartnerLimits(requests=1, burst=3.0, wrong_tokens=0)) as one:
        found = [(await one.put()).status for _ in range(8)]
        assert found.count(429) >= 3
        assert found == sorted(found)
        usage = one.app.gate.usage(one.app.keeper.current.parties[one.cpo.party])
        assert (usage.refused, usage.under_way) == ({"requests": found.count(429)}, 0)


PLUGIN = '''"""Chooses."""
from hub.plugin import Message, Party, Plugin, Refuse, Route, route

class Choose(Plugin):
    asked = 0

    @route("tariffs.put")
    async def choose(self, message: Message, proposed: Route) -> Route | Refuse | None:
        Choose.asked += 1
        if b"FREE" in message.body:
            return Refuse("nothing is free")
        return Route.direct(Party("DE", "MSP"), why="as ever") if b"THERE" in message.body else None
'''


async def test_a_plugin_that_never_waits_is_asked_once_and_its_word_counts(tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "choose.py").write_text(PLUGIN)
    async with net(tmp_path, validation="off") as one:
        await one.warm()
        assert (await one.put(note="FREE")).code == 2001
        assert (await one.put(note="THERE")).code == 1000
        assert (await one.put()).code == 1000
        assert one.short == [True] * 3
        plugin = one.app.plugins.table.running[0].plugin
        assert type(plugin).asked == 5
        assert one.app.plugins.table.pins.users == 0
        routes = [each.route for each in await one.told() if isinstance(each, Handled)]
        assert [each.way for each in routes[-3:]] == ["refuse", "direct", "direct"]


async def test_a_hub_that_stops_answers_what_is_under_way_on_the_short_way(tmp_path):
    async with net(tmp_path) as one:
        await one.warm()
        gate = asyncio.Event()

        async def wait(_):
            await gate.wait()
            return ocpi()

        one.emsp.says[LINE] = wait
        await one.send("PUT", "/ocpi/2.2.1/receiver/tariffs/NL/CPO/T1", msgspec.json.encode(TARIFF))
        await one.emsp.expect(LINE, 3)
        assert one.app._http.busy == 1
        closing = asyncio.create_task(one.app._stack.aclose())
        await asyncio.sleep(0.05)
        gate.set()
        answer = await one.answer()
        assert (answer.code, answer.headers["connection"]) == (1000, "close")
        await closing
