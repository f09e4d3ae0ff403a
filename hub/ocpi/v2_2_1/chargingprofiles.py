"""The charging profiles module of OCPI 2.2.1: its wire types (chapter 14)."""

from enum import StrEnum

from hub.ocpi.types import DateTime, Number, Object, Url


class ChargingRateUnit(StrEnum):
    """Watt, or ampere per phase, 2.2.1 section 14.6.2."""

    W = "W"
    A = "A"


class ChargingProfileResponseType(StrEnum):
    """What a CPO says to a request about charging profiles, 2.2.1 section 14.6.5."""

    ACCEPTED = "ACCEPTED"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    TOO_OFTEN = "TOO_OFTEN"
    UNKNOWN_SESSION = "UNKNOWN_SESSION"


class ChargingProfileResultType(StrEnum):
    """What an EVSE made of a charging profile, 2.2.1 section 14.6.6."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"


class ChargingProfileResponse(Object, kw_only=True):
    """The CPO's immediate answer to a request about charging profiles, 2.2.1 section 14.5.1."""

    result: ChargingProfileResponseType
    timeout: int


class ChargingProfilePeriod(Object, kw_only=True):
    """A limit from a second of the profile on, 2.2.1 section 14.6.4."""

    start_period: int
    limit: Number


class ChargingProfile(Object, kw_only=True):
    """Limits of power or current over time, 2.2.1 section 14.6.3."""

    start_date_time: DateTime | None = None
    duration: int | None = None
    charging_rate_unit: ChargingRateUnit
    min_charging_rate: Number | None = None
    charging_profile_period: list[ChargingProfilePeriod] | None = None


class ActiveChargingProfile(Object, kw_only=True):
    """The profile that an EVSE works out and follows, 2.2.1 section 14.6.1."""

    start_date_time: DateTime
    charging_profile: ChargingProfile


class ActiveChargingProfileResult(Object, kw_only=True):
    """The profile that an EVSE follows, sent after it was asked for, 2.2.1 section 14.5.2."""

    result: ChargingProfileResultType
    profile: ActiveChargingProfile | None = None


class ChargingProfileResult(Object, kw_only=True):
    """What became of a profile that was set, sent later, 2.2.1 section 14.5.3."""

    result: ChargingProfileResultType


class ClearProfileResult(Object, kw_only=True):
    """What became of the removal of a profile, sent later, 2.2.1 section 14.5.4."""

    result: ChargingProfileResultType


class SetChargingProfile(Object, kw_only=True):
    """The request to follow a charging profile, 2.2.1 section 14.5.5."""

    charging_profile: ChargingProfile
    response_url: Url
