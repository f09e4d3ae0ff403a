"""The deliveries of one broadcast: each on the short way where a connection waits for it, else in a task of its own.

On the short way nothing waits: the answer, or what went wrong, is told by a call, and begins the next delivery.
"""

import asyncio
import time
from collections.abc import Coroutine, Iterator
from functools import partial
from typing import Any

import msgspec
import structlog

from hub.core.directory import Directory, Platform
from hub.core.message import Message
from hub.core.modules import UrlIn
from hub.core.party import Party
from hub.core.paths import join
from hub.core.recalled import Recalled
from hub.core.route import destination
from hub.errors import OcpiError
from hub.events import Leg
from hub.flow.delivery import Deliverer, Shared
from hub.flow.following import Deliveries
from hub.ids import another, new_id
from hub.ocpi.rows import LARGEST
from hub.partners.calls import Lines, values
from hub.plugin.table import OperationHooks
from hub.upstream import Aimed, Push, Response, SendError, aimed, is_redirect, push

log = structlog.get_logger()

_MOST = 50_000
"""So many lanes are found again without a look at the directory."""
_OF_A_PARTY = 8
"""Lanes of one party, on the average, until those are let go of that may be of no use any more."""


class Lane(msgspec.Struct, frozen=True, eq=False):
    """The short way to one party: what all pushes to one of its endpoints have in common."""

    to: Party
    platform: Platform
    endpoint: str
    aimed: Aimed


class Lanes:
    """The lanes to parties, made when they are wanted first, and good for as long as a platform stays as it is."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._directory: Directory | None = None
        self._found: Recalled[Lane] = Recalled(_MOST)
        self._made: dict[tuple[Party, str, bool], Lane] = {}

    def to(self, message: Message, party: Party) -> Lane | None:
        """The lane for a message to a party; None where it has to go the long way, which says why."""
        if message.directory is not self._directory:
            self._directory, self._found = message.directory, Recalled(_MOST)
        question = message.operation, message.sender, party
        if (lane := self._found.of(question)) is not None:
            return lane
        try:
            lane = self._lane(message, party)
        except (OcpiError, SendError):
            return None
        return lane and self._found.keep(question, lane)

    def _lane(self, message: Message, to: Party) -> Lane | None:
        platform, endpoint = destination(message, to)
        if platform.version != message.operation.version or platform.authorization is None:
            return None
        key = to, endpoint, bool(message.body)
        if (lane := self._made.get(key)) is not None and lane.platform is platform:
            return lane
        directory = message.directory
        if len(self._made) > _OF_A_PARTY * len(directory.parties):
            self._made.clear()
        line = self._lines.to(directory, platform, endpoint, body=bool(message.body))
        at = aimed(platform.id, line, endpoint, values(line, "", "", directory.hub, to))
        if at is None:
            return None
        lane = self._made[key] = Lane(to, platform, endpoint, at)
        return lane


class Volley:
    """One push to many parties. `at_once` deliveries are under way at the same time; no one waits for another."""

    def __init__(
        self,
        deliverer: Deliverer,
        lanes: Lanes,
        message: Message,
        hooks: OperationHooks,
        deliveries: Deliveries,
        at_once: int,
    ) -> None:
        self._deliverer = deliverer
        self._lanes = lanes
        self._message = message
        self._hooks = hooks
        self._deliveries = deliveries
        self._at_once = at_once
        self._loop = asyncio.get_running_loop()
        self._push = _push(message, hooks)
        self._like = new_id()
        # Only what the mirror keeps is told alike to all: the rest may be told by whose token it is about.
        self._shared: Shared | None = {} if message.operation.broadcast else None
        self._waiting: Iterator[Party] = iter(())
        self._under_way = 0
        self._beginning = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._over: asyncio.Future[None] = self._loop.create_future()

    async def deliver(self, to: tuple[Party, ...]) -> None:
        """Attempt each delivery once; all of them are over when this returns."""
        self._waiting = iter(to)
        self._go_on()
        try:
            await self._over
        finally:
            self._waiting = iter(())
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)

    def _go_on(self) -> None:
        """Begin deliveries, until as many are under way as may be."""
        if self._beginning:
            return
        self._beginning = True
        while self._under_way < self._at_once and (party := next(self._waiting, None)) is not None:
            self._under_way += 1
            try:
                if not self._begins(party):
                    self._run(self._long(party))
            except Exception:
                log.exception("broadcast_failed", to=party.id)
                self._deliveries.ended(party)
                self._under_way -= 1
        self._beginning = False
        if not self._under_way and not self._over.done():
            self._over.set_result(None)

    def _begins(self, party: Party) -> bool:
        """Whether a delivery goes the short way: then it was begun."""
        message, deliverer = self._message, self._deliverer
        # Who was shut out in the meantime is found on the long way.
        if self._push is None or self._deliveries.waits(party) or deliverer.current() is not message.directory:
            return False
        lane = self._lanes.to(message, party)
        if lane is None:
            return False
        leg = deliverer.leg(lane.platform, another(self._like), message.body)
        done = partial(self._came, lane, leg, time.perf_counter())
        return deliverer.client.push(self._push, lane.aimed, leg.request_id, done)

    def _came(self, lane: Lane, leg: Leg, began: float, outcome: Response | SendError) -> None:
        """The answer is there, or there will be none."""
        if isinstance(outcome, Response) and outcome.status >= 300 and is_redirect(outcome):
            self._run(self._redirected(lane, leg, began, outcome))
            return
        try:
            self._deliverer.pushed(self._message, lane.to, leg, outcome, began)
        except Exception:
            log.exception("broadcast_failed", to=lane.to.id)
        self._ended(lane.to)

    def _ended(self, party: Party) -> None:
        self._deliveries.ended(party)
        self._under_way -= 1
        self._go_on()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _redirected(self, lane: Lane, leg: Leg, began: float, answer: Response) -> None:
        """The rest of a delivery whose receiver sends the hub elsewhere."""
        message, deliverer = self._message, self._deliverer
        outcome: Response | SendError
        try:
            request = deliverer.request(message, lane.to, leg, lane.endpoint)
            try:
                outcome = await deliverer.client.follow(request, answer)
            except SendError as error:
                outcome = error
            deliverer.pushed(message, lane.to, leg, outcome, began)
        except asyncio.CancelledError:
            deliverer.abandoned(message, lane.to, leg, began)
            raise
        except Exception:
            log.exception("broadcast_failed", to=lane.to.id)
        self._ended(lane.to)

    async def _long(self, party: Party) -> None:
        """A delivery that may have to wait: for its turn, for a bridge or a plugin, for a connection."""
        message, deliverer = self._message, self._deliverer
        await self._deliveries.turn(party)
        try:
            if self._loop.time() >= message.deadline:
                # An attempt now could only fail, and would be held against a platform that did nothing wrong.
                log.warning("broadcast_too_late", to=party.id, module=message.module)
                deliverer.too_late(message, party)
            else:
                hub = message.directory.hub
                await deliverer.deliver(message, party, self._hooks, speaker=hub, shared=self._shared)
        except OcpiError:
            pass
        except Exception:
            log.exception("broadcast_failed", to=party.id)
        self._ended(party)


def _push(message: Message, hooks: OperationHooks) -> Push | None:
    """What all have in common; None where it is not the same for all, or can not be sent: the long way says why."""
    operation = message.operation
    alike = operation.broadcast and operation.url is UrlIn.NOWHERE and operation.data is None
    if not alike or hooks.forwarders or message.url is not None or not message.segments:
        return None
    try:
        return push(
            operation.method,
            join("", message.segments, message.query),
            message.correlation_id,
            message.body,
            deadline=message.deadline,
            sender=message.platform.id,
            max_body=LARGEST,
        )
    except (OcpiError, SendError):
        return None
