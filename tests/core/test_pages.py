"""The next page of a list: whatever a partner's Link looks like, all objects are reached.

OCPI 2.2.1, transport_and_format: Pagination.
"""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.pages import PageHeaders, next_page

LOCATIONS = "https://cpo.example.com/ocpi/sender/locations/"


def link_to(url, total=None, limit=None):
    return PageHeaders(f'<{url}>; rel="next"', total, limit)


FROM, TO = "date_from=2026-01-01T00:00:00Z", "date_to=2026-02-01T00:00:00+00:00"
ELSEWHERE = "http://internal:8000/api/cpo/2.2.1/locations/"


@pytest.mark.parametrize(
    ("asked", "headers", "following"),
    [
        # A Link that is right stays as it is, whatever else it holds.
        ("", link_to(f"{LOCATIONS}?offset=50&limit=50"), "offset=50&limit=50"),
        (f"{FROM}&{TO}", link_to(f"{LOCATIONS}?offset=50&limit=50&{FROM}&{TO}"), f"offset=50&limit=50&{FROM}&{TO}"),
        ("limit=10", link_to(f"{LOCATIONS}?limit=10&offset=10"), "limit=10&offset=10"),
        ("limit=10&offset=10", link_to(f"{LOCATIONS}?cursor=ab%2C1,2&limit=10"), "cursor=ab%2C1,2&limit=10"),
        ("", PageHeaders(f"<{LOCATIONS}?offset=1>;rel=next"), "offset=1"),
        ("", PageHeaders(f'<{LOCATIONS}?offset=1>; title="a;b"; REL="Next"'), "offset=1"),
        ("", PageHeaders(f'<{LOCATIONS}>; rel="first", <{LOCATIONS}?offset=1>; rel="next"'), "offset=1"),
        ("", PageHeaders(f'<{LOCATIONS}?offset=1>; rel="next last", <{LOCATIONS}?x>; rel="prev"'), "offset=1"),
        ("", link_to("/ocpi/sender/locations/?offset=50"), "offset=50"),
        ("", link_to("?offset=50"), "offset=50"),
        # Filters that it lost come back; those that make no sense are left out.
        (f"{FROM}&limit=5", link_to(f"{LOCATIONS}?offset=5&limit=5"), f"offset=5&limit=5&{FROM}"),
        ("", link_to(f"{LOCATIONS}?date_from=None&date_to=None&offset=50&limit=50"), "offset=50&limit=50"),
        (FROM, link_to(f"{LOCATIONS}?date_from=2026-01-01+00%3A00%3A00&date_to=None&offset=50"), f"offset=50&{FROM}"),
        (TO, link_to(f"{LOCATIONS}?{FROM}&offset=50"), f"{FROM}&offset=50&{TO}"),
        (
            FROM,
            link_to(f"{LOCATIONS}?date_from=2026-01-01T00%3A00%3A00Z&offset=5"),
            "date_from=2026-01-01T00%3A00%3A00Z&offset=5",
        ),
        # A Link that leads elsewhere still says which page is next.
        ("", link_to(f"{ELSEWHERE}?offset=50&limit=50"), "offset=50&limit=50"),
        (
            f"{FROM}&offset=50",
            link_to(f"{ELSEWHERE}?date_from=None&offset=100&limit=50"),
            f"offset=100&limit=50&{FROM}",
        ),
        ("limit=5", link_to(f"{LOCATIONS.replace('https', 'http')}?offset=5"), "offset=5&limit=5"),
        ("", link_to("https://evil.example/?offset=5"), "offset=5"),
        ("", link_to(f"{LOCATIONS.replace('https', 'http')}?cursor=x&offset=5"), "cursor=x&offset=5"),
        ("", link_to(f"{LOCATIONS.replace('cpo.', 'internal.')}?cursor=x"), "cursor=x"),
        ("", link_to(f"{ELSEWHERE}?cursor=x&offset=5"), "offset=5"),
        (FROM, link_to(f"{ELSEWHERE}?date_from=2025-01-01T00%3A00%3A00Z&offset=5"), f"offset=5&{FROM}"),
        ("", link_to(f"{LOCATIONS.rstrip('/')}?offset=5&limit=None"), "offset=5"),
        # Where it does not, the counts do.
        ("", link_to(f"{ELSEWHERE}?page=2", "120", "50"), "offset=50&limit=50"),
        ("", link_to(ELSEWHERE, "120", "50"), "offset=50&limit=50"),
        ("", link_to("https://[bad?offset=5", "120", "50"), "offset=50&limit=50"),
        ("", link_to(f"{ELSEWHERE}?offset=-5", "120", "50"), "offset=50&limit=50"),
        ("", link_to(f"{ELSEWHERE}?offset=²", "120", "50"), "offset=50&limit=50"),
        ("", link_to(f"{LOCATIONS}?limit=50", "120", "50"), "offset=50&limit=50"),
        ("", PageHeaders(f'<{LOCATIONS}?offset=0>; rel="prev"', "120", "50"), "offset=50&limit=50"),
        ("", PageHeaders("junk", "120", "50"), "offset=50&limit=50"),
        ("", PageHeaders("", "120", "50"), "offset=50&limit=50"),
        (f"offset=50&limit=50&{TO}", PageHeaders("", "120", "50"), f"offset=100&limit=50&{TO}"),
        # X-Limit is the most that a server would return, not what was asked for.
        ("limit=10", PageHeaders("", "50", "100"), "offset=10&limit=10"),
        ("limit=2000", PageHeaders("", "500", "100"), "offset=100&limit=100"),
        ("limit=10", PageHeaders("", "50", None), "offset=10&limit=10"),
        ("limit=10", PageHeaders("", "50", "0"), "offset=10&limit=10"),
        # The last page.
        ("", PageHeaders(None, "120", "50"), "offset=50&limit=50"),
        ("offset=100", PageHeaders(None, "120", "50"), None),
        ("offset=100", PageHeaders("", "120", "50"), None),
        ("offset=70", PageHeaders("", "120", "50"), None),
        ("", PageHeaders("", "50", "50"), None),
        ("", PageHeaders("", "0", "50"), None),
        ("", PageHeaders(""), None),
        ("", PageHeaders("", "120", None), None),
        ("", PageHeaders("", "many", "50"), None),
        ("", PageHeaders("", "120", "0"), None),
        ("", PageHeaders("", "9" * 5000, "50"), None),
        ("", link_to(ELSEWHERE), None),
        ("", link_to(""), None),
    ],
)
def test_the_next_page(asked, headers, following):
    expected = None if following is None else f"{LOCATIONS}?{following}"
    assert next_page(f"{LOCATIONS}?{asked}" if asked else LOCATIONS, headers) == expected


@given(st.text(), st.text(), st.none() | st.text() | st.integers().map(str), st.none() | st.integers().map(str))
def test_any_link_gives_a_page_of_the_same_list(query, link, total, limit):
    for header in (link, f'<{link}>; rel="next"', f'<{ELSEWHERE}?{link}>; rel="next"', f'<?{link}>; rel="next"'):
        page = next_page(f"{LOCATIONS}?{query}", PageHeaders(header, total, limit))
        assert page is None or page.startswith(LOCATIONS + "?")


def test_an_endpoint_with_a_query_keeps_it():
    asked = "https://cpo.example.com/ocpi?tenant=5&limit=2"
    following = "https://cpo.example.com/ocpi?offset=2&{}tenant=5{}"
    assert next_page(asked, link_to("https://x/?offset=2")) == following.format("", "&limit=2")
    assert next_page(asked, PageHeaders("", "9", "2")) == following.format("limit=2&", "")


def partners_list(query, total, most, write):
    """A partner's list: the objects of a page, and its headers. `write` makes the Link from the next page's query."""
    offset, limit = int(query.get("offset", 0)), min(int(query.get("limit", most)), most)
    last = offset + limit >= total
    link = write({**query, "offset": offset + limit, "limit": limit}, last)
    return list(range(total))[offset : offset + limit], PageHeaders(link, str(total), str(most))


def query_of(query):
    return "&".join(f"{name}={value}" for name, value in query.items())


WAYS_TO_WRITE_A_LINK = {
    "good": lambda query, last: None if last else f'<{LOCATIONS}?{query_of(query)}>; rel="next"',
    "empty at last": lambda query, last: "" if last else f'<{LOCATIONS}?{query_of(query)}>; rel="next"',
    "always empty": lambda query, last: "",
    "elsewhere": lambda query, last: (
        "" if last else f'<{ELSEWHERE}?{query_of({"date_from": None} | query)}>; rel="next"'
    ),
    "relative": lambda query, last: None if last else f'<?offset={query["offset"]}>; rel="next"',
    "no page in it": lambda query, last: None if last else f'<{ELSEWHERE}>; rel="next"',
    "None for filters": lambda query, last: (
        None if last else f'<{LOCATIONS}?{query_of({"date_to": None} | query)}>; rel="next"'
    ),
}


@pytest.mark.parametrize("way", WAYS_TO_WRITE_A_LINK)
@pytest.mark.parametrize("total", [0, 1, 3, 7, 9])
@pytest.mark.parametrize("asked", ["", "limit=2", "limit=500", FROM, f"offset=1&limit=2&{FROM}"])
def test_a_broken_link_still_pages(way, total, asked):
    """Follow the links to the end: every object comes once, and the filters are on every page."""
    url, seen = f"{LOCATIONS}?{asked}", []
    for _ in range(20):
        query = dict(parse_qsl(urlsplit(url).query))
        assert query.get("date_from") == dict(parse_qsl(asked)).get("date_from")
        assert "date_to" not in query
        objects, headers = partners_list(query, total, 3, WAYS_TO_WRITE_A_LINK[way])
        seen += objects
        url = next_page(url, headers)
        if url is None:
            break
    assert seen == list(range(int(dict(parse_qsl(asked)).get("offset", 0)), total))
