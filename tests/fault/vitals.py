"""What a hub takes of the machine, with its process for the journal: memory, descriptors, time; and their trend."""

import itertools
import os
import re
from pathlib import Path
from statistics import median

import aiohttp
import msgspec

_TICKS = os.sysconf("SC_CLK_TCK")
_RESIDENT = re.compile(r"^VmRSS:\s+(\d+) kB", re.MULTILINE)
_TASKS = re.compile(rb"^ocpi_hub_tasks (\S+)", re.MULTILINE)


class Vitals(msgspec.Struct, frozen=True):
    """At one moment. `at` is seconds of any clock, `memory` MB (of 10^6 bytes) that are resident."""

    at: float
    memory: float
    descriptors: int


def descriptors(pid: int) -> int:
    """Descriptors that a process has open, with those that it has started."""
    return sum(len(list(Path(f"/proc/{each}/fd").iterdir())) for each in _family(pid))


def megabytes(pid: int) -> float:
    """MB that are resident of a process, with those that it has started."""
    told = [_RESIDENT.search(Path(f"/proc/{each}/status").read_text()) for each in _family(pid)]
    return sum(int(each[1]) for each in told if each) * 1024 / 1e6


def processor(pid: int) -> float:
    """Seconds of processor time that a process has used, with those that it has started and that still run."""
    return sum(map(_processor, _family(pid)))


def _processor(pid: int) -> float:
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / _TICKS


def _family(pid: int) -> list[int]:
    return [pid, *children(pid)]


def children(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def tasks(admin: str, key: str) -> int:
    """Tasks that run in a hub, as its metrics tell."""
    async with aiohttp.ClientSession() as session, session.get(f"{admin}/metrics", headers={"x-api-key": key}) as told:
        found = _TASKS.search(await told.read())
    assert found
    return int(float(found[1]))


def slope(seen: list[Vitals]) -> float:
    """MB per hour by which the memory grows: the median of the slopes between any two (Theil and Sen).

    One sample that is far off does not move it, as it would move a line of least squares.
    """
    pairs = itertools.combinations(seen, 2)
    return median((after.memory - before.memory) / (after.at - before.at) for before, after in pairs) * 3600
