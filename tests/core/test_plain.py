"""Text of partners as one harmless line."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hub.core.plain import line, lines, seen


def test_what_can_not_be_seen_is_a_space():
    assert line("a\x1b[31mb\r\n\tc\u202ed\x00e\u200bf\ud800g\u2029", 100) == "a [31mb c d e f g "
    assert line("a\xa0b\u3000c \u00ad\ufffb\U000e0041d\x9be", 100) == "a\xa0b\u3000c  d e"
    assert line("Zürich 東京 ✓ [bold]", 100) == "Zürich 東京 ✓ [bold]"


@given(st.text(st.characters(codec=None)), st.integers(1, 50))
def test_it_is_short_printable_and_can_be_written(text, longest):
    made = line(text, longest)
    assert len(made) <= longest
    made.encode()
    assert made == line(made, longest)


def test_a_text_of_more_lines_keeps_them():
    assert lines("one\x1b\n\ntwo\rthree", 5) == "one \n\ntwo …"


@given(st.text() | st.lists(st.text()) | st.dictionaries(st.text(), st.text()))
def test_json_says_the_same_and_all_of_it_can_be_seen(value):
    made = seen(msgspec.json.encode(value))
    assert msgspec.json.decode(made) == value
    assert line(made.decode(), 1_000_000) == made.decode()
