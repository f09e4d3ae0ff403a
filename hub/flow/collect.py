"""Collect: GET All of what the hub does not keep (2.2.1, transport_and_format: GET All via Hubs)."""

import asyncio
from itertools import islice

import msgspec

from hub.core.message import Message, Reply
from hub.core.pages import count
from hub.core.paging import Page, PageQuery
from hub.core.party import Party
from hub.core.route import Route
from hub.errors import InvalidParameters, OcpiError, ReceiverNotConnected, RoutingError
from hub.flow.delivery import Deliverer
from hub.ocpi import envelope
from hub.ocpi.rows import NoList
from hub.ocpi.rows import rows as rows_of
from hub.plugin.table import OperationHooks

_PAGES = 1000
"""So many pages are counted of a list whose owner does not tell its size."""
_WHOLE = 20_000
"""So many objects are counted of a page whose owner does not know limits."""


class Part(msgspec.Struct, frozen=True):
    """What one party has of a collected list."""

    party: Party
    total: int


class _Owner(msgspec.Struct):
    country_code: str | None = None
    party_id: str | None = None


_OWNER = msgspec.json.Decoder(_Owner)


class Collector:
    """GET All of what the hub does not keep: asked of each party live, in the order of their ids.

    Each party's total comes first, so that an offset means the same on every page, and X-Total-Count is right.
    """

    def __init__(self, deliverer: Deliverer, at_once: int, limit: int) -> None:
        """`at_once` parties are asked at the same time; a page has `limit` objects at most."""
        self._deliverer = deliverer
        self._at_once = at_once
        self._limit = limit

    def reconfigure(self, at_once: int, limit: int) -> None:
        """Other bounds, for lists that are asked for from now on."""
        self._at_once, self._limit = at_once, limit

    async def page(self, message: Message, route: Route, hooks: OperationHooks) -> Page:
        """One page. A party that does not answer is left out.

        Where none answers: InvalidParameters if one found fault with the request, else ReceiverNotConnected.
        """
        query = PageQuery.read(message.query, self._limit)
        parts = await self._totals(message, sorted(route.destinations), query, hooks)
        found: list[msgspec.Raw] = []
        asked, skip = 0, query.offset
        for part in parts:
            if asked >= query.limit:
                break
            if skip < part.total:
                rows = await self._fetch(message, part, skip, query.limit - asked, query, hooks)
                asked += len(rows)
                found += [row for row in rows if _is_of(row, part.party, message)]
            skip = max(0, skip - part.total)
        return Page(rows=tuple(found), total=sum(part.total for part in parts), query=query)

    async def _totals(
        self, message: Message, parties: list[Party], query: PageQuery, hooks: OperationHooks
    ) -> list[Part]:
        gate = asyncio.Semaphore(self._at_once)
        # One that hangs must leave time for the pages of the others.
        now = asyncio.get_running_loop().time()
        until = now + (message.deadline - now) / 2

        async def part(party: Party) -> Part | OcpiError:
            async with gate:
                try:
                    return Part(party, await self._size(message, party, query, hooks, until))
                except OcpiError as error:
                    return error

        answers = await asyncio.gather(*map(part, parties))
        parts = [each for each in answers if isinstance(each, Part)]
        if parties and not parts:
            refusal = next((each for each in answers if isinstance(each, InvalidParameters)), None)
            raise refusal or ReceiverNotConnected(f"none of {len(parties)} parties answered")
        return parts

    async def _size(self, message: Message, party: Party, query: PageQuery, hooks: OperationHooks, until: float) -> int:
        """How many objects a party has: as it says; where it does not say, as many as come."""
        reply = await self._ask(message, party, 0, 1, query, hooks, until)
        told = count(dict(reply.headers).get("X-Total-Count"))
        rows = _rows(reply, _WHOLE)
        del reply  # it may be large, and so may be the next one
        if told is not None or len(rows) != 1:
            # More than one: it does not know limits, and this was the whole list.
            return len(rows) if told is None else told
        size, before = 0, None
        for _ in range(_PAGES):
            rows = _rows(await self._ask(message, party, size, query.cap, query, hooks, until), _WHOLE)
            if not rows or rows == before:
                break
            size, before = size + len(rows), rows
        return size

    async def _fetch(
        self, message: Message, part: Part, offset: int, wanted: int, query: PageQuery, hooks: OperationHooks
    ) -> list[msgspec.Raw]:
        """Rows of one party, in as many requests as its own page size makes of them."""
        rows: list[msgspec.Raw] = []
        wanted = min(wanted, part.total - offset)
        while len(rows) < wanted:
            left = wanted - len(rows)
            try:
                more = _rows(await self._ask(message, part.party, offset + len(rows), left, query, hooks), left)
            except OcpiError:
                break
            if not more:
                break
            rows += more
        return rows

    async def _ask(
        self,
        message: Message,
        party: Party,
        offset: int,
        limit: int,
        query: PageQuery,
        hooks: OperationHooks,
        until: float | None = None,
    ) -> Reply:
        asked = msgspec.structs.replace(message, query=query.with_paging(offset, limit))
        reply = await self._deliverer.deliver(asked, party, hooks, until=until)
        if reply.ok:
            return reply
        received = envelope.receive(reply.body)
        said = str(received.status_message or "")[:200] if received else ""
        refused = InvalidParameters if 2000 <= reply.ocpi_status < 3000 else RoutingError
        raise refused(f"{party} answered {reply.ocpi_status} {said!r}")


def _rows(reply: Reply, most: int) -> list[msgspec.Raw]:
    received = envelope.receive(reply.body)
    try:
        return list(islice(rows_of(received.data), most)) if received else []
    except NoList:
        return []


def _is_of(row: msgspec.Raw, party: Party, message: Message) -> bool:
    """Whether a row is the party's own. A platform that ignores whom it is asked for sends those of all its parties."""
    platform = message.directory.parties[party]
    if platform.is_hub or len(platform.roles) == 1:
        return True
    try:
        owner = _OWNER.decode(row)
        return not (owner.country_code and owner.party_id) or Party.of(owner.country_code, owner.party_id) == party
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return False
