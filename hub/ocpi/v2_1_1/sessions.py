"""The sessions module of OCPI 2.1.1."""

from enum import StrEnum
from typing import Annotated

from hub.ocpi.types import Currency, DateTime, Number, Object, text
from hub.ocpi.v2_1_1.cdrs import AuthMethod, ChargingPeriod
from hub.ocpi.v2_1_1.locations import Location


class SessionStatus(StrEnum):
    """The state of a session, 2.1.1, mod_sessions 4.1."""

    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    INVALID = "INVALID"
    PENDING = "PENDING"


class Session(Object, kw_only=True):
    """A charging session; its location holds only the EVSE and connector in use, 2.1.1, mod_sessions 3.1."""

    id: Annotated[str, text(36)]
    start_datetime: DateTime
    end_datetime: DateTime | None = None
    kwh: Number
    auth_id: Annotated[str, text(36)]
    auth_method: AuthMethod
    location: Location
    meter_id: Annotated[str, text(255)] | None = None
    currency: Currency
    charging_periods: list[ChargingPeriod] | None = None
    total_cost: Number | None = None
    status: SessionStatus
    last_updated: DateTime
