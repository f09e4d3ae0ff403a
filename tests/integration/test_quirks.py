"""Platforms as they are, on the ways on which the hub itself speaks: broadcast, ask, GET All, pull, HubClientInfo.

Direct routing stands in test_partner_answers and test_paging, the handshake in test_credentials, test_connecting and
test_quirks_handshake. A quirk costs nobody else anything. OCPI 2.2.1, transport_and_format; hubclientinfo 15.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
import pytest_asyncio

from hub.app import App
from hub.config import Limits
from hub.core.modules import Interface
from hub.core.party import Party
from hub.events import Delivered
from hub.sim import SimCpo, SimEmsp
from tests.partner import Asked, Partner, Say, ocpi
from tests.partners.places import Diary
from tests.raw import calm
from tests.support import CPO, EMSP, network

pytestmark = pytest.mark.asyncio(loop_scope="module")

RECEIVER, SENDER = Interface.RECEIVER, Interface.SENDER
HUB = Party("NL", "HUB")
TARIFF = b'{"country_code":"NL", "party_id":"CPO","id":"T1",\n "last_updated":"2026-01-01T00:00:00Z","x":null}'
UPDATED = "2026-01-01T00:00:00Z"
NUMBERS = count(100)


class House(msgspec.Struct):
    """A hub with a CPO and an eMSP that do nothing wrong, and an odd partner of its own for every test."""

    app: App
    cpo: SimCpo
    emsp: SimEmsp
    diary: Diary
    logged: list[Any] = []

    @asynccontextmanager
    async def odd(self, way: "Way", path: str = "/x", countries: str = "FR") -> AsyncIterator[Partner]:
        """A registered partner that the hub comes to call on this way, and that is healthy so far.

        It has a party in each of the countries.
        """
        number = next(NUMBERS)
        roles = [f"{country}-{number}:{way.role}" for country in countries.split()]
        partner = Partner(*roles, endpoints=("receiver/sessions",))
        partner.endpoints[way.endpoint] = path
        line = way.line(path)
        partner.says[line.replace("/NL/CPO", "/DE/MSP")] = ocpi()
        partner.says[line] = ocpi(way.data(partner.party))
        async with partner.serve():
            await partner.invited(self.app)
            assert (await partner.register()).code == 1000
            if way is INFORM:  # the full picture, which it gets when it has connected
                for tail in ("/NL/CPO", "/DE/MSP"):
                    await partner.expect(line.replace("/NL/CPO", tail))
            partner.asked.clear()
            try:
                yield partner
                assert self.app.partners.find(str(partner.party)).id not in self.app.keeper.current.offline
            finally:
                await self.app.partners.remove(str(partner.party))

    async def pull(self, partner: Partner) -> Any:
        """A pull from a partner, by hand; its progress when it is done."""
        progress = self.app.operations.puller.begin(self.app.partners.find(str(partner.party)))
        async with asyncio.timeout(10):
            while not progress.done:
                await asyncio.sleep(0.01)
        return progress


class Way(msgspec.Struct, frozen=True):
    """How the hub comes to call a platform of this role at this endpoint; `tail` follows the endpoint's path.

    `data` is what a healthy platform answers. `go` sets it off, sees that the others have what is theirs, and tells
    whether it worked with the odd one.
    """

    role: str
    endpoint: str
    method: str
    tail: str
    data: Callable[[Party], Any]
    go: Callable[[House, Partner], Awaitable[bool]]

    def line(self, path: str) -> str:
        """The request as it has to arrive, without the query."""
        path = path.partition("?")[0]
        return f"{self.method} {path.rstrip('/') if self.tail else path}{self.tail}"


def cdr(owner: Party, number: int = 1, **more: Any) -> dict[str, Any]:
    return {"country_code": owner.country, "party_id": owner.party_id, "id": f"{owner} {number}", **more}


def location(owner: Party, number: int = 1, **more: Any) -> dict[str, Any]:
    return {**cdr(owner, number), "last_updated": UPDATED, **more}


def paged(asked: Asked, rows: list[dict[str, Any]], link: Callable[[str], str] = lambda _: "") -> Say:
    """One page of at most two rows. `link` makes the Link of the query for the next page, an empty one on the last."""
    query = dict(parse_qsl(urlsplit(asked.target).query))
    start, limit = int(query.get("offset", 0)), min(2, int(query.get("limit", 2)))
    following = f"offset={start + limit}&limit={limit}" if start + limit < len(rows) else ""
    return ocpi(rows[start : start + limit], Link=link(following), X_Total_Count=str(len(rows)), X_Limit="2")


async def _broadcast(house: House, odd: Partner) -> bool:
    """A tariff for everybody."""
    assert (await house.cpo.call("tariffs", RECEIVER, "PUT", "NL/CPO/T1", to=HUB, body=TARIFF)).ok
    assert (await house.emsp.expect("tariffs", "PUT")).body == TARIFF
    event = await house.diary.until(lambda event: event.to == odd.party)
    house.diary.events.remove(event)
    return bool(event.outcome == "1000")


async def _ask(house: House, odd: Partner) -> bool:
    """A token that nobody knows but the odd one; the answer of the other eMSP is 2004."""
    reply = await house.cpo.authorize("T1", None)
    assert (await house.emsp.expect("tokens", "POST")).segments == ("T1", "authorize")
    assert reply.status_code in (1000, 2004, 3000)
    return reply.ok and b"ALLOWED" in reply.body


async def _collect(house: House, odd: Partner) -> bool:
    """GET All of CDRs."""
    found = [each["id"] for each in await house.emsp.fetch_all("cdrs", to=HUB)]
    assert {each["id"] for each in house.cpo.cdrs} <= set(found)
    return f"{odd.party} 1" in found


async def _pull(house: House, odd: Partner) -> bool:
    progress = await house.pull(odd)
    assert bool(progress.problem) == (progress.kept == 0)
    found = [each["id"] for each in await house.emsp.fetch_all("locations", to=HUB)]
    assert progress.kept == 0 or f"{odd.party} 1" in found
    return not progress.problem


async def _inform(house: House, odd: Partner) -> bool:
    """An agreement closes and opens again. When the second PUT comes, what became of the first has been logged."""
    line = INFORM.line(odd.endpoints[INFORM.endpoint])
    await house.app.operations.agreements.set("NL-CPO", str(odd.party), "*", allow=False)
    await odd.expect(line)
    await house.app.operations.agreements.remove("NL-CPO", str(odd.party), "*")
    assert all(each.body.startswith(b'{"party_id":"CPO"') for each in await odd.expect(line, 2))
    return not [each for each in house.logged if each["event"] == "client_info_refused"]


ALLOWED = {"allowed": "ALLOWED", "x": None}
BROADCAST = Way("EMSP", "receiver/tariffs", "PUT", "/NL/CPO/T1", lambda _: None, _broadcast)
ASK = Way("EMSP", "sender/tokens", "POST", "/T1/authorize", lambda _: ALLOWED, _ask)
COLLECT = Way("CPO", "sender/cdrs", "GET", "", lambda party: [cdr(party)], _collect)
PULL = Way("CPO", "sender/locations", "GET", "", lambda party: [location(party)], _pull)
INFORM = Way("EMSP", "receiver/hubclientinfo", "PUT", "/NL/CPO", lambda _: None, _inform)
WAYS = {"broadcast": BROADCAST, "ask": ASK, "GET All": COLLECT, "pull": PULL, "HubClientInfo": INFORM}
every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running_house(kind: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    limits = Limits(response_body=100_000)
    async with network(tmp_path_factory.mktemp("hub"), limits=limits) as (app, cpo, emsp):
        cpo.seed_history(3, emsp.token())
        yield House(app, cpo, emsp, Diary(app.bus, Delivered))


@pytest_asyncio.fixture(loop_scope="module")
async def house(running_house: House) -> AsyncIterator[House]:
    with calm() as running_house.logged:  # no quirk is a failure of the hub
        yield running_house


@every_way
@pytest.mark.parametrize("path", ["/x", "/x/", "/x//", "/a/b%20c/x", "/api?module=x"])
async def test_endpoints_are_used_exactly_as_advertised(house: House, way: Way, path: str) -> None:
    """With a slash at the end, without, or with two: what stands there is called; objects are one slash below it."""
    async with house.odd(way, path) as odd:
        assert await way.go(house, odd)
        assert set(odd.lines) == {way.line(path)}
        assert all(("module=x" in each.target) == ("module=x" in path) for each in odd.asked)


@every_way
@pytest.mark.parametrize("status", [307, 308])
async def test_a_redirect_within_the_origin_is_followed_once(house: House, way: Way, status: int) -> None:
    """As frameworks answer that miss a slash: method, body and headers are the same at the second place."""
    async with house.odd(way) as odd:
        line = way.line("/x")
        odd.says[f"{line}/"] = odd.says[line]
        odd.says[line] = Say(status, headers={"Location": f"{line.partition(' ')[2]}/"})
        assert await way.go(house, odd)
        one, two = odd.asked[:2]
        assert (one.line, two.line) == (line, f"{line}/")
        assert (one.method, one.body, one.headers) == (two.method, two.body, two.headers)
        odd.asked.clear()
        odd.says[f"{line}/"] = odd.says[line]
        assert not await way.go(house, odd)


@every_way
@pytest.mark.parametrize(
    ("status", "location"), [(301, "/y"), (302, "{own}/y"), (303, "/y"), (307, "{other}/y"), (308, "https://{host}/y")]
)
async def test_no_other_redirect_is_followed(house: House, way: Way, status: int, location: str) -> None:
    """Not to another place by another method, and never to another origin: the hub's token would go there."""
    async with house.odd(way) as odd, Partner("BE-OTH:CPO").serve() as other:
        where = location.format(own=odd.url, other=other.url, host=odd.url.partition("//")[2])
        odd.says[way.line("/x")] = Say(status, headers={"Location": where})
        assert not await way.go(house, odd)
        assert set(odd.lines) == {way.line("/x")}
        assert other.asked == []


USELESS = {
    "401": ocpi(status=401, code=2000),
    "403 with a detail": Say(403, b'{"detail":"Invalid token."}'),
    "500 in plain text": Say(500, b"Internal Server Error"),
    "3000 in HTTP 200": ocpi(code=3000, message="Invalid token"),
    "HTML": Say(200, b"<h1>It works!</h1>"),
    "more than the hub reads": ocpi(["x" * 200_000]),
}


@every_way
@pytest.mark.parametrize("answer", USELESS.values(), ids=USELESS)
async def test_a_platform_that_does_not_know_the_token(house: House, way: Way, answer: Say) -> None:
    """It says so in many ways, or says nothing that could be read. Asked once for each message; the others go on."""
    async with house.odd(way) as odd:
        odd.says[way.line("/x")] = answer
        assert not await way.go(house, odd)
        assert len(odd.asked) == (2 if way is INFORM else 1)
        odd.says[way.line("/x")] = ocpi(way.data(odd.party))


SHAPES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "absent": lambda _: {},
    "null": lambda _: {"data": None},
    "an object": lambda data: {"data": data or {}},
    "a list of one": lambda data: {"data": [data or {}]},
    "an empty list": lambda _: {"data": []},
}


@pytest.mark.parametrize("way", [BROADCAST, ASK, INFORM], ids=["broadcast", "ask", "HubClientInfo"])
@pytest.mark.parametrize("shape", SHAPES)
async def test_data_of_an_answer_is_there_or_not(house: House, way: Way, shape: str) -> None:
    """A push needs none; the answer to an authorisation counts where it is one object, alone or in a list."""
    async with house.odd(way) as odd:
        body = {"status_code": 1000, "timestamp": UPDATED} | SHAPES[shape](way.data(odd.party))
        odd.says[way.line("/x")] = Say(200, msgspec.json.encode(body))
        assert await way.go(house, odd) is (way is not ASK or shape in ("an object", "a list of one"))


async def test_an_authorisation_in_a_list_of_one_counts(house: House) -> None:
    """The first that allows wins: the slower one, which says BLOCKED, is not waited for."""
    uid = house.emsp.token(2)["uid"]
    async with house.odd(ASK) as odd:
        odd.says[f"POST /x/{uid}/authorize"] = ocpi([ALLOWED])
        house.emsp.delay = 0.2
        assert (await house.cpo.authorize(uid, None)).data == [ALLOWED]
        house.emsp.delay = 0.0
        assert (await house.emsp.expect("tokens", "POST")).segments[0] == uid


Link = Callable[[str, str], str]
LINKS: dict[str, Link] = {
    "empty on the last page": lambda url, query: query and f'<{url}?{query}>; rel="next"',
    "empty on every page": lambda _url, _query: "",
    "https where http is spoken": lambda url, query: query and f'<{url.replace("http", "https")}?{query}>; rel="next"',
    "path that does not exist": lambda url, query: query and f'<{url.replace("/x", "/y/z")}?{query}>; rel="next"',
    "host of somebody else": lambda _, query: query and f'<https://evil.example/x?{query}>; rel="next"',
    "path alone": lambda _, query: query and f'</x?{query}>; rel="next"',
    "the first page again": lambda url, _: f'<{url}?offset=0&limit=2>; rel="next"',
    "the list without a page": lambda url, _: f'<{url}>; rel="next"',
    "no URL at all": lambda _url, _query: '<>; rel="next"',
}


@pytest.mark.parametrize("way", [COLLECT, PULL], ids=["GET All", "pull"])
@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
async def test_links_that_lead_nowhere(house: House, way: Way, link: Link) -> None:
    """The hub pages by offset on the endpoint it knows, and nowhere else."""
    async with house.odd(way) as odd:
        rows = [{**way.data(odd.party)[0], "id": f"{odd.party} {number}"} for number in range(1, 8)]
        odd.says["GET /x"] = lambda asked: paged(asked, rows, lambda query: link(f"{odd.url}/x", query))
        assert await way.go(house, odd)
        module = "cdrs" if way is COLLECT else "locations"
        found = [each["id"] for each in await house.emsp.fetch_all(module, to=HUB, query={"limit": "3"})]
        assert [each for each in found if each.startswith(str(odd.party))] == [each["id"] for each in rows]
        assert set(odd.lines) == {"GET /x"}


BODIES = {
    "optional fields missing": b'{%s,"last_updated":"2026-01-01T00:00:00Z"}',
    "optional fields null": b'{%s,"name":null,"evses":null,"x":{"y":null},"last_updated":"2026-01-01T00:00:00Z"}',
    "written in another way": b'{ "last_updated":"2026-01-01T00:00:00Z","p":1.10 ,\n%s, "n":"\\u00e9\xc3\xa9" }',
}


def _owned(body: bytes, owner: Party, object_id: str) -> bytes:
    return body % f'"country_code":"{owner.country}","party_id":"{owner.party_id}","id":"{object_id}"'.encode()


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_bodies_stay_as_they_were_written(house: House, body: bytes) -> None:
    """Some refuse bodies with optional fields missing, others those with nulls: the hub adds and drops nothing.

    Broadcast to a platform, kept in the mirror, pulled, collected, and routed by content.
    """
    tariff = _owned(body, CPO.party, "T1")
    async with house.odd(BROADCAST) as odd:
        assert (await house.cpo.call("tariffs", RECEIVER, "PUT", "NL/CPO/T1", to=HUB, body=tariff)).ok
        assert [each.body for each in await odd.expect("PUT /x/NL/CPO/T1")] == [tariff]
        assert (await house.emsp.expect("tariffs", "PUT")).body == tariff
        assert tariff in (await house.emsp.call("tariffs", SENDER, "GET", to=HUB)).body
    for way in (COLLECT, PULL):
        async with house.odd(way) as odd:
            row = _owned(body, odd.party, f"{odd.party} 1")
            odd.says["GET /x"] = Say(
                200, b'{"status_code":1000,"timestamp":"x","data":[%s]}' % row, {"X-Total-Count": "1"}
            )
            assert await way.go(house, odd)
            listed = await house.emsp.call("cdrs" if way is COLLECT else "locations", SENDER, "GET", to=HUB)
            assert row in listed.body
    session = _owned(body, CPO.party, "S1")[:-1] + b',"cdr_token":{"country_code":"DE","party_id":"MSP"}}'
    await house.cpo.call("sessions", RECEIVER, "PUT", "NL/CPO/S1", sender=CPO.party, body=session)
    assert (await house.emsp.expect("sessions", "PUT")).body == session


async def test_ids_come_back_in_another_case(house: House) -> None:
    """Lowercased by some, uppercased by others: CiStrings, in the mirror, in a pull and in routing by content."""
    async with house.odd(PULL) as odd:
        lower = location(odd.party, id="loc-a", country_code="fr")
        odd.says["GET /x"] = ocpi([lower, lower | {"id": "Loc-B"}])
        assert (await house.pull(odd)).kept == 2
        for asked in ("LOC-A", "loc-b"):
            held = await house.emsp.call("locations", SENDER, "GET", asked, to=HUB)
            assert held.data["id"].lower() == asked.lower()
        odd.says["GET /x"] = ocpi([location(odd.party, id="LOC-A", last_updated="2026-02-01T00:00:00Z")])
        assert (await house.pull(odd)).kept == 1
        found = [each["id"] for each in await house.emsp.fetch_all("locations", to=HUB)]
        assert [each for each in found if each.lower() == "loc-a"] == ["LOC-A"]
    async with house.odd(ASK) as odd:
        country, party_id = odd.party.country, odd.party.party_id
        token = {"country_code": "fr", "party_id": party_id, "uid": "Card-9", "type": "RFID", "last_updated": UPDATED}
        put = f"/ocpi/2.2.1/receiver/tokens/{country.lower()}/{party_id}/card-9"
        assert (await odd.ask("PUT", put, body=msgspec.json.encode(token))).told == (201, 1000)
        assert (await odd.ask("PUT", put.replace("card", "CARD"), body=msgspec.json.encode(token))).told == (200, 1000)
        odd.says["POST /x/CARD-9/authorize"] = ocpi(ALLOWED)
        assert (await house.cpo.authorize("CARD-9", None)).data == ALLOWED
        assert odd.lines == ["POST /x/CARD-9/authorize"]


async def test_a_platform_that_knows_nothing_of_routing_headers_and_ids(house: House) -> None:
    """It sends none of them, and none of them back: the hub makes them, and routes by content.

    OCPI 2.2.1, transport_and_format: Unique message IDs, Message Routing.
    """
    async with house.odd(COLLECT) as odd:
        owner = f"{odd.party.country}/{odd.party.party_id}"
        driver = {"cdr_token": {"country_code": "DE", "party_id": "MSP"}}
        for method, target, body, way in (
            ("PUT", f"receiver/tariffs/{owner}/T1", location(odd.party, id="T1"), "broadcast"),
            ("PUT", f"receiver/sessions/{owner}/S1", location(odd.party, id="S1") | driver, "by cdr_token"),
            ("GET", "sender/tokens", None, "GET All"),
            ("POST", "sender/tokens/UNKNOWN/authorize", None, "ask"),
        ):
            raw = None if body is None else msgspec.json.encode(body)
            answer = await odd.ask(method, f"/ocpi/2.2.1/{target}", body=raw)
            assert answer.code in (1000, 2001, 2004), way
            assert len(answer.headers["x-request-id"]) == len(answer.headers["x-correlation-id"]) == 36
            assert answer.headers["ocpi-to-party-id"] == odd.party.party_id
            if way == "GET All":
                continue
            got = await house.emsp.expect(target.split("/")[1], method)
            assert got.receiver == EMSP.party
            assert got.sender == (HUB if way == "broadcast" else odd.party)
            assert got.headers["X-Correlation-ID"] == answer.headers["x-correlation-id"]
            assert got.headers["X-Request-ID"] != answer.headers["x-request-id"]


async def test_a_platform_of_two_parties_that_ignores_whom_it_is_asked_for(house: House) -> None:
    """Whatever OCPI-to says, it sends everything that it has: in the mirror each object is there once."""
    async with house.odd(PULL, countries="FR BE") as odd:
        rows = [location(role.party) for role in odd.roles]
        odd.says["GET /x"] = lambda asked: paged(asked, rows)
        assert await PULL.go(house, odd)
        found = [each["id"] for each in await house.emsp.fetch_all("locations", to=HUB)]
        assert sorted(each for each in found if each[3:6] == odd.party.party_id) == sorted(each["id"] for each in rows)
