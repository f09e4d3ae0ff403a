"""Keeps the directory: every change goes to the store first, and then into a new snapshot.

Nothing is answered before both happened: what was acknowledged is on disk and in force.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.agreements import Agreements, Rule
from hub.core.directory import Credential, Directory, Encoding, Platform, Secret, State
from hub.core.modules import Interface
from hub.core.party import Party, Role
from hub.core.paths import origin
from hub.errors import InvalidParameters
from hub.partners.tokens import authorization
from hub.store.agreements import load_rules
from hub.store.changes import Topic, note, write_noted
from hub.store.credentials import open_token, set_credential_encoding
from hub.store.crypto import Keyring
from hub.store.database import Database
from hub.store.errors import NameTaken, PartyTaken, PlatformUnknown, SealBroken
from hub.store.platforms import load_all, load_one
from hub.store.records import PlatformRecord
from hub.store.statuses import StatusRecord, status_history

log = structlog.get_logger()
T = TypeVar("T")


class DirectoryKeeper:
    """The one place that changes the directory. `current` is the snapshot in force.

    `stale` are the platforms that changed in the store and could not be read again. `shut_out` are told the id of a
    platform as soon as it is suspended or removed.
    """

    def __init__(self, database: Database, keyring: Keyring, hub: Party, *, agreed: bool = True) -> None:
        """`agreed` is what holds between two parties without an agreement."""
        self.current = msgspec.structs.replace(Directory.of(hub, ()), agreements=Agreements(agreed))
        self.records: dict[int, PlatformRecord] = {}
        self.stale: set[int] = set()
        self.shut_out: list[Callable[[int], None]] = []
        self._database = database
        self._keyring = keyring
        self._creating = asyncio.Lock()
        self._refreshing = asyncio.Lock()

    async def load(self) -> None:
        """Read everything from the store, for the first time or anew."""
        records = await self._database.read(load_all)
        before, self.records = self.records, {record.id: record for record in records}
        directory = Directory.of(
            self.current.hub,
            [self._platform(record) for record in records],
            [(each.digest, record.id, each.kind) for record in records for each in record.credentials],
        )
        offline = self.current.offline.intersection(directory.platforms)
        self.current = msgspec.structs.replace(directory, agreements=self.current.agreements, offline=offline)
        self._agree(await self._database.read(load_rules))
        self.stale.clear()
        for platform_id in before:
            if platform_id not in self.records or self.records[platform_id].state is State.SUSPENDED:
                self._shut(platform_id)

    async def follow_platforms(self, keys: Collection[str] | None) -> None:
        """Take over what other nodes changed of these platforms, by id; None: of any."""
        if keys is None:
            async with self._refreshing:
                await self.load()
        else:
            for key in keys:
                await self.refresh(int(key))

    async def follow_agreements(self, _: Collection[str] | None) -> None:
        """Take over what other nodes agreed."""
        self._agree(await self._database.read(load_rules))

    async def write(self, platform_id: int, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run one transaction that concerns one platform, then bring the snapshot up to date with it."""
        result = await write_noted(self._database, work, Topic.PLATFORM, str(platform_id))
        await self.refresh(platform_id)
        return result

    async def create(self, work: Callable[[AsyncConnection], Awaitable[int]]) -> int:
        """Run the transaction that makes a platform, then take it into the snapshot.

        InvalidParameters where its name or a party is another's.
        """

        async def noted(connection: AsyncConnection) -> int:
            platform_id = await work(connection)
            await note(connection, self._database.node, Topic.PLATFORM, str(platform_id))
            return platform_id

        async with self._creating:
            try:
                platform_id = await self._database.write(noted)
            except (NameTaken, PartyTaken) as taken:
                raise InvalidParameters(str(taken)) from None
            await self.refresh(platform_id)
        return platform_id

    async def refresh(self, platform_id: int) -> None:
        """Read one platform again, and swap in a snapshot with it."""
        async with self._refreshing:  # one after the other, or what was read first could be swapped in last
            try:
                record = await self._database.read(lambda connection: load_one(connection, platform_id))
            except PlatformUnknown:
                self.records.pop(platform_id, None)
                self.current = _without(self.current, platform_id)
                self._shut(platform_id)
            except BaseException:
                self.stale.add(platform_id)
                raise
            else:
                self.records[platform_id] = record
                self.current = _with(_without(self.current, platform_id), self._platform(record), record)
                if record.state is State.SUSPENDED:
                    self._shut(platform_id)
            self.stale.discard(platform_id)

    def _shut(self, platform_id: int) -> None:
        for tell in self.shut_out:
            tell(platform_id)

    async def learn_encoding(self, platform_id: int, digest: bytes, encoding: Encoding) -> None:
        """Remember how a platform writes its token, where that is new."""
        record = self.records.get(platform_id)
        if record and any(each.digest == digest and each.encoding is None for each in record.credentials):
            await self.write(platform_id, lambda connection: set_credential_encoding(connection, digest, encoding))

    async def change_agreements(self, work: Callable[[AsyncConnection], Awaitable[list[Rule]]]) -> None:
        """Run one transaction that changes the agreements and gives all of them; in force when this returns."""
        self._agree(await write_noted(self._database, work, Topic.AGREEMENT))

    def set_default(self, *, agreed: bool) -> None:
        """Set what holds between two parties without an agreement."""
        agreements = msgspec.structs.replace(self.current.agreements, default=agreed)
        self.current = msgspec.structs.replace(self.current, agreements=agreements)

    def _agree(self, rules: list[Rule]) -> None:
        agreements = Agreements.of(rules, default=self.current.agreements.default)
        self.current = msgspec.structs.replace(self.current, agreements=agreements)

    async def history(self, platform_id: int, limit: int) -> list[StatusRecord]:
        """What was published of a platform and since when, the latest first."""
        return await self._database.read(lambda connection: status_history(connection, platform_id, limit))

    def set_offline(self, platforms: frozenset[int]) -> None:
        """Swap in a snapshot in which just these platforms do not answer."""
        self.current = msgspec.structs.replace(self.current, offline=platforms)

    def token_out(self, platform_id: int) -> Secret:
        """The token that the hub calls a registered platform with."""
        sealed = self.records[platform_id].token_out
        if sealed is None:
            raise LookupError(f"platform {platform_id} is not registered")
        return Secret(open_token(self._keyring, platform_id, sealed))

    def _platform(self, record: PlatformRecord) -> Platform:
        endpoints = {
            (each.module, each.interface): each.url for each in record.endpoints if each.version == record.version
        }
        return Platform(
            id=record.id,
            name=record.name,
            state=record.state,
            version=record.version,
            versions_url=record.versions_url,
            authorization=self._authorization(record),
            roles=_roles(record, confirmed=True),
            reserved=_roles(record, confirmed=False),
            endpoints=endpoints,
            origins=_origins(record.versions_url, endpoints),
            validation=record.validation,
            limits=record.limits,
        )

    def _authorization(self, record: PlatformRecord) -> Secret | None:
        if record.token_out is None or record.token_out_encoding is None:
            return None
        try:
            token = Secret(open_token(self._keyring, record.id, record.token_out))
        except SealBroken as broken:
            # One damaged row must not keep the hub from serving all others: this platform is not callable.
            log.warning("token_unreadable", platform=record.name, reason=str(broken))
            return None
        return authorization(token, record.token_out_encoding)


def now_ms() -> int:
    """Milliseconds since 1970: the store's clock."""
    return time.time_ns() // 1_000_000


def _roles(record: PlatformRecord, *, confirmed: bool) -> dict[Party, frozenset[Role]]:
    # In 2.2.1 a hub presents only itself; the parties behind it are those that its invitation names.
    behind = any(role.confirmed and role.role is Role.HUB for each in record.parties for role in each.roles)
    named = {
        each.party: frozenset(role.role for role in each.roles if role.confirmed or behind or not confirmed)
        for each in record.parties
    }
    return {party: roles for party, roles in named.items() if roles}


def _origins(versions_url: str | None, endpoints: dict[tuple[str, Interface], str]) -> frozenset[str]:
    """Where this platform's URLs may lead: nothing else is ever sent its token."""
    found = set()
    for url in (versions_url, *endpoints.values()):
        if url:
            try:
                found.add(origin(url))
            except InvalidParameters:
                continue
    return frozenset(found)


def _without(directory: Directory, platform_id: int) -> Directory:
    if platform_id not in directory.platforms:
        return directory
    return msgspec.structs.replace(
        directory,
        platforms={key: each for key, each in directory.platforms.items() if key != platform_id},
        parties={party: each for party, each in directory.parties.items() if each.id != platform_id},
        credentials={key: each for key, each in directory.credentials.items() if each.platform.id != platform_id},
    )


def _with(directory: Directory, platform: Platform, record: PlatformRecord) -> Directory:
    return msgspec.structs.replace(
        directory,
        platforms={**directory.platforms, platform.id: platform},
        parties={**directory.parties, **dict.fromkeys(platform.parties, platform)},
        credentials={
            **directory.credentials,
            **{each.digest: Credential(platform, each.kind) for each in record.credentials},
        },
    )
