"""The locations module of OCPI 2.1.1: locations, EVSEs, connectors."""

from enum import StrEnum
from typing import Annotated

import msgspec

from hub.ocpi.types import AT_LEAST_ONE, DateTime, Number, Object, TimeOfDay, Url, text
from hub.ocpi.v2_1_1.types import DisplayText

_DEGREES = {"description": "degrees with six decimals, as 52.370216"}
Latitude = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,2}\.[0-9]{6}\Z", extra_json_schema=_DEGREES)]
Longitude = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,3}\.[0-9]{6}\Z", extra_json_schema=_DEGREES)]
Pixels = Annotated[int, msgspec.Meta(ge=0, le=99_999)]


class Capability(StrEnum):
    """What an EVSE can do, 2.1.1, mod_locations 4.2."""

    CHARGING_PROFILE_CAPABLE = "CHARGING_PROFILE_CAPABLE"
    CREDIT_CARD_PAYABLE = "CREDIT_CARD_PAYABLE"
    REMOTE_START_STOP_CAPABLE = "REMOTE_START_STOP_CAPABLE"
    RESERVABLE = "RESERVABLE"
    RFID_READER = "RFID_READER"
    UNLOCK_CAPABLE = "UNLOCK_CAPABLE"


class ConnectorFormat(StrEnum):
    """Socket or attached cable, 2.1.1, mod_locations 4.3."""

    SOCKET = "SOCKET"
    CABLE = "CABLE"


class ConnectorType(StrEnum):
    """The standard of a socket or plug, 2.1.1, mod_locations 4.4."""

    CHADEMO = "CHADEMO"
    DOMESTIC_A = "DOMESTIC_A"
    DOMESTIC_B = "DOMESTIC_B"
    DOMESTIC_C = "DOMESTIC_C"
    DOMESTIC_D = "DOMESTIC_D"
    DOMESTIC_E = "DOMESTIC_E"
    DOMESTIC_F = "DOMESTIC_F"
    DOMESTIC_G = "DOMESTIC_G"
    DOMESTIC_H = "DOMESTIC_H"
    DOMESTIC_I = "DOMESTIC_I"
    DOMESTIC_J = "DOMESTIC_J"
    DOMESTIC_K = "DOMESTIC_K"
    DOMESTIC_L = "DOMESTIC_L"
    IEC_60309_2_single_16 = "IEC_60309_2_single_16"
    IEC_60309_2_three_16 = "IEC_60309_2_three_16"
    IEC_60309_2_three_32 = "IEC_60309_2_three_32"
    IEC_60309_2_three_64 = "IEC_60309_2_three_64"
    IEC_62196_T1 = "IEC_62196_T1"
    IEC_62196_T1_COMBO = "IEC_62196_T1_COMBO"
    IEC_62196_T2 = "IEC_62196_T2"
    IEC_62196_T2_COMBO = "IEC_62196_T2_COMBO"
    IEC_62196_T3A = "IEC_62196_T3A"
    IEC_62196_T3C = "IEC_62196_T3C"
    TESLA_R = "TESLA_R"
    TESLA_S = "TESLA_S"


class EnergySourceCategory(StrEnum):
    """Where energy comes from, 2.1.1, mod_locations 4.7."""

    NUCLEAR = "NUCLEAR"
    GENERAL_FOSSIL = "GENERAL_FOSSIL"
    COAL = "COAL"
    GAS = "GAS"
    GENERAL_GREEN = "GENERAL_GREEN"
    SOLAR = "SOLAR"
    WIND = "WIND"
    WATER = "WATER"


class EnvironmentalImpactCategory(StrEnum):
    """What generation leaves behind, 2.1.1, mod_locations 4.9."""

    NUCLEAR_WASTE = "NUCLEAR_WASTE"
    CARBON_DIOXIDE = "CARBON_DIOXIDE"


class Facility(StrEnum):
    """What a location is part of or has, 2.1.1, mod_locations 4.11."""

    HOTEL = "HOTEL"
    RESTAURANT = "RESTAURANT"
    CAFE = "CAFE"
    MALL = "MALL"
    SUPERMARKET = "SUPERMARKET"
    SPORT = "SPORT"
    RECREATION_AREA = "RECREATION_AREA"
    NATURE = "NATURE"
    MUSEUM = "MUSEUM"
    BUS_STOP = "BUS_STOP"
    TAXI_STAND = "TAXI_STAND"
    TRAIN_STATION = "TRAIN_STATION"
    AIRPORT = "AIRPORT"
    CARPOOL_PARKING = "CARPOOL_PARKING"
    FUEL_STATION = "FUEL_STATION"
    WIFI = "WIFI"


class ImageCategory(StrEnum):
    """What an image is for, 2.1.1, mod_locations 4.15."""

    CHARGER = "CHARGER"
    ENTRANCE = "ENTRANCE"
    LOCATION = "LOCATION"
    NETWORK = "NETWORK"
    OPERATOR = "OPERATOR"
    OTHER = "OTHER"
    OWNER = "OWNER"


class LocationType(StrEnum):
    """The kind of place, 2.1.1, mod_locations 4.16."""

    ON_STREET = "ON_STREET"
    PARKING_GARAGE = "PARKING_GARAGE"
    UNDERGROUND_GARAGE = "UNDERGROUND_GARAGE"
    PARKING_LOT = "PARKING_LOT"
    OTHER = "OTHER"
    UNKNOWN = "UNKNOWN"


class ParkingRestriction(StrEnum):
    """Who may park at an EVSE, 2.1.1, mod_locations 4.17."""

    EV_ONLY = "EV_ONLY"
    PLUGGED = "PLUGGED"
    DISABLED = "DISABLED"
    CUSTOMERS = "CUSTOMERS"
    MOTORCYCLES = "MOTORCYCLES"


class PowerType(StrEnum):
    """The kind of current, 2.1.1, mod_locations 4.18."""

    AC_1_PHASE = "AC_1_PHASE"
    AC_3_PHASE = "AC_3_PHASE"
    DC = "DC"


class Status(StrEnum):
    """The status of an EVSE, 2.1.1, mod_locations 4.20."""

    AVAILABLE = "AVAILABLE"
    BLOCKED = "BLOCKED"
    CHARGING = "CHARGING"
    INOPERATIVE = "INOPERATIVE"
    OUTOFORDER = "OUTOFORDER"
    PLANNED = "PLANNED"
    REMOVED = "REMOVED"
    RESERVED = "RESERVED"
    UNKNOWN = "UNKNOWN"


class GeoLocation(Object, kw_only=True):
    """A point in WGS 84, with six decimals, 2.1.1, mod_locations 4.12."""

    latitude: Latitude
    longitude: Longitude


class AdditionalGeoLocation(Object, kw_only=True):
    """A point near a location, such as its entrance, 2.1.1, mod_locations 4.1."""

    latitude: Latitude
    longitude: Longitude
    name: DisplayText | None = None


class Image(Object, kw_only=True):
    """A picture and what it is for, 2.1.1, mod_locations 4.14."""

    url: Url
    thumbnail: Url | None = None
    category: ImageCategory
    type: Annotated[str, text(4)]
    width: Pixels | None = None
    height: Pixels | None = None


class BusinessDetails(Object, kw_only=True):
    """Who a company is, 2.1.1, mod_locations 4.1 (a second section of that number)."""

    name: Annotated[str, text(100)]
    website: Url | None = None
    logo: Image | None = None


class EnergySource(Object, kw_only=True):
    """The share of one source in per cent, 2.1.1, mod_locations 4.6."""

    source: EnergySourceCategory
    percentage: Annotated[Number, msgspec.Meta(ge=0, le=100)]


class EnvironmentalImpact(Object, kw_only=True):
    """The amount of one kind of waste in g/kWh, 2.1.1, mod_locations 4.8."""

    source: EnvironmentalImpactCategory
    amount: Number


class EnergyMix(Object, kw_only=True):
    """What energy is supplied, 2.1.1, mod_locations 4.5."""

    is_green_energy: bool
    energy_sources: list[EnergySource] | None = None
    environ_impact: list[EnvironmentalImpact] | None = None
    supplier_name: Annotated[str, text(64)] | None = None
    energy_product_name: Annotated[str, text(64)] | None = None


class RegularHours(Object, kw_only=True):
    """One span of a weekday (1 is Monday), 2.1.1, mod_locations 4.19."""

    weekday: Annotated[int, msgspec.Meta(ge=1, le=7)]
    period_begin: TimeOfDay
    period_end: TimeOfDay


class ExceptionalPeriod(Object, kw_only=True):
    """A span out of the regular hours, 2.1.1, mod_locations 4.10."""

    period_begin: DateTime
    period_end: DateTime


class Hours(Object, kw_only=True):
    """When a location is open, 2.1.1, mod_locations 4.13."""

    # The table makes these two a choice, the example has both: either, both and none are taken.
    regular_hours: list[RegularHours] | None = None
    twentyfourseven: bool | None = None
    exceptional_openings: list[ExceptionalPeriod] | None = None
    exceptional_closings: list[ExceptionalPeriod] | None = None


class StatusSchedule(Object, kw_only=True):
    """A status in the future, 2.1.1, mod_locations 4.21."""

    period_begin: DateTime
    period_end: DateTime | None = None
    status: Status


class Connector(Object, kw_only=True):
    """A socket or cable of an EVSE; volts and amperes, 2.1.1, mod_locations 3.3."""

    id: Annotated[str, text(36)]
    standard: ConnectorType
    format: ConnectorFormat
    power_type: PowerType
    voltage: int
    amperage: int
    tariff_id: Annotated[str, text(36)] | None = None
    terms_and_conditions: Url | None = None
    last_updated: DateTime


class EVSE(Object, kw_only=True):
    """What charges one vehicle at a time, 2.1.1, mod_locations 3.2."""

    uid: Annotated[str, text(39)]
    evse_id: Annotated[str, text(48)] | None = None
    status: Status
    status_schedule: list[StatusSchedule] | None = None
    capabilities: list[Capability] | None = None
    connectors: Annotated[list[Connector], AT_LEAST_ONE]
    floor_level: Annotated[str, text(4)] | None = None
    coordinates: GeoLocation | None = None
    physical_reference: Annotated[str, text(16)] | None = None
    directions: list[DisplayText] | None = None
    parking_restrictions: list[ParkingRestriction] | None = None
    images: list[Image] | None = None
    last_updated: DateTime


class Location(Object, kw_only=True):
    """A charging location, 2.1.1, mod_locations 3.1."""

    id: Annotated[str, text(39)]
    type: LocationType
    name: Annotated[str, text(255)] | None = None
    address: Annotated[str, text(45)]
    city: Annotated[str, text(45)]
    postal_code: Annotated[str, text(10)]
    # The table asks for alpha-3, the examples of Session and CDR have "BE".
    country: Annotated[str, msgspec.Meta(min_length=2, max_length=3)]
    coordinates: GeoLocation
    related_locations: list[AdditionalGeoLocation] | None = None
    evses: list[EVSE] | None = None
    directions: list[DisplayText] | None = None
    operator: BusinessDetails | None = None
    suboperator: BusinessDetails | None = None
    owner: BusinessDetails | None = None
    facilities: list[Facility] | None = None
    time_zone: Annotated[str, text(255)] | None = None
    opening_times: Hours | None = None
    charging_when_closed: bool | None = None
    images: list[Image] | None = None
    energy_mix: EnergyMix | None = None
    last_updated: DateTime
