"""Finds the place of every key and value in a TOML text, which tomllib does not tell.

It reads the shape of the text only (keys, brackets, strings) and never refuses: what is no TOML gives
fewer or odd places, but no error.
"""

import re
import tomllib
from bisect import bisect_right
from typing import NamedTuple, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""Way to a value: names of tables and keys, and indexes into lists."""

_TOKEN = re.compile(
    r"""
      (?P<blank>    [ \t\r]+ | \#[^\n]* )
    | (?P<newline>  \n )
    | (?P<string>   \"{3} (?: \\. | [^\\] )*? \"{3,5} | '{3} .*? '{3,5} )
    | (?P<unclosed> (?: \"{3} | '{3} ) .* )
    | (?P<line>     \" (?: \\. | [^\"\\\n] )* \" | ' [^'\n]* ' )
    | (?P<word>     [^\s.=,\[\]{}\#"']+ )
    | (?P<mark>     . )
    """,
    re.VERBOSE | re.DOTALL,
)
_QUOTES = frozenset("\"'")


class Span(NamedTuple):
    """A piece of one line; line and column count from 1, length in characters."""

    line: int
    column: int
    length: int


class Definition(NamedTuple):
    """A key that is set, or a table that is opened: its whole path, and the place of its last part."""

    path: KeyPath
    span: Span


class _Part(NamedTuple):
    name: str
    start: int
    end: int


class _Open:
    """A bracket of an inline list or table that is not closed yet."""

    def __init__(self, path: KeyPath, start: int, *, is_list: bool) -> None:
        self.path = path
        self.start = start
        self.is_list = is_list
        self.index = 0


class Spots:
    """Places of the keys and values of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self._keys: dict[KeyPath, tuple[int, int]] = {}
        self._values: dict[KeyPath, tuple[int, int]] = {}
        self._definitions: list[tuple[KeyPath, tuple[int, int]]] = []
        self._table: KeyPath = ()
        self._counts: dict[KeyPath, int] = {}
        self._open: list[_Open] = []
        self._parts: list[_Part] = []
        self._brackets = 0
        self._quote: int | None = None
        self._value: KeyPath | None = None
        for match in _TOKEN.finditer(text):
            self._read(match)

    def key(self, path: KeyPath) -> Span | None:
        """Place of the key at `path`, or of the nearest one that encloses it."""
        for end in range(len(path), 0, -1):
            if found := self._keys.get(path[:end]) or self._values.get(path[:end]):
                return self._span(*found)
        return None

    def value(self, path: KeyPath) -> Span | None:
        """Place of the value at `path`, up to the end of its first line; else what `key` gives."""
        found = self._values.get(path)
        return self._span(*found) if found else self.key(path)

    def has(self, path: KeyPath) -> bool:
        """Whether the text sets the value at `path`."""
        return path in self._keys or path in self._values

    def defined_until(self, place: tuple[int, int] | None) -> list[Definition]:
        """All that is set or opened as a table before line and column `place`, in the order of the text."""
        last = self._lines[place[0] - 1] + place[1] - 1 if place else len(self._text)
        return [Definition(path, self._span(*key)) for path, key in self._definitions if key[0] < last]

    def left_open(self) -> Span:
        """The first quote or else the innermost bracket without its counterpart; else the end of the text."""
        if self._quote is not None:
            start = self._quote
        else:
            start = self._open[-1].start if self._open else max(0, len(self._text.rstrip()) - 1)
        return self._span(start, start + 1)

    def _line(self, position: int) -> int:
        return bisect_right(self._lines, position)

    def _span(self, start: int, end: int) -> Span:
        line = self._line(start)
        newline = self._text.find("\n", start, end)
        length = (end if newline < 0 else newline) - start
        return Span(line, start - self._lines[line - 1] + 1, max(length, 1))

    def _read(self, token: re.Match[str]) -> None:
        kind = token.lastgroup
        if self._quote is None and (kind == "unclosed" or token.group() in _QUOTES):
            self._quote = token.start()
        if kind == "newline":
            if not self._open:
                self._value, self._parts, self._brackets = None, [], 0
        elif kind == "blank":
            return
        elif self._value is None:
            self._read_key(token, is_name=kind != "mark")
        else:
            self._read_value(token, self._value, token.group() if kind == "mark" else "")

    def _read_key(self, token: re.Match[str], *, is_name: bool) -> None:
        text = token.group()
        if is_name:
            self._parts.append(_Part(_name(text), token.start(), token.end()))
        elif text == "=":
            self._assign()
        elif text == "[":
            self._brackets += 1
        elif text == "]":
            self._enter_table()
        elif text == "}":
            self._close(token)

    def _read_value(self, token: re.Match[str], path: KeyPath, mark: str) -> None:
        if mark == ",":
            self._next()
        elif mark in {"]", "}"}:
            self._close(token)
        else:
            self._extend(path, token)
            if mark in {"[", "{"}:
                self._open.append(_Open(path, token.start(), is_list=mark == "["))
                self._value, self._parts = ((*path, 0) if mark == "[" else None), []

    def _assign(self) -> None:
        path = self._open[-1].path if self._open else self._table
        for part in self._parts:
            path = (*path, part.name)
            self._keys.setdefault(path, (part.start, part.end))
        if self._parts:
            self._definitions.append((path, self._parts[-1][1:]))
        self._value, self._parts = path, []

    def _enter_table(self) -> None:
        if not self._parts:
            return
        path: KeyPath = ()
        for part in self._parts:
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
            path = (*path, part.name)
            self._keys.setdefault(path, (part.start, part.end))
        if self._brackets > 1:
            count = self._counts[path] = self._counts.get(path, 0) + 1
            path = (*path, count - 1)
            self._keys[path] = (self._parts[-1].start, self._parts[-1].end)
        self._definitions.append((path, self._parts[-1][1:]))
        self._table, self._parts = path, []

    def _next(self) -> None:
        if not self._open:
            return
        top = self._open[-1]
        top.index += 1
        self._value, self._parts = ((*top.path, top.index) if top.is_list else None), []

    def _close(self, token: re.Match[str]) -> None:
        if self._open:
            self._value = self._open.pop().path
            self._extend(self._value, token)

    def _extend(self, path: KeyPath, token: re.Match[str]) -> None:
        start, _ = self._values.get(path, (token.start(), 0))
        self._values[path] = (start, token.end())


def _name(text: str) -> str:
    if text[0] not in "\"'":
        return text
    try:
        return next(iter(tomllib.loads(f"{text} = 0")))
    except tomllib.TOMLDecodeError:
        return text
