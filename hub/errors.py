"""Every error that the hub answers with: an HTTP status, an OCPI status_code, and words for people.

OCPI 2.2.1, status_codes: what reached the OCPI layer is answered with HTTP 200 and a status_code; HTTP errors
are for what did not get that far (bad JSON, no valid token, no such path).
"""

import typing
from math import ceil
from typing import ClassVar

_E = typing.TypeVar("_E", bound=Exception)


class OcpiError(Exception):
    """An answer other than success. `message` is shown to the partner: it never holds a token."""

    http: ClassVar[int] = 200
    code: ClassVar[int] = 2000

    def __init__(self, message: str, *, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.headers = headers


class BadRequest(OcpiError):
    """The request is not well-formed HTTP, or its body is not JSON."""

    http = 400


class Unauthorized(OcpiError):
    """No token, an unknown token, or TOKEN_A outside of versions and credentials."""

    http = 401


class ShutOut(Unauthorized):
    """The platform was suspended or removed while its request was under way."""

    def __init__(self, message: str = "this platform was suspended or removed; contact the hub's operator") -> None:
        super().__init__(message)


class NotFound(OcpiError):
    """There is nothing at this URL for this platform."""

    http = 404


class MethodNotAllowed(OcpiError):
    """The URL exists, the method does not; `allowed` goes into the Allow header."""

    http = 405

    def __init__(self, message: str, allowed: tuple[str, ...]) -> None:
        super().__init__(message, headers=(("Allow", ", ".join(allowed)),))


class RequestTimeout(OcpiError):
    """The request did not arrive whole in time."""

    http = 408


class TooLarge(OcpiError):
    """The request body is over the limit."""

    http = 413


class TooManyRequests(OcpiError):
    """A limit of the partner's is reached. `wait` is the seconds until it is worth while to come back."""

    http = 429

    def __init__(self, message: str, wait: float = 1.0) -> None:
        seconds = max(1, ceil(wait))
        super().__init__(f"{message}; come back in {seconds} s", headers=(("Retry-After", str(seconds)),))


class InvalidParameters(OcpiError):
    """A field, header or path segment has a value that OCPI does not allow here."""

    code = 2001


class NotInThatVersion(OcpiError):
    """The receiver speaks another OCPI version, in which this can not be told. Nothing was sent."""


class ServerError(OcpiError):
    """The hub failed. The partner learns that, and nothing of the inside."""

    code = 3000


class NotNow(ServerError):
    """The hub can not do this right now. `wait` is the seconds until it is worth while to come back."""

    http = 503

    def __init__(self, message: str, wait: float = 1.0) -> None:
        super().__init__(message, headers=(("Retry-After", str(max(1, ceil(wait)))),))


class Stopping(NotNow):
    """The hub is about to stop, and takes nothing more."""


class WithoutStore(NotNow):
    """The database can not be used, and this needs it. It was not acknowledged, and is not done later."""


class CannotUseApi(OcpiError):
    """The partner's versions or details endpoint could not be used while registering."""

    code = 3001


class UnsupportedVersion(OcpiError):
    """Hub and partner share no OCPI version, or not the one this endpoint is for."""

    code = 3002


class NoMatchingEndpoints(OcpiError):
    """The partner's version details lack what is needed to talk to it."""

    code = 3003


class RoutingError(OcpiError):
    """The hub could not route or forward for a reason that has no code of its own."""

    code = 4000


class UnknownReceiver(OcpiError):
    """OCPI-to names a party that the hub does not know."""

    code = 4001


class ReceiverTimeout(OcpiError):
    """The message was forwarded and no answer came in time."""

    code = 4002


class ReceiverNotConnected(OcpiError):
    """The receiving party is not connected, or has no free connection slot."""

    code = 4003


class PartnerNotFound(RoutingError):
    """The partner answered that the object does not exist, in words that are not OCPI."""

    http = 404


def bare(error: _E) -> _E:
    """The error without the way it came, for who keeps it in a variable.

    The frames on that way would hold the error, and the error them, with all that they know (a body of megabytes) until
    the next garbage collection, which comes after so many objects and not after so many bytes.
    """
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error
