"""Who is logged in to the dashboard, on disk: a restart, or another node, throws nobody out."""

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.schema import admin_session

MOST = 1000
"""So many sessions there are at most; a new one ends the one that was used the longest time ago."""


class SessionRecord(msgspec.Struct, frozen=True):
    """One session: the digest of its token and of the key it began with. Times are milliseconds since 1970."""

    digest: bytes
    key: bytes
    begun_at: int
    seen_at: int

    def __repr__(self) -> str:
        """Without the digests."""
        return f"<session begun at {self.begun_at}>"


async def add_session(connection: AsyncConnection, session: SessionRecord) -> None:
    """Keep a session, and forget the oldest where there are too many."""
    await connection.execute(insert(admin_session).values(**msgspec.structs.asdict(session)))
    row = admin_session.c
    last = select(row.seen_at).order_by(row.seen_at.desc()).offset(MOST).limit(1).scalar_subquery()
    await connection.execute(delete(admin_session).where(row.seen_at <= last))


async def find_session(connection: AsyncConnection, digest: bytes) -> SessionRecord | None:
    """A session by the digest of its token."""
    found = (await connection.execute(select(admin_session).where(admin_session.c.digest == digest))).mappings().first()
    return SessionRecord(**found) if found else None


async def touch_session(connection: AsyncConnection, digest: bytes, now: int) -> None:
    """Keep that it was used."""
    await connection.execute(update(admin_session).where(admin_session.c.digest == digest).values(seen_at=now))


async def end_session(connection: AsyncConnection, digest: bytes) -> None:
    """Forget a session."""
    await connection.execute(delete(admin_session).where(admin_session.c.digest == digest))


async def end_sessions(connection: AsyncConnection, begun_before: int, seen_before: int) -> None:
    """Forget those that are too old, or were not used for too long."""
    row = admin_session.c
    await connection.execute(delete(admin_session).where((row.begun_at < begun_before) | (row.seen_at < seen_before)))
