"""Who a peer is, and what it owns at the start, in the version of OCPI that it speaks; see peer_app.py."""

import os

VERSION = os.environ.get("PEER_VERSION", "2.2.1")
COUNTRY, PARTY, ROLE = os.environ["COUNTRY_CODE"], os.environ["PARTY_ID"], os.environ["PEER_ROLE"]
OWNER = {"country_code": COUNTRY, "party_id": PARTY}
THEN = "2025-01-01T00:00:00Z"
OLD = VERSION == "2.1.1"
NAMED = {} if OLD else OWNER  # who owns an object stands in URLs only


def seeds(locations, driver):
    """What the platform owns at the start: a module's objects by lowercased id. `driver`: who charged at a CPO."""
    if ROLE == "EMSP":
        return {"tokens": {f"tok{n}": token(n) for n in range(1, 4)}}
    return {
        "locations": {f"loc{n}": location(n) for n in range(1, locations + 1)},
        "tariffs": {"tar1": tariff()},
        "sessions": {f"ses{n}": session(n, driver) for n in range(1, 4)},
        "cdrs": {f"cdr{n}": cdr(n, driver) for n in range(1, 4)},
    }


def location(n):
    connector = {"id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE"}
    if OLD:
        connector |= {"voltage": 400, "amperage": 32, "tariff_id": "TAR1", "last_updated": THEN}
    else:
        connector |= {"max_voltage": 400, "max_amperage": 32, "tariff_ids": ["TAR1"], "last_updated": THEN}
    evse = {"uid": f"EVSE{n}", "evse_id": f"{COUNTRY}*{PARTY}*E{n}", "status": "AVAILABLE", "connectors": [connector]}
    evse |= {"last_updated": THEN}
    kind = {"type": "ON_STREET", "postal_code": "10115"} if OLD else {"publish": True}
    return {**NAMED, "id": f"LOC{n}", **kind, **place(n), "time_zone": "Europe/Berlin", "evses": [evse]} | {
        "last_updated": THEN
    }


def place(n):
    coordinates = {"latitude": "52.520008", "longitude": "13.404954"}
    return {"address": f"Teststraße {n}", "city": "Berlin", "country": "DEU", "coordinates": coordinates}


def token(n):
    contract = {"auth_id" if OLD else "contract_id": f"{COUNTRY}-{PARTY}-C{n}", "issuer": "Test", "valid": True}
    return {**NAMED, "uid": f"TOK{n}", "type": "RFID", **contract, "whitelist": "ALLOWED", "last_updated": THEN}


def charging(driver):
    country, party = driver
    contract = f"{country}-{party}-C1"
    cdr_token = {"country_code": country, "party_id": party, "uid": "TOK1", "type": "RFID", "contract_id": contract}
    period = {"start_date_time": THEN, "dimensions": [{"type": "ENERGY", "volume": 10.5}]}
    return {
        **NAMED,
        **({"auth_id": contract} if OLD else {"cdr_token": cdr_token}),
        "auth_method": "AUTH_REQUEST",
        "currency": "EUR",
        "charging_periods": [period if OLD else {**period, "tariff_id": "TAR1"}],
        "total_cost": 3.15 if OLD else {"excl_vat": 3.15, "incl_vat": 3.75},
        "last_updated": THEN,
    }


def session(n, driver):
    if OLD:
        where = {"start_datetime": THEN, "location": location(1)}
    else:
        where = {"start_date_time": THEN, "location_id": "LOC1", "evse_uid": "EVSE1", "connector_id": "1"}
    return {**charging(driver), "id": f"SES{n}", "kwh": 10.5, **where, "status": "ACTIVE"}


def cdr(n, driver):
    """The package that speaks OCPI 2.1.1 has `end_date_time` there, which OCPI 2.1.1 calls `stop_date_time`."""
    connector = {"connector_id": "1", "connector_standard": "IEC_62196_T2", "connector_format": "SOCKET"}
    where = {"id": "LOC1", **place(1), "evse_uid": "EVSE1", "evse_id": f"{COUNTRY}*{PARTY}*E1", **connector}
    where |= {"connector_power_type": "AC_3_PHASE"}
    more = {"location": location(1)} if OLD else {"session_id": f"SES{n}", "cdr_location": where}
    times = {"start_date_time": THEN, "end_date_time": "2025-01-01T01:00:00Z"}
    return {**charging(driver), "id": f"CDR{n}", **more, **times, "total_energy": 10.5, "total_time": 1.0}


def tariff():
    price = {"type": "ENERGY", "price": 0.3, "step_size": 1} | ({} if OLD else {"vat": 19.0})
    return {**NAMED, "id": "TAR1", "currency": "EUR", "elements": [{"price_components": [price]}], "last_updated": THEN}
