"""The charging log on paper and for spreadsheets."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from hub.plugin import PdfColumn, csv_lines, table_pdf

from .queries import Charge, OfTokens, Sum

_DAY = 86_400_000
HEAD = (
    "started_utc", "ended_utc", "time_zone", "cpo", "emsp", "id", "location", "place", "token", "contract", "status",
    "kwh", "hours", "cost", "cost_with_vat", "currency",
)  # fmt: skip
_COLUMNS = (
    PdfColumn("Begin (UTC)", 3.1),
    PdfColumn("End (UTC)", 3.1),
    PdfColumn("Time zone", 3.5),
    PdfColumn("CPO", 1.9),
    PdfColumn("eMSP", 1.9),
    PdfColumn("Place", 4.6),
    PdfColumn("Card", 3.6),
    PdfColumn("Contract", 3.2),
    PdfColumn("CDR", 3),
    PdfColumn("kWh", 1.9, right=True),
    PdfColumn("Hours", 1.5, right=True),
    PdfColumn("Cost", 2.1, right=True),
    PdfColumn("", 1.1),
)


def csv(rows: Sequence[Charge], *, head: bool) -> str:
    """Lines of CSV: numbers with a point, times in UTC."""
    lines = [
        (
            each.started, each.ended, each.time_zone, each.cpo, each.emsp, each.id, each.location, each.place,
            each.token, each.contract, each.status, each.kwh, each.hours, each.cost,
            "" if each.cost_vat is None else each.cost_vat, each.currency,
        )
        for each in rows
    ]  # fmt: skip
    return csv_lines([HEAD, *lines] if head else lines)


def pdf(
    hub: str, made: str, wanted: OfTokens, rows: Sequence[Charge], totals: Sequence[Sum], font: Path | None
) -> bytes:
    """The log as a PDF. It takes a while: to be called in a thread."""
    period = f"{wanted.date_from or 'the beginning'} to {wanted.date_to or 'now'}"
    given = {
        "CPO": wanted.cpo, "eMSP": wanted.emsp, "Location": wanted.location, "Card": wanted.token,
        "Contract": wanted.contract, "Currency": wanted.currency,
    }  # fmt: skip
    facts = [("Hub", hub), ("Period (UTC)", period), *((name, value) for name, value in given.items() if value)]
    facts += [("Made", made), ("Costs", "without VAT; credits are below zero and subtract")]
    return table_pdf("Charging log", facts, _COLUMNS, map(_cells, rows), [_total(each) for each in totals], font)


def _cells(each: Charge) -> tuple[str, ...]:
    return (
        _short(each.started), _short(each.ended), each.time_zone, each.cpo, each.emsp, each.place or each.location,
        each.token, each.contract, each.id + (" (credit)" if each.status == "CREDIT" else ""), f"{each.kwh:.3f}",
        f"{each.hours:.2f}", f"{each.cost:.2f}", each.currency,
    )  # fmt: skip


def _total(each: Sum) -> tuple[str, ...]:
    words = f"Total {each.currency}", f"{each.count} charge{'' if each.count == 1 else 's'}"
    return (
        *words, *[""] * (len(_COLUMNS) - 6), f"{each.kwh:.3f}", f"{each.hours:.2f}", f"{each.cost:.2f}", each.currency
    )  # fmt: skip


def _short(moment: str) -> str:
    return moment[:16].replace("T", " ")


def by_day(amounts: dict[str, float]) -> tuple[tuple[int, float | None], ...]:
    """A point for each day from the first to the last, at its beginning; none is left out."""
    at = {int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000): amounts[day] for day in amounts}
    return tuple((day, round(at.get(day, 0.0), 2)) for day in range(min(at), max(at) + 1, _DAY)) if at else ()
