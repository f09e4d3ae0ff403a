"""Places of keys and values: never an error, never a wrong line."""

import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.config.spots import KeyPath, Span, Spots

PIECES = [
    "a",
    "b.c",
    '"a"',
    "'b'",
    "=",
    "=1",
    "= ",
    "1",
    "1.5",
    "\n",
    "\n",
    "\r\n",
    "[",
    "]",
    "[[a]]\n",
    "[b]\n",
    "{",
    "}",
]
PIECES += [
    ",",
    " ",
    "\t",
    "#",
    '"""',
    "'''",
    '"',
    "'",
    "\\",
    "é",
    "{a=1}",
    "[1,\n2]",
    '"x#y"',
    "a=1\n",
    "b='''\n=[\n'''\n",
]

bare_keys = st.text(alphabet="abcXYZ019_-", min_size=1, max_size=4)
quoted_keys = st.text(alphabet="ab .=[]#'\\\"", max_size=4).map(
    lambda name: '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
keys = bare_keys | quoted_keys
scalars = st.sampled_from(
    [
        "1",
        "-2.5",
        "true",
        '"x"',
        "'# ='",
        '"a\\"]["',
        '"""\n[x]\ny = 1\n""""',
        "'''\n[z]\n'''",
        "1979-05-27 07:32:00",
        "inf",
    ]
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ", # , ]\n ".join(items) + "]"),
        st.dictionaries(bare_keys, scalars.filter(lambda text: "\n" not in text), max_size=3).map(
            lambda items: "{ " + ", ".join(f"{key} = {value}" for key, value in items.items()) + " }"
        ),
    ),
    max_leaves=5,
)
statements = st.one_of(
    st.tuples(st.lists(keys, min_size=1, max_size=2).map(" . ".join), values).map(" = ".join),
    st.lists(keys, min_size=1, max_size=2).map(lambda names: f"[ {'.'.join(names)} ]"),
    keys.map(lambda name: f"[[{name}]]"),
    st.sampled_from(["", "# [comment] = 1", "   "]),
)


def walk(value: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in inner:
        yield (*path, step), item
        yield from walk(item, (*path, step))


def piece(text: str, span: Span) -> str:
    return text.split("\n")[span.line - 1][span.column - 1 : span.column - 1 + span.length]


def check_all(text: str) -> None:
    """Each key stands at its place, and each number or short text, too."""
    spots = Spots(text)
    for path, value in walk(tomllib.loads(text)):
        assert spots.has(path)
        key, shown = piece(text, spots.key(path)), piece(text, spots.value(path))
        if isinstance(path[-1], str):
            assert tomllib.loads(f"{key} = 1") == {path[-1]: 1}
        if isinstance(value, int | float):
            assert tomllib.loads(f"value = {shown}")["value"] == value


def accepted(text: str) -> bool:
    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return False
    return True


@given(st.lists(statements, max_size=8).map("\n".join).filter(accepted))
@example("a = 1\n[[b]]\nc = 1\n[[b]]\nc = 2\n[b.d]\ne = [ {f = 1}, {f = 2} ]")
def test_every_key_of_a_document_is_found(text: str):
    check_all(text)


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_every_key_of_odd_text_is_found(text: str):
    if accepted(text):
        check_all(text)
    else:
        Spots(text)


@given(st.text())
def test_any_text_is_read_without_an_error(text: str):
    spots = Spots(text)
    spots.defined_until(None)
    assert spots.key(("no such key",) * 2) is None or "no such key" in text


@given(st.data())
def test_lines_of_simple_keys(data: st.DataObject):
    """Each key is called after the line that it stands in."""
    lines: list[str] = []
    expected: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number in range(1, data.draw(st.integers(1, 15)) + 1 + 1):
        kind = data.draw(st.sampled_from(["key", "table", "blank", "multiline", "list"]))
        if kind == "table":
            table = (f"t{number}",)
            lines.append(f"[t{number}]")
            expected[table] = len(lines)
        elif kind == "blank":
            lines.append(f"# k{number} = 1")
        else:
            value = {"key": str(number), "multiline": '"""\n[t0]\nk0 = 1\n"""', "list": "[\n1, # ]\n\n2,\n]"}[kind]
            expected[(*table, f"k{number}")] = len(lines) + 1
            lines.extend(f"k{number} = {value}".split("\n"))
    spots = Spots("\n".join(lines))
    assert {path: spots.key(path).line for path in expected} == expected


def test_spans():
    spots = Spots('[ "a" . b ]\n  key = [1,\n    { x = "é", y = 2 },\n  ]\n')
    assert spots.key(("a",)) == Span(1, 3, 3)
    assert spots.key(("a", "b")) == Span(1, 9, 1)
    assert spots.key(("a", "b", "key")) == Span(2, 3, 3)
    assert spots.value(("a", "b", "key")) == Span(2, 9, 3)
    assert spots.value(("a", "b", "key", 0)) == Span(2, 10, 1)
    assert spots.value(("a", "b", "key", 1)) == Span(3, 5, 18)
    assert spots.value(("a", "b", "key", 1, "x")) == Span(3, 11, 3)
    assert spots.value(("a", "b", "key", 1, "y")) == Span(3, 20, 1)


@pytest.mark.parametrize("path", [("a", "b", "no"), ("a", "b", "key", 7), ("a", "b", "key", 0, "no")])
def test_what_is_not_there_is_at_what_would_hold_it(path: KeyPath):
    spots = Spots("[a.b]\nkey = [\n1]\n")
    assert spots.key(path).line == (3 if path[-2:] == (0, "no") else 2 if "key" in path else 1)
    assert not spots.has(path)


def test_nothing_is_found_in_nothing():
    spots = Spots("")
    assert spots.key(("a",)) is None
    assert spots.value(("a", "b")) is None
    assert spots.defined_until(None) == []


def test_deep_nesting_is_no_problem():
    Spots(f"a = {'[' * 2000}{']' * 2000}\nb = 1")
