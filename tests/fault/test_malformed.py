"""Malformed requests to a hub that is a process: directly, behind nginx and behind HAProxy.

The hub answers none of them with HTTP 5xx, logs no error, answers everybody else, and does not grow. A request hidden
in another one never becomes a message.
"""

import asyncio
import itertools
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.core.party import PartyRole, Role
from tests.deploy.proxy import haproxy, needs_haproxy, needs_nginx, nginx
from tests.fault.load import configure
from tests.fault.malformed import Malformed, malformed
from tests.fault.memory import resident
from tests.fault.process import HubProcess
from tests.fault.samples import Voice, routing, valid
from tests.fault.smuggling import FORMS
from tests.fault.wire import authorization
from tests.partner import Asked, Partner, Say, ocpi
from tests.ports import free_port
from tests.promises import LONG, size
from tests.raw import TARIFF, Answer, request, wire

pytestmark = [pytest.mark.promise(4), needs_nginx, needs_haproxy, pytest.mark.timeout(0 if LONG else 90)]

REQUESTS = size(2_004, 30_000)
"""By way of all fronts together."""
METHODS = size(("PUT", "GET"), ("PUT", "POST", "PATCH", "GET", "DELETE"))
"""With each of them each form of hiding a request is tried on each front."""
MARK = "HIDDEN"
AT_ONCE = 150
HEALTHY = 20
"""Each so many requests a healthy one goes the same way."""
SEED = 7
PATIENCE = 2.0
"""Seconds that the hub gives a request to arrive."""
MORE = 1.0
"""Seconds for a further answer."""
MB = 1 << 20
AWAY = (502, 503, 504)
"""What a proxy answers where the hub does not."""
LIMITS = {"timeout": 20.0, "slow_request": PATIENCE, "request_body": 100_000}
VERSIONS = ("2.1.1", "2.2.1", "2.3.0")
MODULES = ("locations", "sessions", "cdrs", "tariffs", "tokens", "commands", "chargingprofiles")
ENDPOINTS = [f"{side}/{module}" for module in MODULES for side in ("sender", "receiver")]


class Agreeable(Partner):
    """Takes whatever comes."""

    def usual(self, asked: Asked) -> Say:
        usual = super().usual(asked)
        return ocpi([]) if usual.status == 404 else usual


class Front(msgspec.Struct, frozen=True):
    """A way to the hub. `waits`: seconds for an answer; who waits for more than came is cut off by the hub in time."""

    name: str
    url: str
    waits: float
    tls: ssl.SSLContext | None = None


class Figures(msgspec.Struct):
    """What came of it. `hanging` got neither an answer nor the end of the connection."""

    sent: int = 0
    by_hub: Counter[int] = Counter()
    by_proxy: Counter[int] = Counter()
    hanging: int = 0
    healthy: int = 0
    unhealthy: list[Any] = []
    bad: list[Any] = []

    def take(self, front: Front, raw: bytes, answer: Answer) -> None:
        """The hub's answers have a message id, those of proxies have none."""
        whose = self.by_hub if "x-request-id" in answer.headers else self.by_proxy
        whose[answer.status] += 1
        if answer.status >= 500:
            self.bad.append((front.name, "x-request-id" in answer.headers, raw, answer))


class House(msgspec.Struct):
    """A hub with partners of every version, and the ways to it."""

    hub: HubProcess
    fronts: list[Front]
    partners: list[Partner]
    voices: list[Voice]

    def push(self, name: str) -> bytes:
        """A push of a tariff that has to get through."""
        cpo, emsp = self.voices[2], self.voices[3]
        target = f"/ocpi/2.2.1/receiver/tariffs/{cpo.party.country}/{cpo.party.party_id}/{name}"
        last = ("Connection: close",) if name.startswith(MARK) else ()
        body = TARIFF.replace(b'"T1"', b'"%b"' % name.encode()).replace(b'"CPO"', b'"%b"' % cpo.party.party_id.encode())
        return request("PUT", target, *routing(cpo.party, emsp.party), *last, token=cpo.token, body=body)


async def test_none_of_them_does_any_harm(tmp_path, proof):
    figures = Figures(by_hub=Counter(), by_proxy=Counter())
    async with house(tmp_path) as at:
        originals = list(valid(at.voices))
        made = malformed(SEED, originals)
        await send(at, figures, itertools.islice(made, 300))  # everything is loaded now
        figures.sent = 0
        memory = [resident(at.hub)]
        for _ in range(12):
            await send(at, figures, itertools.islice(made, REQUESTS // 12))
            memory.append(resident(at.hub))
        print("memory", [f"{each / MB:.1f}" for each in memory])
        await at.hub.stop()
        log = at.hub.log.read_text()
    print("hub", figures.by_hub, "proxies", figures.by_proxy)
    proof.at_least("malformed requests", figures.sent, REQUESTS)
    proof.exactly("answers 5xx of the hub", sum(n for code, n in figures.by_hub.items() if code >= 500), 0)
    lost = [each for each in figures.bad if each[3] and not each[1] and each[3].status in AWAY]
    assert lost == []
    proof.exactly("answers 502 to 504 of a proxy because the hub did not answer", len(lost), 0)
    assert [each for each in figures.bad if each[3] is None] == []
    proof.exactly("requests left without an answer or an end", figures.hanging, 0)
    assert figures.unhealthy == []
    proof.exactly("healthy requests not answered among them", len(figures.unhealthy), 0)
    proof.at_least("healthy requests among them", figures.healthy, REQUESTS // HEALTHY // 2)
    proof.exactly("tracebacks and errors in the log", len(errors(log)), 0)
    growth = min(memory[-3:]) - max(memory[4:6])
    proof.at_most("MB of growth after the first third", round(growth / MB, 1), 5)
    assert {200, 201, 400, 401, 404, 405, 408, 413} & figures.by_hub.keys() >= {200, 400, 401, 404, 405}


async def test_a_hidden_request_is_no_message(tmp_path, proof):
    """Where a proxy takes it for a request of its own, and answers it as one, it is none that is hidden."""
    figures, answers = Figures(by_hub=Counter(), by_proxy=Counter()), {}
    async with house(tmp_path) as at:
        control = await asyncio.gather(
            *(
                _try(front, Malformed("smuggled", at.push("H") + at.push(f"OPEN-{front.name}")), figures)
                for front in at.fronts
            )
        )
        assert control == [2] * len(at.fronts)
        tried = {name: (front, raw) for front, name, raw in _hiding(at)}
        waiting = iter(tried.items())

        async def work() -> None:
            for name, (front, raw) in waiting:
                answers[name] = await _try(front, Malformed("smuggled", raw), figures)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())
        hidden = []
        for name in sorted({line.rpartition("/")[2] for partner in at.partners for line in partner.lines} & {*tried}):
            front, raw = tried[name]
            # Alone and with patience: on a busy machine the second answer may have come too late.
            patient = msgspec.structs.replace(front, waits=10.0)
            if front.tls is None or await _try(patient, Malformed("smuggled", raw), figures, more=10.0) < 2:
                hidden.append(name)
        await at.hub.stop()
    proof.at_least("requests with another one hidden in them", len(answers), 300)
    assert hidden == []
    proof.exactly("hidden requests that reached a partner", len(hidden), 0)
    assert [each for each in figures.bad if not each[3] or each[1] or each[3].status in AWAY] == []


def _hiding(at: House) -> Iterator[tuple[Front, str, bytes]]:
    """The front, the name of what is hidden, and the request that it is hidden in."""
    cpo, emsp = at.voices[2], at.voices[3]
    target = f"/ocpi/2.2.1/receiver/tariffs/{cpo.party.country}/{cpo.party.party_id}/OUTER"
    headers = [*routing(cpo.party, emsp.party), f"Authorization: {authorization(cpo.token)}"]
    for front, method, number in itertools.product(at.fronts, METHODS, range(len(FORMS))):
        name = f"{MARK}-{front.name}-{method}-{number}"
        lines, rest = FORMS[number](at.push(name))
        yield front, name, request(method, target, *headers, *lines) + rest


def errors(log: str) -> list[str]:
    """Lines of the log that tell of a failure of the hub."""
    told = [line for line in log.splitlines() if line.startswith("{")]
    return [line for line in told if json.loads(line)["level"] in ("error", "critical")] + ["Traceback"] * log.count(
        "Traceback"
    )


async def send(at: House, figures: Figures, requests: Iterable[Malformed]) -> None:
    """Each by way of the next front."""
    feed = enumerate(requests)

    async def work() -> None:
        for number, each in feed:
            front = at.fronts[number % len(at.fronts)]
            await _try(front, each, figures)
            figures.sent += 1
            if number % HEALTHY == 0:
                await _healthy(front, at.push(f"H{number}"), figures)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work())


async def _healthy(front: Front, raw: bytes, figures: Figures) -> None:
    async with wire(front.url, 30.0, front.tls) as connection:
        await connection.send(raw)
        answer = await connection.answer()
    figures.healthy += 1
    if answer is None or answer.status not in (200, 201) or answer.code != 1000:
        figures.unhealthy.append((front.name, answer))


async def _try(front: Front, each: Malformed, figures: Figures, more: float = MORE) -> int:
    """How many answers come back, until the other side ends the connection or has said all that it will."""
    head = each.raw.lstrip().startswith(b"HEAD ")
    several, answered = each.kind in ("pipelined", "smuggled"), 0
    async with wire(front.url, front.waits, front.tls) as connection:
        await connection.send(each.raw)
        try:
            async with asyncio.timeout(None) as clock:
                while (answer := await connection.answer(head=head)) is not None:
                    if answer.status < 200:
                        continue
                    figures.take(front, each.raw, answer)
                    answered += 1
                    if not several:
                        break
                    clock.reschedule(asyncio.get_running_loop().time() + more)
        except TimeoutError:
            if front.tls is None and not answered:
                figures.hanging += 1
                figures.bad.append((front.name, False, each.raw, None))
    return answered


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    """The hub, its partners, and what stands in front."""
    hub = HubProcess(folder)
    configure(hub, limits=LIMITS, routing={"validation": "enforce"}, partner_limits={"wrong_tokens": 0})
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(hub)
        partners, voices = [], []
        for version in VERSIONS:
            for role, country in ((Role.CPO, "NL"), (Role.EMSP, "DE")):
                name = f"{country}-{role[0]}{version.replace('.', '')[:2]}"
                partner = Agreeable(f"{name}:{role}", endpoints=ENDPOINTS, version=version)
                await stack.enter_async_context(partner.serve())
                partner.raw = version == "2.1.1"
                invited = await hub.ask("invite", name=name, parties=[f"{name}:{role}"])
                partner.token, partner.hub = invited["token_a"], hub.url
                assert (await partner.register()).code == 1000
                partners.append(partner)
                party = PartyRole.parse(f"{name}:{role}").party
                voices.append(Voice(version, role, party, partner.token, partner.raw))
        first = await stack.enter_async_context(nginx(folder / "nginx", free_port(), hub.port))
        second = await stack.enter_async_context(haproxy(folder / "haproxy", free_port(), hub.port))
        fronts = [
            Front("hub", hub.url, 10.0),
            Front("nginx", first.url, 1.0, first.tls),
            Front("haproxy", second.url, 1.0, second.tls),
        ]
        yield House(hub, fronts, partners, voices)
