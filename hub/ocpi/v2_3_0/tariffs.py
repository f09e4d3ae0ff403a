"""The tariffs module of OCPI 2.3.0 (chapter 12)."""

from enum import StrEnum
from typing import Annotated

from hub.ocpi import v2_2_1
from hub.ocpi.types import AT_LEAST_ONE, CountryCode, Currency, DateTime, Number, Object, PartyId, Url, ci
from hub.ocpi.v2_2_1 import TariffType
from hub.ocpi.v2_3_0.locations import EnergyMix
from hub.ocpi.v2_3_0.types import DisplayText


class BookingRestrictionType(StrEnum):
    """Which costs of a booking a tariff element describes, 2.3.0 bookings section 11.4.5."""

    BOOKING = "BOOKING"
    BOOKING_EXPIRES = "BOOKING_EXPIRES"
    BOOKING_CANCELLATION_FEES = "BOOKING_CANCELLATION_FEES"
    BOOKING_OVERTIME = "BOOKING_OVERTIME"


class TaxIncluded(StrEnum):
    """Whether a tariff's prices are with taxes, 2.3.0 section 12.4.9."""

    YES = "YES"
    NO = "NO"
    NA = "N/A"


class PriceComponent(v2_2_1.PriceComponent):
    """The price of one dimension, 2.3.0 section 12.4.2. `Tariff.tax_included` says whether taxes are in it."""


class PriceLimit(Object, kw_only=True):
    """The least or the most that a session costs, 2.3.0 section 12.4.3."""

    before_taxes: Number
    after_taxes: Number | None = None


class TariffRestrictions(v2_2_1.TariffRestrictions, kw_only=True):
    """When a tariff element applies, 2.3.0 section 12.4.7."""

    booking: BookingRestrictionType | None = None  # branch bookings


class TariffElement(Object, kw_only=True):
    """Prices that apply under the same conditions, 2.3.0 section 12.4.5."""

    price_components: Annotated[list[PriceComponent], AT_LEAST_ONE]
    restrictions: TariffRestrictions | None = None


class Tariff(Object, kw_only=True):
    """What charging costs, 2.3.0 section 12.3.1."""

    country_code: CountryCode
    party_id: PartyId
    id: Annotated[str, ci(36)]
    currency: Currency
    type: TariffType | None = None
    tariff_alt_text: list[DisplayText] | None = None
    tariff_alt_url: Url | None = None
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    preauthorize_amount: Number | None = None  # branch payments
    elements: Annotated[list[TariffElement], AT_LEAST_ONE]
    tax_included: TaxIncluded
    start_date_time: DateTime | None = None
    end_date_time: DateTime | None = None
    energy_mix: EnergyMix | None = None
    last_updated: DateTime
