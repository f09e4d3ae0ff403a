"""What goes over the wire of a simulated platform: requests it received, answers it gives, replies it got."""

import datetime
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from hub.core.message import Reply, decode_json
from hub.core.modules import Interface
from hub.core.party import Party
from hub.errors import InvalidParameters
from hub.ocpi.envelope import date_time, encode

Json: TypeAlias = dict[str, Any]

HUB_CLIENT_INFO = "hubclientinfo"


class SimRequest(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One request as it came in. `headers` are without case and without Authorization."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    at: datetime.datetime
    version: str
    module: str
    interface: Interface
    segments: tuple[str, ...]
    sender: Party | None = None
    receiver: Party | None = None

    @property
    def functional(self) -> bool:
        """Whether it is on a functional module: one that a hub would route."""
        return not self.handshake and self.module != HUB_CLIENT_INFO

    @property
    def handshake(self) -> bool:
        """Whether it is what two platforms connect with."""
        return self.module in ("versions", "credentials")

    def json(self) -> Any:
        """The decoded body; BadRequest where it is not JSON."""
        return decode_json(self.body)


class Answer(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What is answered by no party: the handshake, and the handlers in `routes`."""

    data: Any = msgspec.UNSET
    http: int = 200
    code: int = 1000
    message: str = "Success"
    headers: Mapping[str, str] = {}

    def reply(self) -> Reply:
        """The answer as it goes out."""
        body = encode(date_time(now()), self.code, self.message, self.data)
        return Reply(status=self.http, body=body, ocpi_status=self.code, headers=tuple(self.headers.items()))


class SimReply(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What the other side answered. `status_code` is OCPI's, None where the answer is not an OCPI envelope."""

    status: int
    headers: Mapping[str, str]
    status_code: int | None
    status_message: Any = None
    data: Any = None
    body: bytes = b""

    @property
    def ok(self) -> bool:
        """OCPI success: HTTP 2xx and a 1xxx status_code."""
        return 200 <= self.status < 300 and self.status_code is not None and 1000 <= self.status_code < 2000


def party_of(value: Json, where: str = "body") -> Party:
    """The party that country_code and party_id of an object name."""
    try:
        return Party.of(str(value.get("country_code", "")), str(value.get("party_id", "")))
    except ValueError as reason:
        raise InvalidParameters(f"{where}: {reason}") from None


def now() -> datetime.datetime:
    """The clock of all simulated platforms."""
    return datetime.datetime.now(datetime.UTC)
