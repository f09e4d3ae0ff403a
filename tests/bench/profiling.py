"""Where the time of a message goes: samples of py-spy, as microseconds of processor for each step of its way."""

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.bench.cases import bench, put
from tests.bench.compare import CONNECTIONS, Effort, cores
from tests.bench.wrk import wrk

_RATE = 200
# The innermost of these that a sample is in is the step that it counts for.
STEPS = {
    "read HTTP (aiohttp)": ("data_received (aiohttp", "aiohttp/streams.py", "yarl/", "listener/request.py"),
    "read headers": ("core/headers.py",),
    "authenticate, let in": ("partners/access.py", "flow/limits.py"),
    "read body": ("read_body", "Request.whole"),
    "find the operation, the sender, the owner": ("flow/reader.py", "core/rights.py", "core/paths.py"),
    "validate": ("flow/validation.py", "ocpi/check.py"),
    "hooks of plugins": ("hub/plugin/", "plugins/watch.py"),
    "decide the route": ("core/route.py", "core/agreements.py"),
    "bridge": ("flow/bridging.py", "hub/bridge/"),
    "deliver": ("flow/delivery.py", "flow/indirect.py"),
    "send and receive (own client)": ("hub/upstream/",),
    "answer": ("flow/response.py", "ocpi/envelope.py", "Connection._write (hub/listener"),
    "events: queue": ("hub/events/",),
    "events: metrics": ("hub/metrics.py", "prometheus_client"),
    "events: journal": ("flow/journal.py", "flow/entries.py"),
    "store (journal's rows)": ("hub/store/", "sqlalchemy", "aiosqlite"),
    "events: others": ("flow/pulse.py", "partners/liveness.py", "flow/tally.py", "flow/memory.py"),
    "log": ("structlog", "hub/log.py"),
    "connection and task": ("hub/listener/",),
    "dispatch and all around": ("flow/server.py", "flow/pipeline.py"),
}


def profile(effort: Effort, tell: Callable[[str], None]) -> list[tuple[str, float]]:
    """Microseconds of processor per PUT for each step, the largest first, and their sum."""
    py_spy = shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if py_spy is None:
        raise RuntimeError("a profile needs py-spy: pip install py-spy")
    with bench(effort, tell) as opened:
        cpo, emsp = opened.pair()
        hub = opened.hub([cpo, emsp])
        out = opened.folder / "profile.txt"
        seconds = max(5, effort.seconds)
        wrk(hub.url, put(cpo), seconds=1, connections=CONNECTIONS, core=cores()[1])
        tell("profile: sampling")
        command = [py_spy, "record", "-p", str(hub.pid), "-d", f"{seconds}", "-r", str(_RATE), "-f", "raw", "-o", out]
        before = hub.used().cpu
        load = wrk(hub.url, put(cpo), seconds=seconds, connections=CONNECTIONS, core=cores()[1])
        each = (hub.used().cpu - before) / load.requests * 1e6  # without the samples, which slow it down
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as spy:
            wrk(hub.url, put(cpo), seconds=seconds + 1, connections=CONNECTIONS, core=cores()[1])
            spy.wait()
        return _steps(out, each)


def _steps(samples: Path, each: float) -> list[tuple[str, float]]:
    found: Counter[str] = Counter()
    for line in samples.read_text().splitlines():
        stack, _, number = line.rpartition(" ")
        found[_step(stack.split(";"))] += int(number)
    total = found.total() or 1
    return [(step, each * number / total) for step, number in found.most_common()] + [("in all", each)]


def _step(stack: list[str]) -> str:
    for frame in reversed(stack):
        for step, marks in STEPS.items():
            if any(mark in frame for mark in marks):
                return step
    return "event loop, and what is not attributed"
