"""The benchmark: `python -m tests.bench` compares the hub with nginx, HAProxy and a plain proxy, and prices its parts.

Needs wrk, nginx, haproxy and taskset (apt-get install wrk nginx haproxy util-linux); installs nothing. What counts are
ratios: they hold on any machine, requests per second do not. `objects` is the price of checking and bridging alone.
"""

import argparse
import json
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from tests.bench.cases import CASES, Outcome, bench
from tests.bench.compare import Effort
from tests.bench.nodes import nodes
from tests.bench.objects import Figure, figures
from tests.bench.plot import plot
from tests.bench.profiling import profile
from tests.bench.wrk import missing

_MOST_BUSY = 0.9
_ALL = {**CASES, "nodes": nodes}


def main(arguments: Sequence[str] = sys.argv[1:]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("case", nargs="*", metavar="CASE", help=f"{', '.join(_ALL)}, objects, profile; all but profile")
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each case, interleaved; the median counts")
    parser.add_argument("--seconds", type=int, default=5, help="of each subject in each round")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="a PNG of what was measured; needs matplotlib")
    given = parser.parse_args(arguments)
    wanted = given.case or [*_ALL, "objects"]
    if unknown := set(wanted) - {*_ALL, "objects", "profile"}:
        parser.error(f"there is no case {', '.join(sorted(unknown))}")
    if set(wanted) - {"objects"} and (absent := missing()):
        parser.error(f"not installed: {', '.join(absent)}; apt-get install wrk nginx haproxy util-linux")
    console = Console(stderr=True)
    effort = Effort(given.rounds, given.seconds)
    with console.status("starting") as status:
        outcomes = [_case(name, effort, status.update) for name in wanted if name in _ALL]
        objects = figures(max(7, given.rounds)) if "objects" in wanted else []
        steps = profile(effort, status.update) if "profile" in wanted else []
    if given.json:
        print(json.dumps(_plain(outcomes, objects, steps), indent=2))
    else:
        _tables(outcomes, objects, steps)
    if given.plot:
        plot([row for each in outcomes for row in each.rows], given.plot)
    return 0


def _case(name: str, effort: Effort, tell: Callable[[str], None]) -> Outcome:
    with bench(effort, tell) as opened:
        return _ALL[name](opened)


def _plain(outcomes: list[Outcome], objects: list[Figure], steps: list[tuple[str, float]]) -> dict[str, object]:
    return {
        "machine": {"processor": platform.machine(), "python": platform.python_version(), "system": platform.release()},
        "rows": [msgspec.to_builtins(row) for each in outcomes for row in each.rows],
        "ratios": [
            {**msgspec.to_builtins(ratio), "reached": ratio.reached} for each in outcomes for ratio in each.ratios
        ],
        "objects": [each.as_dict() for each in objects],
        "steps": [{"step": step, "microseconds": each} for step, each in steps],
    }


def _tables(outcomes: list[Outcome], objects: list[Figure], steps: list[tuple[str, float]]) -> None:
    console = Console()
    if outcomes:
        console.print(_rows(outcomes))
        console.print(_ratios(outcomes))
    if objects:
        console.print(_objects(objects))
    if steps:
        table = Table("step of a message", "microseconds", box=None, header_style="bold")
        for step, microseconds in steps:
            table.add_row(step, f"{microseconds:.1f}")
        console.print(table)


def _rows(outcomes: list[Outcome]) -> Table:
    names = "case", "subject", "requests/s", "p50 ms", "p99 ms", "CPU us each", "busy", "MB", "bad", "spread"
    table = Table(*names, box=None, header_style="bold")
    for column in table.columns:
        column.no_wrap = True
    for row in (row for each in outcomes for row in each.rows):
        busy = f"{row.busy:.2f}" if row.busy >= _MOST_BUSY or not row.rate else f"[yellow]{row.busy:.2f}[/]"
        table.add_row(
            row.case,
            row.subject,
            f"{row.rate:,.0f}",
            f"{row.p50:.2f}",
            f"{row.p99:.2f}",
            f"{row.cpu:.1f}",
            busy,
            f"{row.memory / 1e6:.0f}",
            str(row.bad),
            f"{row.spread:.0%}",
        )
    return table


def _ratios(outcomes: list[Outcome]) -> Table:
    table = Table("ratio", "figure", "wanted", "reached", box=None, header_style="bold")
    for ratio in (ratio for each in outcomes for ratio in each.ratios):
        sign = ">=" if ratio.more_is_better else "<="
        reached = "[green]yes[/]" if ratio.reached else "[red]no[/]"
        table.add_row(ratio.what, f"{ratio.figure:,.2f}", f"{sign} {ratio.wanted:,g}", reached)
    return table


def _objects(measured: list[Figure]) -> Table:
    table = Table("object", "bytes", "microseconds", "against reading the JSON", box=None, header_style="bold")
    for each in measured:
        table.add_row(each.case, str(each.size), f"{each.microseconds:.1f}", f"{each.ratio:.1f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
