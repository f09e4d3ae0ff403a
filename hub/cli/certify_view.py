"""How a certification looks on a terminal, and its files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Group
from rich.text import Text

from hub.certify import Outcome, Report, Result
from hub.cli.common import console, plain, remark, rows
from hub.reporting import write_report
from hub.reporting.html import where

_STYLES = {Outcome.PASSED: "green", Outcome.FAILED: "red", Outcome.ADVISED: "yellow"}


def read(report: dict[str, Any]) -> Report:
    """The report as the hub has told it."""
    return msgspec.convert(report, Report)


def write(report: Report, files: Sequence[Path]) -> None:
    """Write it into each of the files. Raises PdfMissing and OSError."""
    for file in files:
        write_report(report, file)


def show(report: Report) -> None:
    """Print a report for people: all that did not pass, what to change, and the sum."""
    out = console()
    table = rows("outcome", "where", "check", "found")
    for each in report.results:
        word = Text(each.outcome.value, _STYLES.get(each.outcome, "dim"))
        table.add_row(word, plain(where(each)), plain(each.check), plain(each.found))
    out.print(table)
    for each in report.results:
        if each.outcome in (Outcome.FAILED, Outcome.ADVISED):
            out.print(_explained(each))
    verdict = "certified: no check failed" if report.certified else f"not certified: {report.counts['failed']} failed"
    sums = ", ".join(f"{number} {outcome}" for outcome, number in report.counts.items() if number)
    out.print()
    line = Text.assemble(
        plain(report.platform, "bold"), f", OCPI {report.version}: ",
        (verdict, "bold green" if report.certified else "bold red"), f" ({sums})",
    )  # fmt: skip
    out.print(line, soft_wrap=True)
    if not report.wrote:
        remark("Checks that write were left out. With the partner's consent: --write")


def _explained(result: Result) -> Group:
    head = Text.assemble("\n", plain(f"{where(result)}: {result.check}", _STYLES[result.outcome]))
    asked = [plain(f"  {each.request} -> {each.status or 'no answer'}", "dim") for each in result.evidence[-2:]]
    told = [plain(f"  {words}") for words in (f"found: {result.found}", f"to do: {result.advice}")]
    return Group(head, *told, plain(f"  {result.section}", "dim"), *asked)
