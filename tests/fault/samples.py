"""A valid request for every operation of every version: what malformed ones are made from."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import inspect

from hub.core.catalogue import CATALOGUE, WITHOUT_INTERFACES
from hub.core.modules import Interface, Operation, UrlIn
from hub.core.party import Party, Role
from hub.ocpi.kinds import struct_of
from tests.fault.wire import authorization
from tests.raw import request

STAMP = "2026-01-01T00:00:00Z"
URL = "http://127.0.0.1:9/later"
_WORDS = (
    "NL",
    "CPO",
    "NLD",
    "EUR",
    "en",
    "T1",
    "08:30",
    "2026-01-31",
    "52.011600",
    "4.359200",
    URL,
    "#000000",
    "1",
    "A" * 36,
)


def sample(of: Any, own: Mapping[str, Any]) -> Any:
    """A JSON value that a wire type accepts, with every field that it has; those named in `own` are given."""
    return _value(inspect.type_info(of), own)


def _value(node: inspect.Type, own: Mapping[str, Any]) -> Any:
    match node:
        case inspect.Metadata(type=inner):
            return _value(inner, own)
        case inspect.UnionType(types=types):
            return _value(next(each for each in types if not isinstance(each, inspect.NoneType)), own)
        case inspect.StructType(fields=fields):
            return {each.encode_name: own.get(each.encode_name) or _value(each.type, own) for each in fields}
        case inspect.ListType(item_type=item):
            return [_value(item, own)]
    return _leaf(node)


def _leaf(node: inspect.Type) -> Any:
    match node:
        case inspect.EnumType(cls=cls):
            return next(iter(cls)).value
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.StrType():
            return next(each for each in _WORDS if _fits(each, node))
        case inspect.IntType() | inspect.FloatType():
            return max(node.ge or 0, 1)
    return {inspect.DateTimeType: STAMP, inspect.BoolType: True}.get(type(node))


def _fits(text: str, node: inspect.StrType) -> bool:
    longest = len(text) if node.max_length is None else node.max_length
    return (node.min_length or 0) <= len(text) <= longest and (not node.pattern or bool(re.match(node.pattern, text)))


def body_of(operation: Operation, owner: Party) -> bytes:
    """The JSON of a request to an operation; empty where it has no body."""
    struct = struct_of(operation.version, operation.body) if operation.body else None
    if not operation.has_body or (struct is None and operation.url is not UrlIn.BODY):
        return b""
    own = {"country_code": owner.country, "party_id": owner.party_id, "response_url": URL}
    own |= {operation.identity: "T1"} if operation.identity else {}
    return msgspec.json.encode(sample(struct, own) if struct else {"response_url": URL})


class Voice(msgspec.Struct, frozen=True):
    """A party that sends: its token for the hub, and the version it speaks."""

    version: str
    role: Role
    party: Party
    token: str
    raw: bool


def valid(voices: list[Voice]) -> Iterator[bytes]:
    """The requests, each by the side that sends it, to the other side that speaks the same version."""
    said = {(each.version, each.role): each for each in voices}
    for operation in CATALOGUE.operations():
        pushed = operation.interface is Interface.RECEIVER
        owner = operation.owner_role if operation.owner_role in (Role.CPO, Role.EMSP) else Role.EMSP
        role = owner if pushed else {Role.CPO: Role.EMSP, Role.EMSP: Role.CPO}[owner]
        sender, other = said[operation.version, role], {*voices} - {said[operation.version, role]}
        to = next(each for each in other if each.version == operation.version)
        yield _request(operation, sender, to, sender if pushed else to)
    for voice in voices:
        for path in ("versions", voice.version, f"{voice.version}/credentials"):
            yield request("GET", f"/ocpi/{path}", _token(voice))
        credentials = struct_of(voice.version, "Credentials")
        body = msgspec.json.encode(sample(credentials, {})) if credentials else b"{}"
        yield request("PUT", f"/ocpi/{voice.version}/credentials", _token(voice), body=body)


def _request(operation: Operation, sender: Voice, to: Voice, owner: Voice) -> bytes:
    values = {"{country_code}": owner.party.country, "{party_id}": owner.party.party_id, "{url}": "x" * 80}
    tail = [values.get(each, "T1" if each.startswith("{") else each) for each in operation.path]
    if "{url}" in operation.path:
        path = ["sealed", *tail]
    elif operation.version in WITHOUT_INTERFACES:
        path = [operation.module, *tail]
    else:
        path = [operation.interface.lower(), operation.module, *tail]
    query = {UrlIn.QUERY: f"?duration=900&response_url={URL}", UrlIn.LINK: f"?offset=1&limit=2&date_from={STAMP}"}
    headers = [_token(sender), "X-Request-ID: request", "X-Correlation-ID: correlation"]
    if operation.version not in WITHOUT_INTERFACES:
        headers += routing(sender.party, to.party)
    target = f"/ocpi/{operation.version}/{'/'.join(path)}{query.get(operation.url, '')}"
    return request(
        operation.method, target, *headers, body=body_of(operation, owner.party) if operation.has_body else None
    )


def routing(sender: Party, to: Party) -> list[str]:
    """The four header lines."""
    return [
        f"OCPI-from-country-code: {sender.country}",
        f"OCPI-from-party-id: {sender.party_id}",
        f"OCPI-to-country-code: {to.country}",
        f"OCPI-to-party-id: {to.party_id}",
    ]


def _token(voice: Voice) -> str:
    return f"Authorization: {authorization(voice.token, raw=voice.raw)}"
