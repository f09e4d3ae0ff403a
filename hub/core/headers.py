"""OCPI's request headers, read and written: Authorization, the message ids, and the four routing headers.

OCPI 2.2.1, transport_and_format: Authorization header, Message Routing, Unique message IDs.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec

from hub.core.party import Party
from hub.errors import BadRequest, InvalidParameters, Unauthorized

REQUEST_ID = "X-Request-ID"
CORRELATION_ID = "X-Correlation-ID"
_SINGLE = (
    "Authorization",
    "Content-Length",
    "Content-Type",
    "Host",
    "OCPI-from-country-code",
    "OCPI-from-party-id",
    "OCPI-to-country-code",
    "OCPI-to-party-id",
    CORRELATION_ID,
    REQUEST_ID,
)
_NAMES = {name.lower().encode(): name.lower() for name in _SINGLE}
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_LONGEST_ID = 128
_ID = re.compile(rf"[\x20-\x7e]{{1,{_LONGEST_ID}}}")


class RequestHeaders(msgspec.Struct, frozen=True):
    """What the hub reads from a request's headers. An absent header is None."""

    authorization: str | None = None
    request_id: str | None = None
    correlation_id: str | None = None
    claimed: Party | None = None
    receiver: Party | None = None
    traceparent: str | None = None

    def __repr__(self) -> str:
        """Without the token."""
        return f"<{self.claimed} to {self.receiver}, {REQUEST_ID} {self.request_id}>"


def read(fields: Iterable[tuple[bytes, bytes]]) -> RequestHeaders:
    """Read raw header fields.

    Raises BadRequest for a header that came twice or is not printable ASCII, InvalidParameters for a routing
    header that is no party or came without its twin.
    """
    return told(single_fields(fields))


def told(fields: Mapping[str, str]) -> RequestHeaders:
    """The same of headers by their lower-case names, which are ASCII and came once each."""
    single = fields.get
    request_id, correlation_id = ids(fields)
    return RequestHeaders(
        single("authorization"),
        request_id,
        correlation_id,
        _party(single("ocpi-from-country-code"), single("ocpi-from-party-id"), "from"),
        _party(single("ocpi-to-country-code"), single("ocpi-to-party-id"), "to"),
    )


def ids(fields: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Request id and correlation id, as `told` has them. BadRequest where they are none."""
    request_id, correlation_id = fields.get("x-request-id"), fields.get("x-correlation-id")
    if request_id and not (len(request_id) <= _LONGEST_ID and request_id.isprintable()):
        raise _bad_id(REQUEST_ID)
    if correlation_id and not (len(correlation_id) <= _LONGEST_ID and correlation_id.isprintable()):
        raise _bad_id(CORRELATION_ID)
    return request_id or None, correlation_id or None


def traceparent(fields: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The trace that a request says to belong to (W3C Trace Context); None where it does not, or says it twice."""
    found = [value for name, value in fields if name.lower() == b"traceparent"]
    return found[0].strip().decode("latin-1") if len(found) == 1 else None


def message_ids(fields: Iterable[tuple[bytes, bytes]]) -> RequestHeaders:
    """The message ids alone, for an answer to headers that `read` refused. Those that are no ids are left out."""
    found = {name.lower(): value.strip().decode("latin-1") for name, value in fields}
    ids = (found.get(name.lower().encode()) for name in (REQUEST_ID, CORRELATION_ID))
    request_id, correlation_id = (each if each and _ID.fullmatch(each) else None for each in ids)
    return RequestHeaders(request_id=request_id, correlation_id=correlation_id)


def single_fields(fields: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers that may come only once, by lower-case name. BadRequest where one does come twice."""
    pairs = tuple(fields)
    if not pairs:
        return {}
    names, values = zip(*pairs, strict=True)
    places = _places(names)
    try:
        return {name: values[at].strip().decode("ascii") for name, at in places}
    except UnicodeDecodeError:
        wrong = next(names[at] for _, at in places if not values[at].isascii())
        raise BadRequest(f"header {wrong.decode('latin-1')} holds bytes that are not ASCII") from None


# A platform sends the same headers with every request.
@lru_cache(maxsize=256)
def _places(names: tuple[bytes, ...]) -> tuple[tuple[str, int], ...]:
    """Where the headers stand that may come only once. BadRequest where one comes twice."""
    found: dict[str, int] = {}
    for at, raw in enumerate(names):
        name = _NAMES.get(raw.lower())
        if name in found:
            raise BadRequest(f"header {raw.decode('latin-1')} came twice; send it once")
        if name is not None:
            found[name] = at
    return tuple(found.items())


def credentials_tokens(authorization: str | None) -> tuple[str, str | None]:
    """The token as it stands in the header, and as Base64 decodes it (None where it does not).

    Both are offered because many platforms send the token raw; the caller looks up each.
    Raises Unauthorized where there is no usable header at all.
    """
    if not authorization:
        raise Unauthorized("header Authorization is missing; send 'Authorization: Token <base64 of your token>'")
    scheme, _, value = authorization.partition(" ")
    value = value.strip()
    if scheme.lower() != "token" or not _PRINTABLE.fullmatch(value):
        raise Unauthorized("header Authorization must read 'Token <base64 of your token>'")
    return value, decode_token(value)


def decode_token(value: str) -> str | None:
    """The credentials token in a Base64 header value; None where it is not Base64 of printable ASCII.

    A trailing line feed inside is dropped: encoders that pipe through a shell put one there.
    """
    try:
        decoded = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode("ascii").rstrip("\r\n")
    except (binascii.Error, ValueError):
        return None
    return decoded if _PRINTABLE.fullmatch(decoded) else None


def routing(sender: Party, receiver: Party) -> tuple[tuple[str, str], ...]:
    """The four routing headers of a message from sender to receiver."""
    return (
        ("OCPI-from-country-code", sender.country),
        ("OCPI-from-party-id", sender.party_id),
        ("OCPI-to-country-code", receiver.country),
        ("OCPI-to-party-id", receiver.party_id),
    )


def _bad_id(name: str) -> BadRequest:
    return BadRequest(f"header {name} must be 1 to {_LONGEST_ID} printable ASCII characters; a UUID is best")


@lru_cache(maxsize=1024)  # on most networks they are always the same
def _party(country: str | None, party: str | None, side: str) -> Party | None:
    # A receiver that is there and empty is a mistake, and no open routing: that could tell everybody.
    if (country is None and party is None) or (side == "from" and not country and not party):
        return None
    if not country or not party:
        missing = "country-code" if party else "party-id"
        raise InvalidParameters(f"header OCPI-{side}-{missing} is missing; OCPI-{side}-* come in pairs")
    try:
        return Party.of(country, party)
    except ValueError as reason:
        raise InvalidParameters(f"headers OCPI-{side}-*: {reason}") from None
