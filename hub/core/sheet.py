"""The journal and other tables for spreadsheets: CSV in which nothing is taken for a formula."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hub.core.moments import written
from hub.core.plain import line

COLUMNS = (
    "at", "correlation_id", "request_id", "sender", "sender_name", "receiver", "receiver_name", "version", "module",
    "interface", "method", "object_id", "path", "address", "way", "why", "outcome", "http_status", "ocpi_status",
    "hub_us", "partner_us", "bytes_in", "bytes_out", "deliveries", "undelivered", "losses", "findings", "finding",
    "reason",
)  # fmt: skip
_FORMULA = frozenset("=+-@＝＋－＠")
_CELL = 32_000
"""Characters of one cell: a spreadsheet takes no more."""


def exchanges_csv(rows: Iterable[Mapping[str, Any]], *, header: bool) -> str:
    """Exchanges as lines of CSV. `at` is milliseconds since 1970, and written as a time in UTC."""
    out = io.StringIO()
    writer = csv.writer(out)
    if header:
        writer.writerow(COLUMNS)
    writer.writerows([_harmless(written(row[name]) if name == "at" else row[name]) for name in COLUMNS] for row in rows)
    return out.getvalue()


def csv_lines(rows: Iterable[Sequence[Any]]) -> str:
    """Rows of text and numbers as lines of CSV, harmless for spreadsheets: no formula, one line each."""
    out = io.StringIO()
    csv.writer(out).writerows([_harmless(value) for value in row] for row in rows)
    return out.getvalue()


def _harmless(value: Any) -> Any:
    """One line, and what a spreadsheet would take for a formula begins with an apostrophe."""
    if not isinstance(value, str):
        return value
    text = line(value, _CELL)
    return f"'{text}" if text.lstrip()[:1] in _FORMULA else text
