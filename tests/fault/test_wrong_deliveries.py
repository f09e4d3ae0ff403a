"""Requests at a running hub: all that arrives at its partners is what the rules give them, and all of that arrives.

A drawn part of what `tests/core/routing_rules.py` has rules for, with real tokens, bodies and sockets.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.app import App
from hub.config import Hub
from tests.core.routing_rules import (
    AGREEMENTS,
    HUB,
    PLATFORMS,
    RECEIVERS,
    SENDERS,
    SINCE_2_2,
    SINCE_2_3,
    VERSION,
    Case,
    Operation,
    Request,
    answered,
    home,
)
from tests.partner import Asked, Partner, Say, ocpi
from tests.promises import size
from tests.support import running
from tests.versions import cdr, location, session, token

VERSIONS = ("2.1.1", "2.2.1", "2.3.0")
OWNED = "{country_code}/{party_id}/{id}"
LATER = {"response_url": "{own}/later/1"}
Body = Callable[[str], dict[str, Any]] | dict[str, Any] | None
# Interface, module, method and path of what is sent, and an object for it.
SENT: dict[str, Body] = {
    "RECEIVER locations PUT " + OWNED: location,
    "RECEIVER locations GET " + OWNED: None,
    "SENDER locations GET ": None,
    "SENDER locations GET {id}": None,
    "RECEIVER tokens PUT " + OWNED: token,
    "SENDER tokens GET ": None,
    "SENDER tokens POST {id}/authorize": None,
    "RECEIVER sessions PUT " + OWNED: session,
    "RECEIVER sessions GET " + OWNED: None,
    "SENDER sessions GET ": None,
    "RECEIVER cdrs POST ": cdr,
    "SENDER cdrs GET ": None,
    "RECEIVER tariffs GET " + OWNED: None,
    "RECEIVER commands POST STOP_SESSION": LATER,
    "SENDER commands POST STOP_SESSION/{id}": {"result": "ACCEPTED"},
    "RECEIVER chargingprofiles GET {id}": None,
    "SENDER chargingprofiles PUT {id}": {},
    "SENDER bookings GET ": None,
    "RECEIVER bookings GET " + OWNED: None,
    "SENDER payments GET terminals/{id}": None,
    "RECEIVER invoicereconciliation GET " + OWNED: None,
}
# Whose token is sent, for each of the tokens of the rules; the others have none here.
TOKENS = ("of the sender", "none", "unknown", "rotated away", "A, of one invited", "of one suspended")
NOT_TO_2_1_1 = {"sessions", "cdrs", "commands"}
"""What can be said to another version only where more is known: of no matter here."""
BARRED = ("sender/tariffs",)
"""All that the barred platform has: nothing is sent there."""
REFUSED_BY_PLUGIN = "refused-by-plugin"
PLUGIN = f'''
"""Refuses what bears a mark."""
from hub.plugin import Message, Plugin, Refuse, Route, route

class Refusing(Plugin):
    @route("*")
    async def refuse(self, message: Message, proposed: Route | Refuse) -> Route | Refuse | None:
        return Refuse("not this one") if message.correlation_id.startswith("{REFUSED_BY_PLUGIN}") else None
'''


class Counting(Partner):
    """A partner that takes everything."""

    def usual(self, asked: Asked) -> Say:
        if asked.line.split("/")[1] in ("sender", "receiver"):
            return ocpi({"allowed": "BLOCKED"} if asked.line.endswith("/authorize") else [])
        return super().usual(asked)


class Sent(msgspec.Struct, frozen=True):
    """A request of the sample, and how often it has to arrive at each platform, by that one's first party."""

    request: Request
    operation: Operation
    body: Body
    refused_by_plugin: bool
    arrivals: dict[str, int]


def operations(version: str) -> Iterator[tuple[Operation, Body]]:
    for line, body in SENT.items():
        side, module, method, path = line.split(" ")
        words = Operation(version, module, side, method, path)
        old = {*(SINCE_2_2 if version == "2.1.1" else ()), *(SINCE_2_3 if version != "2.3.0" else ())}
        if module not in old and not (version == "2.1.1" and side == "SENDER" and module == "commands"):
            yield words, body


def sample(version: str, count: int, chance: random.Random) -> list[Sent]:
    """Drawn requests. Most combinations arrive nowhere: of those, three of four are passed by."""
    drawn: list[Sent] = []
    while len(drawn) < count:
        request, operation, body = draw(version, chance)
        wanted = answered(request, operation)
        way, parties = ("refused", frozenset()) if isinstance(wanted, int) else wanted
        spoken = {version, *(VERSION.get(each, "2.2.1") for each in parties)}
        if way == "direct" and operation.module in NOT_TO_2_1_1 and "2.1.1" in spoken and len(spoken) > 1:
            continue
        if not parties and chance.random() < 0.75:
            continue
        refused = chance.random() < 0.1
        arrivals = {} if refused else dict(Counter(home(each) for each in parties))
        drawn.append(Sent(request, operation, body, refused, arrivals))
    return sorted(drawn, key=lambda each: each.request.case.agreements)


def draw(version: str, chance: random.Random) -> tuple[Request, Operation, Body]:
    """Three of four say who they are, and send what is theirs."""
    sender = "single" if version == "2.1.1" else chance.choice(list(SENDERS))
    operation, body = chance.choice(list(operations(version)))
    party, others = SENDERS[sender]
    honest = chance.random() < 0.75
    to = chance.choice([to for to in RECEIVERS.values() if to is not ...] + [party, *others[:1]])
    whose = chance.choice([party] if honest else [party, *others, "SE-XYZ", "FR-REG"])
    driver = "FR-REG" if body in (session, cdr) and version != "2.1.1" else None
    agreements = chance.choice(list(AGREEMENTS))
    case = Case(sender, to, whose if operation.names_owner else None, driver=driver, agreements=agreements)
    claimed = party if honest else chance.choice([None, party, *others, "FR-REG", "ZZ-UNK", HUB])
    return Request(case, "of the sender" if honest else chance.choice(TOKENS), claimed), operation, body


class Network:
    """A running hub with everybody of the rules' world."""

    def __init__(self, app: App, version: str) -> None:
        self.app = app
        self.version = version
        self.partners: dict[str, Counting] = {}
        self.rotated: dict[str, str] = {}

    async def join(self, stack: AsyncExitStack) -> None:
        """Have everybody as the rules' world has them."""
        for each in PLATFORMS.values():
            roles, kept = party_roles(each.roles), party_roles(each.reserved)
            # A platform has one party in OCPI 2.1.1.
            version = each.version or ("2.2.1" if self.version == "2.1.1" and len(roles) > 1 else self.version)
            offered = BARRED if each.barred else endpoints(version)
            partner = Counting(*(roles or kept), version=version, endpoints=offered)
            partner.raw = version == "2.1.1"
            server = await stack.enter_async_context(AsyncExitStack())
            await server.enter_async_context(partner.serve())
            invitation = await self.app.partners.invite(str(partner.party), [*roles, *kept])
            partner.token, partner.hub = invitation.token_a, self.app.url
            self.partners[str(partner.party)] = partner
            if each.stands != "invited":
                await self.register(partner)
            if each.stands == "suspended":
                await self.app.partners.suspend(str(partner.party))
            if each.stands == "offline":
                await server.aclose()
                await self.lose(str(partner.party))

    async def register(self, partner: Partner) -> None:
        """Twice, so that there is a token that was rotated away."""
        assert (await partner.register()).code == 1000
        self.rotated[str(partner.party)] = partner.token
        assert (await partner.register("PUT")).code == 1000

    async def lose(self, party: str) -> None:
        """Fail at a partner until the hub knows that it is gone."""
        other = self.partners["NL-ONE"]
        country, name = party.split("-")
        for _ in range(3):
            to = f"OCPI-to-country-code: {country}", f"OCPI-to-party-id: {name}"
            path = f"/ocpi/{other.version}/{'' if other.version == '2.1.1' else 'sender/'}locations/L1"
            assert (await other.ask("GET", path, *to)).code in (3000, 4003)

    async def agree(self, agreements: str) -> None:
        special, default = AGREEMENTS[agreements]
        await self.app.operations.agreements.set("*", "*", "*", allow=default)
        for party, _ in SENDERS.values():
            await self.app.operations.agreements.set(party, "FR-REG", "*", allow=special)

    async def send(self, number: int, sent: Sent) -> None:
        """Send one request; its number is its correlation id."""
        case, operation = sent.request.case, sent.operation
        partner = self.partners[SENDERS[case.sender][0]]
        mark = f"{REFUSED_BY_PLUGIN if sent.refused_by_plugin else 'case'}-{number}"
        headers = [f"X-Correlation-ID: {mark}"]
        for side, party in (("from", sent.request.claimed), ("to", case.to)):
            if party:
                country, name = party.split("-")
                headers += [f"OCPI-{side}-country-code: {country}", f"OCPI-{side}-party-id: {name}"]
        country, name = (case.whose or "xx-xxx").split("-")
        path = operation.path.format(country_code=country, party_id=name, id=f"I{number}")
        side = "" if self.version == "2.1.1" else f"{operation.side.lower()}/"
        query = f"?duration=60&response_url={partner.url}/later/1" if operation.module == "chargingprofiles" else ""
        made = thing(sent, partner, f"I{number}")
        body = msgspec.json.encode(made) if made is not None else None
        target = f"/ocpi/{self.version}/{side}{operation.module}/{path}{query}"
        await partner.ask(operation.method, target, *headers, body=body, token=self.token(sent.request, partner))

    def token(self, request: Request, partner: Partner) -> str:
        tokens = {
            "of the sender": partner.token,
            "none": "",
            "unknown": "unknown",
            "rotated away": self.rotated[str(partner.party)],
            "A, of one invited": self.partners["IT-INV"].token,
            "of one suspended": self.partners["BE-SUS"].token,
        }
        return tokens[request.token]

    async def arrive(self, count: int) -> None:
        """Wait until so many requests arrived."""
        async with asyncio.timeout(20):
            while self.arrived().total() < count:
                await asyncio.sleep(0.05)

    def arrived(self) -> Counter[tuple[str, str]]:
        """Every request that came to a module, by whose platform it is and the correlation id."""
        return Counter(
            (party, asked.headers.get("x-correlation-id", ""))
            for party, partner in self.partners.items()
            for asked in partner.asked
            if asked.line.split("/")[1] in ("sender", "receiver")
        )


def party_roles(text: str) -> list[str]:
    """`NL-ONE:CPO+EMSP` is NL-ONE:CPO and NL-ONE:EMSP."""
    pairs = (each.split(":") for each in text.split())
    return [f"{party}:{role}" for party, roles in pairs for role in roles.split("+")]


def endpoints(version: str) -> list[str]:
    modules = {words.module for words, _ in operations(version)}
    if version == "2.1.1":
        return [f"sender/{module}" for module in sorted(modules)]
    return [f"{side}/{module}" for side in ("sender", "receiver") for module in sorted(modules)]


def thing(sent: Sent, partner: Partner, number: str) -> Any:
    """The body of a request."""
    made, case = sent.body, sent.request.case
    if callable(made):
        made = made(partner.version)
        made |= {"uid" if sent.operation.module == "tokens" else "id": number}
        if "contract_id" in made:
            made["contract_id"] = number
        if "auth_id" in made:
            made["auth_id"] = number
        if "country_code" in made and case.whose:
            made["country_code"], made["party_id"] = case.whose.split("-")
        if "cdr_token" in made:
            made["cdr_token"] |= {"country_code": "FR", "party_id": "REG", "contract_id": number}
        return made
    return made and {name: value.format(own=partner.url) for name, value in made.items()} | {"session_id": number}


@asynccontextmanager
async def network(folder: Path, version: str) -> AsyncIterator[Network]:
    (folder / "plugins").mkdir()
    (folder / "plugins" / "refusing.py").write_text(PLUGIN)
    hub = Hub(name="Test Hub", party=HUB, plugins="plugins", data="data")
    async with AsyncExitStack() as stack, running(folder, hub=hub) as app:
        made = Network(app, version)
        await made.join(stack)
        yield made


@pytest.mark.promise(1)
@pytest.mark.timeout(600)
@pytest.mark.parametrize("version", VERSIONS)
async def test_what_arrives_at_partners(tmp_path, version, proof):
    drawn = sample(version, size(100, 1_700), random.Random(f"7 {version}"))
    async with network(tmp_path, version) as made:
        agreements = None
        for number, sent in enumerate(drawn):
            if sent.request.case.agreements != agreements:
                agreements = sent.request.case.agreements
                await made.agree(agreements)
            await made.send(number, sent)
        wanted = Counter(
            {
                (party, f"case-{number}"): times
                for number, sent in enumerate(drawn)
                for party, times in sent.arrivals.items()
            }
        )
        with contextlib.suppress(TimeoutError):
            await made.arrive(wanted.total())
    found = made.arrived()
    for party, mark in (found - wanted) + (wanted - found):
        print(mark, "at", party, drawn[int(mark.rpartition("-")[2])])
    proof.exactly(f"arrivals that no rule gives, OCPI {version}", (found - wanted).total(), 0)
    proof.exactly(f"arrivals that are missing, OCPI {version}", (wanted - found).total(), 0)
    proof.at_least(f"requests over sockets with OCPI {version}", len(drawn), size(100, 1_700))
    proof.at_least(f"arrivals at partners, OCPI {version}", found.total(), size(30, 500))
