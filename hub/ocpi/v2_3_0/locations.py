"""The objects of the locations module of OCPI 2.3.0 (chapter 8)."""

from typing import Annotated

import msgspec

from hub.ocpi import v2_2_1
from hub.ocpi.types import (
    AT_LEAST_ONE,
    CI,
    Country,
    CountryCode,
    DateTime,
    Number,
    Object,
    PartyId,
    Url,
    ci,
    text,
)
from hub.ocpi.v2_2_1 import ConnectorFormat, PowerType, Status
from hub.ocpi.v2_2_1.locations import Pixels
from hub.ocpi.v2_3_0.location_enums import (
    Capability,
    ConnectorCapability,
    ConnectorType,
    EnvironmentalImpactCategory,
    EVSEPosition,
    Facility,
    ImageCategory,
    ParkingDirection,
    ParkingRestriction,
    ParkingType,
    VehicleType,
)
from hub.ocpi.v2_3_0.tokens import TokenType
from hub.ocpi.v2_3_0.types import DisplayText


class GeoLocation(v2_2_1.GeoLocation):
    """A point on the map, 2.3.0 section 8.4.16."""


class AdditionalGeoLocation(v2_2_1.AdditionalGeoLocation, kw_only=True):
    """A point near a location, with a name, 2.3.0 section 8.4.1."""

    name: DisplayText | None = None


class Image(Object, kw_only=True):
    """A picture or logo, 2.3.0 section 8.4.18."""

    url: Url
    thumbnail: Url | None = None
    category: ImageCategory
    type: Annotated[str, ci(4)]
    width: Pixels | None = None
    height: Pixels | None = None


class BusinessDetails(Object, kw_only=True):
    """Who a company is, 2.3.0 section 8.4.2."""

    name: Annotated[str, text(100)]
    website: Url | None = None
    logo: Image | None = None


class EnergySource(v2_2_1.EnergySource):
    """The share of one source in an energy mix, 2.3.0 section 8.4.8."""


class EnvironmentalImpact(Object, kw_only=True):
    """How much waste a kWh makes, 2.3.0 section 8.4.10."""

    category: EnvironmentalImpactCategory
    amount: Number


class EnergyMix(Object, kw_only=True):
    """Where the energy comes from, 2.3.0 section 8.4.7."""

    is_green_energy: bool
    energy_sources: list[EnergySource] | None = None
    environ_impact: list[EnvironmentalImpact] | None = None
    supplier_name: Annotated[str, text(64)] | None = None
    energy_product_name: Annotated[str, text(64)] | None = None


class EVSEParking(Object, kw_only=True):
    """A parking space that goes with an EVSE, 2.3.0 section 8.4.12."""

    parking_id: Annotated[str, ci(36)]
    evse_position: EVSEPosition | None = None


class ExceptionalPeriod(v2_2_1.ExceptionalPeriod):
    """A period that departs from the regular hours, 2.3.0 section 8.4.14."""


class RegularHours(v2_2_1.RegularHours):
    """A period of each week, 2.3.0 section 8.4.25."""


class Hours(Object, kw_only=True):
    """When a location is open, 2.3.0 section 8.4.17."""

    twentyfourseven: bool
    regular_hours: list[RegularHours] | None = None
    exceptional_openings: list[ExceptionalPeriod] | None = None
    exceptional_closings: list[ExceptionalPeriod] | None = None


class PublishTokenType(Object, kw_only=True):
    """To whose tokens an unpublished location is shown, 2.3.0 section 8.4.24."""

    uid: Annotated[str, ci(36)] | None = None
    type: TokenType | None = None
    visual_number: Annotated[str, text(64)] | None = None
    issuer: Annotated[str, text(64)] | None = None
    group_id: Annotated[str, ci(36)] | None = None


class StatusSchedule(v2_2_1.StatusSchedule):
    """A status that is planned for later, 2.3.0 section 8.4.27."""


class Connector(Object, kw_only=True):
    """A socket or cable of an EVSE, 2.3.0 section 8.3.3."""

    id: Annotated[str, ci(36)]
    standard: ConnectorType
    format: ConnectorFormat
    power_type: PowerType
    max_voltage: int
    max_amperage: int
    max_electric_power: int | None = None
    tariff_ids: list[Annotated[str, ci(36)]] | None = None
    terms_and_conditions: Url | None = None
    capabilities: list[ConnectorCapability] | None = None
    last_updated: DateTime


class EVSE(Object, kw_only=True):
    """What charges one vehicle at a time, 2.3.0 section 8.3.2."""

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
    parking: list[EVSEParking] | None = None
    images: list[Image] | None = None
    accepted_service_providers: list[Annotated[str, text(50)]] | None = None
    last_updated: DateTime


class Parking(Object, kw_only=True):
    """A parking space for charging vehicles, 2.3.0 section 8.3.4."""

    id: Annotated[str, ci(36)]
    physical_reference: Annotated[str, text(12)] | None = None
    vehicle_types: Annotated[list[VehicleType], AT_LEAST_ONE]
    max_vehicle_weight: Number | None = None
    max_vehicle_height: Number | None = None
    max_vehicle_length: Number | None = None
    max_vehicle_width: Number | None = None
    parking_space_length: Number | None = None
    parking_space_width: Number | None = None
    dangerous_goods_allowed: bool | None = None
    direction: ParkingDirection | None = None
    drive_through: bool | None = None
    restricted_to_type: bool
    reservation_required: bool
    time_limit: Number | None = None
    roofed: bool | None = None
    images: list[Image] | None = None
    lighting: bool | None = None
    refrigeration_outlet: bool | None = None
    standards: list[Annotated[str, ci(36)]] | None = None
    apds_reference: Annotated[str, msgspec.Meta(extra={CI: True})] | None = None


class Location(Object, kw_only=True):
    """A charging location, 2.3.0 section 8.3.1."""

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
    parking_places: list[Parking] | None = None
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
    help_phone: Annotated[str, ci(25)] | None = None
    last_updated: DateTime
