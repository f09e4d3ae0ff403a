"""What a hub tells about a party's connection (OCPI 2.2.1, hubclientinfo: ConnectionStatus)."""

from enum import StrEnum


class ConnectionStatus(StrEnum):
    """Whether requests can be sent to a party, and if not, why."""

    CONNECTED = "CONNECTED"
    OFFLINE = "OFFLINE"
    PLANNED = "PLANNED"
    SUSPENDED = "SUSPENDED"
