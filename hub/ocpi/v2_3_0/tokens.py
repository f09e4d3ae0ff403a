"""The tokens module of OCPI 2.3.0 (chapter 13)."""

from typing import Annotated

from hub.ocpi import v2_2_1
from hub.ocpi.types import CountryCode, DateTime, Language, Object, OpenEnum, PartyId, ci, text
from hub.ocpi.v2_2_1 import AllowedType, ProfileType, WhitelistType
from hub.ocpi.v2_3_0.types import DisplayText


class TokenType(OpenEnum):
    """What a token is, 2.3.0 section 13.4.4."""

    AD_HOC_USER = "AD_HOC_USER"
    APP_USER = "APP_USER"
    EMAID = "EMAID"
    OTHER = "OTHER"
    RFID = "RFID"


class EnergyContract(v2_2_1.EnergyContract):
    """The driver's own contract with an energy supplier, 2.3.0 section 13.4.2."""


class LocationReferences(v2_2_1.LocationReferences):
    """A location and some of its EVSEs, by their ids, 2.3.0 section 13.4.3."""


class Token(Object, kw_only=True):
    """What identifies a driver, 2.3.0 section 13.3.2."""

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


class AuthorizationInfo(Object, kw_only=True):
    """The eMSP's answer to whether a token may charge, 2.3.0 section 13.3.1."""

    allowed: AllowedType
    token: Token
    location: LocationReferences | None = None
    authorization_reference: Annotated[str, ci(36)] | None = None
    info: DisplayText | None = None
