"""Malformed requests, made from valid ones by dice that a seed throws: the same ones every time."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

METHODS = (
    b"HEAD",
    b"OPTIONS",
    b"TRACE",
    b"CONNECT",
    b"get",
    b"",
    b"GET",
    b"PUT",
    b"POST",
    b"PATCH",
    b"PRI",
    b"G\0T",
    b"PUT" * 99,
)
VERSIONS = (
    b"HTTP/1.0",
    b"HTTP/0.9",
    b"HTTP/2.0",
    b"HTTP/9.9",
    b"HTTP/1.",
    b"http/1.1",
    b"HTTP/1.1 HTTP/1.1",
    b"",
    b"ICE/1.1",
)
TARGETS = (
    b"*", b"/", b"//", b"", b"ocpi/versions", b"http://hub/ocpi/versions", b"hub:443", b"/ocpi/versions#x",
    b"/ocpi/../ocpi/versions",
    b"/ocpi/2.2.1/", b"/ocpi/9.9.9/receiver/locations", b"/ocpi/versions?" + b"a=b&" * 4000,
    b"/ocpi/" + b"a/" * 4000, b"/ocpi\\versions",
)  # fmt: skip
TAILS = (
    b"%", b"%2", b"%zz", b"%00", b"%2f", b"%2F..%2F", b"..", b".", b"%2e%2e", b"..;", b"%c0%af", b"%ff",
    b"%ed%a0%80", b"\xff", b"%0d%0a",
    b"%e2%80%ae", b"a" * 9000, b"a/" * 300, b"~", b"%25", b";x=y", b"?", b"?limit=-1", b"?offset=9" + b"9" * 30,
    b"?date_from=never",
    b"?limit=%00&limit=2", b"?date_from=0000-00-00T00:00:00Z", b"?date_to=9999-12-31T23:59:59.999999999Z",
    b"?type=&type=&type=",
)  # fmt: skip
LINES = (
    b"X-Note : a", b" folded: a", b"X-Note", b": a", b"X-Note: \0", b"X-Note: \x01\x7f", b"X-Note: \xff\xfe",
    b"X Note: a", b"X-Note: a\rb",
    b"X-Note: a\nX-Other: b", b"X-Note: " + b"a" * 20_000, b"a" * 20_000 + b": a", b"Host: other", b"Host:",
    b"Authorization: Token",
    b"Authorization: Basic eA==", b"Authorization: Token \xc3\xa9", b"Authorization: Token " + b"=" * 50,
    b"Authorization: token\t AAAA",
    b"OCPI-to-party-id: CPO", b"OCPI-to-country-code: \xf0\x9f\x98\x80", b"OCPI-from-party-id: TOO-LONG",
    b"OCPI-from-country-code:",
    b"X-Request-ID: " + b"x" * 500, b"X-Request-ID: \x7f", b"X-Correlation-ID: a\tb", b"Content-Type: text/html",
    b"Content-Type: \0",
    b"Connection: close, keep-alive, upgrade", b"Connection: transfer-encoding", b"Expect: 100-continue",
    b"Expect: 200-ok", b"Expect:",
    b"Upgrade: websocket\r\nConnection: Upgrade",
    b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nConnection: Upgrade, HTTP2-Settings",
    b"Upgrade: tls/1.0\r\nConnection: upgrade", b"Sec-WebSocket-Key1: x", b"Content-Encoding: gzip",
    b"Content-Encoding: br, gzip",
    b"Content-Encoding: zstd", b"Content-Encoding: identity, gzip", b"TE: trailers, deflate;q=0.5",
    b"Trailer: Content-Length",
    b"Range: bytes=0-1,2-3,4-", b"If-Match: *", b"traceparent: 00-0-0-0", b"X-Forwarded-For: " + b"1.1.1.1, " * 900,
    b"X-Forwarded-For: ::::", b"Forwarded: for=\"[::\"", b"Cookie: " + b"a=b;" * 2000,
    b"Accept: */*\r\n" * 150 + b"Accept: a",
)  # fmt: skip
LENGTHS = (
    b"0", b"-1", b"+5", b"0x10", b"5,5", b"5, 6", b" ", b"", b"9" * 25, b"18446744073709551616", b"1e3", b"5 5",
    b"\xd9\xa1", b"5;a", b"00000005",
    b"2147483648", b"1048577",
)  # fmt: skip
CODINGS = (
    b"chunked", b"Chunked", b"chunked, chunked", b"gzip, chunked", b"identity", b"xchunked", b"chunked;q=1", b"",
    b"\x0bchunked", b"chunked\x00",
    b"chunked\r\nTransfer-Encoding: identity", b"\"chunked\"", b"gzip",
)  # fmt: skip
CHUNKS = (
    b"%x\r\n%b\r\n0\r\n\r\n", b"%X;ext=\"a\"\r\n%b\r\n0\r\n\r\n", b"0%x\r\n%b\r\n0\r\n\r\n",
    b"0x%x\r\n%b\r\n0\r\n\r\n", b"-%x\r\n%b\r\n0\r\n\r\n",
    b"%x\n%b\n0\n\n", b"%x\r\n%bX\r\n0\r\n\r\n", b"%x\r\n%b\r\n0\r\nX-Trailer: a\r\n\r\n",
    b"%x\r\n%b\r\n0\r\nContent-Length: 9\r\n\r\n",
    b"fffffffffffffffff%x\r\n%b\r\n0\r\n\r\n", b"%x \r\n%b\r\n0\r\n\r\n",
    b"%x;" + b"e" * 9000 + b"\r\n%b\r\n0\r\n\r\n", b"%x\r\n%b\r\n", b"%x\r\n%b",
    b"%x\r\n%b\r\n0\r\n" + b"T: a\r\n" * 300 + b"\r\n", b"%x\r\r%b\r\n0\r\n\r\n",
)  # fmt: skip
VALUES: Sequence[Any] = (
    None, True, 0, -1, 1e308, 10**30, "", "x" * 300, "\0", "\u202e", "\U0001f600", [], {}, [[]], [None], {"": None},
    "NaN", "2026-02-30T00:00:00Z",
    "0001-01-01T00:00:00Z", "http://127.0.0.1:1/", "javascript:alert(1)", "\r\nX: y", "'; drop table mirror; --",
    -0.0, 2**63,
)  # fmt: skip
TEXTS = (
    b"", b"null", b"[]", b"{}", b"{", b"[" * 5000, b'{"a":' * 5000, b'"\\ud800"', b"\xef\xbb\xbf{}",
    b"\xff\xfe{\0}\0", b"{}{}", b"NaN",
    b'{"id":"a","id":"b"}', b'{"id":1e999999}', b"1" * 5000, b'{"\\u0000":1}', b"'a'", b"{a:1}", b"[1,]", b"//x\n{}",
    b"\0" * 100, b'"' + b"a" * 9000,
    b'{"last_updated":"\xc3\x28"}', b"tru", b"-", b'{"a":"\t"}',
)  # fmt: skip
PIECES = (
    b"", b"\r\n", b"\n", b"\r", b"\0", b"\xff", b" ", b"\t", b":", b"/", b"%", b"?", b"#", b"{", b"}", b'"', b"\\",
    b"null", b"9" * 20, b"0\r\n\r\n",
    b"\r\n\r\n", b"HTTP/1.1", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 7\r\n",
    b"\x16\x03\x01\x02\x00\x01", b"\x80",
)  # fmt: skip


class Malformed(msgspec.Struct, frozen=True):
    """One request, and what was done to it."""

    kind: str
    raw: bytes


def malformed(seed: int, originals: Sequence[bytes]) -> Iterator[Malformed]:
    """Without end."""
    dice = random.Random(seed)
    kinds = [*_KINDS]
    while True:
        kind, raw = dice.choice(kinds), dice.choice(originals)
        for _ in range(dice.choice((1, 1, 2))):
            raw = _KINDS[kind](dice, raw) or b"\r\n"
        yield Malformed(kind, raw)


def _parts(raw: bytes) -> tuple[bytes, list[bytes], bytes]:
    """First line, header lines, body."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    return first, lines, body


def _whole(first: bytes, lines: Sequence[bytes], body: bytes, length: bytes | None = None) -> bytes:
    """Put together; Content-Length is that of the body, where none is given and there was one."""
    if length is None and any(line.lower().startswith(b"content-length:") for line in lines):
        length = b"%d" % len(body)
    kept = [line for line in lines if length is None or not line.lower().startswith(b"content-length:")]
    return b"\r\n".join((first, *kept, *([b"Content-Length: " + length] if length is not None else []), b"", body))


def _first_line(dice: random.Random, raw: bytes) -> bytes:
    first, lines, body = _parts(raw)
    words = [*first.split(b" "), b"", b"", b""][:3]
    at = dice.randrange(4)
    if at < 3:
        words[at] = dice.choice((METHODS, TARGETS, VERSIONS)[at])
    return _whole(dice.choice((b" ", b" ", b" ", b"  ", b"\t")).join(words), lines, body)


def _path(dice: random.Random, raw: bytes) -> bytes:
    first, lines, body = _parts(raw)
    method, target, *version = first.split(b" ")
    pieces = target.split(b"/")
    at = dice.randrange(len(pieces))
    pieces[at] = dice.choice((b"", pieces[at])) + dice.choice(TAILS)
    return _whole(b" ".join((method, b"/".join(pieces), *version)), lines, body)


def _header(dice: random.Random, raw: bytes) -> bytes:
    first, lines, body = _parts(raw)
    at = dice.randrange(len(lines) + 1)
    match dice.randrange(5):
        case 0:
            lines.insert(at, dice.choice(lines))
        case 1:
            lines[at : at + 1] = []
        case 2 if at < len(lines):
            name, _, value = lines[at].partition(b":")
            lines[at] = (
                name
                + b":"
                + dice.choice((b"", b"\r\n\t", b"\r\n ", b" " * 900))
                + value[: dice.randrange(len(value) + 1)]
            )
        case _:
            lines.insert(at, dice.choice(LINES))
    return b"\r\n".join((first, *lines, b"", body))


def _json(dice: random.Random, raw: bytes) -> bytes:
    first, lines, body = _parts(raw)
    if not body or dice.random() < 0.3:
        return _whole(
            first, lines, dice.choice(TEXTS), b"%d" % len(dice.choice(TEXTS)) if dice.random() < 0.1 else None
        )
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _bytes(dice, raw)
    for _ in range(dice.randint(1, 3)):
        value = _twisted(dice, value)
    text = msgspec.json.encode(value)
    return _whole(first, lines, text[: dice.randrange(len(text))] if dice.random() < 0.1 else text)


def _twisted(dice: random.Random, value: Any) -> Any:
    """The same value, with another one somewhere in it."""
    if isinstance(value, dict) and value and dice.random() < 0.85:
        name = dice.choice(list(value))
        if dice.random() < 0.1:
            return {each: inner for each, inner in value.items() if each != name}
        return value | {name: _twisted(dice, value[name])}
    if isinstance(value, list) and value and dice.random() < 0.7:
        at = dice.randrange(len(value))
        return [*value[:at], _twisted(dice, value[at]), *value[at + 1 :]] * dice.choice((1, 1, 50))
    return dice.choice(VALUES)


def _length(dice: random.Random, raw: bytes) -> bytes:
    first, lines, body = _parts(raw)
    wrong = dice.choice(
        (*LENGTHS, b"%d" % max(len(body) - dice.randint(1, 9), 0), b"%d" % (len(body) + dice.randint(1, 99)))
    )
    return _whole(first, [*lines, b"Content-Length: 3"] if dice.random() < 0.1 else lines, body, wrong)


def _coding(dice: random.Random, raw: bytes) -> bytes:
    first, lines, body = _parts(raw)
    if dice.random() < 0.8:
        lines = [line for line in lines if not line.lower().startswith(b"content-length:")]
    lines.append(b"Transfer-Encoding: " + (dice.choice(CODINGS) if dice.random() < 0.5 else b"chunked"))
    chunks = dice.choice(CHUNKS)
    return b"\r\n".join((first, *lines, b"", chunks.replace(b"%X", b"%x") % (len(body), body)))


def _cut(dice: random.Random, raw: bytes) -> bytes:
    return raw[: dice.randrange(len(raw))]


def _bytes(dice: random.Random, raw: bytes) -> bytes:
    start = dice.randrange(len(raw) + 1)
    end = min(len(raw), start + dice.choice((0, 0, 1, 2, 10, 60)))
    match dice.randrange(4):
        case 0:
            return raw[:start] + dice.choice(PIECES) + raw[end:]
        case 1:
            return raw[:start] + dice.randbytes(dice.randint(1, 4)) + raw[end:]
        case 2:
            return raw[:start] + raw[end:]
        case _:
            return raw[:end] + raw[start:]


def _pipelined(dice: random.Random, raw: bytes) -> bytes:
    return raw * dice.randint(1, 3) + _bytes(dice, raw) + raw


_KINDS: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "request line": _first_line,
    "path": _path,
    "headers": _header,
    "JSON": _json,
    "Content-Length": _length,
    "Transfer-Encoding": _coding,
    "cut": _cut,
    "bytes": _bytes,
    "pipelined": _pipelined,
}
