"""The commands module of OCPI 2.3.0 (chapter 14)."""

from typing import Annotated

from hub.ocpi import v2_2_1
from hub.ocpi.types import DateTime, Object, OpenEnum, Url, ci
from hub.ocpi.v2_2_1 import CommandResponseType, CommandResultType
from hub.ocpi.v2_3_0.tokens import Token
from hub.ocpi.v2_3_0.types import DisplayText


class CommandType(OpenEnum):
    """What a charge point is asked to do, 2.3.0 section 14.4.3."""

    CANCEL_RESERVATION = "CANCEL_RESERVATION"
    RESERVE_NOW = "RESERVE_NOW"
    START_SESSION = "START_SESSION"
    STOP_SESSION = "STOP_SESSION"
    UNLOCK_CONNECTOR = "UNLOCK_CONNECTOR"


class CancelReservation(v2_2_1.CancelReservation):
    """Give up a reservation, 2.3.0 section 14.3.1."""


class CommandResponse(Object, kw_only=True):
    """The CPO's first answer to a command, 2.3.0 section 14.3.2. `timeout` is in seconds."""

    result: CommandResponseType
    timeout: int
    message: list[DisplayText] | None = None


class CommandResult(Object, kw_only=True):
    """What the charge point did with a command, 2.3.0 section 14.3.3."""

    result: CommandResultType
    message: list[DisplayText] | None = None


class ReserveNow(Object, kw_only=True):
    """Reserve a charger for a token, 2.3.0 section 14.3.4."""

    response_url: Url
    token: Token
    expiry_date: DateTime
    reservation_id: Annotated[str, ci(36)]
    location_id: Annotated[str, ci(36)]
    evse_uid: Annotated[str, ci(36)] | None = None
    authorization_reference: Annotated[str, ci(36)] | None = None


class StartSession(Object, kw_only=True):
    """Start a session for a token, 2.3.0 section 14.3.5."""

    response_url: Url
    token: Token
    location_id: Annotated[str, ci(36)]
    evse_uid: Annotated[str, ci(36)] | None = None
    connector_id: Annotated[str, ci(36)] | None = None
    authorization_reference: Annotated[str, ci(36)] | None = None


class StopSession(v2_2_1.StopSession):
    """Stop a session, 2.3.0 section 14.3.6."""


class UnlockConnector(v2_2_1.UnlockConnector):
    """Let go of a cable, 2.3.0 section 14.3.7."""
