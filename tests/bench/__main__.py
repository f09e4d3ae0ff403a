"""The benchmark: `python -m tests.bench` measures what objects cost, in microseconds, on this machine."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from tests.bench.objects import Figure, figures


def main(arguments: Sequence[str] = sys.argv[1:]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each case, interleaved; the median counts")
    given = parser.parse_args(arguments)
    measured = figures(given.rounds)
    _SHOW[given.json](measured)


def _as_json(measured: list[Figure]) -> None:
    print(json.dumps([each.as_dict() for each in measured], indent=2))


def _as_table(measured: list[Figure]) -> None:
    table = Table("case", "bytes", "microseconds", "against reading the JSON", box=None, header_style="bold")
    for each in measured:
        table.add_row(each.case, str(each.size), f"{each.microseconds:.1f}", f"{each.ratio:.1f}")
    Console().print(table)


_SHOW: dict[bool, Callable[[list[Figure]], None]] = {True: _as_json, False: _as_table}

if __name__ == "__main__":
    main()
