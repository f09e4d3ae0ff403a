"""Credentials objects of each OCPI version: what the hub says of itself, and what a partner's say.

2.1.1 names one party and no role, 2.2.1 roles and for a hub its own, 2.3.0 the hub and all that are reachable through
it (chapters credentials of each).
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from hub.core.catalogue import WITHOUT_INTERFACES
from hub.core.directory import Secret
from hub.core.modules import Catalogue, Interface
from hub.core.party import Party, PartyRole, Role, parse_role
from hub.errors import InvalidParameters
from hub.ocpi.handshake import BusinessDetails, Credentials, CredentialsRole, PlainCredentials
from hub.store.records import PartyRecord, PresentedRole

AnyCredentials: TypeAlias = Credentials | PlainCredentials
Reserved: TypeAlias = Mapping[Party, frozenset[Role]]
Endpoints: TypeAlias = Mapping[tuple[str, Interface], str]

KINDS: Mapping[str, type[Any]] = {"2.1.1": PlainCredentials, "2.2.1": Credentials, "2.3.0": Credentials}
DECODERS: Mapping[str, "msgspec.json.Decoder[Any]"] = {
    version: msgspec.json.Decoder(kind) for version, kind in KINDS.items()
}
NAMING_REACHABLE = frozenset({"2.3.0"})
"""Versions in which a hub's credentials list who is reachable through it."""


class Identity(msgspec.Struct, frozen=True):
    """Who the hub is, as it says in its credentials. `versions_url` is where partners begin.

    `list_parties`: whether credentials of OCPI 2.3.0 list the reachable parties; some platforms refuse long lists.
    """

    party: Party
    name: str
    website: str | None
    versions_url: str
    list_parties: bool = True

    def credentials(self, version: str, token: Secret, reachable: Iterable[CredentialsRole] = ()) -> AnyCredentials:
        """The hub's credentials object.

        In 2.2.1 a hub names its HUB role and no other (7.3.1). 2.3.0 has no such role: there `hub_party_id` names it,
        and `roles`, which must not be empty, holds the hub as OTHER where nobody else is to be listed.
        """
        details = BusinessDetails(self.name, self.website)
        country, party = self.party.country, self.party.party_id
        if version in WITHOUT_INTERFACES:
            return PlainCredentials(token.reveal(), self.versions_url, details, party, country)
        if version not in NAMING_REACHABLE:
            roles = [CredentialsRole(Role.HUB, details, party, country)]
            return Credentials(token.reveal(), self.versions_url, roles)
        roles = [*reachable] if self.list_parties else []
        roles = roles or [CredentialsRole(Role.OTHER, details, party, country)]
        return Credentials(token.reveal(), self.versions_url, roles, country + party)


def credentials_role(party: Party, role: Role, record: PartyRecord | None) -> CredentialsRole:
    """A role of a party as credentials list it, with the name that the party gave itself."""
    name, website = (record.business_name, record.website) if record else (None, None)
    return CredentialsRole(role, BusinessDetails(name or party.id, website), party.party_id, party.country)


def presented(credentials: AnyCredentials, reserved: Reserved) -> list[PresentedRole]:
    """The roles that a partner's credentials present. InvalidParameters names the entry and what is wrong with it.

    `reserved` is what the invitation names: OCPI 2.1.1 does not say what role a party has, the invitation does.
    """
    if isinstance(credentials, PlainCredentials):
        return _named(credentials, reserved)
    if not credentials.roles:
        raise InvalidParameters("roles: the list is empty; name at least one role")
    found = [_role(index, role) for index, role in enumerate(credentials.roles)]
    if len({each.party_role for each in found}) < len(found):
        raise InvalidParameters("roles: every role needs a unique combination of role, party_id and country_code")
    return _with_hub(credentials.hub_party_id, found, reserved)


def sided(version: str, endpoints: Endpoints, roles: Iterable[Role], catalogue: Catalogue) -> Endpoints:
    """The endpoints by the side that a platform is on, where its version does not say: OCPI 2.1.1.

    Who owns the objects of a module is its sender, whoever else has the module is its receiver. For commands that is
    the CPO. A platform that is both has one URL for both.
    """
    if version not in WITHOUT_INTERFACES:
        return endpoints
    held = set(roles)
    owners = {
        row.module: row.owner_role or Role.EMSP
        for row in catalogue.operations()
        if row.version == version and row.interface is Interface.RECEIVER
    }
    return {
        (module, side): url
        for (module, _), url in endpoints.items()
        for side in Interface
        if side is (Interface.SENDER if owners.get(module) in held else Interface.RECEIVER) or len(held) > 1
    }


def _named(credentials: PlainCredentials, reserved: Reserved) -> list[PresentedRole]:
    try:
        party = Party.of(credentials.country_code, credentials.party_id)
    except ValueError as reason:
        raise InvalidParameters(f"credentials: {reason}") from None
    roles = reserved.get(party)
    if not roles:
        raise InvalidParameters(
            f"{party} is not named in the invitation, and OCPI 2.1.1 does not tell roles; ask the hub's operator to "
            f"name it, as {party}:CPO"
        )
    details = credentials.business_details
    return [PresentedRole(PartyRole(party, role), details.name, details.website) for role in sorted(roles)]


def _role(index: int, role: CredentialsRole) -> PresentedRole:
    try:
        party_role = PartyRole(Party.of(role.country_code, role.party_id), parse_role(role.role))
    except ValueError as reason:
        raise InvalidParameters(f"roles[{index}]: {reason}") from None
    return PresentedRole(party_role, role.business_details.name, role.business_details.website)


def _with_hub(hub_party_id: str | None, found: list[PresentedRole], reserved: Reserved) -> list[PresentedRole]:
    """A hub on OCPI 2.3.0 names itself apart, and lists whoever is reachable through it: those named with it count."""
    try:
        hub = PartyRole(Party.parse(hub_party_id), Role.HUB) if hub_party_id else None
    except ValueError as reason:
        raise InvalidParameters(f"hub_party_id: {reason}") from None
    if hub is None or Role.HUB not in reserved.get(hub.party, ()):
        return found
    named = [each for each in found if each.party_role.role in reserved.get(each.party_role.party, ())]
    return [PresentedRole(hub, None, None), *named]
