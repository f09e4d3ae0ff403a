"""The journal: what passed, filtered, in pages, live on the first one, and as a file for spreadsheets."""

from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from hub.admin.problems import Problem
from hub.admin.routes import Query
from hub.asking import ControlError
from hub.control import Operations, needed, partner_id
from hub.core.catalogue import CATALOGUE
from hub.core.moments import point
from hub.core.outcome import Outcome
from hub.core.sheet import exchanges_csv
from hub.dashboard.pages import Checked, Visit
from hub.errors import OcpiError
from hub.partners.directory import now_ms
from hub.partners.journal import Exchange, JournalBook, JournalPage
from hub.store.journal import Filter

ROWS = 50
"""Of one page."""
_PIECE = 250
"""Rows of one piece of a file: while it is made, messages wait."""
_CHOICES = 500

_Text = Annotated[str, Meta(max_length=200)]
_Number = Annotated[int, Meta(ge=1, lt=2**53)] | None


class Wanted(Query, frozen=True, kw_only=True):
    """Which exchanges, as people fill it in; empty: all. `before` and `after` are the numbers of exchanges."""

    partner: _Text = ""
    module: _Text = ""
    outcome: _Text = ""
    since: _Text = ""
    until: _Text = ""
    before: _Number = None
    after: _Number = None

    def link(self, *, before: int | None = None, after: int | None = None) -> str:
        """The same at another place, as a query."""
        filled = {name: str(value) for name in FIELDS if (value := getattr(self, name))}
        places = {"before": before, "after": after}
        return urlencode(filled | {name: str(place) for name, place in places.items() if place is not None})


FIELDS = ("partner", "module", "outcome", "since", "until")


class JournalView(Checked, frozen=True, kw_only=True):
    """A page of the journal, the newest first, and what can be chosen. `live`: it is the first one.

    `next_after` is None where the page of newer ones is the first. `kept` is False where the hub notes nothing. `lost`
    counts rows that could not be kept since the hub started.
    """

    rows: tuple[Exchange, ...] = ()
    next_before: int | None = None
    next_after: int | None = None
    lost: int = 0
    live: bool = False
    kept: bool = True
    partners: tuple[str, ...]
    modules: tuple[str, ...]
    outcomes: tuple[str, ...] = tuple(Outcome)


async def journal(visit: Visit[Wanted]) -> JournalView:
    """The page."""
    asked, do = visit.given, visit.do
    wanted, wrong = _filter(do, asked)
    partners = tuple(each.name for each in do.partners.all()[:_CHOICES])
    more = (*do.config.modules, *do.config.hub.extra_modules) if do.config else ()
    modules = tuple(sorted({*CATALOGUE.modules, *more}))
    kept = do.config is None or do.config.journal.enabled
    if wrong:
        return JournalView(partners=partners, modules=modules, kept=kept, wrong=wrong)
    book, place = needed(do.journal), asked.before or asked.after
    page = await _page(book, wanted, asked)
    newer = page.next_after if place else None
    return JournalView(
        rows=page.rows,
        next_before=page.next_before,
        next_after=newer if newer and await _many_after(book, wanted, newer) else None,
        lost=page.lost,
        live=not newer,
        kept=kept,
        partners=partners,
        modules=modules,
    )


async def journal_csv(visit: Visit[Wanted]) -> AsyncIterator[str]:
    """All that is wanted as CSV, the newest first. Problem 400 where a filter is wrong."""
    wanted, wrong = _filter(visit.do, visit.given)
    for field, words in wrong.items():
        raise Problem(400, f"{field}: {words}", "go back and mend the filter")
    book, before, header = needed(visit.do.journal), visit.given.before, True
    while header or before is not None:
        page = await book.page(wanted, before, _PIECE)
        yield exchanges_csv(map(msgspec.structs.asdict, page.rows), header=header)
        before, header = page.next_before, False


async def _page(book: JournalBook, wanted: Filter, asked: Wanted) -> JournalPage:
    if asked.after is None:
        return await book.page(wanted, asked.before, ROWS)
    page = await book.page(msgspec.structs.replace(wanted, after=asked.after), None, ROWS)
    return page if page.next_after is not None else await book.page(wanted, None, ROWS)


async def _many_after(book: JournalBook, wanted: Filter, number: int) -> bool:
    """Whether there is more than a page of newer ones. If not, the next page is the first, which stays live."""
    page = await book.page(msgspec.structs.replace(wanted, after=number), None, ROWS)
    return page.next_after is not None


def _filter(do: Operations, asked: Wanted) -> tuple[Filter, dict[str, str]]:
    """What is wanted, and what is wrong with it, by field."""
    wrong: dict[str, str] = {}
    moments: dict[str, int] = {}
    now = now_ms()
    for name in ("since", "until"):
        try:
            moments |= {name: point(text, now)} if (text := getattr(asked, name).strip()) else {}
        except ValueError as reason:
            wrong[name] = str(reason)
    partner = outcome = None
    try:
        partner = partner_id(do, asked.partner.strip()) if asked.partner.strip() else None
    except (OcpiError, ControlError):
        wrong["partner"] = f"no partner {asked.partner[:40]!r}; write its name, one of its parties, or its number"
    try:
        outcome = Outcome(asked.outcome) if asked.outcome else None
    except ValueError:
        wrong["outcome"] = f"{asked.outcome[:40]!r} is no outcome; choose one of the list"
    return Filter(partner=partner, module=asked.module.strip() or None, outcome=outcome, **moments), wrong
