"""OCPI 2.3.0 as typed objects: what is required, what is open, what is refused, and that nothing is lost."""

import copy
import re
from collections.abc import Iterator
from enum import Enum, StrEnum

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.ocpi import v2_2_1, v2_3_0
from hub.ocpi.types import Object, OpenEnum
from tests.ocpi.strategies import objects

EXPORTED = {name: getattr(v2_3_0, name) for name in v2_3_0.__all__}
OBJECTS = [each for each in EXPORTED.values() if issubclass(each, Object)]
OPEN = [each for each in EXPORTED.values() if issubclass(each, OpenEnum)]
CLOSED = [each for each in EXPORTED.values() if issubclass(each, StrEnum) and not issubclass(each, OpenEnum)]

AT = "2026-05-04T10:00:00Z"
LATER = "2026-05-04T11:30:00Z"
URL = "https://cpo.example/ocpi/2.3.0"
NOWHERE = {"latitude": "52.37022", "longitude": "-4.8951680"}
CPO = {"country_code": "NL", "party_id": "CPO"}
EMSP = {"country_code": "DE", "party_id": "MSP"}
PRICE = {"before_taxes": 4.25}
TOKEN = {
    **EMSP,
    "uid": "04A2B3C4",
    "type": "RFID",
    "contract_id": "DE-MSP-C0001",
    "issuer": "Strom & Co",
    "valid": True,
    "whitelist": "ALLOWED",
    "last_updated": AT,
}
CDR_TOKEN = {**EMSP, "uid": "04A2B3C4", "type": "EMAID", "contract_id": "DE-MSP-C0001"}
CONNECTOR = {
    "id": "1",
    "standard": "MCS",
    "format": "CABLE",
    "power_type": "DC",
    "max_voltage": 1000,
    "max_amperage": 500,
    "last_updated": AT,
}
TARIFF = {
    **CPO,
    "id": "T1",
    "currency": "EUR",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 0.45, "step_size": 1}]}],
    "tax_included": "NO",
    "last_updated": AT,
}
PERIOD = {"start_date_time": AT, "dimensions": [{"type": "ENERGY", "volume": 12.5}]}
TERMS = {"supported_access_methods": ["OPEN"], "change_until_minutes": 60, "cancel_until_minutes": 30}
REQUEST = {
    **EMSP,
    "request_id": "R1",
    "location_id": "L1",
    "booking_location_id": "BL1",
    "period": {"start_date_time": AT, "end_date_time": LATER},
    "authorization_reference": "A1",
}
PROFILE = {"charging_rate_unit": "A"}

MINIMAL: dict[type[Object], dict[str, object]] = {
    v2_3_0.Location: {
        **CPO,
        "id": "L1",
        "publish": True,
        "address": "Hoofdstraat 1",
        "city": "Utrecht",
        "country": "NLD",
        "coordinates": NOWHERE,
        "time_zone": "Europe/Amsterdam",
        "last_updated": AT,
    },
    v2_3_0.EVSE: {"uid": "E1", "status": "AVAILABLE", "connectors": [CONNECTOR], "last_updated": AT},
    v2_3_0.Parking: {"id": "P1", "vehicle_types": ["BUS"], "restricted_to_type": False, "reservation_required": True},
    v2_3_0.Session: {
        **CPO,
        "id": "S1",
        "start_date_time": AT,
        "kwh": 0,
        "cdr_token": CDR_TOKEN,
        "auth_method": "WHITELIST",
        "location_id": "L1",
        "evse_uid": "#NA",
        "connector_id": "#NA",
        "currency": "EUR",
        "status": "RESERVATION",
        "last_updated": AT,
    },
    v2_3_0.ChargingPreferences: {"profile_type": "GREEN"},
    v2_3_0.CDR: {
        **CPO,
        "id": "C1",
        "start_date_time": AT,
        "end_date_time": LATER,
        "cdr_token": CDR_TOKEN,
        "auth_method": "COMMAND",
        "cdr_location": {
            "id": "L1",
            "address": "Hoofdstraat 1",
            "city": "Utrecht",
            "country": "NLD",
            "coordinates": NOWHERE,
            "evse_uid": "E1",
            "evse_id": "NL*CPO*E1",
            "connector_id": "1",
            "connector_standard": "SAE_J3400",
            "connector_format": "CABLE",
            "connector_power_type": "DC",
        },
        "currency": "EUR",
        "charging_periods": [PERIOD],
        "total_cost": PRICE,
        "total_energy": 12.5,
        "total_time": 1.5,
        "last_updated": LATER,
    },
    v2_3_0.Tariff: TARIFF,
    v2_3_0.Token: TOKEN,
    v2_3_0.AuthorizationInfo: {"allowed": "ALLOWED", "token": TOKEN},
    v2_3_0.StartSession: {"response_url": URL, "token": TOKEN, "location_id": "L1"},
    v2_3_0.ReserveNow: {
        "response_url": URL,
        "token": TOKEN,
        "expiry_date": LATER,
        "reservation_id": "R1",
        "location_id": "L1",
    },
    v2_3_0.UnlockConnector: {"response_url": URL, "location_id": "L1", "evse_uid": "E1", "connector_id": "1"},
    v2_3_0.CommandResponse: {"result": "ACCEPTED", "timeout": 30},
    v2_3_0.CommandResult: {"result": "EVSE_OCCUPIED"},
    v2_3_0.SetChargingProfile: {"charging_profile": PROFILE, "response_url": URL},
    v2_3_0.ActiveChargingProfile: {"start_date_time": AT, "charging_profile": PROFILE},
    v2_3_0.ClientInfo: {**CPO, "role": "CPO", "status": "PLANNED", "last_updated": AT},
    v2_3_0.Credentials: {
        "token": "c2VjcmV0",
        "url": URL,
        "roles": [{**CPO, "role": "CPO", "business_details": {"name": "Laadpaal BV"}}],
    },
    v2_3_0.VersionDetails: {
        "version": "2.3.0",
        "endpoints": [{"identifier": "locations", "role": "SENDER", "url": URL}],
    },
    v2_3_0.Booking: {
        **CPO,
        "id": "B1",
        "request_id": "R1",
        "location_id": "L1",
        "period": {"start_date_time": AT, "end_date_time": LATER},
        "reservation_status": "RESERVED",
        "authorization_reference": "A1",
        "booking_terms": TERMS,
        "booking_requests": [{"request_status": "ACCEPTED", "booking_request": REQUEST, "request_received": AT}],
        "last_updated": AT,
    },
    v2_3_0.BookingLocation: {**CPO, "id": "BL1", "location_id": "L1", "last_updated": AT},
    v2_3_0.Calendar: {
        "id": "CA1",
        "begin_from": AT,
        "end_before": LATER,
        "available_timeslots": [],
        "last_updated": AT,
    },
    v2_3_0.Cancellation: {"cancellation_reason": "TRAFFIC", "who_canceled": "EMSP"},
    v2_3_0.Terminal: {"terminal_id": "PT1"},
    v2_3_0.FinancialAdviceConfirmation: {
        "id": "F1",
        "authorization_reference": "A1",
        "total_costs": PRICE,
        "currency": "EUR",
        "capture_status_code": "FAILED",
        "last_updated": AT,
    },
    v2_3_0.InvoiceReconciliationRecord: {
        **CPO,
        "id": "I1",
        "invoice_id": "2026-05",
        "cdrs": ["C1"],
        "last_updated": AT,
    },
}
"""Objects of which nothing can be left out."""

FULLER: dict[type[Object], dict[str, object]] = {
    v2_3_0.Location: {
        "publish_allowed_to": [{"uid": "04A2B3C4", "type": "EMAID"}],
        "related_locations": [{**NOWHERE, "name": {"language": "nl", "text": "Ingang"}}],
        "parking_type": "ON_STREET",
        "evses": [
            {
                **MINIMAL[v2_3_0.EVSE],
                "capabilities": ["RESERVABLE"],
                "connectors": [{**CONNECTOR, "capabilities": ["ISO_15118_20_PLUG_AND_CHARGE"], "tariff_ids": ["T1"]}],
                "parking_restrictions": ["TAXIS"],
                "parking": [{"parking_id": "P1", "evse_position": "CENTER"}],
                "accepted_service_providers": ["Strom & Co"],
            }
        ],
        "parking_places": [
            {
                **MINIMAL[v2_3_0.Parking],
                "max_vehicle_weight": 40_000.0,
                "direction": "ANGLE",
                "time_limit": 90.0,
                "standards": ["PAS 1899"],
                "apds_reference": "place/1",
            }
        ],
        "operator": {"name": "Laadpaal BV", "logo": {"url": URL, "category": "OPERATOR", "type": "svg", "width": 512}},
        "opening_times": {
            "twentyfourseven": False,
            "regular_hours": [{"weekday": 7, "period_begin": "08:00", "period_end": "23:59"}],
            "exceptional_closings": [{"period_begin": AT, "period_end": LATER}],
        },
        "energy_mix": {
            "is_green_energy": True,
            "energy_sources": [{"source": "WIND", "percentage": 100.0}],
            "environ_impact": [{"category": "CARBON_DIOXIDE", "amount": 0.0}],
        },
        "help_phone": "+31 30 1234567",
    },
    v2_3_0.Session: {
        "charging_periods": [{**PERIOD, "tariff_id": "T1"}],
        "total_cost": {
            **PRICE,
            "taxes": [{"name": "QST", "account_number": "1234", "percentage": 9.975, "amount": 0.42}],
        },
    },
    v2_3_0.CDR: {
        "booking_id": "B1",
        "tariffs": [TARIFF],
        "signed_data": {
            "encoding_method": "OCMF",
            "signed_values": [{"nature": "Start", "plain_data": "0", "signed_data": "MDA="}],
        },
        "total_energy_cost": PRICE,
        "credit": True,
        "credit_reference_id": "C1-C",
    },
    v2_3_0.Tariff: {
        "type": "AD_HOC_PAYMENT",
        "min_price": {"before_taxes": 1.0},
        "max_price": {"before_taxes": 90.0, "after_taxes": 108.9},
        "preauthorize_amount": 100.0,
        "elements": [
            {
                "price_components": [{"type": "TIME", "price": 2.0, "vat": 21.0, "step_size": 60}],
                "restrictions": {"start_time": "23:00", "day_of_week": ["SUNDAY"], "booking": "BOOKING_OVERTIME"},
            }
        ],
        "tax_included": "N/A",
    },
    v2_3_0.Credentials: {"hub_party_id": "NLHUB"},
    v2_3_0.BookingLocation: {
        "booking_option": {
            "evse_uid": "E1",
            "evse_position": ["LEFT", "RIGHT"],
            "connector_format": ["CABLE"],
            "connector_types": ["MCS"],
        },
        "policy": {"reservation_required": True, "ad_hoc": 2.0},
        "booking_terms": {**TERMS, "change_until_minutes": 60.0, "cancel_until_minutes": 30.0},
        "calendars": [
            {
                **MINIMAL[v2_3_0.Calendar],
                "timeslot_increment": 15,
                "available_timeslots": [{"start_date_time": AT, "end_date_time": LATER, "max_power": 150_000.0}],
            }
        ],
    },
    v2_3_0.Terminal: {"coordinates": NOWHERE, "invoice_creator": "PTP", "location_ids": ["L1"], "last_updated": AT},
    v2_3_0.FinancialAdviceConfirmation: {"capture_status_code": "SUCCESS", "eft_data": ["Card", "AID: 1"]},
}
"""What may be added to them, with what 2.3.0 brought among it."""


def steps(value: object) -> Iterator[tuple[str | int, ...]]:
    """Where in a JSON value things are that can be taken out: fields of objects, entries of lists."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield (key,)
        for rest in steps(inner):
            yield key, *rest


def at(value, path: tuple[str | int, ...]):
    for step in path:
        value = value[step]
    return value


REMOVALS = [
    pytest.param(of, path, id=".".join((of.__name__, *map(str, path))))
    for of, example in MINIMAL.items()
    for path in steps(example)
]


@pytest.mark.parametrize("of", MINIMAL)
def test_a_minimal_object_is_read_and_written_as_it_was(of):
    decoded = msgspec.convert(MINIMAL[of], of)
    assert type(decoded) is of
    assert msgspec.to_builtins(decoded) == MINIMAL[of]


@pytest.mark.parametrize("of", FULLER)
def test_what_2_3_0_brought_is_read_and_written_as_it_was(of):
    example = MINIMAL[of] | FULLER[of]
    assert msgspec.json.decode(msgspec.json.encode(msgspec.convert(example, of))) == example


@pytest.mark.parametrize(("of", "path"), REMOVALS)
def test_of_a_minimal_object_nothing_can_be_left_out(of, path):
    example = copy.deepcopy(MINIMAL[of])
    del at(example, path[:-1])[path[-1]]
    with pytest.raises(msgspec.ValidationError, match=r"missing required field|of length >= 1"):
        msgspec.convert(example, of)


@pytest.mark.parametrize(("of", "path"), REMOVALS)
def test_what_is_required_is_not_null(of, path):
    example = copy.deepcopy(MINIMAL[of])
    at(example, path[:-1])[path[-1]] = None
    with pytest.raises(msgspec.ValidationError, match="got `null`"):
        msgspec.convert(example, of)


@pytest.mark.parametrize("of", MINIMAL)
def test_what_is_optional_may_be_null_and_unknown_fields_are_passed_over(of):
    nulls = {field.encode_name: None for field in msgspec.structs.fields(of) if not field.required}
    assert msgspec.convert(MINIMAL[of] | nulls | {"x_vendor": {"any": 1}}, of) == msgspec.convert(MINIMAL[of], of)


def test_the_enums_that_the_specification_calls_open_are_open():
    assert {each.__name__ for each in OPEN} == {
        "Capability",
        "CommandType",
        "ConnectorCapability",
        "ConnectorType",
        "EnvironmentalImpactCategory",
        "Facility",
        "ImageCategory",
        "ModuleID",
        "ParkingRestriction",
        "ParkingType",
        "TokenType",
        "VehicleType",
        "VersionNumber",
    }


@pytest.mark.parametrize("of", OPEN)
def test_an_open_enum_takes_an_unknown_value_and_writes_it_back(of):
    before = list(of)
    assert msgspec.json.encode(msgspec.json.decode(b'"FROM_TOMORROW"', type=of)) == b'"FROM_TOMORROW"'
    assert list(of) == before


@pytest.mark.parametrize("of", CLOSED)
def test_a_closed_enum_refuses_an_unknown_value(of):
    with pytest.raises(msgspec.ValidationError, match="Invalid enum value"):
        msgspec.json.decode(b'"FROM_TOMORROW"', type=of)


@pytest.mark.parametrize(
    ("of", "change", "said"),
    [
        (v2_3_0.EVSE, {"status": "ASLEEP"}, r"Invalid enum value 'ASLEEP' - at `\$\.status`"),
        (v2_3_0.EVSE, {"accepted_service_providers": ["x" * 51]}, r"length <= 50 - at `\$\.accepted_service"),
        (v2_3_0.EVSE, {"parking": ["P1"]}, r"Expected `object`, got `str` - at `\$\.parking\[0\]`"),
        (v2_3_0.Location, {"address": "x" * 256}, r"length <= 255 - at `\$\.address`"),
        (v2_3_0.Location, {"help_phone": "0" * 26}, r"length <= 25 - at `\$\.help_phone`"),
        (v2_3_0.Location, {"party_id": "LONG"}, r"length <= 3 - at `\$\.party_id`"),
        (v2_3_0.Location, {"country": "NL"}, r"length >= 3 - at `\$\.country`"),
        (v2_3_0.Location, {"coordinates": {"latitude": "52,370", "longitude": "4.895168"}}, r"regex .* `\$\.coord"),
        (v2_3_0.Parking, {"physical_reference": "x" * 13}, r"length <= 12 - at `\$\.physical_reference`"),
        (v2_3_0.Session, {"total_cost": {"excl_vat": 1}}, r"`before_taxes` - at `\$\.total_cost`"),
        (v2_3_0.Tariff, {"min_price": {"after_taxes": 1}}, r"`before_taxes` - at `\$\.min_price`"),
        (v2_3_0.Tariff, {"tax_included": "NA"}, r"Invalid enum value 'NA' - at `\$\.tax_included`"),
        (v2_3_0.Credentials, {"hub_party_id": "NL-HUB"}, r"length <= 5 - at `\$\.hub_party_id`"),
        (v2_3_0.ClientInfo, {"role": "HUB"}, r"Invalid enum value 'HUB' - at `\$\.role`"),
        (v2_3_0.Terminal, {"invoice_base_url": "invoices"}, r"regex .* - at `\$\.invoice_base_url`"),
        (v2_3_0.FinancialAdviceConfirmation, {"eft_data": [""]}, r"length >= 1 - at `\$\.eft_data\[0\]`"),
        (v2_3_0.BookingLocation, {"booking_option": {"evse_position": "LEFT"}}, r"at `\$\.booking_option\.evse_pos"),
        (v2_3_0.InvoiceReconciliationRecord, {"cdrs": ["x" * 40]}, r"length <= 39 - at `\$\.cdrs"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_its_place(of, change, said):
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(MINIMAL[of] | change, of)


def test_a_credit_cdr_can_be_invoiced():
    record = MINIMAL[v2_3_0.InvoiceReconciliationRecord] | {"cdrs": ["x" * 36 + "-CR"]}
    assert msgspec.convert(record, v2_3_0.InvoiceReconciliationRecord).cdrs == ["x" * 36 + "-CR"]


def test_a_terminal_that_is_to_be_activated_needs_no_id():
    assert msgspec.convert({"reference": "serial"}, v2_3_0.TerminalActivation).terminal_id is None


@pytest.mark.parametrize("of", OBJECTS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_every_valid_object_survives_reading_and_writing(of, data):
    value = data.draw(objects(of))
    decoded = msgspec.json.decode(msgspec.json.encode(value), type=of)
    assert msgspec.json.decode(msgspec.json.encode(decoded), type=of) == decoded


@pytest.mark.parametrize("of", EXPORTED.values())
def test_a_docstring_names_version_and_section(of: type[Object | Enum]):
    version = "2.3.0" if of.__module__.startswith(v2_3_0.__name__) else "2.2.1"
    assert re.search(rf"{re.escape(version)} ((bookings|payments) )?section \d+(\.\d+)+\b", of.__doc__ or "")


def test_of_2_2_1_only_closed_enums_are_used():
    """Whoever reads 2.3.0 gets objects of 2.3.0, down to the last one."""
    borrowed = {each for each in EXPORTED.values() if each.__module__.startswith(v2_2_1.__name__)}
    assert borrowed <= set(CLOSED)
    fields = [field.type for of in OBJECTS for field in msgspec.inspect.type_info(of).fields]
    assert {each for kind in fields for each in made_of(kind)} <= set(EXPORTED.values())


def made_of(kind: msgspec.inspect.Type) -> Iterator[type]:
    """The structs and enums in the type of a field."""
    match kind:
        case msgspec.inspect.StructType() | msgspec.inspect.EnumType():
            yield kind.cls
        case msgspec.inspect.ListType():
            yield from made_of(kind.item_type)
        case msgspec.inspect.UnionType():
            for each in kind.types:
                yield from made_of(each)
        case msgspec.inspect.Metadata():
            yield from made_of(kind.type)
