"""Answers as bytes: what each kind of request gets, and no header that is two."""

import re

import pytest
from aiohttp.http_writer import HttpVersion, HttpVersion10, HttpVersion11

from hub.core.party import Party
from hub.flow.response import Response

BODY = b'{"status_code":1000}'
NL, DE = Party("NL", "CPO"), Party("DE", "MSP")


def lines(response: Response, method: str = "GET", version: HttpVersion = HttpVersion11, *, keep_alive: bool = True):
    """Status line, headers by name, and body."""
    head, _, body = response.encode(method, version, keep_alive=keep_alive).partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    return first, dict(line.split(": ", 1) for line in rest), body


def test_everything_is_there():
    answer = Response(200, BODY, "r-1", "c-1", (NL, DE), (("Link", '<x>; rel="next"'), ("X-Limit", "5")))
    first, headers, body = lines(answer)
    assert (first, body) == ("HTTP/1.1 200 OK", BODY)
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", headers.pop("Date"))
    assert "aiohttp" in headers.pop("Server")
    assert headers == {
        "Content-Type": "application/json",
        "Content-Length": str(len(BODY)),
        "X-Request-ID": "r-1",
        "X-Correlation-ID": "c-1",
        "OCPI-from-country-code": "NL",
        "OCPI-from-party-id": "CPO",
        "OCPI-to-country-code": "DE",
        "OCPI-to-party-id": "MSP",
        "Link": '<x>; rel="next"',
        "X-Limit": "5",
    }


@pytest.mark.parametrize(
    ("version", "keep_alive", "connection"),
    [
        (HttpVersion11, True, None),
        (HttpVersion11, False, "close"),
        (HttpVersion10, True, "keep-alive"),
        (HttpVersion10, False, None),
    ],
)
def test_what_becomes_of_the_connection(version, keep_alive, connection):
    first, headers, _ = lines(Response(404, BODY, "r", "c"), version=version, keep_alive=keep_alive)
    assert first == f"HTTP/1.{version.minor} 404 Not Found"
    assert headers.get("Connection") == connection


def test_answers_without_a_body():
    _, headers, body = lines(Response(200, BODY, "r", "c"), "HEAD")
    assert (headers["Content-Length"], body) == (str(len(BODY)), b"")
    for status in (204, 304):
        _, headers, body = lines(Response(status, BODY, "r", "c"))
        assert (body, "Content-Length" in headers) == (b"", False)


@pytest.mark.parametrize("bad", ["a\r\nX-Evil: b", "a\nb", "a\0", "\x7f", "\x0b"])
def test_a_header_is_one_header(bad):
    for response in (
        Response(200, BODY, bad, "c"),
        Response(200, BODY, "r", bad),
        Response(200, BODY, "r", "c", None, (("Link", bad),)),
        Response(200, BODY, "r", "c", None, ((bad, "x"),)),
    ):
        with pytest.raises(ValueError, match="control character"):
            response.encode("GET", HttpVersion11, keep_alive=True)


def test_a_header_may_hold_more_than_ascii():
    answer = Response(200, BODY, "r", "c", None, (("X-Note", "a\tbé\u00a0"),))
    assert lines(answer)[1]["X-Note"] == "a\tbé\u00a0"
