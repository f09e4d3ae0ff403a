"""The tariffs module of OCPI 2.2.1: its wire types (chapter 11)."""

from enum import StrEnum
from typing import Annotated

from hub.ocpi.types import (
    AT_LEAST_ONE,
    CountryCode,
    Currency,
    Date,
    DateTime,
    Number,
    Object,
    PartyId,
    TimeOfDay,
    Url,
    ci,
)
from hub.ocpi.v2_2_1.locations import EnergyMix
from hub.ocpi.v2_2_1.types import DisplayText, Price


class DayOfWeek(StrEnum):
    """Days of the week, 2.2.1 section 11.4.1."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


class ReservationRestrictionType(StrEnum):
    """Whether a price is for a reservation, or for one that nobody used, 2.2.1 section 11.4.3."""

    RESERVATION = "RESERVATION"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


class TariffDimensionType(StrEnum):
    """What has a price, 2.2.1 section 11.4.5."""

    ENERGY = "ENERGY"
    FLAT = "FLAT"
    PARKING_TIME = "PARKING_TIME"
    TIME = "TIME"


class TariffType(StrEnum):
    """Which sessions a tariff is for, 2.2.1 section 11.4.7."""

    AD_HOC_PAYMENT = "AD_HOC_PAYMENT"
    PROFILE_CHEAP = "PROFILE_CHEAP"
    PROFILE_FAST = "PROFILE_FAST"
    PROFILE_GREEN = "PROFILE_GREEN"
    REGULAR = "REGULAR"


class PriceComponent(Object, kw_only=True):
    """The price of one dimension, 2.2.1 section 11.4.2."""

    type: TariffDimensionType
    price: Number
    vat: Number | None = None
    step_size: int


class TariffRestrictions(Object, kw_only=True):
    """Conditions, all of which must be met, under which prices hold, 2.2.1 section 11.4.6."""

    start_time: TimeOfDay | None = None
    end_time: TimeOfDay | None = None
    start_date: Date | None = None
    end_date: Date | None = None
    min_kwh: Number | None = None
    max_kwh: Number | None = None
    min_current: Number | None = None
    max_current: Number | None = None
    min_power: Number | None = None
    max_power: Number | None = None
    min_duration: int | None = None
    max_duration: int | None = None
    day_of_week: list[DayOfWeek] | None = None
    reservation: ReservationRestrictionType | None = None


class TariffElement(Object, kw_only=True):
    """Prices that hold under the same conditions, 2.2.1 section 11.4.4."""

    price_components: Annotated[list[PriceComponent], AT_LEAST_ONE]
    restrictions: TariffRestrictions | None = None


class Tariff(Object, kw_only=True):
    """What charging costs, 2.2.1 section 11.3.1."""

    country_code: CountryCode
    party_id: PartyId
    id: Annotated[str, ci(36)]
    currency: Currency
    type: TariffType | None = None
    tariff_alt_text: list[DisplayText] | None = None
    tariff_alt_url: Url | None = None
    min_price: Price | None = None
    max_price: Price | None = None
    elements: Annotated[list[TariffElement], AT_LEAST_ONE]
    start_date_time: DateTime | None = None
    end_date_time: DateTime | None = None
    energy_mix: EnergyMix | None = None
    last_updated: DateTime
