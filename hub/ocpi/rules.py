"""A wire type turned into a function that tells all that is wrong with a JSON value, each thing with its place.

What came is told by kind and size only: a value may be a driver's name, or a token.
"""

import datetime
import math
import operator
import re
from collections.abc import Callable, Iterable
from enum import Enum
from functools import partial
from typing import Any

import msgspec
from msgspec import inspect

from hub.ocpi.types import CI, Broken, OpenEnum

MOST = 100
"""So many findings about one value are told, and no more."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong: where (`evses[0].uid`), the rule in words, and the kind and size of what came."""

    path: str
    rule: str
    got: str


Place = tuple["Place", str | int] | None
"""Where a value is: the place of what holds it, and its field or index in there. None is the whole value."""

Rule = Callable[[Any, Place, list[Finding]], None]
"""Adds what is wrong with a JSON value to the list."""

_Test = tuple[Callable[[Any], bool], str]
"""What has to be true of a value, and in words."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_BOUNDS: tuple[tuple[str, Callable[[Any, Any], bool], str], ...] = (
    ("ge", operator.le, "at least"),
    ("gt", operator.lt, "more than"),
    ("le", operator.ge, "at most"),
    ("lt", operator.gt, "less than"),
)


def rule_of(kind: Any) -> Rule:
    """The rule of a wire type. TypeError where it holds something that no object of OCPI does."""
    return _rule(inspect.type_info(kind))


def _rule(node: inspect.Type) -> Rule:
    match node:
        case inspect.StructType(cls=cls, fields=fields):
            return _with_rules_of(cls, _object(fields)) if hasattr(cls, "__post_init__") else _object(fields)
        case inspect.ListType():
            return _list(node)
        case inspect.UnionType(types=(inner, inspect.NoneType())):
            return _or_null(_rule(inner))
        case inspect.UnionType(types=(*some, inspect.NoneType())):
            return _or_null(_leaf(_either(some)))
        case inspect.Metadata(type=inner) if not isinstance(inner, inspect.StrType):
            return _rule(inner)
    return _leaf(*_tests(node))


def _object(fields: tuple[inspect.Field, ...]) -> Rule:
    rules = [(each.encode_name, each.required, _rule(each.type)) for each in fields]

    def rule(value: Any, place: Place, found: list[Finding]) -> None:
        if type(value) is not dict:
            found.append(_finding(place, "an object", value))
            return
        for name, required, check in rules:
            if name in value:
                check(value[name], (place, name), found)
            elif required:
                found.append(Finding(_path((place, name)), "is required", "missing"))

    return rule


def _with_rules_of(kind: type[msgspec.Struct], fields: Rule) -> Rule:
    """A struct with rules between its fields, which are looked at when each of them is fine."""

    def rule(value: Any, place: Place, found: list[Finding]) -> None:
        before = len(found)
        fields(value, place, found)
        if len(found) > before:
            return
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            match error.__cause__:
                case Broken() as broken if broken.field in value:
                    found.append(_finding((place, broken.field), broken.rule, value[broken.field]))
                case Broken() as broken:
                    found.append(Finding(_path((place, broken.field)), broken.rule, "missing"))
                case reason:
                    found.append(_finding(place, str(reason or error), value))

    return rule


def _list(node: inspect.ListType) -> Rule:
    itself = _leaf(_is(list, "a list"), *_size(node, ""))
    check = _rule(node.item_type)

    def rule(value: Any, place: Place, found: list[Finding]) -> None:
        itself(value, place, found)
        if type(value) is list:
            for at, each in enumerate(value):
                if len(found) >= MOST:
                    break
                check(each, (place, at), found)

    return rule


def _or_null(check: Rule) -> Rule:
    def rule(value: Any, place: Place, found: list[Finding]) -> None:
        if value is not None:
            check(value, place, found)

    return rule


def _leaf(*tests: _Test) -> Rule:
    """The first test that fails makes the finding: each may count on those before it."""

    def rule(value: Any, place: Place, found: list[Finding]) -> None:
        for holds, words in tests:
            if not holds(value):
                found.append(_finding(place, words, value))
                break

    return rule


def _tests(node: inspect.Type) -> tuple[_Test, ...]:
    """What has to be true of a value that is no object and no list."""
    match node:
        case inspect.Metadata(type=inspect.StrType() as text, extra=extra, extra_json_schema=schema):
            return _text(text, is_ci=CI in (extra or {}), form=(schema or {}).get("description"))
        case inspect.StrType():
            return _text(node)
        case inspect.EnumType(cls=cls):
            return _name(cls)
        case inspect.IntType():
            return _is(int, "an integer"), *_bounds(node)
        case inspect.FloatType():
            return (_is_number, "a number"), *_bounds(node)
        case inspect.UnionType(types=types):
            return (_either(types),)
    try:
        return _SIMPLE[type(node)]
    except KeyError:
        raise TypeError(f"no object of OCPI holds {node}") from None


def _text(node: inspect.StrType, *, is_ci: bool = False, form: str | None = None) -> tuple[_Test, ...]:
    printable = (_is_printable_ascii, "printable ASCII") if is_ci else (_is_printable, "printable characters")
    tests = _is(str, "a string"), *_size(node, " characters"), printable
    if node.pattern is None:
        return tests
    matches = re.compile(node.pattern).search
    return *tests, (lambda value: matches(value) is not None, form or f"of the form {node.pattern}")


def _name(names: type[Enum]) -> tuple[_Test, ...]:
    if issubclass(names, OpenEnum):
        return _text(inspect.StrType())
    known = {each.value: each for each in names}
    return ((lambda value: type(value) is str and value in known, f"one of {', '.join(known)}"),)


def _either(nodes: Iterable[inspect.Type]) -> _Test:
    ways = [_tests(each) for each in nodes]
    words = " or ".join(tests[-1][1] for tests in ways)
    return lambda value: any(all(holds(value) for holds, _ in tests) for tests in ways), words


def _bounds(node: inspect.IntType | inspect.FloatType) -> list[_Test]:
    bounds = ((holds, words, getattr(node, name)) for name, holds, words in _BOUNDS)
    return [(partial(holds, bound), f"{words} {bound}") for holds, words, bound in bounds if bound is not None]


def _size(node: inspect.StrType | inspect.ListType, unit: str) -> tuple[_Test, ...]:
    low, high = node.min_length or 0, math.inf if node.max_length is None else node.max_length
    if low == high:
        words = f"exactly {low}{unit}"
    elif low and high < math.inf:
        words = f"{low} to {high}{unit}"
    elif low:
        words = f"at least {'one' if low == 1 else low}{unit}"
    else:
        words = f"at most {high}{unit}"
    return ((lambda value: low <= len(value) <= high, words),) if (low, high) != (0, math.inf) else ()


def _is(kind: type, words: str) -> _Test:
    return lambda value: type(value) is kind, words


def _is_number(value: Any) -> bool:
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:
        return False


def _is_printable(text: str) -> bool:
    return text.isprintable() or not _CONTROL.search(text)


def _is_printable_ascii(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _is_utc(value: Any) -> bool:
    try:
        return not msgspec.convert(value, datetime.datetime).utcoffset()
    except (msgspec.ValidationError, UnicodeEncodeError):
        return False


_SIMPLE: dict[type[inspect.Type], tuple[_Test, ...]] = {
    inspect.DateTimeType: ((_is_utc, "a DateTime in UTC"),),
    inspect.BoolType: (_is(bool, "true or false"),),
    inspect.AnyType: (),
    inspect.RawType: (),
}


def _finding(place: Place, rule: str, value: Any) -> Finding:
    return Finding(_path(place), rule, _got(value))


def _path(place: Place) -> str:
    path = ""
    while place is not None:
        place, step = place
        path = f"[{step}]{path}" if isinstance(step, int) else f".{step}{path}"
    return path.removeprefix(".") or "(body)"


def _got(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a number"
        case str():
            return f"a string of {len(value)} character{'' if len(value) == 1 else 's'}"
        case list():
            return f"a list of {len(value)}"
        case _:
            return "an object"
