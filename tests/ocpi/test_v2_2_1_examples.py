"""The examples of the OCPI 2.2.1 specification: each decodes as what it is, and not without what is required."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from hub.ocpi import v2_2_1 as ocpi
from hub.ocpi.partial import partial
from tests.ocpi.strategies import lacking

FOLDER = Path(__file__).parents[3] / "shared/spec-examples-2.2.1"


class Example(NamedTuple):
    """What a file of the specification shows: the type, and the field that holds it if it does not stand alone."""

    of: Any
    within: str = ""


class Faulty(NamedTuple):
    """A file that breaks a rule: what decoding says of it, why, and what has to change in it."""

    of: Any
    says: str
    why: str
    repair: dict[str, Any]


EXAMPLES = {
    "cdr_example": Example(ocpi.CDR),
    "credentials_example": Example(ocpi.Credentials),
    "credentials_example2": Example(ocpi.Credentials),
    "credentials_example3": Example(ocpi.Credentials),
    "credentials_example4": Example(ocpi.Credentials),
    "location_energymix_example_complete": Example(ocpi.EnergyMix, "energy_mix"),
    "location_energymix_example_energy_provider": Example(ocpi.EnergyMix, "energy_mix"),
    "location_energymix_example_simple": Example(ocpi.EnergyMix, "energy_mix"),
    "location_example": Example(ocpi.Location),
    "location_example_parking_garage_opening_hours": Example(ocpi.Location),
    "location_example_uc2_destination_charger": Example(ocpi.Location),
    "location_example_uc3_destination_charger_not_published": Example(ocpi.Location),
    "location_example_uc4_limited_visibility": Example(ocpi.Location),
    "location_example_uc5_home_charge_point": Example(ocpi.Location),
    "location_hours_247_open_exception_closing": Example(ocpi.Hours),
    "location_hours_opening_hours_with_exceptional_closing": Example(ocpi.Hours),
    "location_hours_opening_hours_with_exceptional_opening": Example(ocpi.Hours),
    "location_patch_example_location": Example(partial(ocpi.Location)),
    "location_patch_example_remove_evse": Example(partial(ocpi.EVSE)),
    "location_patch_example_status": Example(partial(ocpi.EVSE)),
    "location_patch_example_tariff": Example(partial(ocpi.Connector)),
    "location_regularhours_example": Example(ocpi.Hours, "opening_times"),
    "session_example_1_simple_start": Example(ocpi.Session),
    "session_example_2_short_finished": Example(ocpi.Session),
    "session_patch_example_charging_period": Example(partial(ocpi.Session)),
    "session_patch_example_total_cost": Example(partial(ocpi.Session)),
    "tariff_10_025kwh_parking_start": Example(ocpi.Tariff),
    "tariff_11_not_possible_alt_text": Example(ocpi.Tariff),
    "tariff_12_025kwh_min_price": Example(ocpi.Tariff),
    "tariff_13_simple_3hour_5parking": Example(ocpi.Tariff),
    "tariff_14_step_size": Example(ocpi.Tariff),
    "tariff_15_reservation_5_euro_per_hour": Example(ocpi.Tariff),
    "tariff_16_reservation_2_euro_fee_5_euro_per_hour": Example(ocpi.Tariff),
    "tariff_17_reservation_with_expire_fee": Example(ocpi.Tariff),
    "tariff_18_reservation_with_expire_time": Example(ocpi.Tariff),
    "tariff_1_simple_2hour": Example(ocpi.Tariff),
    "tariff_2_alt_text": Example(ocpi.Tariff),
    "tariff_3_alt_url": Example(ocpi.Tariff),
    "tariff_4_complex": Example(ocpi.Tariff),
    "tariff_5_free_of_charge": Example(ocpi.Tariff),
    "tariff_6_025kwh_start_max_price": Example(ocpi.Tariff),
    "tariff_8_simple_025kwh": Example(ocpi.Tariff),
    "tariff_9_025kwh_start": Example(ocpi.Tariff),
    "tariffrestriction_example_max_duration": Example(ocpi.Tariff),
    "tariffrestriction_example_max_power": Example(ocpi.Tariff),
    "token_example_1_app_user": Example(ocpi.Token),
    "token_example_2_full_rfid": Example(ocpi.Token),
    "token_patch_example": Example(partial(ocpi.Token)),
    "token_put_example": Example(ocpi.Token),
    "transport_and_format_get_token_example": Example(ocpi.Token, "data"),
    "transport_and_format_get_token_list_example": Example(list[ocpi.Token], "data"),
    "transport_and_format_version_details_example": Example(ocpi.VersionDetails, "data"),
    "transport_and_format_version_info_example": Example(list[ocpi.Version], "data"),
    "type_displaytext_example": Example(ocpi.DisplayText),
    "version_details_example": Example(ocpi.VersionDetails),
    "version_details_example2": Example(ocpi.VersionDetails),
    "versions_info_example": Example(list[ocpi.Version]),
}
FAULTY = {
    "location_put_example_add_evse": Faulty(
        ocpi.EVSE,
        r"missing required field `power_type` - at `\$\.connectors\[0\]`",
        "its connector lacks four required fields, and its physical_reference is a number where the table has a string",
        {
            "connectors": [
                {
                    "id": "1",
                    "standard": "IEC_62196_T2",
                    "format": "SOCKET",
                    "power_type": "AC_3_PHASE",
                    "max_voltage": 230,
                    "max_amperage": 16,
                    "tariff_ids": ["14"],
                    "last_updated": "2019-06-24T12:39:09Z",
                }
            ],
            "physical_reference": "3",
        },
    ),
    "tariff_put_example": Faulty(
        ocpi.Tariff,
        "missing required field `last_updated`",
        "last_updated is required",
        {"last_updated": "2019-06-24T12:39:09Z"},
    ),
}


@pytest.fixture
def folder() -> Path:
    if not FOLDER.is_dir():
        pytest.skip(f"the examples of the specification are not here: {FOLDER}")
    return FOLDER


def _shown(path: Path, within: str = "") -> Any:
    whole = json.loads(path.read_text())
    return whole[within] if within else whole


def _decode(value: Any, of: Any) -> Any:
    return msgspec.json.decode(json.dumps(value), type=of)


def test_every_example_has_its_place_in_a_table(folder):
    assert {path.stem for path in folder.glob("*.json")} == EXAMPLES.keys() | FAULTY.keys()
    assert not EXAMPLES.keys() & FAULTY.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_decodes_and_comes_back_as_it_was(folder, name):
    example = EXAMPLES[name]
    value = _shown(folder / f"{name}.json", example.within)
    decoded = _decode(value, example.of)
    assert json.loads(msgspec.json.encode(decoded)) == value


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_that_lacks_a_required_field_is_refused(folder, name):
    example = EXAMPLES[name]
    _refused_without_any(example.of, _shown(folder / f"{name}.json", example.within))


@pytest.mark.parametrize("name", FAULTY)
def test_an_example_that_breaks_a_rule(folder, name):
    example = FAULTY[name]
    value = _shown(folder / f"{name}.json")
    with pytest.raises(msgspec.ValidationError, match=example.says):
        _decode(value, example.of)
    _decode(value | example.repair, example.of)
    _refused_without_any(example.of, value | example.repair)


def _refused_without_any(of: Any, value: Any) -> None:
    tried = 0
    for path, less in lacking(of, value):
        field = path.rpartition(".")[2]
        with pytest.raises(msgspec.ValidationError, match=f"missing required field `{field}`"):
            _decode(less, of)
        tried += 1
    assert tried >= 1
