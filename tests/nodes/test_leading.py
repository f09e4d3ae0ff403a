"""One node looks after partners, and says what it finds once; when it is killed another one does.

Who probes is seen by the process that a partner's connection comes from.
"""

import asyncio
import time
from collections import Counter
from itertools import groupby

import pytest

from tests.nodes.cluster import NodeProcess, Nodes, Partners, cluster, join, until
from tests.promises import LONG, size

PARTNERS = 8
IDLE = 1.0
KILLS = size(1, 10)
CALM = size(4.0, 10.0)
"""Seconds in which nothing changes."""
WITHIN = 10.0
TOLD_WITHIN = 20.0
AFTERWARDS = 1.5
"""Seconds in which nothing more may come."""
QUIET = 100.0
"""Seconds in which it is told that a partner is away, or back: once a minute at most (hub.core.breaker.Policy)."""
PULLED = 60.0

pytestmark = [pytest.mark.promise(15), pytest.mark.timeout(size(400, 900))]


def probers(server: Partners, since: float) -> list[int]:
    """The processes that probed partners, one after the other."""
    seen = [each.pid for each in server.probes if each.at >= since and each.pid]
    return [pid for pid, _ in groupby(seen)]


async def calm(nodes: Nodes, server: Partners) -> NodeProcess:
    """Never do two nodes probe at the same time, nor one too often; who did so last.

    On a machine that is very busy, the one that leads may change: who can not reach the database in time lets go.
    """
    since = time.monotonic()
    await asyncio.sleep(CALM)
    seen = probers(server, since)
    assert seen
    assert len(seen) == len(set(seen)), seen
    most = Counter(each.platform for each in server.probes if each.at >= since).most_common(1)[0][1]
    assert most <= CALM / IDLE + 2
    return next(each for each in nodes.all if each.pid == seen[-1])


async def move(server: Partners, leader: NodeProcess) -> float:
    """Kill the one that leads: seconds until another one probed."""
    leader.kill()
    killed = time.monotonic()
    await until(lambda: probers(server, killed), WITHIN * 3)
    return next(each.at for each in server.probes if each.at >= killed and each.pid) - killed


class News:
    """What partners are told of one of them, each time once."""

    def __init__(self, server: Partners, about: str, listeners: set[str]) -> None:
        self._server, self._about, self._listeners = server, about.upper(), listeners
        self.once = 0

    async def are(self, status: str, within: float) -> None:
        """All are told this, and nobody twice."""
        wanted = Counter({(who, self._about, status): 1 for who in self._listeners})
        await until(lambda: wanted <= Counter(self._server.told), within)
        await asyncio.sleep(AFTERWARDS)
        assert Counter(self._server.told) == wanted, self._server.told
        self._server.told.clear()
        self.once += len(wanted)


async def test_one_node_looks_after_partners_and_another_when_it_dies(tmp_path, url, nursery, proof):
    took, dead = [], []
    sections = {"liveness": {"idle": IDLE}, "sync": {"enabled": True, "interval": PULLED}}
    async with cluster(tmp_path, url, nursery, **sections) as nodes, Partners() as server:
        server.nodes = nodes.all
        cpo = await join(nodes, server, "NL-CPO:CPO")
        partners = [await join(nodes, server, f"DE-E{number:02}:EMSP") for number in range(PARTNERS)]
        about, pulled = partners[0].key, (cpo.key, "sender/locations")
        await until(lambda: pulled in server.asked)
        leader = await calm(nodes, server)
        pulls = server.asked.count(pulled)
        server.told.clear()
        news = News(server, about, {platform.key for platform in (cpo, *partners)} - {about})
        while len(dead) < KILLS:
            await nodes.ask("suspend", ref=about)
            await news.are("SUSPENDED", TOLD_WITHIN)
            dead.append(leader)
            took.append(await move(server, leader))
            await nodes.ask("resume", ref=about)
            await news.are("CONNECTED", TOLD_WITHIN)
            await dead[-1].start()
            leader = await calm(nodes, server)
        if LONG:
            before, since = server.asked.count(pulled), time.monotonic()
            server.gone.add(about)
            await news.are("OFFLINE", QUIET)
            server.gone.clear()
            await news.are("CONNECTED", QUIET)
            intervals = (time.monotonic() - since) / PULLED
            proof.at_most("pulls per interval", round((server.asked.count(pulled) - before) / intervals, 2), 2.0)
    proof.at_least("kills of the node that leads", len(dead), size(1, 10))
    proof.at_most("seconds until another node probes", round(max(took), 2), WITHIN)
    proof.exactly("pulls from a partner that connects", pulls, 1)
    proof.at_least("changes of a status that a partner is told once", news.once, PARTNERS * size(2, 22))
