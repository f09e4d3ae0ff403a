"""URLs for later use through the hub: response_url of commands and charging profiles, and the Location of a CDR.

Neither side learns the other's host; a sealed URL is for one platform, one use, and outlives a restart of the hub.
OCPI 2.2.1: cdrs 10.2.2, commands 13, chargingprofiles 14.
"""

import socket
from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio

from hub.app import App
from hub.config import Listen
from hub.core.modules import Interface
from hub.sim import Sent, SimCpo, SimEmsp, SimPlatform, SimRequest
from tests.partner import Partner, ocpi
from tests.raw import calm
from tests.support import CPO, EMSP, network, register, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

RECEIVER, SENDER = Interface.RECEIVER, Interface.SENDER
CDR = b'{"country_code":"NL","party_id":"CPO","id":"C1","x":null}'
ACCEPTED = {"result": "ACCEPTED"}


class House(msgspec.Struct):
    """A hub with a CPO, an eMSP, and a platform that is in the know of nothing."""

    app: App
    cpo: SimCpo
    emsp: SimEmsp
    other: Partner

    @property
    def place(self) -> tuple[str, str]:
        """A free EVSE: location id and EVSE uid."""
        return next(
            (location["id"], evse["uid"])
            for location in self.cpo.locations
            for evse in location["evses"]
            if evse["status"] == "AVAILABLE"
        )

    async def start(self) -> tuple[Sent, str]:
        """START_SESSION, and the response_url that the CPO got."""
        sent = await self.emsp.start_session(*self.place, self.emsp.token(), CPO.party)
        assert sent.accepted
        return sent, _last(self.cpo, "commands").json()["response_url"]

    async def session(self) -> str:
        """The id of a session that has just begun."""
        sent, _ = await self.start()
        assert (await self.emsp.result(of=sent)).result == "ACCEPTED"
        return (await self.emsp.expect("sessions", "PUT")).segments[-1]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def house(kind: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    other = Partner("FR-ODD:EMSP", endpoints=("receiver/cdrs", "sender/commands"))
    async with network(tmp_path_factory.mktemp("hub")) as (app, cpo, emsp), other.serve():
        cpo.seed(30)
        await other.invited(app)
        assert (await other.register()).code == 1000
        yield House(app, cpo, emsp, other)


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _calm(house: House) -> AsyncIterator[None]:
    with calm():
        yield
        await house.cpo.idle()
        house.cpo.answer_before_result = True
        house.other.says.clear()
        house.other.asked.clear()


async def test_the_cpo_learns_a_url_of_the_hub_and_nothing_else(house: House) -> None:
    _, url = await house.start()
    assert url.startswith(f"{house.app.url}/ocpi/2.2.1/sealed/")
    assert len(url) <= 255
    received = _last(house.cpo, "commands")
    port = house.emsp.url.rpartition(":")[2]
    assert port not in f"{received.body.decode()}{received.headers}{received.query}"


async def test_all_else_in_a_command_stays_as_it_was_written(house: House) -> None:
    url = f"{house.emsp.url}/ocpi/2.2.1/sender/commands/UNLOCK_CONNECTOR/1"
    body = '{"a": 1.10,"response_url":"%s","b":[null, {"c":"\\u00e9"}],"location_id":"L"}'
    await house.emsp.call("commands", RECEIVER, "POST", "UNLOCK_CONNECTOR", to=CPO.party, body=(body % url).encode())
    request = _last(house.cpo, "commands")
    sealed = request.json()["response_url"]
    assert sealed != url
    assert request.body.decode() == (body % sealed).replace('"a": 1.10', '"a":1.10')


async def test_a_result_that_is_earlier_than_the_answer(house: House) -> None:
    house.cpo.answer_before_result = False
    sent, _ = await house.start()
    assert (await house.emsp.result(of=sent)).result == "ACCEPTED"


async def test_a_result_that_comes_late_and_again(house: House) -> None:
    """A CPO that takes a reservation back posts to the same URL once more (2.2.1, 13.3.2)."""
    reserved = await house.emsp.reserve("R1", *house.place, house.emsp.token(), CPO.party)
    assert (await house.emsp.result(of=reserved)).result == "ACCEPTED"
    await house.cpo.idle()
    await house.cpo.revoke_reservation("R1")
    assert (await house.emsp.result(of=reserved)).result == "CANCELED_RESERVATION"
    sent, url = await house.start()
    await house.cpo.idle()
    for _ in range(2):
        assert (await house.cpo.call_url("POST", url, body={"result": "FAILED"})).ok
    assert [(await house.emsp.result(of=sent)).result for _ in range(3)] == ["ACCEPTED", "FAILED", "FAILED"]


async def test_a_result_is_delivered_in_the_cpos_name(house: House) -> None:
    _, url = await house.start()
    await house.cpo.idle()
    reply = await house.cpo.call_url("POST", url, body=ACCEPTED, headers={"X-Correlation-ID": "c7"})
    assert reply.ok
    got = _last(house.emsp, "commands")
    assert (got.method, got.sender, got.receiver) == ("POST", CPO.party, EMSP.party)
    assert got.headers["X-Correlation-ID"] == "c7"
    assert reply.headers["OCPI-from-party-id"] == "MSP"


async def test_a_response_url_is_for_one_platform_and_one_use(house: House) -> None:
    _, url = await house.start()
    await house.cpo.idle()
    before = len(house.emsp.received)
    middle = len(url) - 20
    for reply in (
        await house.emsp.call_url("POST", url, body=ACCEPTED),
        await house.cpo.call_url("GET", url),
        await house.cpo.call_url("PUT", url, body=ACCEPTED),
        await house.cpo.call_url("DELETE", url),
        await house.cpo.call_url("POST", url[:-1], body=ACCEPTED),
        await house.cpo.call_url("POST", url + "/x", body=ACCEPTED),
        await house.cpo.call_url(
            "POST", url[:middle] + ("A" if url[middle] != "A" else "B") + url[middle + 1 :], body={}
        ),
        await house.cpo.call_url("POST", f"{house.app.url}/ocpi/2.2.1/sealed/{'A' * 120}", body=ACCEPTED),
    ):
        assert (reply.status, reply.status_code) == (404, 2000)
    assert (await house.other.ask("POST", url, body=b"{}")).told == (404, 2000)
    assert (await house.other.ask("POST", url, body=b"{}", token="unknown")).told == (401, 2000)
    assert len(house.emsp.received) == before
    assert (await house.cpo.call_url("POST", f"{url}/", body=ACCEPTED)).ok


async def test_a_result_that_is_no_result(house: House) -> None:
    _, url = await house.start()
    for body, told in ((b"", (400, 2000)), (b"{", (400, 2000)), (b"{}", (200, 2001))):
        reply = await house.cpo.call_url("POST", url, body=body)
        assert (reply.status, reply.status_code) == told


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://127.0.0.1:9/result", "did not register"), ("https://evil.example/x", "did not register"),
        ("{url}@evil.example/", "user name"), ("http://user@127.0.0.1:{port}/x", "user name"),
        ("{cpo}/ocpi/x", "did not register"), ("{hub}/ocpi/2.2.1/sealed/abc", "did not register"),
        ("//127.0.0.1:{port}/x", "http"), ("/result", "http"), ("", "http"), ("javascript:alert(1)", "http"),
        ("{url}/\r\nX: y", "URL"), ("{url}\\@evil.example", "URL"), (None, "response_url"), (5, "response_url"),
        (["{url}/x"], "response_url"), ("\ud800", "not JSON"),
    ],
)  # fmt: skip
async def test_a_response_url_that_is_not_the_senders_own(house: House, url: object, word: str) -> None:
    """The hub's token would go there: only the hosts that a platform registered are called."""
    if isinstance(url, str) and url.isascii():
        port = house.emsp.url.rpartition(":")[2]
        url = url.format(url=house.emsp.url, cpo=house.cpo.url, hub=house.app.url, port=port)
    before = len(house.cpo.received)
    body = msgspec.json.encode({"response_url": url}) if url != "\ud800" else b'{"response_url":"\\ud800"}'
    reply = await house.emsp.call("commands", RECEIVER, "POST", "STOP_SESSION", to=CPO.party, body=body)
    assert (reply.status, reply.status_code) == ((400, 2000) if url == "\ud800" else (200, 2001))
    assert word in reply.status_message
    assert len(house.cpo.received) == before


@pytest.mark.parametrize("body", [b"{}", b'{"response_URL":"x"}', b'{"response_url":"{}","Response_Url":"{}"}'])
async def test_a_response_url_that_is_not_there_or_twice(house: House, body: bytes) -> None:
    before = len(house.cpo.received)
    body = body.replace(b"{}", house.emsp.url.encode()) if len(body) > 2 else body
    reply = await house.emsp.call("commands", RECEIVER, "POST", "STOP_SESSION", to=CPO.party, body=body)
    assert (reply.status, reply.status_code) == (200, 2001)
    assert "response_url" in reply.status_message
    assert len(house.cpo.received) == before


async def test_charging_profiles_in_all_their_forms(house: House) -> None:
    """OCPI 2.2.1, 14.3: the response_url is in the body of a PUT, and in the query of a GET and a DELETE."""
    session = await house.session()
    profile = {"charging_rate_unit": "W", "charging_profile_period": [{"start_period": 0, "limit": 1000.0}]}
    put = await house.emsp.set_profile(session, profile, CPO.party)
    got = await house.emsp.get_profile(session, 600, CPO.party)
    deleted = await house.emsp.clear_profile(session, CPO.party)
    for sent in (put, got, deleted):
        assert sent.accepted
        result = await house.emsp.result(of=sent)
        assert result.result == "ACCEPTED"
        assert ("profile" in result.body) == (sent is got)
    for method in ("PUT", "GET", "DELETE"):
        received = _last(house.cpo, "chargingprofiles", method)
        url = received.json()["response_url"] if method == "PUT" else received.query["response_url"]
        assert url.startswith(f"{house.app.url}/ocpi/2.2.1/sealed/")
        assert len(url) <= 255
        assert received.query.get("duration") == ("600" if method == "GET" else None)
    assert (await house.cpo.push_active_profile(session, EMSP.party)).ok


@pytest.mark.parametrize(
    "query", [{}, {"response_url": "http://127.0.0.1:9/"}, {"response_url": "x", "Response_URL": "y"}]
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_query_without_a_usable_response_url(house: House, method: str, query: dict[str, str]) -> None:
    reply = await house.emsp.call(
        "chargingprofiles", RECEIVER, method, "S1", to=CPO.party, query={"duration": "5"} | query
    )
    assert (reply.status, reply.status_code) == (200, 2001)
    assert "response_url" in reply.status_message


async def test_the_location_of_a_cdr_leads_through_the_hub(house: House) -> None:
    """OCPI 2.2.1, 10.2.2: the CPO GETs its CDR where the Location header of the POST says."""
    house.cpo.seed_history(1, house.emsp.token())
    cdr = msgspec.json.encode({**house.cpo.cdrs.get(CPO.party, "C00001"), "id": "C77"})
    posted = await house.cpo.call("cdrs", RECEIVER, "POST", to=EMSP.party, body=cdr)
    assert posted.status == 201
    url = posted.headers["Location"]
    assert url.startswith(f"{house.app.url}/ocpi/2.2.1/sealed/")
    got = await house.cpo.call_url("GET", url)
    assert (got.status, got.data["id"]) == (200, "C77")
    assert house.emsp.received[-1].sender == CPO.party
    for reply in (
        await house.cpo.call_url("POST", url, body=cdr),
        await house.cpo.call_url("PUT", url, body=cdr),
        await house.emsp.call_url("GET", url),
    ):
        assert reply.status == 404
    assert (await house.other.ask("GET", url)).told == (404, 2000)


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("{url}/receiver/cdrs/7", "/receiver/cdrs/7"), ("{url}/somewhere?id=7", "/somewhere?id=7"),
        ("/cdrs/7", "/cdrs/7"), ("7", "/receiver/7"), ("https://127.0.0.1:{port}/x", "/x"),
        ("http://127.0.0.1:9/cdrs/7", None), ("https://evil.example/7", None), ("http://[", None), (None, None),
    ],
)  # fmt: skip
async def test_a_location_of_any_form(house: House, location: str | None, leads_to: str | None) -> None:
    odd = house.other
    port = odd.url.rpartition(":")[2]
    headers = {} if location is None else {"Location": location.format(url=odd.url, port=port)}
    odd.says["POST /receiver/cdrs"] = ocpi(status=201, **headers)
    posted = await house.cpo.call("cdrs", RECEIVER, "POST", to=odd.party, body=CDR)
    assert posted.status == 201
    if leads_to is None:
        assert "Location" not in posted.headers
        return
    odd.says[f"GET {leads_to.partition('?')[0]}"] = ocpi({"id": "C1"})
    assert (await house.cpo.call_url("GET", posted.headers["Location"])).data == {"id": "C1"}
    assert odd.asked[-1].target == leads_to


async def test_a_result_for_an_emsp_that_is_away_or_has_left(house: House) -> None:
    """It is told at once, and kept for nobody."""
    sent, url = await house.start()
    await house.emsp.result(of=sent)
    await house.cpo.idle()
    await house.emsp.stop()
    reply = await house.cpo.call_url("POST", url, body=ACCEPTED)
    assert (reply.status, reply.status_code) == (200, 4003)
    await house.emsp.start()
    await house.app.partners.suspend("DE-MSP")
    assert (await house.cpo.call_url("POST", url, body=ACCEPTED)).status_code == 4003
    await house.app.partners.resume("DE-MSP")
    assert (await house.cpo.call_url("POST", url, body=ACCEPTED)).ok
    await house.emsp.renew()
    assert (await house.cpo.call_url("POST", url, body=ACCEPTED)).ok


async def test_sealed_urls_outlive_a_restart_of_the_hub(tmp_path) -> None:
    """And are worth nothing at another hub, nor when the platform that gave them out is gone."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = Listen(port=free.getsockname()[1])
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    with calm():
        async with SimCpo("Cpo", [CPO]) as cpo, SimEmsp("Emsp", [EMSP]) as emsp:
            async with running(tmp_path / "one", listen=listen) as app:
                await register(app, cpo)
                await register(app, emsp)
                house = House(app, cpo, emsp, Partner("FR-ODD:EMSP"))
                sent, url = await house.start()
                await emsp.result(of=sent)
                cpo.page_cap = 2
                page = (await emsp.call("locations", SENDER, "GET", to=CPO.party)).headers["Link"]
                await cpo.idle()
            async with running(tmp_path / "one", listen=listen) as app:
                assert (await cpo.call_url("POST", url, body=ACCEPTED)).ok
                assert (await emsp.result(of=sent)).result == "ACCEPTED"
                assert (await emsp.call_url("GET", page.strip("<").partition(">")[0])).ok
                await app.partners.remove("DE-MSP")
                assert (await cpo.call_url("POST", url, body=ACCEPTED)).status == 404
                async with SimEmsp("Another", [EMSP]) as another:
                    await register(app, another)
                    assert (await cpo.call_url("POST", url, body=ACCEPTED)).status == 404
                    assert another.received == []
            async with running(tmp_path / "two", listen=listen) as app:
                await register(app, cpo)
                await register(app, emsp)
                assert (await cpo.call_url("POST", url, body=ACCEPTED)).status == 404


def _last(platform: SimPlatform, module: str, method: str | None = None) -> SimRequest:
    """The last request on a module that came in."""
    return next(each for each in reversed(platform.received) if each.module == module and method in (None, each.method))
