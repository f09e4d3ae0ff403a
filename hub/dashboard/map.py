"""The page that shows who talks to whom, as a drawing and as a table."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from hub.core.party import Role
from hub.dashboard.overview import Back, Period, Span, passed
from hub.dashboard.pages import Visit
from hub.dashboard.strands import Drawing, Side, draw
from hub.partners.operations import PartyView
from hub.store.traffic import MOST_PAIRS, Pair

MOST_ROWS = 60
"""So many pairs stand in the table; the JSON twin has all."""
_SINCE = {Span.HOUR: "1h", Span.DAY: "1d", Span.WEEK: "7d", Span.MONTH: "30d"}


class Sort(StrEnum):
    """What the table begins with."""

    MESSAGES = "messages"
    DECLINED = "declined"
    FAILED = "failed"
    SHARE = "share"
    SENDER = "from"
    RECEIVER = "to"


class Asked(Back, frozen=True, kw_only=True):
    """What to show: messages of one module, or of one party."""

    module: Annotated[str, Meta(max_length=100)] = ""
    party: Annotated[str, Meta(max_length=10)] = ""
    sort: Sort = Sort.MESSAGES


class Talker(msgspec.Struct, frozen=True, kw_only=True):
    """A party that talks: who it is, as far as that is known, and how much it sent and got."""

    party: str
    side: Side
    name: str | None
    partner_id: int | None
    sent: int
    got: int

    @property
    def busy(self) -> int:
        """All of it."""
        return self.sent + self.got


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """Who talked to whom. `pairs` is None where the hub keeps no journal; `cut` where there are more than these.

    `modules` are those that something was sent of.
    """

    period: Period
    pairs: tuple[Pair, ...] | None
    parties: tuple[Talker, ...]
    modules: tuple[str, ...]
    cut: bool

    def drawing(self) -> Drawing:
        """The pairs with the most messages."""
        busiest = sorted(self.pairs or (), key=lambda pair: (-pair.messages, pair.sender, pair.receiver))
        return draw(busiest, {each.party: each.side for each in self.parties})

    def rows(self) -> Sequence[Pair]:
        """What stands in the table."""
        return (self.pairs or ())[:MOST_ROWS]

    def known(self) -> Mapping[str, Talker]:
        """Each party by its id."""
        return {each.party: each for each in self.parties}

    def journal(self, pair: Pair, asked: Asked) -> str:
        """Where the journal tells most of a pair, as a query: the one of the two that talks less to others."""
        known = self.known()
        both = known[pair.sender], known[pair.receiver]
        quietest = min(both, key=lambda each: (each.partner_id is None, each.busy))
        return urlencode({"partner": quietest.party, "module": asked.module, "since": _SINCE[asked.span]})


async def network(visit: Visit[Asked]) -> Network:
    """The page."""
    asked, period = visit.given, Period.back(visit.given.span)
    traffic = await passed(visit.do, period)
    every = traffic.pairs if traffic else ()
    shown = sorted(_wanted(every, asked), key=lambda pair: _order(pair, asked.sort))
    return Network(
        period=period,
        pairs=tuple(shown) if traffic else None,
        parties=tuple(_talkers(shown, visit.do.partners.parties())),
        modules=tuple(sorted({of.module for pair in every for of in pair.modules})),
        cut=len(every) >= MOST_PAIRS,
    )


def share(pair: Pair) -> float:
    """The part of the messages that did not come to a good end."""
    return (pair.declined + pair.failed) / pair.messages if pair.messages else 0.0


def _wanted(pairs: Iterable[Pair], asked: Asked) -> Iterator[Pair]:
    party = asked.party.strip().upper()
    for pair in pairs:
        if party and party not in (pair.sender, pair.receiver):
            continue
        if not asked.module:
            yield pair
        for of in pair.modules:
            if of.module == asked.module:
                yield Pair(pair.sender, pair.receiver, of.messages, of.declined, of.failed, (of,))


def _order(pair: Pair, sort: Sort) -> tuple[float | str, ...]:
    who = pair.sender, pair.receiver
    match sort:
        case Sort.SENDER:
            return who
        case Sort.RECEIVER:
            return who[::-1]
        case Sort.SHARE:
            return -share(pair), -pair.messages, *who
        case _:
            return -getattr(pair, sort.value), -pair.messages, *who


def _talkers(pairs: Iterable[Pair], parties: Iterable[PartyView]) -> Iterator[Talker]:
    known: dict[str, list[PartyView]] = {}
    for view in parties:
        known.setdefault(view.party, []).append(view)
    sent: dict[str, int] = {}
    got: dict[str, int] = {}
    for pair in pairs:
        sent[pair.sender] = sent.get(pair.sender, 0) + pair.messages
        got[pair.receiver] = got.get(pair.receiver, 0) + pair.messages
    for party in sorted({*sent, *got}):
        views = known.get(party, [])
        yield Talker(
            party=party,
            side=_side({view.role for view in views}),
            name=next((view.name for view in views if view.name), None),
            partner_id=views[0].partner_id if views else None,
            sent=sent.get(party, 0),
            got=got.get(party, 0),
        )


def _side(roles: set[Role]) -> Side:
    if Role.CPO in roles:
        return Side.CPO
    return Side.EMSP if Role.EMSP in roles else Side.OTHER
