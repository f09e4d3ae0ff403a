"""Paged lists: limits, links to the end, and date filters."""

import pytest

from hub.core.modules import Interface
from hub.sim.client import next_page

S = Interface.SENDER


def ids(reply):
    return [each["id"] for each in reply.data]


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


async def test_date_from_is_inclusive_and_date_to_exclusive(connected):
    cpo, emsp = connected
    cpo.seed(5)
    window = {"date_from": "2025-01-01T00:01:00Z", "date_to": "2025-01-01T00:03:00.000"}
    reply = await emsp.call("locations", S, "GET", to=cpo.party, query=window)
    assert ids(reply) == ["LOC1", "LOC2"]
    assert (reply.headers["X-Total-Count"], reply.headers["X-Limit"]) == ("2", "50")


@pytest.mark.parametrize(
    ("query", "expected", "linked"),
    [
        ({}, ["LOC1", "LOC2", "LOC3"], True),
        ({"limit": "2"}, ["LOC1", "LOC2"], True),
        ({"limit": "100"}, ["LOC1", "LOC2", "LOC3"], True),
        ({"offset": "2"}, ["LOC3", "LOC4", "LOC5"], False),
        ({"offset": "5"}, [], False),
        ({"limit": "0"}, [], False),
    ],
)
async def test_offset_and_limit(connected, query, expected, linked):
    cpo, emsp = connected
    cpo.seed(5)
    cpo.page_cap = 3
    reply = await emsp.call("locations", S, "GET", to=cpo.party, query=query)
    assert ids(reply) == expected
    assert ("Link" in reply.headers) == linked


@pytest.mark.parametrize(
    "query", [{"limit": "-1"}, {"offset": "x"}, {"offset": "9" * 5000}, {"date_from": "yesterday"}]
)
async def test_nonsense_is_refused(connected, query):
    cpo, emsp = connected
    reply = await emsp.call("locations", S, "GET", to=cpo.party, query=query)
    assert (reply.status, reply.status_code) == (200, 2001)
    assert next(iter(query)) in reply.status_message
