"""Who else is there in a soak: guests that come and go, the operator, visitors of the dashboard, rude clients."""

import asyncio
import itertools
import re
from pathlib import Path

import aiohttp

from hub.core.party import PartyRole
from hub.sim import SimCpo, SimEmsp, SimRequest
from tests.fault.load import configure, replace
from tests.fault.soak import HUB, Soak, put
from tests.raw import ask, request, wire

PLUGIN = Path(__file__).with_name("soak_plugin.py").read_text()
PAGES = ("overview", "journal", "map", "mirror", "plugins", "plugins/soak")
API = ("partners", "parties", "overview", "status", "journal", "traffic", "mirror/tariffs", "findings", "plugins/soak")
HALF = b"PUT /ocpi/2.2.1/receiver/tariffs/NL/ONE/T1 HTTP/1.1\r\nHost: hub\r\nContent-Length: 500\r\n\r\n{"
RUDE = (
    HALF,
    HALF[:20],
    b"\x16\x03\x01\x00\x00",
    b"GET / HTTP/1.1\r\n\r\n",
    request("GET", "/ocpi/versions", token="no"),
)


class Guest(SimEmsp):
    """An eMSP that is there for a moment."""

    def __init__(self, name: str, soak: Soak) -> None:
        super().__init__(name, [PartyRole.parse(f"{name}:EMSP")])
        self.record = False
        self._ledger, self._seen = soak.ledger, set[int]()

    def _keep(self, request: SimRequest) -> None:
        if request.method == "PUT":
            self._ledger.take_guest(self._seen, request.body)


class Others:
    """They act on the hub of a soak, until that is over."""

    def __init__(self, soak: Soak, admin: str, key: str) -> None:
        self._soak = soak
        self._hub = soak.hub
        self._admin = admin
        self._key = key
        self._names = itertools.count()

    async def guests(self, least: float, most: float) -> None:
        """They register, take and push something, are suspended or not, unregister or not, and are removed."""
        soak = self._soak
        while soak.goes_on:
            number = next(self._names)
            # Letters and digits in four places: no party comes a second time.
            party = f"{'LU' if number % 2 else 'AT'}-{number // 1296 % 10}{_digit(number // 36)}{_digit(number)}"
            partner: SimCpo | Guest
            partner = SimCpo(party, [PartyRole.parse(f"{party}:CPO")]) if number % 2 else Guest(party, soak)
            async with partner:
                await soak.join(partner)
                if number % 2:
                    await self._push(partner)
                await soak.pause(least, most)
                if soak.chance.random() < 0.5:
                    async with soak.trying("guest suspended"):
                        await self._hub.ask("suspend", ref=partner.name)
                    async with soak.trying("guest resumed"):
                        await self._hub.ask("resume", ref=partner.name)
                if soak.chance.random() < 0.5:
                    async with soak.trying("guest unregistered"):
                        await partner.unregister()
                await self._hub.ask("remove", ref=partner.name)
                soak.done["guest"] += 1

    async def _push(self, cpo: SimCpo) -> None:
        """One that nobody's agreements are about."""
        ledger = self._soak.ledger
        number = ledger.write({each.party.id for each in self._soak.members}, guests=True)
        answer = await ask(self._hub.url, put(cpo, HUB, number), within=30.0)
        if answer is None:
            self._soak.silent += 1
        else:
            self._soak.answers[answer.told] += 1

    async def reload(self, least: float, most: float) -> None:
        """Settings and plugin files change."""
        plugin = self._hub.log.parent / "plugins" / "soak.py"
        while self._soak.goes_on:
            number = next(self._names)
            await self._soak.pause(least, most)
            match number % 3:
                case 0:
                    replace(plugin, f"{PLUGIN}\n# {number}\n")
                case 1:
                    configure(self._hub, routing={"page_limit": 50 + number % 50}, plugins={"soak": {"step": number}})
                    self._hub.hang_up()
                case _:
                    configure(self._hub, upstream={"connections": 50 + number % 2})
                    assert (await self._hub.ask("reload"))["problems"] == []
            self._soak.done["reload"] += 1

    async def operate(self) -> None:
        """The operator asks this and that."""
        soak, hub = self._soak, self._hub
        while soak.goes_on:
            await soak.pause(0.2, 2.0)
            async with soak.trying("asked"):
                member = soak.chance.choice(soak.members)
                await hub.ask("capture", ref=member.name, minutes=1)
                await hub.ask("sync", ref=soak.chance.choice(soak.cpos).name)
                page = await hub.ask("journal", limit=50)
                await hub.ask("trace", name=soak.chance.choice(page["rows"])["correlation_id"])
                await hub.ask("findings")
                await hub.ask("plugin-list")
                await hub.ask("plugin-panels", name="soak")
                await hub.ask("show", ref=member.name)

    async def poll(self) -> None:
        """A program asks the admin API."""
        headers = {"x-api-key": self._key}
        async with aiohttp.ClientSession(self._admin, headers=headers) as session:
            while self._soak.goes_on:
                await self._soak.pause(0.1, 1.0)
                path = self._soak.chance.choice(API)
                async with session.get(f"/api/v1/{path}") as answer:
                    await answer.read()
                    self._note(f"admin API: {path}", answer.status)

    async def visit(self) -> None:
        """People log in to the dashboard, watch pages live for a moment, and leave."""
        while self._soak.goes_on:
            async with aiohttp.ClientSession(self._admin, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
                async with session.post("/dashboard/login", data={"key": self._key}, allow_redirects=False) as answer:
                    self._note("logged in", answer.status)
                for page in self._soak.chance.sample(PAGES, 3):
                    async with session.get(f"/dashboard/{page}") as answer:
                        csrf = re.search(r'name="csrf" value="(\w+)"', await answer.text())
                        self._note(f"page: {page}", answer.status)
                    live = {"Accept": "text/event-stream"}
                    async with session.get(f"/dashboard/{page}", headers=live) as answer:
                        self._note(f"live: {page}", answer.status)
                        await answer.content.read(1)
                        await self._soak.pause(0.2, 3.0)
                if csrf:
                    form = {"csrf": csrf[1]}
                    async with session.post("/dashboard/logout", data=form, allow_redirects=False) as answer:
                        self._note("logged out", answer.status)

    async def be_rude(self) -> None:
        """Connections that break off, and requests that are none."""
        while self._soak.goes_on:
            await self._soak.pause(0.1, 1.0)
            async with wire(self._hub.url) as connection:
                await connection.send(self._soak.chance.choice(RUDE))
                await asyncio.sleep(0.05)
            self._soak.done["rude"] += 1

    def _note(self, what: str, status: int) -> None:
        self._soak.done[what] += 1
        if status >= 500:
            self._soak.broken.append(f"{what}: HTTP {status}")


def _digit(number: int) -> str:
    return "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number % 36]
