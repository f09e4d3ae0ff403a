"""Tokens: inbound ones as digests, outbound ones sealed."""

import hashlib

from sqlalchemy import delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.directory import Encoding, TokenKind
from hub.store.crypto import Keyring
from hub.store.schema import credential

_TOKEN_OUT = "token"  # noqa: S105 - the name of a purpose


def token_digest(token: str) -> bytes:
    """What is kept of a token that the hub gave out: SHA-256 of its UTF-8 bytes."""
    return hashlib.sha256(token.encode()).digest()


def seal_token(keyring: Keyring, platform_id: int, token: str) -> bytes:
    """Encrypt the token that the hub uses to call this platform; it opens for no other platform."""
    return keyring.seal(token.encode(), purpose=_TOKEN_OUT, bound_to=f"platform {platform_id}")


def open_token(keyring: Keyring, platform_id: int, sealed: bytes) -> str:
    """The token that `seal_token` sealed; SealBroken when it was changed or is another platform's."""
    return keyring.open(sealed, purpose=_TOKEN_OUT, bound_to=f"platform {platform_id}").decode()


async def insert_credential(
    connection: AsyncConnection, platform_id: int, digest: bytes, kind: TokenKind, now: int
) -> None:
    """Let a token in. Its encoding is learned when it is first used."""
    row = {"digest": digest, "platform_id": platform_id, "kind": kind.value, "created_at": now}
    await connection.execute(insert(credential).values(row))


async def drop_credentials(connection: AsyncConnection, platform_id: int) -> None:
    """Let no token of this platform in any more."""
    await connection.execute(delete(credential).where(credential.c.platform_id == platform_id))


async def add_pending(connection: AsyncConnection, platform_id: int, digest: bytes, now: int) -> None:
    """Let in the token that the hub is about to present to this platform, beside those it has.

    A platform has one such token at most: this one takes the place of any that an earlier attempt left.
    """
    await connection.execute(
        delete(credential).where(credential.c.platform_id == platform_id, credential.c.kind == TokenKind.PENDING.value)
    )
    await insert_credential(connection, platform_id, digest, TokenKind.PENDING, now)


async def drop_pending(connection: AsyncConnection, digest: bytes) -> None:
    """The attempt that needed this token failed. Does nothing when the token is no longer pending."""
    await connection.execute(
        delete(credential).where(credential.c.digest == digest, credential.c.kind == TokenKind.PENDING.value)
    )


async def set_credential_encoding(connection: AsyncConnection, digest: bytes, encoding: Encoding) -> None:
    """Remember how the platform writes this token. Does nothing when the token is gone."""
    await connection.execute(update(credential).where(credential.c.digest == digest).values(encoding=encoding.value))
