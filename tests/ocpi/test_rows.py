"""The objects of a list, one by one, are those that decoding the whole of it finds."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ocpi import envelope
from hub.ocpi.rows import NoList, rows

TEXT = st.text(max_size=8) | st.sampled_from(['"]}', "\\", '\\"', "[{", "}],"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


def data(text: bytes) -> msgspec.Raw:
    received = envelope.receive(b'{"status_code":1000,"data": %b }' % text)
    assert received is not None
    return received.data


@given(st.lists(VALUES, max_size=6), st.sampled_from([None, 1]), st.booleans())
def test_they_are_those_of_the_list(values, indent, ascii_only):
    text = json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    found = [json.loads(bytes(row)) for row in rows(data(text))]
    assert found == [each for each in values if isinstance(each, dict | list)]


def test_what_is_no_list():
    assert list(rows(data(b"null"))) == []
    for text in (b"{}", b'"[]"', b"1", b"true"):
        with pytest.raises(NoList):
            rows(data(text))


def test_the_first_ones_are_there_before_the_rest_is_looked_at():
    row = next(rows(data(b'[ {"id":"1"}, %b 1]' % (b"[]," * 3_000_000))))
    assert bytes(row) == b'{"id":"1"}'
