"""Where a location is: read leniently, and never guessed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.places import Place, place_of


def location(latitude, longitude, *statuses, **fields):
    return json.dumps(
        {
            "coordinates": {"latitude": latitude, "longitude": longitude},
            "evses": [{"uid": "1", "status": status} for status in statuses],
            **fields,
        }
    ).encode()


def test_degrees_and_statuses_are_read():
    statuses = ("AVAILABLE", "available", "CHARGING", "BLOCKED", "OUTOFORDER", "UNKNOWN", "REMOVED", "NEW_ONE")
    assert place_of(location("52.087520", "-5.10506", *statuses)) == Place(52_087_520, -5_105_060, 7, 2, 2, 1)


@pytest.mark.parametrize("written", ["90.000000", "-90", 12, 12.5, " 12.5 "])
def test_what_can_be_read_is_taken(written):
    assert place_of(location(written, 0)).latitude == round(float(written) * 1_000_000)


@pytest.mark.parametrize(
    "body",
    [
        location("90.1", "0"),
        location("0", "180.1"),
        location("nan", "0"),
        location("inf", "0"),
        location("", "0"),
        location("north", "0"),
        location(None, "0"),
        location(True, "0"),
        location([1], "0"),
        location("1", "1", evses="none"),
        b'{"id": "L1"}',
        b'{"coordinates": null}',
        b"[]",
        b"{",
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_what_tells_no_place_has_none(body):
    assert place_of(body) is None


def test_no_evses_is_a_place_too():
    assert place_of(location("1", "2", evses=None)) == Place(1_000_000, 2_000_000, 0, 0, 0, 0)
    assert place_of(b'{"coordinates":{"latitude":"1","longitude":"2"}}').evses == 0


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_whatever_stands_there_is_no_error(value):
    for body in ({"coordinates": value}, {"coordinates": {"latitude": value, "longitude": "1"}, "evses": value}):
        place = place_of(json.dumps(body).encode())
        assert place is None or -90_000_000 <= place.latitude <= 90_000_000
