"""Routes of the admin API about what passes: where it would go, what is kept of it, and what was wrong with it."""

from typing import Annotated

import msgspec
from msgspec import Meta

from hub.admin.cards import check, shown_id
from hub.admin.problems import Problem
from hub.admin.routes import Body, Call, Page, Paging, Query
from hub.control import needed
from hub.core.directory import Platform
from hub.core.party import Party
from hub.errors import NotFound
from hub.flow.explain import Explanation
from hub.flow.mirror import token_key
from hub.flow.sync import Progress
from hub.partners.counts import Cleared, FindingView, LossView
from hub.plugin.serving import after, cursor

Partner = Annotated[str | None, Meta(description="Only those of this partner: id, name or party.")]


class PartnerNamed(Paging, frozen=True, kw_only=True):
    """Of which partner."""

    partner: Partner = None


class Question(Body, frozen=True, kw_only=True):
    """A message as it would come in. Nothing is sent."""

    method: Annotated[str, Meta(min_length=1, max_length=10, examples=["GET"])]
    path: Annotated[
        str, Meta(min_length=1, max_length=2000, description="From the side on.", examples=["sender/locations/LOC1"])
    ]
    sender: Annotated[
        str, Meta(min_length=1, max_length=10, description="The party that would send it.", examples=["DE-MSP"])
    ]
    receiver: Annotated[str, Meta(max_length=10, description="The party in OCPI-to; empty where none is named.")] = ""
    body: Annotated[str, Meta(description="The JSON that it would carry, as text.")] = ""


class MirrorFilter(Paging, frozen=True, kw_only=True):
    """Which objects."""

    owner: Annotated[str | None, Meta(description="Only those of this party, as NL-TNM.")] = None


class TokenType(Query, frozen=True, kw_only=True):
    """Which of several objects with one id: a token has a type, too."""

    type: Annotated[str, Meta(max_length=20, description="Of a token: RFID, APP_USER, ...")] = "RFID"


class MirrorEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One object that the hub holds, without the object. Times are milliseconds since 1970.

    Of a token, a key of scope `read` is told the end of the id only.
    """

    module: str
    owner: str
    id: str
    version: str
    partner_id: int
    last_updated: int
    updated_at: int
    bytes: int


class MirrorObject(msgspec.Struct, frozen=True, kw_only=True):
    """One object as its owner sent it, in its OCPI version."""

    module: str
    owner: str
    id: str
    version: str
    object: msgspec.Raw


async def explain(call: Call[Query, Question]) -> Explanation:
    """Where a message would go, and why."""
    given, explainer = call.body, needed(call.do.explainer)
    return await explainer.explain(given.method, given.path, given.sender, given.receiver, given.body.encode())


async def list_mirror(call: Call[MirrorFilter, None]) -> Page[MirrorEntry]:
    """What the hub holds of a module, in the order of GET All."""
    asked, module = call.query, call.path["module"]
    begin = after(asked.cursor) if asked.cursor else (0,)
    if len(begin) != 1 or not isinstance(begin[0], int) or not 0 <= begin[0] < 2**63:
        raise Problem(400, "cursor: it is not of this list", "leave it out to begin anew")
    owner = _party("owner", asked.owner) if asked.owner else None
    found = await needed(call.do.mirror).browse(module, owner, begin[0], asked.limit + 1)
    shown = found[: asked.limit]
    items = tuple(
        MirrorEntry(
            module=module,
            owner=each.owner,
            id=shown_id(module, each.object_id, call.scope),
            version=each.version,
            partner_id=each.platform_id,
            last_updated=each.last_updated,
            updated_at=each.updated_at,
            bytes=each.size,
        )
        for each in shown
    )
    return Page(items, cursor((shown[-1].position,)) if len(found) > len(shown) else None)


async def show_mirrored(call: Call[TokenType, None]) -> MirrorObject:
    """One object that the hub holds; a token only with a key of scope `operate`."""
    check(call.path["module"], call.scope)
    module, object_id = call.path["module"], call.path["id"]
    owner = _party("owner", call.path["owner"])
    key = token_key(object_id, call.query.type) if module == "tokens" else object_id.lower()
    held = await needed(call.do.mirror).get(module, owner, key)
    if held is None:
        raise NotFound(f"the hub holds no such object of {owner}; see the list of the module")
    return MirrorObject(
        module=module, owner=str(held.owner), id=object_id, version=held.version, object=msgspec.Raw(held.body)
    )


async def list_findings(call: Call[PartnerNamed, None]) -> Page[FindingView]:
    """The rules of OCPI that objects of partners break, the 1000 most frequent ones."""
    found = await call.do.counts.findings(_platform(call))
    return Page.of(found, lambda each: (each.partner_id, each.object, each.path, each.rule), call.query)


async def clear_findings(call: Call[Query, None]) -> Cleared:
    """Forget the findings of a partner, to see which of them come again."""
    return await call.do.counts.clear(call.do.partners.find(call.path["partner"]))


async def list_losses(call: Call[PartnerNamed, None]) -> Page[LossView]:
    """What could not be told to partners of other OCPI versions, the 1000 most frequent places."""
    lost = await call.do.counts.losses(_platform(call))
    return Page.of(
        lost, lambda each: (each.sender_id, each.receiver_id, each.object, each.version, each.path), call.query
    )


async def begin_sync(call: Call[Query, None]) -> Progress:
    """Pull from a partner what the hub mirrors, or join the pull that runs."""
    return needed(call.do.puller).begin(call.do.partners.find(call.path["partner"]))


async def show_sync(call: Call[Query, None]) -> Progress:
    """How far the latest pull from a partner is."""
    platform = call.do.partners.find(call.path["partner"])
    progress = needed(call.do.puller).progress(platform)
    if progress is None:
        raise NotFound(f"nothing was pulled from {platform.name} since the hub started; POST here to begin")
    return progress


def _platform(call: Call[PartnerNamed, None]) -> Platform | None:
    return call.do.partners.find(call.query.partner) if call.query.partner else None


def _party(name: str, text: str) -> Party:
    try:
        return Party.parse(text)
    except ValueError as reason:
        raise Problem(400, f"{name}: {reason}") from None
