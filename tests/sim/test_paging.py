"""Paged lists: limits, links to the end, and date filters."""

import pytest

from hub.core.modules import Interface
from hub.errors import InvalidParameters
from hub.sim.client import next_page
from hub.sim.paging import moment, page

S = Interface.SENDER
URL = "http://x/list"


def objects(count):
    return [{"id": str(n), "last_updated": f"2025-01-01T00:{n:02d}:00Z"} for n in range(count)]


def ids(answer):
    return [each["id"] for each in answer.data]


async def test_a_client_follows_links_until_the_end(connected):
    cpo, emsp = connected
    cpo.seed(25)
    cpo.page_cap = 10
    fetched = await emsp.fetch_all("locations", to=cpo.party)
    assert [each["id"] for each in fetched] == [f"LOC{n}" for n in range(1, 26)]
    assert len(cpo.received) == 3


async def test_headers_of_first_and_last_page(connected):
    cpo, emsp = connected
    cpo.seed(5)
    cpo.page_cap = 4
    first = await emsp.call("locations", S, "GET", to=cpo.party, query={"limit": "3"})
    assert (first.headers["X-Total-Count"], first.headers["X-Limit"], len(first.data)) == ("5", "4", 3)
    last = await emsp.call_url("GET", next_page(first), to=cpo.party)
    assert [each["id"] for each in last.data] == ["LOC4", "LOC5"]
    assert (last.headers["X-Total-Count"], last.headers["X-Limit"]) == ("5", "4")
    assert next_page(last) is None


async def test_links_keep_the_date_filters(connected):
    cpo, emsp = connected
    cpo.seed(20)
    cpo.page_cap = 3
    window = {"date_from": "2025-01-01T00:05:00Z", "date_to": "2025-01-01T00:13:00Z"}
    fetched = await emsp.fetch_all("locations", to=cpo.party, query=window)
    assert [each["id"] for each in fetched] == [f"LOC{n}" for n in range(5, 13)]


def test_date_from_is_inclusive_and_date_to_exclusive():
    window = {"date_from": "2025-01-01T00:01:00Z", "date_to": "2025-01-01T00:03:00.000"}
    answer = page(objects(5), window, cap=10, url=URL)
    assert ids(answer) == ["1", "2"]
    assert answer.headers == {"X-Total-Count": "2", "X-Limit": "10"}


@pytest.mark.parametrize(
    ("query", "expected", "linked"),
    [
        ({}, ["0", "1", "2"], True),
        ({"limit": "2"}, ["0", "1"], True),
        ({"limit": "100"}, ["0", "1", "2"], True),
        ({"offset": "2"}, ["2", "3", "4"], False),
        ({"offset": "5"}, [], False),
        ({"limit": "0"}, [], False),
    ],
)
def test_offset_and_limit(query, expected, linked):
    answer = page(objects(5), query, cap=3, url=URL)
    assert ids(answer) == expected
    assert ("Link" in answer.headers) == linked


@pytest.mark.parametrize(
    "query",
    [{"limit": "-1"}, {"limit": ""}, {"offset": "x"}, {"offset": "9" * 5000}, {"date_from": "yesterday"}],
)
def test_nonsense_is_refused(query):
    with pytest.raises(InvalidParameters, match=next(iter(query))):
        page(objects(5), query, cap=3, url=URL)


@pytest.mark.parametrize(
    "text",
    ["2015-06-29T20:39:09Z", "2015-06-29T20:39:09", "2016-12-29T17:45:09.2Z", "2016-12-29T17:45:09.2",
     "2018-01-01T01:08:01.123Z", "2018-01-01T01:08:01.123"],
)  # fmt: skip
def test_all_spellings_of_date_time(text):
    parsed = moment(text)
    assert parsed.isoformat().startswith(text[:19])
    assert parsed.utcoffset().total_seconds() == 0


@pytest.mark.parametrize("text", ["2015-06-29T20:39:09+00:00", "2015-06-29", "2015-13-29T20:39:09Z", ""])
def test_what_is_no_date_time(text):
    with pytest.raises(ValueError, match=r"DateTime|month"):
        moment(text)
