"""The chargingprofiles module of OCPI 2.3.0 (chapter 15)."""

from hub.ocpi import v2_2_1
from hub.ocpi.types import DateTime, Number, Object, Url
from hub.ocpi.v2_2_1 import ChargingProfileResultType, ChargingRateUnit


class ChargingProfilePeriod(v2_2_1.ChargingProfilePeriod):
    """The limit from one second of a profile on, 2.3.0 section 15.6.4."""


class ChargingProfile(Object, kw_only=True):
    """Limits of power or current over time, 2.3.0 section 15.6.3. `duration` is in seconds."""

    start_date_time: DateTime | None = None
    duration: int | None = None
    charging_rate_unit: ChargingRateUnit
    min_charging_rate: Number | None = None
    charging_profile_period: list[ChargingProfilePeriod] | None = None


class ActiveChargingProfile(Object, kw_only=True):
    """The profile that a charge point follows, 2.3.0 section 15.6.1."""

    start_date_time: DateTime
    charging_profile: ChargingProfile


class ActiveChargingProfileResult(Object, kw_only=True):
    """The charge point's answer to a question for its profile, 2.3.0 section 15.5.2."""

    result: ChargingProfileResultType
    profile: ActiveChargingProfile | None = None


class ChargingProfileResponse(v2_2_1.ChargingProfileResponse):
    """The CPO's first answer, 2.3.0 section 15.5.1. `timeout` is in seconds."""


class ChargingProfileResult(v2_2_1.ChargingProfileResult):
    """Whether the charge point took the profile, 2.3.0 section 15.5.3."""


class ClearProfileResult(v2_2_1.ClearProfileResult):
    """Whether the charge point dropped its profile, 2.3.0 section 15.5.4."""


class SetChargingProfile(Object, kw_only=True):
    """A profile to be set, 2.3.0 section 15.5.5."""

    charging_profile: ChargingProfile
    response_url: Url
