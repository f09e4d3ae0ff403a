"""How the hub's store bears size, on PostgreSQL: `python -m tests.bench.size`, half an hour and 15 GB in /tmp.

10,000 platforms, a mirror of 250,000 locations with 1,000,000 EVSEs, a month of 5,000,000 messages. Then the store's
own functions are timed, as the hub calls them. `--url` takes an empty database, and fills it, or one that was filled.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config import Config, Hub
from hub.config.storing import Store as StoreConfig
from hub.core.party import Role
from hub.ids import new_id
from hub.partners.opening import Store
from hub.store import journal
from hub.store.database import Database
from hub.store.journal_schema import delivery, exchange
from hub.store.migrations import revisions, upgrade
from hub.store.pruning import prune
from tests.bench import probes, servers
from tests.bench.filling import Amount, fill
from tests.bench.partitions import compare
from tests.bench.seed import Member, many, register
from tests.postgresql import cluster

_ROUNDS = 25
_LONGEST = 10.0
"""Seconds for all rounds of one look-up."""
_BATCH = 250
_BATCHES = 80
_PRUNED = 100
_SERVER = {
    "fsync": "on", "full_page_writes": "on", "autovacuum": "on", "shared_buffers": "2GB", "max_wal_size": "8GB",
    "work_mem": "16MB", "effective_cache_size": "8GB",
}  # fmt: skip
_SIZES = """
SELECT relname, reltuples::bigint, pg_total_relation_size(oid), pg_indexes_size(oid)
FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND reltuples > 1000 ORDER BY 3 DESC
"""


class Figure(msgspec.Struct, frozen=True):
    """One thing that was measured."""

    what: str
    figure: float
    unit: str


def main(arguments: Sequence[str] = sys.argv[1:]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.size", description=__doc__)
    parser.add_argument("--url", help="a PostgreSQL database; without it, a server is started for this run")
    parser.add_argument("--folder", type=Path, help="where hub.key is, of a database that was filled by a run before")
    parser.add_argument("--parties", type=int, default=10_000)
    parser.add_argument("--locations", type=int, default=250_000, help="of four EVSEs each")
    parser.add_argument("--exchanges", type=int, default=5_000_000, help="each with its delivery")
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")
    given = parser.parse_args(arguments)
    console = Console(stderr=True)
    with ExitStack() as stack, console.status("starting") as status:
        folder = given.folder or Path(stack.enter_context(TemporaryDirectory(prefix="ocpi-hub-size-")))
        folder.mkdir(exist_ok=True)
        url = given.url or stack.enter_context(cluster(**_SERVER)).make()
        members = _members(given.parties)
        figures = asyncio.run(_measure(url, folder, members, given, status.update))
        figures += _start(url, folder)
    if given.json:
        print(json.dumps(msgspec.to_builtins(figures), indent=2))
        return 0
    table = Table("what", "figure", "", box=None, header_style="bold")
    for each in figures:
        table.add_row(each.what, f"{each.figure:,.2f}" if each.figure < 100 else f"{each.figure:,.0f}", each.unit)
    Console().print(table)
    return 0


def _members(number: int) -> list[Member]:
    url = "http://127.0.0.1:9"
    return [*many(number // 2, Role.CPO, url, "NL"), *many(number - number // 2, Role.EMSP, url, "DE")]


async def _measure(
    url: str, folder: Path, members: Sequence[Member], given: argparse.Namespace, tell: Any
) -> list[Figure]:
    database = await Database.open(url, patient=True)
    try:
        if not await revisions(database):
            await _fill(database, url, folder, members, given, tell)
        await _vacuum(url)
        figures = [figure async for figure in _figures(database, tell)]
    finally:
        await database.close()
    tell("partitions")
    for timed in await compare(url):
        figures.append(Figure(f"plain table: {timed.what}", timed.plain, "ms"))
        figures.append(Figure(f"partitions: {timed.what}", timed.partitioned, "ms"))
    return figures


async def _fill(
    database: Database, url: str, folder: Path, members: Sequence[Member], given: argparse.Namespace, tell: Any
) -> None:
    tell("registering platforms")
    await upgrade(database)
    config = Config(folder=folder, hub=Hub(party="NL-HUB", data="data"), store=StoreConfig(url=url))
    async with Store(config) as store:
        await database.write(lambda connection: _register(connection, store, members))
    owners = [each.role.party.id for each in members]
    await fill(database, Amount(owners=owners, locations=given.locations, exchanges=given.exchanges), tell)


async def _register(connection: AsyncConnection, store: Store, members: Sequence[Member]) -> None:
    for member in members:
        await register(connection, store, member)


async def _figures(database: Database, tell: Any) -> Any:
    of = await database.read(probes.known)
    for kind in (probes.pages, probes.journal_pages, probes.single, probes.of_dashboard):
        for name, work in kind(of).items():
            tell(name)
            yield Figure(f"{kind.__name__}: {name}", await _least(database, work), "ms")
    tell("writing")
    yield Figure("journal: messages written, each with a delivery", await _writing(database), "per s")
    yield Figure("journal: messages pruned", await _pruning(database), "per s")
    for name, rows, size, indexes in await database.read(_sizes):
        yield Figure(f"disk: {name}, {rows:,} rows, {size / 1e6:,.0f} MB", size / rows, "bytes a row")
        yield Figure(f"disk: indexes of {name}", indexes / rows, "bytes a row")


async def _least(database: Database, work: probes.Work) -> float:
    """Milliseconds, the least of some rounds: what other programs do at the same time is not in it."""
    times: list[float] = []
    while len(times) < _ROUNDS and sum(times) < _LONGEST * 1000:
        began = time.perf_counter()
        await database.read(work)
        times.append((time.perf_counter() - began) * 1000)
    return min(times)


async def _sizes(connection: AsyncConnection) -> list[Any]:
    return list((await connection.execute(text(_SIZES))).all())


async def _writing(database: Database) -> float:
    """Batches as large as the hub's, of new rows, one after the other."""
    number, batches = time.time_ns() // 1000, []
    names, their_names = exchange.columns.keys(), delivery.columns.keys()
    for _ in range(_BATCHES):
        rows, legs = [], []
        for _ in range(_BATCH):
            number += 10
            rows.append([_exchange(number).get(name) for name in names])
            legs.append([_delivery(number).get(name) for name in their_names])
        batches.append(journal.Batch(rows, legs, []))
    began = time.perf_counter()
    for batch in batches:
        await journal.keep(database, batch)
    return _BATCHES * _BATCH / (time.perf_counter() - began)


def _exchange(number: int) -> dict[str, Any]:
    ids = {"id": number, "correlation_id": new_id(), "request_id": new_id()}
    one, two = number // 10 % 97, number // 10 % 89
    who = {"sender": f"NL-{one:03}", "sender_id": 1 + one, "receiver": f"DE-{two:03}", "receiver_id": 5001 + two}
    what = {"version": "2.2.1", "module": "locations", "interface": "RECEIVER", "method": "PATCH", "object_id": "L1"}
    how = {"way": "direct", "why": "to", "outcome": "delivered", "http_status": 200, "ocpi_status": 1000}
    return {
        **ids,
        **who,
        **what,
        **how,
        "hub_us": 300,
        "partner_us": 9000,
        "bytes_in": 9,
        "bytes_out": 9,
        "findings": 0,
    }


def _delivery(number: int) -> dict[str, Any]:
    row = _exchange(number)
    ids = {"id": number + 1, "exchange_id": number, "request_id": new_id(), "platform_id": row["receiver_id"]}
    return {**row, **ids, "after_us": 300, "losses": 0}


async def _pruning(database: Database) -> float:
    """In pieces as large as the hub's, without its pauses."""
    began, gone = time.perf_counter(), 0
    for _ in range(_PRUNED):
        gone += await database.write_rows(partial(prune, before_id=None, most=100))
    return gone / 2 / (time.perf_counter() - began)


async def _vacuum(url: str) -> None:
    """As autovacuum would in time."""
    import asyncpg

    connection = await asyncpg.connect(url)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


def _start(url: str, folder: Path) -> list[Figure]:
    """A hub's start with all these platforms, until it listens."""
    os.environ["OCPI_HUB__STORE__URL"] = url
    with servers.hub(folder, None) as hub:
        used = hub.used()
    return [
        Figure("start of a hub", hub.took, "s"),
        Figure("start of a hub: processor", used.cpu, "s"),
        Figure("memory of a hub after its start", used.memory / 1e6, "MB"),
    ]


if __name__ == "__main__":
    sys.exit(main())
