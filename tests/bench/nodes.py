"""Two nodes on one PostgreSQL against one, all on the same processors: nodes, database, load and backend share them."""

import asyncio
import shutil
import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hub.config import Config, Hub
from hub.config import Store as StoreConfig
from hub.partners.opening import Store
from tests.bench import servers
from tests.bench.cases import Bench, Outcome, Ratio, put
from tests.bench.compare import CONNECTIONS, Row
from tests.bench.process import Measured
from tests.bench.seed import Member, register
from tests.bench.wrk import Load, Request, wrk
from tests.postgresql import cluster

NODES = 2
_WARM = 1


def nodes(bench: Bench) -> Outcome:
    """PUT to one of two nodes, and to both. No process has a processor of its own: what one takes the other lacks."""
    members = bench.pair()
    url = bench.stack.enter_context(cluster(shared_buffers="256MB")).make()
    first = bench.folder / "node-0"
    asyncio.run(_fill(first, url, members))
    started = []
    for number in range(NODES):
        folder = bench.folder / f"node-{number}"
        if number:
            (folder / "data").mkdir(parents=True, mode=0o700)
            shutil.copy2(first / "data/hub.key", folder / "data")
        started.append(bench.stack.enter_context(_node(folder, url)))
    request, rows = put(members[0]), {1: [], NODES: []}
    for number in range(bench.effort.rounds):
        for count, taken in rows.items():
            bench.tell(f"nodes: {count}, round {number + 1} of {bench.effort.rounds}")
            _load(started[:count], request, _WARM)
            before = _processor(started)
            loads = _load(started[:count], request, bench.effort.seconds)
            taken.append((loads, _processor(started) - before))
    one, two = (_row(count, rows[count], started[:count]) for count in rows)
    return Outcome([one, two], [Ratio("PUT 2 KB: 2 nodes / 1 node on the same processors", two.rate / one.rate, 1.0)])


async def _fill(folder: Path, url: str, members: Sequence[Member]) -> None:
    folder.mkdir()
    config = Config(folder=folder, hub=Hub(party="NL-HUB", data="data"), store=StoreConfig(url=url))
    async with Store(config) as store:
        for each in members:
            await store.database.write(lambda connection, each=each: register(connection, store, each))


def _node(folder: Path, url: str) -> Measured:
    made = servers.hub(folder, None)
    with (folder / "config.toml").open("a") as config:
        config.write(f'[store]\nurl = "{url}"\n[node]\nname = "{folder.name}"\n')
    return made


def _load(targets: Sequence[Measured], request: Request, seconds: int) -> list[Load]:
    """As many connections in all, however many nodes there are; one generator for each."""
    with ThreadPoolExecutor(len(targets)) as threads:
        running = [
            threads.submit(
                wrk, each.url, request, seconds=seconds, connections=CONNECTIONS // len(targets), core=None
            )
            for each in targets
        ]  # fmt: skip
        return [each.result() for each in running]


def _processor(started: Sequence[Measured]) -> float:
    return sum(each.used().cpu for each in started)


def _row(count: int, taken: list[tuple[list[Load], float]], used: Sequence[Measured]) -> Row:
    rates = [sum(each.rate for each in loads) for loads, _ in taken]
    every = [each for loads, _ in taken for each in loads]
    return Row(
        case="nodes",
        subject=f"{count} of {NODES} nodes",
        rate=statistics.median(rates),
        p50=statistics.median(each.p50 for each in every) * 1e3,
        p99=statistics.median(each.p99 for each in every) * 1e3,
        cpu=statistics.median(cpu / sum(each.requests for each in loads) for loads, cpu in taken) * 1e6,
        busy=statistics.median(cpu / loads[0].seconds for loads, cpu in taken),
        memory=sum(each.used().memory for each in used),
        bad=sum(each.bad for each in every),
        spread=(max(rates) - min(rates)) / statistics.median(rates),
    )
