"""Hypothesis makes JSON objects that follow a wire type, and takes from them what they can not do without."""

import datetime
import json
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from msgspec import inspect

from hub.ocpi.types import CI, OpenEnum

ASCII = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
PRINTABLE = st.characters(categories=["L", "N", "P", "S"], include_characters=" ")
UNKNOWN = st.sampled_from(
    ["null", "true", "0", "1.5", '""', '"text"', "[]", "[{}]", '{"id": "1", "deeper": {"last_updated": 7}}']
).map(json.loads)
LONGEST = 1_000
GREATEST = 2**31

_ENDS = ("Z", "", ".1Z", ".2", ".04Z", ".123Z", ".123", ".000Z", ".999")
_FIRST = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)


def objects(of: Any) -> SearchStrategy[Any]:
    """JSON values (dict, list, str, float, ...) that `of`, a wire type of any version, accepts.

    Optional fields are absent, there or null; DateTimes come in every form that OCPI allows; some objects have fields
    that nobody knows; an open enum has members of its own and others. Numbers have up to 4 decimals.
    """
    return _values(inspect.type_info(of))


def lacking(of: Any, value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every copy of a JSON value that lacks one field that `of` requires, after the path of that field."""
    yield from _lacking(inspect.type_info(of), value, path)


def _lacking(node: inspect.Type, value: Any, path: str) -> Iterator[tuple[str, Any]]:
    match node:
        case inspect.Metadata(type=inner) | inspect.UnionType(types=(inner, inspect.NoneType())):
            yield from _lacking(inner, value, path)
        case inspect.ListType(item_type=item) if value is not None:
            for at, each in enumerate(value):
                for where, less in _lacking(item, each, f"{path}[{at}]"):
                    yield where, [*value[:at], less, *value[at + 1 :]]
        case inspect.StructType(fields=fields) if value is not None:
            for field in (each for each in fields if each.encode_name in value):
                yield from _lacking_in(field, value, f"{path}.{field.encode_name}")


def _lacking_in(field: inspect.Field, value: dict[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    name = field.encode_name
    if field.required:
        yield where, {each: value[each] for each in value if each != name}
    for deeper, less in _lacking(field.type, value[name], where):
        yield deeper, value | {name: less}


def _values(node: inspect.Type, alphabet: SearchStrategy[str] = PRINTABLE) -> SearchStrategy[Any]:
    if isinstance(node, inspect.Metadata):
        return _values(node.type, ASCII if CI in (node.extra or {}) else PRINTABLE)
    if isinstance(node, inspect.StrType):
        return _texts(node, alphabet)
    return _MAKERS[type(node)](node)


def _lists(node: inspect.ListType) -> SearchStrategy[list[Any]]:
    least = node.min_length or 0
    most = least + 2 if node.max_length is None else min(least + 2, node.max_length)
    return st.lists(_values(node.item_type), min_size=least, max_size=most)


@cache
def _structs(cls: type) -> SearchStrategy[Any]:
    fields = inspect.type_info(cls).fields
    required = {each.encode_name: _values(each.type) for each in fields if each.required}
    optional = {each.encode_name: _values(each.type) for each in fields if not each.required}
    return st.fixed_dictionaries(required, optional=optional | {"x_nobody_knows": UNKNOWN})


@cache
def _enums(cls: type[StrEnum]) -> SearchStrategy[str]:
    named = st.sampled_from([each.value for each in cls])
    return named | st.sampled_from(["NEW", "X-custom_1"]) if issubclass(cls, OpenEnum) else named


def _texts(node: inspect.StrType, alphabet: SearchStrategy[str]) -> SearchStrategy[str]:
    least, most = node.min_length or 0, LONGEST if node.max_length is None else node.max_length
    if node.pattern is None:
        return st.text(alphabet, min_size=least, max_size=most) | st.just("X" * most)
    return _forms(node.pattern).filter(lambda text: least <= len(text) <= most)


@cache
def _forms(pattern: str) -> SearchStrategy[str]:
    return st.from_regex(pattern, fullmatch=True, alphabet=ASCII)


def _bounds(node: inspect.IntType | inspect.FloatType, scale: int) -> tuple[int, int]:
    """The least and the greatest integer that, divided by `scale`, `node` accepts."""
    least = node.gt * scale + 1 if node.gt is not None else (-GREATEST if node.ge is None else node.ge) * scale
    most = node.lt * scale - 1 if node.lt is not None else (GREATEST if node.le is None else node.le) * scale
    return int(least), int(most)


def _decimal(ten_thousandths: int) -> float:
    return ten_thousandths / 10_000


def _date_time(number: int) -> str:
    moment = _FIRST + datetime.timedelta(seconds=number * 307)  # up to 2082
    return f"{moment:%Y-%m-%dT%H:%M:%S}{_ENDS[number % len(_ENDS)]}"


_MAKERS: dict[type[inspect.Type], Callable[[Any], SearchStrategy[Any]]] = {
    inspect.StructType: lambda node: _structs(node.cls),
    inspect.ListType: _lists,
    inspect.UnionType: lambda node: st.one_of(_values(each) for each in node.types),
    inspect.NoneType: lambda _: st.none(),
    inspect.EnumType: lambda node: _enums(node.cls),
    inspect.LiteralType: lambda node: st.sampled_from(node.values),
    inspect.DateTimeType: lambda _: st.integers(0, 2**23).map(_date_time),
    inspect.IntType: lambda node: st.integers(*_bounds(node, 1)),
    inspect.FloatType: lambda node: st.integers(*_bounds(node, 1)) | st.integers(*_bounds(node, 10_000)).map(_decimal),
    inspect.BoolType: lambda _: st.booleans(),
    inspect.AnyType: lambda _: UNKNOWN,
    inspect.RawType: lambda _: UNKNOWN,
}
