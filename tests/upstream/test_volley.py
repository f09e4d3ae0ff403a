"""The bytes of a push that many get: the same as those of a request of its own, and refused for the same reasons."""

import pytest

from hub.upstream import Request, SendError, aimed, line, push
from hub.upstream.wire import aim, encode

SECRET = "Token c2VjcmV0LXRva2VuLW9mLXRoaXMtcGFydG5lcg=="
IDS = ("X-Request-ID", "X-Correlation-ID")
ROOT = "https://partner.example:8443"


def pushed(method="PUT", tail="/NL/CPO/LOC1", correlation_id="c-1", body=b"{}"):
    return push(method, tail, correlation_id, body, deadline=9.0, sender=1, max_body=100)


def lined(*names, token=SECRET):
    return line(ROOT, (("Authorization", token), ("Content-Type", "application/json")), (*IDS, *names))


@pytest.mark.parametrize("names", [(), ("OCPI-from-country-code", "OCPI-to-party-id")])
@pytest.mark.parametrize(("method", "body"), [("PUT", b'{"a":1}'), ("PATCH", b""), ("DELETE", b""), ("DELETE", b"{}")])
@pytest.mark.parametrize("endpoint", ["", "/", "/ocpi/2.2.1/locations", "/ocpi/2.2.1/locations//"])
def test_it_is_the_same_request(names, method, body, endpoint):
    values = ("NL", "100%")[: len(names)]
    at = aimed(7, lined(*names), f"{ROOT}{endpoint}/", ("", "", *values))
    raw = pushed(method, "/NL/CPO/L%201?type=RFID", "c-1", body).to(at, "r-1")
    url = f"{ROOT}{endpoint.rstrip('/')}/NL/CPO/L%201?type=RFID"
    one = Request(
        method=method, url=url, body=body, pool=7, deadline=9.0, line=lined(*names), values=("r-1", "c-1", *values)
    )
    assert raw == encode(one, *aim(one))


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "TRACE"},
        {"tail": "/a b"},
        {"tail": "/a\r\nX: y"},
        {"tail": "/a#b"},
        {"tail": "/a\\b"},
        {"tail": "/ä"},
        {"correlation_id": "a\r\nX: y"},
        {"correlation_id": "a\0b"},
        {"correlation_id": "€"},
    ],
)
def test_what_would_be_another_request_is_none(wrong):
    with pytest.raises(SendError):
        pushed(**wrong)


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\0b", "\x7f"])
def test_a_value_of_the_line_that_would_be_a_header_is_refused(value):
    with pytest.raises(SendError):
        aimed(7, lined("OCPI-to-party-id"), f"{ROOT}/locations", ("", "", value))


@pytest.mark.parametrize("endpoint", [f"{ROOT}/a?b=c", f"{ROOT}.evil/a", f"{ROOT}1/a", "https://other.example/a", ROOT])
def test_an_endpoint_that_is_not_below_the_line_goes_another_way(endpoint):
    assert aimed(7, lined(), endpoint, ("", "")) is None


def test_no_secret_is_shown():
    at = aimed(7, lined(), f"{ROOT}/locations", ("", ""))
    shown = repr((at, pushed(body=b"a body"))) + repr((at.__rich_repr__(), pushed(body=b"a body").__rich_repr__()))
    assert "c2Vj" not in shown
    assert "LOC1" not in shown
    assert "a body" not in shown
