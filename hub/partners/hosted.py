"""Parties that plugins are: they stand in the directory as platforms, registered while their plugin runs.

What operators set for such a platform (suspended, limits, validation) and its agreements outlive a restart; it is gone
when its plugin is.
"""

import base64
from collections.abc import Awaitable, Callable, Collection, Mapping

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.directory import Encoding, Secret
from hub.core.modules import Interface
from hub.core.party import Party, PartyRole, Role
from hub.core.urls import hosted_by, hosted_root
from hub.errors import InvalidParameters
from hub.events import Bus, PartnerChanged, Registered
from hub.partners.directory import DirectoryKeeper, now_ms
from hub.partners.tokens import new_token
from hub.store.credentials import add_pending, open_token, seal_token, token_digest
from hub.store.crypto import Keyring
from hub.store.errors import SealBroken
from hub.store.platforms import create_platform, remove
from hub.store.records import PlatformRecord, PresentedEndpoint, PresentedRole
from hub.store.registration import complete_registration

log = structlog.get_logger()


class Standing(msgspec.Struct, frozen=True):
    """What a plugin presents as a party. `details` are its name and website, `endpoints` their URLs."""

    party: Party
    roles: frozenset[Role]
    version: str
    endpoints: Mapping[tuple[str, Interface], str]
    details: tuple[str, str | None]

    def presented(self) -> list[PresentedRole]:
        """Its roles as the store takes them."""
        return [PresentedRole(PartyRole(self.party, role), *self.details) for role in sorted(self.roles)]


class HostedParties:
    """Registers plugins as platforms, without a handshake: both sides are the hub.

    Each node has the same plugins, and each of them is the same party on all nodes: who comes second only looks on.
    """

    def __init__(
        self, keeper: DirectoryKeeper, keyring: Keyring, bus: Bus, others: Callable[[], Awaitable[bool]]
    ) -> None:
        """`others` says whether there are other nodes. It raises StoreError."""
        self._keeper = keeper
        self._keyring = keyring
        self._bus = bus
        self._others = others

    def token(self, stem: str, party: Party) -> Secret:
        """The token that the hub calls a plugin with: the same on all nodes, and after each start."""
        made = self._keyring.derive(f"hosted/{stem}/{party.id}".encode(), 32)
        return Secret(base64.urlsafe_b64encode(made).rstrip(b"=").decode())

    def clash(self, stem: str, party: Party) -> str | None:
        """Why the plugin in the file `stem` can not be this party; None where it can."""
        if party == self._keeper.current.hub:
            return f"{party} is this hub itself; give the plugin a party of its own"
        owner = self._keeper.current.parties.get(party)
        if owner is not None and hosted_by(owner.versions_url) is None:
            return (
                f"{party} is a party of the partner {owner.name!r} already; give the plugin another party, or remove "
                f"the partner: ocpi-hub partner remove {owner.id}"
            )
        if any(each.name.casefold() == stem.casefold() and not _is_of(each, stem) for each in self._records()):
            return f"there is a partner named {stem!r} already; rename the plugin's file"
        return None

    async def stand(self, stem: str, standing: Standing) -> None:
        """Register the plugin as a party, unless another node has done just that already.

        InvalidParameters where the party or the name is another's.
        """
        others = await self._others()
        if others:
            await self._keeper.follow_platforms(None)
        record = next((each for each in self._records() if _is_of(each, stem)), None)
        if record is not None and {each.party for each in record.parties} != {standing.party}:
            await self._remove(record)
            record = None
        if record is None and (record := await self._create(stem, standing)) is not None:
            others = True  # one that began at the same moment, and was quicker
        if record is not None:
            if others and self._stands(record, stem, standing):
                log.info("hosted_as_by_others", plugin=stem)
                return
            known = record.id
            await self._keeper.write(known, lambda connection: self._register(connection, known, stem, standing))
        held = tuple(each.party_role for each in standing.presented())
        log.info("hosted", plugin=stem, version=standing.version, parties=[str(each) for each in held])
        self._bus.publish(Registered(platform=stem, version=standing.version, roles=held))

    async def _create(self, stem: str, standing: Standing) -> PlatformRecord | None:
        """Make the platform; where another node was quicker, the one that it made."""
        named = [each.party_role for each in standing.presented()]

        async def work(connection: AsyncConnection) -> int:
            platform_id = await create_platform(connection, stem, named, None, now_ms())
            await self._register(connection, platform_id, stem, standing)
            return platform_id

        try:
            await self._keeper.create(work)
        except InvalidParameters:
            await self._keeper.follow_platforms(None)
            found = next((each for each in self._records() if _is_of(each, stem)), None)
            if found is None:
                raise
            return found
        return None

    async def _register(self, connection: AsyncConnection, platform_id: int, stem: str, standing: Standing) -> None:
        nobodys = token_digest(new_token().reveal())
        token = self.token(stem, standing.party)
        await add_pending(connection, platform_id, nobodys, now_ms())
        await complete_registration(
            connection,
            platform_id=platform_id,
            used_digest=nobodys,
            new_digest=nobodys,
            token_out=seal_token(self._keyring, platform_id, token.reveal()),
            token_out_encoding=Encoding.RAW,
            version=standing.version,
            versions_url=_versions_url(stem, standing.party),
            roles=standing.presented(),
            endpoints=[PresentedEndpoint(*key, url) for key, url in standing.endpoints.items()],
            allow_new_parties=True,
            now=now_ms(),
        )

    def _stands(self, record: PlatformRecord, stem: str, standing: Standing) -> bool:
        """Whether a record says all that a plugin presents, and nothing else."""
        told = {
            PresentedRole(PartyRole(each.party, role.role), each.business_name, each.website)
            for each in record.parties
            for role in each.roles
            if role.confirmed
        }
        own = [each for each in record.endpoints if each.version == standing.version]
        by_hand = {(each.module, each.interface) for each in own if each.manual}
        advertised = {(each.module, each.interface): each.url for each in own if not each.manual}
        wanted = {key: url for key, url in standing.endpoints.items() if key not in by_hand}
        return (
            (record.version, record.versions_url) == (standing.version, _versions_url(stem, standing.party))
            and told == set(standing.presented())
            and advertised == wanted
            and self._opens(record, self.token(stem, standing.party))
        )

    def _opens(self, record: PlatformRecord, token: Secret) -> bool:
        try:
            sealed = record.token_out
            return sealed is not None and open_token(self._keyring, record.id, sealed) == token.reveal()
        except SealBroken:
            return False

    async def leave(self, stem: str) -> None:
        """The plugin is no party any more."""
        for record in [each for each in self._records() if _is_of(each, stem)]:
            await self._remove(record)

    async def keep(self, stems: Collection[str]) -> None:
        """Remove what was hosted by plugins other than these, unless other nodes may do so."""
        left = self.left(stems)
        others = bool(left) and await self._others()
        for stem in left:
            if others:
                log.warning("hosted_by_others_only", plugin=stem)
            else:
                await self.leave(stem)

    def left(self, stems: Collection[str]) -> list[str]:
        """The plugins other than these that are parties."""
        hosted = (hosted_by(each.versions_url) for each in self._records())
        return [by for by in hosted if by is not None and by not in stems]

    async def _remove(self, record: PlatformRecord) -> None:
        await self._keeper.write(record.id, lambda connection: remove(connection, record.id))
        log.info("hosted_party_gone", plugin=record.name)
        self._bus.publish(PartnerChanged(platform=record.name, change="removed"))

    def _records(self) -> list[PlatformRecord]:
        return list(self._keeper.records.values())


def _versions_url(stem: str, party: Party) -> str:
    return f"{hosted_root(stem, party)}/versions"


def _is_of(record: PlatformRecord, stem: str) -> bool:
    return hosted_by(record.versions_url) == stem
