"""Parties that plugins are: they stand in the directory as platforms, registered while their plugin runs.

What operators set for such a platform (suspended, limits, validation) and its agreements outlive a restart; it is gone
when its plugin is.
"""

from collections.abc import Collection, Mapping
from functools import partial

import structlog

from hub.core.directory import Encoding, Secret
from hub.core.modules import Interface
from hub.core.party import Party, PartyRole, Role
from hub.core.urls import hosted_by, hosted_root
from hub.events import Bus, PartnerChanged, Registered
from hub.partners.directory import DirectoryKeeper, now_ms
from hub.partners.tokens import new_token
from hub.store.credentials import add_pending, seal_token, token_digest
from hub.store.crypto import Keyring
from hub.store.platforms import create_platform, remove
from hub.store.records import PlatformRecord, PresentedEndpoint, PresentedRole
from hub.store.registration import complete_registration

log = structlog.get_logger()


class HostedParties:
    """Registers plugins as platforms, without a handshake: both sides are the hub."""

    def __init__(self, keeper: DirectoryKeeper, keyring: Keyring, bus: Bus) -> None:
        self._keeper = keeper
        self._keyring = keyring
        self._bus = bus

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

    async def stand(
        self,
        stem: str,
        party: Party,
        roles: frozenset[Role],
        version: str,
        endpoints: Mapping[tuple[str, Interface], str],
        details: tuple[str, str | None],
        token: Secret,
    ) -> None:
        """Register the plugin as this party, which the hub calls with `token`.

        `details` are its name and website. InvalidParameters where the party or the name is another's.
        """
        record = next((each for each in self._records() if _is_of(each, stem)), None)
        if record is not None and {each.party for each in record.parties} != {party}:
            await self._remove(record)
            record = None
        presented = [PresentedRole(PartyRole(party, role), *details) for role in sorted(roles)]
        if record is None:
            named = [each.party_role for each in presented]
            platform_id = await self._keeper.create(
                stem, lambda connection: create_platform(connection, stem, named, None, now_ms())
            )
        else:
            platform_id = record.id
        nobodys = token_digest(new_token().reveal())
        await self._keeper.write(
            platform_id, lambda connection: add_pending(connection, platform_id, nobodys, now_ms())
        )
        await self._keeper.write(
            platform_id,
            partial(
                complete_registration,
                platform_id=platform_id,
                used_digest=nobodys,
                new_digest=nobodys,
                token_out=seal_token(self._keyring, platform_id, token.reveal()),
                token_out_encoding=Encoding.RAW,
                version=version,
                versions_url=f"{hosted_root(stem, party)}/versions",
                roles=presented,
                endpoints=[PresentedEndpoint(*key, url) for key, url in endpoints.items()],
                allow_new_parties=True,
                now=now_ms(),
            ),
        )
        held = tuple(each.party_role for each in presented)
        log.info("hosted", plugin=stem, version=version, parties=[str(each) for each in held])
        self._bus.publish(Registered(platform=stem, version=version, roles=held))

    async def leave(self, stem: str) -> None:
        """The plugin is no party any more."""
        for record in [each for each in self._records() if _is_of(each, stem)]:
            await self._remove(record)

    async def keep(self, stems: Collection[str]) -> None:
        """Remove what was hosted by plugins other than these."""
        for record in self._records():
            by = hosted_by(record.versions_url)
            if by is not None and by not in stems:
                await self._remove(record)

    async def _remove(self, record: PlatformRecord) -> None:
        await self._keeper.write(record.id, lambda connection: remove(connection, record.id))
        log.info("hosted_party_gone", plugin=record.name)
        self._bus.publish(PartnerChanged(platform=record.name, change="removed"))

    def _records(self) -> list[PlatformRecord]:
        return list(self._keeper.records.values())


def _is_of(record: PlatformRecord, stem: str) -> bool:
    return hosted_by(record.versions_url) == stem
