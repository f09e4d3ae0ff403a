"""Who may use the admin listener: keys, their scopes, and a growing delay for those who try wrong ones."""

import asyncio
import time
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address

import msgspec
import structlog

from hub.admin.problems import Problem
from hub.core.scopes import Scope
from hub.partners.keys import KeyBook
from hub.store.keys import KeyRecord

log = structlog.get_logger()

HEADER = "x-api-key"
FIRST, LONGEST = 0.1, 5.0
"""Seconds that the first wrong key of an address costs, and at most."""
_FORGIVEN = 600.0
_REMEMBERED = 10_000
_AT_ONCE = 5
_NETWORK = 64


class _Address(msgspec.Struct):
    """What an address did: wrong keys in a row, when the last one, and how many of its requests wait."""

    wrong: int = 0
    at: float = 0.0
    waiting: int = 0


class Doorman:
    """Checks keys. `refused` counts the requests that had none, or a wrong one, or one that opens too little."""

    def __init__(self, keys: KeyBook, first: float = FIRST, longest: float = LONGEST) -> None:
        self.refused = 0
        self._keys = keys
        self._first = first
        self._longest = longest
        self._addresses: OrderedDict[str, _Address] = OrderedDict()

    async def admit(self, key: str | None, scope: Scope, remote: str) -> KeyRecord:
        """The key's record. Raises Problem 401 or 403, and 429 where too many wrong keys of an address wait."""
        if key is None:
            self.refused += 1
            raise _unauthorized("this needs a key", f"send it in the header {HEADER}; ocpi-hub key create makes one")
        record = self._keys.opens(key)
        if record is None:
            self.refused += 1
            await self._slow_down(remote)
            raise _unauthorized("this key opens nothing", "it is wrong, expired or revoked: ocpi-hub key list")
        if not record.scope.opens(scope):
            self.refused += 1
            raise Problem(403, f"this needs a key of scope {scope}", f"that of {record.name!r} is {record.scope}")
        return record

    async def _slow_down(self, remote: str) -> None:
        """Wait, for each wrong key twice as long as for the one before."""
        address = self._address(_network(remote))
        if address.waiting >= _AT_ONCE:
            headers = {"Retry-After": str(max(1, round(self._longest)))}
            raise Problem(429, "too many wrong keys from your address", "wait, then send the right one", headers)
        address.wrong += 1
        if address.wrong == 1 or not address.wrong % 100:
            log.warning("wrong_admin_key", address=remote, so_far=address.wrong)
        address.waiting += 1
        try:
            await asyncio.sleep(min(self._longest, self._first * 2 ** min(address.wrong - 1, 16)))
        finally:
            address.waiting -= 1

    def _address(self, network: str) -> _Address:
        now = time.monotonic()
        address = self._addresses.setdefault(network, _Address())
        if now - address.at > _FORGIVEN:
            address.wrong = 0
        address.at = now
        self._addresses.move_to_end(network)
        while len(self._addresses) > _REMEMBERED:
            self._addresses.popitem(last=False)
        return address


def _unauthorized(message: str, hint: str) -> Problem:
    return Problem(401, message, hint, {"WWW-Authenticate": f'ApiKey header="{HEADER}"'})


def _network(remote: str) -> str:
    """One customer has a whole /64 of IPv6 addresses."""
    try:
        address = ip_address(remote.partition("%")[0])
    except ValueError:
        return remote
    if isinstance(address, IPv6Address):
        return str(IPv6Address(int(address) >> _NETWORK << _NETWORK))
    return remote
