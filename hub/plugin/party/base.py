"""The base of every party: who it is, who is asking, and how it speaks to others."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextvars import ContextVar
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias, TypeVar, cast
from urllib.parse import urlencode

import msgspec

from hub.core.catalogue import CATALOGUE
from hub.core.custom import operations
from hub.core.message import Reply
from hub.core.modules import Catalogue, Interface, Operation
from hub.core.pages import PageHeaders, next_page
from hub.core.party import Party, Role
from hub.core.paths import join
from hub.errors import InvalidParameters, OcpiError, ReceiverNotConnected
from hub.ocpi.check import describe
from hub.ocpi.envelope import date_time
from hub.ocpi.kinds import body_checker, struct_of
from hub.ocpi.types import DateTime
from hub.ocpi.writing import written
from hub.plugin.api import Plugin, Settings
from hub.plugin.party.command import Outcome
from hub.plugin.party.network import Answer, Network

T = TypeVar("T")

_WAIT = 30.0
"""Seconds that a result is waited for where the answer does not say: OCPI 2.1.1."""
_ACCEPTED = "ACCEPTED"


To: TypeAlias = Party | str | None
"""Whom a request is for; None: whoever its content is for."""


class PartySettings(Settings):
    """Settings that every party has; those of a plugin go into a subclass."""

    party: str = ""
    name: str = ""
    website: str | None = None


if TYPE_CHECKING:
    from typing_extensions import TypeVar as DefaultTypeVar

    S = DefaultTypeVar("S", bound=PartySettings, default=PartySettings)
else:
    S = TypeVar("S", bound=PartySettings)


class Caller(msgspec.Struct, frozen=True):
    """Who asks: the party that sent the request (None where it does not say), whom it is for, and its ids."""

    party: Party | None
    receiver: Party | None
    request_id: str
    correlation_id: str

    def owns(self, card: Any) -> bool:
        """Whether a token, or the cdr_token of a session or CDR, is of the party that asks (2.2.1 and later)."""
        return self.party is not None and self.party == Party.of(card.country_code, card.party_id)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a party. `deadline` is the event loop's time by which the answer has to be there."""

    operation: Operation
    segments: tuple[str, ...]
    query: str = ""
    body: bytes = b""
    caller: Caller
    deadline: float


CALLER: ContextVar[Caller] = ContextVar("caller")


class PartyPlugin(Plugin[S]):
    """A plugin that is a party. `party` reads `NL-TNM`; what is not overridden is not offered.

    In the hub, it is reached as every partner is; `ocpi-hub platform run` serves the same class on its own.
    """

    party: ClassVar[str] = ""
    name: ClassVar[str] = ""
    version: ClassVar[str] = "2.2.1"
    role: ClassVar[Role | str]

    network: Network
    _waiting: dict[str, "asyncio.Future[bytes]"]

    def __init_subclass__(cls) -> None:
        """With the modules of all its bases."""
        super().__init_subclass__()
        all_of_them = (vars(base).get("modules", {}) for base in reversed(cls.__mro__))
        cls.modules = {name: module for each in all_of_them for name, module in each.items()}

    def __new__(cls, *_given: Any, **_named: Any) -> Self:
        """With nothing that is waited for, whatever `__init__` does."""
        made = super().__new__(cls)
        made._waiting = {}
        return made

    async def connected(self) -> None:
        """Called when the party can speak: in the hub after each start, alone after each registration."""

    async def answering(self, call: Call, answer: Callable[[], Awaitable[Reply]]) -> Reply:  # noqa: ARG002
        """Around every request: override it to note requests, or to answer some otherwise than by `answer()`."""
        return await answer()

    @property
    def own(self) -> Party:
        """The party itself."""
        return Party.parse(self.settings.party or self.party)

    @property
    def caller(self) -> Caller:
        """Who asks, while a request is being answered. LookupError at any other time."""
        return CALLER.get()

    async def call(
        self,
        method: str,
        module: str,
        interface: Interface | str,
        *path: str,
        to: To = None,
        body: object = None,
        query: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> Answer:
        """Send one request in this party's name, once, and bring back the answer, whatever it is.

        `path` holds the segments below the module. Without `to` it is routed by its content: a location goes to
        everybody, a session to whom its token belongs. `seconds` ends the attempt earlier than the hub would. Raises
        InvalidParameters where the body is not what OCPI says; nothing is sent then.
        """
        side = Interface(interface.upper())
        raw = b"" if body is None else written(body)
        self._check(method, module, side, path, raw)
        receiver = Party.parse(to) if isinstance(to, str) else to
        try:
            url = join(self._way.endpoint(module, side, receiver), path, urlencode(query or {}, safe=":"))
            return await self._sent(method, url, receiver, raw, seconds)
        except OcpiError as error:
            return Answer.refused(error)

    async def fetch_all(
        self,
        module: str,
        kind: type[T],
        *path: str,
        to: To = None,
        date_from: DateTime | None = None,
        date_to: DateTime | None = None,
        query: Mapping[str, str] | None = None,
    ) -> AsyncIterator[T]:
        """Every object of a SENDER interface, page after page; without `to` of all that the hub knows of (GET All).

        Raises Declined where a page is no success; what came before it was given out already.
        """
        dates = {"date_from": date_from, "date_to": date_to}
        asked = {name: date_time(value) for name, value in dates.items() if value is not None} | dict(query or {})
        receiver = Party.parse(to) if isinstance(to, str) else to
        url: str | None = join(self._way.endpoint(module, Interface.SENDER, receiver), path, urlencode(asked, safe=":"))
        seen: set[str] = set()
        while url is not None and url not in seen:
            seen.add(url)
            answer = await self._sent("GET", url, receiver, b"", None)
            rows = answer.read(cast("type[list[T]]", list.__class_getitem__(kind)))
            for row in rows:
                yield row
            said = answer.headers
            pages = PageHeaders(said.get("link"), said.get("x-total-count"), said.get("x-limit"))
            url = next_page(url, pages) if rows else None

    async def _push(self, method: str, module: str, *path: str, to: To, body: object = None) -> Answer:
        """A push of an object of its own."""
        owner = self.own
        return await self.call(method, module, "RECEIVER", owner.country, owner.party_id, *path, to=to, body=body)

    async def _push_token(self, method: str, uid: str, token_type: str, to: To, body: object) -> Answer:
        owner = self.own
        path = (owner.country, owner.party_id, uid)
        return await self.call(method, "tokens", "RECEIVER", *path, to=to, body=body, query={"type": token_type})

    async def _command(self, name: str, body: dict[str, Any], to: To, wait: float | None) -> Outcome[Any, Any]:
        given = {field: value for field, value in body.items() if value is not None}
        kinds = ("CommandResponse", "CommandResult")
        return await self._twice_answered("POST", "commands", (name,), kinds, to=to, body=given, wait=wait)

    async def _twice_answered(
        self,
        method: str,
        module: str,
        path: tuple[str, ...],
        kinds: tuple[str, str],
        *,
        to: To,
        body: dict[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        wait: float | None,
    ) -> Outcome[Any, Any]:
        """Send a request that holds a response_url, and wait for what is posted there.

        `kinds` are those of both answers. Raises Declined where it is not answered with a success.
        """
        uid = self._way.new_uid()
        name = (module, *path[:1]) if module == "commands" else (module,)
        url = "/".join((self._way.root, *self._side(Interface.SENDER), *name, uid))
        coming = self._waiting[uid] = asyncio.get_running_loop().create_future()
        first, second = (struct_of(self.version, kind) for kind in kinds)
        try:
            sent = None if body is None else {**body, "response_url": url}
            asked = {**(query or {}), **({"response_url": url} if body is None else {})}
            answer = await self.call(method, module, Interface.RECEIVER, *path, to=to, body=sent, query=asked)
            response = answer.read(first)
            if response.result != _ACCEPTED:
                return Outcome(response)
            async with asyncio.timeout(wait if wait is not None else getattr(response, "timeout", _WAIT)):
                return Outcome(response, msgspec.json.decode(await coming, type=second))
        except TimeoutError:
            return Outcome(response)
        finally:
            del self._waiting[uid]

    async def _arrived(self, uid: str, body: object) -> None:
        """A result came: who waits for it goes on, here or on another node. One that nobody waits for is no error."""
        result = msgspec.json.encode(body)
        if not self.take_result(uid, result):
            await self._way.hand_on(uid, result)

    def take_result(self, uid: str, result: bytes) -> bool:
        """Whether this result is waited for; then who waits for it goes on."""
        coming = self._waiting.get(uid)
        if coming is not None and not coming.done():
            coming.set_result(result)
        return coming is not None

    async def _sent(self, method: str, url: str, to: Party | None, body: bytes, seconds: float | None) -> Answer:
        try:
            return Answer.of(await self._way.send(method, url, to=to, body=body, seconds=seconds))
        except OcpiError as error:
            return Answer.refused(error)

    def _check(self, method: str, module: str, side: Interface, path: tuple[str, ...], body: bytes) -> None:
        """What is known of a body is checked before it leaves: OCPI's own, and that of the modules of this plugin."""
        rows = CATALOGUE.module(self.version, side, module) or self._own_modules.module(self.version, side, module)
        operation = rows.find(method, path) if rows else None
        if operation is None or not body or (checker := body_checker(operation)) is None:
            return
        if found := checker.check(body):
            raise InvalidParameters(f"{operation}: {describe(found)}")

    @cached_property
    def _own_modules(self) -> Catalogue:
        return Catalogue.of(row for name, module in self.modules.items() for row in operations(name, module))

    def _side(self, interface: Interface) -> tuple[str, ...]:
        """Endpoints of OCPI 2.1.1 have no side."""
        return () if self.version == "2.1.1" else (interface.lower(),)

    @property
    def _way(self) -> Network:
        network: Network | None = getattr(self, "network", None)
        if network is None:
            raise ReceiverNotConnected(f"{self.own} is not connected yet; speak from `connected` on, not in `start`")
        return network
