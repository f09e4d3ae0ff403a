"""The bytes of a request, and what can not be made into one."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import __version__
from hub.upstream.request import Fault, Request, SendError
from hub.upstream.url import split_url
from hub.upstream.wire import aim, encode, line, without_line


def wire(method: str = "GET", url: str = "http://example.org/a?b=c", **more: Any) -> bytes:
    return encode(Request(method=method, url=url, pool=1, deadline=0.0, **more), *split_url(url))


def test_a_get():
    assert wire() == (
        b"GET /a?b=c HTTP/1.1\r\nHost: example.org\r\n"
        b"User-Agent: ocpi-hub/" + __version__.encode() + b"\r\nAccept: application/json\r\n"
        b"Accept-Encoding: identity\r\nConnection: keep-alive\r\n\r\n"
    )


def test_a_push_with_headers_in_their_order():
    raw = wire("PUT", headers=(("X-B", "1"), ("Authorization", "Token %s abc%"), ("X-A", "")), body=b'{"a":1}')
    head, body = raw.split(b"\r\n\r\n")
    assert body == b'{"a":1}'
    lines = head.split(b"\r\n")
    assert lines[2:5] == [b"X-B: 1", b"Authorization: Token %s abc%", b"X-A: "]
    assert lines[-1] == b"Content-Length: 7"


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [
        ("GET", b"", None),
        ("DELETE", b"", None),
        ("DELETE", b"{}", b"2"),
        ("GET", b"{}", b"2"),
        ("POST", b"", b"0"),
        ("PUT", b"", b"0"),
        ("PATCH", b"", b"0"),
        ("POST", b"\r\n\r\n", b"4"),
    ],
)
def test_the_length(method: str, body: bytes, length: bytes | None):
    raw = wire(method, body=body)
    assert raw.endswith(b"\r\n\r\n" + body)
    assert (b"Content-Length: " + (length or b"") in raw) == (length is not None)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://example.org:80/", "example.org"),
        ("https://example.org:80/", "example.org:80"),
        ("http://[::1]/", "[::1]"),
        ("http://[::1]:81/", "[::1]:81"),
    ],
)
def test_the_host(url: str, host: str):
    assert f"\r\nHost: {host}\r\n".encode() in wire(url=url)


def test_own_values_for_what_is_filled_in_otherwise():
    raw = wire(headers=(("USER-AGENT", "x"), ("accept", "*/*"), ("Connection", "close"), ("Accept-Encoding", "gzip")))
    lines = raw.lower().split(b"\r\n")
    assert lines[2:] == [b"user-agent: x", b"accept: */*", b"connection: close", b"accept-encoding: gzip", b"", b""]


BAD_VALUES = ["a\r\nX: y", "a\rb", "a\nb", "a\0b", "\r\n", "a\x7f", "a\tb", "a\x0bb", "\u20ac", "\ud800"]


@pytest.mark.parametrize("value", BAD_VALUES)
def test_a_value_that_can_not_be_a_header(value: str):
    with pytest.raises(SendError) as caught:
        wire(headers=(("X-Good", "1"), ("X-Bad", value)))
    assert (caught.value.fault, caught.value.sent) == (Fault.REQUEST, False)
    assert "X-Bad" in str(caught.value)


@pytest.mark.parametrize(
    "name", ["", "a b", "a:b", "a\r\nb", "a\n", "\0", "ä", "(a)", "Host", "content-length", "Transfer-Encoding", "TE"]
)
def test_a_name_that_can_not_be_a_header(name: str):
    with pytest.raises(SendError) as caught:
        wire(headers=((name, "secret"),))
    assert caught.value.fault is Fault.REQUEST
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("method", ["HEAD", "CONNECT", "get", "", "GET / HTTP/1.1\r\nX: y\r\n\r\nGET", "TRACE"])
def test_a_method_that_is_not_sent(method: str):
    with pytest.raises(SendError) as caught:
        wire(method)
    assert caught.value.fault is Fault.REQUEST


def test_latin_1_goes_out_as_it_is():
    assert b"\r\nX-A: caf\xe9\r\n" in wire(headers=(("X-A", "café"),))


@given(st.lists(st.tuples(st.text(), st.text()), max_size=4))
def test_headers_never_become_more_headers(headers: list[tuple[str, str]]):
    with suppress(SendError):
        raw = wire(headers=tuple(headers))
        head, _, rest = raw.partition(b"\r\n\r\n")
        assert rest == b""
        given_names = {name.lower() for name, _ in headers}
        defaults = {"user-agent", "accept", "accept-encoding", "connection"} - given_names
        assert head.count(b"\n") == head.count(b"\r") == 1 + len(headers) + len(defaults)


TOKEN = ("Authorization", "Token %s abc%")
IDS = ("X-Request-ID", "X-Correlation-ID")


def lined(url: str, values: tuple[str, ...] = ("1", "2")) -> Request:
    """A request by the line to example.org."""
    made = line("http://example.org/ocpi", (TOKEN,), IDS)
    return Request(method="PUT", url=url, line=made, values=values, body=b"{}", pool=1, deadline=0.0)


@pytest.mark.parametrize("url", ["http://example.org/a?b=c", "http://example.org", "http://example.org?b=c"])
def test_a_line_writes_what_is_written_without_it(url: str):
    request = lined(url)
    bare = without_line(request)
    assert bare.headers == (TOKEN, ("X-Request-ID", "1"), ("X-Correlation-ID", "2"))
    assert aim(request) == aim(bare) == split_url(url)
    assert encode(request, *aim(request)) == encode(bare, *aim(bare))


@pytest.mark.parametrize("host", ["example.org.evil.example", "example.org:81", "example.orgs", "other.example"])
def test_a_line_leads_to_no_host_whose_name_begins_alike(host: str):
    assert aim(lined(f"http://{host}/a"))[0].authority == host


@pytest.mark.parametrize("url", ["http://example.org/a b", "http://example.org/#a", "http://example.org@evil.example/"])
def test_a_line_takes_no_url_that_is_not_taken_without_it(url: str):
    with pytest.raises(SendError) as caught:
        aim(lined(url))
    assert caught.value.fault is Fault.URL


@pytest.mark.parametrize("value", BAD_VALUES)
def test_a_line_takes_no_value_that_can_not_be_a_header(value: str):
    request = lined("http://example.org/a", ("1", value))
    with pytest.raises(SendError) as caught:
        encode(request, *aim(request))
    assert caught.value.fault is Fault.REQUEST
    assert "X-Correlation-ID" in str(caught.value)


def test_a_line_shows_no_secret():
    assert repr(lined("http://example.org/a").line) == "Line(example.org)"
