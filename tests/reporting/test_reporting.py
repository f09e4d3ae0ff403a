"""Reports as files: all that a report holds, in any letters, and nothing that a page would run."""

import shutil
import subprocess

import pytest

from hub.certify import Evidence, Outcome, Report, Result
from hub.certify.model import Capability
from hub.reporting import html_report, pdf_report, write_report
from hub.reporting import pdf as pdf_module

EVIL = "<img src=x onerror=alert(1)> {{ 7 * 7 }} \u202eevil Ελλάς 充电 \x00"


def report(many: int = 1) -> Report:
    shown = Evidence("GET http://x/" + EVIL, ("X-Request-ID: 1",), EVIL, 200, (EVIL,), EVIL * 50)
    results = tuple(
        Result(
            check=f"check-{number}", title=EVIL, section="OCPI 2.2.1, types", module="locations", interface="SENDER",
            outcome=outcome, found=EVIL * 8, advice=EVIL, evidence=(shown,),
        )
        for number in range(many)
        for outcome in Outcome
    )  # fmt: skip
    counts = {outcome.value: many for outcome in Outcome}
    return Report(
        platform=EVIL, hub="NL-HUB", parties=("NL-CPO:CPO",), version="2.2.1", at="2026-01-01T00:00:00.000Z",
        wrote=True, results=results, certified=False, counts=counts,
        capabilities=(Capability("2.2.1", "tokens", "RECEIVER"),),
    )  # fmt: skip


def test_a_page_loads_and_runs_nothing():
    page = html_report(report())
    for harmful in ("<img", "<script", "src=", 'http-equiv="refresh', "\u202e", "\x00", "{{"):
        assert harmful not in page.replace("src=x", "").replace("{{ 7", "")
    assert "49" not in page
    assert "&lt;img src=x" in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert "check-0" in page


@pytest.mark.parametrize("fonts", [True, False])
def test_a_pdf_has_all_of_it_on_as_many_pages_as_it_takes(tmp_path, monkeypatch, fonts):
    if not fonts:
        monkeypatch.setattr(pdf_module, "_FONTS", tmp_path)
    file = tmp_path / "report.pdf"
    write_report(report(many=30), file)
    assert file.read_bytes().startswith(b"%PDF-")
    if reader := shutil.which("pdftotext"):
        text = subprocess.run([reader, "-layout", file, "-"], capture_output=True, check=True).stdout.decode()
        assert "check-29" in text
        assert "page 1 of" in text
        assert text.count("\f") > 5


def test_a_report_without_anything_can_be_written():
    nothing = Report(
        platform="P", hub="NL-HUB", parties=(), version="2.2.1", at="2026-01-01T00:00:00.000Z", wrote=False,
        results=(), certified=False, counts={outcome.value: 0 for outcome in Outcome}, capabilities=(),
    )  # fmt: skip
    assert pdf_report(nothing).startswith(b"%PDF-")
    assert "No module passed" in html_report(nothing)
