"""The tariffs module of OCPI 2.1.1."""

from enum import StrEnum
from typing import Annotated

import msgspec

from hub.ocpi.types import AT_LEAST_ONE, Currency, Date, DateTime, Number, Object, TimeOfDay, Url, text
from hub.ocpi.v2_1_1.locations import EnergyMix
from hub.ocpi.v2_1_1.types import DisplayText


class DayOfWeek(StrEnum):
    """A day of the week, 2.1.1, mod_tariffs 4.1."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


class TariffDimensionType(StrEnum):
    """What a price is asked for, 2.1.1, mod_tariffs 4.4."""

    ENERGY = "ENERGY"
    FLAT = "FLAT"
    PARKING_TIME = "PARKING_TIME"
    TIME = "TIME"


DecimalText = Annotated[
    str, msgspec.Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?\Z", extra_json_schema={"description": "a number as text"})
]


class PriceComponent(Object, kw_only=True):
    """A price without VAT per kWh, hour or session, 2.1.1, mod_tariffs 4.2."""

    type: TariffDimensionType
    # The table has a number, the example of a CDR the text "2.00": `float` reads both.
    price: Number | DecimalText
    step_size: int


class TariffRestrictions(Object, kw_only=True):
    """When an element holds; kWh, kW, seconds, 2.1.1, mod_tariffs 4.5."""

    start_time: TimeOfDay | None = None
    end_time: TimeOfDay | None = None
    start_date: Date | None = None
    end_date: Date | None = None
    min_kwh: Number | None = None
    max_kwh: Number | None = None
    min_power: Number | None = None
    max_power: Number | None = None
    min_duration: int | None = None
    max_duration: int | None = None
    day_of_week: list[DayOfWeek] | None = None


class TariffElement(Object, kw_only=True):
    """Prices and when they hold, 2.1.1, mod_tariffs 4.3."""

    price_components: Annotated[list[PriceComponent], AT_LEAST_ONE]
    restrictions: TariffRestrictions | None = None


class Tariff(Object, kw_only=True):
    """A tariff; the first element that holds counts, 2.1.1, mod_tariffs 3.1."""

    id: Annotated[str, text(36)]
    currency: Currency
    tariff_alt_text: list[DisplayText] | None = None
    tariff_alt_url: Url | None = None
    elements: Annotated[list[TariffElement], AT_LEAST_ONE]
    energy_mix: EnergyMix | None = None
    last_updated: DateTime
