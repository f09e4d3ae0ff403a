"""The traffic of a soak: partners that push, fail, come back and renew their tokens, at a hub that is a process."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from hub.asking import ControlError
from hub.core.modules import Interface
from hub.core.party import Party, PartyRole
from hub.sim import CallFailed, Fault, SimCpo, SimEmsp, SimRequest
from tests.fault.ledger import Ledger, marker
from tests.fault.process import HubProcess
from tests.raw import Wire, request, wire

HUB = Party("NL", "HUB")
FAULTS = (Fault.NONE, Fault.NONE, Fault.RESET, Fault.STATUS_500, Fault.NOT_JSON)
OBJECTS = 200
"""Tariffs of each CPO, so that what the mirror keeps does not grow."""
ELEMENTS = [{"price_components": [{"type": "ENERGY", "price": 0.5, "step_size": 1}]}]
EVERYBODY = (HUB, None)


class Member(SimEmsp):
    """An eMSP that is there all the time, though it may fail: each push that comes is written into the ledger."""

    def __init__(self, name: str, ledger: Ledger) -> None:
        super().__init__(name, [PartyRole.parse(f"{name}:EMSP")], timeout=30.0)
        self.record = False
        self.ledger = ledger
        self.steady = asyncio.Lock()
        """Held by who needs it to stay up, or takes it down."""

    def _keep(self, request: SimRequest) -> None:
        if request.method == "PUT":
            self.ledger.take(self.party.id, request.body)


class Soak:
    """What goes on, and what came of it. `answers` counts HTTP and OCPI status of pushes, `done` all else."""

    def __init__(self, hub: HubProcess, seed: int) -> None:
        names = ("DE-AAA", "DE-BBB", "FR-CCC", "BE-DDD")
        self.hub = hub
        self.chance = random.Random(seed)
        self.ledger = Ledger([*names])
        self.cpos = [SimCpo(name, [PartyRole.parse(f"{name}:CPO")], timeout=30.0) for name in ("NL-ONE", "NL-TWO")]
        self.members = [Member(name, self.ledger) for name in names]
        self.answers: Counter[tuple[int, int]] = Counter()
        self.done: Counter[str] = Counter()
        self.broken: list[str] = []
        self.silent = 0
        self._until = 0.0
        self._slot = 0
        self._denied: set[tuple[str, str]] = set()
        self._under_way: dict[int, tuple[str, set[str]]] = {}

    @property
    def goes_on(self) -> bool:
        return asyncio.get_running_loop().time() < self._until

    def begin(self, seconds: float) -> None:
        """Go on for so long."""
        self._until = asyncio.get_running_loop().time() + seconds

    async def pause(self, least: float, most: float) -> None:
        """Wait for a time of chance, but not beyond the end."""
        left = self._until - asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, min(self.chance.uniform(least, most), left)))

    @asynccontextmanager
    async def trying(self, what: str) -> AsyncIterator[None]:
        """Something that may be refused as others come and go, but never with a 5xx."""
        try:
            yield
        except (CallFailed, ControlError, TimeoutError) as failed:
            status = getattr(getattr(failed, "reply", None), "status", 0)
            if status >= 500 or "the hub failed" in str(failed):
                self.broken.append(f"{what}: {failed}")
            self.done[f"{what}: not"] += 1
        else:
            self.done[what] += 1

    async def join(self, partner: SimCpo | SimEmsp) -> str:
        """Invite it, and let it register: its name with the hub."""
        parties = [str(role) for role in partner.roles]
        invitation = await self.hub.ask("invite", name=partner.name, parties=parties)
        await partner.register(f"{self.hub.url}/ocpi/versions", invitation["token_a"])
        return partner.name

    async def push(self, cpo: SimCpo, rate: float | None, most: int | None = None) -> None:
        """Pushes of one CPO, to one or to all, on one connection.

        With a `rate`, all that push share its slots: who is late does not wait. Without, one follows the other.
        """
        begun, sent = asyncio.get_running_loop().time() - (self._slot / rate if rate else 0), 0
        async with wire(self.hub.url, 30.0) as connection:
            while self.goes_on and (most is None or sent < most):
                if rate:
                    self._slot += 1
                    await asyncio.sleep(begun + self._slot / rate - asyncio.get_running_loop().time())
                await self._push(cpo, connection)
                sent += 1

    async def _push(self, cpo: SimCpo, connection: Wire) -> None:
        """Who may have a push is written down before it goes."""
        to = self.chance.choice((*EVERYBODY, *(each.party for each in self.members * 2)))
        named = {each.party.id for each in self.members} if to in EVERYBODY else {to.id}
        may_have = {each for each in named if (cpo.party.id, each) not in self._denied}
        number = self.ledger.write(may_have, guests=to in EVERYBODY)
        self._under_way[number] = cpo.party.id, named
        await connection.send(put(cpo, to, number))
        answer = await connection.answer()
        del self._under_way[number]
        if answer is None:
            self.silent += 1
        else:
            self.answers[answer.told] += 1

    async def drop(self, member: Member) -> None:
        """A partner fails, goes, and comes back."""
        while self.goes_on:
            await self.pause(0.5, 4.0)
            async with member.steady:
                member.fault = self.chance.choice(FAULTS)
                if self.chance.random() < 0.5:
                    await member.stop()
                    self.done["gone for a moment"] += 1
                    await self.pause(0.05, 2.0)
                    await member.start()
        member.fault = Fault.NONE

    async def change_agreements(self) -> None:
        """Denials come and go."""
        while self.goes_on:
            await self.pause(0.2, 1.5)
            pair = self.chance.choice(self.cpos).party.id, self.chance.choice(self.members).party.id
            given = {"name": pair[0], "ref": pair[1], "module": "*"}
            self.done["agreement changed"] += 1
            if pair not in self._denied:
                await self.hub.ask("agreement-deny", **given)
                self._denied.add(pair)
                continue
            # A push that is on its way to the hub just now may be routed before or after.
            self._denied.discard(pair)
            for number, (cpo, named) in self._under_way.items():
                if cpo == pair[0] and pair[1] in named:
                    self.ledger.allow(number, pair[1])
            await self.hub.ask("agreement-remove", **given)

    async def renew(self) -> None:
        """Tokens change, by the partner or by the operator."""
        while self.goes_on:
            await self.pause(0.5, 4.0)
            member = self.chance.choice(self.members)
            async with member.steady, self.trying("tokens renewed"):
                if self.chance.random() < 0.5:
                    await member.renew()
                else:
                    await self.hub.ask("rotate", ref=member.name)

    async def command(self) -> None:
        """Commands, whose results come later."""
        while self.goes_on:
            await self.pause(0.05, 0.5)
            member, cpo = self.chance.choice(self.members), self.chance.choice(self.cpos)
            async with member.steady, self.trying("command"):
                sent = await member.unlock("LOC1", "1001-1", cpo.party)
                if sent.reply.status >= 500:
                    self.broken.append(f"command: HTTP {sent.reply.status}")
                if sent.accepted:
                    await member.result(3.0, of=sent)
                    self.done["result"] += 1

    async def read(self) -> None:
        """Lists, page by page: of all, and of one CPO."""
        while self.goes_on:
            await self.pause(0.1, 1.0)
            member, cpo = self.chance.choice(self.members), self.chance.choice(self.cpos)
            module = self.chance.choice(("locations", "tariffs"))
            async with member.steady, self.trying("list read"):
                await member.fetch_all(module, to=self.chance.choice((HUB, cpo.party)), query={"limit": "25"})

    async def authorize(self) -> None:
        """Questions in real time, and pushes the other way."""
        while self.goes_on:
            await self.pause(0.1, 1.0)
            member, cpo = self.chance.choice(self.members), self.chance.choice(self.cpos)
            async with self.trying("authorized"):
                await cpo.authorize(member.token()["uid"], self.chance.choice((member.party, None)), location_id="LOC1")
            async with member.steady, self.trying("token pushed"):
                await member.push_token(self.chance.choice((cpo.party, HUB)))


def put(cpo: SimCpo, to: Party | None, number: int) -> bytes:
    """The bytes of a push: of a tariff that says which push it is."""
    party, tariff = cpo.party, f"T{number % OBJECTS}"
    body = {
        "country_code": party.country, "party_id": party.party_id, "id": tariff, "currency": "EUR",
        "tariff_alt_text": [{"language": "en", "text": marker(number)}], "elements": ELEMENTS,
        "last_updated": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    headers = [f"OCPI-from-country-code: {party.country}", f"OCPI-from-party-id: {party.party_id}"]
    headers += [f"OCPI-to-country-code: {to.country}", f"OCPI-to-party-id: {to.party_id}"] if to else []
    url = cpo.peer.endpoint("tariffs", Interface.RECEIVER)
    target = f"/{url.split('/', 3)[3].rstrip('/')}/{party.country}/{party.party_id}/{tariff}"
    return request("PUT", target, *headers, token=cpo.peer.token.reveal(), body=msgspec.json.encode(body))
