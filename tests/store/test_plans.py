"""However full the database is, a look-up reads what it finds and little more: plans of what the hub really runs."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial

import pytest
from sqlalchemy import event, text

from hub.core.party import Party, PartyRole
from hub.store import hints, journal, mirror, pruning, sorting, sums
from hub.store.database import Database, Part
from hub.store.migrations import upgrade
from hub.store.platforms import create_platform
from tests.bench import probes
from tests.bench.filling import Amount, fill
from tests.store.pushing import push

LARGE = frozenset(
    ("exchange", "delivery", "captured", "trace_key", "mirror", "token_contract", "hint", "pair_sum", "duration_sum")
)
MOST_READ = 5000
"""Rows of a large table that one look-up may read: a part of the mirror (4096), and a page."""
MOST_SORTED = 1000
WHOLE = re.compile(r"overview|map: (extent|the world)|how much|what changed in|sums|keys")
"""What these ask for, or make, is of very many rows."""
OWNERS = [f"NL-{n:03}" for n in range(200)]
AMOUNT = Amount(owners=OWNERS, locations=9000, exchanges=30_000, days=2, end=1_790_000_000_000)


class Back(Exception):
    """Everything as it was."""


@pytest.fixture(scope="module")
def full(postgresql):
    """The URL of a database that is full enough for its planner to choose."""
    url = postgresql.migrated()
    with ThreadPoolExecutor(1) as thread:  # this one's loop may be at work already
        thread.submit(asyncio.run, _fill(url)).result()
    postgresql.sql("VACUUM ANALYZE", url.rpartition("/")[2])
    yield url
    postgresql.drop(url)


async def _fill(url):
    database = await Database.open(url)
    for owner in OWNERS:
        roles = [PartyRole.parse(f"{owner}:CPO")]
        await database.write(lambda c, owner=owner, roles=roles: create_platform(c, owner, roles, None, 1))
    await fill(database, AMOUNT, lambda _: None)
    await database.close()


@pytest.fixture
async def database(full):
    database = await Database.open(full)
    yield database
    await database.close()


@contextmanager
def asked(database):
    """Every statement that reaches the database meanwhile, with its parameters."""
    found = []
    engines = [each.sync_engine for each in (database._readers, database._writer)]

    def listen(_connection, _cursor, statement, parameters, _context, many):
        # What only inserts values has no choice.
        if (
            re.match(r"\s*(SELECT|UPDATE|DELETE|WITH|INSERT(?!.* VALUES))", statement)
            and "pg_advisory" not in statement
        ):
            found.append((statement, parameters[0] if many else parameters))

    for engine in engines:
        event.listen(engine, "before_cursor_execute", listen)
    yield found
    for engine in engines:
        event.remove(engine, "before_cursor_execute", listen)


async def plan(database, statement, parameters):
    """What PostgreSQL did, node by node. Nothing of it stays."""
    nodes = []

    async def run(connection):
        rows = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
        waiting = [rows.scalar_one()[0]["Plan"]]
        while waiting:
            nodes.append(node := waiting.pop())
            waiting += node.get("Plans", [])
        raise Back

    with suppress(Back):
        await database.write(run)
    return nodes


def read(node):
    """Rows that a node looked at."""
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return (node["Actual Rows"] + removed) * node["Actual Loops"]


async def check(database, name, statements):
    """Each reads by an index alone, few rows, and sorts no more than a page."""
    # The last failures of a thousand pairs are looked up at once: too many for so small a journal.
    large = LARGE - {"exchange", "delivery"} if "overview" in name else LARGE
    for statement, parameters in statements:
        for node in await plan(database, statement, parameters):
            table, kind = node.get("Relation Name"), node["Node Type"]
            where = name, node, statement
            assert kind != "Seq Scan" or table not in large, where
            if WHOLE.search(name):
                continue
            assert table not in LARGE or read(node) <= MOST_READ, where
            is_top = node.get("Sort Method") == "top-N heapsort"
            assert kind != "Sort" or is_top or node["Actual Rows"] <= MOST_SORTED, where


@pytest.mark.parametrize("kind", [probes.pages, probes.journal_pages, probes.single, probes.of_dashboard])
async def test_reading(database, kind):
    of = await database.read(probes.known)
    assert (of.locations, len(of.owners)) == (9000, 100)
    for name, work in kind(of).items():
        with asked(database) as statements:
            await database.read(work)
        assert statements, name
        await check(database, name, statements)


def writing(of):
    """What the hub writes on the way of a message, and what it deletes in time."""
    owner, other = of.owners[0], of.owners[1]
    return {
        "an object deleted": partial(mirror.delete, module="locations", owner=owner, key="l1"),
        "a party dropped": partial(mirror.drop_party, platform_id=2, owner=other),
        "a platform dropped": partial(mirror.drop_platform, platform_id=3),
        "hints forgotten": partial(hints.forget_older, before=AMOUNT.end - 8990),
        "findings": partial(journal.add_findings, found={of.middle: (1, "words")}),
        "longer sums": partial(sums.make_spans, now=AMOUNT.end + 600_000),
        "sums pruned": partial(sums.prune_sums, now=AMOUNT.end + 2 * probes.DAY, days=1),
    }


async def test_writing(database):
    of = await database.read(probes.known)

    async def and_back(connection, work):
        await work(connection)
        raise Back

    for name, work in writing(of).items():
        with asked(database) as statements, suppress(Back):
            await database.write(partial(and_back, work=work), Part.JOURNAL)
        assert statements, name
        await check(database, name, statements)


async def test_rows_of_the_journal(database):
    of = await database.read(probes.known)
    found = await database.read(lambda c: journal.exchange_of(c, of.middle))
    row = [getattr(found.exchange, column.name) for column in journal.exchange.columns]
    batch = journal.Batch([[of.middle + 1, *row[1:]]])

    def and_back(rows, work):
        assert work(rows)
        raise Back

    tidying = (
        partial(sorting.sort_part, now=AMOUNT.end * 1000 + 10 * sorting.LAG),
        partial(pruning.prune, before_id=None, most=100),
        partial(pruning.prune, before_id=of.middle, most=100),
    )

    with asked(database) as statements:
        await journal.keep(database, batch)
        await journal.keep(database, batch)  # again: as after an error
        for work in tidying:
            with suppress(Back):
                await database.write_rows(partial(and_back, work=work))
    assert len(statements) > 15
    await check(database, "rows with their keys", statements)


async def test_a_push_uses_up_no_position(database):
    """Positions of what is new lie close together, so that a part of the mirror has many objects."""
    owner = Party.parse(OWNERS[0])

    async def position():
        return await database.read(lambda c: c.scalar(text("SELECT last_value FROM mirror_position_seq")))

    before = await position()
    with asked(database) as statements:
        for minute in range(3):
            body = b'{"id": "L1", "last_updated": "2027-01-01T00:0%d:00Z"}' % minute
            await push(database, owner, "L1", body, platform_id=1, module="locations", version="2.2.1")
    assert await position() == before
    await check(database, "push", statements)


async def test_sqlite_reads_by_indexes_too(tmp_path):
    """Its plans do not depend on what is in the tables."""
    database = await Database.open(tmp_path / "hub.db")
    await upgrade(database)
    owner = Party.parse(OWNERS[0])
    await database.write(lambda c: create_platform(c, "One", [PartyRole.parse(f"{owner}:CPO")], None, 1))
    body = b'{"id": "L1", "last_updated": "2027-01-01T00:00:00Z"}'
    await push(database, owner, "L1", body, platform_id=1, module="locations", version="2.2.1")
    of = probes.Known([owner, owner], 101, 1, "c", "s", 1, 1, AMOUNT.end)
    for kind in (probes.pages, probes.journal_pages, probes.single, probes.of_dashboard):
        for name, work in kind(of).items():
            with asked(database) as statements:
                await database.read(work)
            for statement, parameters in statements:
                explain = f"EXPLAIN QUERY PLAN {statement}"
                rows = await database.read(lambda c, s=explain, p=parameters: c.exec_driver_sql(s, p))
                for step in (row.detail for row in rows):
                    scanned = re.fullmatch(r"SCAN (\w+)", step)
                    in_order = "ORDER BY exchange.id" in statement and "LIMIT" in statement
                    assert not scanned or scanned[1] not in LARGE or in_order, (name, statement, step)
    await database.close()
