"""The parties of one simulated platform: who answers a request, and what they go on with when it is answered."""

import asyncio
import inspect
from collections.abc import Coroutine, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import structlog

from hub.core.catalogue import CATALOGUE
from hub.core.headers import CORRELATION_ID, REQUEST_ID
from hub.core.message import Reply
from hub.core.party import Party
from hub.errors import MethodNotAllowed, NotFound, OcpiError
from hub.events import Bus
from hub.plugin.contain import Container
from hub.plugin.faults import Faults
from hub.plugin.party import Call, Caller, PartySettings
from hub.plugin.party.desk import Desk
from hub.plugin.party.offer import offer_of
from hub.sim.events import Kind
from hub.sim.messages import SimRequest
from hub.sim.told import Told
from hub.sim.way import Way

if TYPE_CHECKING:
    from hub.sim.platform import SimPlatform

_PATIENCE = 3600.0
"""Seconds that a party may take for an answer: who asks has less patience than that."""
_NO_END = 1_000_000
"""Faults of a party in a row: it is asked again all the same."""
_AFTER: ContextVar[list[Coroutine[Any, Any, None]]] = ContextVar("after")


class Parties:
    """Each party has a desk, as in a hub. They speak through the client of their platform."""

    def __init__(self, platform: "SimPlatform", made: Sequence[tuple[Told, Party]]) -> None:
        self._platform = platform
        self._all = [each for each, _ in made]
        self._desks = [self._desk(*each) for each in made]
        self.offered = {(interface, module) for each in self._desks for module, interface in each.offer.endpoints()}

    def seed(self, count: int) -> None:
        """Have `count` of what each owns."""
        for each in self._all:
            each.seed(count)

    def moved(self, root: str) -> None:
        """They are reached at this URL of all versions from now on."""
        for desk in self._desks:
            desk.root = root

    def after(self) -> list[Coroutine[Any, Any, None]]:
        """What is to be run once the request that the current task answers is answered; parties add to it."""
        work: list[Coroutine[Any, Any, None]] = []
        _AFTER.set(work)
        return work

    async def answer(self, request: SimRequest, page_limit: int) -> Reply:
        """The answer of the party that it is for; of the first that has one where the headers name none."""
        path = (request.interface.lower(), request.module, *request.segments)
        refused: OcpiError = NotFound(f"{request.path} does not exist here")
        for desk in self._desks:
            if request.receiver not in (None, desk.offer.party):
                continue
            try:
                operation, segments = desk.find(request.method, desk.offer.version, path)
            except MethodNotAllowed as error:
                refused = error
                continue
            except NotFound:
                continue
            desk.page_limit = page_limit
            ids = (request.headers.get(name, "") for name in (REQUEST_ID, CORRELATION_ID))
            call = Call(
                operation=operation,
                segments=segments,
                query=urlencode(request.query),
                body=request.body,
                caller=Caller(request.sender, request.receiver, *ids),
                deadline=asyncio.get_running_loop().time() + _PATIENCE,
            )
            return await desk.answer(call)
        raise refused

    def _desk(self, party: Told, own: Party) -> Desk:
        """The desk of a new party. A fault of its code is an OCPI error, and stands in the log."""
        platform, kind = self._platform, type(party)
        settings, file = PartySettings(party=str(own), name=platform.name), Path(inspect.getfile(kind))
        party.settings, party.network, party.spawn = settings, Way(platform, own), self._later
        party.log = structlog.get_logger().bind(party=str(own))
        party.their_statuses, party.lost = platform.their_statuses, self._lost
        offer, faults = offer_of(kind, settings, file, CATALOGUE), Faults(file, Bus(), _NO_END)
        return Desk(offer, party, Container(file), faults, "", platform.page_cap, lambda *_: None)

    def _later(self, work: Coroutine[Any, Any, None], *, name: str) -> None:  # noqa: ARG002 - tasks here have no names
        _AFTER.get().append(work)

    def _lost(self, what: str) -> None:
        self._platform.tell(Kind.LOST, f"{self._platform.name} could not deliver {what}")
