"""The hub as a plugin sees it: a party of its own that can speak OCPI."""

import asyncio
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from hub.core.directory import THE_HUB, Directory, Platform, State
from hub.core.message import Message, Reply
from hub.core.modules import Catalogue, Interface
from hub.core.party import Party, Role
from hub.core.paths import origin
from hub.core.places import METRE, Point
from hub.core.urls import RESULTS
from hub.errors import InvalidParameters
from hub.flow.mirror import token_key
from hub.flow.numbers import Numbers
from hub.flow.pipeline import Pipeline, Ways
from hub.ids import new_id
from hub.ocpi import envelope
from hub.plugin.api import Later, Nearby

_VERSION = "2.2.1"
_KINDS = {"locations": "Location", "tariffs": "Tariff"}


class _Answered(msgspec.Struct):
    """The answer to a request whose result comes later. OCPI 2.1.1 tells no time."""

    result: str = ""
    timeout: float | None = None


class Viewer(NamedTuple):
    """Who wants to see objects of a module."""

    directory: Directory
    sender: Party
    module: str


class HubFacade:
    """`self.hub` of every plugin; see `hub.plugin.Hub`."""

    def __init__(
        self,
        catalogue: Catalogue,
        current: Callable[[], Directory],
        pipeline: Pipeline,
        ways: Ways,
        timeout: float,
        numbers: Numbers,
    ) -> None:
        self._catalogue = catalogue
        self._current = current
        self._pipeline = pipeline
        self._ways = ways
        self._timeout = timeout
        self._numbers = numbers

    def reconfigure(self, timeout: float) -> None:
        """Other seconds for a message of a plugin."""
        self._timeout = timeout

    @property
    def party(self) -> Party:
        """The hub's own party."""
        return self._current().hub

    def parties(self) -> Mapping[Party, frozenset[Role]]:
        """Every party that the hub knows at this moment, with its roles."""
        return {party: platform.roles.get(party, frozenset()) for party, platform in self._current().parties.items()}

    async def send(
        self,
        method: str,
        module: str,
        interface: Interface,
        *,
        to: Party,
        path: tuple[str, ...] = (),
        query: str = "",
        body: object = None,
        version: str | None = None,
        sender: Party | None = None,
    ) -> Reply:
        """Send a message in the name of the hub or a party, the same way that every other message goes."""
        directory = self._current()
        receiver = directory.parties.get(to)
        version = version or (receiver.version if receiver else None) or _VERSION
        rows = self._catalogue.module(version, interface, module)
        operation = rows.find(method, path) if rows else None
        if operation is None:
            raise InvalidParameters(f"OCPI {version} has no {method} {interface.lower()}/{'/'.join((module, *path))}")
        speaker = sender or directory.hub
        held = directory.parties[speaker].roles.get(speaker) if speaker in directory.parties else None
        platform = Platform(
            id=THE_HUB, name="this hub", state=State.REGISTERED, roles={speaker: held or frozenset({Role.HUB})},
            origins=frozenset({origin(RESULTS)}),
        )  # fmt: skip
        return await self._pipeline.handle(
            Message(
                operation=operation,
                segments=path,
                query=query,
                body=b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body),
                request_id=new_id(),
                correlation_id=new_id(),
                platform=platform,
                sender=speaker,
                receiver=to,
                deadline=asyncio.get_running_loop().time() + self._timeout,
                directory=directory,
                exchange=self._numbers.next(),
            )
        )

    async def ask(
        self,
        method: str,
        module: str,
        interface: Interface,
        *,
        to: Party,
        path: tuple[str, ...] = (),
        body: Mapping[str, Any],
        wait: float,
        version: str | None = None,
        sender: Party | None = None,
    ) -> Later:
        """Send a message, and wait for what is POSTed to its response_url."""
        with self._ways.results.expect() as (url, result):
            whole = {**body, "response_url": url}
            reply = await self.send(
                method, module, interface, to=to, path=path, body=whole, version=version, sender=sender
            )
            if reply.ok and (seconds := _promised(reply)):
                await asyncio.wait({result}, timeout=min(wait, seconds))
            return Later(reply, result.result() if result.done() else None)

    async def told(self, message: Message, version: str = _VERSION) -> Any:
        """The body of a message in an OCPI version."""
        return await self._ways.bridging.told(message, version)

    async def held(
        self,
        module: Literal["locations", "tariffs"],
        owner: Party,
        object_id: str,
        *,
        seen_by: Party | None = None,
    ) -> Any:
        """An object of the mirror in OCPI 2.2.1."""
        mirror, key = self._ways.mirror, object_id.lower()
        if seen_by is None:
            held = await mirror.get(module, owner, key)
        else:
            held = await mirror.seen(Viewer(self._current(), seen_by, module), owner, key)
        return self._ways.bridging.middle(_KINDS[module], held) if held else None

    async def nearby(
        self,
        latitude: float,
        longitude: float,
        radius: float,
        *,
        seen_by: Party,
        limit: int,
        after: tuple[int, int] | None = None,
        free: bool = False,
    ) -> list[Nearby]:
        """Locations of the mirror around a point, in OCPI 2.2.1."""
        viewer, point = Viewer(self._current(), seen_by, "locations"), Point.at(latitude, longitude)
        found = await self._ways.mirror.near(viewer, point, round(radius * METRE), limit, after, free=free)
        return [
            Nearby(
                owner=held.owner,
                metres=math.sqrt(each.distance) / METRE,
                location=self._ways.bridging.middle("Location", held),
                key=(each.distance, each.position),
            )
            for each, held in found
        ]

    async def token_owners(self, uid: str, token_type: str) -> list[Party]:
        """Who has told the hub of a token."""
        return await self._ways.mirror.owners("tokens", token_key(uid, token_type))

    def offers(self, party: Party, module: str, interface: Interface) -> bool:
        """Whether a party is connected and has this interface."""
        platform = self._current().parties.get(party)
        return platform is not None and party in platform.roles and (module, interface) in platform.endpoints


def _promised(reply: Reply) -> float:
    """Seconds within which a result is promised; none where there will not be any."""
    answer = envelope.receive(reply.body)
    try:
        answered = msgspec.json.decode(answer.data, type=_Answered | list[_Answered]) if answer else _Answered()
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return 0.0
    first = answered[0] if isinstance(answered, list) and answered else answered
    if not isinstance(first, _Answered) or first.result != "ACCEPTED":
        return 0.0
    return math.inf if first.timeout is None else first.timeout
