"""Between OCPI 2.1.1 and 2.2.1: each rule for locations and tariffs once, in an example."""

from typing import Any

import pytest

from hub.bridge import CanNotBridge, Facts
from hub.bridge.countries import ALPHA_3
from tests.bridge.told import (
    NEW_CDR,
    NEW_CONNECTOR,
    NEW_EVSE,
    NEW_LOCATION,
    NEW_TOKEN,
    OLD_CONNECTOR,
    OLD_EVSE,
    OLD_LOCATION,
    down,
    up,
    without,
)


def test_a_location_gets_an_owner_and_what_is_required():
    told, lost = up("Location", OLD_LOCATION)
    assert told == NEW_LOCATION | {"time_zone": "#NA"}
    assert lost == []
    assert up("Location", OLD_LOCATION | {"time_zone": "Europe/Oslo"})[0]["time_zone"] == "Europe/Oslo"


def test_a_location_that_says_more_than_its_version_is_believed():
    assert up("Location", OLD_LOCATION | {"publish": False})[0]["publish"] is False


def test_without_an_owner_there_is_no_telling_whose_location_it_is():
    with pytest.raises(CanNotBridge, match="country_code and party_id"):
        up("Location", OLD_LOCATION, Facts())


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("Location", OLD_LOCATION | {"id": "x" * 37}),
        ("Location", OLD_LOCATION | {"evses": [OLD_EVSE | {"uid": "x" * 37}]}),
        ("LocationReferences", {"location_id": "L1", "evse_uids": ["E1", "x" * 37]}),
        ("UnlockConnector", {"location_id": "L1", "evse_uid": "x" * 37}),
        ("Session", {"auth_id": "DE-MSP-C1", "location": {"id": "x" * 37}}),
        ("CDR", {"auth_id": "DE-MSP-C1", "location": {"id": "L1", "evses": [{"uid": "x" * 37}]}}),
    ],
)
def test_an_id_that_is_too_long_is_refused_not_cut(kind, value):
    with pytest.raises(CanNotBridge, match="36 characters at most") as refusal:
        up(kind, value)
    assert "xxx" not in str(refusal.value)


def test_the_id_of_a_cdr_may_be_too_long_for_2_1_1():
    with pytest.raises(CanNotBridge, match=r"id: OCPI 2.1.1 has ids of 36 characters at most"):
        down("CDR", NEW_CDR | {"id": "x" * 37})


@pytest.mark.parametrize(("written", "told"), [("BE", "BEL"), ("BEL", "BEL"), ("XX", "XX"), (7, 7)])
def test_a_country_of_two_letters_gets_three(written, told):
    assert up("Location", OLD_LOCATION | {"country": written})[0]["country"] == told


def test_all_countries():
    assert len(ALPHA_3) == len(set(ALPHA_3.values())) == 249
    assert {ALPHA_3[each] for each in ("NL", "DE", "GB", "CH", "AX")} == {"NLD", "DEU", "GBR", "CHE", "ALA"}
    assert all(len(two) == 2 and len(three) == 3 for two, three in ALPHA_3.items())


@pytest.mark.parametrize(
    ("hours", "around_the_clock"),
    [({"regular_hours": [{"weekday": 1}]}, False), ({"regular_hours": []}, True), ({"exceptional_closings": []}, True)],
)
def test_hours_say_whether_they_are_all_hours(hours, around_the_clock):
    told, lost = up("Location", OLD_LOCATION | {"opening_times": hours})
    assert told["opening_times"] == hours | {"twentyfourseven": around_the_clock}
    assert lost == []


def test_a_kind_of_place_that_2_2_1_has_no_word_for():
    assert up("Location", OLD_LOCATION | {"type": "UNKNOWN"}) == (
        without(NEW_LOCATION, "parking_type") | {"time_zone": "#NA"},
        [],
    )
    assert up("Location", OLD_LOCATION | {"type": "OTHER"})[1] == ["type"]


def test_environmental_impact_has_a_category():
    mix = {"is_green_energy": True, "environ_impact": [{"source": "NUCLEAR_WASTE", "amount": 1}]}
    told, _ = up("Tariff", {"energy_mix": mix})
    assert told["energy_mix"]["environ_impact"] == [{"category": "NUCLEAR_WASTE", "amount": 1}]
    assert down("Tariff", told)[0]["energy_mix"] == mix


def test_what_2_1_1_has_no_word_for_in_a_location_is_named():
    evse = NEW_EVSE | {
        "capabilities": ["RFID_READER", "PED_TERMINAL", "UNLOCK_CAPABLE", "CHIP_CARD_SUPPORT"],
        "connectors": [
            NEW_CONNECTOR | {"power_type": "AC_2_PHASE", "tariff_ids": ["a", "b", "c"], "max_electric_power": 11000},
            NEW_CONNECTOR | {"standard": "NEMA_5_20"},
        ],
    }
    only_chinese = NEW_EVSE | {"connectors": [NEW_CONNECTOR | {"standard": "GBT_DC"}]}
    more = {"evses": [only_chinese, evse], "state": "NH", "parking_type": "ON_DRIVEWAY", "facilities": ["TRAM_STOP"]}
    told, lost = down("Location", NEW_LOCATION | more)
    assert told["evses"] == [
        OLD_EVSE
        | {
            "capabilities": ["RFID_READER", "UNLOCK_CAPABLE"],
            "connectors": [OLD_CONNECTOR | {"power_type": "AC_1_PHASE", "tariff_id": "a"}],
        }
    ]
    assert (told["type"], told["facilities"], "state" in told) == ("OTHER", [], False)
    assert sorted(lost) == [
        "evses[0]",
        "evses[1].capabilities[1]",
        "evses[1].capabilities[3]",
        "evses[1].connectors[0].max_electric_power",
        "evses[1].connectors[0].power_type",
        "evses[1].connectors[0].tariff_ids[1]",
        "evses[1].connectors[0].tariff_ids[2]",
        "evses[1].connectors[1]",
        "facilities[0]",
        "parking_type",
        "state",
    ]


def test_a_connector_that_2_1_1_has_no_word_for_is_refused_when_it_comes_alone():
    for kind, value in (
        ("Connector", NEW_CONNECTOR | {"standard": "GBT_DC"}),
        ("EVSE", NEW_EVSE | {"connectors": [NEW_CONNECTOR | {"standard": "GBT_DC"}]}),
    ):
        with pytest.raises(CanNotBridge, match=r"standard|connectors"):
            down(kind, value)


def test_a_location_that_may_not_be_published_is_no_location_of_2_1_1():
    for value, partial in ((NEW_LOCATION | {"publish": False}, False), ({"publish": False}, True)):
        with pytest.raises(CanNotBridge, match="publish: this location may not be published"):
            down("Location", value, partial=partial)


@pytest.mark.parametrize(
    ("written", "told", "is_lost"),
    [
        ("4.12345", "4.123450", False),
        ("-4.123456", "-4.123456", False),
        ("4.1234560", "4.123456", False),
        ("4.1234567", "4.123456", True),
        ("4.1", "4.1", False),
        (4.1, 4.1, False),
    ],
)
def test_degrees_have_six_decimals(written, told, is_lost):
    value, lost = down("EVSE", NEW_EVSE | {"coordinates": {"latitude": written}})
    assert value["coordinates"]["latitude"] == told
    assert lost == (["coordinates.latitude"] if is_lost else [])


def test_a_long_address_is_cut_and_a_missing_postal_code_is_empty():
    told, lost = down("Location", without(NEW_LOCATION, "postal_code") | {"address": "a" * 46})
    assert (told["address"], told["postal_code"], lost) == ("a" * 45, "", ["address"])


def test_a_time_zone_that_nobody_knows_is_left_out():
    told, lost = down("Location", NEW_LOCATION | {"time_zone": "#NA"})
    assert ("time_zone" in told, lost) == (False, [])


@pytest.mark.parametrize(
    ("kind", "value"),
    [("Location", NEW_LOCATION), ("Token", NEW_TOKEN), ("Tariff", {"country_code": "NL", "party_id": "CPO"})],
)
def test_owners_stay_in_objects_if_they_are_to(kind, value):
    owner = {"country_code", "party_id"}
    assert owner <= set(down(kind, value, Facts())[0])
    told, lost = down(kind, value, Facts(show_owner=False))
    assert (owner & set(told), lost) == (set(), [])


# Tariffs


def test_a_price_that_is_written_as_a_text_becomes_a_number():
    def tariff(price: object) -> dict[str, Any]:
        return {"elements": [{"price_components": [{"type": "TIME", "price": price, "step_size": 300}]}]}

    for written, price in (("2.00", 2.0), ("-1", -1.0), (2.5, 2.5), ("two", "two"), ("9" * 400, "9" * 400)):
        told, lost = up("Tariff", tariff(written))
        assert (told["elements"], lost) == (tariff(price)["elements"], [])


def test_an_element_that_holds_under_a_condition_unknown_to_2_1_1_is_left_out():
    component = {"type": "TIME", "price": 5.0, "step_size": 60}
    tariff = {
        "elements": [
            {"price_components": [component], "restrictions": {"reservation": "RESERVATION"}},
            {"price_components": [component | {"vat": 21}], "restrictions": {"min_kwh": 5, "min_current": None}},
        ],
        "type": "REGULAR",
        "max_price": {"excl_vat": 10},
    }
    told, lost = down("Tariff", tariff)
    assert told == {"elements": [{"price_components": [component], "restrictions": {"min_kwh": 5}}]}
    assert sorted(lost) == ["elements[0]", "elements[1].price_components[0].vat", "max_price", "type"]
    with pytest.raises(CanNotBridge, match="none of its elements can be told"):
        down("Tariff", tariff | {"elements": tariff["elements"][:1]})
