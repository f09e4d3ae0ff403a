"""A certification report as PDF, to be printed or sent. It needs the extra `pdf`.

Text is drawn, never interpreted. Where no font with more letters is installed, those of Western Europe are there, and
any other is a question mark.
"""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from hub.certify import Outcome, Report, Result
from hub.core.plain import line
from hub.plugin.paper import PdfMissing
from hub.reporting.html import where

if TYPE_CHECKING:
    from fpdf import FPDF

_FONTS = Path("/usr/share/fonts/truetype/dejavu")
_MARGIN = 16
_LONGEST = 500
_INK, _SOFT, _LINE, _TINT = (28, 39, 51), (92, 107, 122), (205, 212, 219), (244, 247, 249)
_COLOURS = {
    Outcome.PASSED: (11, 107, 58), Outcome.FAILED: (168, 32, 26), Outcome.ADVISED: (122, 82, 0),
    Outcome.NOT_APPLICABLE: _SOFT, Outcome.UNCHECKED: _SOFT,
}  # fmt: skip


def pdf_report(report: Report) -> bytes:
    """The PDF, on A4. Raises PdfMissing."""
    try:
        from fpdf import FPDF  # noqa: PLC0415 - only who prints needs it
    except ImportError:
        raise PdfMissing("PDFs need another package: pip install 'ocpi-hub[pdf]'") from None

    title = f"OCPI {report.version} check of {line(report.platform, 80)}"

    class Sheet(FPDF):
        def footer(self) -> None:
            self.set_left_margin(_MARGIN)
            self.set_y(-12)
            self.set_font(self.font_family, "", 8)
            self.set_text_color(*_SOFT)
            self.cell(w=self.epw / 2, text=_drawable(self, title))
            self.cell(w=self.epw / 2, text=f"page {self.page_no()} of {{nb}}", align="R")

    sheet = Sheet(format="A4")
    sheet.set_margins(_MARGIN, _MARGIN)
    sheet.set_auto_page_break(True, margin=18)
    sheet.set_title(_drawable(sheet, title))
    regular, bold = _FONTS / "DejaVuSans.ttf", _FONTS / "DejaVuSans-Bold.ttf"
    if regular.is_file() and bold.is_file():
        sheet.add_font("own", "", regular)
        sheet.add_font("own", "B", bold)
        sheet.set_font("own", size=9)
    else:
        sheet.set_font("helvetica", size=9)
    _write(sheet, report, title)
    return bytes(sheet.output())


def _write(sheet: "FPDF", report: Report, title: str) -> None:
    sheet.add_page()
    _text(sheet, title, 17, "B")
    verdict = "Certified: no check failed" if report.certified else f"Not certified: {report.counts['failed']} failed"
    _text(sheet, verdict, 12, "B", _COLOURS[Outcome.PASSED if report.certified else Outcome.FAILED])
    sheet.ln(2)
    wrote = "were written" if report.wrote else "were not written: the checks that need them were left out"
    for name, value in (
        ("Parties", ", ".join(report.parties)),
        ("Checked at", f"{report.at}, in the name of {report.hub}"),
        ("Test objects", wrote),
        ("Outcomes", ", ".join(f"{number} {outcome}" for outcome, number in report.counts.items())),
    ):
        _fact(sheet, name, value)
    for heading, outcome in (("What to change", Outcome.FAILED), ("What could be better", Outcome.ADVISED)):
        if found := [each for each in report.results if each.outcome is outcome]:
            _heading(sheet, heading)
            for each in found:
                _explain(sheet, each)
    _heading(sheet, "What was seen to work")
    works = [f"{each.module} {each.interface}" for each in report.capabilities]
    _text(sheet, ", ".join(works) or "No module passed all of its checks.", 9)
    _heading(sheet, "All checks")
    _all(sheet, report)


def _explain(sheet: "FPDF", result: Result) -> None:
    """One result with a bar at its left, all of it on one page."""
    parts = [
        (f"{where(result)}: {result.check}", 10, "B", _INK),
        (result.title, 8.5, "", _SOFT),
        (f"Found: {result.found}", 9, "", _INK),
        *([(f"To do: {result.advice}", 9, "", _INK)] if result.advice else []),
        (result.section, 8, "", _SOFT),
    ]
    sheet.set_left_margin(_MARGIN + 4)
    if sheet.will_page_break(sum(_height(sheet, text, size, style) for text, size, style, _ in parts)):
        sheet.add_page()
        sheet.set_left_margin(_MARGIN + 4)  # the footer of the page before has its own
    top = sheet.get_y()
    for text, size, style, colour in parts:
        _text(sheet, text, size, style, colour)
    sheet.set_left_margin(_MARGIN)
    sheet.set_fill_color(*_COLOURS[result.outcome])
    sheet.rect(_MARGIN, top, 1, sheet.get_y() - top, style="F")
    sheet.ln(3)


def _all(sheet: "FPDF", report: Report) -> None:
    from fpdf.fonts import FontFace  # noqa: PLC0415 - only who prints needs it

    sheet.set_font(sheet.font_family, "", 7.5)
    sheet.set_draw_color(*_LINE)
    sheet.set_fill_color(255)
    with sheet.table(
        col_widths=(20, 30, 31, 87), borders_layout="HORIZONTAL_LINES", line_height=3.6, padding=0.8,
        text_align="LEFT", v_align="TOP", headings_style=FontFace(emphasis="BOLD", color=_INK, fill_color=_TINT),
    ) as table:  # fmt: skip
        table.row(("outcome", "where", "check", "found"))
        for each in report.results:
            row = table.row()
            row.cell(each.outcome.value, style=FontFace(color=_COLOURS[each.outcome]))
            for text in (where(each), each.check, each.found):
                row.cell(_drawable(sheet, line(text, _LONGEST)), style=FontFace(color=_INK))


def _heading(sheet: "FPDF", text: str) -> None:
    if sheet.will_page_break(26):
        sheet.add_page()
    sheet.ln(5)
    _text(sheet, text, 12, "B")
    sheet.ln(1.5)


def _fact(sheet: "FPDF", name: str, value: str) -> None:
    sheet.set_text_color(*_SOFT)
    sheet.set_font(sheet.font_family, "", 9)
    sheet.cell(w=26, h=4.8, text=name)
    sheet.set_text_color(*_INK)
    sheet.multi_cell(w=0, h=4.8, text=_drawable(sheet, line(value, _LONGEST)), align="L", new_x="LMARGIN", new_y="NEXT")


def _text(sheet: "FPDF", text: str, size: float, style: str = "", colour: tuple[int, int, int] = _INK) -> None:
    sheet.set_font(sheet.font_family, style, size)
    sheet.set_text_color(*colour)
    drawn = _drawable(sheet, line(text, _LONGEST))
    sheet.multi_cell(w=0, h=size * 0.5, text=drawn, align="L", new_x="LMARGIN", new_y="NEXT")


def _height(sheet: "FPDF", text: str, size: float, style: str) -> float:
    sheet.set_font(sheet.font_family, style, size)
    drawn = _drawable(sheet, line(text, _LONGEST))
    return cast("float", sheet.multi_cell(w=0, h=size * 0.5, text=drawn, dry_run=True, output="HEIGHT"))


def _drawable(sheet: "FPDF", text: str) -> str:
    """A font that is built into PDF has the letters of Western Europe only."""
    return text if sheet.is_ttf_font else text.encode("latin-1", "replace").decode("latin-1")
