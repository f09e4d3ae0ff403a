"""The tokens module of OCPI 2.1.1."""

from enum import StrEnum
from typing import Annotated

from hub.ocpi.types import DateTime, Language, Object, text
from hub.ocpi.v2_1_1.types import DisplayText


class Allowed(StrEnum):
    """Whether a token may charge, 2.1.1, mod_tokens 4.1."""

    ALLOWED = "ALLOWED"
    BLOCKED = "BLOCKED"
    EXPIRED = "EXPIRED"
    NO_CREDIT = "NO_CREDIT"
    NOT_ALLOWED = "NOT_ALLOWED"


class TokenType(StrEnum):
    """The kind of a token, 2.1.1, mod_tokens 4.3."""

    OTHER = "OTHER"
    RFID = "RFID"


class WhitelistType(StrEnum):
    """When a CPO may accept a token without asking, 2.1.1, mod_tokens 4.4."""

    ALWAYS = "ALWAYS"
    ALLOWED = "ALLOWED"
    ALLOWED_OFFLINE = "ALLOWED_OFFLINE"
    NEVER = "NEVER"


class LocationReferences(Object, kw_only=True):
    """A location, and EVSEs and connectors of it, by id, 2.1.1, mod_tokens 4.2."""

    location_id: Annotated[str, text(39)]
    evse_uids: list[Annotated[str, text(39)]] | None = None
    connector_ids: list[Annotated[str, text(36)]] | None = None


class AuthorizationInfo(Object, kw_only=True):
    """The answer to a real-time authorisation, 2.1.1, mod_tokens 3.1."""

    allowed: Allowed
    location: LocationReferences | None = None
    info: DisplayText | None = None


class Token(Object, kw_only=True):
    """What a driver identifies with, 2.1.1, mod_tokens 3.2."""

    uid: Annotated[str, text(36)]
    type: TokenType
    auth_id: Annotated[str, text(36)]
    visual_number: Annotated[str, text(64)] | None = None
    issuer: Annotated[str, text(64)]
    valid: bool
    whitelist: WhitelistType
    language: Language | None = None
    last_updated: DateTime
