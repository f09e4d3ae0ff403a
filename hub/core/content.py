"""What the content of a message says about where it belongs: the key that open routing looks up.

OCPI 2.2.1, transport_and_format: Open Routing Request. Only keys are remembered, never content.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec

from hub.core.catalogue import CATALOGUE, WITHOUT_INTERFACES
from hub.core.message import Message, decode_as
from hub.core.modules import Interface
from hub.core.party import Party
from hub.errors import OcpiError


class Kind(StrEnum):
    """What a key names."""

    CONTRACT = "contract"
    LOCATION = "location"
    OBJECT = "object"
    RESERVATION = "reservation"
    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - OCPI's word for a card


class Key(msgspec.Struct, frozen=True):
    """An id as `asker` knows it. Who is behind it is another party. Ids are CiStrings: lower case here."""

    kind: Kind
    id: str
    asker: Party

    @classmethod
    def of(cls, kind: Kind, object_id: str, asker: Party) -> "Key":
        return cls(kind, object_id.lower(), asker)


class Hint(msgspec.Struct, frozen=True):
    """A key, and who was seen behind it."""

    key: Key
    party: Party


class _CdrToken(msgspec.Struct):
    country_code: str = ""
    party_id: str = ""


class _Content(msgspec.Struct):
    """Ids may be anything: a CDR with a `session_id` of null still names its driver."""

    cdr_token: _CdrToken | None = None
    auth_id: Any = None
    location_id: Any = None
    session_id: Any = None
    reservation_id: Any = None
    token_uid: Any = None


_CONTENT = msgspec.json.Decoder(_Content)
_BY_COMMAND = {
    "START_SESSION": (Kind.LOCATION, "location_id"),
    "RESERVE_NOW": (Kind.LOCATION, "location_id"),
    "UNLOCK_CONNECTOR": (Kind.LOCATION, "location_id"),
    "STOP_SESSION": (Kind.SESSION, "session_id"),
    "CANCEL_RESERVATION": (Kind.RESERVATION, "reservation_id"),
}
_BY_PATH = {
    ("sessions", Interface.SENDER): (Kind.SESSION, 0),
    ("sessions", Interface.RECEIVER): (Kind.SESSION, 2),
    ("chargingprofiles", Interface.RECEIVER): (Kind.SESSION, 0),
    ("chargingprofiles", Interface.SENDER): (Kind.SESSION, 0),
    ("locations", Interface.SENDER): (Kind.LOCATION, 0),
    ("locations", Interface.RECEIVER): (Kind.LOCATION, 2),
    ("tokens", Interface.SENDER): (Kind.TOKEN, 0),
    ("tokens", Interface.RECEIVER): (Kind.TOKEN, 2),
}
"""For each interface: what its paths name, and in which segment the id stands."""
_OF_OCPI = CATALOGUE.modules
_OWNER = ("{country_code}", "{party_id}")


def driver(message: Message) -> Party | None:
    """The eMSP whose driver a session or CDR is about: its cdr_token names the party."""
    if message.module not in ("sessions", "cdrs") or message.interface is Interface.SENDER or not message.body:
        return None
    token = _content(message).cdr_token
    if token is None:
        return None
    try:
        return Party.of(token.country_code, token.party_id)
    except ValueError:
        return None


def called_owner(message: Message) -> Party | None:
    """The owner in the path of a request to its own SENDER interface, as custom modules have it."""
    if message.interface is not Interface.SENDER or message.operation.path[:2] != _OWNER:
        return None
    try:
        return Party.of(*message.segments[:2])
    except ValueError:
        return None


def keys_of(message: Message) -> tuple[Key, ...]:
    """What has to be looked up to find the receiver of an open message, the surest first."""
    kind, object_id = _named(message)
    named = ((Kind.CONTRACT, _contract(message)), (kind, object_id), (Kind.TOKEN, _card(message)))
    return tuple(Key.of(kind, object_id, message.sender) for kind, object_id in named if kind and object_id)


def _contract(message: Message) -> str:
    """The contract that a session or CDR of OCPI 2.1.1 is about: nothing else in it names the driver."""
    about = message.module in ("sessions", "cdrs") and message.is_push and message.version in WITHOUT_INTERFACES
    return _text(_content(message).auth_id) if about and message.body else ""


def _card(message: Message) -> str:
    """The card that an object of a custom module is for, as its owner tells it to the driver's side."""
    if not is_custom(message) or message.interface is Interface.SENDER or not (message.is_push and message.body):
        return ""
    return _text(_content(message).token_uid)


def is_custom(message: Message) -> bool:
    """Whether a message is of a module that is no part of OCPI."""
    return message.operation.module not in _OF_OCPI


def hints_of(message: Message, to: Party) -> Iterable[Hint]:
    """What a message that was delivered to `to` tells for later, for both of its parties."""
    kind, object_id = _named(message)
    if kind is Kind.RESERVATION or not object_id or kind is None:
        return ()
    operation = message.operation
    if operation.module == "commands":
        reservation = _text(_content(message).reservation_id)
        if message.segments[0].upper() != "RESERVE_NOW" or not reservation:
            return ()
        kind, object_id = Kind.RESERVATION, reservation
    elif not (operation.is_push and (operation.interface is Interface.RECEIVER or kind is Kind.OBJECT)):
        return ()
    return (
        Hint(Key.of(kind, object_id, to), message.sender),
        Hint(Key.of(kind, object_id, message.sender), to),
    )


def _named(message: Message) -> tuple[Kind | None, str]:
    """Kind and id of the thing that a message is about."""
    operation = message.operation
    where = operation.module, operation.interface
    if where == ("commands", Interface.RECEIVER):
        kind, field = _BY_COMMAND.get(message.segments[0].upper(), (None, ""))
        return kind, _text(getattr(_content(message), field)) if kind else ""
    if not message.segments or message.url is not None:
        return None, ""
    if is_custom(message):
        owned = operation.path[:2] == _OWNER and len(message.segments) > len(_OWNER)
        return (Kind.OBJECT, "/".join((message.module, *message.segments[:3]))) if owned else (None, "")
    kind, at = _BY_PATH.get(where, (None, 0))
    return kind, message.segments[at] if kind else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _content(message: Message) -> _Content:
    """The few fields that matter here; a body that has them otherwise says nothing."""
    try:
        content: _Content = decode_as(message.body, _CONTENT)
    except (OcpiError, msgspec.ValidationError):
        return _Content()
    return content
