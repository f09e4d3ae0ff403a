"""The offline rule: a push that could not be delivered is told to its sender, and is gone (OCPI 2.2.1, chapter 4).

Partners fail in many ways under 200 pushes each. All come back; then the hub is killed and started again. Nobody may
ever get one of those pushes a second time or later, and no byte of them may be in any file of the hub.
"""

import asyncio
import base64
import re
import secrets
import time
from collections import Counter
from pathlib import Path

from hub.core.party import PartyRole
from tests.fault import raw_partner
from tests.fault.by_hand import Platform
from tests.fault.process import HubProcess
from tests.fault.raw_partner import Behaviour, RawPartner
from tests.fault.wire import NoAnswer

PUSHES = 200
IN_FLIGHT = 20
TIMEOUT = 1.5
SETTLE = 0.7
"""Seconds in which a hub that kept something would deliver it to a partner that is back."""

DONE, TIMED_OUT, NOT_CONNECTED, ELSE = 1000, 4002, 4003, 4000
FAILURES: dict[str, tuple[Behaviour | None, int]] = {
    "refuses": (None, NOT_CONNECTED),
    "resets": (raw_partner.reset, NOT_CONNECTED),
    "hangs up": (raw_partner.close, NOT_CONNECTED),
    "hangs up on a kept-alive connection": (raw_partner.close_on_reuse, NOT_CONNECTED),
    "breaks off its answer": (raw_partner.break_off, NOT_CONNECTED),
    "hangs": (raw_partner.hang, TIMED_OUT),
    "answers 500": (raw_partner.answer_500, ELSE),
    "answers garbage": (raw_partner.answer_garbage, ELSE),
}


BUSY = 15.0
"""Seconds by which a busy machine may delay an answer."""


class Case:
    """One partner, how it fails, and what the pushes to it met. Every push has a marker of its own in its body."""

    def __init__(self, number: int, how: str, prefix: bytes) -> None:
        self.how = how
        self.behaviour, self.code = FAILURES[how]
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
            self.server.behaviour = self.behaviour

    async def recover(self) -> None:
        await self.server.stop()
        self.server.behaviour = raw_partner.accept
        await self.server.start()

    async def push(self, sender: Platform, number: int) -> int | None:
        marker = (self.prefix + b"%d" % number).decode()
        answer = await sender.put_session(self.platform, {"id": f"S{number}", "remark": marker})
        assert answer.status == 200
        return answer.code

    async def push_all(self, sender: Platform) -> None:
        """The first alone, so that its answer is about this failure; the others as they come."""
        await self._timed_push(sender, 0)
        if self.behaviour is raw_partner.close_on_reuse:
            for number in range(1, PUSHES):
                await sender.get_locations(self.platform)  # its connection is kept, and used by the push
                await self._timed_push(sender, number)
        else:
            await asyncio.gather(*(self._timed_push(sender, number) for number in range(1, PUSHES)))

    async def _timed_push(self, sender: Platform, number: int) -> None:
        began = time.monotonic()
        code = await self.push(sender, number)
        self.answers.append((code, time.monotonic() - began))

    def check_answers(self) -> None:
        """The sender was told at once, and rightly; later pushes may also meet a hub that has given the partner up."""
        codes = [code for code, _ in self.answers]
        assert len(codes) == PUSHES
        assert codes[0] == self.code, self.how
        # Where the connection that was kept has just gone, a push opens a new one, and this partner answers the first
        # request of a connection.
        on_new = {DONE} if self.behaviour is raw_partner.close_on_reuse else set()
        # A busy machine may let time run out before it sees how the partner fails; but not for the most of the pushes.
        assert set(codes) <= {self.code, NOT_CONNECTED, TIMED_OUT} | on_new, self.how
        assert codes.count(TIMED_OUT) < PUSHES / 2 or self.code == TIMED_OUT, self.how
        # The middle one says whether the hub waits; the slowest one only how busy this machine is.
        times = sorted(seconds for _, seconds in self.answers)
        patience = TIMEOUT + 1.0 if self.code == TIMED_OUT else TIMEOUT
        assert times[len(times) // 2] < patience, self.how
        assert times[-1] < TIMEOUT + BUSY, self.how

    def check_attempts(self) -> None:
        """At most one attempt for each push; and there were attempts, where the partner could see any."""
        assert set(self.server.deliveries.values()) <= {1}, self.how
        assert (self.behaviour is None) == (not self.server.deliveries), self.how


async def test_a_push_that_failed_is_gone(tmp_path):
    prefix = b"mark" + secrets.token_hex(8).encode()
    hub = HubProcess(tmp_path, timeout=TIMEOUT, connections=PUSHES, level="debug")
    cases = [Case(number, how, prefix) for number, how in enumerate(FAILURES)]
    async with hub, RawPartner() as own:
        try:
            sender = await register(hub, own, PartyRole.parse("NL-CPO:CPO"))
            for case in cases:
                await case.register(hub)
            await fail(sender, cases)
            check_files(hub, prefix)
            delivered = {case.how: Counter(case.server.deliveries) for case in cases}

            for case in cases:
                await case.recover()
            await asyncio.sleep(SETTLE)
            assert {case.how: case.server.deliveries for case in cases} == delivered

            delivered[cases[0].how] += await kill_in_flight(hub, sender, cases[0])
            check_files(hub, prefix)
            await hub.start()
            await asyncio.sleep(SETTLE)
            assert {case.how: case.server.deliveries for case in cases} == delivered

            await asyncio.gather(*(arrives(sender, case, 3000) for case in cases))
            await hub.stop()
            check_files(hub, prefix)
        finally:
            for case in cases:
                await case.server.stop()


async def fail(sender: Platform, cases: list[Case]) -> None:
    """All partners fail, each in its own way, under all their pushes."""
    for case in cases:
        await case.fail()
    await asyncio.gather(*(case.push_all(sender) for case in cases))
    for case in cases:
        case.check_answers()
        case.check_attempts()
    reused = next(case.server for case in cases if case.behaviour is raw_partner.close_on_reuse)
    on_new = sum(code == DONE for code, _ in next(case for case in cases if case.server is reused).answers)
    assert reused.on_used_connections == reused.deliveries.total() - on_new > PUSHES / 2


async def kill_in_flight(hub: HubProcess, sender: Platform, case: Case) -> Counter[bytes]:
    """Kill the hub while pushes wait for the partner's answer; returns what the partner has got of them."""
    before = Counter(case.server.deliveries)
    await arrives(sender, case, 1000)  # the hub has to notice first that the partner is back
    reached = case.server.deliveries.total()
    case.server.behaviour = raw_partner.hang
    pushes = [asyncio.create_task(case.push(sender, number)) for number in range(PUSHES, PUSHES + IN_FLIGHT)]
    await case.server.until(lambda: case.server.deliveries.total() == reached + IN_FLIGHT)
    hub.kill()
    outcomes = await asyncio.gather(*pushes, return_exceptions=True)
    assert all(isinstance(each, NoAnswer) for each in outcomes)
    case.server.behaviour = raw_partner.accept
    return case.server.deliveries - before


async def arrives(sender: Platform, case: Case, first: int) -> None:
    """A new push does arrive, once: the partner is reachable, and the hub finds that out by itself."""
    async with asyncio.timeout(45):
        numbers = iter(range(first, first + 1000))
        while await case.push(sender, number := next(numbers)) != 1000:
            await asyncio.sleep(0.1)
    assert case.server.deliveries[case.prefix + b"%d" % number] == 1


async def register(hub: HubProcess, server: RawPartner, role: PartyRole) -> Platform:
    platform = Platform(role.party.party_id.lower(), role, server.url, hub.url)
    invitation = await hub.ask("invite", name=f"Partner {role.party}", parties=(str(role),))
    platform.token = invitation["token_a"]
    await platform.send_credentials("POST")
    return platform


def check_files(hub: HubProcess, prefix: bytes) -> None:
    """No marker is in any file of the hub; and what has to be there is found, so the search does search."""
    assert found(hub, forms(prefix)) == []
    in_files = {Path(name).name.removesuffix("-wal") for name in found(hub, [b"Partner NL-CPO"])}
    assert in_files >= {"hub.db", "hub.log"}
    assert b"delivery_failed" in hub.log.read_bytes()


def forms(marker: bytes) -> list[bytes]:
    """How a marker may stand in a file: as it is, in hexadecimal, or in Base64 at any of its three alignments."""
    coded = [base64.b64encode(b"x" * shift + marker)[4:-4] for shift in range(3)]
    return [marker, marker.hex().encode(), *coded]


def found(hub: HubProcess, texts: list[bytes]) -> list[str]:
    """The files of the hub, those without a name too, that hold one of the texts."""
    return [name for name, content in hub.files() if any(text in content for text in texts)]
