"""The hubclientinfo module (2.2.1, chapter 15)."""

import datetime

import msgspec

from hub.core.directory import Platform, State
from hub.core.party import PartyRole, Role
from hub.core.status import ConnectionStatus
from hub.ocpi.envelope import date_time

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class ClientInfo(msgspec.Struct, frozen=True):
    """One party in one role, and whether it can be reached through the hub, 2.2.1 section 15.4.1."""

    party_id: str
    country_code: str
    role: Role
    status: ConnectionStatus
    last_updated: str

    def in_version(self, version: str | None) -> "ClientInfo":
        """With a role that the version has: 2.3.0 knows no HUB, and only it knows PTP."""
        lacking = Role.HUB if version == "2.3.0" else Role.PTP
        return msgspec.structs.replace(self, role=Role.OTHER) if self.role is lacking else self

    @classmethod
    def of(cls, who: PartyRole, status: ConnectionStatus, at: int) -> "ClientInfo":
        """`at` is in milliseconds since 1970."""
        updated = date_time(_EPOCH + datetime.timedelta(milliseconds=at))
        return cls(who.party.party_id, who.party.country, who.role, status, updated)


def standing(platform: Platform, status: ConnectionStatus) -> dict[PartyRole, ConnectionStatus]:
    """What is told of every party and role of a platform, in a stable order. What it has not presented is PLANNED."""
    told = {}
    for party in sorted(platform.parties):
        presented = platform.roles.get(party, frozenset())
        for role in sorted(presented | platform.reserved.get(party, frozenset())):
            as_platform = platform.state is not State.REGISTERED or role in presented
            told[PartyRole(party, role)] = status if as_platform else ConnectionStatus.PLANNED
    return told
