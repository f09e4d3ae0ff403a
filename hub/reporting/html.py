"""A certification report as one HTML page: no script, nothing loaded from elsewhere, and made to be printed, too."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from hub.certify import Report, Result
from hub.core.plain import line, lines

_LONGEST = 5000
_LINE = 600


def html_report(report: Report) -> str:
    """The page. Whatever the platform has sent is shown as text."""
    environment = Environment(
        loader=PackageLoader("hub.reporting", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["line"] = lambda text: line(str(text), _LINE)
    environment.filters["lines"] = lambda text: lines(str(text), _LONGEST)
    return environment.get_template("report.html").render(report=report, failures=report.failures(), where=where)


def where(result: Result) -> str:
    """The module and interface of a result, in words."""
    return f"{result.module} {result.interface}" if result.module else "the platform"
