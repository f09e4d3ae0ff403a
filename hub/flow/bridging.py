"""Messages and answers between platforms that speak different versions of OCPI.

What an object does not say itself is looked up here: the token of a contract, the location of a session.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from hub.bridge import Bridged, CanNotBridge, Facts, Loss, convert
from hub.bridge.v2_2_1_down import number_in
from hub.core.directory import Platform
from hub.core.message import Message, decode_json
from hub.core.modules import Catalogue, Interface, Kept, Operation
from hub.core.party import Party
from hub.core.patching import patch
from hub.errors import NotInThatVersion, OcpiError, RoutingError
from hub.flow.clock import now
from hub.flow.mirror import Mirror, object_key, stamped
from hub.ocpi.rows import LARGEST
from hub.ocpi.rows import rows as rows_of
from hub.store.database import Database
from hub.store.mirror import Held
from hub.store.reservations import number_of

_MIDDLE = "2.2.1"
_TOKEN_TYPES = {
    "2.1.1": {"APP_USER": "OTHER", "AD_HOC_USER": "OTHER", "EMAID": "OTHER"},
    "2.2.1": {"EMAID": "OTHER"},
}
"""What the `type` parameter of tokens becomes in a version that does not have the word."""


_LOOKED_UP = frozenset(("AuthorizationInfo", "CDR", "ReserveNow", "Session"))
"""Kinds of objects that take a look at what else the hub knows."""

_MOST = 10_000
"""Objects of one answer, at most: as many as the pages of a hub may have."""


class _Answer(msgspec.Struct, omit_defaults=True):
    """An envelope whose fields stay as they came, but for `data`."""

    status_code: msgspec.Raw
    timestamp: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    status_message: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    data: msgspec.Raw = msgspec.Raw(b"null")


_ANSWER = msgspec.json.Decoder(_Answer)


class Carried(msgspec.Struct, frozen=True):
    """A message or an answer as another version has it, and what could not be carried."""

    body: bytes
    losses: tuple[Loss, ...] = ()


class About(msgspec.Struct, frozen=True):
    """Where facts about an object are found: its owner, whose token it most likely is about, which token was asked."""

    owner: Party
    drivers: tuple[Party, ...]
    token_key: str | None = None


class Bridging:
    """Bridges what passes. `show_owner`: objects for OCPI 2.1.1 keep country_code and party_id, unknown to it."""

    def __init__(self, catalogue: Catalogue, mirror: Mirror, database: Database, *, show_owner: bool) -> None:
        self._catalogue = catalogue
        self._mirror = mirror
        self._database = database
        self._show_owner = show_owner

    def reconfigure(self, *, show_owner: bool) -> None:
        """Show owners to platforms on OCPI 2.1.1, or not."""
        self._show_owner = show_owner

    async def whole(self, message: Message) -> Message:
        """A PATCH that only the sender's version has, as a PUT of the whole object, which every version has.

        That is a tariff's in OCPI 2.1.1. As it is where the hub does not hold the object, or can not apply the PATCH.
        """
        operation, owner = message.operation, message.owner
        if operation.method != "PATCH" or len(operation.versions) != 1 or operation.kept is not Kept.MIRROR:
            return message
        rows = self._catalogue.module(operation.version, operation.interface, operation.module)
        put = rows.find("PUT", message.segments) if rows else None
        held = await self._mirror.get(operation.module, owner, object_key(message)) if owner else None
        if put is None or held is None or held.version != message.version:
            return message
        try:
            body = patch(held.body, (), stamped(message))
        except OcpiError:
            return message
        return msgspec.structs.replace(message, operation=put, body=body)

    async def request(self, message: Message, platform: Platform, to: Party) -> tuple[Message, tuple[Loss, ...]]:
        """A message as its receiver's version has it. NotInThatVersion where that can not be."""
        version, kind = platform.version, message.operation.bridged_body
        if version is None or version == message.operation.version:
            return message, ()
        if kind not in _LOOKED_UP or not message.body:
            return self.at_once(message, version, to)
        value, facts = decode_json(message.body), self._known(message)
        if isinstance(value, dict):
            about = About(message.owner or message.sender, (to, message.sender))
            facts = await self._facts(facts, kind, value, message.operation.version, version, about)
        return _requested(message, version, to, value, facts)

    def at_once(self, message: Message, version: str, to: Party) -> tuple[Message, tuple[Loss, ...]]:
        """`request`, for a message that `goes_at_once`."""
        value = decode_json(message.body) if message.body and message.operation.bridged_body else None
        return _requested(message, version, to, value, self._known(message))

    async def told(self, message: Message, version: str) -> Any:
        """The decoded body of a message as a version has it, for who looks on. NotInThatVersion where it has none.

        What that version requires and nobody knows (the token of an auth_id) is left out. BadRequest: it is not JSON.
        """
        value, kind = message.json(), message.operation.bridged_body
        if version == message.version or kind is None or value is None:
            return value
        about = About(message.owner or message.sender, (message.receiver or message.sender, message.sender))
        partial = message.method == "PATCH"
        try:
            return (await self._convert(kind, value, message.version, version, about, partial=partial)).value
        except CanNotBridge as reason:
            if reason.fact != "token":
                raise NotInThatVersion(str(reason)) from None
        known = {name: each for name, each in value.items() if name != "auth_id"}
        return (await self._convert(kind, known, message.version, version, about, partial=True)).value

    async def answer(self, message: Message, platform: Platform, by: Party, body: bytes) -> Carried:
        """An answer as the sender of the message has it. What can not be told in a list is left out.

        NotInThatVersion where it is one object, and that can not be told.
        """
        version, kind = platform.version or message.version, message.operation.bridged_data
        if version == message.version or kind is None:
            return Carried(body)
        try:
            answered = _ANSWER.decode(body)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return Carried(body)
        start = bytes(memoryview(answered.data)[:1])
        if start not in (b"{", b"["):
            return Carried(body)
        owner = message.owner if message.interface is Interface.RECEIVER and message.owner else by
        told: list[msgspec.Raw] = []
        losses: list[Loss] = []
        for at, row in enumerate(rows_of(answered.data) if start == b"[" else [answered.data]):
            if at == _MOST:
                raise RoutingError(f"{by} speaks OCPI {version}, and its answer holds more than {_MOST} objects")
            bridged = await self._told_row(kind, row, version, message, owner, f"[{at}]" if start == b"[" else "")
            told += bridged.value
            losses += bridged.losses
        if start == b"{" and not told:
            raise NotInThatVersion(f"{by} speaks OCPI {version}, and its answer can not be told: {losses[0].why}")
        answered.data = msgspec.Raw(b"[%b]" % b",".join(told)) if start == b"[" else told[0]
        return Carried(msgspec.json.encode(answered), tuple(losses))

    async def _told_row(
        self, kind: str, row: msgspec.Raw, version: str, message: Message, owner: Party, path: str
    ) -> Bridged:
        """One object of an answer, read and written on its own: never more than one is decoded at a time."""
        if len(row) > LARGEST:
            return Bridged([], (Loss(version, path or kind, f"it is larger than {LARGEST} bytes"),))
        try:
            value = decode_json(row)
        except OcpiError as error:
            return Bridged([], (Loss(version, path or kind, error.message),))
        bridged = await self._row(kind, value, version, message, owner, path)
        return Bridged([msgspec.Raw(msgspec.json.encode(each)) for each in bridged.value], bridged.losses)

    async def held(self, message: Message, rows: Iterable[Held]) -> list[msgspec.Raw]:
        """Objects of the mirror as the requester's version has them. What can not be told is left out."""
        told: list[msgspec.Raw] = []
        kind = message.operation.bridged_data
        for held in rows:
            if held.version == message.version or kind is None:
                told.append(msgspec.Raw(held.body))
                continue
            value = decode_json(held.body)
            bridged = await self._row(kind, value, held.version, message, held.owner)
            told += (msgspec.Raw(msgspec.json.encode(each)) for each in bridged.value)
        return told

    async def _row(
        self, kind: str, value: Any, version: str, message: Message, owner: Party, path: str = ""
    ) -> Bridged:
        """One object of an answer, as a list of none or one."""
        try:
            about = About(owner, (message.sender, owner), _asked_token(message))
            told = await self._convert(kind, value, version, message.version, about)
        except CanNotBridge as reason:
            return Bridged([], (Loss(version, path or kind, str(reason)),))
        return Bridged(
            [told.value],
            tuple(
                msgspec.structs.replace(each, path=f"{path}.{each.path}" if path else each.path) for each in told.losses
            ),
        )

    async def _convert(
        self,
        kind: str,
        value: Any,
        source: str,
        target: str,
        about: "About",
        *,
        partial: bool = False,
    ) -> Bridged:
        facts = self._facts_of(about.owner, partial=partial)
        if kind in _LOOKED_UP and isinstance(value, dict):
            facts = await self._facts(facts, kind, value, source, target, about)
        return convert(kind, value, source, target, facts, partial=partial)

    def _known(self, message: Message) -> Facts:
        """What nobody has to look up for the body of a message."""
        return self._facts_of(message.owner or message.sender, partial=message.operation.method == "PATCH")

    def _facts_of(self, owner: Party, *, partial: bool) -> Facts:
        return Facts(owner=owner, show_owner=self._show_owner, received=now() if partial else None)

    async def _facts(
        self,
        facts: Facts,
        kind: str,
        value: dict[str, Any],
        source: str,
        target: str,
        about: "About",
    ) -> Facts:
        """What has to be looked up for an object."""
        owner = about.owner
        if source == "2.1.1" and kind in ("Session", "CDR") and isinstance(value.get("auth_id"), str):
            return msgspec.structs.replace(facts, token=await self._token(value["auth_id"], about.drivers))
        if source == "2.1.1" and kind == "AuthorizationInfo" and about.token_key:
            held = await self._mirror.get("tokens", owner, about.token_key)
            return msgspec.structs.replace(facts, token=self.middle("Token", held) if held else None)
        if target == "2.1.1" and kind == "Session" and isinstance(value.get("location_id"), str):
            return msgspec.structs.replace(facts, location=await self._location(value["location_id"], owner))
        if target == "2.1.1" and kind == "ReserveNow" and isinstance(value.get("reservation_id"), str):
            return msgspec.structs.replace(facts, number=await self._number(value["reservation_id"], owner))
        return facts

    async def _token(self, contract: str, drivers: tuple[Party, ...]) -> dict[str, Any] | None:
        """The token of a contract; of several, the one that was updated last."""
        found = await self._mirror.tokens_of(contract)
        own = [held for held in found if held.owner in drivers] or found
        return self.middle("Token", own[0]) if own else None

    async def _location(self, location_id: str, owner: Party) -> dict[str, Any] | None:
        held = await self._mirror.get("locations", owner, location_id.lower())
        return self.middle("Location", held) if held else None

    async def _number(self, reservation_id: str, sender: Party) -> int | None:
        """A number for an id that is none. A number that OCPI 2.1.1 can hold needs no other."""
        if number_in(reservation_id) is not None:
            return None
        return await self._database.write(lambda connection: number_of(connection, sender, reservation_id))

    @staticmethod
    def middle(kind: str, held: Held) -> dict[str, Any] | None:
        """An object of the mirror as OCPI 2.2.1 has it, which is where all ways between versions meet."""
        value: dict[str, Any] = decode_json(held.body)
        if held.version == _MIDDLE:
            return value
        try:
            bridged: dict[str, Any] = convert(kind, value, held.version, _MIDDLE, Facts(owner=held.owner)).value
        except CanNotBridge:
            return None
        return bridged


def goes_at_once(operation: Operation) -> bool:
    """Whether nothing has to be looked up for a message to another version, and nothing be bridged of its answer."""
    return operation.bridged_data is None and operation.bridged_body not in _LOOKED_UP


def _requested(message: Message, version: str, to: Party, value: Any, facts: Facts) -> tuple[Message, tuple[Loss, ...]]:
    """A message as a version has it. `value` is its body, decoded; None where there is nothing to bridge in it."""
    operation, body = message.operation, message.body
    losses: tuple[Loss, ...] = ()
    if body and (kind := operation.bridged_body):
        try:
            told = convert(kind, value, operation.version, version, facts, partial=operation.method == "PATCH")
        except CanNotBridge as reason:
            raise NotInThatVersion(f"{to} speaks OCPI {version}: {reason}") from None
        body, losses = msgspec.json.encode(told.value), told.losses
    return msgspec.structs.replace(message, body=body, query=_query(message, version)), losses


def _asked_token(message: Message) -> str | None:
    return object_key(message) if message.operation.path[-1:] == ("authorize",) else None


def _query(message: Message, version: str) -> str:
    words = _TOKEN_TYPES.get(version)
    if "type=" not in message.query or not words or message.module != "tokens":
        return message.query
    given = parse_qsl(message.query, keep_blank_values=True)
    return urlencode([(name, words.get(value, value) if name == "type" else value) for name, value in given])
