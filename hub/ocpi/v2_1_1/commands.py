"""The commands module of OCPI 2.1.1: no CANCEL_RESERVATION, and one type for answers and results."""

from enum import StrEnum
from typing import Annotated

from hub.ocpi.types import DateTime, Object, Url, text
from hub.ocpi.v2_1_1.tokens import Token


class CommandResponseType(StrEnum):
    """How a command ended, at the CPO or at the charge point, 2.1.1, mod_commands 4.1."""

    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    ACCEPTED = "ACCEPTED"
    TIMEOUT = "TIMEOUT"
    UNKNOWN_SESSION = "UNKNOWN_SESSION"


class CommandType(StrEnum):
    """The commands, 2.1.1, mod_commands 4.2."""

    RESERVE_NOW = "RESERVE_NOW"
    START_SESSION = "START_SESSION"
    STOP_SESSION = "STOP_SESSION"
    UNLOCK_CONNECTOR = "UNLOCK_CONNECTOR"


class CommandResponse(Object, kw_only=True):
    """The CPO's answer, and later the charge point's result, 2.1.1, mod_commands 3.1."""

    result: CommandResponseType


class ReserveNow(Object, kw_only=True):
    """Keep an EVSE free for a token, 2.1.1, mod_commands 3.2."""

    response_url: Url
    token: Token
    expiry_date: DateTime
    reservation_id: int
    location_id: Annotated[str, text(39)]
    evse_uid: Annotated[str, text(39)] | None = None


class StartSession(Object, kw_only=True):
    """Start a session for a token, 2.1.1, mod_commands 3.3."""

    response_url: Url
    token: Token
    location_id: Annotated[str, text(39)]
    evse_uid: Annotated[str, text(39)] | None = None


class StopSession(Object, kw_only=True):
    """Stop a session, 2.1.1, mod_commands 3.4."""

    response_url: Url
    session_id: Annotated[str, text(36)]


class UnlockConnector(Object, kw_only=True):
    """Release a stuck connector, 2.1.1, mod_commands 3.5."""

    response_url: Url
    location_id: Annotated[str, text(39)]
    evse_uid: Annotated[str, text(39)]
    connector_id: Annotated[str, text(36)]
