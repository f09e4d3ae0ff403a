"""Heads that are like one before on their connection: read by comparing, without a parser.

The requests of a platform differ in their first line, their ids, parties and sizes, and in no other line. aiohttp's
parser is the authority of what is HTTP: a head is read here only where it has the very lines, in the same order, of
one that the parser has taken, and where what is free in it can not be read in two ways.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

_END = b"\r\n\r\n"
_LARGEST = 8000
"""Bytes of a head: aiohttp takes as much in one line."""
_SHAPES = 8
_FIRST = re.compile(r"(GET|PUT|PATCH|POST|DELETE) (/[A-Za-z0-9_~!$&'()*+,:;=@/.%?-]*) HTTP/1\.1")
_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+): [!-~](?:[ -~]*[!-~])?")
_LENGTH = "content-length"
_FREE = frozenset(
    (
        "authorization",
        "date",
        _LENGTH,
        "ocpi-from-country-code",
        "ocpi-from-party-id",
        "ocpi-to-country-code",
        "ocpi-to-party-id",
        "traceparent",
        "tracestate",
        "x-correlation-id",
        "x-forwarded-for",
        "x-request-id",
    )
)
"""What may be another in each request."""
_FRAMING = frozenset(
    ("connection", "content-encoding", "expect", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection")
)
"""What says how a request is to be read, or answered: a head that has it is aiohttp's."""
_KEPT = "connection: keep-alive"


class Shape(msgspec.Struct, frozen=True):
    """The lines of a head, with nothing where they are free: of these places, beginnings with lengths, and names."""

    lines: list[str]
    free: tuple[tuple[int, str, int, str], ...]


class Plain(NamedTuple):
    """A whole request: `fields` are the headers that were free in it, by their names in lower case."""

    method: str
    target: str
    fields: Mapping[str, str]
    body: bytes
    head: bytes


class Shapes:
    """The shapes of the heads that one connection has brought, by their numbers of lines."""

    __slots__ = ("_known", "_misses")

    def __init__(self) -> None:
        self._known: dict[int, Shape] = {}
        self._misses = 0

    @property
    def hopeless(self) -> bool:
        """Whether heads of this connection are hardly ever like one before."""
        return self._misses > _SHAPES

    def read(self, data: bytes) -> Plain | None:
        """The request that `data` is; None where that is not just one, or not like one before."""
        end = data.find(_END)
        if not 0 < end <= _LARGEST:
            return None
        head = data[:end]
        lines = head.decode("latin-1").split("\r\n")
        shape, first = self._known.get(len(lines)), _FIRST.fullmatch(lines[0])
        # No line has a control character in it: a line feed alone would be the end of a line to some.
        if shape is None or first is None or not head.isascii() or not "".join(lines).isprintable():
            return None
        lines[0] = ""
        fields = {}
        for at, begin, length, name in shape.free:
            line = lines[at]
            if line[:length] != begin:
                return None
            fields[name] = line[length:].strip()
            lines[at] = ""
        if lines != shape.lines:
            return None
        size = fields.get(_LENGTH, "0")
        if not size.isdecimal() or len(data) - end - len(_END) != int(size):
            return None
        self._misses = 0
        return Plain(first[1], first[2], fields, data[end + len(_END) :], head)

    def keep(self, shape: Shape) -> None:
        """Keep the shape of a head that the parser has taken."""
        self._misses += 1
        if len(self._known) < _SHAPES or len(shape.lines) in self._known:
            self._known[len(shape.lines)] = shape


def shape_of(data: bytes) -> tuple[Shape, int] | None:
    """The shape of the head that `data` begins with, and the bytes of its request; None where it is no plain one."""
    end = data.find(_END)
    lines = data[:end].decode("latin-1").split("\r\n")
    if not 0 < end <= _LARGEST or _FIRST.fullmatch(lines[0]) is None:
        return None
    lines[0], size, names = "", 0, set()
    free = []
    for at, line in enumerate(lines[1:], 1):
        named = _LINE.fullmatch(line)
        if named is None:
            return None
        name = named[1].lower()
        if name in names or (name in _FRAMING and line.lower() != _KEPT):
            return None
        names.add(name)
        if name in _FREE:
            begin = f"{named[1]}: "
            if name == _LENGTH:
                if not line[len(begin) :].isdecimal():
                    return None
                size = int(line[len(begin) :])
            free.append((at, begin, len(begin), name))
            lines[at] = ""
    return Shape(lines, tuple(free)), end + len(_END) + size
