"""Platforms: invite, load, suspend, remove."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from msgspec import structs
from sqlalchemy import CursorResult, Select, case, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.directory import Encoding, State, TokenKind
from hub.core.limits import OwnLimits
from hub.core.modules import Interface
from hub.core.party import Party, PartyRole, Role
from hub.store.credentials import insert_credential
from hub.store.errors import NameTaken, PlatformUnknown
from hub.store.parties import name_roles
from hub.store.records import (
    CredentialRecord,
    EndpointRecord,
    Hidden,
    PartyRecord,
    PlatformRecord,
    RoleRecord,
)
from hub.store.schema import credential, endpoint, party, party_role, platform, platform_limit, platform_setting
from hub.store.statements import upsert


async def create_platform(
    connection: AsyncConnection,
    name: str,
    parties: Sequence[PartyRole],
    token_a_digest: bytes | None,
    now: int,
) -> int:
    """Invite a platform with the parties it may present, and return its id.

    Raises PartyTaken where one is not free, and NameTaken where another platform is called so; letters may be large or
    small. Without a token A the platform can not register by itself: the hub has to begin.
    """
    # Compared here: the databases fold letters each in its own way.
    if name.casefold() in {each.casefold() for each in await connection.scalars(select(platform.c.name))}:
        raise NameTaken(name)
    row = {"name": name, "state": State.INVITED.value, "created_at": now, "updated_at": now}
    created = await connection.execute(insert(platform).values(row).returning(platform.c.id))
    platform_id: int = created.scalar_one()
    await name_roles(connection, platform_id, parties, now)
    if token_a_digest is not None:
        await insert_credential(connection, platform_id, token_a_digest, TokenKind.A, now)
    return platform_id


async def load_all(connection: AsyncConnection) -> list[PlatformRecord]:
    """Every platform, by id. One query per table."""
    return await _load(connection, None)


async def load_one(connection: AsyncConnection, platform_id: int) -> PlatformRecord:
    """One platform; PlatformUnknown if there is none with this id."""
    found = await _load(connection, platform_id)
    if not found:
        raise PlatformUnknown(platform_id)
    return found[0]


async def add_parties(connection: AsyncConnection, platform_id: int, roles: Sequence[PartyRole], now: int) -> None:
    """Let a platform present more parties or roles. Raises PartyTaken and PlatformUnknown."""
    await change_platform(connection, platform_id, now)
    await name_roles(connection, platform_id, roles, now)


async def suspend(connection: AsyncConnection, platform_id: int, now: int) -> None:
    """Shut a platform out and keep all that is known of it. PlatformUnknown if there is none."""
    await change_platform(connection, platform_id, now, state=State.SUSPENDED.value)


async def resume(connection: AsyncConnection, platform_id: int, now: int) -> None:
    """Let a suspended platform in again, registered if it was. PlatformUnknown if there is none."""
    before = case((platform.c.token_out.is_(None), State.INVITED.value), else_=State.REGISTERED.value)
    await change_platform(connection, platform_id, now, state=before)


async def remove(connection: AsyncConnection, platform_id: int) -> None:
    """Forget a platform; its parties are free again. PlatformUnknown if there is none."""
    removed = await connection.execute(delete(platform).where(platform.c.id == platform_id))
    _check_one(removed, platform_id)


async def set_validation(connection: AsyncConnection, platform_id: int, mode: str | None, now: int) -> None:
    """Set what happens to a platform's objects that break a rule; None: what the configuration says.

    PlatformUnknown if there is none.
    """
    await change_platform(connection, platform_id, now)
    if mode is None:
        await connection.execute(delete(platform_setting).where(platform_setting.c.platform_id == platform_id))
    else:
        await upsert(connection, platform_setting, [{"platform_id": platform_id, "validation": mode}])


async def set_limits(connection: AsyncConnection, platform_id: int, limits: OwnLimits, now: int) -> None:
    """Set what a platform may ask of the hub. PlatformUnknown if there is none."""
    await change_platform(connection, platform_id, now)
    await connection.execute(delete(platform_limit).where(platform_limit.c.platform_id == platform_id))
    if limits != OwnLimits():
        await connection.execute(insert(platform_limit).values(platform_id=platform_id, **structs.asdict(limits)))


async def change_platform(connection: AsyncConnection, platform_id: int, now: int, **values: Any) -> None:
    """Set columns of a platform. PlatformUnknown if there is none."""
    change = update(platform).where(platform.c.id == platform_id).values(updated_at=now, **values)
    _check_one(await connection.execute(change), platform_id)


def _check_one(result: CursorResult[Any], platform_id: int) -> None:
    if result.rowcount != 1:
        raise PlatformUnknown(platform_id)


async def _load(connection: AsyncConnection, platform_id: int | None) -> list[PlatformRecord]:
    query = select(platform).order_by(platform.c.id)
    if platform_id is not None:
        query = query.where(platform.c.id == platform_id)
    parties = await _parties(connection, platform_id)
    credentials = await _credentials(connection, platform_id)
    endpoints = await _endpoints(connection, platform_id)
    settings = await connection.execute(_only(select(platform_setting), platform_setting.c, platform_id))
    validation = {row.platform_id: row.validation for row in settings}
    platforms = (await connection.execute(query)).all()  # at once: one by one takes twice as long
    limits = await _limits(connection, platform_id)
    return [
        PlatformRecord(
            id=row.id,
            name=row.name,
            state=State(row.state),
            version=row.version,
            versions_url=row.versions_url,
            token_out=None if row.token_out is None else Hidden(row.token_out),
            token_out_encoding=_encoding(row.token_out_encoding),
            created_at=row.created_at,
            updated_at=row.updated_at,
            parties=tuple(parties[row.id]),
            credentials=tuple(credentials[row.id]),
            endpoints=tuple(endpoints[row.id]),
            validation=validation.get(row.id),
            limits=limits.get(row.id, OwnLimits()),
        )
        for row in platforms
    ]


async def _limits(connection: AsyncConnection, platform_id: int | None) -> dict[int, OwnLimits]:
    found = await connection.execute(_only(select(platform_limit), platform_limit.c, platform_id))
    return {
        row.platform_id: OwnLimits(requests=row.requests, broadcasts=row.broadcasts, parallel=row.parallel)
        for row in found
    }


async def _parties(connection: AsyncConnection, platform_id: int | None) -> dict[int, list[PartyRecord]]:
    keys = party_role.c.country_code, party_role.c.party_id, party_role.c.role
    query = select(*keys, party_role.c.confirmed).join_from(party_role, party).order_by(*keys)
    roles: dict[tuple[str, str], list[RoleRecord]] = defaultdict(list)
    for country, party_id, role, confirmed in (await connection.execute(_only(query, party.c, platform_id))).all():
        roles[country, party_id].append(RoleRecord(Role(role), confirmed))

    parties: dict[int, list[PartyRecord]] = defaultdict(list)
    query = select(party).order_by(party.c.country_code, party.c.party_id)
    for country, party_id, owner, *rest in (await connection.execute(_only(query, party.c, platform_id))).all():
        record = PartyRecord(Party(country, party_id), tuple(roles[country, party_id]), *rest)
        parties[owner].append(record)
    return parties


async def _credentials(connection: AsyncConnection, platform_id: int | None) -> dict[int, list[CredentialRecord]]:
    credentials: dict[int, list[CredentialRecord]] = defaultdict(list)
    query = select(credential).order_by(credential.c.created_at, credential.c.digest)
    found = await connection.execute(_only(query, credential.c, platform_id))
    for digest, owner, kind, encoding, created_at in found.all():
        record = CredentialRecord(Hidden(digest), TokenKind(kind), _encoding(encoding), created_at)
        credentials[owner].append(record)
    return credentials


async def _endpoints(connection: AsyncConnection, platform_id: int | None) -> dict[int, list[EndpointRecord]]:
    endpoints: dict[int, list[EndpointRecord]] = defaultdict(list)
    query = select(endpoint).order_by(*endpoint.primary_key)
    found = await connection.execute(_only(query, endpoint.c, platform_id))
    for owner, version, module, interface, url, manual in found.all():
        endpoints[owner].append(EndpointRecord(version, module, Interface(interface), url, manual))
    return endpoints


def _only(query: Select[Any], columns: Any, platform_id: int | None) -> Select[Any]:
    return query if platform_id is None else query.where(columns.platform_id == platform_id)


def _encoding(value: str | None) -> Encoding | None:
    return None if value is None else Encoding(value)
