"""The journal on disk: pages, traces, sums, and what goes when it is too much; each read with an index."""

import itertools
import random
import re
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import sqlite

from hub.core.outcome import Outcome
from hub.core.party import PartyRole
from hub.store import journal_schema as schema
from hub.store import sorting
from hub.store.captures import load_captures, set_capture
from hub.store.journal import (
    Batch,
    Filter,
    add_findings,
    correlated,
    exchange_of,
    keep,
    page,
    page_query,
    size,
    trace,
)
from hub.store.platforms import create_platform, remove
from hub.store.pruning import prune
from tests.store.kinds import only_sqlite

NOW = 1_800_000_000_000_000
"""A number of the journal: microseconds."""


def exchange(number: int, **changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = dict.fromkeys(
        ("path", "address", "reason", "finding", "why", "partner_us", "receiver_id", "object_id")
    )
    base |= {"correlation_id": f"c{number}", "request_id": f"r{number}", "version": "2.2.1", "interface": "RECEIVER"}
    base |= {"sender": "NL-ONE", "sender_id": 1, "receiver": "DE-TWO", "module": "locations", "method": "PUT"}
    base |= {"http_status": 200, "ocpi_status": 1000, "hub_us": 1000, "bytes_in": 1, "bytes_out": 1, "findings": 0}
    return {**base, "id": NOW + number, "way": "direct", "outcome": "delivered", **changes}


def delivery(number: int, of: int, **changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "sender": "NL-ONE",
        "receiver": "DE-TWO",
        "module": "locations",
        "platform_id": 2,
        "version": "2.2.1",
    }
    base |= {"after_us": 5, "http_status": 200, "ocpi_status": 1000, "partner_us": 40_000, "bytes_out": 1}
    base |= {"bytes_in": 1, "reason": None, "losses": 0, "loss": None, "request_id": f"out{number}"}
    return {**base, "id": NOW + number, "exchange_id": NOW + of, "outcome": "delivered", **changes}


def batch(*kinds: Sequence[dict[str, Any]]) -> Batch:
    tables = schema.exchange, schema.delivery, schema.captured
    return Batch(
        *(
            [list(map(row.get, table.columns.keys())) for row in rows]
            for table, rows in zip(tables, kinds, strict=False)
        )
    )


class Disk:
    def __init__(self, database: Any) -> None:
        self.database = database

    async def put(self, exchanges: list[Any], deliveries: Any = (), captured: Any = ()) -> None:
        await keep(self.database, batch(exchanges, deliveries, captured))

    async def numbers(self, before: int | None = None, limit: int = 100, **wanted: Any) -> list[int]:
        rows = await self.database.read(
            lambda c: page(c, Filter(**wanted), None if before is None else NOW + before, limit)
        )
        return [row.id - NOW for row in rows]

    async def sort(self) -> bool:
        return await self.database.write_rows(lambda c: sorting.sort_part(c, NOW + 10**9))

    async def prune(self, before: int | None, most: int) -> int:
        return await self.database.write_rows(lambda c: prune(c, None if before is None else NOW + before, most))


@pytest.fixture
def disk(database) -> Disk:
    return Disk(database)


async def test_pages_go_back_in_time_without_gap_or_overlap(disk):
    await disk.put([exchange(n) for n in range(10)])
    first = await disk.numbers(limit=4)
    second = await disk.numbers(limit=4, before=first[-1])
    assert (first, second, await disk.numbers(limit=4, before=second[-1])) == ([9, 8, 7, 6], [5, 4, 3, 2], [1, 0])


async def test_pages_go_forward_in_time_too(disk):
    await disk.put([exchange(n, outcome="failed" if n % 2 else "delivered") for n in range(10)])
    assert await disk.numbers(after=NOW + 2, limit=4) == [3, 4, 5, 6]
    assert await disk.numbers(after=NOW + 2, outcome=Outcome.FAILED, limit=3) == [3, 5, 7]
    assert await disk.numbers(after=NOW + 2, partner=1, limit=2) == [3, 4]
    assert await disk.numbers(after=NOW + 9) == []


async def test_what_has_the_same_correlation_id_is_found_beside_one(disk):
    await disk.put([exchange(n, correlation_id="other" if n == 3 else "one") for n in range(8)])
    found = await disk.database.read(lambda c: correlated(c, "one", NOW + 4, 2))
    assert [row.id - NOW for row in found] == [1, 2, 5, 6]


async def test_every_filter_finds_what_a_look_at_each_row_finds(disk):
    rows, legs = [], []
    ends = itertools.cycle(("delivered", "failed", "answered", "declined"))
    for n, (sender, receiver) in enumerate(itertools.product((1, 2, 3), repeat=2)):
        end = next(ends)
        module = "cdrs" if n % 2 else "tokens"
        rows.append(exchange(n, sender_id=sender, receiver_id=receiver, outcome=end, module=module))
    rows.append(exchange(9, receiver_id=None, way="broadcast", outcome="answered"))
    legs = [delivery(20, 9, platform_id=2), delivery(21, 9, platform_id=3, outcome="failed")]
    await disk.put(rows, legs)
    for partner in (None, 1, 2, 3, 4):
        for end in (None, Outcome.FAILED, Outcome.ANSWERED):
            for module in (None, "cdrs", "locations"):
                expected = []
                for row in reversed(rows):
                    of = [leg for leg in legs if leg["exchange_id"] == row["id"]]
                    theirs = [leg for leg in of if partner is None or leg["platform_id"] == partner]
                    is_partner = partner in (None, row["sender_id"], row["receiver_id"]) or theirs
                    ended = end in (None, row["outcome"]) or any(leg["outcome"] == end for leg in theirs)
                    if is_partner and ended and module in (None, row["module"]):
                        expected.append(row["id"] - NOW)
                assert await disk.numbers(partner=partner, outcome=end, module=module) == expected


async def test_since_and_until_are_milliseconds(disk):
    await disk.put([exchange(n * 1000) for n in range(5)])
    start = NOW // 1000
    assert await disk.numbers(since=start + 1, until=start + 3) == [2000, 1000]


async def test_a_page_tells_how_many_deliveries_there_were(disk):
    legs = [delivery(2, 1, losses=2), delivery(3, 1, losses=1, outcome="failed"), delivery(4, 1, outcome="declined")]
    await disk.put([exchange(0), exchange(1)], legs)
    broadcast, none = await disk.database.read(lambda c: page(c, Filter(), None, 10))
    assert (broadcast.deliveries, broadcast.undelivered, broadcast.losses) == (3, 2, 3)
    assert (none.deliveries, none.undelivered, none.losses) == (0, 0, 0)
    assert broadcast.at == NOW // 1000


async def test_a_trace_is_found_by_each_of_its_ids(disk):
    body = {"exchange_id": NOW + 1, "delivery_id": NOW + 2, "request": "asked", "answer": "said"}
    later = exchange(3, correlation_id="c1")
    await disk.put([exchange(0), exchange(1), later], [delivery(2, 1)], [body, {**body, "delivery_id": 0}])
    for name in ("c1", "r1", "r3", "out2"):
        first, second = await disk.database.read(lambda c, name=name: trace(c, name))
        assert (first.exchange.id, second.exchange.id) == (NOW + 1, NOW + 3)
        assert [leg.request_id for leg in first.deliveries] == ["out2"]
        assert first.deliveries[0].bodies.request == "asked"
        assert first.bodies.answer == "said"
        assert second.bodies is None
    assert await disk.database.read(lambda c: trace(c, "nobody")) == []
    assert (await disk.database.read(lambda c: exchange_of(c, NOW + 1))) == first
    assert await disk.database.read(lambda c: exchange_of(c, 5)) is None


async def test_findings_are_added_to_what_is_there(disk):
    await disk.put([exchange(0)])
    for words in ("first", "second"):
        found = {NOW: (2, words), NOW + 9: (1, "x")}
        assert await disk.database.write(lambda c, found=found: add_findings(c, found)) == {NOW}
    (row,) = await disk.database.read(lambda c: page(c, Filter(), None, 10))
    assert (row.findings, row.finding) == (4, "first")


async def test_a_number_that_is_there_already_is_passed_by(disk):
    await disk.put([exchange(0)])
    await disk.put([exchange(0, module="cdrs"), exchange(1)])
    assert await disk.numbers(module="locations") == [1, 0]


async def test_the_oldest_go_first_each_with_its_deliveries(disk):
    bodies = [{"exchange_id": NOW + n, "delivery_id": 0, "request": "", "answer": ""} for n in range(10)]
    await disk.put([exchange(n) for n in range(10)], [delivery(20 + n, n) for n in range(10)], bodies)
    assert await disk.database.read(size) == 20
    assert await disk.prune(None, 3) == 6
    assert await disk.numbers() == [9, 8, 7, 6, 5, 4, 3]
    assert await disk.prune(5, 100) == 4
    assert await disk.prune(5, 100) == 0
    assert await disk.prune(None, 100) == 10
    assert await disk.prune(None, 100) == 0
    assert await disk.database.read(lambda c: c.scalar(text("SELECT count(*) FROM captured"))) == 0


async def test_an_exchange_with_many_deliveries_goes_as_a_whole(disk):
    await disk.put([exchange(0), exchange(1)], [delivery(10 + n, 0) for n in range(50)])
    assert await disk.prune(None, 1) == 51
    assert await disk.numbers() == [1]


@only_sqlite
@pytest.mark.parametrize(
    ("wanted", "indexes"),
    [
        (Filter(), ["exchange USING INTEGER PRIMARY KEY"]),
        (Filter(since=NOW // 1000), ["exchange USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"]),
        (
            Filter(partner=2, since=NOW // 1000),
            [
                "exchange USING COVERING INDEX ix_exchange_sender_id_id (sender_id=? AND id>? AND id<?)",
                "exchange USING COVERING INDEX ix_exchange_receiver_id_id (receiver_id=? AND id>? AND id<?)",
                "delivery USING COVERING INDEX ix_delivery_platform_id_exchange_id (platform_id=? AND exchange_id>?",
            ],
        ),
        (Filter(module="cdrs"), ["exchange USING INDEX ix_exchange_module_id (module=? AND id<?)"]),
        (
            Filter(outcome=Outcome.FAILED),
            [
                "exchange USING COVERING INDEX ix_exchange_outcome_id (outcome=? AND id<?)",
                "delivery USING COVERING INDEX ix_delivery_outcome_exchange_id (outcome=? AND exchange_id<?)",
            ],
        ),
    ],
)
async def test_pages_are_read_by_indexes(database, wanted, indexes):
    plan = await explain(database, page_query(wanted, NOW, 50))
    for index in indexes:
        assert any(f"SEARCH {index}" in line for line in plan), plan
    assert not [line for line in plan if line.startswith(("SCAN exchange", "SCAN delivery"))]


class Spy:
    """A connection that notes what it is asked."""

    def __init__(self, connection: Any) -> None:
        self.asked: list[Any] = []
        self.connection = connection

    def __getattr__(self, name: str) -> Any:
        def ask(query: Any) -> Any:
            self.asked.append(query)
            return getattr(self.connection, name)(query)

        return ask


@only_sqlite
@pytest.mark.parametrize("parts", [False, True])
async def test_traces_are_read_by_indexes(disk, parts, monkeypatch):
    monkeypatch.setattr(sorting, "PART", 2)
    asked: list[Any] = []

    async def run(connection: Any) -> None:
        spy = Spy(connection)
        await trace(spy, "c1")
        await correlated(spy, "c1", NOW, 10)
        asked.extend(spy.asked)

    await disk.put([exchange(n) for n in range(9)], [delivery(20 + n, n) for n in range(9)])
    while parts and await disk.sort():
        pass
    await disk.database.read(run)
    assert len(asked) == 12
    for query in asked:
        plan = await explain(disk.database, query)
        assert not [
            line
            for line in plan
            if re.match("SCAN (exchange|delivery|captured|trace_key)", line) and "USING" not in line
        ], plan


async def test_ids_are_found_whether_sorted_or_not_and_where_they_came_late(disk, monkeypatch):
    monkeypatch.setattr(sorting, "PART", 3)
    chance = random.Random(5)
    rows = [exchange(10 * n, correlation_id=f"c{chance.randrange(9)}", request_id=f"r{n % 25}") for n in range(60)]
    legs = [
        delivery(10 * n + each, 10 * n, request_id=f"out{n % 40}.{each}") for n in range(60) for each in range(n % 4)
    ]
    chance.shuffle(rows)
    parts = 0
    for turn in range(6):  # what comes in each turn is of any time, so most of it is late
        await disk.put(rows[turn::6], [leg for leg in legs if leg["exchange_id"] % 6 == turn])
        parts += await disk.sort()
    names = (
        [f"c{n}" for n in range(10)]
        + [f"r{n}" for n in range(26)]
        + [f"out{n}.{m}" for n in range(41) for m in (0, 1, 2)]
    )
    await same_as_by_hand(disk, rows, legs, names)
    while await disk.sort():
        parts += 1
    assert parts > 10
    await same_as_by_hand(disk, rows, legs, names)
    assert await disk.database.read(size) == len(rows) + len(legs)
    await disk.prune(300, 1000)
    rows, legs = (
        [row for row in rows if row["id"] >= NOW + 300],
        [leg for leg in legs if leg["exchange_id"] >= NOW + 300],
    )
    await same_as_by_hand(disk, rows, legs, names)
    assert await disk.database.read(size) == len(rows) + len(legs)
    left = await disk.database.read(
        lambda c: c.scalar(text("SELECT count(*) FROM trace_key WHERE exchange_id < 1800000000000300 - 60"))
    )
    assert left == 0, "with the rows, their keys go"
    assert await disk.prune(None, 1000) > 0
    assert await disk.database.read(lambda c: c.scalar(text("SELECT count(*) FROM trace_key"))) == 0


async def same_as_by_hand(disk: Disk, rows: list[Any], legs: list[Any], names: list[str]) -> None:
    for name in names:
        of = {leg["exchange_id"] for leg in legs if leg["request_id"] == name}
        told = {row["correlation_id"] for row in rows if row["request_id"] == name or row["id"] in of} | {name}
        wanted = sorted(row["id"] for row in rows if row["correlation_id"] in told)
        found = await disk.database.read(lambda c, name=name: trace(c, name))
        assert [each.exchange.id for each in found] == wanted, name


async def test_what_has_the_key_of_another_is_not_taken_for_it(disk, monkeypatch):
    monkeypatch.setattr(sorting, "PART", 1)
    end = "-the-same-end"
    rows = [exchange(n, correlation_id=f"c{n}{end}", request_id=f"r{n}{end}") for n in range(3)]
    await disk.put(rows, [delivery(10 + n, n, request_id=f"out1{n}{end}") for n in range(3)])
    while await disk.sort():
        pass
    for name in (f"c1{end}", f"r1{end}", f"out11{end}"):
        (only,) = await disk.database.read(lambda c, name=name: trace(c, name))
        assert only.exchange.id == NOW + 1
    assert await disk.database.read(lambda c: correlated(c, f"c1{end}", NOW, 5))
    assert await disk.database.read(lambda c: trace(c, f"c9{end}")) == []


async def explain(database: Any, query: Any) -> list[str]:
    sql = query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    found = await database.read(lambda c: c.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}"))
    return [row.detail for row in found]


async def test_a_capture_is_there_until_its_end(database):
    roles = [PartyRole.parse("NL-ONE:CPO")]
    number = await database.write(lambda c: create_platform(c, "One", roles, None, 1))
    await database.write(lambda c: set_capture(c, number, 500))
    assert await database.read(lambda c: load_captures(c, 499)) == {number: 500}
    assert await database.read(lambda c: load_captures(c, 500)) == {}
    await database.write(lambda c: set_capture(c, number, 0))
    assert await database.read(lambda c: load_captures(c, 1)) == {}
    await database.write(lambda c: set_capture(c, number, 500))
    await database.write(lambda c: remove(c, number))
    assert await database.read(lambda c: load_captures(c, 1)) == {}
