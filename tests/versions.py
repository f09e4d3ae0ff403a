"""Partners that speak OCPI 2.1.1, 2.2.1 and 2.3.0, and objects of each version as such a partner would write them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from hub.app import App
from tests.partner import Partner
from tests.raw import Answer
from tests.support import running

CPO_MODULES = ("sender/locations", "sender/sessions", "sender/cdrs", "sender/tariffs", "receiver/tokens")
EMSP_MODULES = ("receiver/locations", "receiver/sessions", "receiver/cdrs", "receiver/tariffs", "sender/tokens")
CPO = Partner("NL-CPO:CPO").party
EMSP = Partner("DE-MSP:EMSP").party
STAMP = "2026-01-01T12:00:00Z"


@asynccontextmanager
async def roaming(folder: Path, cpo: str, emsp: str, **changes: Any) -> AsyncIterator[tuple[App, Partner, Partner]]:
    """A hub with the CPO NL-CPO and the eMSP DE-MSP, each speaking its own version. Everything is checked."""
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(running(folder, **{"validation": "enforce", **changes}))
        partners = [
            Partner("NL-CPO:CPO", endpoints=(*CPO_MODULES, "receiver/commands"), version=cpo),
            Partner("DE-MSP:EMSP", endpoints=EMSP_MODULES, version=emsp),
        ]
        for partner in partners:
            await stack.enter_async_context(partner.serve())
            partner.raw = partner.version == "2.1.1"
            await partner.invited(app)
            registered = await partner.register()
            assert registered.code == 1000, registered.envelope
        yield app, *partners


async def send(partner: Partner, method: str, path: str, body: Any = None, to: Any = None) -> Answer:
    """A message as its version has it: `receiver/locations/NL/CPO/LOC1`; 2.1.1 has neither interface nor headers."""
    headers: list[str] = []
    if partner.version == "2.1.1":
        path = path.partition("/")[2]
    else:
        own = partner.party
        headers += [f"OCPI-from-country-code: {own.country}", f"OCPI-from-party-id: {own.party_id}"]
        if to is not None:
            headers += [f"OCPI-to-country-code: {to.country}", f"OCPI-to-party-id: {to.party_id}"]
    raw = None if body is None else msgspec.json.encode(body)
    return await partner.ask(method, f"/ocpi/{partner.version}/{path}", *headers, body=raw)


def location(version: str) -> dict[str, Any]:
    """A charging location with one EVSE and one connector."""
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "last_updated": STAMP,
    }
    connector |= (
        {"voltage": 230, "amperage": 16, "tariff_id": "T1"}
        if version == "2.1.1"
        else {"max_voltage": 230, "max_amperage": 16, "tariff_ids": ["T1"]}
    )
    evse = {
        "uid": "E1",
        "evse_id": "NL*CPO*E1",
        "status": "AVAILABLE",
        "connectors": [connector],
        "last_updated": STAMP,
    }
    whole = {
        "id": "LOC1",
        "name": "Town hall",
        "address": "Markt 1",
        "city": "Delft",
        "postal_code": "2611GP",
        "country": "NLD",
        "coordinates": {"latitude": "52.011600", "longitude": "4.359200"},
        "evses": [evse],
        "last_updated": STAMP,
    }
    if version == "2.1.1":
        return {**whole, "type": "PARKING_GARAGE", "time_zone": "Europe/Amsterdam"}
    owner = {"country_code": "NL", "party_id": "CPO", "publish": True, "time_zone": "Europe/Amsterdam"}
    return {**owner, **whole, "parking_type": "PARKING_GARAGE"}


def token(version: str) -> dict[str, Any]:
    """A driver's card."""
    whole = {
        "uid": "CARD1",
        "type": "RFID",
        "visual_number": "DF000-2001-8999",
        "issuer": "Test",
        "valid": True,
        "whitelist": "ALLOWED",
        "last_updated": STAMP,
    }
    if version == "2.1.1":
        return {**whole, "auth_id": "DE-MSP-C1"}
    return {**whole, "country_code": "DE", "party_id": "MSP", "contract_id": "DE-MSP-C1"}


def session(version: str) -> dict[str, Any]:
    """A session of that card at that location."""
    whole = {"id": "S1", "kwh": 7.5, "auth_method": "WHITELIST", "currency": "EUR", "status": "ACTIVE"}
    whole["last_updated"] = STAMP
    if version == "2.1.1":
        return {
            **whole,
            "start_datetime": STAMP,
            "auth_id": "DE-MSP-C1",
            "location": location(version),
            "total_cost": 2.5,
        }
    card = {"country_code": "DE", "party_id": "MSP", "uid": "CARD1", "type": "RFID", "contract_id": "DE-MSP-C1"}
    return {
        **whole,
        "country_code": "NL",
        "party_id": "CPO",
        "start_date_time": STAMP,
        "cdr_token": card,
        "location_id": "LOC1",
        "evse_uid": "E1",
        "connector_id": "1",
        "total_cost": price(version, 2.5),
    }


def price(version: str, amount: float) -> dict[str, Any]:
    return {"before_taxes": amount} if version == "2.3.0" else {"excl_vat": amount}


def cdr(version: str) -> dict[str, Any]:
    """The charge detail record of that session."""
    periods = [{"start_date_time": STAMP, "dimensions": [{"type": "ENERGY", "volume": 7.5}]}]
    whole = {
        "id": "CDR1",
        "start_date_time": STAMP,
        "auth_method": "WHITELIST",
        "currency": "EUR",
        "charging_periods": periods,
        "total_energy": 7.5,
        "total_time": 1.0,
        "last_updated": STAMP,
    }
    if version == "2.1.1":
        more = {"stop_date_time": STAMP, "auth_id": "DE-MSP-C1", "location": location(version), "total_cost": 2.5}
        return whole | more
    charged = session(version)
    place = location(version)
    evse, connector = place["evses"][0], place["evses"][0]["connectors"][0]
    where = {
        **{name: place[name] for name in ("id", "name", "address", "city", "postal_code", "country", "coordinates")},
        "evse_uid": evse["uid"],
        "evse_id": evse["evse_id"],
        "connector_id": connector["id"],
        **{f"connector_{name}": connector[name] for name in ("standard", "format", "power_type")},
    }
    more = {
        "country_code": "NL",
        "party_id": "CPO",
        "end_date_time": STAMP,
        "cdr_token": charged["cdr_token"],
        "cdr_location": where,
        "total_cost": price(version, 2.5),
    }
    return whole | more
