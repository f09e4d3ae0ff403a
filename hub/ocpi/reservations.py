"""Reservations and parking sessions, as platforms in the field have them: custom modules, no part of OCPI.

Their objects are told in one form in every version, as custom modules are not bridged: prices, charging periods and
tokens are those of OCPI 2.2.1.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from hub.core.custom import Exchange, TypedModule
from hub.core.party import Role
from hub.ocpi.types import (
    Broken,
    CountryCode,
    Currency,
    DateTime,
    Number,
    Object,
    PartyId,
    as_utc,
    ci,
    text,
)
from hub.ocpi.v2_2_1 import AuthMethod, ChargingPeriod, EnergyMix, Price, PriceComponent, ProfileType
from hub.ocpi.v2_3_0.location_enums import ConnectorType

__all__ = [
    "PARKING",
    "RESERVATIONS",
    "ParkingSession",
    "Reservation",
    "ReservationStatus",
    "ReservedConnector",
    "Wishes",
]

_Amount = Annotated[Number, msgspec.Meta(ge=0)]
_Id = Annotated[str, ci(36)]


def _absent() -> Number:
    """In the place of a number that `__post_init__` puts there, or misses."""
    return float("nan")


class ReservationStatus(StrEnum):
    """How a reservation stands. With REQUEST, it is a question: what would it cost?"""

    REQUEST = "REQUEST"
    PENDING = "PENDING"
    RESERVATION = "RESERVATION"
    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    INVALID = "INVALID"


class Wishes(Object, kw_only=True):
    """What the driver wants of charging; energy in kWh."""

    profile_type: ProfileType = ProfileType.REGULAR
    departure_time: DateTime
    energy_need: _Amount | None = None
    discharge_allowed: bool | None = None


class ReservedConnector(Object, kw_only=True):
    """A kind of connector that will do, and the fastest that the vehicle charges, in kW."""

    connector_type: ConnectorType
    max_charging_speed: _Amount | None = None


class _Stay(Object, kw_only=True):
    """What reservations and parking sessions share. Platforms spell the energy kwh or kWh: it is read as `kwh`."""

    country_code: CountryCode
    party_id: PartyId
    id: _Id
    start_date_time: DateTime
    end_date_time: DateTime | None = None
    location_id: _Id
    kwh: _Amount = msgspec.field(default_factory=_absent)
    other_kwh: _Amount | msgspec.UnsetType = msgspec.field(name="kWh", default=msgspec.UNSET)
    currency: Currency
    total_cost: Price | None = None
    charging_periods: list[ChargingPeriod] | None = None
    license_plate: Annotated[str, text(255)] | None = None
    price_components: list[PriceComponent] | None = None
    connect_date_time: DateTime | None = None
    disconnect_date_time: DateTime | None = None
    last_updated: DateTime | None = None

    def __post_init__(self) -> None:
        if self.other_kwh is not msgspec.UNSET:
            self.kwh, self.other_kwh = self.other_kwh, msgspec.UNSET
        if self.kwh != self.kwh:  # only what is absent does not equal itself
            raise Broken("kwh", "is required")
        _check_order(self, "start_date_time", "end_date_time")
        _check_order(self, "connect_date_time", "disconnect_date_time")


class Reservation(_Stay, kw_only=True):
    """A charging place that is kept for a driver from `start_date_time` on, or the question what that would cost."""

    token_uid: _Id
    charging_preferences: Wishes
    auth_method: AuthMethod
    connector_types: list[ReservedConnector] | None = None
    status: ReservationStatus = ReservationStatus.REQUEST
    energy_mix: EnergyMix | None = None
    evse_uid: _Id | None = None
    connector_id: _Id | None = None
    meter_id: Annotated[str, text(255)] | None = None


class ParkingSession(_Stay, kw_only=True):
    """A vehicle that stands at a location, whether it charges or not."""

    status: ReservationStatus | None = None


def _check_order(stay: _Stay, first: str, second: str) -> None:
    begin, end = getattr(stay, first), getattr(stay, second)
    if begin is not None and end is not None and as_utc(end) < as_utc(begin):
        raise Broken(second, f"at {first} or later")


_OWNED = "{country_code}/{party_id}/{id}"

RESERVATIONS = TypedModule(
    owner=Role.CPO,
    sender=("GET", *(f"{method} {_OWNED}" for method in ("GET", "POST", "PATCH"))),
    receiver=tuple(f"{method} {_OWNED}" for method in ("GET", "PUT", "PATCH")),
    collect=True,
    identity="id",
    kind=Reservation,
    others={f"POST sender/reservations/{_OWNED}": Exchange(body=Reservation, data=Reservation)},
)
"""Module `reservations`. An eMSP asks the CPO with POST, and is answered with the reservation as it stands then."""

PARKING = TypedModule(
    owner=Role.CPO,
    sender=("GET", *(f"{method} {_OWNED}" for method in ("GET", "PATCH"))),
    receiver=tuple(f"{method} {_OWNED}" for method in ("GET", "PUT", "PATCH")),
    collect=True,
    identity="id",
    kind=ParkingSession,
)
"""Module `parking`."""
