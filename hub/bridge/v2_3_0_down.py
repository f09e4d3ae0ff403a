"""OCPI 2.3.0 told in 2.2.1: enums that were open are closed, what is new is left out, and named."""

from enum import StrEnum

from hub.bridge.rules import Drop, Table, Within, Words
from hub.bridge.v2_2_1_up import ALIKE, COSTS
from hub.bridge.v2_3_0_prices import PRICE, PRICE_LIMIT, TARIFF_ELEMENT, down, without_taxes
from hub.ocpi.v2_2_1 import (
    Capability,
    CdrDimensionType,
    ConnectorType,
    EnvironmentalImpactCategory,
    Facility,
    ImageCategory,
    ParkingRestriction,
    ParkingType,
    Role,
    TokenType,
)


def _among(enum: type[StrEnum], *, otherwise: str | None = None, needed: bool = False) -> Words:
    """Words of an enum that has these and no others in 2.2.1."""
    return Words(among=frozenset(each.value for each in enum), otherwise=otherwise, needed=needed)


_TOKEN_TYPE = _among(TokenType, otherwise="OTHER")
_IMAGE = down("Image", fields={"category": _among(ImageCategory, otherwise="OTHER")})
_BUSINESS = down("BusinessDetails", fields={"logo": Within(_IMAGE)})
_IMPACT = down("EnvironmentalImpact", fields={"category": _among(EnvironmentalImpactCategory, needed=True)})
_ENERGY_MIX = down("EnergyMix", fields={"environ_impact": Within(_IMPACT)})
_CONNECTOR = down(
    "Connector",
    fields={"standard": _among(ConnectorType, needed=True), "capabilities": Drop()},
)
_EVSE = down(
    "EVSE",
    fields={
        "capabilities": _among(Capability),
        "connectors": Within(_CONNECTOR, needed=True),
        "parking_restrictions": _among(ParkingRestriction),
        "parking": Drop(),
        "images": Within(_IMAGE),
        "accepted_service_providers": Drop(),
    },
)
_LOCATION = down(
    "Location",
    fields={
        "publish_allowed_to": Within(down("PublishTokenType", fields={"type": _TOKEN_TYPE})),
        "parking_type": _among(ParkingType),
        "evses": Within(_EVSE),
        "parking_places": Drop(),
        "operator": Within(_BUSINESS),
        "suboperator": Within(_BUSINESS),
        "owner": Within(_BUSINESS),
        "facilities": _among(Facility),
        "images": Within(_IMAGE),
        "energy_mix": Within(_ENERGY_MIX),
        "help_phone": Drop(),
    },
)
_TARIFF = down(
    "Tariff",
    fields={
        "min_price": Within(PRICE_LIMIT),
        "max_price": Within(PRICE_LIMIT),
        "preauthorize_amount": Drop(),
        "elements": Within(TARIFF_ELEMENT, needed=True),
        "tax_included": Drop("prices of OCPI 2.2.1 are without taxes"),
        "energy_mix": Within(_ENERGY_MIX),
    },
    first=without_taxes,
    says="Where `tax_included` is `YES`, prices are reckoned without tax, by the `vat` of each component and to four "
    "decimals; a tariff that does not say enough for that is refused.",
)
_TOKEN = down("Token", fields={"type": _TOKEN_TYPE})
_CDR_TOKEN = down("CdrToken", fields={"type": _TOKEN_TYPE})
_CDR_LOCATION = down("CdrLocation", fields={"connector_standard": _among(ConnectorType, needed=True)})
_DIMENSION = down("CdrDimension", fields={"type": _among(CdrDimensionType, needed=True)})
_PERIOD = down("ChargingPeriod", fields={"dimensions": Within(_DIMENSION, needed=True)})
_ROLE = _among(Role, otherwise="OTHER")
_CREDENTIALS_ROLE = down("CredentialsRole", fields={"role": _ROLE, "business_details": Within(_BUSINESS)})

TABLES: tuple[Table, ...] = (
    *(down(kind) for kind in ALIKE),
    _LOCATION,
    _EVSE,
    _CONNECTOR,
    _TARIFF,
    _TOKEN,
    down("AuthorizationInfo", fields={"token": Within(_TOKEN)}),
    down("ReserveNow", fields={"token": Within(_TOKEN)}),
    down("StartSession", fields={"token": Within(_TOKEN)}),
    down(
        "Session",
        fields={
            "cdr_token": Within(_CDR_TOKEN),
            "charging_periods": Within(_PERIOD),
            "total_cost": Within(PRICE),
        },
    ),
    down(
        "CDR",
        fields={
            "booking_id": Drop(),
            "cdr_token": Within(_CDR_TOKEN),
            "cdr_location": Within(_CDR_LOCATION, needed=True),
            "tariffs": Within(_TARIFF),
            "charging_periods": Within(_PERIOD, needed=True),
            **{cost: Within(PRICE) for cost in COSTS},
        },
    ),
    down("ClientInfo", fields={"role": _ROLE}),
    _CREDENTIALS_ROLE,
    down(
        "Credentials",
        fields={
            "hub_party_id": Drop("a hub has the role HUB in OCPI 2.2.1"),
            "roles": Within(_CREDENTIALS_ROLE),
        },
    ),
)
