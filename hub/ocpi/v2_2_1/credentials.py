"""The credentials module of OCPI 2.2.1: its wire types (chapter 7)."""

from typing import Annotated

import msgspec

from hub.ocpi.types import AT_LEAST_ONE, CountryCode, Hiding, Object, PartyId, Url
from hub.ocpi.v2_2_1.locations import BusinessDetails
from hub.ocpi.v2_2_1.types import Role

CredentialsToken = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[\x21-\x7e]+\Z")]


class CredentialsRole(Object, kw_only=True):
    """One role of one party on a platform, 2.2.1 section 7.4.1."""

    role: Role
    business_details: BusinessDetails
    party_id: PartyId
    country_code: CountryCode


class Credentials(Hiding, Object, kw_only=True):
    """Token, versions URL and parties of a platform, 2.2.1 section 7.3.1."""

    token: CredentialsToken
    url: Url
    roles: Annotated[list[CredentialsRole], AT_LEAST_ONE]
