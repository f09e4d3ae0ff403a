"""Ways that concern more than one platform: broadcast, ask, and collect.

OCPI 2.2.1, transport_and_format: Broadcast Push, Open Routing Request, GET All via Hubs.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import TypeVar

import msgspec
import structlog

from hub.core.message import Message, Reply
from hub.core.party import Party
from hub.core.route import Route
from hub.errors import OcpiError, ReceiverNotConnected, ReceiverTimeout, RoutingError
from hub.flow.delivery import Deliverer
from hub.flow.paging import Page, PageQuery
from hub.ocpi import envelope
from hub.plugin.table import OperationHooks

log = structlog.get_logger()
T = TypeVar("T")


class Broadcaster:
    """Hands one push to many platforms: once each, all at the same time within a bound, nobody waiting for anybody."""

    def __init__(self, deliverer: Deliverer, at_once: int, broadcasts: int) -> None:
        """`at_once` deliveries of one broadcast, and `broadcasts` of one platform, run at the same time."""
        self._deliverer = deliverer
        self._at_once = at_once
        self._broadcasts = broadcasts
        self._running: set[asyncio.Task[None]] = set()
        self._by_platform: Counter[int] = Counter()

    async def begin(
        self, message: Message, route: Route, hooks: OperationHooks, keep: Callable[[Message], Awaitable[T]]
    ) -> T:
        """Start the deliveries, once `keep` has taken the message over; what `keep` returned.

        What comes of them goes to events and plugins, never to the sender. RoutingError (4000) where too many of
        this platform's broadcasts are under way: then nothing was kept.
        """
        if self._by_platform[message.platform.id] >= self._broadcasts:
            raise RoutingError(f"{self._broadcasts} of your broadcasts are under way; wait for them")
        with ExitStack() as held:
            self._by_platform[message.platform.id] += 1
            held.callback(self._ended, message.platform.id)
            held.enter_context(hooks)
            kept = await keep(message)
            task = asyncio.create_task(self._deliver_all(message, route.destinations, hooks), name="broadcast")
            self._running.add(task)
            ends = held.pop_all()
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: ends.close())
        return kept

    def _ended(self, platform_id: int) -> None:
        self._by_platform[platform_id] -= 1
        self._by_platform += Counter()

    async def stop(self) -> None:
        """Wait for what is under way: every delivery ends by the deadline of its message."""
        if self._running:
            await asyncio.wait(self._running)

    async def _deliver_all(self, message: Message, to: tuple[Party, ...], hooks: OperationHooks) -> None:
        waiting = iter(to)
        loop = asyncio.get_running_loop()

        async def work() -> None:
            for party in waiting:
                if loop.time() >= message.deadline:
                    # An attempt now could only fail, and would be held against a platform that did nothing wrong.
                    log.warning("broadcast_too_late", to=party.id, module=message.module)
                    continue
                try:
                    await self._deliverer.deliver(message, party, hooks, speaker=message.directory.hub)
                except OcpiError:
                    continue
                except Exception:
                    log.exception("broadcast_failed", to=party.id)

        await asyncio.gather(*(work() for _ in range(min(self._at_once, len(to)))))


async def ask(deliverer: Deliverer, message: Message, route: Route, hooks: OperationHooks, seconds: float) -> Reply:
    """Ask all at once; the first that allows wins, else the last answer counts. For authorising unknown tokens."""
    until = asyncio.get_running_loop().time() + seconds
    tasks = [
        asyncio.ensure_future(deliverer.deliver(message, party, hooks, until=until)) for party in route.destinations
    ]
    last: Reply | None = None
    late = False
    try:
        for done in asyncio.as_completed(tasks):
            try:
                reply = await done
            except OcpiError as error:
                late = late or isinstance(error, ReceiverTimeout)
                continue
            if _allows(reply):
                return reply
            last = reply if last is None or reply.ok else last
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if last is not None:
        return last
    if late:
        raise ReceiverTimeout(f"none of {len(tasks)} eMSP(s) answered within {seconds:g} s")
    raise ReceiverNotConnected(f"none of {len(tasks)} eMSP(s) could be asked")


def _allows(reply: Reply) -> bool:
    received = envelope.receive(reply.body)
    if received is None or not reply.ok:
        return False
    try:
        data = msgspec.json.decode(received.data)
    except msgspec.MsgspecError:
        return False
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    return isinstance(data, dict) and data.get("allowed") == "ALLOWED"


class Part(msgspec.Struct, frozen=True):
    """What one party has of a collected list."""

    party: Party
    total: int


class Collector:
    """GET All of what the hub does not keep: asked of each party live, in the order of their ids.

    Each party's total comes first, so that an offset means the same on every page, and X-Total-Count is right.
    """

    def __init__(self, deliverer: Deliverer, at_once: int, limit: int) -> None:
        """`at_once` parties are asked at the same time; a page has `limit` objects at most."""
        self._deliverer = deliverer
        self._at_once = at_once
        self._limit = limit

    async def page(self, message: Message, route: Route, hooks: OperationHooks) -> Page:
        """One page. A party that does not answer is left out; ReceiverNotConnected where none does."""
        query = PageQuery.read(message.query, self._limit)
        parts = await self._totals(message, sorted(route.destinations), query, hooks)
        found: list[msgspec.Raw] = []
        skip = query.offset
        for part in parts:
            if len(found) >= query.limit:
                break
            if skip < part.total:
                found += await self._fetch(message, part, skip, query.limit - len(found), query, hooks)
            skip = max(0, skip - part.total)
        return Page(rows=tuple(found), total=sum(part.total for part in parts), query=query)

    async def _totals(
        self, message: Message, parties: list[Party], query: PageQuery, hooks: OperationHooks
    ) -> list[Part]:
        gate = asyncio.Semaphore(self._at_once)
        # One that hangs must leave time for the pages of the others.
        now = asyncio.get_running_loop().time()
        until = now + (message.deadline - now) / 2

        async def total(party: Party) -> Part | None:
            async with gate:
                try:
                    reply = await self._ask(message, party, 0, 1, query, hooks, until)
                except OcpiError:
                    return None
            return Part(party, _total(reply))

        parts = [part for part in await asyncio.gather(*map(total, parties)) if part]
        if parties and not parts:
            raise ReceiverNotConnected(f"none of {len(parties)} platform(s) answered")
        return parts

    async def _fetch(
        self, message: Message, part: Part, offset: int, wanted: int, query: PageQuery, hooks: OperationHooks
    ) -> list[msgspec.Raw]:
        """Rows of one party, in as many requests as its own page size makes of them."""
        rows: list[msgspec.Raw] = []
        wanted = min(wanted, part.total - offset)
        while len(rows) < wanted:
            try:
                reply = await self._ask(message, part.party, offset + len(rows), wanted - len(rows), query, hooks)
            except OcpiError:
                break
            more = _rows(reply)
            if not more:
                break
            rows += more[: wanted - len(rows)]
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
        if not reply.ok:
            raise RoutingError(f"{party} answered {reply.ocpi_status}")
        return reply


def _total(reply: Reply) -> int:
    """What a party says it has; where it does not say, what came."""
    told = dict(reply.headers).get("X-Total-Count", "")
    return int(told) if told.isascii() and told.isdigit() and len(told) < 12 else len(_rows(reply))


def _rows(reply: Reply) -> list[msgspec.Raw]:
    received = envelope.receive(reply.body)
    try:
        return msgspec.json.decode(received.data, type=list[msgspec.Raw]) if received else []
    except msgspec.MsgspecError:
        return []
