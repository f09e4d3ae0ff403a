"""Seed data of simulated platforms: valid OCPI 2.2.1 objects with fixed, readable values, in any number."""

import datetime

from hub.core.party import Party
from hub.ocpi.envelope import date_time
from hub.sim.messages import Json

_EPOCH = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)

# Name, address, postal code, city, latitude, longitude.
_DUTCH = (
    ("Jaarbeurs P1", "Jaarbeursplein 6", "3521 AL", "Utrecht", 52.087520, 5.105060),
    ("Strijp-S", "Torenallee 20", "5617 BC", "Eindhoven", 51.447980, 5.455890),
    ("Markthal", "Dominee Jan Scharpstraat 298", "3011 GZ", "Rotterdam", 51.919850, 4.486750),
    ("Museumplein", "Museumplein 10", "1071 DJ", "Amsterdam", 52.357990, 4.880210),
)
_GERMAN = (
    ("Alexanderplatz", "Alexanderplatz 1", "10178", "Berlin", 52.521918, 13.413215),
    ("Jungfernstieg", "Jungfernstieg 7", "20354", "Hamburg", 53.552480, 9.993010),
    ("Messe Nord", "Messeplatz 1", "50679", "Köln", 50.946710, 6.981480),
    ("Marktplatz", "Marktplatz 4", "76133", "Karlsruhe", 49.009130, 8.403950),
)
_COUNTRIES = {"DE": ("DEU", "Europe/Berlin", 19.0, _GERMAN)}
_NETHERLANDS = ("NLD", "Europe/Amsterdam", 21.0, _DUTCH)


def seeded_at(number: int) -> str:
    """The `last_updated` of the n-th object of a kind: a minute after the one before, from 2025 on."""
    return date_time(_EPOCH + datetime.timedelta(minutes=number))


def location(owner: Party, number: int) -> Json:
    """The n-th Location (from 1) of a CPO: two EVSEs, AC 11 kW and DC 50 kW. 8.3.1."""
    alpha3, zone, _, places = _COUNTRIES.get(owner.country, _NETHERLANDS)
    lap, index = divmod(number - 1, len(places))
    name, address, postal_code, city, latitude, longitude = places[index]
    return {
        **_owned(owner),
        "id": f"LOC{number}",
        "publish": True,
        "name": f"{name} {lap + 1}" if lap else name,
        "address": address,
        "city": city,
        "postal_code": postal_code,
        "country": alpha3,
        "coordinates": {"latitude": f"{latitude:.6f}", "longitude": f"{longitude:.6f}"},
        "parking_type": "PARKING_LOT",
        "evses": [_evse(owner, number, 1, _AC), _evse(owner, number, 2, _DC)],
        "time_zone": zone,
        "opening_times": {"twentyfourseven": True},
        "last_updated": seeded_at(number),
    }


def tariffs(owner: Party) -> list[Json]:
    """The two tariffs of a CPO: by energy for AC, with a start fee for DC. 11.3.1."""
    _, _, vat, _ = _COUNTRIES.get(owner.country, _NETHERLANDS)
    energy = {"type": "ENERGY", "vat": vat, "step_size": 1}
    start = {"type": "FLAT", "price": 0.5, "vat": vat, "step_size": 1}
    return [
        _tariff(owner, 1, "AC", [{**energy, "price": 0.42}]),
        _tariff(owner, 2, "DC", [start, {**energy, "price": 0.69}]),
    ]


def token(owner: Party, number: int) -> Json:
    """The n-th Token (from 1) of an eMSP. The second is blocked, the third an app's; all others are cards. 12.3.2."""
    app = number == 3
    return {
        **_owned(owner),
        "uid": f"{owner}-{'APP' if app else 'CARD'}-{number}",
        "type": "APP_USER" if app else "RFID",
        "contract_id": f"{owner}-C{number:08d}",
        "visual_number": f"{owner.country} {number:08d}",
        "issuer": f"Charge card of {owner}",
        "valid": number != 2,
        "whitelist": "NEVER" if app else "ALLOWED",
        "last_updated": seeded_at(number),
    }


def cdr_token(token_object: Json) -> Json:
    """The CdrToken of a Token. 10.4.5."""
    return {field: token_object[field] for field in ("country_code", "party_id", "uid", "type", "contract_id")}


_AC = {
    "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE",
    "max_voltage": 230, "max_amperage": 16, "max_electric_power": 11000, "tariff_ids": ["AC"],
}  # fmt: skip
_DC = {
    "standard": "IEC_62196_T2_COMBO", "format": "CABLE", "power_type": "DC",
    "max_voltage": 500, "max_amperage": 125, "max_electric_power": 50000, "tariff_ids": ["DC"],
}  # fmt: skip
_CAPABILITIES = (
    "CHARGING_PROFILE_CAPABLE", "CHARGING_PREFERENCES_CAPABLE", "REMOTE_START_STOP_CAPABLE", "RESERVABLE",
    "RFID_READER", "UNLOCK_CAPABLE",
)  # fmt: skip


def _evse(owner: Party, number: int, position: int, connector: Json) -> Json:
    return {
        "uid": f"{1000 + number}-{position}",
        "evse_id": f"{owner.country}*{owner.party_id}*E{1000 + number}*{position}",
        "status": "AVAILABLE",
        "capabilities": list(_CAPABILITIES),
        "connectors": [{"id": "1", **connector, "last_updated": seeded_at(number)}],
        "physical_reference": str(position),
        "last_updated": seeded_at(number),
    }


def _tariff(owner: Party, number: int, tariff_id: str, components: list[Json]) -> Json:
    return {
        **_owned(owner),
        "id": tariff_id,
        "currency": "EUR",
        "elements": [{"price_components": components}],
        "last_updated": seeded_at(number),
    }


def _owned(owner: Party) -> Json:
    return {"country_code": owner.country, "party_id": owner.party_id}
