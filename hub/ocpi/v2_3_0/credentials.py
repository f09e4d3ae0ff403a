"""The credentials module of OCPI 2.3.0 (chapter 7)."""

from typing import Annotated

from hub.ocpi.types import AT_LEAST_ONE, CountryCode, Hiding, Object, PartyId, Url, ci
from hub.ocpi.v2_2_1.credentials import CredentialsToken
from hub.ocpi.v2_3_0.locations import BusinessDetails
from hub.ocpi.v2_3_0.types import Role


class CredentialsRole(Object, kw_only=True):
    """One party in one role, 2.3.0 section 7.4.1."""

    role: Role
    business_details: BusinessDetails
    party_id: PartyId
    country_code: CountryCode


class Credentials(Hiding, Object, kw_only=True):
    """A platform's token, versions URL and parties, 2.3.0 section 7.3.1.

    `hub_party_id` is the hub's country code and party id in one word; a hub's `roles` name who can be reached.
    """

    token: CredentialsToken
    url: Url
    hub_party_id: Annotated[str, ci(5)] | None = None
    roles: Annotated[list[CredentialsRole], AT_LEAST_ONE]
