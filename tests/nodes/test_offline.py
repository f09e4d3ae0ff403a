"""The offline rule holds for nodes: a push that failed on one is gone on all (OCPI 2.2.1, chapter 4).

Marked pushes go through every node to partners that fail, each in its own way. Then the partners come back, every node
is killed and started again, and each lives on for a while. No push may come twice, none may come late, and no byte of
one may be in the database, in its files, or in those of any node.
"""

import asyncio
import re
import secrets
from pathlib import Path

import asyncpg
import pytest

from tests.fault import raw_partner
from tests.fault.by_hand import Platform
from tests.fault.raw_partner import RawPartner
from tests.fault.test_offline_rule import forms, found
from tests.nodes.cluster import Nodes, cluster, join, through, until
from tests.promises import size

FAILURES = {
    "refuses": None,
    "resets": raw_partner.reset,
    "hangs": raw_partner.hang,
    "hangs up on a kept-alive connection": raw_partner.close_on_reuse,
    "answers 500": raw_partner.answer_500,
    "breaks off its answer": raw_partner.break_off,
}
PUSHES = size(30, 600)
"""To each of them."""
AT_ONCE = 15
IDLE = 2.0
TIMEOUT = 3.0
LOOKS = size(2, 10)
"""So often a node looks after each partner before that counts as a while."""

pytestmark = [pytest.mark.promise(2), pytest.mark.timeout(size(400, 900))]


class Case:
    """One partner, and how it fails."""

    def __init__(self, number: int, how: str, prefix: bytes) -> None:
        self.how = how
        self.prefix = prefix + b"-%d-" % number
        self.party = f"DE-P{number:02}:EMSP"
        self.server = RawPartner(marker=re.compile(re.escape(self.prefix) + rb"\d+"))
        self.platform: Platform
        self.failed = 0

    async def fail(self) -> None:
        behaviour = FAILURES[self.how]
        if behaviour is None:
            await self.server.stop()
        else:
            self.server.behaviour = behaviour

    async def push(self, sender: Platform, number: int) -> int | None:
        marker = (self.prefix + b"%d" % number).decode()
        answer = await sender.put_session(self.platform, {"id": f"S{number}", "remark": marker})
        assert answer.status == 200, answer
        return answer.code

    async def push_all(self, senders: list[Platform]) -> None:
        """Through one node after the other."""
        for first in range(0, PUSHES, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, PUSHES))
            codes = await asyncio.gather(*(self.push(senders[n % len(senders)], n) for n in numbers))
            self.failed += sum(code != 1000 for code in codes)


async def test_a_push_that_failed_on_one_node_is_gone_on_all(tmp_path, postgresql, url, nursery, proof):
    prefix = b"mark" + secrets.token_hex(8).encode()
    cases = [Case(number, how, prefix) for number, how in enumerate(FAILURES)]
    sections = {
        "liveness": {"idle": IDLE}, "limits": {"timeout": TIMEOUT}, "log": {"level": "debug"},
        "upstream": {"connect_timeout": TIMEOUT, "dns_timeout": TIMEOUT},
    }  # fmt: skip
    async with cluster(tmp_path, url, nursery, **sections) as nodes, RawPartner() as own:
        try:
            sender = await join(nodes, own, "NL-SND:CPO")
            senders = [through(node, sender) for node in nodes.all]
            for case in cases:
                await case.server.start()
                case.platform = await join(nodes, case.server, case.party)
            for case in cases:
                await case.fail()
            await asyncio.gather(*(case.push_all(senders) for case in cases))
            failed = sum(case.failed for case in cases)
            kept = await left(nodes, postgresql.folder, url, prefix)
            before = await off(cases)
            reached = sum(map(len, before))
            twice = sum(max(case.server.deliveries.values(), default=0) > 1 for case in cases)

            await on(cases)
            await looked_after(cases)
            for node in nodes.all:
                node.kill()
            await asyncio.gather(*(node.start() for node in nodes.all))
            await looked_after(cases)
            late = sum(case.server.deliveries.total() - len(known) for case, known in zip(cases, before, strict=True))
            for case in cases:
                for number, sender in enumerate(senders, 9000):
                    await until_done(case, sender, number)
            kept += await left(nodes, postgresql.folder, url, prefix)
        finally:
            for case in cases:
                await case.server.stop()
    proof.at_least("pushes through three nodes that failed", failed, size(100, 2000))
    proof.at_least("of those that reached a partner", reached, size(10, 60))
    proof.exactly("pushes through nodes delivered more than once", twice, 0)
    proof.exactly("late deliveries by any node", late, 0)
    proof.exactly("places of nodes with a byte of a push in them", len(kept), 0)


async def until_done(case: Case, sender: Platform, first: int) -> None:
    """A new push does arrive, once."""
    async with asyncio.timeout(40):
        number = first
        while await case.push(sender, number) != 1000:
            number += 10
            await asyncio.sleep(0.2)
    assert case.server.deliveries[case.prefix + b"%d" % number] == 1


async def off(cases: list[Case]) -> list[set[bytes]]:
    """Partners read nothing any more: this is all that they got."""
    for case in cases:
        await case.server.stop()
    return [set(case.server.deliveries) for case in cases]


async def on(cases: list[Case]) -> None:
    """Partners are back, and well."""
    for case in cases:
        case.server.behaviour = raw_partner.accept
        await case.server.start()


async def looked_after(cases: list[Case]) -> None:
    before = [case.server.called_back for case in cases]
    await until(
        lambda: all(case.server.called_back - known >= LOOKS for case, known in zip(cases, before, strict=True)), 90
    )


async def left(nodes: Nodes, server: Path, url: str, prefix: bytes) -> list[str]:
    """Where a marker is: in the files of nodes, of the database, or in its tables, which it may keep compressed."""
    wanted = forms(prefix)
    assert all(b"delivery_failed" in node.log.read_bytes() for node in nodes.all)
    kept = [name for node in nodes.all for name in found(node, wanted)]
    files = [path for path in (server / "data").rglob("*") if path.is_file()]
    kept += [str(path) for path in files if any(each in path.read_bytes() for each in wanted)]
    connection = await asyncpg.connect(url)
    try:
        tables = [row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname='public'")]
        dumped = {
            table: "\n".join(row[0] for row in await connection.fetch(f'SELECT t::text FROM "{table}" AS t'))
            for table in tables
        }
    finally:
        await connection.close()
    assert "snd" in dumped["platform"], "the search does not search"
    assert dumped["exchange"]
    return kept + [table for table, text in dumped.items() if any(each in text.encode() for each in wanted)]
