"""What is taken as an answer and what is not, however its bytes are cut into pieces."""

import gc
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.upstream.answer import AnswerReader
from hub.upstream.request import Fault, Names, Response, SendError

MAX_HEADER = 1024
MAX_BODY = 100


def read(raw: bytes, *, step: int = 0, eof: bool = False) -> tuple[Response | None, AnswerReader]:
    """Feed `raw` in pieces of `step` bytes."""
    reader = AnswerReader("example.org", MAX_HEADER)
    reader.expect(MAX_BODY)
    response = None
    for start in range(0, len(raw), step or len(raw)):
        response = reader.feed(raw[start : start + (step or len(raw))])
    return (reader.eof() if eof else response), reader


def raw(*lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


WHOLE = [
    (raw("HTTP/1.1 200 OK", "Content-Length: 2", body=b"{}"), 200, b"{}", True),
    (raw("HTTP/1.1 200", "Content-Length: 2", body=b"{}"), 200, b"{}", True),
    (raw("HTTP/1.1 200 OK", "content-length:0"), 200, b"", True),
    (raw("HTTP/1.1 200 OK", "Content-Length: 2", "Connection: close", body=b"{}"), 200, b"{}", False),
    (raw("HTTP/1.0 200 OK", "Content-Length: 2", body=b"{}"), 200, b"{}", False),
    (raw("HTTP/1.0 200 OK", "Content-Length: 2", "Connection: keep-alive", body=b"{}"), 200, b"{}", True),
    (raw("HTTP/1.1 200 OK", "Content-Length: 2", "Connection: Upgrade", "Upgrade: h2", body=b"{}"), 200, b"{}", True),
    (raw("HTTP/1.1 204 No Content"), 204, b"", True),
    (raw("HTTP/1.1 204 No Content", "Content-Length: 7"), 204, b"", True),
    (raw("HTTP/1.1 304 Not Modified", "Content-Length: 7"), 304, b"", True),
    (raw("HTTP/1.1 100 Continue") + raw("HTTP/1.1 201 Created", "Content-Length: 0"), 201, b"", True),
    (
        raw("HTTP/1.1 103 Early Hints", "Link: </a>") + raw("HTTP/1.1 200 OK", "Content-Length: 1", body=b"1"),
        200,
        b"1",
        True,
    ),
    (
        raw("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"),
        200,
        b"abcde",
        True,
    ),
    (
        raw("HTTP/1.1 200 OK", "Transfer-Encoding: Chunked", body=b"3\r\nabc\r\n0\r\nX-Sum: 1\r\nStatus: 5\r\n\r\n"),
        200,
        b"abc",
        True,
    ),
    (
        raw(
            "HTTP/1.1 200 OK",
            "Content-Encoding: gzip",
            f"Content-Length: {len(gzip.compress(b'abc', mtime=0))}",
            body=gzip.compress(b"abc", mtime=0),
        ),
        200,
        b"abc",
        True,
    ),
    (
        raw(
            "HTTP/1.1 200 OK",
            "Content-Encoding: deflate",
            f"Content-Length: {len(zlib.compress(b'abc'))}",
            body=zlib.compress(b"abc"),
        ),
        200,
        b"abc",
        True,
    ),
    (raw("HTTP/1.1 200 OK", "Content-Encoding: identity", "Content-Length: 3", body=b"abc"), 200, b"abc", True),
    (raw("HTTP/1.1 200 OK", "Content-Encoding: gzip", "Content-Length: 0"), 200, b"", True),
    (raw("HTTP/1.1 200 OK", "Content-Length: 100", body=b"x" * 100), 200, b"x" * 100, True),
]


@pytest.mark.parametrize("step", [0, 1, 2, 3, 7, 64])
@pytest.mark.parametrize(("wire", "status", "body", "keep"), WHOLE)
def test_a_whole_answer(wire: bytes, status: int, body: bytes, keep: bool, step: int):
    response, reader = read(wire, step=step)
    assert response is not None
    assert (response.status, response.body, reader.keep) == (status, body, keep)
    assert isinstance(response.body, bytes)


@pytest.mark.parametrize(
    "head",
    [
        raw("HTTP/1.1 200 OK"),
        raw("HTTP/1.0 200 OK"),
        raw("HTTP/1.1 200 OK", "Connection: keep-alive"),
    ],
)
@pytest.mark.parametrize("body", [b"", b"abc"])
def test_a_body_without_length_ends_with_the_connection(head: bytes, body: bytes):
    assert read(head + body)[0] is None
    response, reader = read(head + body, eof=True)
    assert response is not None
    assert response.body == body
    assert not reader.keep


CUT = [
    b"HTTP/1.1 2",
    raw("HTTP/1.1 200 OK", "Content-Length: 2"),
    raw("HTTP/1.1 200 OK", "Content-Length: 2", body=b"{"),
    raw("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n"),
    raw("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n0\r\n"),
    raw("HTTP/1.1 100 Continue"),
]


@pytest.mark.parametrize("wire", CUT)
def test_the_end_of_the_connection_does_not_complete_an_answer(wire: bytes):
    assert read(wire, eof=True)[0] is None


WRONG = [
    (b"SSH-2.0-OpenSSH_9.6\r\n", Fault.PROTOCOL),
    (b"\x15\x03\x01\x00\x02\x02\x16", Fault.PROTOCOL),
    (raw("HTTP/7.7 200 OK"), Fault.PROTOCOL),
    (raw("HTTP/1.1 2x0 OK"), Fault.PROTOCOL),
    (raw("HTTP/1.1 200 OK", "Content-Length: x"), Fault.PROTOCOL),
    (raw("HTTP/1.1 200 OK", "Content-Length: -1"), Fault.PROTOCOL),
    (raw("HTTP/1.1 200 OK", "Content-Length: 2", "Content-Length: 3", body=b"{}"), Fault.PROTOCOL),
    (raw("HTTP/1.1 200 OK", "Content-Length: 2, 3", body=b"{}"), Fault.PROTOCOL),
    (raw("HTTP/1.1 200 OK", "Content-Length: 2", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"), Fault.PROTOCOL),
    (raw("HTTP/1.1 200 OK", "Transfer-Encoding: gzip", body=b"abc"), Fault.PROTOCOL),
    (raw("HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), Fault.PROTOCOL),
    (raw("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body=b"zz\r\n"), Fault.PROTOCOL),
    (raw("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body=b"1\r\nabc"), Fault.PROTOCOL),
    (raw("HTTP/1.1 200 OK", "No colon", "Content-Length: 0"), Fault.PROTOCOL),
    (raw("HTTP/1.1 200 OK", "X: a\x00b", "Content-Length: 0"), Fault.PROTOCOL),
    (raw("HTTP/1.1 101 Switching", "Upgrade: websocket", "Connection: Upgrade"), Fault.PROTOCOL),
    (raw("HTTP/1.1 101 Switching"), Fault.PROTOCOL),
    (raw("HTTP/1.1 200 OK", "Content-Encoding: br", "Content-Length: 1", body=b"x"), Fault.PROTOCOL),
    (raw("HTTP/1.1 200 OK", "Content-Encoding: gzip, gzip", "Content-Length: 1", body=b"x"), Fault.PROTOCOL),
    (
        raw("HTTP/1.1 200 OK", "Content-Encoding: gzip", "Content-Encoding: gzip", "Content-Length: 1", body=b"x"),
        Fault.PROTOCOL,
    ),
    (raw("HTTP/1.1 200 OK", "Content-Encoding: gzip", "Content-Length: 3", body=b"abc"), Fault.PROTOCOL),
    (raw("HTTP/1.1 200 OK", "Content-Length: 101"), Fault.TOO_LARGE),
    (raw("HTTP/1.1 200 OK", "Content-Length: 99999999999999999"), Fault.TOO_LARGE),
    (raw("HTTP/1.1 200 OK", body=b"x" * 101), Fault.TOO_LARGE),
    (raw("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body=b"65\r\n" + b"x" * 101), Fault.TOO_LARGE),
    (raw("HTTP/1.1 200 OK", "X: " + "x" * MAX_HEADER, "Content-Length: 0"), Fault.TOO_LARGE),
    (b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_HEADER, Fault.TOO_LARGE),
    (b"HTTP/1.1 200 OK\r\n" + b"x" * MAX_HEADER, Fault.TOO_LARGE),
    (raw("HTTP/1.1 100 Continue") * 60, Fault.TOO_LARGE),
    (raw("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body=b"1;" + b"x" * MAX_HEADER), Fault.TOO_LARGE),
    (raw("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body=b"0\r\nX: " + b"x" * MAX_HEADER), Fault.TOO_LARGE),
]


@pytest.mark.parametrize("step", [0, 1, 5])
@pytest.mark.parametrize(("wire", "fault"), WRONG)
def test_a_wrong_answer(wire: bytes, fault: Fault, step: int):
    with pytest.raises(SendError) as caught:
        read(wire, step=step)
    assert (caught.value.fault, caught.value.sent) == (fault, True)
    assert "example.org" in str(caught.value)


def test_a_large_header_in_one_piece_with_its_body():
    with pytest.raises(SendError) as caught:
        read(raw("HTTP/1.1 200 OK", "X: " + "x" * MAX_HEADER, "Content-Length: 1", body=b"1"))
    assert caught.value.fault is Fault.TOO_LARGE


def test_a_body_longer_than_the_header_limit_is_no_header():
    reader = AnswerReader("example.org", MAX_HEADER)
    reader.expect(MAX_HEADER * 4)
    assert reader.feed(raw("HTTP/1.1 200 OK", f"Content-Length: {MAX_HEADER * 3}", body=b"x" * MAX_HEADER * 2)) is None
    response = reader.feed(b"x" * MAX_HEADER)
    assert response is not None
    assert len(response.body) == MAX_HEADER * 3


EXTRA = [b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2", b"\x00", b"HTTP"]


@pytest.mark.parametrize("extra", EXTRA)
def test_more_than_the_answer_ends_the_connection(extra: bytes):
    response, reader = read(raw("HTTP/1.1 200 OK", "Content-Length: 2", body=b"{}" + extra))
    assert response is not None
    assert (response.body, reader.keep) == (b"{}", False)


def test_one_answer_after_another():
    reader = AnswerReader("example.org", MAX_HEADER)
    for number in range(3):
        reader.expect(MAX_BODY)
        assert not reader.begun
        assert not reader.keep
        response = reader.feed(raw("HTTP/1.1 200 OK", f"X-N: {number}", "Content-Length: 1", body=b"%d" % number))
        assert response is not None
        assert (response.body, response.headers.get("x-n")) == (b"%d" % number, str(number))
        assert reader.begun
        assert reader.keep


def test_headers_are_found_without_regard_to_case():
    response, _ = read(
        raw("HTTP/1.1 200 OK", "Content-Length: 0", "LINK: <a>;rel=next ", "X-Empty:", "link:  <b>", "X-L: \xe9")
    )
    assert response is not None
    headers = response.headers
    assert headers.get("Link") == headers.get("lInK") == "<a>;rel=next"
    assert headers.getall("link") == ["<a>;rel=next", "<b>"]
    assert headers.get("x-empty") == ""
    assert headers.get("absent") is None
    assert headers.getall("absent") == []
    assert [name for name, _ in headers.items()] == ["content-length", "link", "x-empty", "link", "x-l"]


def test_what_was_decompressed_no_longer_says_that_it_is_compressed():
    body = gzip.compress(b"abc", mtime=0)
    response, _ = read(
        raw("HTTP/1.1 200 OK", "Content-Encoding: GZIP", f"Content-Length: {len(body)}", "X: y", body=body)
    )
    assert response is not None
    assert response.headers.items() == [("x", "y")]


def test_headers_of_an_interim_answer_and_of_a_trailer_are_dropped():
    response, _ = read(
        raw("HTTP/1.1 103 Early Hints", "X-Early: 1")
        + raw("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body=b"0\r\nX-Late: 1\r\n\r\n")
    )
    assert response is not None
    assert response.headers.items() == [("transfer-encoding", "chunked")]


@pytest.mark.parametrize(
    ("value", "keep_for"), [("timeout=5", 5), ("max=3, Timeout = 70", 70), ("max=3", None), ("timeout=x", None)]
)
def test_how_long_the_partner_keeps_the_connection(value: str, keep_for: int | None):
    _, reader = read(raw("HTTP/1.1 200 OK", f"Keep-Alive: {value}", "Content-Length: 0"))
    assert reader.keep_for == keep_for


STARTS = [b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\n", raw("HTTP/1.1 200 OK", "Transfer-Encoding: chunked"), b"\r\n"]


@given(st.sampled_from(STARTS), st.binary(max_size=300))
def test_noise_is_an_answer_or_a_known_fault(start: bytes, noise: bytes):
    with suppress(SendError):
        read(start + noise, eof=True)


@given(st.sampled_from([wire for wire, *_ in WHOLE]), st.lists(st.integers(1, 40), max_size=30))
def test_the_cuts_make_no_difference(wire: bytes, cuts: list[int]):
    reader = AnswerReader("example.org", MAX_HEADER)
    reader.expect(MAX_BODY)
    rest, response = wire, None
    for cut in cuts:
        if not rest:
            break
        response, rest = reader.feed(rest[:cut]), rest[cut:]
    if rest:
        response = reader.feed(rest)
    whole, other = read(wire)
    assert response is not None
    assert whole is not None
    assert (response.status, response.body, reader.keep) == (whole.status, whole.body, other.keep)
    assert response.headers.items() == whole.headers.items()


TELLING = [
    raw("HTTP/1.1 200 OK", "Keep-Alive: timeout=5", "Vary: Accept-Encoding", "Content-Length: 2", body=b"{}"),
    raw("HTTP/1.1 200 OK", "keep-alive: timeout=9", "KEEP-ALIVE: Timeout = 7", "Content-Length: 2", body=b"{}"),
    raw("HTTP/1.1 200 OK", "Content-Length: 2", "Proxy-Connection: close", body=b"{}"),
    raw("HTTP/1.1 200 OK", "Content-Length: 2", "content-ENCODING: identity", body=b"{}"),
    raw("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "A:  b\t", body=b"2\r\n{}\r\n0\r\n\r\n"),
    raw("HTTP/1.1 100 Continue") + raw("HTTP/1.1 204 No Content", "X: y"),
    raw("HTTP/1.1 404 Not Found", "Content-Length: 4", "X-A:b", body=b"\r\n\r\n"),
]


@pytest.mark.parametrize("wire", TELLING)
def test_what_comes_in_one_piece_is_read_as_what_comes_in_many(wire: bytes):
    (whole, one), (cut, other) = read(wire), read(wire, step=1)
    assert whole is not None
    assert cut is not None
    assert (whole.status, whole.body, one.keep, one.keep_for) == (cut.status, cut.body, other.keep, other.keep_for)
    assert whole.headers.items() == cut.headers.items()


def test_half_an_answer_does_not_spoil_the_next():
    reader = AnswerReader("example.org", MAX_HEADER)
    for step in (1, 1000, 40, 1000):
        reader.expect(MAX_BODY)
        wire = raw("HTTP/1.1 200 OK", "Content-Length: 3", body=b"abc")
        answers = [reader.feed(wire[start : start + step]) for start in range(0, len(wire), step)]
        assert answers[-1] is not None
        assert (answers[-1].body, reader.keep) == (b"abc", True)


@pytest.mark.parametrize("step", [0, 16])
def test_nothing_of_an_answer_is_kept(step: int):
    reader = AnswerReader("example.org", MAX_HEADER)
    reader.expect(MAX_BODY)
    wire = raw("HTTP/1.1 200 OK", "Content-Length: 60", body=b"x" * 60)
    for start in range(0, len(wire), step or len(wire)):
        reader.feed(wire[start : start + (step or len(wire))])
    reader.let_go()
    held = gc.get_referents(reader, *(each for each in gc.get_referents(reader) if gc.is_tracked(each)))
    assert not [each for each in held if isinstance(each, bytes) and b"xxx" in each]


def test_an_interim_answer_that_comes_alone():
    reader = AnswerReader("example.org", MAX_HEADER)
    reader.expect(MAX_BODY)
    assert reader.feed(raw("HTTP/1.1 103 Early Hints", "Link: </a>")) is None
    response = reader.feed(raw("HTTP/1.1 200 OK", "Content-Length: 1", body=b"1"))
    assert response is not None
    assert (response.status, response.body, reader.keep) == (200, b"1", True)


@contextmanager
def no_more_parsers(most: int) -> Iterator[None]:
    """What is freed at once does not wait for a collection."""
    gc.collect()
    gc.disable()
    try:
        before = sum(type(each).__name__ == "HttpResponseParser" for each in gc.get_objects())
        yield
        after = sum(type(each).__name__ == "HttpResponseParser" for each in gc.get_objects())
    finally:
        gc.enable()
    assert after - before <= most


_HALVES = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", b"}"


def test_half_an_answer_leaves_no_garbage():
    """It may be large, and would stay until the next collection."""
    reader = AnswerReader("example.org", MAX_HEADER)
    with no_more_parsers(2):
        for _ in range(10):
            reader.expect(MAX_BODY)
            assert [reader.feed(part) for part in _HALVES][-1] is not None
            reader.let_go()


@pytest.mark.parametrize("parts", [(b"".join(_HALVES),), _HALVES])
def test_a_connection_that_is_closed_leaves_no_garbage(parts: tuple[bytes, ...]):
    with no_more_parsers(0):
        for _ in range(10):
            reader = AnswerReader("example.org", MAX_HEADER)
            reader.expect(MAX_BODY)
            assert [reader.feed(part) for part in parts][-1] is not None
            reader.let_go()
            reader.close()
            del reader


def test_names_that_are_looked_for_together():
    names = Names.of("X-Limit", "Retry-After")
    for step in (0, 1):
        found, _ = read(
            raw("HTTP/1.1 200 OK", "Content-Length: 0", "x-LIMIT: 5 ", "X-Limit: 6", "Y: x-limit"), step=step
        )
        assert found is not None
        assert found.headers.among(names) == (("X-Limit", "5"),)
        none, _ = read(raw("HTTP/1.1 200 OK", "Content-Length: 0", "X-Limits: 5", "Y: X-Limit"), step=step)
        assert none is not None
        assert none.headers.among(names) == ()
