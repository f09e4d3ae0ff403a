"""The way out of a party: what it asks of others, and what they answered."""

from collections.abc import Mapping
from typing import Protocol, TypeVar

import msgspec

from hub.core.modules import Interface
from hub.core.party import Party
from hub.errors import OcpiError
from hub.ocpi import envelope

T = TypeVar("T")


class Declined(OcpiError):
    """The other side answered with an error; `answer` is what it said."""

    def __init__(self, answer: "Answer") -> None:
        super().__init__(f"HTTP {answer.status}, OCPI {answer.code}: {answer.message}")
        self.answer = answer


class Heard(msgspec.Struct, frozen=True):
    """An HTTP answer. Names in `headers` are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the other side answered: HTTP status, OCPI status_code and status_message, data as JSON, headers.

    Where there was no answer, `code` is one of the hub's: 4001 to 4003. Names in `headers` are lower case.
    """

    status: int
    code: int
    message: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")
    headers: Mapping[str, str] = {}

    @property
    def ok(self) -> bool:
        """OCPI success: HTTP 2xx and a 1xxx status_code."""
        return 200 <= self.status < 300 and 1000 <= self.code < 2000

    def read(self, kind: type[T]) -> T:
        """The data as this type. Raises Declined where the answer is no success or holds something else."""
        if not self.ok:
            raise Declined(self)
        try:
            return msgspec.json.decode(self.data, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as reason:
            told = msgspec.structs.replace(self, message=f"the data is not what OCPI says: {reason}")
            raise Declined(told) from None

    @classmethod
    def of(cls, heard: Heard) -> "Answer":
        """What an HTTP answer says."""
        received = envelope.receive(heard.body)
        if received is None:
            return cls(status=heard.status, code=4000, message=f"HTTP {heard.status} with a body that is not OCPI")
        return cls(
            status=heard.status,
            code=received.status_code,
            message=str(received.status_message or ""),
            data=received.data,
            headers=heard.headers,
        )

    @classmethod
    def refused(cls, error: OcpiError) -> "Answer":
        """What came of a request that never left."""
        return cls(status=error.http, code=error.code, message=error.message)


class Network(Protocol):
    """What a party speaks through: the hub that it is hosted in, or the platforms that it is connected to."""

    @property
    def root(self) -> str:
        """Where the party itself is reached, in its version: `http://127.0.0.1:8080/ocpi/2.2.1`."""

    def endpoint(self, module: str, interface: Interface, to: Party | None) -> str:
        """The URL of a module at the other side. OcpiError where it has none, or nobody is connected."""

    def check(self, url: str) -> None:
        """InvalidParameters where nothing is sent to a `response_url` like this."""

    async def send(self, method: str, url: str, *, to: Party | None, body: bytes, seconds: float | None) -> Heard:
        """One request, sent once. OcpiError where there is no answer."""

    def new_uid(self) -> str:
        """The last part of a `response_url`."""

    async def hand_on(self, uid: str, body: bytes) -> None:
        """A result came that is not waited for here: tell who waits, if anybody. Raises OcpiError."""
