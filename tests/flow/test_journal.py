"""What the journal does with events: it keeps up, or counts what it lost, and never makes anybody wait."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from hub.core.catalogue import CATALOGUE
from hub.core.directory import Directory, Platform, State
from hub.core.headers import RequestHeaders
from hub.core.message import Message, Reply
from hub.core.modules import Interface
from hub.core.outcome import Outcome
from hub.core.party import Party, Role
from hub.core.route import Route, Way
from hub.events import Bus, Delivered, Found, Handled, Leg, Refused
from hub.flow import journal as module
from hub.flow.journal import Journal
from hub.flow.numbers import Numbers
from hub.ocpi.rules import Finding
from hub.store import sorting
from hub.store.database import Database
from hub.store.journal import Filter, page, size, trace
from hub.store.migrations import upgrade
from hub.store.traffic import traffic
from tests.partner import ocpi
from tests.versions import location, roaming, send

ONE, TWO = Party("NL", "ONE"), Party("DE", "TWO")
PLATFORMS = [
    Platform(1, "One", State.REGISTERED, "2.2.1", roles={ONE: frozenset({Role.CPO})}),
    Platform(2, "Two", State.REGISTERED, "2.2.1", roles={TWO: frozenset({Role.EMSP})}),
]
DIRECTORY = Directory.of(Party("NL", "HUB"), PLATFORMS)
PUT = CATALOGUE.module("2.2.1", Interface.RECEIVER, "locations").find("PUT", ("NL", "ONE", "LOC1"))
ROUTE = Route.direct(TWO, "direct")
DAY = 86_400_000_000


class Noting:
    """A journal on a bus, that writes when it is told to."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.bus = Bus()
        self.numbers = Numbers()
        self.journal = Journal(database, self.bus, self.numbers, days=30, rows=1000, sums_days=400)

    def message(self, number: int = 0) -> Message:
        return Message(
            operation=PUT,
            segments=("NL", "ONE", "LOC1"),
            request_id="r",
            correlation_id="c",
            platform=PLATFORMS[0],
            sender=ONE,
            receiver=TWO,
            deadline=0.0,
            directory=DIRECTORY,
            exchange=number or self.numbers.next(),
        )

    def handle(self, count: int = 1, **changes: Any) -> None:
        for _ in range(count):
            reply = Reply(status=200, body=b"{}", ocpi_status=1000, by=TWO)
            given = {"message": self.message(), "route": ROUTE, "reply": reply, "seconds": 0.01}
            self.bus.publish(Handled(**{**given, **changes}))

    def deliver(self, message: Message, after: int, waited: int) -> None:
        leg = Leg(platform=PLATFORMS[1], number=message.exchange + after, request_id=f"out{after}", waited=waited)
        leg.ended = Outcome.DELIVERED
        self.bus.publish(Delivered(message=message, to=TWO, platform="Two", outcome="1000", seconds=0.0, leg=leg))

    def refuse(self, count: int, platform: Platform | None = None) -> None:
        headers = RequestHeaders(request_id="r", correlation_id="c")
        for _ in range(count):
            self.bus.publish(
                Refused(
                    number=self.numbers.next(), method="GET", path="/ocpi/versions", address="192.0.2.1",
                    headers=headers, platform=platform, http=401, code=2000, reason="no", seconds=0.0,
                    bytes_in=0, bytes_out=0,
                )
            )  # fmt: skip

    async def rows(self, settle: bool = True) -> list[Any]:
        """What is on disk, the oldest first."""
        if settle:
            await self.bus.settle()
            await self.journal.flush()
        return (await self.database.read(lambda c: page(c, Filter(), None, 10_000)))[::-1]


@pytest.fixture
async def noting(tmp_path, monkeypatch) -> AsyncIterator[Noting]:
    monkeypatch.setattr(module, "_PAUSE", 3600.0)
    database = await Database.open(tmp_path / "hub.db")
    await upgrade(database)
    noting = Noting(database)
    await noting.bus.start()
    await noting.journal.start()
    yield noting
    await noting.journal.stop()
    await noting.bus.stop()
    await database.close()


async def test_it_writes_by_itself_and_at_once_when_there_is_much(noting, monkeypatch):
    noting.handle(1000)
    async with asyncio.timeout(10):
        while len(await noting.rows(settle=False)) < 1000:
            await asyncio.sleep(0.01)


async def test_a_stop_writes_what_is_left(noting):
    noting.handle(3)
    await noting.journal.stop()
    assert len(await noting.rows(settle=False)) == 3
    assert noting.journal.lost == 0


async def test_the_time_of_partners_is_told_apart_and_counted_once_where_several_are_asked(noting):
    message = noting.message()
    noting.deliver(message, 1000, 3000)
    noting.deliver(message, 2000, 4000)
    noting.deliver(message, 8000, 1000)
    noting.handle(message=message)
    noting.handle()
    asked, unasked = await noting.rows()
    assert (asked.partner_us, asked.hub_us) == (6000, 4000)
    assert (unasked.partner_us, unasked.hub_us) == (None, 10_000)


async def test_findings_reach_their_exchange_before_and_after_it_is_written(noting):
    message = noting.message()
    found = Found(
        platform_id=1, platform="One", kind="Location", findings=(Finding("id", "is required", "missing"),),
        exchange=message.exchange,
    )  # fmt: skip
    noting.bus.publish(found)
    await noting.rows()
    noting.handle(message=message)
    noting.bus.publish(found)
    assert [(row.findings, row.finding) for row in await noting.rows()] == [(2, "id: is required")]
    noting.bus.publish(found)
    assert [row.findings for row in await noting.rows()] == [3]


async def test_a_full_disk_loses_rows_says_so_once_and_is_tried_again(noting, monkeypatch):
    monkeypatch.setattr(module, "_MOST", 300)
    pages = await noting.database.read(lambda c: _pragma(c, "page_count"))
    await noting.database.write_rows(lambda rows: rows.connection.execute(f"PRAGMA max_page_count = {pages + 4}"))
    with capture_logs() as logs:
        for _ in range(3):
            noting.handle(200)
            await noting.bus.settle()
            await noting.journal.flush()
        assert 0 < noting.journal.lost <= 300
    (said,) = [each for each in logs if each["event"] == "journal_behind"]
    assert said["error"] == "database or disk is full"
    await noting.database.write_rows(lambda rows: rows.connection.execute("PRAGMA max_page_count = 1000000"))
    lost = noting.journal.lost
    assert len(await noting.rows()) == 600 - lost
    assert noting.journal.lost == lost


async def test_a_message_does_not_wait_for_a_locked_database(tmp_path):
    async with roaming(tmp_path, "2.2.1", "2.2.1", validation="off") as (app, cpo, emsp):
        path = "receiver/locations/NL/CPO/LOC1"
        emsp.says[f"PUT /{path}"] = ocpi()
        assert (await send(cpo, "PUT", path, location("2.2.1"), emsp.party)).code == 1000
        book = app.operations.journal
        before = len((await book.page(Filter(), None, 1000)).rows)
        other = sqlite3.connect(tmp_path / "data/hub.db", isolation_level=None, check_same_thread=False)
        try:
            await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")  # the hub may be writing, by this loop
            began = time.monotonic()
            for _ in range(20):
                assert (await send(cpo, "PUT", path, location("2.2.1"), emsp.party)).code == 1000
            assert time.monotonic() - began < 4, "that is less than SQLite waits for the lock"
        finally:
            other.close()
        assert len((await book.page(Filter(), None, 1000)).rows) == before + 20


async def test_a_row_that_can_not_be_written_stops_no_other(noting):
    noting.handle(message=noting.message(2**70))
    with capture_logs():
        assert await noting.rows() == []
    noting.handle(2)
    assert len(await noting.rows()) == 2
    assert noting.journal.lost == 1


async def test_strangers_push_nobody_out(noting):
    noting.refuse(500)
    noting.refuse(150, PLATFORMS[0])
    rows = await noting.rows()
    assert [row.sender_id for row in rows] == [None] * 100 + [1] * 150
    assert noting.journal.lost == 400
    noting.refuse(1)
    assert len(await noting.rows()) == 251


async def test_what_is_too_old_or_too_much_goes(noting):
    now = time.time_ns() // 1000
    for number in (now - 31 * DAY, now - 29 * DAY):
        noting.handle(message=noting.message(number))
    noting.handle(1200)
    await noting.rows()
    await noting.journal.tidy()
    assert await noting.database.read(size) == 1000
    noting.journal.reconfigure(days=30, rows=10, sums_days=400)
    await noting.journal.tidy()
    assert len(await noting.rows()) == 10
    noting.journal.reconfigure(days=0, rows=10, sums_days=400)
    await noting.journal.tidy()
    assert await noting.rows() == []
    sums = await noting.database.read(lambda c: traffic(c, now // 1000 - 40 * DAY // 1000, now // 1000, DAY // 1000))
    assert sum(sum(each.outcomes.values()) for each in sums.buckets) == 1202, "sums outlive the rows"
    noting.journal.reconfigure(days=30, rows=1000, sums_days=5)
    await noting.journal.tidy()
    sums = await noting.database.read(lambda c: traffic(c, now // 1000 - 40 * DAY // 1000, now // 1000, DAY // 1000))
    assert sum(sum(each.outcomes.values()) for each in sums.buckets) == 1200


async def test_ids_are_sorted_once_there_are_enough_of_them(noting, monkeypatch):
    monkeypatch.setattr(sorting, "PART", 100)
    monkeypatch.setattr(sorting, "LAG", -DAY)
    noting.handle(350)
    assert len(await noting.rows()) == 350
    await noting.journal.tidy()
    assert await noting.database.read(lambda c: _count(c, "trace_part")) == 3
    assert await noting.database.read(lambda c: _count(c, "trace_key")) == 600, "each has two ids"
    assert len(await noting.database.read(lambda c: trace(c, "c"))) == 200
    noting.journal.reconfigure(days=0, rows=10, sums_days=400)
    await noting.journal.tidy()
    assert await noting.database.read(lambda c: _count(c, "trace_key")) == 0


async def test_those_who_watch_learn_how_much_they_missed(noting):
    noting.handle(5)
    await noting.bus.settle()
    assert noting.journal.live(-1).last == 5
    seen = noting.journal.live(3)
    assert (seen.last, seen.missed, len(seen.rows)) == (5, 0, 2)
    assert noting.journal.live(5).rows == ()
    assert len(noting.journal.live(99).rows) == 5, "after a restart all is new"
    noting.handle(1500)
    await noting.bus.settle()
    seen = noting.journal.live(5)
    assert (seen.missed, len(seen.rows)) == (500, 1000)


async def test_a_broadcast_is_not_a_wait(noting):
    message = noting.message()
    route = Route(way=Way.BROADCAST, destinations=(TWO,), why="broadcast")
    noting.deliver(message, 5, 9000)
    noting.handle(message=message, route=route, reply=Reply(status=200, body=b"{}", ocpi_status=1000))
    (row,) = await noting.rows()
    assert (row.outcome, row.partner_us, row.hub_us) == (Outcome.ANSWERED, None, 10_000)


async def test_many_bodies_at_once_are_not_all_kept(noting, monkeypatch):
    monkeypatch.setattr(module, "_CAPTURED_BYTES", 5)
    noting.journal.capture(1, 2**50)
    noting.handle(10)
    await noting.rows()
    assert noting.journal.lost == 7
    noting.handle(1)
    await noting.rows()
    assert noting.journal.lost == 7, "what is written makes room"


async def _count(connection: Any, table: str) -> Any:
    return (await connection.exec_driver_sql(f"SELECT count(*) FROM {table}")).scalar()


async def _pragma(connection: Any, words: str) -> Any:
    return (await connection.exec_driver_sql(f"PRAGMA {words}")).scalar()


async def test_what_is_no_message_has_a_row_too_but_no_body_and_no_token(tmp_path):
    async with roaming(tmp_path, "2.2.1", "2.1.1") as (app, cpo, emsp):
        old = cpo.token
        for path in ("versions", "2.2.1", "2.2.1/credentials", "2.2.1/sender/hubclientinfo"):
            assert (await cpo.ask("GET", f"/ocpi/{path}", "X-Request-ID: one", "X-Correlation-ID: all")).code == 1000
        assert (await cpo.register("PUT")).code == 1000
        assert (await emsp.ask("DELETE", "/ocpi/2.1.1/credentials")).code == 1000
        book = app.operations.journal
        rows = [row for row in (await book.page(Filter(), None, 1000)).rows if row.outcome is Outcome.ANSWERED]
        asked = [(row.method, row.module, row.version) for row in rows if row.correlation_id == "all"]
        assert asked == [
            ("GET", "hubclientinfo", "2.2.1"),
            ("GET", "credentials", "2.2.1"),
            ("GET", "versions", "2.2.1"),
            ("GET", "versions", None),
        ]
        assert {row.sender_name for row in rows if row.correlation_id == "all"} == {"NL-CPO:CPO"}
        told = [(row.sender, row.method, row.version) for row in rows if row.module == "credentials"]
        assert told == [
            ("DE-MSP", "DELETE", "2.1.1"),
            ("NL-CPO", "PUT", "2.2.1"),
            ("NL-CPO", "GET", "2.2.1"),
            ("DE-MSP", "POST", "2.1.1"),
            ("NL-CPO", "POST", "2.2.1"),
        ]
        assert all(row.bytes_out > 0 and row.hub_us > 0 for row in rows)
        assert all(row.bytes_in > 0 for row in rows if row.method in ("POST", "PUT"))
        shown = repr(rows)
        assert not [each for each in (old, cpo.token, emsp.token, cpo.token_out) if each in shown]
        now = rows[0].id // 60_000_000 * 60_000
        told = await book.traffic(now - 60_000, now + 60_000, 60_000)
        assert sum(each.outcomes.get(Outcome.ANSWERED, 0) for each in told.buckets) == len(rows)
        assert told.pairs == ()
