"""What the store gives and takes: frozen structs whose secrets do not show."""

import msgspec

from hub.core.directory import Encoding, State, TokenKind
from hub.core.limits import OwnLimits
from hub.core.modules import Interface
from hub.core.party import Party, PartyRole, Role


class Hidden(bytes):
    """Bytes that do not show in logs, reprs or errors."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "b'[hidden]'"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)


class RoleRecord(msgspec.Struct, frozen=True):
    """A role of a party. `confirmed`: presented by the platform, not only named in its invitation."""

    role: Role
    confirmed: bool


class PartyRecord(msgspec.Struct, frozen=True):
    """A party of a platform, with what it said about itself."""

    party: Party
    roles: tuple[RoleRecord, ...]
    business_name: str | None
    website: str | None
    updated_at: int


class CredentialRecord(msgspec.Struct, frozen=True):
    """An inbound token. `encoding` is None until the platform has used it."""

    digest: Hidden
    kind: TokenKind
    encoding: Encoding | None
    created_at: int


class EndpointRecord(msgspec.Struct, frozen=True):
    """Where a platform serves a module. `manual`: set by hand, and kept through registrations."""

    version: str
    module: str
    interface: Interface
    url: str
    manual: bool


class PlatformRecord(msgspec.Struct, frozen=True, kw_only=True):
    """All about one platform. `token_out` is sealed; `open_token` gives the token."""

    id: int
    name: str
    state: State
    version: str | None
    versions_url: str | None
    token_out: Hidden | None
    token_out_encoding: Encoding | None
    created_at: int
    updated_at: int
    parties: tuple[PartyRecord, ...]
    credentials: tuple[CredentialRecord, ...]
    endpoints: tuple[EndpointRecord, ...]
    validation: str | None = None
    limits: OwnLimits = OwnLimits()


class PresentedRole(msgspec.Struct, frozen=True):
    """A role as a platform presents it at registration (2.2.1, credentials: CredentialsRole)."""

    party_role: PartyRole
    business_name: str | None = None
    website: str | None = None


class PresentedEndpoint(msgspec.Struct, frozen=True):
    """An endpoint as a platform advertises it in its version details, for the agreed version."""

    module: str
    interface: Interface
    url: str
