"""Who may speak for whom: the sending party of a request, and the owner of the object that it carries.

OCPI 2.2.1, transport_and_format: Client Owned Object Push, Message Routing.
"""

from typing import Any

import msgspec

from hub.core.directory import Platform
from hub.core.message import decode_as
from hub.core.modules import Operation, OwnerIn
from hub.core.party import Party, Role
from hub.errors import BadRequest, InvalidParameters


class _Identity(msgspec.Struct):
    """The fields by which a body says what it is. All else in it passes by unread."""

    country_code: str | None | msgspec.UnsetType = msgspec.UNSET
    party_id: str | None | msgspec.UnsetType = msgspec.UNSET
    id: str | None | msgspec.UnsetType = msgspec.UNSET
    uid: str | None | msgspec.UnsetType = msgspec.UNSET


_IDENTITY = msgspec.json.Decoder(_Identity)
_SYNTAX = msgspec.json.Decoder(msgspec.Raw)


def owner_of(operation: Operation, segments: tuple[str, ...], body: bytes, value: Any = None) -> Party | None:
    """The owner as path or body names it; None where this operation names none.

    The body is checked on the way: JSON (BadRequest), an object where the catalogue needs one, its id and owner
    equal to those of the path (InvalidParameters). `value` is the body as its wire type, where that is known.
    """
    named = _party(segments[0], segments[1], "path") if operation.owner is OwnerIn.PATH else None
    if not operation.has_body or (operation.bare and not body):
        return named
    if not body.isascii():
        _check_utf8(body)
    if not operation.identified:
        _check_json(body)
        return named
    identity = _identity(value) if isinstance(value, msgspec.Struct) else _identify(body)
    if named is not None and (identity.country_code, identity.party_id) != segments[:2]:
        _check_equal("country_code", identity.country_code, segments[0])
        _check_equal("party_id", identity.party_id, segments[1])
    if operation.identity is not None:
        its_id = identity.uid if operation.identity == "uid" else identity.id
        if its_id != segments[-1]:
            _check_equal(operation.identity, its_id, segments[-1])
    return _body_owner(identity) if operation.owner is OwnerIn.BODY else named


def sending_party(platform: Platform, claimed: Party | None, owner: Party | None) -> Party:
    """The party a request comes from: the one its headers claim, if it is this platform's; else the only fit.

    InvalidParameters where the claim is false, or where several parties fit and no header says which.
    """
    if claimed is not None:
        if claimed not in platform.roles:
            raise InvalidParameters(f"headers OCPI-from-*: {claimed} is not a party of this platform")
        return claimed
    if owner is not None and owner in platform.roles:
        return owner
    if len(platform.roles) == 1:
        return next(iter(platform.roles))
    raise InvalidParameters("headers OCPI-from-* are missing; this platform has several parties, name the sender")


def check_owner(owner: Party | None, sender: Party, platform: Platform) -> None:
    """The owner has to be the sender. A platform that is itself a hub speaks for parties behind it."""
    if owner is None or owner == sender or Role.HUB in platform.roles.get(sender, ()):
        return
    raise InvalidParameters(f"{sender} can not send objects of {owner}; only their owner can")


def _check_utf8(body: bytes) -> None:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as reason:
        raise BadRequest(f"the body is not UTF-8 at byte {reason.start}") from None


def _check_json(body: bytes) -> None:
    if not body:
        raise BadRequest("the body is empty; this request needs a JSON body")
    decode_as(body, _SYNTAX)


def _identify(body: bytes) -> _Identity:
    if not body:
        raise BadRequest("the body is empty; this request needs a JSON object")
    try:
        identity: _Identity = decode_as(body, _IDENTITY)
    except msgspec.ValidationError as reason:
        raise InvalidParameters(f"body: {reason}") from None
    return identity


def _identity(value: Any) -> _Identity:
    unset = msgspec.UNSET
    country_code, party_id = getattr(value, "country_code", unset), getattr(value, "party_id", unset)
    return _Identity(country_code, party_id, getattr(value, "id", unset), getattr(value, "uid", unset))


def _body_owner(identity: _Identity) -> Party:
    country, party = identity.country_code, identity.party_id
    if not isinstance(country, str) or not isinstance(party, str):
        raise InvalidParameters("body: country_code and party_id are missing; they name the owner")
    return _party(country, party, "body")


def _check_equal(name: str, value: object, in_path: str) -> None:
    """Where the body has a field that the path has too, they are equal (CiString: without regard to case)."""
    if isinstance(value, str) and value.lower() != in_path.lower():
        raise InvalidParameters(
            f"body: {name} is {value[:64]!r}, in the path it is {in_path[:64]!r}; they must be equal"
        )


def _party(country: str, party: str, where: str) -> Party:
    try:
        return Party.of(country, party)
    except ValueError as reason:
        raise InvalidParameters(f"{where}: {reason}") from None
