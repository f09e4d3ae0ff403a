"""For the tests of the bridge: whether tables fit the wire types, and whether just that is lost which is named."""

import copy
import re
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from msgspec import inspect

from hub.bridge.rules import Drop, Loss, Move, Only, Table, Within, Words
from hub.ocpi.types import OpenEnum
from tests.ocpi.strategies import objects

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def check_structure(
    table: Table, source: type[msgspec.Struct], target: type[msgspec.Struct], fine: Collection[str] = ()
) -> list[str]:
    """What a table forgets, each thing with its place (`Location.evses.uid: ...`); [] for nothing.

    Every field of the source has to have a place in the target or a rule, every required field of the target has to
    come from somewhere, every enum value has to have a word, and what is carried as it is has to fit: lengths, forms,
    bounds. `fine` are the places, or just their last names, that a test looks at by itself.
    """
    found = _of_structs(table, inspect.type_info(source), inspect.type_info(target), table.kind)
    places = ((each.partition(": ")[0], each) for each in found)
    return sorted(each for place, each in places if not {place, place.rpartition(".")[2]} & set(fine))


def survives(
    value: Any, back: Any, losses: Sequence[Loss], *, added: Collection[str] = (), chance: Collection[str] = ()
) -> None:
    """Asserts that of `value`, told in another version and back, all is there but what `losses` name, and only that.

    `added` are the names of fields that may come back where there were none. Those by the names in `chance` may come
    back as they were though they are lost, as there is a default for them.
    """
    paths = [loss.path for loss in losses]
    assert len(paths) == len(set(paths)), f"named twice: {paths}"
    left = copy.deepcopy(value)
    for path in paths:
        _take(left, path)
    _same(left, back, "", added, chance)


@cache
def scrambled(of: type[msgspec.Struct]) -> SearchStrategy[dict[str, Any]]:
    """Objects with the fields of `of`, and JSON of any kind in them: some or all of it is as it should be, or none."""
    names, words = _vocabulary(of)
    leaf = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40)
    leaf |= st.sampled_from(words) if words else st.nothing()
    key = st.sampled_from(names) | st.text(max_size=3)
    anything = st.recursive(leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(key, inner, max_size=4))
    own = st.sampled_from([field.encode_name for field in inspect.type_info(of).fields])
    wrong = st.dictionaries(own, anything, max_size=5)
    return wrong | st.builds(lambda right, wrong: right | wrong, objects(of), wrong)


class _Taken:
    """In the place of a value that is said to be lost."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _take(value: Any, path: str) -> None:
    steps = [name or int(index) for name, index in _STEP.findall(path)]
    try:
        for step in steps[:-1]:
            value = value[step]
        assert not isinstance(value[steps[-1]], _Taken)
        value[steps[-1]] = _Taken(value[steps[-1]])
    except (LookupError, TypeError):
        raise AssertionError(f"{path} is named, and is not there or is in what is named already") from None


def _same(left: Any, back: Any, at: str, added: Collection[str], chance: Collection[str]) -> None:
    name = at.rpartition(".")[2]
    if isinstance(left, _Taken):
        assert left.value != back or name in chance, f"{at} is named as lost, and is there: {back!r}"
    elif _is_nothing(left):
        assert _is_nothing(back) or name in added, f"{at} was not there: {back!r}"
    elif isinstance(left, dict):
        assert isinstance(back, dict), f"{at} became {back!r}"
        for each in left:
            _same(left[each], back.get(each), f"{at}.{each}", added, chance)
        more = {each for each in back if each not in left and each not in added and not _is_nothing(back[each])}
        assert not more, f"{at} has got {more}"
    elif isinstance(left, list):
        rest = [each for each in left if not isinstance(each, _Taken)]
        assert isinstance(back, list | None), f"{at} became {back!r}"
        assert len(rest) == len(back or []), f"{at}: {rest!r} became {back!r}"
        for index, each in enumerate(rest):
            _same(each, back[index], f"{at}[{index}]", added, chance)
    else:
        assert left == back, f"{at}: {left!r} became {back!r}"
        assert isinstance(left, bool) == isinstance(back, bool), at


def _is_nothing(value: Any) -> bool:
    return value is None or value == []


@cache
def _vocabulary(of: type[msgspec.Struct]) -> tuple[list[str], list[str]]:
    """The names of all fields, and the values of all enums, in a struct and those inside."""
    names: set[str] = set()
    words: set[str] = set()
    waiting: list[inspect.Type] = [inspect.type_info(of)]
    while waiting:
        match waiting.pop():
            case inspect.StructType(fields=fields):
                names.update(field.encode_name for field in fields)
                waiting += [field.type for field in fields]
            case inspect.Metadata(type=inner) | inspect.ListType(item_type=inner):
                waiting.append(inner)
            case inspect.UnionType(types=types):
                waiting += types
            case inspect.EnumType(cls=cls):
                words.update(each.value for each in cls)
    return sorted(names), sorted(words)


def _of_structs(table: Table, source: inspect.StructType, target: inspect.StructType, at: str) -> Iterator[str]:
    ours = {each.encode_name: each for each in source.fields}
    theirs = {each.encode_name: each for each in target.fields}
    used = {name for build in table.builds.values() for name in build.uses}
    yield from (f"{at}.{name}: no such field" for name in {*table.fields, *table.patches, *used} - set(ours))
    yield from (f"{at}.{name}: no such field to build" for name in set(table.builds) - set(theirs))
    there = {name for name, build in table.builds.items() if not build.patch}
    for name, field in ours.items():
        rule = table.fields.get(name)
        to = getattr(rule, "to", None) or name
        if isinstance(rule, Drop):
            if to in theirs and to not in table.builds:
                yield f"{at}.{name}: it is dropped, and the target has such a field"
        elif to in theirs and (rule is not None or name not in used):
            yield from _of_field(rule, field, theirs[to], f"{at}.{name}")
            if field.required:
                there.add(to)
        elif name not in used and not isinstance(rule, Only):
            yield f"{at}.{name}: the target has no {to}"
    required = {name for name, field in theirs.items() if field.required}
    yield from (f"{at}.{name}: the target requires it, and nothing makes it" for name in required - there)


def _of_field(
    rule: Only | Move | Within | Words | None, source: inspect.Field, target: inspect.Field, where: str
) -> Iterator[str]:
    ours, theirs = _bare(source.type), _bare(target.type)
    if isinstance(rule, Only | None) or (isinstance(rule, Move) and rule.how is None):
        yield from _of_types(source.type, target.type, where)
    elif isinstance(rule, Within):
        if isinstance(theirs, inspect.ListType):
            if theirs.min_length and not rule.needed and _may_be_lost(rule.table):
                yield f"{where}: the target needs one at least"
            ours, theirs = _bare(ours.item_type), _bare(theirs.item_type)
        yield from _of_structs(rule.table, ours, theirs, where)
    elif isinstance(rule, Words):
        is_list = isinstance(ours, inspect.ListType)
        if is_list:
            ours, theirs = _bare(ours.item_type), _bare(theirs.item_type)
        yield from _of_words(rule, ours.cls, theirs, where)
        if target.required and not is_list and not rule.needed and not rule.otherwise and None in rule.words.values():
            yield f"{where}: the target requires it, and a word may be lost"


def _may_be_lost(table: Table) -> bool:
    return table.first is not None or any(getattr(rule, "needed", False) for rule in table.fields.values())


def _of_words(rule: Words, ours: type, theirs: inspect.Type, where: str) -> Iterator[str]:
    known = {each.value for each in ours}
    if unknown := set(rule.words) - known:
        yield f"{where}: the source has no word {unknown}"
    if isinstance(theirs, inspect.EnumType) and not issubclass(theirs.cls, OpenEnum):
        words = {each.value for each in theirs.cls}
        told = {rule.words.get(each, each) for each in known} - {None}
        told = told & rule.among if rule.among is not None else told
        if wrong := (told | ({rule.otherwise} if rule.otherwise else set())) - words:
            yield f"{where}: the target has no word {wrong}"


def _of_types(source: inspect.Type, target: inspect.Type, where: str) -> Iterator[str]:
    ours, theirs = _bare(source), _bare(target)
    match ours, theirs:
        case inspect.StructType(), inspect.StructType():
            yield from _of_structs(Table(where, "", ""), ours, theirs, where)
        case inspect.ListType(), inspect.ListType():
            if (theirs.min_length or 0) > (ours.min_length or 0):
                yield f"{where}: the target needs more of them"
            yield from _of_types(ours.item_type, theirs.item_type, where)
        case inspect.EnumType(), inspect.EnumType():
            yield from _of_words(Words(), ours.cls, theirs, where)
        case inspect.StrType(), inspect.StrType():
            yield from _of_texts(ours, theirs, where)
        case inspect.IntType() | inspect.FloatType(), inspect.IntType() | inspect.FloatType():
            if (theirs.ge, theirs.le) not in ((None, None), (ours.ge, ours.le)):
                yield f"{where}: it may be out of bounds in the target"
            if isinstance(ours, inspect.FloatType) and isinstance(theirs, inspect.IntType):
                yield f"{where}: it may be no whole number"
        case _ if type(ours) is not type(theirs):
            yield f"{where}: {type(ours).__name__} is no {type(theirs).__name__}"


def _of_texts(ours: inspect.StrType, theirs: inspect.StrType, where: str) -> Iterator[str]:
    if theirs.max_length is not None and (ours.max_length is None or ours.max_length > theirs.max_length):
        yield f"{where}: it may be too long for the target"
    if (theirs.min_length or 0) > (ours.min_length or 0):
        yield f"{where}: it may be too short for the target"
    if theirs.pattern not in (None, ours.pattern):
        yield f"{where}: it may not have the form that the target wants"


def _bare(node: inspect.Type) -> inspect.Type:
    """A type without what is beside it: null, and notes on strings."""
    match node:
        case inspect.Metadata(type=inner) | inspect.UnionType(types=(inner, inspect.NoneType())):
            return _bare(inner)
    return node
