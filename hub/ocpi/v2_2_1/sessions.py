"""The sessions module of OCPI 2.2.1: its wire types (chapter 9)."""

from enum import StrEnum
from typing import Annotated

from hub.ocpi.types import CountryCode, Currency, DateTime, Number, Object, PartyId, ci, text
from hub.ocpi.v2_2_1.cdrs import AuthMethod, CdrToken, ChargingPeriod
from hub.ocpi.v2_2_1.types import Price, ProfileType


class ChargingPreferencesResponse(StrEnum):
    """What a CPO says to charging preferences, 2.2.1 section 9.4.1."""

    ACCEPTED = "ACCEPTED"
    DEPARTURE_REQUIRED = "DEPARTURE_REQUIRED"
    ENERGY_NEED_REQUIRED = "ENERGY_NEED_REQUIRED"
    NOT_POSSIBLE = "NOT_POSSIBLE"
    PROFILE_TYPE_NOT_SUPPORTED = "PROFILE_TYPE_NOT_SUPPORTED"


class SessionStatus(StrEnum):
    """The state of a session, 2.2.1 section 9.4.3."""

    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    INVALID = "INVALID"
    PENDING = "PENDING"
    RESERVATION = "RESERVATION"


class Session(Object, kw_only=True):
    """A charging session while it goes on, 2.2.1 section 9.3.1."""

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


class ChargingPreferences(Object, kw_only=True):
    """What a driver wants of smart charging, 2.2.1 section 9.3.2."""

    profile_type: ProfileType
    departure_time: DateTime | None = None
    energy_need: Number | None = None
    discharge_allowed: bool | None = None
