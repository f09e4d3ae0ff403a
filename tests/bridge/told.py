"""Objects as OCPI 2.1.1 and 2.2.1 have them: the same ones, side by side, and how to tell one from the other."""

from typing import Any

from hub.bridge import Facts, convert
from hub.core.party import Party

MOMENT = "2026-03-04T05:06:07Z"
LATER = "2026-03-04T06:00:00Z"
POINT = {"latitude": "52.370216", "longitude": "4.895168"}
CPO, MSP = Party("NL", "CPO"), Party("DE", "MSP")

OLD_CONNECTOR = {
    "id": "1",
    "standard": "IEC_62196_T2",
    "format": "SOCKET",
    "power_type": "AC_3_PHASE",
    "voltage": 230,
    "amperage": 32,
    "tariff_id": "night",
    "last_updated": MOMENT,
}
NEW_CONNECTOR = {
    "id": "1",
    "standard": "IEC_62196_T2",
    "format": "SOCKET",
    "power_type": "AC_3_PHASE",
    "max_voltage": 230,
    "max_amperage": 32,
    "tariff_ids": ["night"],
    "last_updated": MOMENT,
}
OLD_EVSE = {"uid": "E1", "status": "AVAILABLE", "connectors": [OLD_CONNECTOR], "last_updated": MOMENT}
NEW_EVSE = {"uid": "E1", "status": "AVAILABLE", "connectors": [NEW_CONNECTOR], "last_updated": MOMENT}
ADDRESS = {"address": "Damrak 1", "city": "Amsterdam", "country": "NLD", "coordinates": POINT}
OLD_LOCATION = {
    "id": "L1",
    "type": "ON_STREET",
    **ADDRESS,
    "postal_code": "1012 LG",
    "evses": [OLD_EVSE],
    "last_updated": MOMENT,
}
NEW_LOCATION = {
    "country_code": "NL",
    "party_id": "CPO",
    "id": "L1",
    "publish": True,
    "parking_type": "ON_STREET",
    **ADDRESS,
    "postal_code": "1012 LG",
    "time_zone": "Europe/Amsterdam",
    "evses": [NEW_EVSE],
    "last_updated": MOMENT,
}
OLD_TOKEN = {
    "uid": "04A1B2",
    "type": "OTHER",
    "auth_id": "DE-MSP-C1",
    "issuer": "Fahrstrom",
    "valid": True,
    "whitelist": "ALLOWED",
    "last_updated": MOMENT,
}
NEW_TOKEN = {
    "country_code": "DE",
    "party_id": "MSP",
    "uid": "04A1B2",
    "type": "OTHER",
    "contract_id": "DE-MSP-C1",
    "issuer": "Fahrstrom",
    "valid": True,
    "whitelist": "ALLOWED",
    "last_updated": MOMENT,
}
CDR_TOKEN = {name: NEW_TOKEN[name] for name in ("country_code", "party_id", "uid", "type", "contract_id")}
OLD_SESSION = {
    "id": "s-1",
    "start_datetime": MOMENT,
    "end_datetime": LATER,
    "kwh": 4,
    "auth_id": "DE-MSP-C1",
    "auth_method": "AUTH_REQUEST",
    "location": OLD_LOCATION,
    "currency": "EUR",
    "total_cost": 2.5,
    "status": "ACTIVE",
    "last_updated": LATER,
}
NEW_SESSION = {
    "country_code": "NL",
    "party_id": "CPO",
    "id": "s-1",
    "start_date_time": MOMENT,
    "end_date_time": LATER,
    "kwh": 4,
    "cdr_token": CDR_TOKEN,
    "auth_method": "AUTH_REQUEST",
    "location_id": "L1",
    "evse_uid": "E1",
    "connector_id": "1",
    "currency": "EUR",
    "total_cost": {"excl_vat": 2.5},
    "status": "ACTIVE",
    "last_updated": LATER,
}
ENERGY = {"type": "ENERGY", "volume": 4}
OLD_CDR = {
    "id": "c-1",
    "start_date_time": MOMENT,
    "stop_date_time": LATER,
    "auth_id": "DE-MSP-C1",
    "auth_method": "WHITELIST",
    "location": OLD_LOCATION,
    "currency": "EUR",
    "charging_periods": [{"start_date_time": MOMENT, "dimensions": [ENERGY]}],
    "total_cost": 2.5,
    "total_energy": 4,
    "total_time": 0.9,
    "last_updated": LATER,
}
NEW_CDR = {
    "country_code": "NL",
    "party_id": "CPO",
    "id": "c-1",
    "start_date_time": MOMENT,
    "end_date_time": LATER,
    "cdr_token": CDR_TOKEN,
    "auth_method": "WHITELIST",
    "cdr_location": {
        "id": "L1",
        **ADDRESS,
        "postal_code": "1012 LG",
        "evse_uid": "E1",
        "evse_id": "#NA",
        "connector_id": "1",
        "connector_standard": "IEC_62196_T2",
        "connector_format": "SOCKET",
        "connector_power_type": "AC_3_PHASE",
    },
    "currency": "EUR",
    "charging_periods": [{"start_date_time": MOMENT, "dimensions": [ENERGY]}],
    "total_cost": {"excl_vat": 2.5},
    "total_energy": 4,
    "total_time": 0.9,
    "last_updated": LATER,
}
FACTS = Facts(owner=CPO, token=NEW_TOKEN, location=NEW_LOCATION, received=LATER)


def up(kind: str, value: Any, facts: Facts = FACTS, *, partial: bool = False) -> tuple[Any, list[str]]:
    told = convert(kind, value, "2.1.1", "2.2.1", facts, partial=partial)
    return told.value, [each.path for each in told.losses]


def down(kind: str, value: Any, facts: Facts = FACTS, *, partial: bool = False) -> tuple[Any, list[str]]:
    told = convert(kind, value, "2.2.1", "2.1.1", facts, partial=partial)
    return told.value, [each.path for each in told.losses]


def without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: held for name, held in value.items() if name not in names}
