"""What comes just now is shown at every node, wherever it came in, and each row once; also by a clock that is slow."""

import asyncio
from contextlib import asynccontextmanager

import msgspec
import pytest

from hub.asking import Arguments
from hub.control import run_verb
from hub.core.outcome import Outcome
from hub.flow import node_says as says
from hub.partners.directory import now_ms
from hub.store.journal import Filter
from hub.store.sums import MINUTE
from tests.nodes.conftest import nodes, until
from tests.partner import Partner, ocpi

LINE = "PUT /receiver/tariffs/NL/CPO/T1"
TO = ("OCPI-to-country-code: DE", "OCPI-to-party-id: MSP", "OCPI-from-country-code: NL", "OCPI-from-party-id: CPO")
BEHIND = 60.0
"""Seconds."""


def pair():
    """Two partners, one of which gets tariffs."""
    cpo, emsp = Partner("NL-CPO:CPO"), Partner("DE-MSP:EMSP", endpoints=("receiver/tariffs", "receiver/locations"))
    emsp.says[LINE] = ocpi()
    return cpo, emsp


@asynccontextmanager
async def met(folder, url):
    """Two nodes, both of which know both partners."""
    cpo, emsp = pair()
    async with nodes(folder, url) as (one, other), cpo.serve(), emsp.serve():
        for each in (cpo, emsp):
            await each.invited(one)
            await each.register()
        await until(lambda: len(other.keeper.current.parties) == 2)
        yield one, other, cpo


async def put(cpo, app):
    """A push to one node."""
    cpo.hub = f"http://127.0.0.1:{app.port}"
    return await cpo.ask("PUT", "/ocpi/2.2.1/receiver/tariffs/NL/CPO/T1", *TO, body=b"{}")


def slow(app, seconds):
    """The clock of a node is so many seconds behind."""
    give, tell = app.numbers.next, app.node.says
    app.numbers.next = lambda: give() - round(seconds * 1_000_000)

    def told():
        honest = says.read(tell())
        return says.written(msgspec.structs.replace(honest, clock=honest.clock - round(seconds * 1000)))

    app.node.says = told


class Watcher:
    """Somebody who follows the journal at one node, as `ocpi-hub journal --follow` does."""

    def __init__(self, app):
        self.app = app
        self.place = -1
        self.seen = []
        self.failed = []

    async def look(self):
        new = await run_verb(self.app.operations, "journal-watch", Arguments(after=self.place))
        self.place = new["last"]
        self.seen += [each["id"] for each in new["exchanges"] if each["module"] == "tariffs" or each["path"]]
        self.failed += new["failed"]

    async def until(self, count):
        async with asyncio.timeout(15):
            while len(self.seen) < count:
                await self.look()
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("behind", [0.0, BEHIND, -BEHIND])
async def test_who_follows_the_journal_sees_every_row_of_every_node_once(tmp_path, url, behind):
    async with met(tmp_path, url) as (one, other, cpo):
        if behind:
            slow(other, behind)
        await until(lambda: _told(one, other, behind), 15)
        assert (await put(cpo, other)).status == 200
        await other.operations.journal.page(Filter(), None, 1)  # it is written
        watchers = [Watcher(app) for app in (one, other)]
        for each in watchers:
            await each.look()
        for _ in range(3):
            for app in (one, other):
                assert (await put(cpo, app)).status == 200
        for each in watchers:
            await each.until(6)
        for _ in range(30):
            await watchers[0].look()
            await asyncio.sleep(0.05)
        for each in watchers:
            assert len(each.seen) == len(set(each.seen)) == 6
        assert set(watchers[0].seen) == set(watchers[1].seen)


def _told(one, other, behind):
    """Whether a node has heard by how much the clock of the other one is wrong."""
    for each in one.operations.overview.known_nodes.all():
        if each.name == other.node.name:
            return each.ahead is not None and abs(each.ahead + behind) < 5
    return False


async def test_sums_and_pages_have_what_a_node_with_a_slow_clock_noted(tmp_path, url):
    async with met(tmp_path, url) as (one, other, cpo):
        slow(other, BEHIND)
        for _ in range(3):
            for app in (one, other):
                assert (await put(cpo, app)).status == 200
        leader = next(app for app in (one, other) if app.node.leads())
        for app in (one, other):
            await app.bus.settle()
            await app.operations.journal.page(Filter(), None, 1)
        for _ in range(2):
            await leader.operations.journal._running.tidy()
            until_at = (now_ms() // MINUTE + 1) * MINUTE
            told = await one.operations.journal.traffic(until_at - 60 * MINUTE, until_at, MINUTE)
            assert sum(each.outcomes.get(Outcome.DELIVERED, 0) for each in told.buckets) == 6
            page = await one.operations.journal.page(Filter(module="tariffs"), None, 20)
            assert len(page.rows) == 6


async def test_bodies_are_kept_on_every_node_as_soon_as_one_is_told_to(tmp_path, url):
    async with met(tmp_path, url) as (one, other, cpo):
        running = other.operations.journal._running
        await run_verb(one.operations, "capture", Arguments(ref="NL-CPO", minutes=5))
        assert await until(lambda: running._captures) < 1.0
        assert (await put(cpo, other)).status == 200
        await other.bus.settle()
        (row,) = (await other.operations.journal.page(Filter(module="tariffs"), None, 5)).rows
        (trace,) = await one.operations.journal.trace(row.correlation_id)
        assert trace.bodies.request == "{}"
        await run_verb(one.operations, "capture", Arguments(ref="NL-CPO", minutes=0))
        assert await until(lambda: not running._captures) < 1.0
