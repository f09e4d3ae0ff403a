"""The message: one OCPI request on its way through the hub, and the reply that goes back."""

from typing import Any

import msgspec

from hub.core.directory import Directory, Platform
from hub.core.modules import Interface, Operation
from hub.core.party import Party
from hub.errors import BadRequest


class Message(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One request. Frozen: a step that changes it hands on a changed copy (`msgspec.structs.replace`).

    `segments` is the decoded path below the module, `query` the raw query string, `body` the bytes as received,
    `deadline` the event loop's time by which the answer has to be back. `directory` is the snapshot in force.
    `url` is set where the message came to a sealed URL: the partner's own URL, which is called as it stands.
    `exchange` is its number in the journal: its receipt in microseconds since 1970; 0 where it is only asked about.
    `traceparent` is set where partners may say to which trace a message belongs (W3C Trace Context).
    """

    operation: Operation
    segments: tuple[str, ...]
    query: str = ""
    body: bytes = b""
    request_id: str
    correlation_id: str
    platform: Platform
    sender: Party
    receiver: Party | None = None
    owner: Party | None = None
    url: str | None = None
    deadline: float
    directory: Directory
    exchange: int = 0
    traceparent: str | None = None

    @property
    def version(self) -> str:
        return self.operation.version

    @property
    def module(self) -> str:
        return self.operation.module

    @property
    def interface(self) -> Interface:
        return self.operation.interface

    @property
    def method(self) -> str:
        return self.operation.method

    @property
    def is_push(self) -> bool:
        return self.operation.is_push

    @property
    def object_id(self) -> str | None:
        """The id of the object in the path: the segment that the last placeholder stands for."""
        for shape, segment in zip(reversed(self.operation.path), reversed(self.segments), strict=True):
            if shape.startswith("{"):
                return segment
        return None

    def json(self) -> Any:
        """The decoded body (None where there is none). BadRequest where it is not JSON."""
        return decode_json(self.body) if self.body else None


class Reply(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """An answer on its way back to the sender: HTTP status, the headers that travel with it, and the envelope."""

    status: int
    body: bytes
    ocpi_status: int
    headers: tuple[tuple[str, str], ...] = ()
    by: Party | None = None

    @property
    def ok(self) -> bool:
        """OCPI success."""
        return is_ok(self.status, self.ocpi_status)


def is_ok(status: int, code: int) -> bool:
    """OCPI success: HTTP 2xx and a 1xxx status_code."""
    return 200 <= status < 300 and 1000 <= code < 2000


def decode_json(body: bytes) -> Any:
    """Decode JSON of any shape. BadRequest names the fault and never quotes the body."""
    try:
        return decode_as(body, _ANY)
    except msgspec.ValidationError as reason:
        raise BadRequest(f"the body can not be decoded: {reason}") from None


def decode_as(body: bytes, decoder: "msgspec.json.Decoder[Any]") -> Any:
    """Decode with a prepared decoder. BadRequest where it is not JSON (msgspec tells that in three ways).

    JSON of another shape than the decoder's is a msgspec.ValidationError, as always.
    """
    try:
        return decoder.decode(body)
    except RecursionError:
        raise BadRequest("the body is nested too deeply") from None
    except UnicodeDecodeError:
        raise BadRequest("the body is not UTF-8") from None
    except msgspec.ValidationError:
        # It tells of the first misfit; what follows need not be JSON at all, and that comes first.
        decode_as(body, _SYNTAX)
        raise
    except msgspec.DecodeError as reason:
        raise BadRequest(f"the body is not JSON: {reason}") from None


_ANY: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder()
_SYNTAX = msgspec.json.Decoder(msgspec.Raw)
