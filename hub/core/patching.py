"""A push applied into the whole object that the hub holds, everything else in it kept as it was received.

PUT and PATCH of an object, of an EVSE of a location, or of a connector of an EVSE (OCPI 2.2.1, locations 8.2.2).
Values are moved and never decoded: nulls, unknown fields, the way numbers are written, and the order all stay.
What a path leads through loses the white space around its fields, and nothing else.

A `path` is what follows the object's id: () is the object itself, (evse_uid,) and (evse_uid, connector_id) are
its parts. Ids are CiStrings, compared without regard to case. The hub makes up no time: a parent's `last_updated`
becomes that of the push, as it is written there, where that is newer.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from hub.core.message import decode_as
from hub.core.moments import milliseconds
from hub.errors import InvalidParameters, NotFound

_STAMP = "last_updated"
_BODY, _HELD = "body", "the object that the hub holds"

_Fields = dict[str, msgspec.Raw]
_Parts = list[msgspec.Raw]


class NotKnown(NotFound):
    """The object, EVSE or connector is not held: there is nothing to change or to show."""


class Outdated(InvalidParameters):
    """A PATCH is older than what is held. Taking it over would undo what came after it."""


class _Step(NamedTuple):
    """One step down: the list that holds the parts, the field that names one, and the name that is wanted."""

    field: str
    identity: str
    wanted: str


class _Stamp(NamedTuple):
    """A `last_updated`: as it is written, and in milliseconds."""

    written: msgspec.Raw
    at: int


class _Identity(msgspec.Struct):
    id: Any = None
    uid: Any = None


_LEVELS = (("evses", "uid"), ("connectors", "id"))
_FIELDS = msgspec.json.Decoder(_Fields)
_PARTS = msgspec.json.Decoder(_Parts | None)
_IDENTITY = msgspec.json.Decoder(_Identity)
_TEXT = msgspec.json.Decoder(str)


def put(whole: bytes, path: tuple[str, ...], body: bytes) -> bytes:
    """The object with `body` in the place of the part at `path`, or added to its list when it is new.

    A PUT is the owner's word on how the part is now: it replaces what is held, also where that is newer. Raises
    InvalidParameters where a field is not as it has to be, NotKnown where the EVSE of a connector is not held.
    """
    stamp = _stamp(_fields(body, _BODY))
    return _changed(whole, _steps(path), stamp, lambda _: body)


def patch(whole: bytes, path: tuple[str, ...], body: bytes) -> bytes:
    """The object with the fields of `body` in the part at `path`. A null replaces a value as any other value does.

    Raises InvalidParameters where a field is not as it has to be, NotKnown where the part is not held, Outdated
    where the part is newer than the PATCH.
    """
    change = _fields(body, _BODY)
    stamp = _stamp(change)

    def merge(held: bytes | None) -> bytes:
        if held is None:
            raise NotKnown(f"{path[-1][:64]!r} is not known here; PUT it first")
        fields = _fields(held, _HELD)
        before = _held_at(fields)
        if before is not None and stamp.at < before:
            raise Outdated("body: last_updated is before that of what is held; GET it to see what it is now")
        return msgspec.json.encode(fields | change)

    return _changed(whole, _steps(path), stamp, merge)


def part(whole: bytes, path: tuple[str, ...]) -> bytes:
    """The object, EVSE or connector at `path`, as it is held. NotKnown where it is not."""
    for step in _steps(path):
        parts = _parts(_fields(whole, _HELD), step)
        at = _index(parts, step)
        if at is None:
            raise NotKnown(f"{step.wanted[:64]!r} is not known here")
        whole = bytes(parts[at])
    return whole


def has(whole: bytes, path: tuple[str, ...]) -> bool:
    """Whether the object holds the part at `path`."""
    try:
        part(whole, path)
    except NotKnown:
        return False
    return True


def last_updated(body: bytes) -> int:
    """When an object was last updated, in milliseconds since 1970. InvalidParameters where it does not tell."""
    return _stamp(_fields(body, _BODY)).at


def _steps(path: tuple[str, ...]) -> tuple[_Step, ...]:
    return tuple(_Step(*level, wanted) for level, wanted in zip(_LEVELS, path, strict=False))


def _changed(held: bytes, steps: tuple[_Step, ...], stamp: _Stamp, change: Callable[[bytes | None], bytes]) -> bytes:
    """`held` with the part at the end of `steps` changed. `change` gets that part, or None where there is none."""
    if not steps:
        return change(held)
    step, *rest = steps
    fields = _fields(held, _HELD)
    parts = _parts(fields, step)
    at = _index(parts, step)
    if at is not None:
        parts[at] = msgspec.Raw(_changed(bytes(parts[at]), tuple(rest), stamp, change))
    elif not rest:
        at = len(parts)
        parts.append(msgspec.Raw(change(None)))
    else:
        raise NotKnown(f"{step.wanted[:64]!r} is not known here; PUT it first")
    if not _is(parts[at], step):
        raise InvalidParameters(f"body: {step.identity} has to be {step.wanted[:64]!r}, as in the path")
    fields[step.field] = msgspec.Raw(msgspec.json.encode(parts))
    before = _held_at(fields)
    if before is None or before < stamp.at:
        fields[_STAMP] = stamp.written
    return msgspec.json.encode(fields)


def _index(parts: _Parts, step: _Step) -> int | None:
    return next((at for at, each in enumerate(parts) if _is(each, step)), None)


def _is(each: msgspec.Raw, step: _Step) -> bool:
    value = getattr(_decode(each, _IDENTITY, _HELD), step.identity)
    return isinstance(value, str) and value.lower() == step.wanted.lower()


def _stamp(fields: _Fields) -> _Stamp:
    written = fields.get(_STAMP)
    if written is None:
        raise InvalidParameters("body: last_updated is missing")
    try:
        return _Stamp(written, milliseconds(_decode(written, _TEXT, "body: last_updated")))
    except ValueError as reason:
        raise InvalidParameters(f"body: last_updated: {reason}") from None


def _held_at(fields: _Fields) -> int | None:
    """None where it does not tell: the hub checks this field of whole objects, not that of every part in them."""
    try:
        return _stamp(fields).at
    except InvalidParameters:
        return None


def _fields(data: bytes, what: str) -> _Fields:
    fields: _Fields = _decode(data, _FIELDS, what)
    return fields


def _parts(fields: _Fields, step: _Step) -> _Parts:
    parts: _Parts | None = _decode(fields.get(step.field, b"null"), _PARTS, f"{_HELD}: {step.field}")
    return parts or []


def _decode(data: bytes, decoder: "msgspec.json.Decoder[Any]", what: str) -> Any:
    try:
        return decode_as(data, decoder)
    except msgspec.ValidationError as reason:
        raise InvalidParameters(f"{what}: {reason}") from None
