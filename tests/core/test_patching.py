"""Pushes applied into the whole object: what they do not name stays as it was received (2.2.1, locations 8.2.2)."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.patching import NotKnown, Outdated, last_updated, part, patch, put
from hub.errors import BadRequest, InvalidParameters

EARLY, HELD, LATE = (f"2026-01-01T00:00:0{n}Z" for n in (1, 2, 3))

WHOLE = (
    b'{"country_code":"NL","id":"L1","unknown":{"a" : [ 1.0,1e3 , null ]},"name":null,"x":-0.0,'
    b'"evses":[{"uid":"E1","status":"AVAILABLE","power":11.50,"connectors":['
    b'{"id":"1","max_voltage": 230,"last_updated":"2026-01-01T00:00:02Z"},'
    b'{"id":"2","none":null,"last_updated":"2026-01-01T00:00:02Z"}'
    b'],"last_updated":"2026-01-01T00:00:02Z"},'
    b'{ "uid" : "E2" , "connectors" : [] , "last_updated" : "2026-01-01T00:00:02Z" }'
    b'],"last_updated":"2026-01-01T00:00:02Z","big":123456789012345678901234567890}'
)


def body(stamp=LATE, **fields):
    return json.dumps({**fields, "last_updated": stamp}).encode()


def stamps(whole):
    """last_updated of the location, its first EVSE, and that one's connectors."""
    location = json.loads(whole)
    evse = location["evses"][0]
    return [each["last_updated"] for each in (location, evse, *evse["connectors"])]


def test_a_put_of_the_object_replaces_it_byte_for_byte():
    new = b' { "id" : "L1", "n": 1.10, "last_updated" : "2026-01-01T00:00:01Z" } '
    assert put(WHOLE, (), new) == new


def test_a_patch_of_the_object_changes_what_it_names_and_nothing_else():
    changed = patch(WHOLE, (), b'{"name":"A\\u00e4", "new" : [ 1 ],"last_updated":"2026-01-01T00:00:03.5"}')
    expected = WHOLE.replace(b'"name":null', b'"name":"A\\u00e4"')
    expected = expected.replace(
        b'],"last_updated":"2026-01-01T00:00:02Z","big"', b'],"last_updated":"2026-01-01T00:00:03.5","big"'
    )
    assert changed == expected[:-1] + b',"new":[ 1 ]}'


def test_a_null_in_a_patch_is_kept_as_one():
    assert json.loads(patch(WHOLE, (), body(unknown=None)))["unknown"] is None


def test_a_patch_of_an_evse_changes_it_and_the_time_of_its_location():
    changed = patch(WHOLE, ("E1",), body(status="CHARGING"))
    expected = WHOLE.replace(b"AVAILABLE", b"CHARGING")
    head, tail = expected.split(b'],"last_updated":"2026-01-01T00:00:02Z"},')
    expected = head + b'],"last_updated":"2026-01-01T00:00:03Z"},' + tail
    head, tail = expected.split(b'"last_updated":"2026-01-01T00:00:02Z","big"')
    assert changed == head + b'"last_updated":"2026-01-01T00:00:03Z","big"' + tail
    assert stamps(changed) == [LATE, LATE, HELD, HELD]


def test_a_patch_of_a_connector_changes_the_time_of_its_evse_and_location():
    changed = patch(WHOLE, ("E1", "2"), body(tariff_ids=["15"]))
    assert json.loads(changed)["evses"][0]["connectors"][1] == {
        "id": "2", "none": None, "last_updated": LATE, "tariff_ids": ["15"]
    }  # fmt: skip
    assert stamps(changed) == [LATE, LATE, HELD, LATE]
    assert b'{"id":"1","max_voltage": 230,"last_updated":"2026-01-01T00:00:02Z"}' in changed
    assert b'{ "uid" : "E2" , "connectors" : [] , "last_updated" : "2026-01-01T00:00:02Z" }' in changed


def test_a_put_replaces_an_evse_in_its_place():
    new = b'{ "uid":"e1", "n": 1.0, "last_updated":"2026-01-01T00:00:03Z" }'
    changed = put(WHOLE, ("E1",), new)
    assert part(changed, ("E1",)) == new
    assert [each["uid"] for each in json.loads(changed)["evses"]] == ["e1", "E2"]
    assert part(changed, ("E2",)) == part(WHOLE, ("E2",))


@pytest.mark.parametrize("evses", [b'"evses":[],', b'"evses":null,', b""])
def test_a_put_adds_an_evse_and_then_a_connector(evses):
    whole = b'{"id":"L1",' + evses + b'"last_updated":"2026-01-01T00:00:02Z"}'
    whole = put(whole, ("E1",), body(uid="E1"))
    whole = put(whole, ("E2",), body(uid="E2"))
    whole = put(whole, ("E1", "1"), body("2026-01-01T00:00:04Z", id="1"))
    assert json.loads(whole) == {
        "id": "L1",
        "evses": [
            {"uid": "E1", "connectors": [{"id": "1", "last_updated": "2026-01-01T00:00:04Z"}],
             "last_updated": "2026-01-01T00:00:04Z"},
            {"uid": "E2", "last_updated": LATE},
        ],
        "last_updated": "2026-01-01T00:00:04Z",
    }  # fmt: skip


def test_the_time_of_a_parent_never_goes_back():
    whole = patch(WHOLE, ("E2",), body("2026-01-01T00:00:09Z"))
    whole = patch(whole, ("E1", "1"), body(LATE))
    assert stamps(whole) == ["2026-01-01T00:00:09Z", LATE, LATE, HELD]
    assert stamps(put(WHOLE, ("E1", "1"), body(EARLY, id="1"))) == [HELD, HELD, EARLY, HELD]


def test_the_time_of_a_parent_is_written_as_in_the_push():
    assert stamps(patch(WHOLE, ("E1", "1"), body("2026-01-01T00:00:02.001"))) == ["2026-01-01T00:00:02.001"] * 3 + [
        HELD
    ]


def test_a_parent_that_does_not_tell_its_time_gets_that_of_the_push():
    whole = put(WHOLE, ("E1",), body(uid="E1", connectors=[{"id": "1"}]).replace(LATE.encode(), EARLY.encode()))
    whole = whole.replace(b'"' + EARLY.encode() + b'"', b"null")
    assert json.loads(patch(whole, ("E1", "1"), body(EARLY)))["evses"][0]["last_updated"] == EARLY


@pytest.mark.parametrize("path", [(), ("E1",), ("e1",), ("E1", "1")])
@pytest.mark.parametrize("stamp", [EARLY, "2026-01-01T00:00:01.999", "2026-01-01T01:00:02+01:01"])
def test_a_patch_older_than_what_is_held_is_refused(path, stamp):
    with pytest.raises(Outdated, match="last_updated"):
        patch(WHOLE, path, body(stamp))


@pytest.mark.parametrize("path", [(), ("E1",), ("E1", "1")])
@pytest.mark.parametrize("stamp", [HELD, "2026-01-01T00:00:02", "2026-01-01T00:00:02.000Z"])
def test_a_patch_of_the_same_time_is_taken_over(path, stamp):
    assert json.loads(part(patch(WHOLE, path, body(stamp, status="X")), path))["status"] == "X"


def test_a_put_is_the_owners_word_also_when_it_is_older():
    assert json.loads(part(put(WHOLE, ("E1",), body(EARLY, uid="E1")), ("E1",)))["last_updated"] == EARLY


@pytest.mark.parametrize("path", [("E3",), ("E3", "1"), ("E1", "3"), ("E2", "1"), ("",)])
def test_a_patch_of_what_is_not_held_is_refused(path):
    with pytest.raises(NotKnown, match="is not known here; PUT it first"):
        patch(WHOLE, path, body())
    with pytest.raises(NotKnown, match="is not known here"):
        part(WHOLE, path)


def test_a_put_of_a_connector_needs_its_evse():
    with pytest.raises(NotKnown, match="'E3' is not known here; PUT it first"):
        put(WHOLE, ("E3", "1"), body(id="1"))


@pytest.mark.parametrize("change", [put, patch])
@pytest.mark.parametrize("path", [(), ("E1",), ("E1", "1")])
@pytest.mark.parametrize("stamp", [None, 5, "", "today", "2026-01-01", ["2026-01-01T00:00:03Z"]])
def test_a_push_has_to_tell_its_time(change, path, stamp):
    with pytest.raises(InvalidParameters, match=r"^body: last_updated"):
        change(WHOLE, path, body(stamp, id="1", uid="E1"))
    with pytest.raises(InvalidParameters, match=r"^body: last_updated is missing"):
        change(WHOLE, path, b"{}")


@pytest.mark.parametrize(("path", "field"), [(("E1",), "uid"), (("E9",), "uid"), (("E1", "1"), "id")])
@pytest.mark.parametrize("value", [None, "E2", 1])
def test_a_part_can_not_lose_its_id(path, field, value):
    with pytest.raises(InvalidParameters, match=f"^body: {field} has to be '{path[-1]}'"):
        put(WHOLE, path, body(**{field: value}))
    if path != ("E9",):
        with pytest.raises(InvalidParameters, match=f"^body: {field} has to be '{path[-1]}'"):
            patch(WHOLE, path, body(**{field: value}))


@pytest.mark.parametrize("wrong", [b"[]", b"1", b"null", b'"text"'])
def test_a_push_has_to_be_an_object(wrong):
    with pytest.raises(InvalidParameters, match=r"^body: Expected `object`"):
        patch(WHOLE, (), wrong)


@pytest.mark.parametrize("wrong", [b"", b"{", b'{"a":' + b"[" * 100_000, b'{"a":01}'])
def test_a_push_has_to_be_json(wrong):
    with pytest.raises(BadRequest):
        patch(WHOLE, (), wrong)


@pytest.mark.parametrize("evses", [b"{}", b'"E1"', b"[1]", b"[[]]"])
def test_a_held_object_that_is_not_as_ocpi_has_it_can_only_be_put_whole(evses):
    whole = b'{"id":"L1","evses":' + evses + b',"last_updated":"2026-01-01T00:00:02Z"}'
    for change in (put, patch):
        with pytest.raises(InvalidParameters, match=r"^the object that the hub holds"):
            change(whole, ("E1",), body(uid="E1"))
    assert put(whole, (), WHOLE) == WHOLE


def test_last_updated_in_milliseconds():
    assert last_updated(WHOLE) == 1767225602000


# Every JSON that a partner can send, as text that json.dumps would not write the same way.
numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)
scalars = st.one_of(
    numbers, st.sampled_from(["null", "true", "false", "[ ]", "{ }"]), st.text(max_size=5).map(json.dumps)
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda each: f"[ {' , '.join(each)}]"),
        st.dictionaries(st.text(max_size=4).map(json.dumps), inner, max_size=3).map(
            lambda each: "{" + ",".join(f"{key} : {value}" for key, value in each.items()) + " }"
        ),
    ),
    max_leaves=6,
)
names = st.text(max_size=6).filter(lambda name: name not in ("last_updated", "evses", "connectors", "uid", "id"))
fields = st.dictionaries(names, values, max_size=4)
times = st.integers(0, 59).map(lambda second: f"2026-01-01T00:00:{second:02}Z")


def written(own, stamp, **more):
    """JSON text of an object with these fields, their values already JSON."""
    every = {**own, **more, "last_updated": json.dumps(stamp)}
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in every.items()) + "}"


connectors = st.builds(lambda own, at: written(own, at, id='"1"'), fields, times)
evses = st.builds(lambda own, at, of: written(own, at, uid='"E1"', connectors=f"[{of}]"), fields, times, connectors)
others = st.builds(lambda own, at: written(own, at, uid='"E2"'), fields, times)
locations = st.builds(
    lambda own, at, *of: written(own, at, id='"L1"', evses=f"[{','.join(of)}]").encode(), fields, times, others, evses
)
paths = st.sampled_from([(), ("E1",), ("E1", "1")])


def raw(data):
    return {name: bytes(value) for name, value in msgspec.json.decode(data, type=dict[str, msgspec.Raw]).items()}


def unstamped(data, without=()):
    return {name: value for name, value in raw(data).items() if name not in ("last_updated", *without)}


@settings(max_examples=40)
@given(whole=locations, path=paths, change=fields, at=times)
def test_whatever_is_patched_all_else_stays_byte_for_byte(whole, path, change, at):
    push = written(change, at).encode()
    before = part(whole, path)
    if last_updated(before) > last_updated(push):
        with pytest.raises(Outdated):
            patch(whole, path, push)
        return
    after = patch(whole, path, push)
    assert raw(part(after, path)) == {**raw(before), **raw(push)}
    assert list(raw(part(after, path))) == list({**raw(before), **raw(push)})
    assert part(after, ("E2",)) == part(whole, ("E2",))
    for depth, below in enumerate(("evses", "connectors")[: len(path)]):
        parent, then = part(whole, path[:depth]), part(after, path[:depth])
        assert list(raw(then)) == list(raw(parent))
        assert unstamped(then, [below]) == unstamped(parent, [below])
        assert last_updated(then) == max(last_updated(parent), last_updated(push))


@settings(max_examples=40)
@given(whole=locations, path=paths, own=fields, at=times)
def test_whatever_is_put_comes_back_byte_for_byte(whole, path, own, at):
    ids = {"uid": '"E1"'} if len(path) == 1 else {"id": '"1"'}
    push = written(own, at, **ids).encode()
    after = put(whole, path, push)
    assert part(after, path) == push
    assert put(after, path, push) == after
    if path:
        assert part(after, ("E2",)) == part(whole, ("E2",))
        assert last_updated(after) == max(last_updated(whole), last_updated(push))


@settings(max_examples=40)
@given(whole=locations, path=paths, changes=st.lists(st.tuples(fields, times), max_size=4))
def test_patches_in_any_order_end_with_the_latest(whole, path, changes):
    """A PATCH that comes late is refused, so a field is always as the newest of those taken over had it."""
    model = raw(part(whole, path))
    for change, at in changes:
        push = written(change, at).encode()
        try:
            whole = patch(whole, path, push)
        except Outdated:
            assert last_updated(push) < last_updated(part(whole, path))
            continue
        model.update(raw(push))
    assert raw(part(whole, path)) == model
