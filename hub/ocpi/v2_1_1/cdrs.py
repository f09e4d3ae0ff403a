"""The CDRs module of OCPI 2.1.1."""

from enum import StrEnum
from typing import Annotated

from hub.ocpi.types import AT_LEAST_ONE, Currency, DateTime, Number, Object, ci, text
from hub.ocpi.v2_1_1.locations import Location
from hub.ocpi.v2_1_1.tariffs import Tariff


class AuthMethod(StrEnum):
    """How a session was authorised, 2.1.1, mod_cdrs 4.1."""

    AUTH_REQUEST = "AUTH_REQUEST"
    WHITELIST = "WHITELIST"


class CdrDimensionType(StrEnum):
    """What a dimension measures, 2.1.1, mod_cdrs 4.3."""

    ENERGY = "ENERGY"
    FLAT = "FLAT"
    MAX_CURRENT = "MAX_CURRENT"
    MIN_CURRENT = "MIN_CURRENT"
    PARKING_TIME = "PARKING_TIME"
    TIME = "TIME"


class CdrDimension(Object, kw_only=True):
    """One measured volume in kWh, A or hours, 2.1.1, mod_cdrs 4.2."""

    type: CdrDimensionType
    volume: Number


class ChargingPeriod(Object, kw_only=True):
    """A part of a session in which one price holds, 2.1.1, mod_cdrs 4.4."""

    start_date_time: DateTime
    dimensions: Annotated[list[CdrDimension], AT_LEAST_ONE]


class CDR(Object, kw_only=True):
    """A charge detail record; costs without VAT, kWh, hours, 2.1.1, mod_cdrs 3.1."""

    id: Annotated[str, ci(36)]
    start_date_time: DateTime
    stop_date_time: DateTime
    auth_id: Annotated[str, text(36)]
    auth_method: AuthMethod
    location: Location
    meter_id: Annotated[str, text(255)] | None = None
    currency: Currency
    tariffs: list[Tariff] | None = None
    charging_periods: Annotated[list[ChargingPeriod], AT_LEAST_ONE]
    total_cost: Number
    total_energy: Number
    total_time: Number
    total_parking_time: Number | None = None
    remark: Annotated[str, text(255)] | None = None
    last_updated: DateTime
