"""The commands module of OCPI 2.2.1: its wire types (chapter 13)."""

from enum import StrEnum
from typing import Annotated

from hub.ocpi.types import DateTime, Object, Url, ci
from hub.ocpi.v2_2_1.tokens import Token
from hub.ocpi.v2_2_1.types import DisplayText


class CommandResponseType(StrEnum):
    """What a CPO says to a command, 2.2.1 section 13.4.1."""

    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    ACCEPTED = "ACCEPTED"
    UNKNOWN_SESSION = "UNKNOWN_SESSION"


class CommandResultType(StrEnum):
    """What a charge point made of a command, 2.2.1 section 13.4.2."""

    ACCEPTED = "ACCEPTED"
    CANCELED_RESERVATION = "CANCELED_RESERVATION"
    EVSE_OCCUPIED = "EVSE_OCCUPIED"
    EVSE_INOPERATIVE = "EVSE_INOPERATIVE"
    FAILED = "FAILED"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    TIMEOUT = "TIMEOUT"
    UNKNOWN_RESERVATION = "UNKNOWN_RESERVATION"


class CommandType(StrEnum):
    """The commands, 2.2.1 section 13.4.3."""

    CANCEL_RESERVATION = "CANCEL_RESERVATION"
    RESERVE_NOW = "RESERVE_NOW"
    START_SESSION = "START_SESSION"
    STOP_SESSION = "STOP_SESSION"
    UNLOCK_CONNECTOR = "UNLOCK_CONNECTOR"


class CancelReservation(Object, kw_only=True):
    """The command CANCEL_RESERVATION, 2.2.1 section 13.3.1."""

    response_url: Url
    reservation_id: Annotated[str, ci(36)]


class CommandResponse(Object, kw_only=True):
    """The CPO's immediate answer to a command, 2.2.1 section 13.3.2."""

    result: CommandResponseType
    timeout: int
    message: list[DisplayText] | None = None


class CommandResult(Object, kw_only=True):
    """What became of a command at the charge point, sent later, 2.2.1 section 13.3.3."""

    result: CommandResultType
    message: list[DisplayText] | None = None


class ReserveNow(Object, kw_only=True):
    """The command RESERVE_NOW, 2.2.1 section 13.3.4."""

    response_url: Url
    token: Token
    expiry_date: DateTime
    reservation_id: Annotated[str, ci(36)]
    location_id: Annotated[str, ci(36)]
    evse_uid: Annotated[str, ci(36)] | None = None
    authorization_reference: Annotated[str, ci(36)] | None = None


class StartSession(Object, kw_only=True):
    """The command START_SESSION, 2.2.1 section 13.3.5."""

    response_url: Url
    token: Token
    location_id: Annotated[str, ci(36)]
    evse_uid: Annotated[str, ci(36)] | None = None
    connector_id: Annotated[str, ci(36)] | None = None
    authorization_reference: Annotated[str, ci(36)] | None = None


class StopSession(Object, kw_only=True):
    """The command STOP_SESSION, 2.2.1 section 13.3.6."""

    response_url: Url
    session_id: Annotated[str, ci(36)]


class UnlockConnector(Object, kw_only=True):
    """The command UNLOCK_CONNECTOR, 2.2.1 section 13.3.7."""

    response_url: Url
    location_id: Annotated[str, ci(36)]
    evse_uid: Annotated[str, ci(36)]
    connector_id: Annotated[str, ci(36)]
