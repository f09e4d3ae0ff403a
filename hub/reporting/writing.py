"""A certification report in a file: the ending of its name says as what."""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from hub.certify import Report
from hub.reporting.html import html_report
from hub.reporting.pdf import pdf_report

FORMATS: Mapping[str, Callable[[Report], bytes]] = {
    ".html": lambda report: html_report(report).encode(),
    ".pdf": pdf_report,
    ".json": lambda report: msgspec.json.format(msgspec.json.encode(report)) + b"\n",
}


def write_report(report: Report, path: Path) -> None:
    """Write it. KeyError for an ending that is none of FORMATS; PdfMissing; OSError where it can not be written."""
    path.write_bytes(FORMATS[path.suffix.lower()](report))
