"""The way of a party to others where it is a platform of its own: to those that it is registered at."""

import asyncio
from uuid import uuid4

from hub.core.catalogue import WITHOUT_INTERFACES
from hub.core.directory import Platform, Secret, State
from hub.core.headers import routing
from hub.core.modules import Interface
from hub.core.party import Party
from hub.core.paths import origin
from hub.errors import InvalidParameters, NoMatchingEndpoints, ReceiverNotConnected, ReceiverTimeout, RoutingError
from hub.partners.calls import JSON, opening
from hub.partners.directory import DirectoryKeeper
from hub.plugin.party.network import Heard
from hub.plugin.party.offer import Offer
from hub.upstream import Client, Fault, Request, SendError, split_url


class PartnerNetwork:
    """Speaks in the name of one party. `root` is its own URL of all versions, `timeout` seconds for a request."""

    def __init__(self, keeper: DirectoryKeeper, client: Client, offer: Offer, root: str, timeout: float) -> None:
        self._keeper = keeper
        self._client = client
        self._offer = offer
        self._root = root
        self._timeout = timeout

    @property
    def root(self) -> str:
        """Where the party itself is reached, in its version."""
        return f"{self._root}/{self._offer.version}"

    @property
    def partners(self) -> list[Platform]:
        """The platforms that can be called."""
        everybody = self._keeper.current.platforms.values()
        return [each for each in everybody if each.state is State.REGISTERED and each.authorization is not None]

    def endpoint(self, module: str, interface: Interface, to: Party | None) -> str:
        """The URL of a module at the platform that leads to a party: its own, else a hub, else the only one."""
        partner = self._towards(to)
        url = partner.endpoints.get((module, interface))
        if url is None and self._offer.version in WITHOUT_INTERFACES:
            url = next((url for (name, _), url in partner.endpoints.items() if name == module), None)
        if url is None:
            raise NoMatchingEndpoints(f"{partner.name} offers no {module} {interface} in OCPI {partner.version}")
        return url

    def check(self, url: str) -> None:
        """InvalidParameters where a URL can not be called, or leads to none of the partners."""
        try:
            split_url(url)
        except SendError as error:
            raise InvalidParameters(f"response_url: {error}") from None
        self._whose(url)

    async def send(self, method: str, url: str, *, to: Party | None, body: bytes, seconds: float | None) -> Heard:
        """One request. A URL that leads to none of the partners is not called: no token is for others."""
        partner, authorization = self._whose(url)
        own = self._offer.party
        routed = routing(own, to) if to else routing(own, own)[:2]
        request = Request(
            method=method,
            url=url,
            headers=(
                *opening(authorization),
                *(() if self._offer.version in WITHOUT_INTERFACES else routed),
                *(JSON if body else ()),
            ),
            body=body,
            pool=partner.id,
            deadline=asyncio.get_running_loop().time() + min(self._timeout, seconds or self._timeout),
        )
        try:
            response = await self._client.send(request)
        except SendError as error:
            raise _told(error, partner) from None
        headers = {name: ", ".join(response.headers.getall(name)) for name, _ in response.headers.items()}
        return Heard(response.status, headers, response.body)

    def new_uid(self) -> str:
        """The last part of a `response_url`."""
        return str(uuid4())

    async def hand_on(self, uid: str, body: bytes) -> None:
        """There is nobody else who could wait for a result."""

    def _whose(self, url: str) -> tuple[Platform, Secret]:
        for each in self.partners:
            if each.authorization is not None and origin(url) in each.origins:
                return each, each.authorization
        raise InvalidParameters("the URL is not on a host that a partner of this platform has registered")

    def _towards(self, to: Party | None) -> Platform:
        partners = self.partners
        fit = [each for each in partners if to in each.parties] if to else []
        fit = fit or [each for each in partners if each.is_hub] or (partners if len(partners) == 1 else [])
        if not fit:
            who = str(to) if to else "whom this is for"
            raise ReceiverNotConnected(f"no partner leads to {who}; this platform is registered at {len(partners)}")
        return fit[0]


def _told(error: SendError, partner: Platform) -> ReceiverTimeout | ReceiverNotConnected | RoutingError:
    if error.fault is Fault.TIMEOUT and error.sent:
        return ReceiverTimeout(f"{partner.name}: {error}")
    if error.fault in (Fault.PROTOCOL, Fault.REDIRECT, Fault.REQUEST, Fault.TOO_LARGE, Fault.URL):
        return RoutingError(f"{partner.name}: {error}")
    return ReceiverNotConnected(f"{partner.name}: {error}")
