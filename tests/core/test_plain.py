"""Text of partners as one harmless line."""

from hypothesis import given
from hypothesis import strategies as st

from hub.core.plain import line


def test_what_can_not_be_seen_is_a_space():
    assert line("a\x1b[31mb\r\n\tc\u202ed\x00e\u200bf\ud800g\u2029", 100) == "a [31mb c d e f g "
    assert line("Zürich 東京 ✓ [bold]", 100) == "Zürich 東京 ✓ [bold]"


@given(st.text(st.characters(codec=None)), st.integers(1, 50))
def test_it_is_short_printable_and_can_be_written(text, longest):
    made = line(text, longest)
    assert len(made) <= longest
    made.encode()
    assert made == line(made, longest)
