"""Whether a body is what its wire type says, at the cost of one decoding; and all that is wrong where it is not.

The rule is that of the struct (`hub.ocpi.v2_2_1.Location` and so on), and two that are beyond its annotations: text
is printable, a CiString in ASCII; a DateTime is UTC (2.2.1, types 16.1, 16.2 and 16.5). `findings` is the authority.
"""

import json
import re
import textwrap
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from hub.core.message import decode_as
from hub.errors import BadRequest
from hub.ocpi.rules import MOST, Finding, rule_of
from hub.ocpi.types import CI

__all__ = ["Checker", "Finding", "describe", "findings"]

_LONGEST = 400

_BACKSLASH, _DELETE, _PLUS = 0x5C, 0x7F, 0x2B
# What may be a time that is not in UTC: after a day and a time of day, an offset other than 00:00.
_OFFSET = re.compile(rb"-..[Tt ]..:..:..(?:\.\d+)?[+-](?!00:?00)").search
# What each offset west of Greenwich has, and little else: a quick first look, as a plus is for those to the east.
_WEST = re.compile(rb"-..[:0-9]").search
# Escapes that may stand for a control character, or hide a character of a time.
_ESCAPE = re.compile(rb"\\(?:[bfnrt]|u00[0-9])").search
_CONTROL = re.compile(rb"\xc2[\x80-\x9f]").search

_ANY: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder()
_rule_of = cache(rule_of)

_Look = Callable[[Any], bool]


class Checker:
    """Checks bodies against one wire type, which may be a list of structs. It holds nothing of them."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self._decode = msgspec.json.Decoder(kind).decode
        self._has_ascii_ids = _ascii_ids(inspect.type_info(kind)) or (lambda _: True)
        _rule_of(kind)

    def check(self, body: bytes) -> list[Finding]:
        """All that is wrong, [] for nothing. BadRequest where the body is not JSON."""
        return [] if self.value(body) is not None else findings(_plain(body), self._kind)

    def value(self, body: bytes) -> Any:
        """The body as its wire type; None where only a closer look can tell whether it is one."""
        try:
            value = self._decode(body)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return None
        plain = body.isascii() and _BACKSLASH not in body and _DELETE not in body
        if (plain and _PLUS not in body and not _WEST(body)) or self._is_fine(body, value):
            return value
        return None

    def _is_fine(self, body: bytes, value: Any) -> bool:
        """Whether the two rules beyond annotations hold for sure. False where only a closer look can tell."""
        if _DELETE in body or _OFFSET(body):
            return False
        if _BACKSLASH not in body:
            if body.isascii():
                return True
        elif _ESCAPE(body):
            return False
        return _is_utf8(body) and not _CONTROL(body) and self._has_ascii_ids(value)


def findings(value: Any, kind: Any) -> list[Finding]:
    """All that is wrong with a decoded JSON value, at most 100 findings, in the order of the struct's fields."""
    found: list[Finding] = []
    _rule_of(kind)(value, None, found)
    return found[:MOST]


def describe(found: Sequence[Finding], most: int = 3) -> str:
    """The first findings and how many more there are, for a status_message: about 400 characters at most."""
    told: list[str] = []
    for each in found[:most]:
        words = f"{each.path}: {textwrap.shorten(each.rule, 80, placeholder=' ...')} ({each.got})"
        if told and sum(map(len, told)) + len(words) > _LONGEST:
            break
        told.append(words)
    if more := len(found) - len(told):
        told.append(f"and {more} more")
    return "; ".join(told)


def _plain(body: bytes) -> Any:
    """The body as plain values. A number that msgspec can not hold is infinite here: it is JSON all the same."""
    try:
        return decode_as(body, _ANY)
    except msgspec.ValidationError:
        pass
    try:
        return json.loads(body.decode(), parse_int=_integer)
    except UnicodeDecodeError:
        raise BadRequest("the body is not UTF-8") from None
    except RecursionError:
        raise BadRequest("the body is nested too deeply") from None


def _integer(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:
        return float(digits)


def _is_utf8(body: bytes) -> bool:
    """msgspec does not look into the text of fields that it passes over."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _ascii_ids(node: inspect.Type) -> _Look | None:
    """What tells whether all CiStrings in a decoded value are ASCII. None where there can be none."""
    match node:
        case inspect.Metadata(type=inspect.StrType(), extra=extra) if CI in (extra or {}):
            return str.isascii
        case inspect.Metadata(type=inner) | inspect.UnionType(types=(inner, inspect.NoneType())):
            return _ascii_ids(inner)
        case inspect.UnionType(types=types) if any(map(_ascii_ids, types)):
            return lambda _: False  # which of them a value is, is not known here
        case inspect.ListType(item_type=item) if look := _ascii_ids(item):
            return _in_list(look)
        case inspect.StructType(fields=fields):
            return _in_struct([(each.name, look) for each in fields if (look := _ascii_ids(each.type))])
    return None


def _in_list(look: _Look) -> _Look:
    return lambda values: all(map(look, values))


def _in_struct(looks: list[tuple[str, _Look]]) -> _Look | None:
    def look_at(value: Any) -> bool:
        for name, look in looks:
            inner = getattr(value, name)
            if inner is not None and inner is not msgspec.UNSET and not look(inner):
                return False
        return True

    return look_at if looks else None
