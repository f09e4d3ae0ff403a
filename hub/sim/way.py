"""The way out of a simulated party: through the client of its platform, to the one peer of that."""

from typing import TYPE_CHECKING
from uuid import uuid4

from hub.core.modules import Interface
from hub.core.party import Party
from hub.errors import ReceiverNotConnected
from hub.plugin.party.network import Heard
from hub.sim.client import CallFailed

if TYPE_CHECKING:
    from hub.sim.platform import SimPlatform


class Way:
    """The `network` of a party. A result goes out without routing headers, as many platforms send it."""

    def __init__(self, platform: "SimPlatform", party: Party) -> None:
        self._platform = platform
        self._party = party

    @property
    def root(self) -> str:
        """Where the party itself is reached."""
        return f"{self._platform.url}/ocpi/2.2.1"

    def endpoint(self, module: str, interface: Interface, to: Party | None) -> str:  # noqa: ARG002 - there is one peer
        """The URL of a module at the peer."""
        try:
            return self._platform.peer.endpoint(module, interface)
        except CallFailed as reason:
            raise ReceiverNotConnected(str(reason)) from None

    def check(self, url: str) -> None:
        """A simulated platform trusts its peer."""

    async def send(
        self,
        method: str,
        url: str,
        *,
        to: Party | None,
        body: bytes,
        seconds: float | None,  # noqa: ARG002 - the client has a timeout
    ) -> Heard:
        """One request."""
        try:
            receivers = [each for (_, side), each in self._platform.peer.endpoints.items() if side == "RECEIVER"]
            to, sender = (to, self._party) if url.startswith(tuple(receivers)) else (None, None)
            reply = await self._platform.call_url(method, url, to=to, sender=sender, body=body or None)
        except CallFailed as reason:
            raise ReceiverNotConnected(str(reason)) from None
        return Heard(reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.body)

    def new_uid(self) -> str:
        """The last part of a `response_url`."""
        return str(uuid4())

    async def hand_on(self, uid: str, body: bytes) -> None:
        """There is nobody else who could wait for a result."""
