"""Subjects in turn, round by round, on a processor of their own; medians of the rounds are what counts."""

import os
import statistics
from collections.abc import Callable, Mapping

import msgspec

from tests.bench.process import Measured
from tests.bench.wrk import Load, Request, wrk

CONNECTIONS = 64
_WARM = 1


class Effort(msgspec.Struct, frozen=True):
    """How long it is measured: rounds, and seconds of each subject in each."""

    rounds: int = 3
    seconds: int = 5


class Subject(msgspec.Struct, frozen=True):
    """What is asked, and which process serves it. `pause`: seconds between an answer and the next request."""

    server: Measured
    request: Request
    connections: int = CONNECTIONS
    pause: float = 0.0


class Row(msgspec.Struct, frozen=True):
    """Medians of one subject. Times are milliseconds, `cpu` microseconds of its processor per request.

    `busy` is the share of its processor that it used: below 0.9 something else was the limit, and `cpu` is the truth.
    """

    case: str
    subject: str
    rate: float
    p50: float
    p99: float
    cpu: float
    busy: float
    memory: int
    bad: int
    spread: float
    """Slowest round against the fastest, as a share of the median rate."""


def cores() -> tuple[int | None, int | None]:
    """A processor for what is measured, and one for the load and the backend; no pinning where there is only one."""
    free = sorted(os.sched_getaffinity(0))
    return (free[0], free[1]) if len(free) > 1 else (None, None)


def compare(case: str, subjects: Mapping[str, Subject], effort: Effort, tell: Callable[[str], None]) -> list[Row]:
    """Every subject in every round."""
    _, core = cores()
    taken: dict[str, list[tuple[Load, float]]] = {name: [] for name in subjects}
    for number in range(effort.rounds):
        for name, subject in subjects.items():
            tell(f"{case}: {name}, round {number + 1} of {effort.rounds}")
            _load(subject, _WARM, core)
            before = subject.server.used().cpu
            load = _load(subject, effort.seconds, core)
            taken[name].append((load, subject.server.used().cpu - before))
    return [_row(case, name, taken[name], subjects[name]) for name in subjects]


def _load(subject: Subject, seconds: int, core: int | None) -> Load:
    return wrk(
        subject.server.url,
        subject.request,
        seconds=seconds,
        connections=subject.connections,
        core=core,
        pause=subject.pause,
    )


def _row(case: str, name: str, taken: list[tuple[Load, float]], subject: Subject) -> Row:
    rates = [load.rate for load, _ in taken]
    return Row(
        case=case,
        subject=name,
        rate=statistics.median(rates),
        p50=statistics.median(load.p50 for load, _ in taken) * 1e3,
        p99=statistics.median(load.p99 for load, _ in taken) * 1e3,
        cpu=statistics.median(cpu / load.requests for load, cpu in taken) * 1e6,
        busy=statistics.median(cpu / load.seconds for load, cpu in taken),
        memory=subject.server.used().memory,
        bad=sum(load.bad for load, _ in taken),
        spread=(max(rates) - min(rates)) / statistics.median(rates),
    )
