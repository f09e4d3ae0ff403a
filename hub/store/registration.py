"""Registration and its end, each in one transaction (OCPI 2.2.1, credentials module)."""

from collections.abc import Sequence

from sqlalchemy import case, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.directory import Encoding, State, TokenKind
from hub.store.credentials import drop_credentials, insert_credential
from hub.store.endpoints import add_advertised, drop_advertised
from hub.store.errors import CredentialGone
from hub.store.mirror import drop_platform
from hub.store.parties import confirm_roles, unconfirm_roles
from hub.store.platforms import change_platform
from hub.store.records import PresentedEndpoint, PresentedRole
from hub.store.schema import credential, platform


async def complete_registration(
    connection: AsyncConnection,
    platform_id: int,
    *,
    used_digest: bytes,
    new_digest: bytes,
    token_out: bytes,
    token_out_encoding: Encoding,
    version: str,
    versions_url: str,
    roles: Sequence[PresentedRole],
    endpoints: Sequence[PresentedEndpoint],
    allow_new_parties: bool,
    now: int,
) -> None:
    """Register a platform, or renew its registration: the end of a credentials POST or PUT, whoever began it.

    `used_digest` is the token that this registration used up, `new_digest` the only one that lets the platform in
    from now on; they are the same where the hub presented a pending token. `token_out` is sealed. A suspended
    platform stays SUSPENDED.

    What was mirrored in another OCPI version is gone: the next pull brings it as it is in this one.

    Raises CredentialGone when another registration was quicker, PartyTaken, and, unless `allow_new_parties`,
    PartyNotInvited.
    """
    await _use_up(connection, platform_id, used_digest)
    await drop_credentials(connection, platform_id)
    await insert_credential(connection, platform_id, new_digest, TokenKind.C, now)
    if await _version(connection, platform_id) != version:
        await drop_platform(connection, platform_id)
    await confirm_roles(connection, platform_id, roles, allow_new_parties=allow_new_parties, now=now)
    await drop_advertised(connection, platform_id)
    await add_advertised(connection, platform_id, version, endpoints)
    await change_platform(
        connection,
        platform_id,
        now,
        state=_unless_suspended(State.REGISTERED),
        version=version,
        versions_url=versions_url,
        token_out=token_out,
        token_out_encoding=token_out_encoding.value,
    )


async def unregister(connection: AsyncConnection, platform_id: int, now: int) -> None:
    """End a registration: no token works any more, in or out. PlatformUnknown if there is no such platform.

    Parties stay reserved and endpoints that were set by hand stay set. What the hub mirrored of it is gone: it can
    not be kept up to date any more. A suspended platform stays SUSPENDED.
    """
    await drop_credentials(connection, platform_id)
    await drop_advertised(connection, platform_id)
    await drop_platform(connection, platform_id)
    await unconfirm_roles(connection, platform_id)
    await change_platform(
        connection,
        platform_id,
        now,
        state=_unless_suspended(State.INVITED),
        version=None,
        versions_url=None,
        token_out=None,
        token_out_encoding=None,
    )


async def invite_again(connection: AsyncConnection, platform_id: int, token_a_digest: bytes | None, now: int) -> None:
    """End any registration and let the platform begin again. Raises PlatformUnknown.

    None as token A where the hub begins, as with `create_platform`.
    """
    await unregister(connection, platform_id, now)
    if token_a_digest is not None:
        await insert_credential(connection, platform_id, token_a_digest, TokenKind.A, now)


async def _version(connection: AsyncConnection, platform_id: int) -> str | None:
    version: str | None = await connection.scalar(select(platform.c.version).where(platform.c.id == platform_id))
    return version


async def _use_up(connection: AsyncConnection, platform_id: int, digest: bytes) -> None:
    # Deleting tells who was first, also where two transactions run at the same time; looking first would not.
    used = await connection.execute(
        delete(credential).where(credential.c.digest == digest, credential.c.platform_id == platform_id)
    )
    if used.rowcount != 1:
        raise CredentialGone


def _unless_suspended(state: State) -> object:
    suspended = platform.c.state == State.SUSPENDED.value
    return case((suspended, State.SUSPENDED.value), else_=state.value)
