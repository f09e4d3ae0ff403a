"""Paging of lists that the hub itself answers with (2.2.1, transport_and_format: Pagination)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.paging import PageQuery, paging
from hub.errors import InvalidParameters

URL = "http://hub.example/ocpi/2.2.1/sender/locations/"


@given(st.integers(0, 300), st.integers(1, 50), st.integers(1, 60))
def test_following_links_meets_every_object_once(total, cap, limit):
    query, met = f"limit={limit}&date_from=2026-01-01T00:00:00Z", []
    for _ in range(total + 1):
        asked = PageQuery.read(query, cap)
        assert asked.date_from == 1767225600000
        met += range(asked.offset, min(total, asked.offset + asked.limit))
        headers = dict(paging(asked, total, URL))
        assert (headers["X-Total-Count"], headers["X-Limit"]) == (str(total), str(cap))
        if "Link" not in headers:
            break
        link, _, relation = headers["Link"].partition(">; ")
        assert relation == 'rel="next"'
        assert link.startswith(f"<{URL}?")
        query = link.partition("?")[2]
    assert met == list(range(total))


@pytest.mark.parametrize("query", ["limit=-1", "offset=1.5", "limit=x", "offset=%D9%A1", "offset=9999999999999"])
def test_a_count_that_is_none(query):
    with pytest.raises(InvalidParameters, match="must be a whole number"):
        PageQuery.read(query, 10)


@pytest.mark.parametrize("query", ["date_from=yesterday", "date_to=2026", "date_from=2026-13-01T00:00:00Z"])
def test_a_date_that_is_none(query):
    with pytest.raises(InvalidParameters, match="must be a DateTime"):
        PageQuery.read(query, 10)


def test_what_is_not_given():
    asked = PageQuery.read("offset=&limit=&date_from=&date_to=", 10)
    assert (asked.offset, asked.limit, asked.date_from, asked.date_to) == (0, 10, None, None)
    assert PageQuery.read("date_from=2026-01-01T00:00:00+00:00", 10).date_from == 1767225600000
    assert "Link" not in dict(paging(PageQuery.read("limit=0", 10), 5, URL))


def test_filters_of_every_kind_stay():
    asked = PageQuery.read("from=a%26b&limit=2&x=%C3%BC", 10)
    assert asked.with_paging(2, 2) == "from=a%26b&x=%C3%BC&offset=2&limit=2"
