"""The credentials handshake of a simulated platform, as Sender and as Receiver (OCPI 2.2.1, credentials)."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

import msgspec

from hub.core.directory import Secret
from hub.core.modules import Interface
from hub.core.party import Party, PartyRole
from hub.errors import (
    CannotUseApi,
    InvalidParameters,
    MethodNotAllowed,
    NoMatchingEndpoints,
    UnsupportedVersion,
)  # fmt: skip
from hub.sim.client import CallFailed, Client, succeeded
from hub.sim.messages import HUB_CLIENT_INFO, Answer, Json, SimRequest

T = TypeVar("T")


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """The other side of the connection. `token` is the one to call it with."""

    version: str
    versions_url: str
    token: Secret
    parties: tuple[Party, ...]
    endpoints: Mapping[tuple[str, Interface], str]

    def endpoint(self, module: str, interface: Interface) -> str:
        """The URL that the other side advertises; CallFailed where it has none."""
        try:
            return self.endpoints[module, interface]
        except KeyError:
            raise CallFailed(f"the other side has no {module} {interface} interface") from None


class Found(msgspec.Struct, frozen=True):
    """What the other side's versions and details say."""

    version: str
    endpoints: Mapping[tuple[str, Interface], str]
    credentials_url: str


class _Role(msgspec.Struct):
    role: str
    party_id: str
    country_code: str


class _Credentials(msgspec.Struct):
    token: str
    url: str
    roles: Annotated[list[_Role], msgspec.Meta(min_length=1)]


class _Version(msgspec.Struct):
    version: str
    url: str


class _Endpoint(msgspec.Struct):
    identifier: str
    role: str
    url: str


class _Details(msgspec.Struct):
    version: str
    endpoints: list[_Endpoint]


class Connection:
    """The one connection of a platform: the tokens that open it, and the peer on the other side."""

    def __init__(self, name: str, roles: Sequence[PartyRole], versions: Sequence[str], client: Client) -> None:
        self.versions_url = ""
        self._name = name
        self._roles = roles
        self._versions = versions
        self._client = client
        self._invites: set[str] = set()
        self._open: set[str] = set()
        self._peer: Peer | None = None

    @property
    def peer(self) -> Peer:
        """The other side. CallFailed before registration."""
        if self._peer is None:
            raise CallFailed(f"{self._name} is not registered anywhere; call register() or let a hub register here")
        return self._peer

    @property
    def registered(self) -> bool:
        return self._peer is not None

    def invite(self) -> str:
        """A new TOKEN_A."""
        token = _new_token()
        self._invites.add(token)
        return token

    def invited(self, token: str | None) -> bool:
        return token in self._invites

    def opens(self, token: str | None) -> bool:
        """Whether a token opens everything."""
        return token in self._open

    async def register(self, versions_url: str, token_a: str) -> None:
        """As Sender: GET versions, GET details, POST credentials. Refused or CallFailed where that does not work."""
        await self._exchange("POST", versions_url, Secret(token_a))

    async def renew(self) -> None:
        """As Sender: new tokens both ways, and both sides fetch the other's endpoints again."""
        await self._exchange("PUT", self.peer.versions_url, self.peer.token)

    async def unregister(self) -> None:
        """As Sender: DELETE. Nothing is open any more, either way."""
        url = self.peer.endpoint("credentials", Interface.SENDER)
        succeeded(await self._client.request("DELETE", url, self.peer.token), "DELETE credentials")
        self._close()

    async def receive(self, request: SimRequest, token: str) -> Answer:
        """As Receiver: one request on the credentials endpoint, made with `token`."""
        allowed = ("GET", "PUT", "DELETE") if self.opens(token) else ("GET", "POST")
        if request.method not in allowed:
            state = "registered" if self.opens(token) else "not registered"
            raise MethodNotAllowed(f"{request.method} credentials is not possible, you are {state}", allowed)
        if request.method == "GET":
            return Answer(data=self._credentials(token))
        if request.method == "DELETE":
            self._close()
            return Answer()
        theirs = _read(request.json(), _Credentials, "body")
        found = await self._call_back(theirs, request.version)
        fresh = _new_token()
        self._peer = _peer(theirs, found)
        self._open = {fresh}
        self._invites.discard(token)
        return Answer(data=self._credentials(fresh))

    async def _exchange(self, method: str, versions_url: str, token: Secret) -> None:
        found = await self._discover(versions_url, token, self._versions)
        fresh = _new_token()
        self._open.add(fresh)
        try:
            reply = await self._client.request(method, found.credentials_url, token, body=self._credentials(fresh))
            theirs = _read(succeeded(reply, f"{method} credentials").data, _Credentials, "credentials")
            self._peer = _peer(theirs, found)
        except Exception:
            self._open.discard(fresh)
            raise
        self._open = {fresh}

    async def _call_back(self, theirs: _Credentials, version: str) -> Found:
        try:
            return await self._discover(theirs.url, Secret(theirs.token), (version,))
        except (CallFailed, InvalidParameters) as reason:
            raise CannotUseApi(f"your versions and details could not be used: {reason}") from None

    async def _discover(self, versions_url: str, token: Secret, speaks: Sequence[str]) -> Found:
        listed = succeeded(await self._client.request("GET", versions_url, token), "GET versions")
        urls = {each.version: each.url for each in _read(listed.data, list[_Version], "versions")}
        version = max((each for each in speaks if each in urls), key=_order, default=None)
        if version is None:
            raise UnsupportedVersion(f"OCPI {', '.join(urls) or '-'} is offered, needed is {', '.join(speaks)}")
        told = succeeded(await self._client.request("GET", urls[version], token), "GET version details")
        return _found(version, _read(told.data, _Details, "version details"))

    def _credentials(self, token: str) -> Json:
        roles = [
            {
                "role": each.role, "country_code": each.party.country, "party_id": each.party.party_id,
                "business_details": {"name": self._name},
            }
            for each in self._roles
        ]  # fmt: skip
        return {"token": token, "url": self.versions_url, "roles": roles}

    def _close(self) -> None:
        self._open = set()
        self._peer = None


def _found(version: str, details: _Details) -> Found:
    endpoints: dict[tuple[str, Interface], str] = {}
    for each in details.endpoints:
        # The role of the credentials endpoint means nothing, so it is always filed as SENDER.
        role = "SENDER" if each.identifier == "credentials" else each.role
        if role in Interface.__members__:
            endpoints[each.identifier, Interface(role)] = each.url
    credentials_url = endpoints.get(("credentials", Interface.SENDER))
    if credentials_url is None or not {module for module, _ in endpoints} - {"credentials", HUB_CLIENT_INFO}:
        raise NoMatchingEndpoints("version details need the credentials endpoint and one functional module at least")
    return Found(version, endpoints, credentials_url)


def _peer(theirs: _Credentials, found: Found) -> Peer:
    return Peer(
        version=found.version,
        versions_url=theirs.url,
        token=Secret(theirs.token),
        parties=tuple(_party(each) for each in theirs.roles),
        endpoints=found.endpoints,
    )


def _party(role: _Role) -> Party:
    try:
        return Party.of(role.country_code, role.party_id)
    except ValueError as reason:
        raise InvalidParameters(f"credentials: {reason}") from None


def _read(value: Any, shape: type[T], where: str) -> T:
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as reason:
        raise InvalidParameters(f"{where}: {reason}") from None


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _new_token() -> str:
    return secrets.token_urlsafe(32)
