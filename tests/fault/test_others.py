"""One partner is dead, another has names that are never found, a third floods: what the others notice of it.

Others are a CPO and an eMSP that answers; what they send each other is timed as the CPO sees it.
"""

import asyncio
import json
import socket
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median, quantiles

import pytest

from hub.config import PartnerLimits
from tests.fault.load import PATH, TARIFF, configure, join, put, receiver
from tests.fault.preload import compiled, needs_compiler
from tests.fault.process import HubProcess
from tests.partner import Partner, ocpi
from tests.promises import size
from tests.raw import request, wire

pytestmark = [pytest.mark.promise(5), pytest.mark.timeout(size(120, 1800))]

WAITING = size(200, 1000)
ROUNDS = size(3, 9)
REQUESTS = size(200, 1000)
CONNECTIONS = 4
NAMES = ("tariffs", "locations", "sessions")
LASTS = size(2.0, 70.0)
NEW = 5
PACE = 50.0
FLOOD = size(4.0, 60.0)
MEASURED = 3
"""So many times a ratio is measured at most: a machine that is busy with something else spoils it."""
OK = ocpi().body


class Dead:
    """A server that is dead until it is revived: it accepts and never answers; or it takes no connections at all."""

    def __init__(self, *, accepts: bool) -> None:
        self.reached = 0
        self._accepts = accepts
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=2000 if accepts else 0)
        self._listener.setblocking(False)
        self._alive = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._accepting: asyncio.Task[None] | None = None
        self._filling: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def die(self) -> None:
        self._alive.clear()
        self.reached = 0
        if self._accepts:
            self._accept()
            return
        if self._accepting:
            self._accepting.cancel()
            self._accepting = None
        # A full queue: the kernel drops whatever else wants to connect.
        self._listener.listen(0)
        self._filling = [socket.socket() for _ in range(8)]
        for each in self._filling:
            each.setblocking(False)
            each.connect_ex(self._listener.getsockname())

    def revive(self) -> None:
        self._alive.set()
        self._listener.listen(2000)
        for each in self._filling:
            each.close()
        self._accept()

    async def stop(self) -> None:
        for each in (*self._tasks, *([self._accepting] if self._accepting else [])):
            each.cancel()
        self._listener.close()
        for each in self._filling:
            each.close()
        await asyncio.sleep(0)

    def _accept(self) -> None:
        if self._accepting is None:
            self._accepting = asyncio.create_task(self._take())

    async def _take(self) -> None:
        while True:
            connection, _ = await asyncio.get_running_loop().sock_accept(self._listener)
            task = asyncio.create_task(self._answer(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(len(TARIFF))
            self.reached += 1
            await self._alive.wait()
            head = (
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            )
            writer.write(head % len(OK) + OK)
            await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            writer.close()


class Elsewhere(Partner):
    """An eMSP whose modules are at other servers than its credentials."""

    def __init__(self, role: str, servers: dict[str, str]) -> None:
        super().__init__(role, endpoints=[f"receiver/{module}" for module in servers])
        self._servers = servers

    def details(self):
        known = super().details()
        for each in known["endpoints"]:
            if each["identifier"] in self._servers:
                each["url"] = f"{self._servers[each['identifier']]}/{each['identifier']}"
        return known


def to(partner: Partner) -> tuple[str, ...]:
    own = "OCPI-from-country-code: NL", "OCPI-from-party-id: CPO"
    return f"OCPI-to-country-code: {partner.party.country}", f"OCPI-to-party-id: {partner.party.party_id}", *own


class Others:
    """A CPO and an eMSP. `failed` counts their messages that failed, over all measurements, by what they were told."""

    def __init__(self, hub: HubProcess, cpo: Partner, emsp: Partner) -> None:
        self.hub, self.cpo, self.emsp = hub, cpo, emsp
        self.sent = 0
        self.failed: Counter[object] = Counter()

    async def busy(self, requests: int) -> list[float]:
        """Seconds of so many messages, one after another on each of some connections."""
        taken: list[float] = []

        async def send() -> None:
            async with wire(self.hub.url, 60) as connection:
                while len(taken) < requests:
                    await self._one(connection, taken)

        await asyncio.gather(*(send() for _ in range(CONNECTIONS)))
        return taken

    async def paced(self, lasts: float) -> list[float]:
        """Seconds of messages that are sent at their times, whatever became of those before."""
        taken: list[float] = []

        async def send() -> None:
            async with wire(self.hub.url, 60) as connection:
                await self._one(connection, taken)

        async with asyncio.TaskGroup() as group:
            until = time.monotonic() + lasts
            while time.monotonic() < until:
                group.create_task(send())
                await asyncio.sleep(1 / PACE)
        return taken

    async def _one(self, connection, taken: list[float]) -> None:
        began = time.monotonic()
        await connection.send(put(self.cpo, to(self.emsp)))
        answer = await connection.answer()
        taken.append(time.monotonic() - began)
        self.sent += 1
        told = answer and answer.told
        if told != (200, 1000):
            self.failed[told] += 1
            print("failed:", told, answer and answer.body)


def p99(taken: list[float]) -> float:
    return round(quantiles(taken, n=100)[98], 3)


@asynccontextmanager
async def at_work(hub: HubProcess):
    """A hub with others that are well."""
    async with hub, AsyncExitStack() as stack:
        cpo, emsp = Partner("NL-CPO:CPO", endpoints=["sender/tariffs"]), receiver("DE-MSP:EMSP")
        for each in (cpo, emsp):
            await stack.enter_async_context(each.serve())
            await join(hub, each)
        yield Others(hub, cpo, emsp)


async def test_a_dead_partner_with_many_who_wait_for_it(tmp_path, proof):
    hub = HubProcess(tmp_path, timeout=900.0, connections=WAITING)
    configure(hub, upstream={"connect_timeout": 900})
    dead = [Dead(accepts=True), Dead(accepts=False)]
    async with at_work(hub) as others, AsyncExitStack() as stack:
        gone = []
        for number, each in enumerate(dead):
            stack.push_async_callback(each.stop)
            partner = Elsewhere(f"DE-D{number:02}:EMSP", {"tariffs": each.url})
            gone.append(await stack.enter_async_context(partner.serve()))
            await join(hub, partner)
        await others.busy(REQUESTS)
        ratios = []
        while not ratios or (min(ratios) > 1.1 and len(ratios) < MEASURED):
            ratios.append(median([await compared(others, dead, gone) for _ in range(ROUNDS)]))
        proof.at_least("callers who wait for dead partners", WAITING, size(200, 1000))
        proof.at_least("messages of others beside them", others.sent, size(1000, 15_000))
        proof.exactly("of these failed beside dead partners", others.failed.total(), 0)
        proof.at_most("p50 of others, beside dead partners and without", round(min(ratios), 3), size(1.5, 1.1))


async def compared(others: Others, dead: list[Dead], gone: list[Partner]) -> float:
    """The p50 of others while many wait for dead partners, as a part of that without."""
    before = median(await others.busy(REQUESTS))
    for each in dead:
        each.die()
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(call(others, partner)) for partner in gone for _ in range(WAITING // len(gone))]
        async with asyncio.timeout(60):
            while dead[0].reached < WAITING // len(gone):
                await asyncio.sleep(0.01)
        beside = median(await others.busy(REQUESTS))
        assert not any(each.done() for each in waiting)
        for each in dead:
            each.revive()
    return beside / before


async def call(others: Others, partner: Partner) -> None:
    """One message to a partner that is dead; it is answered when that is revived."""
    async with wire(others.hub.url, 120) as connection:
        await connection.send(put(others.cpo, to(partner)))
        answer = await connection.answer()
        assert answer.told == (200, 1000), answer


@needs_compiler
async def test_names_that_are_never_found(tmp_path, proof):
    """One partner with some names that hang, and very many messages to them, and a few more such partners."""
    hub = HubProcess(
        tmp_path, connections=WAITING, environment={"LD_PRELOAD": str(compiled("hanging_names", tmp_path))}
    )
    async with at_work(hub) as others, AsyncExitStack() as stack:
        lost = [
            Elsewhere(f"DE-H{number:02}:EMSP", {module: f"http://{module}{number}.hang:80" for module in NAMES})
            for number in range(8)
        ]
        for each in lost:
            await stack.enter_async_context(each.serve())
            await join(hub, each)
        found, tails = 0, []
        while not tails or (min(tails) > 1.0 and len(tails) < MEASURED):
            async with asyncio.TaskGroup() as group:
                sent = Counter[str]()
                target = lost[len(tails)]
                for partner in [target] * WAITING + lost[MEASURED:] * 4:
                    group.create_task(lose(others, partner, sent))
                while sent.total() < WAITING:
                    await asyncio.sleep(0.01)
                measuring = group.create_task(others.paced(LASTS))
                found += await fresh_names(others, stack, len(tails))
            tails.append(p99(measuring.result()))
        proof.at_least("messages to names that hang", WAITING * len(NAMES), size(600, 3000))
        proof.exactly("messages of others that fail beside names that hang", others.failed.total(), 0)
        proof.at_most("p99 seconds of others beside names that hang", min(tails), 1.0)
        proof.exactly("new names that were not found meanwhile", NEW * len(tails) - found, 0)


async def lose(others: Others, partner: Partner, sent: Counter[str]) -> None:
    """A message to each of the names; each is answered that there is no connection."""
    for module in NAMES:
        async with wire(others.hub.url, 60) as connection:
            path = f"/ocpi/2.2.1/receiver/{module}/NL/CPO/T1"
            await connection.send(request("PUT", path, *to(partner), token=others.cpo.token, body=TARIFF))
            sent[module] += 1
            assert (await connection.answer()).code == 4003


async def fresh_names(others: Others, stack: AsyncExitStack, turn: int) -> int:
    """Partners register at names that nobody asked for before, and get a message."""
    found = 0
    for number in range(NEW):
        partner = receiver(f"DE-{turn}N{number}:EMSP")
        await stack.enter_async_context(partner.serve())
        partner.url = partner.url.replace("127.0.0.1", f"new{turn}{number}.well")
        await join(others.hub, partner)
        async with wire(others.hub.url, 60) as connection:
            await connection.send(put(others.cpo, to(partner)))
            found += (await connection.answer()).told == (200, 1000)
    return found


@asynccontextmanager
async def flooding(hub: HubProcess, data: bytes, told: Counter[str]):
    """A process that sends one request again and again on many connections."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, Path(__file__).with_name("flood.py"), str(hub.port), "50",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    process.stdin.write(b"%d\n" % len(data) + data)
    try:
        yield
    finally:
        out, _ = await process.communicate(b"")  # closes its standard input
        told.update(json.loads(out))


@pytest.mark.parametrize("what", ["broadcasts", "requests"])
async def test_a_partner_that_floods(what, tmp_path, proof):
    """The limits are those of a hub where nothing is configured."""
    hub = HubProcess(tmp_path, timeout=30.0)
    configure(
        hub, partner_limits={each: getattr(PartnerLimits(), each) for each in ("requests", "broadcasts", "parallel")}
    )
    told: Counter[str] = Counter()
    async with at_work(hub) as others, Partner("NL-FLO:CPO", endpoints=["sender/tariffs"]).serve() as flooder:
        await join(hub, flooder)
        own = "OCPI-from-country-code: NL", "OCPI-from-party-id: FLO"
        whom = ("NL", "HUB") if what == "broadcasts" else ("DE", "MSP")
        body, path = TARIFF.replace(b'"CPO"', b'"FLO"'), PATH.replace("CPO", "FLO")
        others.emsp.says["PUT /receiver/tariffs/NL/FLO/T1"] = ocpi()
        headers = f"OCPI-to-country-code: {whom[0]}", f"OCPI-to-party-id: {whom[1]}", *own
        async with flooding(hub, request("PUT", path, *headers, token=flooder.token, body=body), told):
            taken = await others.paced(FLOOD)
    # Broadcasts are kept on disk before they are answered: that is what slows their flood down first.
    proof.at_least(f"{what} a second of one that floods", round(told.total() / FLOOD), 10)
    if what == "requests":
        proof.at_least("of its requests refused (429)", told["429"], size(0, 1000))
    proof.exactly(f"messages of others that fail beside a flood of {what}", others.failed.total(), 0)
    proof.at_most(f"p99 seconds of others beside a flood of {what}", p99(taken), 1.0)
