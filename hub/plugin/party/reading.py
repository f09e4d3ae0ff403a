"""Reads what comes in for a party: bodies, checked and typed, and parameters of queries. See `desk`."""

from typing import Any, TypeAlias
from urllib.parse import parse_qs

import msgspec

from hub.core.message import decode_as, decode_json
from hub.core.modules import is_placeholder
from hub.errors import InvalidParameters
from hub.ocpi.check import describe
from hub.ocpi.kinds import body_checker
from hub.plugin.party.base import Call

Path: TypeAlias = tuple[str, ...]

_LONGEST_URL = 255


def decoded(call: Call, kind: Any, path: Path = ()) -> Any:
    """The body, checked against the rules of OCPI where it is an object of OCPI. InvalidParameters (2001).

    `path` names the parts of the call's path: what is put there has to be what they say.
    """
    if not call.body and call.operation.bare:
        return None
    checker = body_checker(call.operation)
    if checker is not None and (found := checker.check(call.body)):
        raise InvalidParameters(f"body: {describe(found)}")
    try:
        body = decode_as(call.body, msgspec.json.Decoder(kind))
    except msgspec.ValidationError as reason:
        raise InvalidParameters(f"body: {reason}") from None
    if path and call.operation.method == "PUT":
        _check_names(path, call, body)
    return body


def commanded(call: Call, kind: Any) -> Any:
    """The body of a command. Its response_url may be longer than OCPI has it: hubs on the way have sealed it."""
    whole = decode_json(call.body)
    url = whole.get("response_url") if isinstance(whole, dict) else None
    if not isinstance(url, str) or len(url) <= _LONGEST_URL:
        return decoded(call, kind)
    shorter = msgspec.json.encode({**whole, "response_url": url[:_LONGEST_URL]})
    body = decoded(msgspec.structs.replace(call, body=shorter), kind)
    body.response_url = url
    return body


def query(call: Call, name: str) -> str:
    """A parameter of the query, the first of its name; an empty string where there is none."""
    return parse_qs(call.query).get(name, [""])[0]


def converted(name: str, value: str, kind: Any) -> Any:
    """A parameter of the query as its type. InvalidParameters."""
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as reason:
        raise InvalidParameters(f"query: {name}: {reason}") from None


def _check_names(path: Path, call: Call, body: Any) -> None:
    """What is put is what the path names (2.2.1, transport_and_format: Client Owned Objects). InvalidParameters."""
    for shape, segment in zip(path, call.segments, strict=True):
        name = shape.strip("{}")
        last = shape is path[-1] and name not in ("country_code", "party_id")
        field = name if not last or hasattr(body, name) else "uid" if name.endswith("uid") else "id"
        if is_placeholder(shape) and str(getattr(body, field, segment)).lower() != segment.lower():
            raise InvalidParameters(f"body: {field} is {getattr(body, field)!r:.70}, in the path it is {segment!r:.70}")
