"""The headers that every request of the hub to a platform begins with."""

from hub.core.directory import Secret
from hub.core.headers import CORRELATION_ID, REQUEST_ID
from hub.ids import new_id

Headers = tuple[tuple[str, str], ...]

JSON: Headers = (("Content-Type", "application/json"),)


def opening(authorization: Secret, correlation_id: str | None = None, request_id: str | None = None) -> Headers:
    """Authorization and the message ids: new ones, where none is carried on.

    OCPI 2.2.1, transport_and_format: Authorization header, Unique message IDs.
    """
    return (
        ("Authorization", authorization.reveal()),
        (REQUEST_ID, request_id or new_id()),
        (CORRELATION_ID, correlation_id or new_id()),
    )
