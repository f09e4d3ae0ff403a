"""The tokens module of OCPI 2.2.1: its wire types (chapter 12)."""

from enum import StrEnum
from typing import Annotated

from hub.ocpi.types import CountryCode, DateTime, Language, Object, PartyId, ci, text
from hub.ocpi.v2_2_1.types import DisplayText, ProfileType


class AllowedType(StrEnum):
    """Whether a token may charge, 2.2.1 section 12.4.1."""

    ALLOWED = "ALLOWED"
    BLOCKED = "BLOCKED"
    EXPIRED = "EXPIRED"
    NO_CREDIT = "NO_CREDIT"
    NOT_ALLOWED = "NOT_ALLOWED"


class TokenType(StrEnum):
    """Kinds of tokens, 2.2.1 section 12.4.4."""

    AD_HOC_USER = "AD_HOC_USER"
    APP_USER = "APP_USER"
    OTHER = "OTHER"
    RFID = "RFID"


class WhitelistType(StrEnum):
    """Whether a CPO may accept a token without asking, 2.2.1 section 12.4.5."""

    ALWAYS = "ALWAYS"
    ALLOWED = "ALLOWED"
    ALLOWED_OFFLINE = "ALLOWED_OFFLINE"
    NEVER = "NEVER"


class EnergyContract(Object, kw_only=True):
    """A driver's own energy supplier, 2.2.1 section 12.4.2."""

    supplier_name: Annotated[str, text(64)]
    contract_id: Annotated[str, text(64)] | None = None


class Token(Object, kw_only=True):
    """What a driver identifies with, 2.2.1 section 12.3.2."""

    country_code: CountryCode
    party_id: PartyId
    uid: Annotated[str, ci(36)]
    type: TokenType
    contract_id: Annotated[str, ci(36)]
    visual_number: Annotated[str, text(64)] | None = None
    issuer: Annotated[str, text(64)]
    group_id: Annotated[str, ci(36)] | None = None
    valid: bool
    whitelist: WhitelistType
    language: Language | None = None
    default_profile_type: ProfileType | None = None
    energy_contract: EnergyContract | None = None
    last_updated: DateTime


class LocationReferences(Object, kw_only=True):
    """A location, and EVSEs of it, 2.2.1 section 12.4.3."""

    location_id: Annotated[str, ci(36)]
    evse_uids: list[Annotated[str, ci(36)]] | None = None


class AuthorizationInfo(Object, kw_only=True):
    """The answer to a real-time authorisation, 2.2.1 section 12.3.1."""

    allowed: AllowedType
    token: Token
    location: LocationReferences | None = None
    authorization_reference: Annotated[str, ci(36)] | None = None
    info: DisplayText | None = None
