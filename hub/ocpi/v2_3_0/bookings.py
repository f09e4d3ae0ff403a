"""The bookings module of OCPI 2.3.0 (branch bookings, edition 1.1, chapter 16).

Where the chapter's examples break its tables, the tables count: the examples are left over from edition 1.0, with
party ids of five characters and times such as 23:59:99.
"""

from enum import StrEnum
from typing import Annotated

from hub.ocpi.types import AT_LEAST_ONE, CountryCode, DateTime, Number, Object, PartyId, Url, ci
from hub.ocpi.v2_2_1 import ConnectorFormat, PowerType
from hub.ocpi.v2_3_0.location_enums import ConnectorType, EVSEPosition, VehicleType
from hub.ocpi.v2_3_0.tokens import TokenType
from hub.ocpi.v2_3_0.types import Role


class AccessMethod(StrEnum):
    """How a driver gets to a booked charger, 2.3.0 bookings section 16.4.2."""

    OPEN = "OPEN"
    TOKEN = "TOKEN"  # noqa: S105
    LICENSE_PLATE = "LICENSE_PLATE"
    ACCESS_CODE = "ACCESS_CODE"
    INTERCOM = "INTERCOM"
    PARKING_TICKET = "PARKING_TICKET"


class CanceledReason(StrEnum):
    """Why a booking was cancelled, 2.3.0 bookings section 16.4.8."""

    POWER_OUTAGE = "POWER_OUTAGE"
    BROKEN_CHARGER = "BROKEN_CHARGER"
    FULL = "FULL"
    BLOCKED = "BLOCKED"
    TRAFFIC = "TRAFFIC"
    BROKEN_VEHICLE = "BROKEN_VEHICLE"
    NO_CANCELED = "NO_CANCELED"
    UNKNOWN = "UNKNOWN"


class ReservationRequestStatus(StrEnum):
    """How far the CPO is with a booking request, 2.3.0 bookings section 16.4.12."""

    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    FAILED = "FAILED"


class ReservationStatus(StrEnum):
    """How a booking stands, 2.3.0 bookings section 16.4.13."""

    PENDING = "PENDING"
    RESERVED = "RESERVED"
    CANCELED = "CANCELED"
    FAILED = "FAILED"
    NO_SHOW = "NO_SHOW"
    FULFILLED = "FULFILLED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"


class AccessInformation(Object, kw_only=True):
    """A way to the charger, with the code or plate that opens it, 2.3.0 bookings section 16.4.1."""

    method: AccessMethod
    value: str | None = None


class BookingOption(Object, kw_only=True):
    """What can be booked: an EVSE, or any place that fits a vehicle, 2.3.0 bookings section 16.4.3."""

    evse_uid: Annotated[str, ci(36)] | None = None
    connector_id: Annotated[str, ci(36)] | None = None
    parking_id: Annotated[str, ci(36)] | None = None
    evse_position: list[EVSEPosition] | None = None
    vehicle_types: list[VehicleType] | None = None
    connector_format: list[ConnectorFormat] | None = None
    connector_types: list[ConnectorType] | None = None
    power_types: list[PowerType] | None = None
    max_vehicle_weight: Number | None = None
    max_vehicle_height: Number | None = None
    max_vehicle_length: Number | None = None
    max_vehicle_width: Number | None = None
    min_parking_space_length: Number | None = None
    min_parking_space_width: Number | None = None
    dangerous_goods_allowed: bool | None = None
    drive_through: bool | None = None
    refrigeration_outlet: bool | None = None


class BookingTerms(Object, kw_only=True):
    """Under which terms a booking is made, changed and cancelled, 2.3.0 bookings section 16.4.6."""

    rfid_auth_required: bool | None = None
    token_groups_supported: bool | None = None
    remote_auth_supported: bool | None = None
    supported_access_methods: Annotated[list[AccessMethod], AT_LEAST_ONE]
    change_until_minutes: Number
    cancel_until_minutes: Number
    change_not_allowed: bool | None = None
    early_start_allowed: bool | None = None
    early_start_time: Number | None = None
    noshow_timeout: Number | None = None
    noshow_fee: bool | None = None
    late_stop_allowed: bool | None = None
    late_stop_time: Number | None = None
    overlapping_bookings_allowed: bool | None = None
    min_booking_duration: Number | None = None
    max_booking_duration: Number | None = None
    booking_terms: Url | None = None


class BookingToken(Object, kw_only=True):
    """A token that may use the booking, 2.3.0 bookings section 16.4.7."""

    country_code: CountryCode
    party_id: PartyId
    uid: Annotated[str, ci(36)]
    type: TokenType
    contract_id: Annotated[str, ci(36)]


class Cancellation(Object, kw_only=True):
    """Who cancelled a booking, and why, 2.3.0 bookings section 16.4.9."""

    cancellation_reason: CanceledReason
    # The type's name says Role, the link behind it InterfaceRole: the field is for CPO and EMSP.
    who_canceled: Role


class Period(Object, kw_only=True):
    """From when until when is booked, 2.3.0 bookings section 16.4.10."""

    start_date_time: DateTime
    end_date_time: DateTime


class Policy(Object, kw_only=True):
    """Whether one has to book, and how many places are left to others, 2.3.0 bookings section 16.4.11."""

    reservation_required: bool
    ad_hoc: Number | None = None


class Timeslot(Object, kw_only=True):
    """A time that can be booked, and the power in it, 2.3.0 bookings section 16.4.14."""

    start_date_time: DateTime
    end_date_time: DateTime
    min_power: Number | None = None
    max_power: Number | None = None
    green_energy_support: bool | None = None


class BookingRequest(Object, kw_only=True):
    """What an eMSP asks for, 2.3.0 bookings section 16.4.4."""

    country_code: CountryCode
    party_id: PartyId
    request_id: Annotated[str, ci(36)]
    booking_option: BookingOption | None = None
    location_id: Annotated[str, ci(36)]
    booking_location_id: Annotated[str, ci(36)]
    tokens: list[BookingToken] | None = None
    access_information: list[AccessInformation] | None = None
    period: Period
    authorization_reference: Annotated[str, ci(36)]
    power_required: int | None = None
    canceled: Cancellation | None = None


class BookingRequestStatus(Object, kw_only=True):
    """A booking request and what became of it, 2.3.0 bookings section 16.4.5."""

    request_status: ReservationRequestStatus
    booking_request: BookingRequest
    request_received: DateTime


class Calendar(Object, kw_only=True):
    """When a location can be booked, 2.3.0 bookings section 16.3.3."""

    id: Annotated[str, ci(36)]
    begin_from: DateTime
    end_before: DateTime
    timeslot_increment: int | None = None
    # At least one by the table, none too by the class diagram: a calendar may be booked out.
    available_timeslots: list[Timeslot]
    last_updated: DateTime


class Booking(Object, kw_only=True):
    """A booking with all requests made for it, 2.3.0 bookings section 16.3.1."""

    id: Annotated[str, ci(36)]
    country_code: CountryCode
    party_id: PartyId
    request_id: Annotated[str, ci(36)]
    booking_option: BookingOption | None = None
    location_id: Annotated[str, ci(36)]
    booking_tokens: list[BookingToken] | None = None
    tariff_ids: list[Annotated[str, ci(36)]] | None = None
    period: Timeslot
    reservation_status: ReservationStatus
    canceled: Cancellation | None = None
    access_information: list[AccessInformation] | None = None
    authorization_reference: Annotated[str, ci(36)]
    booking_terms: BookingTerms
    booking_requests: Annotated[list[BookingRequestStatus], AT_LEAST_ONE]
    last_updated: DateTime


class BookingLocation(Object, kw_only=True):
    """What can be booked at a location, how and when, 2.3.0 bookings section 16.3.2."""

    country_code: CountryCode
    party_id: PartyId
    id: Annotated[str, ci(36)]
    location_id: Annotated[str, ci(36)]
    booking_option: BookingOption | None = None
    policy: Policy | None = None
    tariff_ids: list[Annotated[str, ci(36)]] | None = None
    booking_terms: BookingTerms | None = None
    calendars: list[Calendar] | None = None
    last_updated: DateTime
