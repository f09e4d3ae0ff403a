"""The pages about partners: all of them, and all that is known of one."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from hub.admin.routes import Query
from hub.control import PartnerDetail, needed, partner_detail
from hub.core.directory import State
from hub.core.troubles import Trouble
from hub.dashboard.charts import Chart, strip
from hub.dashboard.overview import Back, Passed, Period, passed
from hub.dashboard.pages import Visit
from hub.flow.overview import PartnerStatus
from hub.flow.sync import Progress
from hub.partners.counts import FindingView, LossView
from hub.partners.directory import now_ms
from hub.partners.journal import Exchange
from hub.partners.operations import PartnerView, StatusChange
from hub.store.journal import Filter
from hub.store.statuses import MOST_CHANGES

MOST_SHOWN = 500
"""So many partners stand on one page; who looks for others names them."""
MOST_COUNTED = 100
"""So many findings and losses of one partner are shown, those with the highest count."""
_EXCHANGES = 20
_DAY = 24 * 3_600_000


class Which(StrEnum):
    """How a partner that is looked for stands."""

    ALL = "all"
    REGISTERED = "registered"
    INVITED = "invited"
    SUSPENDED = "suspended"
    UNREACHABLE = "unreachable"

    def fits(self, partner: "Row") -> bool:
        """Whether a partner stands so."""
        if self is Which.UNREACHABLE:
            return partner.partner.state is State.REGISTERED and not partner.now.standing.reachable
        return self is Which.ALL or partner.partner.state == self.upper()


class Wanted(Query, frozen=True, kw_only=True):
    """Which partners; `name` is a part of the name, or of a party."""

    state: Which = Which.ALL
    name: Annotated[str, Meta(max_length=100)] = ""


class Row(msgspec.Struct, frozen=True):
    """One partner: what is kept of it, and how it stands."""

    partner: PartnerView
    now: PartnerStatus

    def called(self, name: str) -> bool:
        """Whether this is in its name or in one of its parties."""
        known = (self.partner.name, *self.partner.parties, *self.partner.not_presented)
        return any(name.casefold() in each.casefold() for each in known)


class PartnersPage(msgspec.Struct, frozen=True, kw_only=True):
    """The partners that were looked for, by id: `found` of `all`, and the first of them."""

    partners: tuple[Row, ...]
    found: int
    all: int
    minutes: int


async def partners(visit: Visit[Wanted]) -> PartnersPage:
    """The page of all."""
    do, asked = visit.do, visit.given
    status = needed(do.overview).status()
    now = {each.standing.partner_id: each for each in status.partners}
    rows = [Row(each, now[each.id]) for each in do.partners.all()]
    found = [each for each in rows if asked.state.fits(each) and each.called(asked.name.strip())]
    return PartnersPage(
        partners=tuple(found[:MOST_SHOWN]), found=len(found), all=len(rows), minutes=status.traffic.minutes
    )


class PartnerPage(Passed, frozen=True, kw_only=True):
    """All that is known of one partner.

    `exchanges` is None where the hub keeps no journal; `captured_until` is in milliseconds since 1970, as
    are the two ends of `day`, the time that the strip of `history` shows. `pulled` is the latest pull.
    """

    partner: PartnerDetail
    now: PartnerStatus
    minutes: int
    troubles: tuple[Trouble, ...]
    history: tuple[StatusChange, ...]
    day: tuple[int, int]
    exchanges: tuple[Exchange, ...] | None
    findings: tuple[FindingView, ...]
    losses: tuple[LossView, ...]
    captured_until: int | None
    pulled: Progress | None

    def statuses(self) -> Chart:
        """What was published in the last day."""
        return strip([(each.at, each.status.value) for each in reversed(self.history)], *self.day)


async def partner(visit: Visit[Back]) -> PartnerPage:
    """The page of one."""
    do, period, now = visit.do, Period.back(visit.given.span), now_ms()
    found = await partner_detail(do, visit.path["partner"])
    platform = do.partners.find(str(found.id))
    status = needed(do.overview).status()
    journal = do.journal if do.config is None or do.config.journal.enabled else None
    history = await do.partners.history(str(found.id), MOST_CHANGES)
    return PartnerPage(
        partner=found,
        now=next(each for each in status.partners if each.standing.partner_id == found.id),
        minutes=status.traffic.minutes,
        troubles=tuple(each for each in status.troubles if each.partner_id == found.id),
        history=history,
        day=(now - _DAY, now),
        period=period,
        traffic=await passed(do, period, found.id),
        exchanges=(await journal.page(Filter(partner=found.id), None, _EXCHANGES)).rows if journal else None,
        findings=tuple(await do.counts.findings(platform))[:MOST_COUNTED],
        losses=tuple(await do.counts.losses(platform))[:MOST_COUNTED],
        captured_until=(await journal.captured(platform)).until if journal else None,
        pulled=needed(do.puller).progress(platform),
    )
