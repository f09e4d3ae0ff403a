"""The locations module of OCPI 2.2.1: its wire types (chapter 8)."""

from enum import StrEnum
from typing import Annotated

import msgspec

from hub.ocpi.types import (
    AT_LEAST_ONE,
    Country,
    CountryCode,
    DateTime,
    Number,
    Object,
    PartyId,
    TimeOfDay,
    Url,
    ci,
    text,
)
from hub.ocpi.v2_2_1.tokens import TokenType
from hub.ocpi.v2_2_1.types import DisplayText

# The patterns reach one character beyond the lengths of the tables (10 and 11): -12.1234567 is good by them.
Latitude = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,2}\.[0-9]{5,7}\Z")]
Longitude = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,3}\.[0-9]{5,7}\Z")]
Pixels = Annotated[int, msgspec.Meta(ge=0, le=99_999)]


class Capability(StrEnum):
    """What an EVSE can do, 2.2.1 section 8.4.3."""

    CHARGING_PROFILE_CAPABLE = "CHARGING_PROFILE_CAPABLE"
    CHARGING_PREFERENCES_CAPABLE = "CHARGING_PREFERENCES_CAPABLE"
    CHIP_CARD_SUPPORT = "CHIP_CARD_SUPPORT"
    CONTACTLESS_CARD_SUPPORT = "CONTACTLESS_CARD_SUPPORT"
    CREDIT_CARD_PAYABLE = "CREDIT_CARD_PAYABLE"
    DEBIT_CARD_PAYABLE = "DEBIT_CARD_PAYABLE"
    PED_TERMINAL = "PED_TERMINAL"
    REMOTE_START_STOP_CAPABLE = "REMOTE_START_STOP_CAPABLE"
    RESERVABLE = "RESERVABLE"
    RFID_READER = "RFID_READER"
    START_SESSION_CONNECTOR_REQUIRED = "START_SESSION_CONNECTOR_REQUIRED"
    TOKEN_GROUP_CAPABLE = "TOKEN_GROUP_CAPABLE"  # noqa: S105
    UNLOCK_CAPABLE = "UNLOCK_CAPABLE"


class ConnectorFormat(StrEnum):
    """Socket or cable, 2.2.1 section 8.4.4."""

    SOCKET = "SOCKET"
    CABLE = "CABLE"


class ConnectorType(StrEnum):
    """The standard of a socket or plug, 2.2.1 section 8.4.5."""

    CHADEMO = "CHADEMO"
    CHAOJI = "CHAOJI"
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
    DOMESTIC_M = "DOMESTIC_M"
    DOMESTIC_N = "DOMESTIC_N"
    DOMESTIC_O = "DOMESTIC_O"
    GBT_AC = "GBT_AC"
    GBT_DC = "GBT_DC"
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
    NEMA_5_20 = "NEMA_5_20"
    NEMA_6_30 = "NEMA_6_30"
    NEMA_6_50 = "NEMA_6_50"
    NEMA_10_30 = "NEMA_10_30"
    NEMA_10_50 = "NEMA_10_50"
    NEMA_14_30 = "NEMA_14_30"
    NEMA_14_50 = "NEMA_14_50"
    PANTOGRAPH_BOTTOM_UP = "PANTOGRAPH_BOTTOM_UP"
    PANTOGRAPH_TOP_DOWN = "PANTOGRAPH_TOP_DOWN"
    TESLA_R = "TESLA_R"
    TESLA_S = "TESLA_S"


class EnergySourceCategory(StrEnum):
    """Sources of energy, 2.2.1 section 8.4.8."""

    NUCLEAR = "NUCLEAR"
    GENERAL_FOSSIL = "GENERAL_FOSSIL"
    COAL = "COAL"
    GAS = "GAS"
    GENERAL_GREEN = "GENERAL_GREEN"
    SOLAR = "SOLAR"
    WIND = "WIND"
    WATER = "WATER"


class EnvironmentalImpactCategory(StrEnum):
    """Kinds of waste, 2.2.1 section 8.4.10."""

    NUCLEAR_WASTE = "NUCLEAR_WASTE"
    CARBON_DIOXIDE = "CARBON_DIOXIDE"


class Facility(StrEnum):
    """What is found at a location, or next to it, 2.2.1 section 8.4.12."""

    HOTEL = "HOTEL"
    RESTAURANT = "RESTAURANT"
    CAFE = "CAFE"
    MALL = "MALL"
    SUPERMARKET = "SUPERMARKET"
    SPORT = "SPORT"
    RECREATION_AREA = "RECREATION_AREA"
    NATURE = "NATURE"
    MUSEUM = "MUSEUM"
    BIKE_SHARING = "BIKE_SHARING"
    BUS_STOP = "BUS_STOP"
    TAXI_STAND = "TAXI_STAND"
    TRAM_STOP = "TRAM_STOP"
    METRO_STATION = "METRO_STATION"
    TRAIN_STATION = "TRAIN_STATION"
    AIRPORT = "AIRPORT"
    PARKING_LOT = "PARKING_LOT"
    CARPOOL_PARKING = "CARPOOL_PARKING"
    FUEL_STATION = "FUEL_STATION"
    WIFI = "WIFI"


class ImageCategory(StrEnum):
    """What a picture shows, 2.2.1 section 8.4.16."""

    CHARGER = "CHARGER"
    ENTRANCE = "ENTRANCE"
    LOCATION = "LOCATION"
    NETWORK = "NETWORK"
    OPERATOR = "OPERATOR"
    OTHER = "OTHER"
    OWNER = "OWNER"


class ParkingRestriction(StrEnum):
    """Who may park, 2.2.1 section 8.4.17."""

    EV_ONLY = "EV_ONLY"
    PLUGGED = "PLUGGED"
    DISABLED = "DISABLED"
    CUSTOMERS = "CUSTOMERS"
    MOTORCYCLES = "MOTORCYCLES"


class ParkingType(StrEnum):
    """Where people park, 2.2.1 section 8.4.18."""

    ALONG_MOTORWAY = "ALONG_MOTORWAY"
    PARKING_GARAGE = "PARKING_GARAGE"
    PARKING_LOT = "PARKING_LOT"
    ON_DRIVEWAY = "ON_DRIVEWAY"
    ON_STREET = "ON_STREET"
    UNDERGROUND_GARAGE = "UNDERGROUND_GARAGE"


class PowerType(StrEnum):
    """Kind of current and phases, 2.2.1 section 8.4.19."""

    AC_1_PHASE = "AC_1_PHASE"
    AC_2_PHASE = "AC_2_PHASE"
    AC_2_PHASE_SPLIT = "AC_2_PHASE_SPLIT"
    AC_3_PHASE = "AC_3_PHASE"
    DC = "DC"


class Status(StrEnum):
    """The state of an EVSE, 2.2.1 section 8.4.22."""

    AVAILABLE = "AVAILABLE"
    BLOCKED = "BLOCKED"
    CHARGING = "CHARGING"
    INOPERATIVE = "INOPERATIVE"
    OUTOFORDER = "OUTOFORDER"
    PLANNED = "PLANNED"
    REMOVED = "REMOVED"
    RESERVED = "RESERVED"
    UNKNOWN = "UNKNOWN"


class Connector(Object, kw_only=True):
    """A socket, or a cable with its plug, 2.2.1 section 8.3.3."""

    id: Annotated[str, ci(36)]
    standard: ConnectorType
    format: ConnectorFormat
    power_type: PowerType
    max_voltage: int
    max_amperage: int
    max_electric_power: int | None = None
    tariff_ids: list[Annotated[str, ci(36)]] | None = None
    terms_and_conditions: Url | None = None
    last_updated: DateTime


class GeoLocation(Object, kw_only=True):
    """A point on the map in decimal degrees, WGS 84, 2.2.1 section 8.4.13."""

    latitude: Latitude
    longitude: Longitude


class Image(Object, kw_only=True):
    """A picture, and what it is for, 2.2.1 section 8.4.15."""

    url: Url
    thumbnail: Url | None = None
    category: ImageCategory
    type: Annotated[str, ci(4)]
    width: Pixels | None = None
    height: Pixels | None = None


class StatusSchedule(Object, kw_only=True):
    """A state that an EVSE will be in, 2.2.1 section 8.4.23."""

    period_begin: DateTime
    period_end: DateTime | None = None
    status: Status


class EVSE(Object, kw_only=True):
    """What supplies one vehicle at a time, 2.2.1 section 8.3.2."""

    uid: Annotated[str, ci(36)]
    evse_id: Annotated[str, ci(48)] | None = None
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


class AdditionalGeoLocation(Object, kw_only=True):
    """A further point that matters to drivers, as an entrance, 2.2.1 section 8.4.1."""

    latitude: Latitude
    longitude: Longitude
    name: DisplayText | None = None


class BusinessDetails(Object, kw_only=True):
    """Who a party is, 2.2.1 section 8.4.2."""

    name: Annotated[str, text(100)]
    website: Url | None = None
    logo: Image | None = None


class EnergySource(Object, kw_only=True):
    """The share of one source in an energy mix, 2.2.1 section 8.4.7."""

    source: EnergySourceCategory
    percentage: Annotated[Number, msgspec.Meta(ge=0, le=100)]


class EnvironmentalImpact(Object, kw_only=True):
    """How much of one kind of waste a kWh makes, in grams, 2.2.1 section 8.4.9."""

    category: EnvironmentalImpactCategory
    amount: Number


class EnergyMix(Object, kw_only=True):
    """Where the energy comes from, and what it does to the environment, 2.2.1 section 8.4.6."""

    is_green_energy: bool
    energy_sources: list[EnergySource] | None = None
    environ_impact: list[EnvironmentalImpact] | None = None
    supplier_name: Annotated[str, text(64)] | None = None
    energy_product_name: Annotated[str, text(64)] | None = None


class ExceptionalPeriod(Object, kw_only=True):
    """A time at which usual hours do not hold, 2.2.1 section 8.4.11."""

    period_begin: DateTime
    period_end: DateTime


class RegularHours(Object, kw_only=True):
    """Opening hours of one day of the week, in local time, 2.2.1 section 8.4.21."""

    weekday: Annotated[int, msgspec.Meta(ge=1, le=7)]
    period_begin: TimeOfDay
    period_end: TimeOfDay


class Hours(Object, kw_only=True):
    """When a location is open, 2.2.1 section 8.4.14."""

    twentyfourseven: bool
    regular_hours: list[RegularHours] | None = None
    exceptional_openings: list[ExceptionalPeriod] | None = None
    exceptional_closings: list[ExceptionalPeriod] | None = None


class PublishTokenType(Object, kw_only=True):
    """A token whose owner may be shown a location that is not public, 2.2.1 section 8.4.20."""

    uid: Annotated[str, ci(36)] | None = None
    type: TokenType | None = None
    visual_number: Annotated[str, text(64)] | None = None
    issuer: Annotated[str, text(64)] | None = None
    group_id: Annotated[str, ci(36)] | None = None


class Location(Object, kw_only=True):
    """A charging location, 2.2.1 section 8.3.1."""

    country_code: CountryCode
    party_id: PartyId
    id: Annotated[str, ci(36)]
    publish: bool
    publish_allowed_to: list[PublishTokenType] | None = None
    name: Annotated[str, text(255)] | None = None
    address: Annotated[str, text(255)]
    city: Annotated[str, text(45)]
    postal_code: Annotated[str, text(10)] | None = None
    state: Annotated[str, text(45)] | None = None
    country: Country
    coordinates: GeoLocation
    related_locations: list[AdditionalGeoLocation] | None = None
    parking_type: ParkingType | None = None
    evses: list[EVSE] | None = None
    directions: list[DisplayText] | None = None
    operator: BusinessDetails | None = None
    suboperator: BusinessDetails | None = None
    owner: BusinessDetails | None = None
    facilities: list[Facility] | None = None
    time_zone: Annotated[str, text(255)]
    opening_times: Hours | None = None
    charging_when_closed: bool | None = None
    images: list[Image] | None = None
    energy_mix: EnergyMix | None = None
    last_updated: DateTime
