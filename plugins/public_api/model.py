"""What the public API takes and gives. The OpenAPI document is made from these."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hub.plugin import Body, Paging, Query

PartyName = Annotated[str, Meta(pattern=r"^[A-Za-z]{2}-[A-Za-z0-9]{3}$", description="A party.", examples=["NL-TNM"])]
OcpiId = Annotated[str, Meta(min_length=1, max_length=36)]
Ref = Annotated[str, Meta(pattern="^[0-9a-f]{32}$", description="An id of this API.")]
Scope = Literal["read", "charge", "users"]


class Around(Paging, frozen=True, kw_only=True):
    """Where to look for locations."""

    lat: Annotated[float, Meta(ge=-90, le=90, description="Latitude in degrees.")]
    lon: Annotated[float, Meta(ge=-180, le=180, description="Longitude in degrees.")]
    radius: Annotated[float, Meta(gt=0, le=1_000_000, description="Metres; the operator may allow fewer.")] = 5000.0
    limit: Annotated[int, Meta(ge=1, le=100, description="Most items of this answer.")] = 20
    available: Annotated[bool, Meta(description="Only locations where an EVSE is available now.")] = False


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What charging costs, in words and in numbers: per kWh, per hour of charging and of parking, and once.

    `vat`: whether value added tax is in the numbers. `conditional`: other prices hold at some times, or for some
    amounts; these are the ones without conditions, where there are such.
    """

    words: str
    currency: str
    vat: Literal["included", "excluded"]
    per_kwh: float | None = None
    per_hour: float | None = None
    parking_per_hour: float | None = None
    once: float | None = None
    conditional: bool = False


class Connector(msgspec.Struct, frozen=True, kw_only=True):
    """A socket or a cable. `kw` is the most power that it gives."""

    id: str
    standard: str
    format: str
    power_type: str
    kw: float
    price: Price | None


class Evse(msgspec.Struct, frozen=True, kw_only=True):
    """What charges one car at a time. `remote_start`: whether an app can start it."""

    uid: str
    id: str
    status: str
    remote_start: bool
    floor: str
    reference: str
    connectors: tuple[Connector, ...]


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """When a location is open; `now` is null where that is not known."""

    words: str
    always: bool
    now: bool | None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A location. `metres` is how far away it is, where a point was given."""

    party: str
    id: str
    name: str
    operator: str
    address: str
    city: str
    postal_code: str
    country: str
    latitude: float
    longitude: float
    metres: int | None
    available: int
    evses: tuple[Evse, ...]
    opening: Opening | None
    facilities: tuple[str, ...]
    updated: str


class NewUser(Body, frozen=True, kw_only=True):
    """A user of the app. `reference` is what the app calls him or her; it is told to nobody else."""

    reference: Annotated[str, Meta(min_length=1, max_length=100)] | None = None


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user of the app."""

    id: str
    reference: str | None
    created: datetime


class UserWithToken(msgspec.Struct, frozen=True, kw_only=True):
    """A user with a new token. It is told this once, and kept as a digest only."""

    user: User
    token: str


class NewCard(Body, frozen=True, kw_only=True):
    """A card of a user, as it is printed in the plastic. See to it that it is really this user's."""

    uid: Annotated[str, Meta(pattern="^[!-~]{4,36}$")]
    label: Annotated[str, Meta(max_length=60)] = ""


class NewAppCard(Body, frozen=True, kw_only=True):
    """A card that is none of plastic: the app itself."""

    label: Annotated[str, Meta(max_length=60)] = ""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A card of the user. `number` is its uid, of which only the end is shown."""

    id: str
    type: str
    number: str
    label: str


class Cards(msgspec.Struct, frozen=True):
    """All cards of the user."""

    items: tuple[Card, ...]


class Start(Body, frozen=True, kw_only=True):
    """Where to charge. Without `card` it is the latest one of the app."""

    party: PartyName
    location: OcpiId
    evse: OcpiId
    connector: OcpiId | None = None
    card: Ref | None = None


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A start or a stop. `session` is there as soon as it is known."""

    id: str
    kind: Literal["start", "stop"]
    state: Annotated[
        Literal["sent", "accepted", "refused", "failed"],
        Meta(description="`sent`: the operator has not answered yet; `failed`: there was no answer."),
    ]
    message: str
    session: str | None
    created: datetime
    ended: datetime | None


class Sessions(Paging, frozen=True, kw_only=True):
    """Which sessions."""

    active: Annotated[bool, Meta(description="Only those that are not over.")] = False


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """An amount of money. `incl_vat` is null where it is not known."""

    excl_vat: float
    incl_vat: float | None
    currency: str


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A charging session. `kw` and `charged` (percent) are the latest that the operator told, where it does."""

    id: str
    status: str
    active: bool
    party: str
    location: str
    evse: str
    connector: str
    card: str
    started: datetime
    ended: datetime | None
    kwh: float
    kw: float | None
    charged: float | None
    cost: Cost | None
    updated: datetime


Since = Annotated[datetime | None, Meta(description="What ended at this time or later, as 2026-01-31T00:00:00Z.")]
Until = Annotated[datetime | None, Meta(description="What ended before this time.")]


class Period(Query, frozen=True, kw_only=True):
    """Which part of the charging log."""

    since: Since = None
    until: Until = None


class LogQuery(Paging, frozen=True, kw_only=True):
    """A page of the charging log."""

    since: Since = None
    until: Until = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A finished session as it is billed. Amounts of a `credit` are below zero."""

    id: str
    party: str
    session: str | None
    started: datetime
    ended: datetime
    place: str
    address: str
    city: str
    evse: str
    card: str
    kwh: float
    hours: float
    cost: Cost
    credit: bool


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """Opens `/v1/live` once, within some seconds."""

    ticket: str
    seconds: int
    url: str


class Live(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the WebSocket says, as JSON: first the sessions that are not over, then each change."""

    type: Literal["sessions", "session", "command", "entry"]
    sessions: tuple[Session, ...] | None = None
    session: Session | None = None
    command: Command | None = None
    entry: Entry | None = None


class Done(msgspec.Struct, frozen=True):
    """It is done."""

    done: bool = True
