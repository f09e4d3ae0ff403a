"""Routes of the admin API about the journal: what passed, and what became of it."""

from typing import Annotated

import msgspec
from msgspec import Meta

from hub.admin.problems import Problem
from hub.admin.routes import Body, Call, Page, Paging, Query
from hub.control import needed, partner_id
from hub.core.outcome import Outcome
from hub.partners.journal import Captured, Exchange, Trace
from hub.plugin.serving import after, cursor
from hub.store.journal import Filter
from hub.store.traffic import Traffic

_Moment = Annotated[int, Meta(ge=0, lt=2**53)]


class JournalFilter(Paging, frozen=True, kw_only=True):
    """Which exchanges."""

    partner: Annotated[str | None, Meta(description="Only those from or to this partner: id, name or party.")] = None
    module: Annotated[str | None, Meta(description="Only those of this module.")] = None
    outcome: Annotated[Outcome | None, Meta(description="Only those that ended so.")] = None
    since: Annotated[_Moment | None, Meta(description="Only those from then on, in milliseconds since 1970.")] = None
    until: Annotated[_Moment | None, Meta(description="Only those before, in milliseconds since 1970.")] = None


class Period(Query, frozen=True, kw_only=True):
    """From when to when, and in which steps."""

    since: Annotated[_Moment, Meta(description="Begin, in milliseconds since 1970.")]
    until: Annotated[_Moment, Meta(description="End, in milliseconds since 1970.")]
    step: Annotated[int, Meta(ge=60_000, lt=2**53, description="Milliseconds of one step: whole minutes.")]
    partner: Annotated[str | None, Meta(description="Only what this partner sent and got: id, name or party.")] = None


class Capture(Body, frozen=True, kw_only=True):
    """How long bodies of a partner's exchanges are kept; 0 ends it."""

    minutes: Annotated[int, Meta(ge=0, le=10_080)]


class JournalPart(msgspec.Struct, frozen=True):
    """A part of the journal, the newest first. `lost` counts rows that could not be kept since the hub started."""

    items: tuple[Exchange, ...]
    next: str | None
    lost: int


async def list_journal(call: Call[JournalFilter, None]) -> JournalPart:
    """What passed, the newest first."""
    asked = call.query
    begin = after(asked.cursor) if asked.cursor is not None else (None,)
    if len(begin) != 1 or isinstance(begin[0], str) or not 0 <= (begin[0] or 0) < 2**63:
        raise Problem(400, "cursor: it is not of this list", "leave it out to begin anew")
    wanted = Filter(
        partner=partner_id(call.do, asked.partner) if asked.partner else None,
        module=asked.module,
        outcome=asked.outcome,
        since=asked.since,
        until=asked.until,
    )
    page = await needed(call.do.journal).page(wanted, begin[0], asked.limit)
    return JournalPart(page.rows, cursor((page.next_before,)) if page.next_before is not None else None, page.lost)


async def show_traffic(call: Call[Period, None]) -> Traffic:
    """Sums for charts."""
    asked = call.query
    partner = partner_id(call.do, asked.partner) if asked.partner else None
    return await needed(call.do.journal).traffic(asked.since, asked.until, asked.step, partner)


async def show_trace(call: Call[Query, None]) -> Page[Trace]:
    """What belongs to a correlation id or a request id, each exchange with its deliveries."""
    return Page(tuple(await needed(call.do.journal).trace(call.path["id"])), None)


async def capture(call: Call[Query, Capture]) -> Captured:
    """Keep bodies of a partner's exchanges for some minutes, with secrets and personal fields taken out."""
    return await needed(call.do.journal).capture(call.do.partners.find(call.path["partner"]), call.body.minutes)
