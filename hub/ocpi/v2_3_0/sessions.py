"""The sessions module of OCPI 2.3.0 (chapter 9)."""

from typing import Annotated

from hub.ocpi import v2_2_1
from hub.ocpi.types import CountryCode, Currency, DateTime, Number, Object, PartyId, ci, text
from hub.ocpi.v2_2_1 import AuthMethod, SessionStatus
from hub.ocpi.v2_3_0.cdrs import CdrToken, ChargingPeriod
from hub.ocpi.v2_3_0.types import Price


class ChargingPreferences(v2_2_1.ChargingPreferences):
    """What a driver wishes of a session, 2.3.0 section 9.3.2."""


class Session(Object, kw_only=True):
    """A charging session, 2.3.0 section 9.3.1."""

    country_code: CountryCode
    party_id: PartyId
    id: Annotated[str, ci(36)]
    start_date_time: DateTime
    end_date_time: DateTime | None = None
    kwh: Number
    cdr_token: CdrToken
    auth_method: AuthMethod
    authorization_reference: Annotated[str, ci(36)] | None = None
    location_id: Annotated[str, ci(36)]
    evse_uid: Annotated[str, ci(36)]
    connector_id: Annotated[str, ci(36)]
    meter_id: Annotated[str, text(255)] | None = None
    currency: Currency
    charging_periods: list[ChargingPeriod] | None = None
    total_cost: Price | None = None
    status: SessionStatus
    last_updated: DateTime
