"""The hubclientinfo module of OCPI 2.3.0 (chapter 16)."""

from hub.ocpi.types import CountryCode, DateTime, Object, PartyId
from hub.ocpi.v2_2_1 import ConnectionStatus
from hub.ocpi.v2_3_0.types import Role


class ClientInfo(Object, kw_only=True):
    """A party in one role, and whether it can be reached, 2.3.0 section 16.4.1."""

    party_id: PartyId
    country_code: CountryCode
    role: Role
    status: ConnectionStatus
    last_updated: DateTime
