"""Who a platform is, as it says in its credentials (2.2.1, chapter 7)."""

from collections.abc import Iterable

from hub.core.catalogue import WITHOUT_INTERFACES
from hub.core.directory import Secret
from hub.core.party import Role
from hub.ocpi.handshake import BusinessDetails, Credentials, CredentialsRole, PlainCredentials
from hub.partners.credentials import AnyCredentials, Identity


class PartyIdentity(Identity, frozen=True, kw_only=True):
    """One party with its roles, instead of a hub."""

    roles: frozenset[Role]

    def credentials(
        self,
        version: str,
        token: Secret,
        reachable: Iterable[CredentialsRole] = (),  # noqa: ARG002 - nobody is behind a party
    ) -> AnyCredentials:
        """Its credentials object."""
        details = BusinessDetails(self.name, self.website)
        country, party = self.party.country, self.party.party_id
        if version in WITHOUT_INTERFACES:
            return PlainCredentials(token.reveal(), self.versions_url, details, party, country)
        roles = [CredentialsRole(role, details, party, country) for role in sorted(self.roles)]
        return Credentials(token.reveal(), self.versions_url, roles)
