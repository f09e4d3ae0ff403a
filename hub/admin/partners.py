"""Routes of the admin API about partners, their parties, and agreements."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, structs

from hub.admin.routes import Body, Call, Page, Paging, Query
from hub.control import PartnerDetail, partner_detail, set_validation
from hub.core.agreements import ANY, Rule
from hub.core.directory import Secret, State
from hub.core.modules import Interface
from hub.core.party import Role
from hub.ocpi.types import Hiding
from hub.partners.agreements import AgreementsView
from hub.partners.operations import Invitation, PartnerView, PartyView, StatusChange
from hub.store.statuses import MOST_CHANGES

Name = Annotated[
    str, Meta(min_length=1, max_length=100, description="What the partner is called here.", examples=["ACME Charging"])
]
Parties = Annotated[
    tuple[Annotated[str, Meta(max_length=50)], ...],
    Meta(min_length=1, max_length=1000, description="Parties with their roles.", examples=[["NL-TNM:CPO"]]),
]
Url = Annotated[str, Meta(min_length=1, max_length=2000, examples=["https://ocpi.acme.example/versions"])]
PartyOrAny = Annotated[
    str, Meta(min_length=1, max_length=10, description="A party, or * for every party.", examples=["NL-TNM"])
]
Module = Annotated[
    str, Meta(min_length=1, max_length=100, description="One module, or * for all.", examples=["tokens"])
]


class PartnerFilter(Paging, frozen=True, kw_only=True):
    """Which partners."""

    state: Annotated[State | None, Meta(description="Only those of this state.")] = None
    version: Annotated[str | None, Meta(description="Only those that speak this OCPI version.")] = None
    name: Annotated[str | None, Meta(description="Only those with this in their name.")] = None


class PartyFilter(Paging, frozen=True, kw_only=True):
    """Which parties."""

    role: Annotated[Role | None, Meta(description="Only those of this role.")] = None
    partner: Annotated[str | None, Meta(description="Only those of this partner: id, name or party.")] = None


class Invite(Body, frozen=True, kw_only=True):
    """A partner to invite."""

    name: Name
    parties: Parties


class Connect(Hiding, Body, frozen=True, kw_only=True):
    """A partner to register at, with the token that it gave."""

    name: Name
    versions_url: Url
    token: Annotated[str, Meta(min_length=1, max_length=255, description="The TOKEN_A that the partner gave.")]
    parties: Parties


class MoreParties(Body, frozen=True, kw_only=True):
    """Parties that a partner may present, too."""

    parties: Parties


class ManualEndpoint(Body, frozen=True, kw_only=True):
    """An endpoint to set by hand. Without a URL, what was set is taken back."""

    module: Annotated[str, Meta(min_length=1, max_length=100, examples=["locations"])]
    interface: Interface
    url: Annotated[str, Meta(max_length=2000, examples=["https://ocpi.acme.example/locations"])] = ""


class Validation(Body, frozen=True, kw_only=True):
    """How objects of a partner are checked; `default` is what the configuration says."""

    mode: Literal["enforce", "report", "off", "default"]


class PartnerLimits(Body, frozen=True, kw_only=True):
    """What a partner may ask of the hub. 0: no limit; null: what the configuration says; left out: as it is."""

    requests: Annotated[float | None | UnsetType, Meta(description="Requests per second.")] = UNSET
    broadcasts: Annotated[float | None | UnsetType, Meta(description="Broadcasts per second.")] = UNSET
    parallel: Annotated[int | None | UnsetType, Meta(description="Requests at the same time.")] = UNSET


class Agreement(Body, frozen=True, kw_only=True):
    """Whether two parties may reach each other."""

    one: PartyOrAny
    other: PartyOrAny
    module: Module = ANY
    allow: bool


class AgreementNamed(Query, frozen=True, kw_only=True):
    """Which agreement."""

    one: PartyOrAny
    other: PartyOrAny
    module: Module = ANY


class AgreementFilter(Paging, frozen=True, kw_only=True):
    """Which agreements."""

    party: Annotated[str | None, Meta(description="Only those that name this party.")] = None
    module: Annotated[str | None, Meta(description="Only those on this module.")] = None


async def list_partners(call: Call[PartnerFilter, None]) -> Page[PartnerView]:
    """Every partner, by id."""
    asked = call.query
    found = [
        each
        for each in call.do.partners.all()
        if asked.state in (None, each.state)
        and asked.version in (None, each.version)
        and (asked.name or "").casefold() in each.name.casefold()
    ]
    return Page.of(found, lambda each: (each.id,), asked)


async def show_partner(call: Call[Query, None]) -> PartnerDetail:
    """One partner, by id, name or one of its parties."""
    return await partner_detail(call.do, call.path["partner"])


async def show_history(call: Call[Paging, None]) -> Page[StatusChange]:
    """How the published status of a partner changed, the latest first: the last 1000 changes."""
    changes = await call.do.partners.history(call.path["partner"], MOST_CHANGES)
    return Page.of(changes, lambda each: (-each.at,), call.query)


async def invite(call: Call[Query, Invite]) -> Invitation:
    """Make a partner and its TOKEN_A, which is told this once."""
    return await call.do.partners.invite(call.body.name, call.body.parties)


async def invite_again(call: Call[Query, None]) -> Invitation:
    """End a registration and make a new TOKEN_A, which is told this once."""
    return await call.do.partners.invite_again(call.path["partner"])


async def connect(call: Call[Query, Connect]) -> PartnerView:
    """Register at a partner with the token that it gave."""
    given = call.body
    return await call.do.partners.connect(given.name, given.versions_url, Secret(given.token), given.parties)


async def add_parties(call: Call[Query, MoreParties]) -> PartnerView:
    """Let a partner present more parties."""
    return await call.do.partners.add_parties(call.path["partner"], call.body.parties)


async def suspend(call: Call[Query, None]) -> PartnerView:
    """Shut a partner out; nothing of it is forgotten."""
    return await call.do.partners.suspend(call.path["partner"])


async def resume(call: Call[Query, None]) -> PartnerView:
    """Let a suspended partner in again."""
    return await call.do.partners.resume(call.path["partner"])


async def rotate(call: Call[Query, None]) -> PartnerView:
    """Renew both tokens with the partner."""
    return await call.do.partners.rotate(call.path["partner"])


async def remove_partner(call: Call[Query, None]) -> PartnerView:
    """Forget a partner."""
    return await call.do.partners.remove(call.path["partner"])


async def set_endpoint(call: Call[Query, ManualEndpoint]) -> PartnerView:
    """Set an endpoint that a partner does not advertise, or take it back."""
    given = call.body
    return await call.do.partners.set_endpoint(call.path["partner"], given.module, given.interface, given.url)


async def validate(call: Call[Query, Validation]) -> PartnerDetail:
    """Set how objects of a partner are checked."""
    return await set_validation(call.do, call.path["partner"], call.body.mode)


async def limit(call: Call[Query, PartnerLimits]) -> PartnerView:
    """Set a partner's own limits."""
    changes = {name: each for name, each in structs.asdict(call.body).items() if each is not UNSET}
    return await call.do.partners.set_limits(call.path["partner"], changes)


async def list_parties(call: Call[PartyFilter, None]) -> Page[PartyView]:
    """Every party of every partner, a row for each role."""
    asked = call.query
    partner_id = call.do.partners.find(asked.partner).id if asked.partner else None
    found = [
        each
        for each in call.do.partners.parties()
        if asked.role in (None, each.role) and partner_id in (None, each.partner_id)
    ]
    return Page.of(found, lambda each: (each.party, each.role), asked)


async def list_agreements(call: Call[AgreementFilter, None]) -> Page[Rule]:
    """Every agreement, by parties and module."""
    asked = call.query
    party = asked.party.upper() if asked.party else None
    found = [
        each
        for each in call.do.agreements.all().rules
        if (party is None or party in (each.one, each.other)) and asked.module in (None, each.module)
    ]
    return Page.of(found, lambda each: (each.one, each.other, each.module), asked)


async def set_agreement(call: Call[Query, Agreement]) -> AgreementsView:
    """Allow or deny, in the place of what is there for the same parties and module."""
    given = call.body
    return await call.do.agreements.set(given.one, given.other, given.module, allow=given.allow)


async def remove_agreement(call: Call[AgreementNamed, None]) -> AgreementsView:
    """Take an agreement back."""
    return await call.do.agreements.remove(call.query.one, call.query.other, call.query.module)
