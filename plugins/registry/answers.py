"""What the registry is given and gives, as JSON."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hub.plugin import Query

Kind = Literal["CPO", "EMSP", "HUB", "NAVIGATION", "NSP", "OTHER", "PTP", "SCSP", "DEVICE"]
Side = Literal["SENDER", "RECEIVER"]
State = Literal["active", "past"]
PartyId = Annotated[str, Meta(pattern=r"^[A-Za-z]{2}-[A-Za-z0-9]{3}$", description="Country and party id: NL-TNM.")]
Text = Annotated[str, Meta(max_length=200)]
Word = Annotated[str, Meta(max_length=50)]


class Capability(msgspec.Struct, frozen=True):
    """A module on one interface, in a version of OCPI."""

    version: Word
    module: Word
    interface: Side


class Class(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a party is, or a model of device that it has. `model` and `maker` are those of a DEVICE."""

    kind: Kind
    model: Text = ""
    maker: Text = ""


class Certificate(msgspec.Struct, frozen=True):
    """That a party, as one of its classes, was checked without a failure, and what that covers. Times are UTC.

    `state` is active, or past: expired, revoked or replaced; `ended_why` says which.
    """

    id: str
    party: str
    kind: Kind
    model: str
    capabilities: list[Capability]
    checked_at: str
    valid_from: str
    valid_until: str
    state: State
    ended_at: str | None
    ended_why: str
    synthetic: bool


class Listing(msgspec.Struct, frozen=True):
    """One party. `synthetic`: it is made up, for development."""

    party: str
    country: str
    name: str
    website: str
    email: str
    phone: str
    classes: list[Class]
    active_certificates: list[Certificate]
    past_certificates: int
    synthetic: bool
    updated_at: str


class Listings(msgspec.Struct, frozen=True):
    """A part of the directory. `next` is the `after` of the part that follows, null at the end."""

    items: list[Listing]
    next: str | None


class Certificates(msgspec.Struct, frozen=True):
    """A part of all certificates. `next` is the `after` of the part that follows, null at the end."""

    items: list[Certificate]
    next: str | None


class _Part(Query, frozen=True, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=200, description="Most items of this answer.")] = 50
    after: Annotated[Annotated[str, Meta(max_length=60)] | None, Meta(description="`next` of the answer before.")] = (
        None
    )


class ListingQuery(_Part, frozen=True, kw_only=True):
    """Which parties."""

    country: Annotated[Annotated[str, Meta(pattern="^[A-Za-z]{2}$")] | None, Meta(description="Country, as NL.")] = None
    kind: Annotated[Kind | None, Meta(description="Those that have this class.")] = None
    search: Annotated[Text | None, Meta(description="A part of the name, or the party id.")] = None
    version: Annotated[Word | None, Meta(description="Those certified for this version of OCPI.")] = None
    module: Annotated[Word | None, Meta(description="Those certified for this module.")] = None
    interface: Annotated[Side | None, Meta(description="Those certified for this interface.")] = None
    certified: Annotated[bool | None, Meta(description="Those with an active certificate, or without one.")] = None


class CertificateQuery(_Part, frozen=True, kw_only=True):
    """Which certificates."""

    party: Annotated[PartyId | None, Meta(description="Those of this party.")] = None
    kind: Annotated[Kind | None, Meta(description="Those for this class.")] = None
    state: Annotated[State | None, Meta(description="Those that are active, or past.")] = None
    version: Annotated[Word | None, Meta(description="Those that cover this version of OCPI.")] = None
    module: Annotated[Word | None, Meta(description="Those that cover this module.")] = None
    interface: Annotated[Side | None, Meta(description="Those that cover this interface.")] = None


class Issue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was certified. Each of `parties` reads NL-TNM:CPO, and gets a certificate of its own.

    With `model`, it is for a model of device instead of for the party's role.
    """

    name: Text
    parties: Annotated[list[Annotated[str, Meta(pattern=r"^[A-Z]{2}-[A-Z0-9]{3}:[A-Z]{3,10}$")]], Meta(min_length=1)]
    capabilities: Annotated[list[Capability], Meta(min_length=1, max_length=200)]
    checked_at: Word
    model: Text = ""
    days: Annotated[int, Meta(ge=1, le=3660)] | None = None


class Issued(msgspec.Struct, frozen=True):
    """The certificates that were issued."""

    certificates: list[Certificate]


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A listing as the operator writes it. `classes` replaces those that are there."""

    party: PartyId
    name: Text
    website: Text = ""
    email: Text = ""
    phone: Text = ""
    classes: list[Class] = []


class Revoke(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which certificate, and why: others read that."""

    id: Word
    reason: Annotated[str, Meta(min_length=1, max_length=200)]


class NewKey(msgspec.Struct, frozen=True):
    """A read key, which is told this once."""

    name: str
    key: str


class KeyName(msgspec.Struct, frozen=True):
    """A read key without the key itself."""

    name: str
    created_at: str
