"""Every object that simulated platforms make is a valid OCPI 2.2.1 object: required fields, types, lengths, enums."""

import re

import pytest

from hub.core.party import Party, PartyRole
from hub.sim import SimCpo, SimEmsp
from hub.sim.data import location, tariffs, token

CPOS = [Party("NL", "VOL"), Party("DE", "ABC"), Party("FR", "XYZ")]


def text(length):
    return lambda value: isinstance(value, str) and 0 < len(value) <= length and value.isprintable()


def one_of(*values):
    return lambda value: value in values


def number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def date_time(value):
    return bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?", value)) and len(value) <= 25


def many(shape, least=1):
    return lambda value: isinstance(value, list) and len(value) >= least and all(fits(each, shape) for each in value)


def flag(value):
    return isinstance(value, bool)


def fits(value, shape):
    """Whether a value has the shape: a test of its own, or fields (`?` behind the name: optional) and their shapes."""
    if not isinstance(shape, dict):
        assert shape(value), value
        return True
    fields = {name.rstrip("?"): each for name, each in shape.items()}
    assert isinstance(value, dict)
    assert {name for name in shape if not name.endswith("?")} <= set(value) <= set(fields), value
    return all(fits(each, fields[name]) for name, each in value.items())


OWNED = {"country_code": text(2), "party_id": text(3)}
COORDINATES = {
    "latitude": lambda value: re.fullmatch(r"-?[0-9]{1,2}\.[0-9]{5,7}", value),
    "longitude": lambda value: re.fullmatch(r"-?[0-9]{1,3}\.[0-9]{5,7}", value),
}
STANDARD = one_of("IEC_62196_T2", "IEC_62196_T2_COMBO")
FORMAT, POWER = one_of("SOCKET", "CABLE"), one_of("AC_3_PHASE", "DC")
CONNECTOR = {
    "id": text(36), "standard": STANDARD, "format": FORMAT, "power_type": POWER, "max_voltage": whole,
    "max_amperage": whole, "max_electric_power?": whole, "tariff_ids?": many(text(36)), "last_updated": date_time,
}  # fmt: skip
EVSE = {
    "uid": text(36),
    "evse_id?": lambda value: re.fullmatch(r"[A-Z]{2}\*[A-Z0-9]{3}\*E[A-Z0-9*]{1,30}", value),
    "status": one_of("AVAILABLE", "CHARGING", "RESERVED"),
    "capabilities?": many(
        one_of("CHARGING_PROFILE_CAPABLE", "CHARGING_PREFERENCES_CAPABLE", "REMOTE_START_STOP_CAPABLE", "RESERVABLE",
               "RFID_READER", "UNLOCK_CAPABLE")
    ),
    "connectors": many(CONNECTOR), "physical_reference?": text(16), "last_updated": date_time,
}  # fmt: skip
LOCATION = {
    **OWNED, "id": text(36), "publish": flag, "name?": text(255), "address": text(45), "city": text(45),
    "postal_code?": text(10), "country": text(3), "coordinates": COORDINATES, "parking_type?": one_of("PARKING_LOT"),
    "evses?": many(EVSE), "time_zone": one_of("Europe/Amsterdam", "Europe/Berlin"),
    "opening_times?": {"twentyfourseven": flag}, "last_updated": date_time,
}  # fmt: skip
COMPONENT = {"type": one_of("ENERGY", "FLAT"), "price": number, "vat?": number, "step_size": whole}
TARIFF = {
    **OWNED, "id": text(36), "currency": one_of("EUR"), "elements": many({"price_components": many(COMPONENT)}),
    "last_updated": date_time,
}  # fmt: skip
TOKEN = {
    **OWNED, "uid": text(36), "type": one_of("RFID", "APP_USER"), "contract_id": text(36), "visual_number?": text(64),
    "issuer": text(64), "valid": flag, "whitelist": one_of("ALLOWED", "NEVER"), "last_updated": date_time,
}  # fmt: skip
CDR_TOKEN = {**OWNED, "uid": text(36), "type": one_of("RFID", "APP_USER"), "contract_id": text(36)}
PRICE = {"excl_vat": number, "incl_vat?": number}
PERIOD = {
    "start_date_time": date_time, "dimensions": many({"type": one_of("ENERGY", "TIME"), "volume": number}),
    "tariff_id?": text(36),
}  # fmt: skip
SESSION = {
    **OWNED, "id": text(36), "start_date_time": date_time, "end_date_time?": date_time, "kwh": number,
    "cdr_token": CDR_TOKEN, "auth_method": one_of("COMMAND"), "authorization_reference?": text(36),
    "location_id": text(36), "evse_uid": text(36), "connector_id": text(36), "currency": one_of("EUR"),
    "charging_periods?": many(PERIOD), "total_cost?": PRICE,
    "status": one_of("ACTIVE", "COMPLETED", "RESERVATION"), "last_updated": date_time,
}  # fmt: skip
CDR_LOCATION = {
    "id": text(36), "name?": text(255), "address": text(45), "city": text(45), "postal_code?": text(10),
    "country": text(3), "coordinates": COORDINATES, "evse_uid": text(36), "evse_id": text(48),
    "connector_id": text(36), "connector_standard": STANDARD, "connector_format": FORMAT,
    "connector_power_type": POWER,
}  # fmt: skip
CDR = {
    **OWNED, "id": text(36), "start_date_time": date_time, "end_date_time": date_time, "session_id?": text(36),
    "cdr_token": CDR_TOKEN, "auth_method": one_of("COMMAND"), "authorization_reference?": text(36),
    "cdr_location": CDR_LOCATION, "currency": one_of("EUR"), "tariffs?": many(TARIFF),
    "charging_periods": many(PERIOD), "total_cost": PRICE, "total_fixed_cost?": PRICE, "total_energy": number,
    "total_energy_cost?": PRICE, "total_time": number, "last_updated": date_time,
}  # fmt: skip


@pytest.mark.parametrize("owner", CPOS)
def test_locations_and_tariffs(owner):
    seeded = [location(owner, n) for n in (1, 2, 3, 4, 5, 99_999)]
    assert all(fits(each, LOCATION) for each in seeded)
    assert len({each["id"] for each in seeded}) == len({each["name"] for each in seeded}) == 6
    own = tariffs(owner)
    assert all(fits(each, TARIFF) for each in own)
    used = {tariff_id for each in seeded for evse in each["evses"] for tariff_id in evse["connectors"][0]["tariff_ids"]}
    assert used == {each["id"] for each in own}


def test_tokens():
    seeded = [token(Party("DE", "EMO"), n) for n in (1, 2, 3, 4, 99_999)]
    assert all(fits(each, TOKEN) for each in seeded)
    assert [each["valid"] for each in seeded] == [True, False, True, True, True]


def test_seeds_are_always_the_same_and_in_order():
    first, second = (SimCpo("V", [PartyRole.parse("NL-VOL:CPO")]) for _ in range(2))
    first.seed(50)
    second.seed(20)
    second.seed(50)
    assert list(first.locations) == list(second.locations)
    updated = [each["last_updated"] for each in first.locations]
    assert updated == sorted(set(updated))


async def test_sessions_and_cdrs_of_a_round(connected):
    cpo, emsp = connected
    await emsp.reserve("R1", "LOC2", "1002-2", emsp.token(3), cpo.party)
    await emsp.start_session("LOC1", "1001-1", emsp.token(), cpo.party, reference="REF")
    started = [(await emsp.expect("sessions", "PUT")).json() for _ in range(2)]
    assert all(fits(each, SESSION) for each in started)
    await emsp.stop_session(started[1]["id"], cpo.party)
    cdr = (await emsp.expect("cdrs", "POST")).json()
    assert fits(cdr, CDR)
    assert all(fits(each, SESSION) for each in cpo.sessions)
    assert all(fits(each, LOCATION) for each in cpo.locations)


def test_history():
    cpo = SimCpo("V", [PartyRole.parse("NL-VOL:CPO")])
    emsp = SimEmsp("E", [PartyRole.parse("DE-EMO:EMSP")])
    before = [dict(each) for each in cpo.locations]
    cpo.seed_history(4, emsp.token())
    assert all(fits(each, CDR) for each in cpo.cdrs)
    assert all(fits(each, SESSION) for each in cpo.sessions)
    assert list(cpo.locations) == before, "what is long over changes no location"
    assert [each["last_updated"] for each in cpo.cdrs][:2] == ["2025-01-01T00:42:00.000Z", "2025-01-01T01:42:00.000Z"]
