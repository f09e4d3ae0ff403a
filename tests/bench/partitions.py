"""Whether partitions would pay: a part of a full journal and mirror is copied into plain and partitioned tables."""

import statistics
import time
from itertools import pairwise
from typing import Any

import asyncpg
import msgspec

_PARTS = 30
_MOST_ROWS = 1_500_000
_GONE = _PARTS // 3
_OWNERS = 16
_ROUNDS = 15
_BY_PARTNER = "SELECT id FROM {} WHERE sender_id = 17 AND id < $1 ORDER BY id DESC LIMIT 51"
_NEWEST = "SELECT * FROM {} ORDER BY id DESC LIMIT 51"
_PAGE = """
SELECT owner, version, body FROM {0} WHERE position IN (
  SELECT position FROM {0} WHERE module = 'locations' AND position >= $1 AND position < $1 + 8192
  ORDER BY position LIMIT 100 OFFSET 2000) ORDER BY position
"""
_BY_KEY = "SELECT body FROM {} WHERE module = 'locations' AND object_key = 'l777' AND owner = $1"
_DROPS = "DROP TABLE IF EXISTS bench_plain, bench_parts, bench_mirror, bench_owners"


class Timed(msgspec.Struct, frozen=True):
    """One statement, on a plain table and on a partitioned one: milliseconds."""

    what: str
    plain: float
    partitioned: float


async def compare(url: str) -> list[Timed]:
    """Copy, measure, and drop the copies."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_DROPS)
        return [*await _journal(connection), *await _mirror(connection)]
    finally:
        await connection.execute(_DROPS)
        await connection.close()


async def _journal(connection: Any) -> list[Timed]:
    ids = await connection.fetch(f"SELECT id FROM exchange ORDER BY id LIMIT {_MOST_ROWS}")
    each = len(ids) // _PARTS
    begins = [row[0] for row in ids[::each]]
    edges = [0, *begins[1:_PARTS], 2**62]
    await connection.execute("CREATE TABLE bench_plain (LIKE exchange INCLUDING ALL)")
    await connection.execute("CREATE TABLE bench_parts (LIKE exchange INCLUDING ALL) PARTITION BY RANGE (id)")
    for n, (begin, end) in enumerate(pairwise(edges)):
        await connection.execute(
            f"CREATE TABLE bench_parts_{n} PARTITION OF bench_parts FOR VALUES FROM ({begin}) TO ({end})"
        )
    rows = f"SELECT * FROM exchange ORDER BY id LIMIT {_MOST_ROWS}"
    filled = [await _once(connection, f"INSERT INTO {table} {rows}") for table in ("bench_plain", "bench_parts")]
    await connection.execute("VACUUM ANALYZE bench_plain")
    await connection.execute("VACUUM ANALYZE bench_parts")
    middle = begins[_PARTS // 2]
    found = [
        Timed(f"{len(ids):,} exchanges inserted", *filled),
        Timed("page of a partner", *await _both(connection, _BY_PARTNER, "bench_plain", "bench_parts", middle)),
        Timed("newest page", *await _both(connection, _NEWEST, "bench_plain", "bench_parts")),
    ]
    last = begins[_GONE]
    gone = await _once(connection, f"DELETE FROM bench_plain WHERE id < {last}")
    gone += await _once(connection, "VACUUM bench_plain")
    drop = ", ".join(f"bench_parts_{n}" for n in range(_GONE))
    return [*found, Timed(f"{_GONE * each:,} exchanges gone", gone, await _once(connection, f"DROP TABLE {drop}"))]


async def _mirror(connection: Any) -> list[Timed]:
    await connection.execute("CREATE TABLE bench_mirror (LIKE mirror INCLUDING ALL)")
    await connection.execute("CREATE TABLE bench_owners (LIKE mirror) PARTITION BY HASH (owner)")
    for n in range(_OWNERS):
        await connection.execute(
            f"CREATE TABLE bench_owners_{n} PARTITION OF bench_owners "
            f"FOR VALUES WITH (MODULUS {_OWNERS}, REMAINDER {n})"
        )
    for index in ("(position)", "(module, object_key, owner)", "(module, position, last_updated, owner)"):
        await connection.execute(f"CREATE INDEX ON bench_owners {index}")
    for table in ("bench_mirror", "bench_owners"):
        await connection.execute(f"INSERT INTO {table} SELECT * FROM mirror")
        await connection.execute(f"VACUUM ANALYZE {table}")
    middle = await connection.fetchval("SELECT avg(position)::bigint FROM mirror WHERE module = 'locations'")
    owner = await connection.fetchval("SELECT owner FROM mirror WHERE object_key = 'l777' AND module = 'locations'")
    tables = "bench_mirror", "bench_owners"
    return [
        Timed("page in the middle of GET All", *await _both(connection, _PAGE, *tables, middle)),
        Timed("one object by its key", *await _both(connection, _BY_KEY, *tables, owner)),
    ]


async def _both(connection: Any, query: str, plain: str, parts: str, *values: Any) -> list[float]:
    return [
        statistics.median([await _once(connection, query.format(table), *values) for _ in range(_ROUNDS)])
        for table in (plain, parts)
    ]


async def _once(connection: Any, statement: str, *values: Any) -> float:
    began = time.perf_counter()
    await (connection.fetch(statement, *values) if values else connection.execute(statement))
    return (time.perf_counter() - began) * 1000
