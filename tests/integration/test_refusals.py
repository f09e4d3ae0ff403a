"""What is refused on ways that concern more than one party, with which words, and that nothing of it goes anywhere.

OCPI 2.2.1, transport_and_format: Broadcast Push, Open Routing Request, GET All via Hubs, Client Owned Object Push;
status_codes. Direct routing stands in test_routing_errors, input that is no OCPI in test_bad_input.
"""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
import pytest_asyncio

from hub.app import App
from hub.config import Limits
from hub.core.modules import Interface
from hub.core.party import Party, PartyRole
from hub.sim import SimCpo, SimEmsp
from hub.sim.messages import SimReply
from tests.partner import Asked, Partner, Say, ocpi
from tests.raw import calm
from tests.support import CPO, EMSP, network, register

pytestmark = pytest.mark.asyncio(loop_scope="module")

RECEIVER, SENDER = Interface.RECEIVER, Interface.SENDER
HUB, OFFLINE, NOBODY = Party("NL", "HUB"), Party("FR", "OFF"), Party("BE", "XXX")
UPDATED = "2026-01-01T00:00:00Z"
TARIFF = {"country_code": "NL", "party_id": "CPO", "id": "T9", "last_updated": UPDATED}
SESSION = TARIFF | {"id": "S9", "cdr_token": {"country_code": "DE", "party_id": "MSP"}}


class House(msgspec.Struct):
    """A hub with a CPO and an eMSP, and an eMSP that has gone offline."""

    app: App
    cpo: SimCpo
    emsp: SimEmsp

    async def refused(self, reply: SimReply, code: int, *words: str) -> None:
        """It is refused with this code and these words; nobody got it, and nothing of it was kept."""
        assert (reply.status, reply.status_code) == (200, code), reply.body
        for word in words:
            assert word in reply.status_message
        assert [each for each in self.emsp.received if each.method != "GET"] == []
        assert "T9" not in [each["id"] for each in await self.emsp.fetch_all("tariffs", to=HUB)]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def house(kind: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    limits = Limits(timeout=2.0)
    async with network(tmp_path_factory.mktemp("hub"), limits=limits) as (app, cpo, emsp):
        async with SimEmsp("Offline", [PartyRole(OFFLINE, "EMSP")]) as gone:
            await register(app, gone)
        for _ in range(3):  # this opens its breaker
            assert (await cpo.push_tariff(OFFLINE)).status_code == 4003
        await app.partners.invite("Planned", ["FR-PLA:EMSP"])
        await app.partners.invite("Suspended", ["FR-SUS:EMSP"])
        await app.partners.suspend("Suspended")
        yield House(app, cpo, emsp)


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _calm(house: House) -> AsyncIterator[None]:
    house.emsp.received.clear()
    with calm():
        yield


RECEIVERS = {"FR-PLA": "planned", "FR-OFF": "offline", "FR-SUS": "suspended", "DE-MSP": ""}


@pytest.mark.parametrize(("party", "state"), RECEIVERS.items())
@pytest.mark.parametrize("way", ["direct", "open"])
async def test_a_receiver_that_is_hidden_looks_like_one_that_does_not_exist(
    house: House, party: str, state: str, way: str
) -> None:
    """4003 says why a party can not be reached; who has no agreement with it does not even learn that it is there.

    OCPI 2.2.1, status_codes 4001 and 4003; hubclientinfo.
    """

    async def push(to: Party) -> SimReply:
        token = {"country_code": to.country, "party_id": to.party_id}
        body = SESSION | {"cdr_token": token}
        directed = {"to": to} if way == "direct" else {"sender": CPO.party}
        return await house.cpo.call("sessions", RECEIVER, "PUT", "NL/CPO/S9", body=body, **directed)

    async def told() -> set[str]:
        infos = await house.cpo.call("hubclientinfo", SENDER, "GET")
        return {f"{each['country_code']}-{each['party_id']}" for each in infos.data}

    to = Party.parse(party)
    seen = await push(to)
    if state:
        await house.refused(seen, 4003, party, state)
    else:
        assert [each.method for each in house.emsp.received] == ["PUT"]
        house.emsp.received.clear()
    assert party in await told()
    await house.app.operations.agreements.set("NL-CPO", party, "*", allow=False)
    hidden, unknown = await push(to), await push(NOBODY)
    await house.refused(hidden, 4001, party, "not known to this hub, or has no agreement")
    assert hidden.status_message == unknown.status_message.replace(NOBODY.id, party)
    assert hidden.headers["OCPI-from-party-id"] == unknown.headers["OCPI-from-party-id"] == "HUB"
    assert party not in await told()
    await house.app.operations.agreements.remove("NL-CPO", party, "*")


NOT_BROADCAST: dict[str, tuple[str, Interface, str, str, Any]] = {
    "a CDR": ("cdrs", RECEIVER, "POST", "", SESSION),
    "a session": ("sessions", RECEIVER, "PUT", "NL/CPO/S9", SESSION),
    "part of a session": ("sessions", RECEIVER, "PATCH", "NL/CPO/S9", {"kwh": 1, "last_updated": UPDATED}),
    "GET of a session": ("sessions", RECEIVER, "GET", "NL/CPO/S9", None),
    "an authorisation": ("tokens", SENDER, "POST", "T9/authorize", None),
    "a command": ("commands", RECEIVER, "POST", "UNLOCK_CONNECTOR", {"response_url": "{url}/x"}),
    "a charging profile": ("chargingprofiles", RECEIVER, "PUT", "S9", {"response_url": "{url}/x"}),
}


@pytest.mark.parametrize("what", NOT_BROADCAST.values(), ids=NOT_BROADCAST)
async def test_what_may_not_be_broadcast(house: House, what: tuple[str, Interface, str, str, Any]) -> None:
    """To the hub itself: refused, with what to do instead. OCPI 2.2.1, transport_and_format: Broadcast Push."""
    module, interface, method, path, body = what
    if body and "response_url" in body:
        body = {"response_url": body["response_url"].format(url=house.cpo.url)}
    reply = await house.cpo.call(module, interface, method, path, to=HUB, body=body)
    await house.refused(reply, 2001, "NL-HUB is the hub itself", "name the receiving party in OCPI-to-*")


@pytest.mark.parametrize("to", [HUB, None], ids=["broadcast", "open"])
@pytest.mark.parametrize(
    ("path", "changes", "words"),
    [
        ("DE/MSP/T9", {"country_code": "DE", "party_id": "MSP"}, ("DE-MSP",)),
        ("DE/MSP/T9", {}, ("country_code",)),
        ("NL/CPO/T9", {"party_id": "XXX"}, ("party_id", "XXX")),
        ("NL/CPO/T9", {"id": "T8"}, ("id", "T8", "T9")),
        ("NL/CPO/T8", {}, ("id", "T8", "T9")),
    ],
)
async def test_an_object_of_somebody_else_or_of_another_name(
    house: House, to: Party | None, path: str, changes: dict[str, str], words: tuple[str, ...]
) -> None:
    """OCPI 2.2.1, transport_and_format: Client Owned Object Push; an id that differs in URL and body is 2001."""
    reply = await house.cpo.call("tariffs", RECEIVER, "PUT", path, to=to, sender=CPO.party, body=TARIFF | changes)
    await house.refused(reply, 2001, *words)


@pytest.mark.parametrize("to", [HUB, None, EMSP.party], ids=["broadcast", "open", "direct"])
@pytest.mark.parametrize("sender", ["DE-MSP", "NL-HUB", "BE-XXX"])
async def test_headers_that_contradict_the_token(house: House, to: Party | None, sender: str) -> None:
    """OCPI-from-* names a party that is not this platform's. OCPI 2.2.1, transport_and_format: Message Routing."""
    claimed = Party.parse(sender)
    reply = await house.cpo.call("tariffs", RECEIVER, "PUT", "NL/CPO/T9", to=to, sender=claimed, body=TARIFF)
    await house.refused(reply, 2001, sender)


async def test_headers_that_contradict_a_sealed_url(house: House) -> None:
    """The parties are those it was made for: the next page comes from where the first one came from."""
    house.cpo.page_cap = 2
    first = await house.emsp.call("locations", SENDER, "GET", to=CPO.party)
    link = first.headers["Link"].partition(">")[0].strip("<")
    house.cpo.received.clear()
    for to in (OFFLINE, NOBODY, HUB):
        assert (await house.emsp.call_url("GET", link, to=to)).ok
    assert {each.receiver for each in house.cpo.received} == {CPO.party}
    assert {each.sender for each in house.cpo.received} == {EMSP.party}
    house.cpo.page_cap = 50


def _endless(asked: Asked) -> tuple[int, list[dict[str, Any]]]:
    query = dict(parse_qsl(urlsplit(asked.target).query))
    offset, limit = int(query.get("offset", 0)), min(5, int(query.get("limit", 5)))
    rows = [{"country_code": "BE", "party_id": "END", "id": f"{each}"} for each in range(offset, offset + limit)]
    return offset + limit, rows


def _with_links(asked: Asked) -> Say:
    following, rows = _endless(asked)
    return ocpi(rows, Link=f'<http://{asked.headers["host"]}/sender/cdrs?offset={following}>; rel="next"')


def _with_a_huge_total(asked: Asked) -> Say:
    return ocpi(_endless(asked)[1], X_Total_Count="99999999999", X_Limit="5")


def _with_a_huge_total_and_no_rows(_: Asked) -> Say:
    return ocpi([], X_Total_Count="99999999999", X_Limit="5")


@pytest.mark.parametrize("say", [_with_links, _with_a_huge_total, _with_a_huge_total_and_no_rows])
async def test_a_list_without_an_end_does_not_hold_up_get_all(house: House, say: Any) -> None:
    """The requester gets a page in time. OCPI 2.2.1, transport_and_format: Pagination, GET All via Hubs."""
    house.cpo.seed_history(3, house.emsp.token())
    async with Partner("BE-END:CPO", endpoints=("sender/cdrs",)).serve() as partner:
        await partner.invited(house.app)
        assert (await partner.register()).code == 1000
        partner.says["GET /sender/cdrs"] = say
        page = await house.emsp.call("cdrs", SENDER, "GET", to=HUB, query={"limit": "20"})
        assert page.ok
        assert len(page.data) <= 20
        assert len(partner.asked) < 2000
        await house.app.partners.remove("BE-END")
