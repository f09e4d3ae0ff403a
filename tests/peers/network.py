"""A hub with foreign platforms and simulated ones registered at it, and what their tests ask again and again."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from hub.app import App
from hub.config import Upstream
from hub.core.directory import Platform
from hub.core.party import Party
from hub.flow.sync import Progress
from hub.sim import SimCpo, SimEmsp
from tests.peers.peer import Answer, Package, Peer, Process, Role, Version
from tests.support import CPO, EMSP, config, register

Begins = Literal["peer", "hub"]
HUB = Party("NL", "HUB")
LATER = "2025-01-02T00:00:00Z"


class Processes(Protocol):
    """The process of a package, role and version; one for all tests."""

    def __call__(self, package: Package, role: Role, version: Version = "2.2.1") -> Process: ...


class Network(msgspec.Struct):
    """A running hub, and who takes part. What is added is registered, and leaves with the test."""

    app: App
    stack: AsyncExitStack
    processes: Processes

    async def peer(
        self,
        package: Package,
        role: Role,
        *,
        begins: Begins = "peer",
        locations: int = 3,
        page: int = 50,
        driver: Party | None = None,
        version: Version = "2.2.1",
    ) -> Peer:
        """A peer; `begins` says who registers at whom. See Peer for the rest."""
        process = self.processes(package, role, version)
        peer = await self.stack.enter_async_context(Peer(process, locations=locations, page=page, driver=driver))
        await self.join(peer, begins)
        return peer

    async def join(self, peer: Peer, begins: Begins) -> None:
        """Register a peer. No package advertises the commands of a CPO: that endpoint is set by hand."""
        if begins == "peer":
            invitation = await self.app.partners.invite(peer.name, [peer.party_role])
            answer = await peer.register(invitation.versions_url, invitation.token_a)
            assert (answer.status, answer.code) == (200, 1000)
        else:
            await self.app.partners.connect(peer.name, peer.versions_url, peer.token_a, [peer.party_role])
        if peer.role == "CPO":
            await self.app.partners.set_endpoint(peer.name, "commands", "RECEIVER", peer.module_url("commands"))

    async def sim_cpo(self) -> SimCpo:
        """NL-CPO."""
        cpo = await self.stack.enter_async_context(SimCpo("Sim CPO", [CPO]))
        await register(self.app, cpo)
        return cpo

    async def sim_emsp(self) -> SimEmsp:
        """DE-MSP."""
        emsp = await self.stack.enter_async_context(SimEmsp("Sim eMSP", [EMSP]))
        await register(self.app, emsp)
        return emsp

    def platform(self, peer: Peer) -> Platform:
        return self.app.partners.find(peer.name)

    async def pull(self, peer: Peer) -> Progress:
        """Have the hub pull from a peer, to the end."""
        progress = self.app.operations.puller.begin(self.platform(peer))
        await until(lambda: progress.done)
        return progress

    def authorization(self, peer: Peer) -> str:
        """What the hub sends to a peer."""
        authorization = self.platform(peer).authorization
        assert authorization is not None
        return authorization.reveal()


@asynccontextmanager
async def opened(folder: Path, chain: Path, processes: Processes, **changes: Any) -> AsyncIterator[Network]:
    """A hub with nobody yet, which trusts the certificate of the peers. `changes` are to its configuration."""
    upstream = Upstream(allow_private=("127.0.0.0/8",), ca_file=str(chain))
    async with App(config(folder, upstream=upstream, **changes)) as app, AsyncExitStack() as stack:
        yield Network(app, stack, processes)


async def until(condition: Callable[[], Any], within: float = 20.0) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.02)


async def pages(
    peer: Peer, module: str, query: str = "", *, to: Party | None = None, sealed: bool = False
) -> list[list[str]]:
    """The ids on each page of a list, until there is no Link any more. `sealed`: Links have to be sealed ones."""
    answer = await peer.ask("GET", module, "SENDER", query, to=to)
    found = [answer.ids]
    while url := following(answer):
        assert ("/ocpi/2.2.1/sealed/" in url) is sealed
        answer = await peer.send("GET", url)
        found.append(answer.ids)
    return found


def following(answer: Answer) -> str | None:
    """The URL of the page after this one."""
    if "link" not in answer.headers:
        return None
    found = re.fullmatch(r'<(.+)>; rel="next"', answer.headers["link"])
    assert found, answer.headers["link"]
    return found[1]


def routing(headers: Any) -> list[str | None]:
    """Sender and receiver in the headers of a request or an answer."""
    names = ("from-country-code", "from-party-id", "to-country-code", "to-party-id")
    return [headers.get(f"ocpi-{name}") for name in names]


def parties(sender: Party, receiver: Party) -> list[str]:
    """The same, of two parties."""
    return [sender.country, sender.party_id, receiver.country, receiver.party_id]
