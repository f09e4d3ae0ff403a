"""Numbers and times as people read them, and text of partners that does no harm."""

import time

import pytest
from jinja2 import Environment

from hub.dashboard.render import Renderer, day, iso, number, plain, seconds, size, when


@pytest.mark.parametrize(
    ("taken", "told"),
    [(None, "–"), (0.00048, "480 µs"), (0.0125, "12.5 ms"), (0.9994, "999 ms"), (3.24, "3.24 s"), (120.0, "120 s")],
)
def test_durations(taken, told):
    assert seconds(taken) == told


@pytest.mark.parametrize(
    ("count", "told"), [(0, "0 B"), (812, "812 B"), (2100, "2.1 kB"), (3_400_000, "3.4 MB"), (5e12, "5000 GB")]
)
def test_sizes(count, told):
    assert size(count) == told


def test_numbers_and_times():
    assert number(1234567) == "1\u202f234\u202f567"
    assert when(None) == "–"
    assert when(0) == "1970-01-01 00:00:00"
    assert len(when(round(time.time() * 1000))) in (8, 19)
    assert iso(1500) == "1970-01-01T00:00:01.500Z"
    assert day(0) == "1970-01-01"


def test_text_of_partners_is_one_harmless_line():
    assert plain("a\nb\u202ec\x1b[31m") == "a b c [31m"
    assert len(plain("x" * 10_000)) == 300


def test_every_template_escapes():
    """Also those that are included as macros: none can put markup of a partner on a page."""
    templates: Environment = Renderer()._templates
    assert templates.autoescape is True
    for name in templates.list_templates():
        source = (templates.loader.get_source(templates, name))[0]
        assert "| safe" not in source
        assert "|safe" not in source
        assert "autoescape" not in source
