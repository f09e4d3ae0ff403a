"""Tables as PDF, to be printed: a head, rows on as many pages as it takes, totals, page numbers.

It needs the extra `pdf`. Text is drawn, never interpreted: what of it a font does not have is a question mark.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hub.core.plain import line

if TYPE_CHECKING:
    from fpdf import FPDF

_MARGIN, _SIZE, _HEIGHT = 12.0, 8.0, 4.4
_LONGEST = 200
_GREY, _BLACK, _STRIPE = 110, 0, 244


class PdfMissing(Exception):
    """The package that makes PDFs is not installed. The text says what to do."""


class PdfColumn(msgspec.Struct, frozen=True):
    """A column: its title, its share of the width, and whether its cells stand at the right, as numbers do."""

    title: str
    share: float
    right: bool = False


class _Area(msgspec.Struct, frozen=True):
    """Where a column is on the page, in mm, and its column."""

    x: float
    width: float
    column: PdfColumn


def table_pdf(
    title: str,
    facts: Sequence[tuple[str, str]],
    columns: Sequence[PdfColumn],
    rows: Iterable[Sequence[str]],
    totals: Sequence[Sequence[str]],
    font: Path | None = None,
) -> bytes:
    """A table on A4, across. `facts` stand in its head, `totals` are rows at its end. `font`: a TrueType file.

    It computes for a while: call it in a thread. Raises PdfMissing, and OSError where the font can not be read.
    """
    try:
        from fpdf import FPDF  # noqa: PLC0415 - only who prints needs it
    except ImportError:
        raise PdfMissing("PDFs need another package: pip install 'ocpi-hub[pdf]'") from None

    family = "own" if font else "helvetica"

    class Sheet(FPDF):
        def footer(self) -> None:
            self.set_font(family, "", _SIZE)
            self.set_text_color(_GREY)
            self.set_xy(_MARGIN, self.h - 10)
            self.cell(w=self.w - 2 * _MARGIN, text=_drawable(self, line(title, _LONGEST)))
            self.set_xy(_MARGIN, self.h - 10)
            self.cell(w=self.w - 2 * _MARGIN, text=f"page {self.page_no()} of {{nb}}", align="R")

    sheet = Sheet(orientation="landscape", format="A4")
    sheet.set_auto_page_break(False)
    sheet.set_title(line(title, _LONGEST))
    if font is not None:
        for style in ("", "B"):
            sheet.add_font("own", style, font)
    sheet.set_font(family, size=_SIZE)
    return _Writer(sheet, family, columns).write(title, facts, rows, totals)


class _Writer:
    """Puts a table on sheets, from the top to the bottom. `_y` is the base of the line to come, in mm."""

    def __init__(self, sheet: "FPDF", family: str, columns: Sequence[PdfColumn]) -> None:
        self._sheet = sheet
        self._family = family
        self._bottom = sheet.h - _MARGIN - 3
        self._y = 0.0
        width = sheet.w - 2 * _MARGIN
        whole, x, areas = sum(each.share for each in columns), _MARGIN, []
        for each in columns:
            areas.append(_Area(x, width * each.share / whole, each))
            x += width * each.share / whole
        self._areas = areas

    def write(
        self,
        title: str,
        facts: Sequence[tuple[str, str]],
        rows: Iterable[Sequence[str]],
        totals: Sequence[Sequence[str]],
    ) -> bytes:
        """All of it."""
        self._begin(title, facts)
        for number, row in enumerate(rows):
            self._room()
            if number % 2:
                self._sheet.set_fill_color(_STRIPE)
                self._sheet.rect(_MARGIN, self._y - 3.3, self._sheet.w - 2 * _MARGIN, _HEIGHT, style="F")
            self._cells(row)
        self._room(len(totals) + 1)
        self._rule()
        self._sheet.set_font(self._family, "B", _SIZE)
        for row in totals:
            self._room()
            self._cells(row)
        return bytes(self._sheet.output())

    def _begin(self, title: str, facts: Sequence[tuple[str, str]]) -> None:
        sheet = self._sheet
        sheet.add_page()
        sheet.set_text_color(_BLACK)
        sheet.set_font(self._family, "B", 15)
        _put(sheet, _MARGIN, 18, line(title, _LONGEST))
        self._y = 25.0
        for name, value in facts:
            sheet.set_font(self._family, "B", _SIZE)
            _put(sheet, _MARGIN, self._y, line(name, _LONGEST))
            sheet.set_font(self._family, "", _SIZE)
            _put(sheet, _MARGIN + 32, self._y, line(value, _LONGEST))
            self._y += _HEIGHT
        self._y += 4
        self._heads()

    def _heads(self) -> None:
        self._sheet.set_text_color(_BLACK)
        self._sheet.set_font(self._family, "B", _SIZE)
        self._cells([each.column.title for each in self._areas])
        self._rule()
        self._sheet.set_font(self._family, "", _SIZE)

    def _rule(self) -> None:
        self._sheet.line(_MARGIN, self._y - 3, self._sheet.w - _MARGIN, self._y - 3)
        self._y += 1.2

    def _room(self, lines: int = 1) -> None:
        """Begin a new page where so many lines have no room on this one."""
        if self._y + (lines - 1) * _HEIGHT > self._bottom:
            style = self._sheet.font_style
            self._sheet.add_page()
            self._y = 16.0
            self._heads()
            self._sheet.set_font(self._family, style, _SIZE)

    def _cells(self, row: Sequence[str]) -> None:
        for area, cell in zip(self._areas, row, strict=True):
            text, width = self._fitting(cell, area.width - 2)
            _put(self._sheet, area.x + (area.width - 2 - width if area.column.right else 0), self._y, text)
        self._y += _HEIGHT

    def _fitting(self, cell: str, most: float) -> tuple[str, float]:
        """As much of a text as there is room for, and its width."""
        text = _drawable(self._sheet, line(cell, _LONGEST))
        while (width := self._sheet.get_string_width(text)) > most and len(text) > 1:
            keep = min(len(text) - 1, int(len(text) * most / width))
            text = text[: max(1, keep - 2)] + ".." if keep > 2 else text[:1]
        return text, width


def _put(sheet: "FPDF", x: float, y: float, text: str) -> None:
    if text:
        sheet.text(x, y, _drawable(sheet, text))


def _drawable(sheet: "FPDF", text: str) -> str:
    """A font that is built into PDF has the letters of Western Europe only."""
    return text if sheet.is_ttf_font else text.encode("latin-1", "replace").decode("latin-1")
