"""The validator: every rule with its finding, the quick way against the authority, and bodies that are no JSON."""

import copy
import json
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import BadRequest
from hub.ocpi import types, v2_1_1, v2_2_1, v2_3_0
from hub.ocpi.check import Checker, Finding, describe, findings
from hub.ocpi.rules import rule_of
from tests.ocpi.strategies import lacking, objects

NOW = "2026-01-31T12:00:00Z"
SECRET = "S3CRET-t0ken"


class Colour(StrEnum):
    RED = "RED"
    BLUE = "BLUE"


class Plug(types.OpenEnum):
    TYPE_2 = "TYPE_2"


class Part(types.Object, kw_only=True):
    id: Annotated[str, types.ci(8)]
    note: Annotated[str, types.text(20)] | None = None


class Thing(types.Object, kw_only=True):
    id: Annotated[str, types.ci(8)]
    name: Annotated[str, types.text(20)] | None = None
    currency: types.Currency | None = None
    key: Annotated[str, msgspec.Meta(min_length=2, max_length=4)] | None = None
    long: Annotated[str, msgspec.Meta(min_length=3)] | None = None
    opens: types.TimeOfDay | None = None
    price: Annotated[str, msgspec.Meta(pattern=r"^[0-9]+\Z", description="digits")] | None = None
    colour: Colour | None = None
    plug: Plug | None = None
    at: types.DateTime | None = None
    count: Annotated[int, msgspec.Meta(ge=1, lt=8)] | None = None
    volume: Annotated[float, msgspec.Meta(gt=0, le=100)] | None = None
    total: types.Number | None = None
    either: types.Number | types.TimeOfDay | None = None
    number_or_id: int | Annotated[str, types.ci(8)] | None = None
    valid: bool | None = None
    anything: Any = None
    raw: msgspec.Raw = msgspec.Raw(b"")
    tags: list[Annotated[str, types.ci(3)]] | None = None
    parts: Annotated[list[Part], types.AT_LEAST_ONE] | None = None
    part: Part | None = None


CHECKER = Checker(Thing)
CONTROLS = ["\x00", "\n", "\t", "\x1f", "\x7f", "\x80", "\x85", "\x9f", "\ud800", "\udfff"]
UTC = "a DateTime in UTC"
TIME = "a time of day, as 08:30"

WRONG = [
    ("id", None, "a string", "null"),
    ("id", 12, "a string", "an integer"),
    ("id", 1.5, "a string", "a number"),
    ("id", True, "a string", "a boolean"),
    ("id", ["1"], "a string", "a list of 1"),
    ("id", {"id": "1"}, "a string", "an object"),
    ("id", "123456789", "at most 8 characters", "a string of 9 characters"),
    ("id", "Ä", "printable ASCII", "a string of 1 character"),
    ("id", "a\n", "printable ASCII", "a string of 2 characters"),
    ("name", "ü" * 21, "at most 20 characters", "a string of 21 characters"),
    *(("name", f"a{control}", "printable characters", "a string of 2 characters") for control in CONTROLS),
    ("currency", "EU", "exactly 3 characters", "a string of 2 characters"),
    ("key", "a", "2 to 4 characters", "a string of 1 character"),
    ("long", "", "at least 3 characters", "a string of 0 characters"),
    ("opens", "8:00", TIME, "a string of 4 characters"),
    ("price", "1.5", "digits", "a string of 3 characters"),
    ("colour", "red", "one of RED, BLUE", "a string of 3 characters"),
    ("colour", 1, "one of RED, BLUE", "an integer"),
    ("colour", ["RED"], "one of RED, BLUE", "a list of 1"),
    ("plug", 2, "a string", "an integer"),
    ("plug", "A\tB", "printable characters", "a string of 3 characters"),
    ("at", 1769860800, UTC, "an integer"),
    ("at", "2026-01-31", UTC, "a string of 10 characters"),
    ("at", "2026-02-30T12:00:00Z", UTC, "a string of 20 characters"),
    ("at", "2026-01-31T12:00:00+01:00", UTC, "a string of 25 characters"),
    ("at", "2026-01-31T12:00:00.5-0130", UTC, "a string of 26 characters"),
    ("at", "2026-01-31 12:00:00+00:01", UTC, "a string of 25 characters"),
    ("at", "2026-01-31t12:00:00-10:00", UTC, "a string of 25 characters"),
    ("at", "\ud800", UTC, "a string of 1 character"),
    ("count", 1.0, "an integer", "a number"),
    ("count", True, "an integer", "a boolean"),
    ("count", 0, "at least 1", "an integer"),
    ("count", 8, "less than 8", "an integer"),
    ("volume", "1", "a number", "a string of 1 character"),
    ("volume", 0, "more than 0", "an integer"),
    ("volume", 100.5, "at most 100", "a number"),
    ("total", False, "a number", "a boolean"),
    ("total", 10**400, "a number", "an integer"),
    ("total", float("inf"), "a number", "a number"),
    ("either", "noon", f"a number or {TIME}", "a string of 4 characters"),
    ("number_or_id", "Ä", "an integer or printable ASCII", "a string of 1 character"),
    ("valid", "true", "true or false", "a string of 4 characters"),
    ("valid", 1, "true or false", "an integer"),
    ("tags", "abc", "a list", "a string of 3 characters"),
    ("tags", {}, "a list", "an object"),
    ("parts", [], "at least one", "a list of 0"),
    ("part", [], "an object", "a list of 0"),
]

FINE = [
    {"name": None, "plug": None, "parts": None},
    {"name": "Gänsemarkt\u00a0🚗\u200d"},
    {"name": "", "id": " ~"},
    {"plug": "X-new, ü"},
    {"opens": "08:00", "currency": "EUR", "key": "ab", "long": "abc" * 99},
    {"at": "2026-01-31T12:00:00"},
    {"at": "2026-01-31T12:00:00.123"},
    {"at": "2026-01-31T12:00:00.2Z"},
    {"at": "2026-01-31T12:00:00+00:00"},
    {"count": 7, "volume": 100, "total": -(10**300)},
    {"either": 1, "number_or_id": 1},
    {"either": None, "number_or_id": "1", "name": "ü"},
    {"either": "08:00"},
    {"anything": [{"id": 3}, "\n"], "raw": {"id": "\n"}},
    {"unknown": [{"id": "\n\u0080"}, 10**5000], "other": None},
    {"tags": [], "parts": [{"id": "1", "note": "ü"}]},
]


def written(value):
    """A value as platforms write it: escaped, compact, wide with escaped slashes. [] where no JSON is that value."""
    try:
        wide = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2).encode()
    except ValueError:
        return []
    compact = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return [json.dumps(value).encode(), compact, wide.replace(b"/", b"\\/")]


@pytest.mark.parametrize(("field", "value", "rule", "got"), WRONG)
def test_each_rule_has_its_finding(field, value, rule, got):
    whole = {"id": "1", field: value}
    assert findings(whole, Thing) == [Finding(field, rule, got)]
    assert all(CHECKER.check(body) == [Finding(field, rule, got)] for body in written(whole))


@pytest.mark.parametrize("fields", FINE)
def test_what_the_rules_allow_is_fine(fields):
    value = {"id": "1"} | fields
    assert findings(value, Thing) == []
    assert all(CHECKER.check(body) == [] for body in written(value))


def test_a_path_leads_to_what_is_wrong():
    value = {"tags": ["abc", "abcd"], "parts": [{"id": "1"}, {"note": 5}, None], "part": {}}
    assert findings(value, Thing) == [
        Finding("id", "is required", "missing"),
        Finding("tags[1]", "at most 3 characters", "a string of 4 characters"),
        Finding("parts[1].id", "is required", "missing"),
        Finding("parts[1].note", "a string", "an integer"),
        Finding("parts[2]", "an object", "null"),
        Finding("part.id", "is required", "missing"),
    ]


def test_the_whole_body_has_a_name():
    assert findings([], Thing) == [Finding("(body)", "an object", "a list of 0")]
    assert findings({}, list[Thing]) == [Finding("(body)", "a list", "an object")]
    assert findings([{"id": 1}], list[Thing]) == [Finding("[0].id", "a string", "an integer")]


def test_there_are_100_findings_at_most():
    assert len(findings({"tags": [None] * 99}, Thing)) == 100
    assert len(findings({"tags": [None] * 1000, "part": {}}, Thing)) == 100


def test_nobody_looks_for_what_is_not_told():
    found: list[Finding] = []
    rule_of(list[list[Thing]])([[{}] * 90] * 1000, None, found)
    assert len(found) < 110


def test_what_no_object_of_ocpi_holds_is_refused_when_the_checker_is_made():
    with pytest.raises(TypeError, match="no object of OCPI holds"):
        Checker(dict[str, int])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"id": "1"} x',
        b'{"id": NaN}',
        b'{"id": "\n"}',
        b'{"id": "\\ud800"}',
        b'{"id": "\\ud800", "x": 1e999}',
        b'{"id": "\xff"}',
        b'{"id": "1", "unknown": "\xff"}',
        b'{"id": "1", "\xff": 1}',
        b'{"id": 5, "total": 1e999, "unknown": "\xff"}',
        b'{"total": 1e999, "id": "\xed\xa0\x80"}',
        b'{"id": 5, "unknown": 01}',
        b'\xef\xbb\xbf{"id": "1"}',
        b'{"id": "1", "unknown": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"id": "\xc3\xa4", "n": 1e999, "unknown": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_not_json_is_a_bad_request(body):
    with pytest.raises(BadRequest):
        CHECKER.check(body)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"id": "1", "total": 1e999}', [Finding("total", "a number", "a number")]),
        (b'{"id": "1", "total": -1e999}', [Finding("total", "a number", "a number")]),
        (b'{"id": "1", "total": ' + b"9" * 400 + b"}", [Finding("total", "a number", "an integer")]),
        (b'{"id": "1", "total": ' + b"9" * 5000 + b"}", [Finding("total", "a number", "a number")]),
        (b'{"id": 1e999}', [Finding("id", "a string", "a number")]),
        (b'{"id": "1", "unknown": 1e999}', []),
        (b'{"id": "1", "name": "\xc3\xa4", "unknown": 1e999}', []),
        (b'{"id": "\xc3\xa4", "unknown": 1e999}', [Finding("id", "printable ASCII", "a string of 1 character")]),
        (b'{"id": 1, "id": "1"}', []),
        (b'{"id": "1", "id": 1}', [Finding("id", "a string", "an integer")]),
        (b'{"\\u0069d": "1"}', []),
        (b'{"\\u0069d": "\xc3\xa4"}', [Finding("id", "printable ASCII", "a string of 1 character")]),
        (b'{"id": "\\u00e4"}', [Finding("id", "printable ASCII", "a string of 1 character")]),
        (b'{"id": "\\\\u00e4"}', []),
        (b'{"id": "\\/\\"\\\\"}', []),
        (b'{"id": "1", "name": "\\u0001"}', [Finding("name", "printable characters", "a string of 1 character")]),
        (b'{"id": "1", "name": "\x7f"}', [Finding("name", "printable characters", "a string of 1 character")]),
        (b'{"id": "1", "name": "\xc2\x85"}', [Finding("name", "printable characters", "a string of 1 character")]),
        (b'{"id": "1", "name": "\\ud83d\\ude00"}', []),
        (b'{"id": "1", "at": "2026-01-31T12:00:00\\u002b01:00"}', [Finding("at", UTC, "a string of 25 characters")]),
        (
            b'{"id": "1", "at": "2026-01-31\\u00201\\u0032:00:00-01:00"}',
            [Finding("at", UTC, "a string of 25 characters")],
        ),
        (b'{"id": "1", "name": "-31T12:00:00+01:00"}', []),
    ],
)
def test_bodies_that_look_harmless_or_wrong(body, found):
    assert CHECKER.check(body) == found


def test_a_plain_body_needs_no_closer_look():
    for body in (
        b'{"id": "1", "opens": "08:00", "at": "2026-01-31T12:00:00.5Z", "name": "+31-20-1234"}',
        b'{"id": "1", "at": "2026-01-31T12:00:00+00:00"}',
        b'{"id": "1", "name": "https:\\/\\/example.com", "parts": [{"id": "1"}]}',
        b'{"id": "1", "name": "G\xc3\xa4nsemarkt", "tags": ["a"]}',
        b'{"id": "1", "name": "G\\u00e4nsemarkt"}',
    ):
        assert CHECKER._is_fine(body, msgspec.json.decode(body, type=Thing))


def test_values_are_never_told():
    def spoilt(value):
        match value:
            case dict():
                yield SECRET
                yield value | {SECRET: SECRET}
                for name, each in value.items():
                    yield from (value | {name: other} for other in spoilt(each))
            case list():
                yield SECRET
                for at, each in enumerate(value):
                    yield from ([*value[:at], other, *value[at + 1 :]] for other in spoilt(each))
            case _:
                yield from (SECRET, SECRET * 99, [SECRET], {SECRET: SECRET}, f"{SECRET}\n", f"2026-{SECRET}")

    whole = {"id": "1", "parts": [{"id": "1", "note": "2"}], "tags": ["a"]} | dict.fromkeys(
        Thing.__struct_fields__[1:18]
    )
    for value in spoilt(whole):
        found = findings(value, Thing)
        assert SECRET not in repr(found) + describe(found)


LOSSLESS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(Thing.__struct_fields__), inner),
    max_leaves=12,
)
ANY = st.recursive(
    LOSSLESS | st.floats() | st.text(st.characters(categories=["Cs", "Cc", "Lu"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(Thing.__struct_fields__), inner),
)


@settings(max_examples=50)
@given(ANY)
def test_no_value_is_too_strange(value):
    for each in (value, {"id": value}, {"id": "1", "parts": value, "tags": value, "at": value, "colour": value}):
        assert findings(each, Thing) is not None
        assert len(describe(findings(each, Thing))) < 500


@given(st.binary(max_size=60) | LOSSLESS.map(lambda value: json.dumps({"id": "1", "name": value}).encode()[:-1]))
def test_no_bytes_are_too_strange(body):
    try:
        CHECKER.check(body)
    except BadRequest:
        return
    msgspec.json.decode(body, type=msgspec.Raw)


KINDS = [
    Thing,
    v2_1_1.CDR,
    v2_1_1.Tariff,
    v2_2_1.Location,
    v2_2_1.CDR,
    v2_2_1.Session,
    v2_2_1.Tariff,
    v2_2_1.Token,
    v2_2_1.Credentials,
    v2_3_0.Location,
    v2_3_0.Session,
    list[v2_2_1.Token],
]


def each_kind(holds):
    return pytest.mark.parametrize("kind", KINDS, ids=str)(holds)


SPOILERS = [
    lambda value, _: value + "x" if isinstance(value, str) else value,
    lambda value, _: value * 300 if isinstance(value, str) else value,
    lambda value, draw: value + draw(st.sampled_from(CONTROLS[:8])) if isinstance(value, str) else value,
    lambda value, draw: draw(st.sampled_from("äЖ漢🚗\u2028")) + value[1:] if isinstance(value, str) else value,
    lambda value, draw: (
        value.removesuffix("Z") + draw(st.sampled_from(["+02:00", "-0130", "+00:00", "-00:01"]))
        if isinstance(value, str)
        else value
    ),
    lambda value, draw: value[:10] + draw(st.sampled_from(" t_")) + value[11:] if isinstance(value, str) else value,
    lambda value, _: [] if isinstance(value, list) else value,
    lambda value, _: dict(list(value.items())[1:]) if isinstance(value, dict) else value,
    lambda value, draw: draw(st.sampled_from([None, True, 0, -1, 1.5, 10**20, "", "X", [], [None], {}])),
]


def spoil(value, draw):
    """A copy with something wrong somewhere (or, seldom, nothing)."""
    value = copy.deepcopy(value)
    places = []

    def walk(holder):
        for key, each in holder.items() if isinstance(holder, dict) else enumerate(holder):
            places.append((holder, key))
            if isinstance(each, dict | list):
                walk(each)

    walk(value)
    if places:
        holder, key = draw(st.sampled_from(places))
        holder[key] = draw(st.sampled_from(SPOILERS))(holder[key], draw)
    return value


@each_kind
def test_valid_objects_have_no_findings(kind):
    check = Checker(kind).check

    @settings(max_examples=8)
    @given(objects(kind))
    def holds(value):
        assert findings(value, kind) == []
        assert all(check(body) == [] for body in written(value))

    holds()


@each_kind
def test_a_required_field_that_is_missing_is_the_one_finding(kind):
    @settings(max_examples=5)
    @given(objects(kind))
    def holds(value):
        for path, less in lacking(kind, value):
            assert findings(less, kind) == [Finding(path.removeprefix("."), "is required", "missing")]

    holds()


@each_kind
def test_the_quick_way_never_disagrees_with_the_authority(kind):
    check = Checker(kind).check
    decoder = msgspec.json.Decoder(kind)

    @settings(max_examples=50)
    @given(objects(kind), st.data())
    def holds(value, data):
        value = spoil(value, data.draw)
        found = findings(value, kind)
        for body in written(value):
            assert check(body) == found
            try:
                decoder.decode(body)
            except msgspec.ValidationError:
                assert found

    holds()


def test_a_description_names_the_first_and_counts_the_rest():
    found = findings({"tags": ["abcd"], "parts": [], "part": {}, "valid": 1, "count": 9}, Thing)
    assert len(found) == 6
    assert describe(found[:1]) == "id: is required (missing)"
    assert describe(found, most=2) == ("id: is required (missing); count: less than 8 (an integer); and 4 more")
    assert describe(found).endswith("; and 3 more")


def test_a_description_is_short():
    found = [Finding("evses[100].connectors[100]." + "x" * 60, f"one of {', '.join(['LONG_NAME'] * 50)}", "null")] * 9
    told = describe(found, most=9)
    assert len(told) < 450
    assert told.endswith("; and 7 more")
    assert "LONG_NAME, ... (null)" in told
