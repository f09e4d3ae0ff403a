"""The response envelope: what the hub writes, and what it makes of answers that partners wrote.

OCPI 2.2.1, transport_and_format: Response format; types: DateTime.
"""

import datetime
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ocpi.envelope import date_time, encode, receive, status_code

NOW = "2026-01-02T03:04:05.678Z"
NOT_OCPI = [
    b"",
    b"Not Found",
    b"<html>1000</html>",
    b"null",
    b"[]",
    b"1000",
    b"{}",
    b'{"detail":"no"}',
    b'{"status_code":null}',
    b'{"status_code":"1000"}',
    b'{"status_code":true}',
    b'{"status_code":1000.5}',
    b'{"status_code":-1}',
    b'{"status_code":10000}',
    b'{"status_code":123456789012345678901234567890}',
    b'{"status_code":1000',
    b'{"status_code":1000}}',
    b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b',"status_code":1000}',
    b'{"status\xff":1,"status_code":',
]


def test_a_success():
    assert json.loads(encode(NOW, data=[{"a": None}])) == {
        "status_code": 1000,
        "status_message": "Success",
        "timestamp": NOW,
        "data": [{"a": None}],
    }


def test_an_error_has_no_data():
    assert json.loads(encode(NOW, 2001, "no")) == {"status_code": 2001, "status_message": "no", "timestamp": NOW}


@pytest.mark.parametrize("data", [None, [], {}, "", 0, False])
def test_data_that_is_empty_is_still_data(data):
    assert json.loads(encode(NOW, data=data))["data"] == data


def test_no_message_is_left_out():
    assert json.loads(encode(NOW, message=None)) == {"status_code": 1000, "timestamp": NOW}


@given(st.integers(0, 9999), st.text(st.characters(exclude_categories=["Cs"])))
def test_what_the_hub_writes_it_can_read(code, text):
    body = encode(NOW, code, text, data={"text": text})
    assert status_code(body) == code
    assert receive(body).status_message == text
    assert json.loads(bytes(receive(body).data)) == {"text": text}


@pytest.mark.parametrize("body", NOT_OCPI, ids=lambda body: repr(body[:24]))
def test_what_is_no_envelope(body):
    assert status_code(body) is None
    assert receive(body) is None


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_an_envelope_or_not(body):
    assert status_code(body) is None
    assert receive(body) is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"status_code":1000}',
        b'{"timestamp":null,"status_code":1000,"other":[1.10]}',
        b'{"status_code":1000,"status_message":null,"data":null}',
        b'{"status_code":1000,"status_message":{"odd":1},"timestamp":7}',
    ],
)
def test_patience_with_all_but_the_code(body):
    assert status_code(body) == receive(body).status_code == 1000
    assert bytes(receive(body).data) == b"null"


def test_data_keeps_its_bytes():
    raw = b'[{"price" : 1.10, "none":null, "\\u00fc":"\xc3\xbc"}]'
    assert bytes(receive(b'{"data": ' + raw + b', "status_code": 1000}').data) == raw


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime.datetime(2026, 1, 2, 3, 4, 5, 678_999, datetime.UTC), "2026-01-02T03:04:05.678Z"),
        (datetime.datetime(2026, 1, 2, 3, 4, 5, 0, datetime.UTC), "2026-01-02T03:04:05.000Z"),
        (
            datetime.datetime(2026, 1, 1, 1, 0, 0, 9_000, datetime.timezone(datetime.timedelta(hours=2))),
            "2025-12-31T23:00:00.009Z",
        ),
    ],
)
def test_a_moment_is_utc_with_milliseconds(moment, text):
    assert date_time(moment) == text
    assert len(text) <= 25
    assert msgspec.convert(text, datetime.datetime) <= moment
