"""The structs of PATCH bodies: what they need, what they may take away, and what stays whole."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.ocpi import v2_1_1, v2_2_1, v2_3_0
from hub.ocpi.check import Checker, Finding, findings
from hub.ocpi.partial import partial
from tests.ocpi.strategies import objects

NOW = "2026-01-31T12:00:00Z"
STRUCTS = [
    each
    for version in (v2_1_1, v2_2_1, v2_3_0)
    for name in version.__all__
    if issubclass(each := getattr(version, name), msgspec.Struct)
]
LocationPatch = partial(v2_2_1.Location)


def decoded(kind, **fields):
    return msgspec.json.decode(json.dumps(fields), type=kind)


def test_its_name_tells_what_it_is_a_patch_of():
    assert LocationPatch.__name__ == "LocationPatch"
    assert LocationPatch.__module__ == v2_2_1.Location.__module__
    assert "Location" in LocationPatch.__doc__


def test_it_is_made_once():
    assert partial(v2_2_1.Location) is LocationPatch
    assert partial(v2_2_1.Location, stamped=False) is not LocationPatch


@pytest.mark.parametrize("whole", STRUCTS, ids=lambda whole: f"{whole.__module__}.{whole.__name__}")
def test_it_has_the_fields_of_the_whole_and_needs_none_but_last_updated(whole):
    fields = msgspec.structs.fields(whole)
    for stamped in (True, False):
        of_patch = msgspec.structs.fields(partial(whole, stamped=stamped))
        assert [each.encode_name for each in of_patch] == [each.encode_name for each in fields]
        required = {each.name for each in of_patch if each.required}
        assert required == ({each.name for each in fields} & {"last_updated"} if stamped else set())


def test_what_is_absent_is_unset():
    patch = decoded(LocationPatch, last_updated=NOW)
    assert patch.name is msgspec.UNSET
    assert patch.publish is msgspec.UNSET
    assert json.loads(msgspec.json.encode(patch)) == {"last_updated": NOW}


def test_null_takes_away_what_is_optional_and_stays_null():
    patch = decoded(LocationPatch, last_updated=NOW, name=None, evses=None)
    assert patch.name is patch.evses is None
    assert json.loads(msgspec.json.encode(patch)) == {"last_updated": NOW, "name": None, "evses": None}


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("publish", "true or false"),
        ("city", "a string"),
        ("coordinates", "an object"),
        ("last_updated", "a DateTime in UTC"),
    ],
)
def test_null_does_not_take_away_what_is_required(field, rule):
    fields = {"last_updated": NOW, field: None}
    with pytest.raises(msgspec.ValidationError, match=field):
        decoded(LocationPatch, **fields)
    assert findings(fields, LocationPatch) == [Finding(field, rule, "null")]


def test_last_updated_is_required_from_2_2_1_on():
    fields = {"status": "CHARGING"}
    assert findings(fields, partial(v2_2_1.EVSE)) == [Finding("last_updated", "is required", "missing")]
    assert findings(fields, partial(v2_1_1.EVSE, stamped=False)) == []


def test_an_object_without_last_updated_is_patched_without():
    assert findings({}, partial(v2_2_1.DisplayText)) == []


def test_objects_inside_stay_whole():
    fields = {"last_updated": NOW, "coordinates": {"latitude": "51.047599"}, "evses": [{"status": "REMOVED"}]}
    assert [each.path for each in findings(fields, LocationPatch)] == [
        "coordinates.longitude",
        "evses[0].uid",
        "evses[0].connectors",
        "evses[0].last_updated",
    ]


def test_the_rules_of_a_field_stay():
    fields = {"last_updated": NOW, "uid": "x" * 37, "connectors": []}
    assert findings(fields, partial(v2_2_1.EVSE)) == [
        Finding("uid", "at most 36 characters", "a string of 37 characters"),
        Finding("connectors", "at least one", "a list of 0"),
    ]


@pytest.mark.parametrize("whole", [v2_1_1.Session, v2_2_1.Token, v2_3_0.Connector])
def test_any_part_of_a_whole_is_a_patch(whole):
    check = Checker(partial(whole)).check

    @settings(max_examples=10)
    @given(value=objects(whole), data=st.data())
    def holds(value, data):
        kept = data.draw(st.sets(st.sampled_from(sorted(value)))) | {"last_updated"}
        assert check(msgspec.json.encode({name: value[name] for name in kept})) == []

    holds()
