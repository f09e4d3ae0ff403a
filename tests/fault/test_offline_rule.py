"""The offline rule: a push that could not be delivered is told to its sender, and is gone (OCPI 2.2.1, chapter 4).

Partners fail in many ways under 200 pushes each (1,000 for a release). All come back, and the hub lives through a day
of its own clock; then it is killed, started again, and lives through another. Nobody may ever get one of those pushes
a second time or later, and no byte of them may be in any file of the hub.
"""

import asyncio
import base64
import re
import secrets
import time
from collections import Counter
from collections.abc import Iterable
from enum import Enum, auto
from pathlib import Path
from typing import NamedTuple

import pytest

from hub.core.party import PartyRole
from tests.fault import raw_partner
from tests.fault.by_hand import Platform
from tests.fault.clock import Clock
from tests.fault.preload import needs_compiler
from tests.fault.process import HubProcess
from tests.fault.raw_partner import Behaviour, RawPartner, Received
from tests.fault.wire import NoAnswer
from tests.promises import size

PUSHES = size(200, 1000)
HOURS = size(2, 24)
AT_ONCE = 200
SOME_AT_ONCE = 40
LANES = 2
"""Fewer than the failures in a row that make the hub give a partner up."""
IN_FLIGHT = 10
TIMEOUT = 3.0
IDLE = 300.0
"""Seconds of silence after which the hub looks whether a partner is there."""

DONE, TIMED_OUT, NOT_CONNECTED, ELSE = 1000, 4002, 4003, 4000


class Way(Enum):
    """How pushes come, so that the hub does attempt them."""

    AT_ONCE = auto()
    """Before the hub has given the partner up."""
    SOME_AT_ONCE = auto()
    BETWEEN = auto()
    """Between requests that the partner answers, so that the hub never gives it up."""
    ONE_BY_ONE = auto()
    """Likewise, on the connection of such a request."""


class Failure(NamedTuple):
    """`code` is what the sender of a push is told."""

    behaviour: Behaviour | None
    code: int
    way: Way


FAILURES = {
    "refuses": Failure(None, NOT_CONNECTED, Way.SOME_AT_ONCE),
    "resets": Failure(raw_partner.reset, NOT_CONNECTED, Way.BETWEEN),
    "hangs up": Failure(raw_partner.close, NOT_CONNECTED, Way.BETWEEN),
    "hangs up on a kept-alive connection": Failure(raw_partner.close_on_reuse, NOT_CONNECTED, Way.ONE_BY_ONE),
    "breaks off its answer": Failure(raw_partner.break_off, NOT_CONNECTED, Way.BETWEEN),
    "hangs": Failure(raw_partner.hang, TIMED_OUT, Way.AT_ONCE),
    "answers 500": Failure(raw_partner.answer_500, ELSE, Way.SOME_AT_ONCE),
    "answers garbage": Failure(raw_partner.answer_garbage, ELSE, Way.SOME_AT_ONCE),
}
BUSY = 15.0
"""Seconds by which a busy machine may delay an answer."""

pytestmark = [pytest.mark.promise(2), needs_compiler]


class Case:
    """One partner, how it fails, and what the pushes to it met. Every push has a marker of its own in its body."""

    def __init__(self, number: int, how: str, prefix: bytes) -> None:
        self.how = how
        self.behaviour, self.code, self.way = FAILURES[how]
        self.number = number
        self.prefix = prefix + b"-%d-" % number
        self.server = RawPartner(marker=re.compile(re.escape(self.prefix) + rb"\d+"))
        self.platform: Platform
        self.answers: list[tuple[int | None, float]] = []

    async def register(self, hub: HubProcess) -> None:
        await self.server.start()
        self.platform = await register(hub, self.server, PartyRole.parse(f"DE-P{self.number:02}:EMSP"))

    async def fail(self) -> None:
        if self.behaviour is None:
            await self.server.stop()
        else:
            self.server.behaviour = self._but_for_gets if self.way is Way.BETWEEN else self.behaviour

    async def _but_for_gets(self, request: Received, writer: asyncio.StreamWriter) -> None:
        """A GET is answered, on a connection that no push will find."""
        assert self.behaviour is not None
        if request.method == "GET":
            await raw_partner.accept(request, writer)
            writer.close()
        else:
            await self.behaviour(request, writer)

    async def push(self, sender: Platform, number: int) -> int | None:
        marker = (self.prefix + b"%d" % number).decode()
        answer = await sender.put_session(self.platform, {"id": f"S{number}", "remark": marker})
        assert answer.status == 200
        return answer.code

    async def push_one(self, sender: Platform) -> None:
        """The first alone, so that its answer is about this failure."""
        await self._timed_push(sender, 0)

    async def push_others(self, sender: Platform) -> None:
        match self.way:
            case Way.AT_ONCE | Way.SOME_AT_ONCE:
                most = AT_ONCE if self.way is Way.AT_ONCE else SOME_AT_ONCE
                for first in range(1, PUSHES, most):
                    numbers = range(first, min(first + most, PUSHES))
                    await asyncio.gather(*(self._timed_push(sender, number) for number in numbers))
            case Way.BETWEEN:
                await asyncio.gather(*(self._push_between(sender, range(1 + n, PUSHES, LANES)) for n in range(LANES)))
            case Way.ONE_BY_ONE:
                await self._push_between(sender, range(1, PUSHES))

    async def _push_between(self, sender: Platform, numbers: Iterable[int]) -> None:
        for number in numbers:
            await sender.get_locations(self.platform)
            await self._timed_push(sender, number)

    async def _timed_push(self, sender: Platform, number: int) -> None:
        began = time.monotonic()
        code = await self.push(sender, number)
        self.answers.append((code, time.monotonic() - began))

    def count(self, code: int) -> int:
        """So many pushes were answered with a code."""
        return sum(each == code for each, _ in self.answers)

    def check_answers(self) -> None:
        """The sender was told at once, and rightly; later pushes may also meet a hub that has given the partner up."""
        assert len(self.answers) == PUSHES
        assert self.answers[0][0] == self.code, self.how
        # Where the connection that was kept has just gone, a push opens a new one, and this partner answers the first
        # request of a connection. A busy machine may let time run out before the hub sees how the partner fails.
        allowed = {self.code, NOT_CONNECTED, TIMED_OUT} | ({DONE} if self.way is Way.ONE_BY_ONE else set())
        assert {code for code, _ in self.answers} <= allowed, self.how
        assert self.count(TIMED_OUT) < PUSHES / 2 or self.code == TIMED_OUT, self.how
        # The middle one says whether the hub waits; the slowest one only how busy this machine is.
        times = sorted(seconds for _, seconds in self.answers)
        assert times[len(times) // 2] < (TIMEOUT + 2.0 if self.code == TIMED_OUT else TIMEOUT), self.how
        assert times[-1] < TIMEOUT + BUSY, self.how

    def check_attempts(self) -> None:
        """There were attempts for most pushes, where the partner could see any."""
        least = 0 if self.behaviour is None else PUSHES / 2 if self.way in {Way.BETWEEN, Way.ONE_BY_ONE} else 3
        assert least <= self.server.deliveries.total() <= (PUSHES if self.behaviour else 0), self.how
        if self.way is Way.ONE_BY_ONE:
            used, on_new = self.server.on_used_connections, self.count(DONE)
            reached = self.server.deliveries.total()
            assert PUSHES / 2 < reached - on_new - self.count(TIMED_OUT) <= used <= reached - on_new


@pytest.mark.timeout(size(240, 0))
async def test_a_push_that_failed_is_gone(tmp_path, proof):
    prefix = b"mark" + secrets.token_hex(8).encode()
    (tmp_path / "hub").mkdir()
    clock = Clock(tmp_path)
    hub = HubProcess(
        tmp_path / "hub", timeout=TIMEOUT, connections=2 * AT_ONCE, level="debug", environment=clock.environment
    )
    cases = [Case(number, how, prefix) for number, how in enumerate(FAILURES)]
    async with hub, RawPartner() as own:
        try:
            sender = await register(hub, own, PartyRole.parse("NL-CPO:CPO"))
            for case in cases:
                await case.register(hub)
            await fail(sender, cases)
            in_files = in_the_files(hub, prefix)
            before = await switch_off(cases)
            reached = sum(each.total() for each in before)
            twice = sum(max(each.values(), default=0) > 1 for each in before)

            await switch_on(cases)
            await live(clock, cases)
            late = sum((each.server.deliveries - known).total() for each, known in zip(cases, before, strict=True))

            await kill_in_flight(hub, sender, cases[0])
            in_files += in_the_files(hub, prefix)
            before = await switch_off(cases)
            await switch_on(cases)
            await hub.start()
            await live(clock, cases)
            late += sum((each.server.deliveries - known).total() for each, known in zip(cases, before, strict=True))

            await asyncio.gather(*(arrives(sender, case, 3000) for case in cases))
            await hub.stop()
            in_files += in_the_files(hub, prefix)
        finally:
            for case in cases:
                await case.server.stop()
    proof.at_least("ways in which a partner failed", len(cases), 5)
    proof.at_least("pushes under each of them", PUSHES, size(200, 1000))
    proof.at_least("pushes that reached a failing partner", reached, size(800, 4000))
    proof.exactly("pushes delivered more than once", twice, 0)
    proof.at_least("hours lived after the revival, and again after a restart", HOURS, size(2, 24))
    proof.exactly("late deliveries", late, 0)
    proof.exactly("files with a byte of a push in them", len(in_files), 0)


async def fail(sender: Platform, cases: list[Case]) -> None:
    """All partners fail, each in its own way, under all their pushes."""
    for case in cases:
        await case.fail()
    await asyncio.gather(*(case.push_one(sender) for case in cases))
    await asyncio.gather(*(case.push_others(sender) for case in cases if case.way in {Way.BETWEEN, Way.ONE_BY_ONE}))
    for case in cases:
        if case.way in {Way.AT_ONCE, Way.SOME_AT_ONCE}:
            await case.push_others(sender)
    for case in cases:
        case.check_answers()
        case.check_attempts()


async def switch_off(cases: list[Case]) -> list[Counter[bytes]]:
    """Partners read nothing any more, not even what was sent before: this is all that they got."""
    for case in cases:
        await case.server.stop()
    return [Counter(case.server.deliveries) for case in cases]


async def switch_on(cases: list[Case]) -> None:
    """Partners are back, and well."""
    for case in cases:
        case.server.behaviour = raw_partner.accept
        await case.server.start()


async def live(clock: Clock, cases: list[Case]) -> None:
    """The hub lives on, looking after its partners, as it does."""
    before = [case.server.called_back for case in cases]
    await clock.pass_by(HOURS * 3600)
    looks = [case.server.called_back - known for case, known in zip(cases, before, strict=True)]
    assert min(looks) >= HOURS * 3600 / IDLE / 2


async def kill_in_flight(hub: HubProcess, sender: Platform, case: Case) -> None:
    """Kill the hub while pushes wait for the partner's answer."""
    await arrives(sender, case, 1000)  # the hub has to notice first that the partner is back
    reached = case.server.deliveries.total()
    case.server.behaviour = raw_partner.hang
    pushes = [asyncio.create_task(case.push(sender, number)) for number in range(2000, 2000 + IN_FLIGHT)]
    await case.server.until(lambda: case.server.deliveries.total() == reached + IN_FLIGHT)
    hub.kill()
    outcomes = await asyncio.gather(*pushes, return_exceptions=True)
    assert any(isinstance(each, NoAnswer) for each in outcomes)


async def arrives(sender: Platform, case: Case, first: int) -> None:
    """A new push does arrive, once: the partner is reachable, and the hub finds that out by itself."""
    async with asyncio.timeout(45):
        numbers = iter(range(first, first + 1000))
        while await case.push(sender, number := next(numbers)) != DONE:
            await asyncio.sleep(0.1)
    assert case.server.deliveries[case.prefix + b"%d" % number] == 1


async def register(hub: HubProcess, server: RawPartner, role: PartyRole) -> Platform:
    platform = Platform(role.party.party_id.lower(), role, server.url, hub.url)
    invitation = await hub.ask("invite", name=f"Partner {role.party}", parties=(str(role),))
    platform.token = invitation["token_a"]
    await platform.send_credentials("POST")
    return platform


def in_the_files(hub: HubProcess, prefix: bytes) -> list[str]:
    """The files of the hub with a marker in them; what has to be there is found, so the search does search."""
    in_files = {Path(name).name.removesuffix("-wal") for name in found(hub, [b"Partner NL-CPO"])}
    assert in_files >= {"hub.db", "hub.log"}
    assert b"delivery_failed" in hub.log.read_bytes()
    return found(hub, forms(prefix))


def forms(marker: bytes) -> list[bytes]:
    """How a marker may stand in a file: as it is, in hexadecimal, or in Base64 at any of its three alignments."""
    coded = [base64.b64encode(b"x" * shift + marker)[4:-4] for shift in range(3)]
    return [marker, marker.hex().encode(), *coded]


def found(hub: HubProcess, texts: list[bytes]) -> list[str]:
    """The files of the hub, those without a name too, that hold one of the texts."""
    return [name for name, content in hub.files() if any(text in content for text in texts)]
