"""Objects that are written to a platform under test: of the asking party, marked as tests, and worth nothing."""

from typing import Any

from hub.core.party import Party

ID = "HUB-CERTIFY-1"
NAME = "Test of certification"
_PRICE = {"2.2.1": "excl_vat", "2.3.0": "before_taxes"}


def location(version: str, owner: Party, stamp: str) -> dict[str, Any]:
    """A Location that is not to be published, with one EVSE that is out of order (8.3.1)."""
    connector: dict[str, Any] = {
        "id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE", "last_updated": stamp,
    }  # fmt: skip
    old = version == "2.1.1"
    connector |= {"voltage": 230, "amperage": 16} if old else {"max_voltage": 230, "max_amperage": 16}
    evse = {"uid": "HUB-CERTIFY-E1", "status": "INOPERATIVE", "connectors": [connector], "last_updated": stamp}
    return {
        **_owned(version, owner),
        **({"type": "OTHER", "postal_code": "0000"} if old else {"publish": False, "time_zone": "Etc/UTC"}),
        "id": ID, "name": NAME, "address": "Test 1", "city": "Test", "country": "NLD",
        "coordinates": {"latitude": "0.000000", "longitude": "0.000000"}, "evses": [evse], "last_updated": stamp,
    }  # fmt: skip


def tariff(version: str, owner: Party, stamp: str) -> dict[str, Any]:
    """A Tariff without a price (11.3.1)."""
    free = {"type": "ENERGY", "price": 0.0, "step_size": 1}
    return {
        **_owned(version, owner), "id": ID, "currency": "EUR", "elements": [{"price_components": [free]}],
        **({"tax_included": "NO"} if version == "2.3.0" else {}), "last_updated": stamp,
    }  # fmt: skip


def token(version: str, owner: Party, stamp: str) -> dict[str, Any]:
    """A Token that is not valid: nobody can charge with it (12.3.2)."""
    contract = "auth_id" if version == "2.1.1" else "contract_id"
    return {
        **_owned(version, owner), "uid": ID, "type": "RFID", contract: f"{owner}-CERTIFY", "issuer": NAME,
        "valid": False, "whitelist": "NEVER", "last_updated": stamp,
    }  # fmt: skip


def session(version: str, owner: Party, driver: Party, stamp: str) -> dict[str, Any]:
    """A Session that is invalid, and brought no energy (9.3.1)."""
    same = {
        **_owned(version, owner), "id": ID, "kwh": 0.0, "auth_method": "WHITELIST", "currency": "EUR",
        "status": "INVALID", "last_updated": stamp,
    }  # fmt: skip
    if version == "2.1.1":
        place = location(version, owner, stamp)
        return {**same, "start_datetime": stamp, "auth_id": f"{driver}-CERTIFY", "location": place}
    return {
        **same, "start_date_time": stamp, "cdr_token": _card(driver), "location_id": ID,
        "evse_uid": "HUB-CERTIFY-E1", "connector_id": "1",
    }  # fmt: skip


def cdr(version: str, owner: Party, driver: Party, stamp: str, cdr_id: str) -> dict[str, Any]:
    """A CDR over nothing (10.3.1)."""
    period = {"start_date_time": stamp, "dimensions": [{"type": "ENERGY", "volume": 0.0}]}
    same = {
        **_owned(version, owner), "id": cdr_id, "start_date_time": stamp, "auth_method": "WHITELIST",
        "currency": "EUR", "charging_periods": [period], "total_energy": 0.0, "total_time": 0.0, "remark": NAME,
        "last_updated": stamp,
    }  # fmt: skip
    place = location(version, owner, stamp)
    if version == "2.1.1":
        return {
            **same, "stop_date_time": stamp, "auth_id": f"{driver}-CERTIFY", "location": place, "total_cost": 0.0,
        }  # fmt: skip
    evse = place["evses"][0]
    where = {
        **{name: place[name] for name in ("id", "address", "city", "country", "coordinates")},
        "evse_uid": evse["uid"], "evse_id": "#NA", "connector_id": "1", "connector_standard": "IEC_62196_T2",
        "connector_format": "SOCKET", "connector_power_type": "AC_3_PHASE",
    }  # fmt: skip
    return {
        **same, "end_date_time": stamp, "cdr_token": _card(driver), "cdr_location": where,
        "total_cost": {_PRICE[version]: 0.0},
    }  # fmt: skip


def _card(driver: Party) -> dict[str, str]:
    return {
        "country_code": driver.country, "party_id": driver.party_id, "uid": ID, "type": "RFID",
        "contract_id": f"{driver}-CERTIFY",
    }  # fmt: skip


def _owned(version: str, owner: Party) -> dict[str, str]:
    return {} if version == "2.1.1" else {"country_code": owner.country, "party_id": owner.party_id}
