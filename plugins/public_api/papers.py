"""The charging log as CSV, line after line, and as PDF."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from hub.plugin import PdfColumn, csv_lines, table_pdf

from .model import Entry, Period

_TITLES = (
    "id", "party", "started", "ended", "place", "address", "city", "evse", "kwh", "hours", "excl_vat", "incl_vat",
    "currency", "credit",
)  # fmt: skip


def lines(entries: Iterable[Entry], *, head: bool) -> str:
    """A line of CSV for each. Numbers have a point, times are UTC."""
    cells = [
        (
            each.id, each.party, _time(each.started), _time(each.ended), each.place, each.address, each.city, each.evse,
            each.kwh, each.hours, each.cost.excl_vat, "" if each.cost.incl_vat is None else each.cost.incl_vat,
            each.cost.currency, "yes" if each.credit else "",
        )
        for each in entries
    ]  # fmt: skip
    return csv_lines([_TITLES, *cells] if head else cells)


def pdf(entries: Sequence[Entry], period: Period, who: str, font: Path | None) -> bytes:
    """The log on paper, with totals for each currency. Takes a while: to be called in a thread."""
    columns = (
        PdfColumn("From (UTC)", 3), PdfColumn("To (UTC)", 3), PdfColumn("Place", 7), PdfColumn("EVSE", 4),
        PdfColumn("kWh", 2, right=True), PdfColumn("Hours", 2, right=True), PdfColumn("Without VAT", 2.5, right=True),
        PdfColumn("With VAT", 2.5, right=True), PdfColumn("", 1),
    )  # fmt: skip
    rows = [
        (
            _short(each.started), _short(each.ended), ", ".join(filter(None, (each.place, each.city))), each.evse,
            f"{each.kwh:.2f}", f"{each.hours:.2f}", f"{each.cost.excl_vat:.2f}",
            "" if each.cost.incl_vat is None else f"{each.cost.incl_vat:.2f}", each.cost.currency,
        )
        for each in entries
    ]  # fmt: skip
    begin = "the beginning" if period.since is None else _short(period.since)
    end = "now" if period.until is None else _short(period.until)
    facts = [("Driver", who), ("Period (UTC)", f"{begin} to {end}"), ("Costs", "credits are below zero, and subtract")]
    return table_pdf("Charging log", facts, columns, rows, list(_totals(entries)), font)


def _totals(entries: Sequence[Entry]) -> Iterable[Sequence[str]]:
    for currency in sorted({each.cost.currency for each in entries}):
        some = [each for each in entries if each.cost.currency == currency]
        with_vat = [each.cost.incl_vat for each in some if each.cost.incl_vat is not None]
        yield (
            "Total", "", f"{len(some)} charges", "", f"{sum(each.kwh for each in some):.2f}",
            f"{sum(each.hours for each in some):.2f}", f"{sum(each.cost.excl_vat for each in some):.2f}",
            f"{sum(with_vat):.2f}" if len(with_vat) == len(some) else "", currency,
        )  # fmt: skip


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _short(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
