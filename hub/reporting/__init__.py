"""A certification report as HTML, PDF and JSON."""

from hub.reporting.html import html_report
from hub.reporting.pdf import pdf_report
from hub.reporting.writing import FORMATS, write_report

__all__ = ["FORMATS", "html_report", "pdf_report", "write_report"]
