"""Sums of the journal: they are what a recount of the rows gives, whatever came when, and outlive the rows."""

import random
from collections import Counter
from typing import Any

import pytest
from alembic import command
from sqlalchemy import delete, event, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.durations import of_step, step_of
from hub.core.outcome import Outcome
from hub.store import journal_schema as schema
from hub.store.database import Database
from hub.store.journal import Batch, keep
from hub.store.migrations import upgrade
from hub.store.migrations.due import script
from hub.store.sums import MINUTE, SPANS, cover, make_spans, marks, prune_sums
from hub.store.traffic import Durations, Failure, traffic

DAY = 1440 * MINUTE
NOW = 20_833 * DAY + 17 * 60 * MINUTE + 3 * MINUTE
"""Milliseconds; in the middle of spans of every length but the shortest."""
WAYS = ("direct", "broadcast", "mirror", "refuse", None)
PARTIES = ("NL-ONE", "DE-TWO", "FR-TRE")
TABLES = (schema.outcome_sum, schema.duration_sum, schema.pair_sum)


def exchange(number: int, **changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {column.name: None for column in schema.exchange.c}
    base |= {"correlation_id": f"c{number}", "request_id": "r", "sender": "NL-ONE", "sender_id": 1, "method": "PUT"}
    base |= {"receiver": "DE-TWO", "receiver_id": 2, "module": "locations", "http_status": 200, "ocpi_status": 1000}
    base |= {"hub_us": 1000, "bytes_in": 1, "bytes_out": 1, "findings": 0, "way": "direct", "outcome": "delivered"}
    return base | {"id": number} | changes


def delivery(number: int, of: int, **changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {column.name: None for column in schema.delivery.c}
    base |= {"sender": "NL-ONE", "receiver": "DE-TWO", "module": "locations", "platform_id": 2, "after_us": 5}
    base |= {"partner_us": 40_000, "bytes_out": 1, "bytes_in": 1, "losses": 0, "outcome": "delivered"}
    return base | {"http_status": 200, "id": number, "exchange_id": of} | changes


def batch(*kinds: list[dict[str, Any]]) -> Batch:
    tables = schema.exchange, schema.delivery
    return Batch(
        *(
            [list(map(row.get, table.columns.keys())) for row in rows]
            for table, rows in zip(tables, kinds, strict=False)
        )
    )


def anything(chance: random.Random, number: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """An exchange as it may be, with its deliveries."""
    way = chance.choice(WAYS)
    sender, receiver = chance.sample(PARTIES, 2)
    of = {"sender": sender, "receiver": receiver, "module": chance.choice(("cdrs", "tokens"))}
    came = exchange(
        number, **of, way=way, outcome=chance.choice(list(Outcome)).value,
        hub_us=chance.randrange(3_000_000), receiver_id=chance.choice((2, None)),
    )  # fmt: skip
    legs = [
        delivery(
            number + 1 + each, number, **of | {"receiver": chance.choice(PARTIES)},
            outcome=chance.choice(("delivered", "failed", "declined")),
            http_status=chance.choice((200, None)), partner_us=chance.randrange(30_000_000),
        )
        for each in range(chance.randrange(3) if way in ("direct", "broadcast") else 0)
    ]  # fmt: skip
    return came, legs


def percentile(times: list[int], share: float) -> int | None:
    if not times:
        return None
    return round(of_step(step_of(sorted(times)[max(0, -int(-share * len(times) // 1) - 1)])))


def recount(exchanges: list[Any], legs: list[Any], since: int, until: int, step: int, parties: Any = None) -> Any:
    """The same from the rows themselves, one by one."""
    since, until = since // step * step, -(-until // step) * step
    exchanges = [row for row in exchanges if since * 1000 <= row["id"] < until * 1000]
    legs = [row for row in legs if since * 1000 <= row["exchange_id"] < until * 1000]
    talks = [(row["exchange_id"], row) for row in legs] + [(row["id"], talk) for row in exchanges for talk in told(row)]
    if parties is not None:
        talks = [(number, row) for number, row in talks if {row["sender"], row["receiver"]} & set(parties)]
        return steps(talks, {}, step), *pairs_of(talks)
    ended = [(row["id"], row) for row in exchanges]
    times: dict[tuple[int, str], list[int]] = {}
    for row in exchanges:
        if row["way"] is not None:
            times.setdefault((row["id"] // 1000 // step * step, "hub"), []).append(row["hub_us"])
    for row in legs:
        if row["http_status"] is not None:
            times.setdefault((row["exchange_id"] // 1000 // step * step, "partner"), []).append(row["partner_us"])
    return steps(ended, times, step), *pairs_of(talks)


def told(row: dict[str, Any]) -> list[dict[str, Any]]:
    """What an exchange itself adds to who talked to whom."""
    if row["way"] in ("direct", None):
        return []
    return [row if row["way"] == "refuse" and row["receiver_id"] is not None else row | {"receiver": ""}]


def steps(ended: list[Any], times: dict[tuple[int, str], list[int]], step: int) -> list[Any]:
    outcomes: dict[int, Counter[str]] = {}
    for number, row in ended:
        outcomes.setdefault(number // 1000 // step * step, Counter())[row["outcome"]] += 1
    found = []
    for when in sorted({*outcomes, *(when for when, _ in times)}):
        hub, partner = times.get((when, "hub"), []), times.get((when, "partner"), [])
        durations = [Durations(percentile(each, 0.5), percentile(each, 0.99)) for each in (hub, partner)]
        found.append((when, dict(outcomes.get(when, {})), *durations))
    return found


def pairs_of(talks: list[Any]) -> tuple[Any, Any]:
    pairs: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
    failed: dict[tuple[str, str], int] = {}
    for number, row in talks:
        if row["receiver"]:
            pair = row["sender"], row["receiver"]
            pairs.setdefault(pair, Counter())[row["module"], row["outcome"]] += 1
            if row["outcome"] in ("failed", "refused"):
                failed[pair] = max(number, failed.get(pair, 0))
    return pairs, failed


def same(told: Any, counted: Any) -> None:
    buckets, pairs, failed = counted
    assert [(each.at, each.outcomes, each.hub, each.partner) for each in told.buckets] == buckets
    assert {(each.sender, each.receiver) for each in told.pairs} == pairs.keys()
    for pair in told.pairs:
        found = pairs[pair.sender, pair.receiver]
        assert pair.messages == found.total()
        for each in pair.modules:
            of = {outcome: count for (module, outcome), count in found.items() if module == each.module}
            assert each.messages == sum(of.values())
            assert each.declined == of.get("declined", 0)
            assert each.failed == of.get("failed", 0) + of.get("refused", 0)
        assert sum(each.failed for each in pair.modules) == pair.failed
        assert sum(each.declined for each in pair.modules) == pair.declined
        number = failed.get((pair.sender, pair.receiver))
        assert (pair.last_failure.at if pair.last_failure else None) == (number and number // 1000)
    assert [each.messages for each in told.pairs] == sorted((each.messages for each in told.pairs), reverse=True)


async def spans(database: Database, now: int) -> int:
    rounds = 1
    while await database.write(lambda c: make_spans(c, now)):
        rounds += 1
    return rounds


async def rows_of(database: Database, span: int) -> int:
    counts = [select(func.count()).select_from(table).where(table.c.span == span) for table in TABLES]
    return sum([await database.read(lambda c, query=query: c.scalar(query)) for query in counts])


@pytest.mark.parametrize("seed", range(4))
async def test_sums_are_what_a_recount_gives(database, seed):
    chance = random.Random(seed)
    now = NOW
    exchanges, legs, known = [], [], set()
    for _ in range(12):
        now += chance.choice((MINUTE // 3, 7 * MINUTE, 3 * 60 * MINUTE, DAY))
        new, sent = [], []
        for _ in range(chance.randrange(1, 30)):
            # Most come at once, some late, some have been written already.
            late = chance.choice((0, 0, 0, 6 * MINUTE, 2 * 60 * MINUTE, 3 * DAY))
            number = (now - chance.randrange(late or MINUTE)) * 1000 + chance.randrange(90) * 10
            if number not in known:
                known.add(number)
                came, of = anything(chance, number)
                exchanges.append(came)
                legs += of
                new.append(came)
                sent += of
        new += chance.sample(exchanges, min(3, len(exchanges)))
        sent += chance.sample(legs, min(3, len(legs)))
        await keep(database, batch(*([*{row["id"]: row for row in rows}.values()] for rows in (new, sent))))
        if chance.random() < 0.6:
            await spans(database, now)
    for step in (1, 7, 15, 60, 120, 480, 1440, 2880):
        length = step * MINUTE
        for since, until in ((NOW, now), (now - 90 * MINUTE, now - MINUTE), (0, now + DAY)):
            if until - since > 10_000 * length:
                continue
            for parties in (None, ["DE-TWO", "FR-TRE"], []):
                told = await database.read(lambda c, a=since, b=until, s=length, p=parties: traffic(c, a, b, s, p))
                same(told, recount(exchanges, legs, since, until, length, parties))


async def test_a_pair_tells_of_its_last_failure_while_the_journal_has_it(database):
    number = NOW * 1000
    rows = batch(
        [exchange(number, way="broadcast", outcome="answered"), exchange(number + 50, way="refuse", outcome="refused",
                                                                          receiver="FR-TRE", reason="no agreement")],
        [delivery(number + 1, number, outcome="failed", reason="it did not answer in time", module="cdrs")],
    )  # fmt: skip
    await keep(database, rows)
    told = await database.read(lambda c: traffic(c, NOW, NOW + 1, MINUTE))
    assert {pair.receiver: pair.last_failure for pair in told.pairs} == {
        "DE-TWO": Failure(NOW, f"c{number}", "it did not answer in time"),
        "FR-TRE": Failure(NOW, f"c{number + 50}", "no agreement"),
    }
    for table in (schema.exchange, schema.delivery):
        await database.write(lambda c, table=table: c.execute(delete(table)))
    told = await database.read(lambda c: traffic(c, NOW, NOW + 1, MINUTE))
    assert {pair.last_failure for pair in told.pairs} == {Failure(NOW)}


async def test_receivers_that_nobody_knows_are_no_sums_of_their_own(database):
    rows = [
        exchange(NOW * 1000 + each, way="refuse", outcome="refused", receiver=f"XX-{each:03}", receiver_id=None)
        for each in range(50)
    ]
    await keep(database, batch(rows))
    told = await database.read(lambda c: traffic(c, NOW, NOW + 1, MINUTE))
    assert (told.buckets[0].outcomes, told.pairs) == ({Outcome.REFUSED: 50}, ())
    assert await rows_of(database, 1) == 3


async def test_what_is_old_goes_but_for_the_longer_spans(database):
    first = NOW - 100 * DAY
    rows = [exchange((first + each * 12 * 60 * MINUTE) * 1000) for each in range(200)]
    await keep(database, batch(rows))
    assert await database.write(lambda c: prune_sums(c, NOW, 400)) == 0  # nothing is made of it yet
    assert await spans(database, NOW) > 1
    while await database.write(lambda c: prune_sums(c, NOW, 400)):
        pass
    kept = {span: await rows_of(database, span) / 2 for span in SPANS}
    assert kept[1] == pytest.approx(2 * 3, abs=2)
    assert kept[15] == pytest.approx(2 * 9, abs=2)
    assert kept[60] == pytest.approx(2 * 63, abs=2)
    assert kept[480] == 200
    assert kept[1440] == pytest.approx(100, abs=2)
    told = await database.read(lambda c: traffic(c, first, NOW, DAY))
    assert sum(each.outcomes[Outcome.DELIVERED] for each in told.buckets) == 200
    while await database.write(lambda c: prune_sums(c, NOW, 10)):
        pass
    told = await database.read(lambda c: traffic(c, first, NOW, DAY))
    assert sum(each.outcomes[Outcome.DELIVERED] for each in told.buckets) == pytest.approx(2 * 11, abs=2)


@pytest.mark.parametrize("parties", [None, ["NL-ONE"]])
async def test_what_is_asked_is_the_same_statement_however_many_spans_make_up_a_time(database, parties):
    """Of a statement that is not, each version would be kept, compiled: with every quarter of an hour there is one."""
    await keep(database, batch([exchange((NOW - each * 20 * MINUTE) * 1000) for each in range(300)]))
    await spans(database, NOW)
    made = await database.read(marks)
    times = [NOW - each * MINUTE for each in (1, 25, 4 * 60 + 7, 3 * 1440 + 71)]
    assert len({len(cover(since, NOW, SPANS, made)) for since in times}) > 2
    asked: set[str] = set()

    async def work(connection: AsyncConnection, since: int) -> None:
        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            asked.add(statement)

        event.listen(connection.sync_connection, "before_cursor_execute", note)
        await traffic(connection, since, NOW, MINUTE, parties)

    await database.read(lambda connection: work(connection, times[0]))
    first = set(asked)
    for since in times:
        await database.read(lambda connection, at=since: work(connection, at))
    assert first == asked


async def test_rows_from_before_are_counted_by_the_migration(empty):
    chance = random.Random(7)
    database = empty
    await database.write(lambda c: c.run_sync(lambda connection: command.upgrade(script(connection), "0007")))
    exchanges, legs = [], []
    for each in range(300):
        came, of = anything(chance, (NOW - each * 17 * MINUTE) * 1000)
        exchanges.append(came)
        legs += [{**leg, "module": came["module"]} for leg in of]
    before = [{name: value for name, value in leg.items() if name != "module"} for leg in legs]
    await database.write(lambda c: c.execute(insert(schema.exchange), exchanges))
    await database.write(lambda c: c.execute(insert(schema.delivery), before))
    await upgrade(database)
    for made in (False, True):
        if made:
            await spans(database, NOW)
        for step in (60, 1440):
            told = await database.read(lambda c, s=step * MINUTE: traffic(c, NOW - 5 * DAY, NOW, s))
            same(told, recount(exchanges, legs, NOW - 5 * DAY, NOW, step * MINUTE))


def test_a_time_is_covered_by_the_longest_spans_that_are_made():
    made = {15: 3 * DAY, 60: 3 * DAY - 30 * MINUTE, 480: 2 * DAY, 1440: 2 * DAY}
    for since, until in ((0, 4 * DAY), (DAY + 15 * MINUTE, 3 * DAY + MINUTE), (5 * MINUTE, 6 * MINUTE), (DAY, DAY)):
        parts = cover(since, until, SPANS, made)
        assert [end for _, _, end in parts[:-1]] == [begin for _, begin, _ in parts[1:]]
        if parts:
            assert (parts[0][1], parts[-1][2]) == (since, until)
        assert all(begin % (span * MINUTE) == end % (span * MINUTE) == 0 for span, begin, end in parts)
        assert all(end <= made[span] for span, _, end in parts if span > 1)
    assert len(cover(0, 2 * DAY, SPANS, made)) == 1
