"""The wire structs of OCPI 2.1.1 against what its tables say: fields, cardinalities, lengths, patterns, enums."""

import datetime
import enum
from typing import Any, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hub.ocpi.v2_1_1 as ocpi
from hub.ocpi.types import CI, OpenEnum, as_utc
from tests.ocpi.strategies import lacking, objects
from tests.ocpi.tables_v2_1_1 import (
    AT_LEAST_ONE,
    CODES,
    DATES,
    ENUMS,
    LENGTHS,
    MOMENT,
    POINTS,
    TABLES,
    TIMES,
    URL,
    URLS,
    filled,
    whole,
)

STRUCTS = [name for name in ocpi.__all__ if issubclass(getattr(ocpi, name), msgspec.Struct)]
OPEN = [name for name in ENUMS if issubclass(getattr(ocpi, name), OpenEnum)]
REQUIRED = [(name, field) for name, (required, _) in TABLES.items() for field in required]
OPTIONAL = [(name, field) for name, (_, optional) in TABLES.items() for field in optional]


def decode(name: str, content: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(content), type=getattr(ocpi, name))


def taken(spot: str, value: Any) -> bool:
    """Whether a whole object passes with this value in its field (`Location.city`); if not, the field is named."""
    name, field = spot.split(".")
    try:
        decode(name, whole(name) | {field: value})
    except msgspec.ValidationError as error:
        if f"$.{field}" not in str(error):
            raise
        return False
    return True


def test_every_type_has_its_table_here():
    assert sorted([*TABLES, *ENUMS]) == sorted(ocpi.__all__)
    assert sorted(TABLES) == sorted(STRUCTS)


@pytest.mark.parametrize("name", STRUCTS)
def test_a_whole_object_comes_out_as_it_went_in(name):
    struct = decode(name, whole(name))
    assert struct.__struct_fields__ == struct.__struct_encode_fields__
    assert set(struct.__struct_fields__) == set(whole(name))
    assert msgspec.json.decode(msgspec.json.encode(struct)) == whole(name)


@pytest.mark.parametrize("name", STRUCTS)
def test_what_is_required_is_enough_and_unknown_fields_are_passed_over(name):
    required = {field: filled(value) for field, value in TABLES[name][0].items()}
    assert msgspec.json.decode(msgspec.json.encode(decode(name, required | {"nl_cpo_x": [None]}))) == required


@pytest.mark.parametrize(("name", "field"), REQUIRED)
def test_a_required_field_is_neither_left_out_nor_null(name, field):
    content = whole(name)
    del content[field]
    with pytest.raises(msgspec.ValidationError, match=f"missing required field `{field}`"):
        decode(name, content)
    assert not taken(f"{name}.{field}", None)


@pytest.mark.parametrize(("name", "field"), OPTIONAL)
def test_an_optional_field_is_left_out_or_null(name, field):
    content = whole(name)
    del content[field]
    assert decode(name, content) == decode(name, whole(name) | {field: None}) != decode(name, whole(name))


@pytest.mark.parametrize(("name", "field"), REQUIRED + OPTIONAL)
def test_a_field_refuses_another_kind_of_value(name, field):
    value = whole(name)[field]
    others = [{"x": 1}] if isinstance(value, list) else [["x"]]
    others += ["yes", 1] if isinstance(value, bool) else [True]
    others += ["ten"] if isinstance(value, int | float) else []
    assert not any(taken(f"{name}.{field}", other) for other in others)


@pytest.mark.parametrize("spot", LENGTHS)
def test_a_string_has_a_longest_length(spot):
    assert taken(spot, "é" * LENGTHS[spot])
    assert not taken(spot, "é" * (LENGTHS[spot] + 1))


@pytest.mark.parametrize("field", ["evse_uids", "connector_ids"])
def test_a_string_in_a_list_has_a_longest_length(field):
    longest = {"evse_uids": 39, "connector_ids": 36}[field]
    assert taken(f"LocationReferences.{field}", ["x" * longest])
    assert not taken(f"LocationReferences.{field}", ["x", "x" * (longest + 1)])


@pytest.mark.parametrize("spot", CODES)
def test_a_code_has_one_length(spot):
    assert [n for n in range(6) if taken(spot, "X" * n)] == [CODES[spot]]


def test_a_country_has_three_letters_or_as_in_the_examples_two():
    assert [n for n in range(6) if taken("Location.country", "X" * n)] == [2, 3]


@pytest.mark.parametrize("spot", URLS)
def test_a_url_is_absolute_and_not_too_long(spot):
    assert taken(spot, "https://x/" + "y" * 245)
    assert not any(taken(spot, bad) for bad in ("https://x/" + "y" * 246, "/ocpi/versions", "https://x/ y", ""))


@pytest.mark.parametrize("spot", TIMES)
def test_a_time_of_day(spot):
    assert all(taken(spot, good) for good in ("00:00", "19:59", "23:59"))
    assert not any(taken(spot, bad) for bad in ("24:00", "8:00", "08:60", "08:00:00", "08:00\n", ""))


@pytest.mark.parametrize("spot", DATES)
def test_a_date(spot):
    assert taken(spot, "2015-12-24")
    assert not any(taken(spot, bad) for bad in ("2015-13-01", "2015-1-1", "24-12-2015", "2015-12-24T00:00:00Z", ""))


@pytest.mark.parametrize("name", POINTS)
def test_a_point_has_six_decimals(name):
    assert all(taken(f"{name}.latitude", good) for good in ("-12.123456", "1.123456"))
    assert all(taken(f"{name}.longitude", good) for good in ("-126.123456", "1.123456"))
    for field, long in (("latitude", "126.123456"), ("longitude", "1126.123456")):
        bad = (long, "1.12345", "1.1234567", "1,123456", "1", "+1.123456", "1.123456\n", 1.123456)
        assert not any(taken(f"{name}.{field}", each) for each in bad)


def test_a_token_is_printable_and_without_blanks():
    assert all(taken("Credentials.token", good) for good in ("t", "!~" * 32))
    assert not any(taken("Credentials.token", bad) for bad in ("", "x" * 65, "a b", "é", "t\n"))


def test_a_share_is_at_most_all():
    assert [n for n in (-0.1, 0, 35.9, 100, 100.1) if taken("EnergySource.percentage", n)] == [0, 35.9, 100]


def test_whole_numbers_in_their_bounds():
    assert [day for day in range(-1, 10) if taken("RegularHours.weekday", day)] == [1, 2, 3, 4, 5, 6, 7]
    for spot in ("Image.width", "Image.height"):
        assert [n for n in (-1, 0, 99_999, 100_000) if taken(spot, n)] == [0, 99_999]
    ints = ["Connector.voltage", "Connector.amperage", "PriceComponent.step_size", "ReserveNow.reservation_id"]
    ints += ["TariffRestrictions.min_duration", "TariffRestrictions.max_duration"]
    assert not any(taken(spot, bad) for spot in ints for bad in (1.5, "16"))


@pytest.mark.parametrize("spot", AT_LEAST_ONE)
def test_a_list_that_must_hold_one(spot):
    assert not taken(spot, [])


@pytest.mark.parametrize(
    ("name", "field"), [(name, at) for name, at in OPTIONAL if isinstance(TABLES[name][1][at], list)]
)
def test_an_optional_list_may_be_empty(name, field):
    assert taken(f"{name}.{field}", [])


@pytest.mark.parametrize("name", ENUMS)
def test_an_enum_has_the_values_of_its_table(name):
    listed: enum.EnumMeta = getattr(ocpi, name)
    assert [each.value for each in listed] == ENUMS[name].split()
    assert all(msgspec.convert(each, listed).value == each for each in ENUMS[name].split())
    assert name == "VersionNumber" or list(listed.__members__) == ENUMS[name].split()


@pytest.mark.parametrize("name", sorted(set(ENUMS) - set(OPEN)))
def test_an_enum_refuses_the_rest(name):
    for bad in ("", "WHAT", ENUMS[name].split()[0].lower(), 1, None):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(bad, getattr(ocpi, name))


def test_only_versions_and_modules_may_be_unknown():
    assert OPEN == ["ModuleID", "VersionNumber"]
    assert decode("Version", {"version": "2.3.0", "url": URL}).version == "2.3.0"
    assert decode("Endpoint", {"identifier": "nlcpo-parking", "url": URL}).identifier == "nlcpo-parking"


@pytest.mark.parametrize(
    ("spot", "value"),
    [
        ("Token.type", "APP_USER"),
        ("Token.type", "AD_HOC_USER"),
        ("Session.auth_method", "COMMAND"),
        ("Session.status", "RESERVATION"),
        ("Connector.power_type", "AC_2_PHASE"),
        ("Connector.standard", "GBT_DC"),
        ("CdrDimension.type", "RESERVATION_TIME"),
        ("CommandResponse.result", "FAILED"),
        ("Location.type", "ALONG_MOTORWAY"),
        ("EVSE.capabilities", ["CHARGING_PREFERENCES_CAPABLE"]),
        ("Location.facilities", ["BIKE_SHARING"]),
    ],
)
def test_a_value_of_a_later_version_is_refused(spot, value):
    assert not taken(spot, value)


def test_a_price_is_a_number_or_as_in_an_example_its_text():
    assert all(taken("PriceComponent.price", good) for good in (2, 2.5, -0.5, "2.00", "-1", "0"))
    assert not any(taken("PriceComponent.price", bad) for bad in ("", "two", "2,00", "2.", ".5", "1e3", "2.00\n"))


@pytest.mark.parametrize(
    "written", ["2026-03-04T05:06:07", "2026-03-04T05:06:07Z", "2026-03-04T05:06:07.000", "2026-03-04T05:06:07.000Z"]
)
def test_a_moment_is_utc_with_or_without_z(written):
    moment = decode("ExceptionalPeriod", {"period_begin": written, "period_end": MOMENT}).period_begin
    assert as_utc(moment) == datetime.datetime(2026, 3, 4, 5, 6, 7, tzinfo=datetime.UTC)


@pytest.mark.parametrize("written", ["2026-03-04", "05:06:07", "2026-13-04T05:06:07Z", "now", 1772600767, ""])
def test_what_is_no_moment(written):
    assert not taken("Token.last_updated", written)


def test_a_finding_names_its_path():
    session = whole("Session")
    session["location"]["evses"][0]["connectors"].append(whole("Connector") | {"format": "PLUG"})
    with pytest.raises(msgspec.ValidationError, match=r"\$\.location\.evses\[0\]\.connectors\[1\]\.format"):
        decode("Session", session)


def test_only_the_id_of_a_cdr_is_a_cistring():
    marked = [
        f"{name}.{field}"
        for name in STRUCTS
        for field, hint in get_type_hints(getattr(ocpi, name), include_extras=True).items()
        if repr(CI) in repr(hint)
    ]
    assert marked == ["CDR.id"]


@pytest.mark.parametrize("name", STRUCTS)
@given(data=st.data())
@settings(max_examples=25)
def test_generated_objects_decode_and_nothing_required_may_go(name, data):
    content = data.draw(objects(getattr(ocpi, name)))
    decode(name, content)
    for _path, less in lacking(getattr(ocpi, name), content):
        with pytest.raises(msgspec.ValidationError):
            decode(name, less)
