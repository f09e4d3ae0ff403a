"""Parses the text of config.toml, and says in plain words what is no TOML in it."""

import re
import tomllib
from typing import Any

from hub.config.origin import ConfigError, Origin, secret
from hub.config.spots import Definition, Span
from hub.core.hiding import is_secret

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)")
_TWICE = ("Cannot overwrite", "Cannot declare", "Duplicate")
_PLAIN = {
    "Invalid value": "this is not a value: text needs quotes, and true and false are in small letters",
    "Expected '=' after a key": "here must be a key, an = and a value",
    "Expected newline or end": "the value ended before this; text needs quotes, and each key its own line",
    "Invalid statement": "here must be a [section], or a key, an = and a value",
    "Unescaped '\\'": "a backslash in double quotes is written \\\\; single quotes take it as it is",
    "Illegal character": "the text holds a character it must not, or its closing quote is missing",
    "Unterminated string": "the closing quotes are missing",
    'Expected "': "the closing quote is missing",
    "Expected ']'": "the closing bracket is missing",
    "Unclosed": "the closing bracket is missing",
}


def parse(origin: Origin) -> dict[str, Any]:
    """The tables of the file; ConfigError when it is no TOML."""
    try:
        return tomllib.loads(origin.text)
    except tomllib.TOMLDecodeError as error:
        problem = _describe(origin, str(error))
    except RecursionError:
        problem = f"{origin.file}: lists or tables are nested too deeply"
    raise ConfigError([problem])


def _describe(origin: Origin, message: str) -> str:
    place = _PLACE.search(message)
    at = (int(place[1]), int(place[2])) if place and place[1] else None
    reason = next((words for start, words in _PLAIN.items() if message.startswith(start)), None)
    reason = reason or f"this is not TOML: {_PLACE.sub('', message)}"
    span = Span(*at, 1) if at else origin.spots.left_open()
    known = origin.spots.defined_until(at)
    if not known:
        return origin.quote(span, reason)
    last = known[-1]
    if message.startswith(_TWICE):
        return origin.quote(last.span, _twice(known), hidden=secret(last.path))
    if name := _secret_in(origin.text.split("\n")[span.line - 1], span.line):
        return origin.quote(name, reason, hidden=True)
    return origin.quote(last.span if secret(last.path) else span, reason, hidden=secret(last.path))


def _twice(known: list[Definition]) -> str:
    last = known[-1]
    name = ".".join(str(part) for part in last.path)
    first = next((one for one in known[:-1] if one.path == last.path), None)
    return f"{name} is set twice" + (f"; the first time in line {first.span.line}" if first else "")


def _secret_in(text: str, line: int) -> Span | None:
    """The first word of a line that names a secret: what follows it is not to be shown."""
    for word in re.finditer(r"[\w-]+", text):
        if is_secret(word.group()):
            return Span(line, word.start() + 1, len(word.group()))
    return None
