"""DateTimes in every form that OCPI allows, and in those that are seen beside it."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.moments import milliseconds, point, written

NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00", 0),
        ("2015-06-29T20:39:09Z", 1435610349000),
        ("2016-12-29T17:45:09.2Z", 1483033509200),
        ("2016-12-29T17:45:09.2", 1483033509200),
        ("2018-01-01T01:08:01.123Z", 1514768881123),
        ("2018-01-01T01:08:01.123", 1514768881123),
        ("2018-01-01T01:08:01.123999999Z", 1514768881123),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("2018-01-01t01:08:01.123z", 1514768881123),
        ("2018-01-01T02:38:01.123+01:30", 1514768881123),
        ("2017-12-31T23:08:01.123-02:00", 1514768881123),
        ("2018-01-01 01:08:01.123+00:00", 1514768881123),
    ],
)
def test_a_date_time(text, expected):
    assert milliseconds(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "2018-01-01", "2018-01-01  01:08:01", "2018-01-01T01:08", "20180101T010801Z", "2018-W01-1T01:08:01",
        "2018-13-01T01:08:01Z", "2018-02-30T01:08:01Z", "2018-01-01T25:08:01Z", "2018-01-01T01:08:61Z",
        "2018-01-01T01:08:01.Z", "2018-01-01T01:08:01ZZ", "2018-01-01T01:08:01Z\n", "0000-01-01T00:00:00Z",
        "2018-01-01T01:08:01+99:00", "٢٠١٨-01-01T01:08:01Z", "1514768881", "x" * 10_000,
    ],
)  # fmt: skip
def test_no_date_time(text):
    with pytest.raises(ValueError, match="is not a DateTime, as 2026-01-31T12:00:00Z"):
        milliseconds(text)


@given(
    moment=st.datetimes(timezones=st.just(datetime.UTC)),
    digits=st.integers(0, 6),
    end=st.sampled_from(["", "Z", "+00:00"]),
)
def test_the_order_of_moments_is_kept(moment, digits, end):
    whole = moment.replace(microsecond=moment.microsecond // 10 ** (6 - digits) * 10 ** (6 - digits))
    fraction = f".{whole.microsecond:06}"[: digits + 1] if digits else ""
    text = f"{moment.year:04}-{moment:%m-%dT%H:%M:%S}{fraction}{end}"
    expected = whole - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    assert milliseconds(text) == expected // datetime.timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", NOW - 30_000),
        (" 10m ", NOW - 600_000),
        ("2h", NOW - 7_200_000),
        ("7d", NOW - 604_800_000),
        ("1970-01-02", 86_400_000),
        ("1970-01-01T12:00", 43_200_000),
        ("1970-01-01T12:00:00.5+01:00", 39_600_500),
        ("1969-01-01", 0),
        ("999999999d", 0),
    ],
)
def test_a_moment_as_people_write_it(text, expected):
    assert point(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "-1m", "1w", "1.5h", "1m 2s", "2026-13-01", "٣m", "x" * 10_000])
def test_what_is_no_moment(text):
    with pytest.raises(ValueError, match="is no moment; write 30m") as caught:
        point(text, NOW)
    assert len(str(caught.value)) < 150


def test_a_moment_for_people():
    assert written(1_514_768_881_123) == "2018-01-01 01:08:01.123"
