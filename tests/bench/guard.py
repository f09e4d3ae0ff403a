"""The guard of CI: a short comparison with the plain proxy, in one run. Fails only far below what is stated.

`python -m tests.bench.guard`. The ratio holds on any machine; half of it leaves room for the noise of a busy one.
"""

import sys

from rich.console import Console

from tests.bench import servers
from tests.bench.cases import bench, put
from tests.bench.compare import Effort, Subject
from tests.bench.wrk import missing

STATED = 1.3
"""Requests per second of the hub, everything on, by those of the plain aiohttp proxy: as docs/performance.md has it."""
_EFFORT = Effort(rounds=3, seconds=2)
_PLAIN, _HUB = "plain aiohttp proxy", "hub, everything on"


def main() -> int:
    """0 where the ratio is at least half of what is stated."""
    console = Console()
    if absent := missing():
        console.print(f"not installed: {', '.join(absent)}; apt-get install wrk nginx haproxy util-linux")
        return 2
    with console.status("starting") as status, bench(_EFFORT, status.update) as opened:
        cpo, emsp = opened.pair()
        plain = opened.stack.enter_context(servers.plain(opened.folder, opened.backend.port, opened.core))
        hub = opened.hub([cpo, emsp])
        fronts = {_PLAIN: Subject(plain, put(cpo)), _HUB: Subject(hub, put(cpo))}
        rows = {row.subject: row for row in opened.compare("PUT 2 KB", fronts)}
    ratio = rows[_HUB].rate / rows[_PLAIN].rate
    for name, row in rows.items():
        console.print(f"{name:20} {row.rate:8,.0f} requests/s  {row.cpu:6.1f} microseconds of processor each")
    console.print(f"{_HUB} / {_PLAIN}: {ratio:.2f}; stated {STATED:.2f}, at least {STATED / 2:.2f}")
    return 0 if ratio >= STATED / 2 and not rows[_HUB].bad else 1


if __name__ == "__main__":
    sys.exit(main())
