"""The response envelope around every OCPI answer (2.2.1, transport_and_format: Response format)."""

import datetime
from typing import Annotated, Any

import msgspec

_Code = Annotated[int, msgspec.Meta(ge=0, le=9999)]


class Envelope(msgspec.Struct, omit_defaults=True):
    """An answer that the hub makes itself. `data` is left out where there is none."""

    status_code: int
    timestamp: str
    status_message: str | None = None
    data: Any = msgspec.UNSET


class Received(msgspec.Struct):
    """An answer that a partner made: what the hub needs of it. `data` is kept as the bytes that came."""

    status_code: _Code
    status_message: Any = None
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Head(msgspec.Struct):
    status_code: _Code


_ENCODER = msgspec.json.Encoder()
_HEAD = msgspec.json.Decoder(_Head)
_RECEIVED = msgspec.json.Decoder(Received)


def encode(timestamp: str, code: int = 1000, message: str | None = "Success", data: Any = msgspec.UNSET) -> bytes:
    """The bytes of an envelope."""
    return _ENCODER.encode(Envelope(code, timestamp, message, data))


def status_code(body: bytes) -> int | None:
    """The OCPI status_code of an answer; None where the body is not an OCPI envelope."""
    try:
        return _HEAD.decode(body).status_code
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def receive(body: bytes) -> Received | None:
    """An answer's status_code and data; None where the body is not an OCPI envelope."""
    try:
        return _RECEIVED.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def date_time(moment: datetime.datetime) -> str:
    """A moment as OCPI writes it: UTC, milliseconds, Z (2.2.1, types 16.2 DateTime)."""
    utc = moment.astimezone(datetime.UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"
