"""The objects of a JSON list, one after the other: a list of millions of nothings costs no memory.

Decoded as a whole, 16 MB of `[{},{},{}...` become hundreds of megabytes.
"""

import re
from collections.abc import Iterator

import msgspec

LARGEST = 1 << 20
"""Bytes of one object, at most: those that a request may have where nothing else is configured."""

_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+([\[\]{}])', re.DOTALL)


class NoList(ValueError):
    """It is neither a list nor null."""


def rows(data: msgspec.Raw) -> Iterator[msgspec.Raw]:
    """What is in the list, as it stands there; none where it is null. Numbers, texts and the like are passed over.

    `data` has to be JSON that was looked through already, as that of `envelope.receive` is. Raises NoList at once.
    """
    text = memoryview(data)
    start = bytes(text[:1])
    if start == b"n":
        return iter(())
    if start != b"[":
        raise NoList
    return _rows(text)


def _rows(text: memoryview) -> Iterator[msgspec.Raw]:
    depth = begin = 0
    for found in _BRACKET.finditer(text):
        at = found.start(1)
        if found[1] in (b"{", b"["):
            depth += 1
            begin = at if depth == 2 else begin
        else:
            depth -= 1
            if depth == 1:
                yield msgspec.Raw(bytes(text[begin : at + 1]))
