"""OCPI 2.2.1 told in 2.3.0: prices get taxes, tariffs say that theirs are without; a hub is no role any more."""

from functools import partial
from typing import Any

from hub.bridge.money import amount
from hub.bridge.rules import ABSENT, Build, Drop, Facts, Json, Move, Table, Within, Words, default

ALIKE = (
    "ActiveChargingProfile",
    "ActiveChargingProfileResult",
    "CancelReservation",
    "ChargingPreferences",
    "ChargingProfile",
    "ChargingProfileResponse",
    "ChargingProfileResult",
    "ClearProfileResult",
    "CommandResponse",
    "CommandResult",
    "LocationReferences",
    "SetChargingProfile",
    "StopSession",
    "UnlockConnector",
)
"""What both versions tell in the same way."""

_GROWN = ("AuthorizationInfo", "Connector", "EVSE", "Location", "ReserveNow", "StartSession", "Token")
"""What OCPI 2.3.0 can tell more of, by fields that are optional and by words."""

COSTS = (
    "total_cost",
    "total_fixed_cost",
    "total_energy_cost",
    "total_time_cost",
    "total_parking_cost",
    "total_reservation_cost",
)
"""The prices in a CDR."""

VAT = "VAT"
"""The tax in prices of 2.2.1, as `incl_vat` names it. It is a usual name in 2.3.0, section 17.9."""

_up = partial(Table, source="2.2.1", target="2.3.0")


def _taxes(price: Json, _facts: Facts) -> Any:
    without, including = amount(price.get("excl_vat")), amount(price.get("incl_vat"))
    if without is not None and including is not None:
        return [{"name": VAT, "amount": float(including - without)}]
    return None if price.get("incl_vat", ABSENT) is None else ABSENT


def _hub_party_id(credentials: Json, _facts: Facts) -> Any:
    roles = credentials.get("roles")
    for each in roles if isinstance(roles, list) else ():
        match each:
            case {"role": "HUB", "country_code": str(country), "party_id": str(party)}:
                return country + party
    return ABSENT


_PRICE = _up(
    "Price",
    fields={"excl_vat": Move("before_taxes"), "incl_vat": Drop("it takes two numbers to tell the tax")},
    builds={"taxes": Build(_taxes, f"one tax named {VAT}: `incl_vat` less `excl_vat`", uses=("incl_vat",))},
)
_PRICE_LIMIT = _up("PriceLimit", fields={"excl_vat": Move("before_taxes"), "incl_vat": Move("after_taxes")})
_TARIFF = _up(
    "Tariff",
    fields={"min_price": Within(_PRICE_LIMIT), "max_price": Within(_PRICE_LIMIT)},
    # Prices of 2.2.1 are without VAT (section 11.4.2).
    builds={"tax_included": default("NO")},
)
_ROLE = Words({"HUB": None}, otherwise="OTHER")
_CREDENTIALS_ROLE = _up("CredentialsRole", fields={"role": _ROLE})

TABLES: tuple[Table, ...] = (
    *(_up(kind) for kind in ALIKE + _GROWN),
    _up("Session", fields={"total_cost": Within(_PRICE)}),
    _up("CDR", fields={"tariffs": Within(_TARIFF), **{cost: Within(_PRICE) for cost in COSTS}}),
    _TARIFF,
    _up("ClientInfo", fields={"role": _ROLE}),
    _CREDENTIALS_ROLE,
    _up(
        "Credentials",
        fields={"roles": Within(_CREDENTIALS_ROLE)},
        builds={"hub_party_id": Build(_hub_party_id, "country code and party id of the role HUB")},
    ),
)
