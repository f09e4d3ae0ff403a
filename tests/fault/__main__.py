"""`python -m tests.fault`: every promise of docs/reliability.md is put to the test, and its figures are printed.

Ends with 1 where a figure is out of its bound, or where a promise could not be put to the test. `--long` takes the
sizes of a release, which need hours; without it the short ones that CI runs.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests import promises
from tests.promises import PROMISES, Figure, figures_of

TESTS = Path(__file__).resolve().parents[1]


class Watch:
    """A plugin of pytest: how far it is, what was measured, what failed, what was skipped."""

    def __init__(self, wanted: set[int], progress: Progress) -> None:
        self.figures: list[Figure] = []
        self.failed: list[tuple[int, str, str]] = []
        self.skipped: list[tuple[int, str, str]] = []
        self._wanted = wanted
        self._promise: dict[str, int] = {}
        self._progress = progress
        self._bar = progress.add_task("collecting", total=None)

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep what proves a promise that was asked for."""
        for item in items:
            if marker := item.get_closest_marker("promise"):
                self._promise[item.nodeid] = marker.args[0]
        kept = [item for item in items if self._promise.get(item.nodeid) in self._wanted]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = kept
        self._progress.update(self._bar, total=len(kept))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._progress.update(self._bar, description=nodeid.rpartition("::")[2][:60])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        promise = self._promise[report.nodeid]
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            self.failed.append((promise, report.nodeid, crash.message if crash else report.longreprtext))
        if report.skipped:
            self.skipped.append((promise, report.nodeid, str(report.longrepr[-1] if report.longrepr else "")))
        if report.when == "teardown":
            self.figures += figures_of([report])
            self._progress.advance(self._bar)

    def held(self, promise: int) -> bool:
        """It was put to the test, and nothing spoke against it."""
        mine = [each for each in self.figures if each.promise == promise]
        return bool(mine) and all(each.held for each in mine) and all(promise != each for each, _, _ in self.failed)


def main(arguments: Sequence[str] = sys.argv[1:]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fault", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")
    parser.add_argument("--long", action="store_true", help="the sizes of a release")
    parser.add_argument(
        "--promise", type=int, action="append", choices=PROMISES, help="this one alone; can be repeated"
    )
    given = parser.parse_args(arguments)
    if given.long:
        os.environ["OCPI_HUB_LONG"] = "1"
        promises.LONG = True  # it was read before
    wanted = set(given.promise or PROMISES)
    watch = _run(wanted, long=given.long)
    show = _as_json if given.json else _as_table
    show(watch, sorted(wanted))
    return 0 if all(watch.held(promise) for promise in wanted) else 1


def _run(wanted: set[int], *, long: bool) -> Watch:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as progress:
        watch = Watch(wanted, progress)
        options = ["-q", "-m", "promise", "-p", "no:cacheprovider", "--no-header", "--no-summary", "--show-capture=no"]
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            pytest.main([*options, *(["--timeout=0"] if long else []), str(TESTS)], plugins=[watch])
    return watch


def _as_json(watch: Watch, promises: list[int]) -> None:
    def row(promise: int) -> dict[str, Any]:
        return {
            "promise": promise,
            "text": PROMISES[promise],
            "held": watch.held(promise),
            "figures": [msgspec.to_builtins(each) for each in watch.figures if each.promise == promise],
            "failed": [{"test": test, "why": why} for number, test, why in watch.failed if number == promise],
            "skipped": [{"test": test, "why": why} for number, test, why in watch.skipped if number == promise],
        }

    print(json.dumps([row(promise) for promise in promises], indent=2))


def _as_table(watch: Watch, promises: list[int]) -> None:
    table = Table("", "promise and its figures", "figure", "bound", "held", box=None, header_style="bold")
    for promise in promises:
        mine = [each for each in watch.figures if each.promise == promise]
        table.add_row(str(promise), f"[bold]{PROMISES[promise]}[/]", "", "", _mark(held=watch.held(promise)))
        for each in mine:
            figure = f"{each.figure:,}" if isinstance(each.figure, int) else f"{each.figure:,.3g}"
            table.add_row("", f"  {each.what}", figure, each.bound, "" if each.held else _mark(held=False))
        for text, tests in ("failed", watch.failed), ("skipped", watch.skipped):
            for number, test, why in tests:
                if number == promise:
                    table.add_row("", f"  [yellow]{text}[/] {test}: {escape(why.strip().splitlines()[0][:200])}")
        if not mine:
            table.add_row("", "  [yellow]not measured[/]")
    Console().print(table)


def _mark(*, held: bool) -> str:
    return "[green]yes[/]" if held else "[red]no[/]"


if __name__ == "__main__":
    sys.exit(main())
