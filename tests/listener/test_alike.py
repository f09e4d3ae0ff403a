"""Heads that are read by comparing: only those that are like one before, and only as the parser would read them."""

import asyncio
from collections.abc import Callable

import pytest

from hub.listener.alike import Shapes, shape_of
from hub.listener.connection import Site

FIRST = b"PUT /ocpi/2.2.1/x HTTP/1.1"
LINES = (
    b"Host: hub",
    b"X-Request-ID: r-1",
    b"Content-Type: application/json",
    b"Authorization: Token abc",
    b"Content-Length: 3",
)


def whole(*lines: bytes, first: bytes = FIRST, body: bytes = b"abc") -> bytes:
    return b"\r\n".join((first, *lines, b"", body))


def changed(old: bytes, new: bytes, body: bytes = b"abc") -> bytes:
    assert old in whole(*LINES)
    return whole(*LINES, body=body).replace(old, new)


@pytest.fixture
def shapes() -> Shapes:
    shapes = Shapes()
    found = shape_of(whole(*LINES))
    assert found
    assert found[1] == len(whole(*LINES))
    shapes.keep(found[0])
    return shapes


def test_ids_token_sizes_method_and_path_may_be_others(shapes):
    plain = shapes.read(whole(*LINES))
    assert plain
    assert (plain.method, plain.target, plain.body) == ("PUT", "/ocpi/2.2.1/x", b"abc")
    assert plain.fields == {"x-request-id": "r-1", "authorization": "Token abc", "content-length": "3"}
    other = shapes.read(
        whole(b"Host: hub", b"X-Request-ID:  s ", LINES[2], b"Authorization: Token d", b"Content-Length: 0",
              first=b"PATCH /other?a=%20b HTTP/1.1", body=b"")
    )  # fmt: skip
    assert other
    assert (other.method, other.target, other.body) == ("PATCH", "/other?a=%20b", b"")
    assert (other.fields["x-request-id"], other.fields["authorization"]) == ("s", "Token d")


@pytest.mark.parametrize(
    "data",
    [
        changed(b"Host: hub", b"Host: hut"),
        changed(b"Host: hub", b"host: hub"),
        changed(b"Content-Type: application/json", b"Transfer-Encoding: chunked"),
        changed(b"X-Request-ID: r-1", b"X-Request-ID : r-1"),
        changed(b"X-Request-ID: r-1", b"X-Request-ID: r-1\r\nContent-Length: 3"),
        changed(b"X-Request-ID: r-1", b"X-Request-ID: r-1\nContent-Length: 3"),
        changed(b"X-Request-ID: r-1", b"X-Request-ID: r-1\rContent-Length: 3"),
        changed(b"X-Request-ID: r-1", b"X-Request-ID: r\0"),
        changed(b"X-Request-ID: r-1", b"X-Request-ID: r\t1"),
        changed(b"X-Request-ID: r-1", b"X-Request-ID: \xb2"),
        changed(b"X-Request-ID: r-1", b"Content-Length: 3"),
        changed(b"Content-Length: 3", b"Content-Length: +3"),
        changed(b"Content-Length: 3", b"Content-Length: 3, 3"),
        changed(b"Content-Length: 3", b"Content-Length: 0x3"),
        changed(b"Content-Length: 3", b"Content-Length: \xb3"),
        changed(b"Content-Length: 3", b"Content-Length: "),
        changed(b"Content-Length: 3", b"Content-Length: 2"),
        changed(b"Content-Length: 3", b"Content-Length: 4"),
        changed(b"PUT ", b"put "),
        changed(b"PUT ", b"CONNECT "),
        changed(b"PUT ", b"HEAD "),
        changed(b"PUT /", b"PUT http://hub/"),
        changed(b"PUT /", b"PUT  /"),
        changed(b"HTTP/1.1", b"HTTP/1.0"),
        changed(b"/x ", b"/x\\ "),
        changed(b"/x ", b"/x#a "),
        changed(b"/x ", b"/" + b"x" * 9000 + b" "),
        b"\r\n" + whole(*LINES),
        whole(*LINES) + b"GET",
        whole(*LINES)[:-1],
        whole(*LINES[:-1]),
        whole(*LINES[:-1], body=b""),
        whole(*LINES, b"X-More: a"),
        b"\r\n\r\n",
        b"",
    ],
)
def test_all_else_is_for_the_parser(shapes, data):
    assert shapes.read(data) is None


@pytest.mark.parametrize(
    "line",
    [
        b"Transfer-Encoding: chunked",
        b"Content-Encoding: gzip",
        b"Connection: close",
        b"Connection: Upgrade",
        b"Expect: 100-continue",
        b"Upgrade: websocket",
        b"host: another",
        b"X-Odd : a",
        b"X-Odd:\ta",
        b"X-Odd: a\nb",
        b" folded",
        b"Content-Length: 3",
    ],
)
def test_a_head_that_could_be_read_in_two_ways_has_no_shape(line):
    assert shape_of(whole(*LINES, b"X-Fine: a", b"Connection: keep-alive"))
    assert shape_of(whole(*LINES, line)) is None


class Told:
    close = False

    def encode(self, method, version, *, keep_alive):
        return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class House(Site):
    """Notes what it is asked, and how it was read."""

    def __init__(self) -> None:
        super().__init__(self.note, patience=5.0, write_patience=5.0, access_log=None)
        self.asked: list[tuple[bool, str, bytes]] = []

    async def note(self, request):
        body = request.whole(100)
        body = await request.content.read() if body is None else body
        fields = dict(request.raw_headers)
        assert request.headers["Host"] == fields[b"Host"].decode() == "hub"
        assert request.content_length == (int(fields[b"Content-Length"]) if b"Content-Length" in fields else None)
        self.asked.append((request.plain is not None, f"{request.method} {request.target}", body))
        return Told()

    def failed(self, error):
        raise error

    def unreadable(self, error):
        return Told()


async def answers(house: House, *pieces: bytes) -> list[tuple[bool, str, bytes]]:
    """What a house is asked on one connection that brings these pieces, each as soon as the one before is answered."""
    server = await asyncio.get_running_loop().create_server(house, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        for piece in pieces:
            before = len(house.asked)
            writer.write(piece)
            if piece.endswith(b"."):
                async with asyncio.timeout(5):
                    await reader.readuntil(b"\r\n\r\n")
                assert len(house.asked) == before + 1
            else:
                await asyncio.sleep(0.02)
    finally:
        writer.close()
        server.close()
        await house.shutdown(1)
    return house.asked


PUT = b"PUT /%d HTTP/1.1\r\nHost: hub\r\nContent-Length: 3\r\n\r\nab."


async def test_the_parser_reads_the_first_request_and_no_other_one():
    asked = await answers(House(), *(PUT % n for n in range(4)))
    assert asked == [(n > 0, f"PUT /{n}", b"ab.") for n in range(4)]


async def test_a_body_in_pieces_is_the_parsers_and_what_follows_is_not():
    asked = await answers(House(), PUT % 0, (PUT % 1)[:-2], b"b.", PUT % 2)
    assert asked == [(False, "PUT /0", b"ab."), (False, "PUT /1", b"ab."), (True, "PUT /2", b"ab.")]


@pytest.mark.parametrize("cut", [lambda data: data[:5], lambda data: data[:-5]])
async def test_after_a_head_in_pieces_the_parser_reads_all(cut: Callable[[bytes], bytes]):
    data = PUT % 1
    asked = await answers(House(), PUT % 0, cut(data), data[len(cut(data)) :], PUT % 2)
    assert [how for how, _, _ in asked] == [False, False, False]
    assert [what for _, what, _ in asked] == ["PUT /0", "PUT /1", "PUT /2"]


async def test_a_connection_whose_heads_are_never_alike_is_left_to_the_parser():
    other = b"PUT /a HTTP/1.1\r\nHost: hub\r\nX-Odd: %d\r\nContent-Length: 3\r\n\r\nab."
    asked = await answers(House(), *(other % n for n in range(12)), PUT % 1, PUT % 2)
    assert not any(how for how, _, _ in asked)
