"""Who is logged in: a random token in a cookie, its digest on disk, and a key that has to be good all the while."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from contextlib import suppress

import msgspec
import structlog
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.partners.directory import now_ms
from hub.partners.keys import KeyBook
from hub.store.database import Database
from hub.store.errors import StoreUnavailable
from hub.store.keys import KeyRecord
from hub.store.sessions import (
    SessionRecord,
    add_session,
    end_session,
    end_sessions,
    find_session,
    touch_session,
)

log = structlog.get_logger()

COOKIE = "ocpi_hub_session"
PATH = "/dashboard"
LONGEST = 24 * 3_600_000
IDLE = 8 * 3_600_000
"""Milliseconds until a session ends: in any case, and where nobody uses it."""
_RENEWED = 60_000
"""Milliseconds between two notes that a session is used."""
_REMEMBERED = 100
_BYTES = 32
_MOST = 8
"""Cookies of one request that are looked at."""


class Session(msgspec.Struct, frozen=True):
    """One who is logged in. `csrf` goes into every form of theirs: nobody else can know it."""

    key: KeyRecord
    csrf: str
    digest: bytes

    def __repr__(self) -> str:
        """Without anything secret."""
        return f"<session of {self.key.name!r}>"

    def made(self, csrf: str) -> bool:
        """Whether a form is one of this session."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode("utf-8", "replace"))


class Sessions:
    """The sessions of this hub. `ended` is called when one was, or when a key that may have opened some was revoked."""

    def __init__(self, database: Database, keys: KeyBook, ended: Callable[[], None]) -> None:
        self._database = database
        self._keys = keys
        self._ended = ended
        self._last_read: dict[bytes, SessionRecord] = {}
        keys.revoked.append(ended)

    async def begin(self, key: KeyRecord) -> str:
        """Log in with a key that was checked; returns the token for the cookie."""
        token, now = secrets.token_urlsafe(_BYTES), now_ms()
        session = SessionRecord(_digest(token), key.digest, now, now)

        async def keep(connection: AsyncConnection) -> None:
            await end_sessions(connection, now - LONGEST, now - IDLE)
            await add_session(connection, session)

        await self._database.write(keep)
        return token

    async def find(self, request: web.BaseRequest) -> Session | None:
        """Whose request this is; None where nobody is logged in, or the key is revoked or has expired.

        Other servers on this host, or on one of its sub-domains, can set our cookie beside ours. One that opens nothing
        is passed over; of two that are good one was planted, nobody knows which, and so both end.
        """
        found = [session for token in _tokens(request) if (session := await self._opened(token))]
        if len(found) < 2:
            return found[0] if found else None
        log.warning("session_planted", keys=[each.key.name for each in found])
        for each in found:
            await self.end(each)
        return None

    async def _opened(self, token: str) -> Session | None:
        digest = _digest(token)
        record = await self._record(digest)
        now = now_ms()
        if record is None or record.begun_at < now - LONGEST or record.seen_at < now - IDLE:
            return None
        key = self._keys.holds(record.key)
        if key is None:
            return None
        if record.seen_at < now - _RENEWED:
            with suppress(StoreUnavailable):
                await self._database.write(lambda connection: touch_session(connection, digest, now))
        return Session(key, _csrf(token), digest)

    async def _record(self, digest: bytes) -> SessionRecord | None:
        """What is kept of a session. Without the database, operators who were here before go on."""
        try:
            record = await self._database.read(lambda connection: find_session(connection, digest))
        except StoreUnavailable:
            return self._last_read.get(digest)
        self._last_read.pop(digest, None)
        if record:
            self._last_read[digest] = record
            if len(self._last_read) > _REMEMBERED:
                del self._last_read[next(iter(self._last_read))]
        return record

    async def end(self, session: Session) -> None:
        """Log out."""
        await self._database.write(lambda connection: end_session(connection, session.digest))
        self._ended()

    def holds(self, key: KeyRecord) -> bool:
        """Whether a key is still good."""
        return self._keys.holds(key.digest) is not None


def give(response: web.StreamResponse, token: str, *, secure: bool) -> None:
    """Put the token into the cookie. `secure`: the browser came by TLS."""
    response.set_cookie(
        COOKIE, token, path=PATH, max_age=LONGEST // 1000, httponly=True, samesite="Strict", secure=secure
    )


def take(response: web.StreamResponse) -> None:
    """Take the cookie away."""
    response.del_cookie(COOKIE, path=PATH, httponly=True, samesite="Strict")


def _tokens(request: web.BaseRequest) -> list[str]:
    """Every value of the cookie once, the first few of them. `cookies` of a request has only the last."""
    pairs = (each.partition("=") for header in request.headers.getall("Cookie", ()) for each in header.split(";"))
    given = (value.strip() for name, _, value in pairs if name.strip() == COOKIE)
    return list(dict.fromkeys(token for token in given if token and token.isascii()))[:_MOST]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _csrf(token: str) -> str:
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()
