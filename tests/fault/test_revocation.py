"""Who is shut out is refused at once, on every open connection, under load; what it has under way goes no further.

A real hub, and a CPO that sends on many connections at the same time: whole requests one after another, requests whose
body is not all there yet, requests whose answer is waited for, and a broadcast that waits for its turn.
"""

import asyncio
import re
import time
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest

from hub.core.party import Party
from tests.fault.load import TARIFF, configure, join
from tests.fault.process import HubProcess
from tests.partner import Partner, ocpi
from tests.ports import free_port
from tests.promises import size
from tests.raw import request, wire

pytestmark = [pytest.mark.promise(10), pytest.mark.timeout(size(90, 600))]

AT_ONCE = size(8, 50)
HALF = size(3, 20)
ROUNDS = size(1, 10)
SECOND = 1.0
ENDED = {"suspended": "suspend", "removed": "remove"}
HUB = Party("NL", "HUB")
RENEWED = ("rotated", "invited again")


class Slow(Partner):
    """An eMSP that answers tariffs when its gate is open; `got` counts what came, by the id of the tariff."""

    def __init__(self, role: str) -> None:
        super().__init__(role, endpoints=["receiver/tariffs"])
        self.gate = asyncio.Event()

    def usual(self, asked):
        return self._answer if "/tariffs/" in asked.target else super().usual(asked)

    async def _answer(self, _):
        await self.gate.wait()
        return ocpi()

    def got(self, tariff: str) -> int:
        return sum(each.target.endswith(f"/{tariff}") for each in self.asked)

    async def gets(self, tariff: str, times: int) -> None:
        async with asyncio.timeout(20), self._came:
            await self._came.wait_for(lambda: self.got(tariff) >= times)


class Cpo(Partner):
    """One that will be shut out."""

    def put(self, tariff: str, to: Partner | None) -> bytes:
        """A push to one, or to all."""
        party = self.party
        receiver = to.party if to else HUB
        told = f"OCPI-to-country-code: {receiver.country}", f"OCPI-to-party-id: {receiver.party_id}"
        own = f"OCPI-from-country-code: {party.country}", f"OCPI-from-party-id: {party.party_id}"
        body = TARIFF.replace(b'"CPO"', b'"%s"' % party.party_id.encode()).replace(b'"T1"', b'"%s"' % tariff.encode())
        path = f"/ocpi/2.2.1/receiver/tariffs/{party.country}/{party.party_id}/{tariff}"
        return request("PUT", path, *told, *own, token=self.token, body=body)


class Story:
    """What one CPO has under way when it is shut out. `shut_at` is when that was done, `refused` when each learnt."""

    def __init__(self, hub: HubProcess, cpo: Cpo, quick: Slow, slow: Slow) -> None:
        self.hub, self.cpo, self.quick, self.slow = hub, cpo, quick, slow
        self.name = cpo.party.party_id
        self.shut = asyncio.Event()
        self.refused: list[float] = []
        self.accepted = 0

    async def send(self) -> None:
        """One connection: one request after another, until one is refused."""
        data = self.cpo.put(f"{self.name}-load", self.quick)
        async with wire(self.hub.url, 20) as connection:
            while True:
                await connection.send(data)
                answer = await connection.answer()
                if answer.status != 200:
                    break
                assert answer.code == 1000, answer
                self.accepted += 1
        self.refused.append(time.monotonic())
        assert answer.status in (401, 429)

    async def send_half(self) -> None:
        """The first half of a request before, the rest after it."""
        data = self.cpo.put(f"{self.name}-half", self.quick)
        async with wire(self.hub.url, 20) as connection:
            await connection.send(data[:-30])
            await self.shut.wait()
            await connection.send(data[-30:])
            answer = await connection.answer()
        assert answer.status in (401, 429), answer

    async def wait(self) -> tuple[int, float]:
        """A request whose answer is waited for: HTTP status, and when it came."""
        async with wire(self.hub.url, 20) as connection:
            await connection.send(self.cpo.put(f"{self.name}-wait", self.slow))
            answer = await connection.answer()
            return answer.status, time.monotonic()

    async def broadcast(self, times: int) -> None:
        """To all, about one object: each delivery waits for the one before."""
        for _ in range(times):
            async with wire(self.hub.url, 20) as connection:
                await connection.send(self.cpo.put(f"{self.name}-all", None))
                assert (await connection.answer()).code == 1000

    async def begin(self, group: asyncio.TaskGroup) -> list[asyncio.Task[tuple[int, float]]]:
        """Everything is under way when this returns; gives those who wait."""
        waiting = [group.create_task(self.wait()) for _ in range(HALF)]
        await self.broadcast(3)
        for each in (self.send, self.send_half):
            for _ in range(AT_ONCE if each == self.send else HALF):
                group.create_task(each())
        await self.slow.gets(f"{self.name}-wait", HALF)
        await self.slow.gets(f"{self.name}-all", 1)
        await self.quick.gets(f"{self.name}-all", 3)
        while self.accepted < AT_ONCE * 5:
            await asyncio.sleep(0.01)
        return waiting


@asynccontextmanager
async def scene(folder):
    """A hub, an eMSP that answers and one that does not, and one more CPO."""
    async with AsyncExitStack() as stack:
        hub = HubProcess(folder, timeout=20.0, connections=200)
        await stack.enter_async_context(hub)
        quick, slow = Slow("DE-QUI:EMSP"), Slow("DE-SLO:EMSP")
        quick.gate.set()
        made = []
        for partner in (quick, slow, Cpo("NL-OTH:CPO", endpoints=["sender/tariffs"])):
            made.append(await stack.enter_async_context(partner.serve()))
            await join(hub, partner)
        yield hub, *made


async def shut_out(hub: HubProcess, cpo: Cpo, how: str) -> None:
    """What an operator does, or the CPO itself."""
    if how == "rotated":
        assert (await cpo.register("PUT")).code == 1000
    else:
        await hub.ask(ENDED.get(how, "invite-again"), ref=str(cpo.roles[0]))


async def test_a_partner_that_is_shut_out_is_refused_within_a_second(tmp_path, proof):
    async with scene(tmp_path) as (hub, quick, slow, other):
        for kind, how in enumerate((*ENDED, *RENEWED)):
            seconds, waited, answered = [], [], 0
            for number in range(ROUNDS):
                async with Cpo(f"NL-{kind}{number:02}:CPO", endpoints=["sender/tariffs"]).serve() as cpo:
                    await join(hub, cpo)
                    story = Story(hub, cpo, quick, slow)
                    refused, told = await play(story, how)
                    seconds.append(refused)
                    waited += [after for _, after in told]
                    answered += sum(status != 401 for status, _ in told)
                    await check_after(story, other, how)
            proof.at_most(f"seconds until a partner {how} is refused", round(max(seconds), 3), SECOND)
            if how in ENDED:
                proof.exactly(f"answers to what was under way of a partner {how}", answered, 0)
                proof.at_most(f"seconds until that of a partner {how} is ended", round(max(waited), 3), SECOND)
        proof.at_least("partners shut out under load", ROUNDS * len((*ENDED, *RENEWED)), size(4, 40))


async def play(story: Story, how: str) -> tuple[float, list[tuple[int, float]]]:
    """Seconds until every connection was refused; HTTP status and seconds of those who waited for an answer."""
    story.slow.gate.clear()
    async with asyncio.TaskGroup() as group:
        waiting = await story.begin(group)
        await shut_out(story.hub, story.cpo, how)
        done = time.monotonic()
        story.shut.set()
        told = await asyncio.gather(*waiting) if how in ENDED else []
        story.slow.gate.set()
    return max(story.refused) - done, [(status, at - done) for status, at in told]


async def check_after(story: Story, other: Cpo, how: str) -> None:
    """Nothing was delivered that was not on its way; what had its turn later was, where the partner is still one."""
    async with wire(story.hub.url, 20) as connection:
        await connection.send(other.put(f"{story.name}-after", story.slow))
        assert (await connection.answer()).code == 1000
    if how not in ENDED:
        await story.slow.gets(f"{story.name}-all", 3)
    assert story.slow.got(f"{story.name}-all") == (1 if how in ENDED else 3)
    assert story.slow.got(f"{story.name}-wait") == HALF
    assert story.quick.got(f"{story.name}-half") == 0


class Browser:
    """Somebody who is logged in to the dashboard, and looks at live pages. `over` is when each of them ended."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.over: list[float] = []
        self._live = 0
        self._news = asyncio.Event()

    async def log_in(self, key: str) -> None:
        async with self.session.post("/dashboard/login", data={"key": key}, allow_redirects=False) as answer:
            assert answer.status == 303

    async def watch(self, page: str) -> None:
        """Look at a page until the hub ends that."""
        async with self.session.get(f"/dashboard/{page}", headers={"Accept": "text/event-stream"}) as answer:
            assert answer.status == 200
            assert (await answer.content.readline()).startswith(b"event: part")
            self._live += 1
            self._news.set()
            await answer.content.read()
        self.over.append(time.monotonic())

    async def sees(self, pages: int) -> None:
        """Wait until so many pages are open."""
        while self._live < pages:
            self._news.clear()
            await self._news.wait()

    async def is_over(self) -> None:
        """Wait until all pages ended."""
        async with asyncio.timeout(30):
            while len(self.over) < self._live:
                await asyncio.sleep(0.01)

    async def log_out(self) -> None:
        async with self.session.get("/dashboard/overview") as answer:
            csrf = re.search(r'name="csrf" value="(\w+)"', await answer.text())[1]
        async with self.session.post("/dashboard/logout", data={"csrf": csrf}, allow_redirects=False) as answer:
            assert answer.status == 303

    async def is_out(self) -> bool:
        async with self.session.get("/dashboard/overview.json") as answer:
            return answer.status == 401


@asynccontextmanager
async def browser(url, key):
    async with aiohttp.ClientSession(url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        made = Browser(session)
        await made.log_in(key)
        yield made


PAGES = "overview", "map", "mirror"
"""Drawn anew every 2, 4 and 10 seconds."""


async def call_until_refused(url, key):
    """Call the admin API on one connection until it refuses; when it took the key for the last time.

    The refusal itself may come late: wrong keys are slowed down, and a revoked one is a wrong one.
    """
    async with aiohttp.ClientSession(url, headers={"x-api-key": key}) as session:
        accepted = time.monotonic()
        while True:
            async with session.get("/api/v1/partners") as answer:
                if answer.status != 200:
                    assert answer.status in (401, 429)
                    return accepted
                accepted = time.monotonic()


async def test_an_admin_key_that_is_revoked_and_its_sessions_are_refused_within_a_second(tmp_path, proof):
    hub, port = HubProcess(tmp_path), free_port()
    configure(hub, admin={"port": port})
    url, called, watched = f"http://127.0.0.1:{port}", [], []
    async with hub:
        for number in range(ROUNDS):
            key = (await hub.ask("key-create", name=f"key {number}", scope="read"))["key"]
            async with browser(url, key) as visitor, asyncio.TaskGroup() as group:
                calling = [group.create_task(call_until_refused(url, key)) for _ in range(2)]
                for page in PAGES:
                    group.create_task(visitor.watch(page))
                await visitor.sees(len(PAGES))
                await hub.ask("key-revoke", name=f"key {number}")
                done = time.monotonic()
                called.append(max(0.0, *(each - done for each in await asyncio.gather(*calling))))
                await visitor.is_over()
                watched.append(max(visitor.over) - done)
                assert await visitor.is_out()
        await check_logout(hub, url, proof)
    proof.at_least("admin keys revoked", len(called), ROUNDS)
    proof.at_most("seconds until live pages of a revoked admin key end", round(max(watched), 3), SECOND)
    proof.at_most("seconds in which a revoked admin key still opens", round(max(called), 3), SECOND)


async def check_logout(hub, url, proof):
    """One session ends everywhere, and another one of the same key goes on."""
    key = (await hub.ask("key-create", name="key", scope="read"))["key"]
    async with browser(url, key) as visitor, browser(url, key) as other, asyncio.TaskGroup() as group:
        for page in PAGES:
            group.create_task(visitor.watch(page))
        staying = group.create_task(other.watch("mirror"))
        await visitor.sees(len(PAGES))
        await other.sees(1)
        await visitor.log_out()
        done = time.monotonic()
        await visitor.is_over()
        proof.at_most("seconds until live pages of a session end", round(max(visitor.over) - done, 3), SECOND)
        assert await visitor.is_out()
        assert not await other.is_out()
        assert not other.over
        staying.cancel()
