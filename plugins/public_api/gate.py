"""Who may call: app keys, user tokens, and how often. What an address or a key asks for too often is not even read."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import IPv6Address, ip_address

import msgspec
from aiohttp import web

from hub.plugin import Problem
from hub.plugin.web import Access, Pace

from .people import Key, digest

FindUser = Callable[[bytes, str], Awaitable[str | None]]
"""The user that a token, of which this is the digest, opens in an app."""

_REMEMBERED = 10_000
_MINUTE = 60.0
_NETWORK = 64
_LONGEST = 200
_BEARER = "Bearer "

OPEN = Access("ticket")
READ = Access("read", ("key",))
CHARGE = Access("charge", ("key", "user"))
USERS = Access("users", ("key",))


class Who(msgspec.Struct, frozen=True):
    """Who calls: the app, and its user where the route is one of a user (else it is empty).

    `key` is the name of the app key, `token` the digest of the user's token.
    """

    app: str
    user: str = ""
    key: str = ""
    token: bytes = b""


class Paces:
    """A pace for each of many: the ones that were quiet the longest are forgotten."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._paces: OrderedDict[str, Pace] = OrderedDict()

    def check(self, name: str, what: str) -> None:
        """Count one more. Problem 429 where that is too much."""
        pace = self._paces.get(name)
        if pace is None:
            pace = self._paces[name] = Pace(self._rate, self._burst)
            if len(self._paces) > _REMEMBERED:
                self._paces.popitem(last=False)
        self._paces.move_to_end(name)
        if wait := pace.wait(time.monotonic()):
            raise Problem(429, what, "come back later", {"Retry-After": str(max(1, round(wait + 0.5)))})


class Gate:
    """Lets requests in."""

    def __init__(self, keys: float, addresses: float, wrong: int, burst: float) -> None:
        """Requests a second of a key and of an address, wrong keys of an address in a minute, seconds saved up."""
        self.keys: Mapping[bytes, Key] = {}
        self.refused = 0
        self._of_keys = Paces(keys, burst)
        self._of_addresses = Paces(addresses, burst)
        self._wrong = Paces(wrong / _MINUTE, _MINUTE)

    def greet(self, request: web.Request) -> None:
        """Count a request of an address, whatever it is. Problem 429."""
        try:
            self._of_addresses.check(network(request.remote or ""), "too many requests from your address")
        except Problem:
            self.refused += 1
            raise

    async def admit(self, request: web.Request, access: Access, find_user: FindUser) -> Who:
        """Who asks. Problem 401, 403 or 429."""
        try:
            return await self._admit(request, access, find_user)
        except Problem:
            self.refused += 1
            raise

    async def _admit(self, request: web.Request, access: Access, find_user: FindUser) -> Who:
        if not access.schemes:
            return Who("")
        address = network(request.remote or "")
        key = self._key(request, address)
        self._of_keys.check(key.name, "too many requests with this key")
        if access.name not in key.scopes:
            raise Problem(403, f"this needs a key of scope {access.name}", "the operator of the hub makes keys")
        if "user" not in access.schemes:
            return Who(key.app, key=key.name)
        token = _once(request, "Authorization")
        if token is None or not token.startswith(_BEARER):
            raise _unauthorized("this needs a user's token", "send it as Authorization: Bearer ...")
        kept = digest(token.removeprefix(_BEARER))
        user = await find_user(kept, key.app)
        if user is None:
            self._wrong.check(address, "too many wrong keys or tokens from your address")
            raise _unauthorized("this token opens nothing", "it was renewed, or is of another app")
        return Who(key.app, user, key.name, kept)

    def holds(self, key: str) -> bool:
        """Whether an app key of this name is still good."""
        return any(each.name == key and not _expired(each) for each in self.keys.values())

    def _key(self, request: web.Request, address: str) -> Key:
        given = _once(request, "X-Api-Key")
        if given is None:
            raise _unauthorized("this needs an app key", "send it in the header x-api-key")
        key = self.keys.get(digest(given))
        if key is None or _expired(key):
            self._wrong.check(address, "too many wrong keys or tokens from your address")
            raise _unauthorized("this key opens nothing", "it is wrong, expired or revoked")
        return key


def _expired(key: Key) -> bool:
    return key.expires is not None and key.expires < time.time() * 1000


def network(address: str) -> str:
    """One customer has a whole /64 of IPv6 addresses."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(IPv6Address(int(found) >> _NETWORK << _NETWORK)) if isinstance(found, IPv6Address) else address


def _once(request: web.Request, name: str) -> str | None:
    values = request.headers.getall(name, [])
    if len(values) > 1:
        raise Problem(400, f"header {name} came twice", "send it once")
    return values[0][:_LONGEST] if values else None


def _unauthorized(message: str, hint: str) -> Problem:
    return Problem(401, message, hint, {"WWW-Authenticate": 'ApiKey header="x-api-key"'})
