"""Between OCPI 2.1.1 and 2.2.1: each rule for sessions, CDRs and PATCH bodies once, in an example."""

import pytest

from hub.bridge import CanNotBridge, Facts
from tests.bridge.told import (
    CDR_TOKEN,
    CPO,
    ENERGY,
    LATER,
    MOMENT,
    NEW_CDR,
    NEW_CONNECTOR,
    NEW_EVSE,
    NEW_LOCATION,
    NEW_SESSION,
    OLD_CDR,
    OLD_CONNECTOR,
    OLD_EVSE,
    OLD_LOCATION,
    OLD_SESSION,
    down,
    up,
    without,
)


def test_a_session_points_at_its_token_and_its_location():
    assert up("Session", OLD_SESSION) == (NEW_SESSION, ["location"])


def test_a_location_that_is_nothing_but_ids_is_not_lost():
    ids = {"id": "L1", "evses": [{"uid": "E1", "connectors": [{"id": "1"}], "images": []}], "name": None}
    assert up("Session", OLD_SESSION | {"location": ids}) == (NEW_SESSION, [])
    two = ids | {"evses": [*ids["evses"], {"uid": "E2"}]}
    assert up("Session", OLD_SESSION | {"location": two}) == (NEW_SESSION, ["location"])
    assert up("Session", OLD_SESSION | {"location": {"id": "L1"}}) == (
        NEW_SESSION | {"evse_uid": "#NA", "connector_id": "#NA"},
        [],
    )


def test_a_session_needs_its_token():
    with pytest.raises(CanNotBridge, match=r"auth_id: the token .* is not known to the hub; its eMSP has to send it"):
        up("Session", OLD_SESSION, Facts(owner=CPO))


def test_a_session_holds_the_location_that_the_hub_knows_cut_to_what_it_is_at():
    other = NEW_EVSE | {"uid": "E2"}
    connectors = [NEW_CONNECTOR | {"id": "2"}, NEW_CONNECTOR]
    location = NEW_LOCATION | {"evses": [other, NEW_EVSE | {"connectors": connectors}], "state": "NH"}
    told, lost = down("Session", NEW_SESSION | {"evse_uid": "e1"}, Facts(location=location, show_owner=False))
    assert told == OLD_SESSION | {"location": OLD_LOCATION | {"time_zone": "Europe/Amsterdam"}}
    assert lost == ["cdr_token"]


def test_a_session_is_told_also_where_the_location_is_not_published():
    told, _ = down("Session", NEW_SESSION, Facts(location=NEW_LOCATION | {"publish": False}))
    assert told["location"]["evses"] == [OLD_EVSE]


def test_a_session_needs_its_location():
    with pytest.raises(CanNotBridge, match=r"location_id: .* is not known to the hub; its CPO has to send it first"):
        down("Session", NEW_SESSION, Facts())


def test_an_evse_that_is_not_known_or_not_told_is_named():
    unknown = NEW_LOCATION | {"evses": [NEW_EVSE | {"uid": "E2"}]}
    chinese = NEW_LOCATION | {"evses": [NEW_EVSE | {"connectors": [NEW_CONNECTOR | {"standard": "GBT_DC"}]}]}
    for location in (unknown, chinese):
        told, lost = down("Session", NEW_SESSION, Facts(location=location))
        assert (told["location"]["evses"], lost) == ([], ["evse_uid", "connector_id", "cdr_token"])
    told, lost = down("Session", NEW_SESSION | {"connector_id": "9"})
    assert (told["location"]["evses"], lost) == ([OLD_EVSE], ["connector_id", "cdr_token"])
    told, lost = down("Session", NEW_SESSION | {"evse_uid": "#NA", "connector_id": "#NA"})
    assert (told["location"]["evses"], lost) == ([], ["cdr_token"])


def test_words_of_a_session_that_2_1_1_does_not_have():
    told, lost = down("Session", NEW_SESSION | {"status": "RESERVATION", "auth_method": "COMMAND"})
    assert (told["status"], told["auth_method"]) == ("PENDING", "AUTH_REQUEST")
    assert lost == ["cdr_token", "auth_method", "status"]


# PATCH


def test_a_patch_says_what_changed_and_is_stamped():
    assert up("EVSE", {"status": "CHARGING"}, partial=True) == ({"status": "CHARGING", "last_updated": LATER}, [])
    stamped = {"status": "CHARGING", "last_updated": MOMENT}
    assert up("EVSE", stamped, partial=True) == (stamped, [])
    with pytest.raises(CanNotBridge, match=r"last_updated: OCPI 2.2.1 requires it in a PATCH"):
        up("EVSE", {"status": "CHARGING"}, Facts(), partial=True)


def test_a_patch_takes_away_what_it_can_not_tell():
    patch = {"type": "OTHER", "name": None, "last_updated": MOMENT}
    assert up("Location", patch, partial=True) == (
        {"parking_type": None, "name": None, "last_updated": MOMENT},
        ["type"],
    )
    assert down("Connector", {"tariff_ids": []}, partial=True) == ({"tariff_id": None}, [])
    assert down("Location", {"time_zone": "#NA"}, partial=True) == ({"time_zone": None}, [])


def test_a_patch_that_takes_away_what_the_other_version_requires_says_the_default():
    assert down("Location", {"postal_code": None, "parking_type": None}, partial=True) == (
        {"postal_code": "", "type": "UNKNOWN"},
        [],
    )
    assert up("Location", {"time_zone": None}, partial=True)[0] == {"time_zone": "#NA", "last_updated": LATER}


def test_charging_periods_in_a_patch_mean_another_thing():
    patch = {"kwh": 3, "charging_periods": [{"start_date_time": MOMENT}], "last_updated": MOMENT}
    for way in (up, down):
        assert way("Session", patch, partial=True) == ({"kwh": 3, "last_updated": MOMENT}, ["charging_periods"])


def test_a_patch_of_a_session_with_another_token_or_location():
    patch = {"auth_id": "DE-MSP-C1", "location": OLD_LOCATION, "last_updated": MOMENT}
    assert up("Session", patch, partial=True) == (
        {
            "cdr_token": CDR_TOKEN,
            "location_id": "L1",
            "evse_uid": "E1",
            "connector_id": "1",
            "last_updated": MOMENT,
        },
        ["location"],
    )
    told, lost = down("Session", {"location_id": "L1", "evse_uid": "E1", "connector_id": "1"}, partial=True)
    assert (told["location"]["evses"], lost) == ([OLD_EVSE], [])
    with pytest.raises(CanNotBridge, match="location_id"):
        down("Session", {"evse_uid": "E1"}, Facts(), partial=True)


# CDRs


def test_a_cdr_keeps_where_it_was_and_names_the_rest():
    told, lost = up("CDR", OLD_CDR)
    assert told == NEW_CDR
    assert sorted(lost) == [
        "location.evses[0].connectors[0].amperage",
        "location.evses[0].connectors[0].last_updated",
        "location.evses[0].connectors[0].tariff_id",
        "location.evses[0].connectors[0].voltage",
        "location.evses[0].last_updated",
        "location.evses[0].status",
        "location.last_updated",
        "location.type",
    ]


def test_a_cdr_of_2_1_1_holds_a_location_made_of_what_is_known():
    told, lost = down("CDR", NEW_CDR | {"session_id": "s-1", "credit": True}, Facts(show_owner=False))
    connector = without(OLD_CONNECTOR, "tariff_id") | {"voltage": 0, "amperage": 0, "last_updated": LATER}
    evse = {"uid": "E1", "status": "UNKNOWN", "connectors": [connector], "last_updated": LATER}
    location = OLD_LOCATION | {"type": "UNKNOWN", "evses": [evse], "last_updated": LATER}
    assert told == OLD_CDR | {"location": location}
    assert lost == ["cdr_token", "session_id", "credit"]


def test_a_cdr_without_an_evse():
    told, _ = up("CDR", OLD_CDR | {"location": without(OLD_LOCATION, "evses")})
    place = told["cdr_location"]
    assert (place["evse_uid"], place["evse_id"], place["connector_id"]) == ("#NA", "#NA", "#NA")
    back, lost = down("CDR", told)
    assert (back["location"]["evses"], lost) == ([], ["cdr_token"])


def test_a_cdr_of_a_connector_that_2_1_1_has_no_word_for_is_still_a_cdr():
    place = NEW_CDR["cdr_location"]
    told, lost = down("CDR", NEW_CDR | {"cdr_location": place | {"connector_standard": "GBT_AC"}})
    assert told["location"]["evses"] == []
    assert [each for each in lost if each != "cdr_token"] == [
        "cdr_location.evse_uid",
        "cdr_location.connector_id",
        "cdr_location.connector_standard",
        "cdr_location.connector_format",
        "cdr_location.connector_power_type",
    ]
    told, lost = down("CDR", NEW_CDR | {"cdr_location": place | {"connector_power_type": "AC_2_PHASE"}})
    assert told["location"]["evses"][0]["connectors"][0]["power_type"] == "AC_1_PHASE"
    assert "cdr_location.connector_power_type" in lost


@pytest.mark.parametrize(("way", "cdr", "dimension"), [(up, OLD_CDR, "FLAT"), (down, NEW_CDR, "STATE_OF_CHARGE")])
def test_dimensions_without_a_word_are_left_out_and_periods_of_nothing_else(way, cdr, dimension):
    wordless = {"type": dimension, "volume": 1}
    periods = [
        {"start_date_time": MOMENT, "dimensions": [wordless]},
        {"start_date_time": LATER, "dimensions": [wordless, ENERGY]},
    ]
    told, lost = way("CDR", cdr | {"charging_periods": periods})
    assert told["charging_periods"] == [{"start_date_time": LATER, "dimensions": [ENERGY]}]
    assert [each for each in lost if "periods" in each] == ["charging_periods[0]", "charging_periods[1].dimensions[0]"]
    with pytest.raises(CanNotBridge, match="none of its charging_periods can be told"):
        way("CDR", cdr | {"charging_periods": periods[:1]})


def test_a_cost_is_without_vat():
    told, lost = down("CDR", NEW_CDR | {"total_cost": {"excl_vat": 2.5, "incl_vat": 3}, "total_time_cost": {}})
    assert told["total_cost"] == 2.5
    assert lost == ["cdr_token", "total_cost.incl_vat", "total_time_cost"]
