"""Keys of the admin API: made, listed, revoked, and looked up with each request."""

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Collection

import msgspec
import structlog

from hub.background import background
from hub.core.scopes import Scope
from hub.errors import InvalidParameters, NotFound
from hub.partners.directory import now_ms
from hub.store.changes import Topic, write_noted
from hub.store.database import Database
from hub.store.errors import StoreClosed
from hub.store.keys import KeyRecord, add_key, keys_used, load_keys, remove_key

log = structlog.get_logger()

_PREFIX = "ohk_"
"""What every key begins with: scanners that look for leaked secrets find it."""
_DAY = 86_400_000
_MOST_DAYS = 3650
_PAUSE = 30.0


class KeyView(msgspec.Struct, frozen=True):
    """One key as an operator sees it. Times are milliseconds since 1970; the key itself is known to nobody here."""

    name: str
    scope: Scope
    created_at: int
    expires_at: int | None
    last_used_at: int | None
    expired: bool


class NewKey(msgspec.Struct, frozen=True):
    """A key that was just made. `key` is shown this once: the hub keeps only its digest."""

    name: str
    scope: Scope
    expires_at: int | None
    key: str

    def __repr__(self) -> str:
        """Without the key."""
        return f"<new key {self.name!r}, {self.scope}>"


class KeyBook:
    """The keys of this hub, in memory and in the store. A change is in force when its call returns.

    `revoked` are called when a key was.
    """

    def __init__(self, database: Database) -> None:
        self.revoked: list[Callable[[], None]] = []
        self._database = database
        self._by_digest: dict[bytes, KeyRecord] = {}
        self._used: dict[bytes, int] = {}
        self._keeping: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Read the keys. To be called before anything else."""
        self._by_digest = {key.digest: key for key in await self._database.read(load_keys)}

    async def follow(self, _: Collection[str] | None) -> None:
        """Take over which keys other nodes made or took back."""
        before = self._by_digest
        await self.load()
        if before.keys() - self._by_digest.keys():
            self._tell_revoked()

    def start(self) -> None:
        """Begin to keep when keys were used last."""
        self._keeping = background(self._keep(), "keys")

    async def stop(self) -> None:
        """Keep that once more, and end."""
        if self._keeping:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})
        await self._flush()

    def opens(self, key: str) -> KeyRecord | None:
        """What a key opens; None where there is no such key, or no more.

        A key is found by its digest: how long that takes tells nothing of any key.
        """
        return self.holds(_digest(key))

    def holds(self, digest: bytes) -> KeyRecord | None:
        """What a key opens, by its digest; None where there is no such key, or no more."""
        found = self._by_digest.get(digest)
        now = now_ms()
        if found is None or (found.expires_at is not None and found.expires_at <= now):
            return None
        self._used[found.digest] = now
        return found

    def all(self) -> list[KeyView]:
        """Every key, by name."""
        return [self._view(key) for key in sorted(self._by_digest.values(), key=lambda each: each.name)]

    async def create(self, name: str, scope: str, days: int | None = None) -> NewKey:
        """Make a key; `days` until it expires, None for never. InvalidParameters where that can not be."""
        if not name.strip() or len(name) > 100 or not name.isprintable() or "/" in name:
            raise InvalidParameters("the name of a key is 1 to 100 printable characters without a slash")
        if scope not in tuple(Scope):
            raise InvalidParameters(f"{scope!r} is no scope; it is {', '.join(Scope)}")
        if days is not None and not 1 <= days <= _MOST_DAYS:
            raise InvalidParameters(f"a key expires after 1 to {_MOST_DAYS} days")
        text = _PREFIX + secrets.token_urlsafe(32)
        now = now_ms()
        record = KeyRecord(_digest(text), name, Scope(scope), now, now + days * _DAY if days else None)
        if not await write_noted(self._database, lambda connection: add_key(connection, record), Topic.KEY):
            raise InvalidParameters(f"there is a key named {name!r} already; choose another name, or revoke that one")
        self._by_digest[record.digest] = record
        log.info("key_created", name=name, scope=scope)
        return NewKey(name, record.scope, record.expires_at, text)

    async def revoke(self, name: str) -> KeyView:
        """Take a key back. Whoever uses it gets 401 from now on."""
        found = next((key for key in self._by_digest.values() if key.name == name), None)
        if found is None:
            raise NotFound(f"no key {name!r}; see: ocpi-hub key list")
        view = self._view(found)
        await write_noted(self._database, lambda connection: remove_key(connection, name), Topic.KEY)
        self._by_digest.pop(found.digest, None)
        self._used.pop(found.digest, None)
        self._tell_revoked()
        log.info("key_revoked", name=name)
        return view

    def _tell_revoked(self) -> None:
        for tell in self.revoked:
            tell()

    def _view(self, key: KeyRecord) -> KeyView:
        expired = key.expires_at is not None and key.expires_at <= now_ms()
        used = self._used.get(key.digest, key.last_used_at)
        return KeyView(key.name, key.scope, key.created_at, key.expires_at, used, expired)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_PAUSE)
            await self._flush()

    async def _flush(self) -> None:
        used, self._used = self._used, {}
        for digest, at in used.items():
            if digest in self._by_digest:
                self._by_digest[digest] = msgspec.structs.replace(self._by_digest[digest], last_used_at=at)
        if not used:
            return
        try:
            await self._database.write(lambda connection: keys_used(connection, used))
        except StoreClosed:
            pass
        except Exception as error:  # noqa: BLE001 - a full disk is no reason to end
            self._used = used | self._used
            log.warning("key_use_not_kept", error=repr(error))


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
