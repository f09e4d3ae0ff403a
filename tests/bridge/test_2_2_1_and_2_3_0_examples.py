"""What people would ask of the bridge between OCPI 2.2.1 and 2.3.0, one by one. Prices have a file of their own."""

from typing import Any

import pytest

from hub.bridge import CanNotBridge, convert
from hub.ocpi import v2_2_1, v2_3_0

TYPE_2 = {"id": "1", "standard": "IEC_62196_T2"}
NACS = {"id": "2", "standard": "SAE_J3400", "capabilities": ["ISO_15118_2_PLUG_AND_CHARGE"]}


def up(kind: str, value: Any, **how: Any) -> tuple[Any, list[str]]:
    return _told(kind, value, "2.2.1", "2.3.0", **how)


def down(kind: str, value: Any, **how: Any) -> tuple[Any, list[str]]:
    return _told(kind, value, "2.3.0", "2.2.1", **how)


def _told(kind: str, value: Any, source: str, target: str, **how: Any) -> tuple[Any, list[str]]:
    told = convert(kind, value, source, target, **how)
    return told.value, [loss.path for loss in told.losses]


def test_what_is_new_in_locations_is_named() -> None:
    location = {
        "id": "LOC1",
        "help_phone": "+31 20 1234567",
        "parking_places": [{"id": "P1"}],
        "evses": [
            {
                "uid": "E1",
                "parking": [{"parking_id": "P1"}],
                "accepted_service_providers": ["TNM"],
                "connectors": [TYPE_2 | {"capabilities": ["ISO_15118_2_PLUG_AND_CHARGE"]}],
            }
        ],
    }
    assert down("Location", location) == (
        {"id": "LOC1", "evses": [{"uid": "E1", "connectors": [TYPE_2]}]},
        [
            "evses[0].connectors[0].capabilities",
            "evses[0].parking",
            "evses[0].accepted_service_providers",
            "parking_places",
            "help_phone",
        ],
    )


def test_what_is_new_and_empty_is_no_loss() -> None:
    assert down("Location", {"help_phone": None, "parking_places": []}) == ({}, [])


def test_a_connector_of_a_new_kind_is_left_out_as_a_whole() -> None:
    assert down("EVSE", {"uid": "E1", "connectors": [NACS, TYPE_2]}) == (
        {"uid": "E1", "connectors": [TYPE_2]},
        ["connectors[0]"],
    )


def test_an_evse_with_no_other_connectors_is_left_out() -> None:
    location = {"id": "LOC1", "evses": [{"uid": "E1", "connectors": [NACS]}, {"uid": "E2", "connectors": [TYPE_2]}]}
    assert down("Location", location) == (
        {"id": "LOC1", "evses": [{"uid": "E2", "connectors": [TYPE_2]}]},
        ["evses[0]"],
    )


def test_a_location_with_no_other_evses_has_none() -> None:
    assert down("Location", {"id": "LOC1", "evses": [{"connectors": [NACS]}]}) == (
        {"id": "LOC1", "evses": []},
        ["evses[0]"],
    )


@pytest.mark.parametrize("is_patch", [False, True])
@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("Connector", NACS, "OCPI 2.2.1 has no word for its standard"),
        ("EVSE", {"connectors": [NACS]}, "none of its connectors can be told"),
        ("CDR", {"cdr_location": {"connector_standard": "MCS"}}, "cdr_location: OCPI 2.2.1 has no word for its conn"),
    ],
)
def test_what_can_not_be_told_at_all_is_refused(kind: str, value: Any, reason: str, is_patch: bool) -> None:
    with pytest.raises(CanNotBridge, match=reason) as refused:
        down(kind, value, partial=is_patch)
    assert "it takes a platform on OCPI 2.3.0" in str(refused.value)


def test_words_that_2_2_1_does_not_have_are_left_out_of_lists() -> None:
    evse = {"capabilities": ["RESERVABLE", "FLYING"], "parking_restrictions": ["TAXIS", "EV_ONLY", "TENANTS"]}
    assert down("EVSE", evse) == (
        {"capabilities": ["RESERVABLE"], "parking_restrictions": ["EV_ONLY"]},
        ["capabilities[1]", "parking_restrictions[0]", "parking_restrictions[2]"],
    )


def test_a_picture_or_a_token_of_a_new_kind_is_of_another() -> None:
    location = {"images": [{"category": "MAP"}], "publish_allowed_to": [{"type": "EMAID"}]}
    assert down("Location", location) == (
        {"images": [{"category": "OTHER"}], "publish_allowed_to": [{"type": "OTHER"}]},
        ["publish_allowed_to[0].type", "images[0].category"],
    )


def test_an_impact_of_a_new_kind_is_left_out() -> None:
    location = {"energy_mix": {"environ_impact": [{"category": "NOISE", "amount": 1}], "is_green_energy": True}}
    assert down("Location", location) == (
        {"energy_mix": {"environ_impact": [], "is_green_energy": True}},
        ["energy_mix.environ_impact[0]"],
    )


def test_a_patch_takes_away_what_is_no_longer_so() -> None:
    patch = {"parking_type": "ROOF", "help_phone": "112", "last_updated": "2026-01-01T00:00:00Z"}
    assert down("Location", patch, partial=True) == (
        {"parking_type": None, "last_updated": "2026-01-01T00:00:00Z"},
        ["parking_type", "help_phone"],
    )


def test_a_patch_of_a_tariff_gets_no_default() -> None:
    # Only 2.1.1 knows it; it comes by 2.2.1.
    assert up("Tariff", {"currency": "EUR"}, partial=True) == ({"currency": "EUR"}, [])
    assert down("Tariff", {"currency": "EUR"}, partial=True) == ({"currency": "EUR"}, [])


@pytest.mark.parametrize("kind", ["StartSession", "ReserveNow", "AuthorizationInfo"])
def test_a_token_for_plug_and_charge_is_another_token(kind: str) -> None:
    assert down("Token", {"uid": "NLTNM1", "type": "EMAID"}) == ({"uid": "NLTNM1", "type": "OTHER"}, ["type"])
    assert down(kind, {"token": {"type": "EMAID"}}) == ({"token": {"type": "OTHER"}}, ["token.type"])
    assert down("Session", {"cdr_token": {"type": "EMAID"}}) == ({"cdr_token": {"type": "OTHER"}}, ["cdr_token.type"])


def test_what_a_booking_has_measured_is_left_out() -> None:
    energy = {"type": "ENERGY", "volume": 10}
    overtime = {"type": "RESERVATION_OVERTIME", "volume": 0.5}
    periods = [{"dimensions": [overtime, energy]}, {"dimensions": [overtime]}]
    assert down("CDR", {"booking_id": "B1", "charging_periods": periods}) == (
        {"charging_periods": [{"dimensions": [energy]}]},
        ["booking_id", "charging_periods[0].dimensions[0]", "charging_periods[1]"],
    )
    # A session may have no periods, a CDR may not.
    assert down("Session", {"charging_periods": periods[1:]}) == ({"charging_periods": []}, ["charging_periods[0]"])
    with pytest.raises(CanNotBridge, match="none of its charging_periods can be told"):
        down("CDR", {"charging_periods": periods[1:]})


@pytest.mark.parametrize("kind", ["ClientInfo", "CredentialsRole"])
def test_a_role_that_the_other_version_does_not_have_is_another_one(kind: str) -> None:
    assert up(kind, {"role": "HUB"}) == ({"role": "OTHER"}, ["role"])
    assert down(kind, {"role": "PTP"}) == ({"role": "OTHER"}, ["role"])
    assert down(kind, {"role": "NAP"}) == ({"role": "NAP"}, [])


def test_a_hub_is_named_beside_the_roles_in_2_3_0() -> None:
    hub = {"role": "HUB", "country_code": "NL", "party_id": "HUB"}
    emsp = {"role": "EMSP", "country_code": "DE", "party_id": "MSP"}
    told, losses = up("Credentials", {"roles": [emsp, hub]})
    assert told == {"roles": [emsp, hub | {"role": "OTHER"}], "hub_party_id": "NLHUB"}
    assert losses == ["roles[1].role"]
    assert up("Credentials", {"roles": [emsp]}) == ({"roles": [emsp]}, [])
    assert down("Credentials", told) == ({"roles": [emsp, hub | {"role": "OTHER"}]}, ["hub_party_id"])


def test_a_2_2_1_platform_with_a_module_of_2_3_0_has_it_as_that_says() -> None:
    for kind in ("Booking", "Terminal", "InvoiceReconciliationRecord"):
        assert up(kind, {"any": 1}) == down(kind, {"any": 1}) == ({"any": 1}, [])
    with pytest.raises(CanNotBridge, match=r"OCPI 2\.1\.1 has no Booking"):
        convert("Booking", {}, "2.3.0", "2.1.1")


def test_answers_to_charging_preferences_are_the_same_words() -> None:
    # They are text, and no object: nothing to be bridged.
    assert v2_2_1.ChargingPreferencesResponse is v2_3_0.ChargingPreferencesResponse
