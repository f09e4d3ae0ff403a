"""The hub client info module of OCPI 2.2.1: its wire types (chapter 15)."""

from enum import StrEnum

from hub.ocpi.types import CountryCode, DateTime, Object, PartyId
from hub.ocpi.v2_2_1.types import Role


class ConnectionStatus(StrEnum):
    """Whether a party can be reached, 2.2.1 section 15.5.1."""

    CONNECTED = "CONNECTED"
    OFFLINE = "OFFLINE"
    PLANNED = "PLANNED"
    SUSPENDED = "SUSPENDED"


class ClientInfo(Object, kw_only=True):
    """One party in one role, and whether it can be reached through the hub, 2.2.1 section 15.4.1."""

    party_id: PartyId
    country_code: CountryCode
    role: Role
    status: ConnectionStatus
    last_updated: DateTime
