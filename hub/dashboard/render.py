"""From what a page says to HTML. Everything is escaped, and text of partners is made one harmless line first."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote

import jinja2

from hub.core.plain import line
from hub.core.troubles import span
from hub.dashboard import charts, globe

_LIVE = "live_"
_LONGEST = 300
_UNITS = ("B", "kB", "MB", "GB")


class Renderer:
    """The templates, each compiled when it is used for the first time."""

    @cached_property
    def _templates(self) -> jinja2.Environment:
        templates = jinja2.Environment(
            loader=jinja2.PackageLoader("hub.dashboard"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        templates.filters.update(
            when=when,
            day=day,
            plain=plain,
            seconds=seconds,
            span=span,
            size=size,
            number=number,
            amount=amount,
            iso=iso,
            part=part,
        )
        templates.globals.update(charts=charts, globe=globe)
        # As a global: a block that is drawn alone does not see what its template imports.
        templates.globals["ui"] = templates.get_template("_ui.html").module
        return templates

    def page(self, name: str, known: Mapping[str, Any]) -> str:
        """A whole page."""
        return self._templates.get_template(f"{name}.html").render(known)

    def live(self, name: str, known: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """The live parts of a page, by the ids of their elements."""
        template = self._templates.get_template(f"{name}.html")
        for block, draw in template.blocks.items():
            if block.startswith(_LIVE):
                yield block, "".join(draw(template.new_context(dict(known))))


def part(text: object) -> str:
    """Any text as one part of a path."""
    return quote(str(text), safe="")


def plain(text: object, longest: int = _LONGEST) -> str:
    """Text of a partner as one line."""
    return line(str(text), longest)


def when(milliseconds: int | None) -> str:
    """A time of today with its seconds, any other one with its date: UTC, as in the log and the journal."""
    if milliseconds is None:
        return "–"
    at, now = datetime.fromtimestamp(milliseconds / 1000, UTC), datetime.now(UTC)
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M:%S}"


def iso(milliseconds: int) -> str:
    """A time for programs."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def day(milliseconds: int) -> str:
    """Only the date."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d}"


def seconds(taken: float | None) -> str:
    """How long something took: `480 µs`, `12 ms`, `3.2 s`."""
    if taken is None:
        return "–"
    if taken < 0.001:
        return f"{taken * 1_000_000:.0f} µs"
    return f"{taken * 1000:.3g} ms" if taken < 1 else f"{taken:.3g} s"


def size(count: int) -> str:
    """Bytes: `812 B`, `2.1 kB`."""
    left, unit = float(count), _UNITS[0]
    for unit in _UNITS:
        if left < 1000 or unit == _UNITS[-1]:
            break
        left /= 1000
    return f"{left:.3g} {unit}" if left < 1000 else f"{left:.0f} {unit}"


def amount(value: float) -> str:
    """A number that may have a fraction, of which three digits are told."""
    whole, _, fraction = f"{value:,.3f}".replace(",", "\N{NARROW NO-BREAK SPACE}").partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def number(count: float) -> str:
    """With a thin space between thousands."""
    return f"{count:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
