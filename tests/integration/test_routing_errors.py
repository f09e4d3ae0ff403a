"""What the sender is told when a message can not be routed or delivered (2.2.1, status_codes, message routing)."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from hub.app import App
from hub.config import Limits, Upstream
from hub.core.modules import Interface
from hub.core.party import Party
from hub.sim import Fault, SimCpo, SimEmsp, SimReply
from tests.partner import Asked, Partner, Say, ocpi
from tests.raw import calm
from tests.support import CPO, EMSP, network

pytestmark = pytest.mark.asyncio(loop_scope="module")

RECEIVER, SENDER = Interface.RECEIVER, Interface.SENDER
TIMEOUT = 0.4
HUB, ODD = Party.parse("NL-HUB"), Party.parse("FR-ODD")
IDS = {"X-Request-ID": "request-1", "X-Correlation-ID": "correlation-1"}
TARIFF = {
    "country_code": "NL", "party_id": "CPO", "id": "T1", "currency": "EUR",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 0.5, "step_size": 1}]}],
    "last_updated": "2026-01-01T00:00:00Z",
}  # fmt: skip


class House(msgspec.Struct):
    """A hub with a CPO that sends, an eMSP, and an odd partner whose answers a test makes up."""

    app: App
    cpo: SimCpo
    emsp: SimEmsp
    odd: Partner

    @property
    def odd_got(self) -> list[Asked]:
        """What came to the odd partner, but for the hub's own looks whether it is there."""
        return [each for each in self.odd.asked if each.target != "/versions"]

    async def put(self, to: Party | None, **changes: Any) -> SimReply:
        """PUT a tariff in the CPO's name."""
        given: dict[str, Any] = {"body": TARIFF, "headers": IDS} | changes
        path = given.pop("path", "NL/CPO/T1")
        return await self.cpo.call("tariffs", RECEIVER, "PUT", path, to=to, **given)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def house(kind: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    limits = Limits(timeout=TIMEOUT, response_body=100_000)
    odd = Partner("FR-ODD:EMSP", endpoints=("receiver/tariffs", "receiver/cdrs", "sender/tokens"))
    async with network(tmp_path_factory.mktemp("hub"), limits=limits) as (app, cpo, emsp), odd.serve():
        await odd.invited(app)
        assert (await odd.register()).code == 1000
        odd.asked.clear()
        yield House(app, cpo, emsp, odd)


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _unharmed(house: House) -> AsyncIterator[None]:
    with calm():
        yield
        house.odd.says.clear()
        house.odd.asked.clear()
        assert (await house.cpo.push_tariff(EMSP.party)).ok


def refused(reply: SimReply, http: int, code: int, *words: str, by: Party = HUB) -> None:
    """The answer is this error, its words name the problem, and its headers are those of an answer to the CPO."""
    assert (reply.status, reply.status_code) == (http, code), reply.body
    for word in words:
        assert word in reply.status_message
    headers = {name.lower(): value for name, value in reply.headers.items()}
    assert headers["content-type"].startswith("application/json")
    assert (headers["x-request-id"], headers["x-correlation-id"]) == ("request-1", "correlation-1")
    assert (headers["ocpi-from-country-code"], headers["ocpi-from-party-id"]) == (by.country, by.party_id)
    assert (headers["ocpi-to-country-code"], headers["ocpi-to-party-id"]) == ("NL", "CPO")


async def test_4001_a_party_that_nobody_knows(house: House) -> None:
    refused(await house.put(Party.parse("BE-XXX")), 200, 4001, "BE-XXX", "not known")


async def test_4002_no_answer_in_time(house: House) -> None:
    """One attempt, and the sender is told not to repeat it."""
    house.emsp.fault, before = Fault.HANG, len(house.emsp.received)
    began = time.perf_counter()
    reply = await house.put(EMSP.party)
    assert TIMEOUT * 0.9 < time.perf_counter() - began < TIMEOUT * 2
    house.emsp.fault = Fault.NONE
    refused(reply, 200, 4002, "DE-MSP", "in time", "do not repeat")
    assert len(house.emsp.received) == before + 1


async def test_4003_a_connection_that_is_cut(house: House) -> None:
    house.emsp.fault, before = Fault.RESET, len(house.emsp.received)
    reply = await house.put(EMSP.party)
    house.emsp.fault = Fault.NONE
    refused(reply, 200, 4003, "DE-MSP", "closed the connection")
    assert len(house.emsp.received) == before + 1


async def test_4003_a_party_that_is_away(house: House) -> None:
    await house.emsp.stop()
    began = time.perf_counter()
    reply = await house.put(EMSP.party)
    assert time.perf_counter() - began < TIMEOUT
    before = len(house.emsp.received)
    await house.emsp.start()
    refused(reply, 200, 4003, "DE-MSP", "do not queue")
    assert len(house.emsp.received) == before


async def test_4003_a_party_that_was_only_invited(house: House) -> None:
    await house.app.partners.invite("Slow one", ["BE-SLO:EMSP"])
    refused(await house.put(Party.parse("BE-SLO")), 200, 4003, "BE-SLO", "not connected yet")


async def test_4003_a_party_that_is_suspended(house: House) -> None:
    await house.app.partners.suspend("FR-ODD")
    reply = await house.put(ODD)
    await house.app.partners.resume("FR-ODD")
    refused(reply, 200, 4003, "FR-ODD", "suspended")
    assert house.odd_got == []


async def test_4003_no_free_connection(tmp_path) -> None:
    """OCPI 2.2.1, offline behaviour: nothing waits in a queue, also not for a connection."""
    upstream = Upstream(allow_private=("127.0.0.0/8",), connections=1)
    async with network(tmp_path, upstream=upstream) as (_, cpo, emsp):
        emsp.delay = 0.3
        first = asyncio.create_task(cpo.push_tariff(EMSP.party))
        while not emsp.received:
            await asyncio.sleep(0.005)
        second = await cpo.push_tariff(EMSP.party)
        assert not first.done()
        assert (second.status, second.status_code) == (200, 4003)
        assert "busy" in second.status_message
        assert (await first).ok
        assert (await cpo.push_tariff(EMSP.party)).ok
        assert len(emsp.received) == 2


async def test_4000_a_module_that_the_receiver_does_not_have(house: House) -> None:
    for module, interface, path in (
        ("locations", SENDER, ""), ("locations", RECEIVER, "NL/CPO/L"), ("sessions", RECEIVER, "NL/CPO/S"),
    ):  # fmt: skip
        reply = await house.cpo.call(module, interface, "GET", path, to=ODD, headers=IDS)
        refused(reply, 200, 4000, "FR-ODD", module, interface)
    assert house.odd_got == []


NOT_OCPI = {
    "HTTP 401": (Say(401, b'{"detail":"no"}'), "token"),
    "HTTP 401 with an envelope": (ocpi(status=401, code=2000), "token"),
    "HTTP 403": (Say(403), "token"),
    "HTTP 500 in HTML": (Say(500, b"<h1>Oops</h1>"), "HTTP 500"),
    "HTTP 502 of a proxy": (Say(502, b"Bad Gateway"), "HTTP 502"),
    "HTTP 404 of a proxy": (Say(404, b"Not Found"), "HTTP 404"),
    "HTML": (Say(200, b"<html>It works!</html>"), "not OCPI"),
    "nothing": (Say(200), "HTTP 200"),
    "HTTP 204": (Say(204), "HTTP 204"),
    "bare object": (Say(200, b'{"result":"ACCEPTED"}'), "not OCPI"),
    "bare list": (Say(200, b"[]"), "not OCPI"),
    "status_code is text": (Say(200, b'{"status_code":"OK"}'), "not OCPI"),
    "nested without end": (Say(200, b'{"status_code":1000,"data":' + b"[" * 50_000), "not OCPI"),
    "byte order mark": (Say(200, b'\xef\xbb\xbf{"status_code":1000}'), "not OCPI"),
    "too large": (Say(200, b'{"status_code":1000,"data":"' + b"a" * 100_000 + b'"}'), "too large"),
    "redirect elsewhere": (Say(307, headers={"Location": "http://127.0.0.1:9/"}), "redirects"),
    "redirect as GET": (Say(303, headers={"Location": "/versions"}), "redirects"),
    "unknown compression": (Say(200, b"x", {"Content-Encoding": "br"}), "not valid HTTP"),
}


@pytest.mark.parametrize(("says", "word"), NOT_OCPI.values(), ids=NOT_OCPI)
async def test_4000_an_answer_that_is_not_ocpi(house: House, says: Say, word: str) -> None:
    """The sender learns who answered what, once asked, and nothing of what else was in it."""
    house.odd.says["PUT /receiver/tariffs/NL/CPO/T1"] = says
    reply = await house.put(ODD)
    refused(reply, 200, 4000, "FR-ODD", word)
    assert "Oops" not in reply.status_message
    assert "127.0.0.1" not in reply.status_message
    assert len(house.odd_got) == 1


@pytest.mark.parametrize("code", [1000, 1999, 2000, 2001, 2003, 2004, 2999, 3000, 3001, 3999, 4001])
@pytest.mark.parametrize("http", [200, 201, 400, 404, 405, 429])
async def test_what_the_receiver_says_goes_back_as_it_is(house: House, http: int, code: int) -> None:
    """OCPI 2.2.1, status_codes: the hub forwards 2xxx and 3xxx of a receiver."""
    said = ocpi({"why": None}, code, http, "as it is", Retry_After="7")
    house.odd.says["PUT /receiver/tariffs/NL/CPO/T1"] = said
    reply = await house.put(ODD)
    refused(reply, http, code, "as it is", by=ODD)
    assert reply.body == said.body
    assert reply.headers["Retry-After"] == "7"


@pytest.mark.parametrize("http", [500, 503])
async def test_an_ocpi_error_in_http_500_is_no_http_500_of_the_hub(house: House, http: int) -> None:
    said = ocpi(None, 3000, http, "broken here")
    house.odd.says["PUT /receiver/tariffs/NL/CPO/T1"] = said
    reply = await house.put(ODD)
    refused(reply, 200, 3000, "broken here", by=ODD)
    assert reply.body == said.body


async def test_a_missing_object_is_http_404(house: House) -> None:
    reply = await house.cpo.call("tariffs", RECEIVER, "GET", "NL/CPO/NONE", to=EMSP.party, headers=IDS)
    refused(reply, 404, 2000, by=EMSP.party)
    reply = await house.cpo.call("tokens", SENDER, "POST", "NONE/authorize", to=EMSP.party, headers=IDS)
    refused(reply, 404, 2004, by=EMSP.party)
    house.odd.says["GET /receiver/tariffs/NL/CPO/T1"] = Say(404, b"Not Found")
    house.odd.says["POST /sender/tokens/T/authorize"] = Say(404)
    reply = await house.cpo.call("tariffs", RECEIVER, "GET", "NL/CPO/T1", to=ODD, headers=IDS)
    refused(reply, 404, 4000, "HTTP 404")
    reply = await house.cpo.call("tokens", SENDER, "POST", "T/authorize", to=ODD, headers=IDS)
    refused(reply, 404, 4000, "HTTP 404")


SENDERS = {
    "party of another platform": ({"OCPI-from-country-code": "DE", "OCPI-from-party-id": "MSP"}, "DE-MSP", "DE", "MSP"),
    "the hub": ({"OCPI-from-country-code": "NL", "OCPI-from-party-id": "HUB"}, "NL-HUB", "NL", "HUB"),
    "nobody": ({"OCPI-from-country-code": "BE", "OCPI-from-party-id": "XXX"}, "BE-XXX", "BE", "XXX"),
}


@pytest.mark.parametrize(("headers", "named", "country", "party"), SENDERS.values(), ids=SENDERS)
async def test_2001_a_sender_that_is_somebody_else(
    house: House, headers: dict[str, str], named: str, country: str, party: str
) -> None:
    before = len(house.emsp.received)
    reply = await house.put(EMSP.party, headers=IDS | headers)
    assert (reply.status, reply.status_code) == (200, 2001)
    assert named in reply.status_message
    assert len(house.emsp.received) == before


async def test_2001_an_object_of_somebody_else(house: House) -> None:
    """OCPI 2.2.1, client owned object push: in the path, in the body, or in both."""
    before = len(house.emsp.received)
    theirs = TARIFF | {"country_code": "DE", "party_id": "MSP"}
    refused(await house.put(EMSP.party, path="DE/MSP/T1", body=theirs), 200, 2001, "DE-MSP")
    refused(await house.put(EMSP.party, path="DE/MSP/T1"), 200, 2001)
    refused(await house.put(EMSP.party, body=theirs), 200, 2001)
    refused(await house.put(EMSP.party, path="N1/CPO/T1"), 200, 2001, "country code")
    refused(await house.put(EMSP.party, path="NL/CPO4/T1"), 200, 2001, "party id")
    cdr = {"country_code": "DE", "party_id": "MSP", "id": "C1"}
    reply = await house.cpo.call("cdrs", RECEIVER, "POST", to=EMSP.party, body=cdr, headers=IDS)
    refused(reply, 200, 2001, "DE-MSP")
    reply = await house.cpo.call("cdrs", RECEIVER, "POST", to=EMSP.party, body={"id": "C1"}, headers=IDS)
    refused(reply, 200, 2001, "country_code")
    assert len(house.emsp.received) == before


async def test_2001_an_id_that_differs_between_path_and_body(house: House) -> None:
    refused(await house.put(EMSP.party, path="NL/CPO/T2"), 200, 2001, "T1", "T2")


async def test_ids_and_parties_are_compared_without_regard_to_case(house: House) -> None:
    """CiString. The receiver gets what was written, as it was written."""
    house.odd.says["PUT /receiver/tariffs/nl/cpo/t1"] = ocpi(status=201)
    lower = {"OCPI-from-country-code": "nl", "OCPI-from-party-id": "cpo"} | IDS
    lower |= {"OCPI-to-country-code": "fr", "OCPI-to-party-id": "Odd"}
    body = TARIFF | {"country_code": "Nl", "id": "T1"}
    reply = await house.put(ODD, path="nl/cpo/t1", body=body, headers=lower)
    refused(reply, 201, 1000, by=ODD)
    asked = house.odd_got[-1]
    assert asked.body == msgspec.json.encode(body)
    assert (asked.headers["ocpi-from-party-id"], asked.headers["ocpi-to-party-id"]) == ("CPO", "ODD")


async def test_2001_no_fitting_receiver(house: House) -> None:
    """To the sender itself; to the hub what is nobody's to broadcast."""
    refused(await house.put(CPO.party), 200, 2001, "NL-CPO", "sender itself")
    session = {"country_code": "NL", "party_id": "CPO", "id": "S1"}
    reply = await house.cpo.call("sessions", RECEIVER, "PUT", "NL/CPO/S1", to=HUB, body=session, headers=IDS)
    refused(reply, 200, 2001, "NL-HUB")
    reply = await house.cpo.call("tokens", RECEIVER, "GET", "DE/MSP/T1", to=HUB, headers=IDS)
    refused(reply, 200, 2001)


async def test_ids_are_made_where_there_are_none(house: House) -> None:
    """OCPI 2.2.1, unique message ids: every answer carries them, and the receiver gets them, too."""
    house.odd.says["PUT /receiver/tariffs/NL/CPO/T1"] = ocpi()
    without = {"X-Request-ID": "", "X-Correlation-ID": ""}
    seen = set()
    for to, code in ((ODD, 1000), (EMSP.party, 1000), (Party.parse("BE-XXX"), 4001), (CPO.party, 2001)):
        reply = await house.put(to, headers=without)
        assert reply.status_code == code
        ids = reply.headers["X-Request-ID"], reply.headers["X-Correlation-ID"]
        assert all(len(each) == 36 for each in ids)
        seen |= set(ids)
    assert len(seen) == 8
    asked = house.odd_got[-1]
    assert asked.headers["x-correlation-id"] in seen
    assert asked.headers["x-request-id"] not in seen
    reply = await house.put(ODD, headers=without | {"OCPI-from-party-id": "bad!"})
    assert len(reply.headers["X-Request-ID"]) == 36


async def test_what_a_plain_sender_may_leave_out(house: House) -> None:
    """Without OCPI-from-* the only party of a platform is the sender."""
    without = {"OCPI-from-country-code": "", "OCPI-from-party-id": ""}
    assert (await house.put(EMSP.party, headers=IDS | without)).ok
    assert house.emsp.received[-1].sender == CPO.party
