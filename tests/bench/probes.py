"""Every way in which the hub reads its large tables, by the store's own functions: to be timed, and explained."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.content import Key, Kind
from hub.core.outcome import Outcome
from hub.core.party import Party
from hub.core.places import Area, Point
from hub.store import hints, journal, mirror, places
from hub.store.journal import Filter
from hub.store.journal_schema import delivery, exchange
from hub.store.platforms import load_one
from hub.store.traffic import traffic
from tests.bench.filling import DAY

Work = Callable[[AsyncConnection], Awaitable[Any]]

_PAGE = 100
_ROWS = 51
_HOUR = DAY // 24
_WORLD = Area(-180_000_000, -90_000_000, 180_000_000, 90_000_000)
_TOWN = Area(4_000_000, 52_000_000, 4_200_000, 52_200_000)
_POINT = Point.at(52.0, 4.3)


class Known(msgspec.Struct, frozen=True):
    """What is in a database that was filled, to ask for."""

    owners: list[Party]
    locations: int
    middle: int
    """The number of an exchange in the middle of the journal."""
    correlation: str
    sent: str
    """The X-Request-ID of its delivery."""
    sender: int
    receiver: int
    end: int
    """Milliseconds since 1970."""


async def known(connection: AsyncConnection) -> Known:
    """Look what there is."""
    row = exchange.c
    first, last = (await connection.execute(select(func.min(row.id), func.max(row.id)))).one()
    wanted = select(exchange).where(row.id >= (first + last) // 2, row.outcome == Outcome.DELIVERED.value)
    middle = (await connection.execute(wanted.order_by(row.id).limit(1))).one()
    sent = await connection.scalar(select(delivery.c.request_id).where(delivery.c.exchange_id == middle.id))
    amounts = await mirror.amounts(connection)
    return Known(
        [Party.parse(each.owner) for each in amounts if each.module == "locations"],
        sum(each.objects for each in amounts if each.module == "locations"),
        middle.id, middle.correlation_id, str(sent), middle.sender_id, middle.receiver_id, last // 1000,
    )  # fmt: skip


def pages(of: Known) -> Mapping[str, Work]:
    """Pages of GET All."""
    some = of.owners[1:]
    end = of.locations - _PAGE
    few = end // len(of.owners)
    return {
        "first page": _all(),
        "middle page": _all(offset=end // 2),
        "last page": _all(offset=end),
        "first page of all owners but one": _all(owners=some),
        "middle page of all owners but one": _all(owners=some, offset=end // 2),
        "last page of all owners but one": _all(owners=some, offset=end - few),
        "page of one owner": _all(owners=some[len(some) // 2 :][:1]),
        "first page of what changed in an hour": _all(date_from=of.end - _HOUR),
        "first page of what changed in a day": _all(date_from=of.end - DAY),
        "last page of what changed in a day": _all(date_from=of.end - DAY, offset=of.locations // 60),
        "first page of what changed in a fortnight": _all(date_from=of.end - 14 * DAY),
    }


def journal_pages(of: Known) -> Mapping[str, Work]:
    """Pages of the journal, with each filter."""
    since = of.end - 10 * DAY
    wanted = {
        "newest": Filter(),
        "of a partner": Filter(partner=of.sender),
        "of a partner and a module": Filter(partner=of.sender, module="sessions"),
        "of a partner and an outcome": Filter(partner=of.sender, outcome=Outcome.FAILED),
        "of a module": Filter(module="locations"),
        "of a rare module": Filter(module="chargingprofiles"),
        "of a module that is not there": Filter(module="bookings"),
        "of an outcome": Filter(outcome=Outcome.FAILED),
        "of what was delivered": Filter(outcome=Outcome.DELIVERED),
        "of an outcome and a module": Filter(outcome=Outcome.FAILED, module="sessions"),
        "of an outcome that is not there": Filter(outcome=Outcome.ABANDONED),
        "of a time": Filter(since=since, until=since + DAY),
        "of a partner and a time": Filter(partner=of.sender, since=since, until=since + DAY),
        "forward": Filter(after=of.middle),
        "forward, of a partner": Filter(partner=of.sender, after=of.middle),
        "of everything": Filter(
            partner=of.receiver, module="sessions", outcome=Outcome.DECLINED, since=since, until=of.end
        ),
    }
    found: dict[str, Work] = {name: partial(_journal, wanted=each) for name, each in wanted.items()}
    return {**found, "from the middle": partial(_journal, wanted=Filter(), before=of.middle)}


def single(of: Known) -> Mapping[str, Work]:
    """What is looked up on the way of a message, and one row of the journal."""
    owner, key = of.owners[0], "l1"
    return {
        "exchange": partial(journal.exchange_of, number=of.middle),
        "exchange: those beside it": partial(journal.correlated, name=of.correlation, near=of.middle, limit=25),
        "trace of a correlation id": partial(journal.trace, name=of.correlation),
        "trace of a request id": partial(journal.trace, name=of.sent),
        "trace of an id that is not there": partial(journal.trace, name="nothing-has-this-id"),
        "object": partial(mirror.get, module="locations", owner=owner, key=key),
        "owners of a key": partial(mirror.find, module="locations", key=key),
        "sources of a key": partial(mirror.sources, module="locations", key=key),
        "tokens of a contract": partial(mirror.tokens_of, contract="C17"),
        "hint": partial(hints.recall, key=Key(Kind.SESSION, "s17", owner), not_before=0),
        "platform": partial(load_one, platform_id=of.sender),
    }


def of_dashboard(of: Known) -> Mapping[str, Work]:
    """What pages of the dashboard ask for; some of it looks at an index of the mirror as a whole."""
    spans = {"an hour": (1, 1), "a day": (24, 15), "a week": (7 * 24, 120), "a month": (30 * 24, 480)}
    charts = {
        f"overview of {name}": partial(traffic, since=of.end - hours * _HOUR, until=of.end, step=step * 60_000)
        for name, (hours, step) in spans.items()
    }
    party = of.owners[0].id
    return {
        **charts,
        "overview of a partner's month": partial(
            traffic, since=of.end - 30 * DAY, until=of.end, step=480 * 60_000, parties=[party]
        ),
        "map: extent": places.extent,
        "map: the world": partial(places.clusters, area=_WORLD, cell=(5_000_000, 5_000_000)),
        "map: a town": partial(places.inside, area=_TOWN, limit=500),
        "nearest locations": partial(places.near, point=_POINT, radius=50_000, limit=20),
        "mirror: how much there is": mirror.amounts,
        "mirror: first part of a list": partial(mirror.browse, module="locations", owner=None, after=0, limit=_PAGE),
        "mirror: a list by keys": partial(
            mirror.browse, module="locations", owner=None, after=0, limit=_PAGE, keys=["l1", "l2"]
        ),
        "journal: how many rows": journal.size,
    }


def _all(**given: Any) -> Work:
    asked = {"module": "locations", "owners": None, "date_from": None, "date_to": None, "offset": 0, "limit": _PAGE}
    return partial(mirror.page, **{**asked, **given})


async def _journal(connection: AsyncConnection, *, wanted: Filter, before: int | None = None) -> list[Any]:
    return await journal.page(connection, wanted, before, _ROWS)
