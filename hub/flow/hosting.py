"""Parties inside the hub: messages reach them as they reach everybody, but for the socket; and so do theirs others.

The client hands over what goes to such a platform. What it sends itself is read and routed as if it had come in.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import cast
from urllib.parse import unquote, urlsplit

import msgspec
import structlog

from hub.background import background
from hub.core.directory import Encoding, Platform, Secret, State, TokenKind
from hub.core.headers import RequestHeaders, read
from hub.core.message import Reply
from hub.core.modules import Interface
from hub.core.party import Party
from hub.core.paths import segments
from hub.core.urls import endpoint_path, hosted_root
from hub.errors import OcpiError, ReceiverNotConnected, ReceiverTimeout, Unauthorized
from hub.events import Bus, Found
from hub.flow.certifying import CERTIFY, Inbox
from hub.flow.clock import now
from hub.flow.limits import Gate
from hub.flow.pipeline import Pipeline
from hub.flow.reader import Reader
from hub.flow.results import waited_for_by, who_waits
from hub.ids import new_id
from hub.nodes.node import Node
from hub.nodes.relay import Relay, short
from hub.ocpi import envelope
from hub.ocpi.check import Finding
from hub.ocpi.handshake import Version
from hub.partners.access import Caller as Authenticated
from hub.partners.directory import DirectoryKeeper
from hub.partners.hosted import HostedParties, Standing
from hub.partners.tokens import authorization
from hub.plugin.contain import Fault
from hub.plugin.errors import PluginError, problem
from hub.plugin.party.base import Call, Caller, PartyPlugin
from hub.plugin.party.desk import Desk, refusal
from hub.plugin.party.network import Heard
from hub.plugin.party.offer import Offer
from hub.plugin.running import Running
from hub.store.errors import StoreError
from hub.upstream import Client, Headers, Request, Response, SendError
from hub.upstream import Fault as SendFault

log = structlog.get_logger()

SEALED = "sealed"
_RESULT = "party result"
_NOT_HERE = "party not here"
_LOOK = 30.0
"""Seconds between two looks for parties that no node hosts any more."""


class Settings(msgspec.Struct, frozen=True):
    """Seconds for a message of a party, and the most objects of one page."""

    timeout: float
    page_limit: int


class Hosting:
    """Gives plugins that are parties their place: in the directory, at the client, and a way to speak.

    `url` is the hub's own, without a slash; `seen` is told of each message of such a platform.
    """

    def __init__(
        self,
        keeper: DirectoryKeeper,
        parties: HostedParties,
        client: Client,
        reader: Reader,
        pipeline: Pipeline,
        gate: Gate,
        bus: Bus,
        seen: Callable[[int], None],
        url: str,
        settings: Settings,
        inbox: Inbox,
        relay: Relay,
        node: Node,
    ) -> None:
        self.keeper = keeper
        self.reader = reader
        self.pipeline = pipeline
        self.gate = gate
        self.seen = seen
        self.url = url
        self.settings = settings
        self.inbox = inbox
        self._parties = parties
        self._client = client
        self._bus = bus
        self._hosts: dict[str, str] = {}
        self._hosted: dict[str, PartyPlugin] = {}
        self.relay = relay
        self._node = node
        self._left: frozenset[str] = frozenset()
        self._task: asyncio.Task[None] | None = None
        relay.on(_RESULT, self._handed)
        relay.on(_NOT_HERE, lambda told: told.decode() not in self._hosted)

    def reconfigure(self, settings: Settings) -> None:
        """Other seconds from the next message on; another page size for plugins that start."""
        self.settings = settings

    def clash(self, stem: str, offer: Offer) -> str | None:
        """Why a party can not be had; None where it can."""
        return self._parties.clash(stem, offer.party)

    async def begin(self, running: Mapping[str, Running]) -> None:
        """These are all parties there are. Raises PluginError with all that can not be had."""
        await self._parties.keep(running)
        problems = []
        for stem, each in running.items():
            try:
                await self._stand(stem, each)
            except (OcpiError, StoreError) as error:
                problems.append(problem(each.loaded.path, None, str(error)))
        if problems:
            raise PluginError(problems)
        if self._node.shared:
            self._task = background(self._tidy(), "hosting")

    async def stop(self) -> None:
        """Look no more after what nobody hosts."""
        if self._task:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(_LOOK)
            try:
                await self.tidy()
            except (OcpiError, StoreError) as error:
                log.warning("hosted_party_not_removed", plugin="", reason=str(error))

    async def tidy(self) -> None:
        """The node that leads removes parties of which all others say, for some time, that their plugin is gone."""
        left = frozenset(self._parties.left(self._hosted)) if self._node.leads() else frozenset()
        gone = frozenset([stem for stem in left if await self._nowhere(stem)])
        for stem in gone & self._left:  # twice in a row: a node that begins hosts before it is seen, one restarts
            await self._parties.leave(stem)
        self._left = gone

    async def _nowhere(self, stem: str) -> bool:
        """All other nodes say that they do not host it."""
        there = [short(each.id) for each in await self._node.roster()]
        others = [each for each in there if each != self.relay.own]
        return all([await self.relay.hand(each, _NOT_HERE, stem.encode()) for each in others])

    async def changed(self, stem: str, running: Running | None) -> None:
        """A plugin is a party from now on, in the place of what it was before; None: it is none any more."""
        before = self._hosts.pop(stem, None)
        self._hosted.pop(stem, None)
        try:
            if running is None:
                await self._parties.leave(stem)
            else:
                await self._stand(stem, running)
        except (OcpiError, StoreError) as error:
            if running is None:
                log.warning("hosted_party_not_removed", plugin=stem, reason=str(error))
            else:  # it runs, and nobody can reach it: that is told as a fault of its own
                running.faults.failed("party", Fault("raised", str(error)))
        if before is not None and before != self._hosts.get(stem):
            self._client.locals.unmount(before)

    async def _stand(self, stem: str, running: Running) -> None:
        offer = running.loaded.offer
        if offer is None:
            return
        root = hosted_root(stem, offer.party)
        endpoints = {
            (module, side): f"{root}/{endpoint_path(offer.version, side, module)}" for module, side in offer.endpoints()
        }
        plugin = cast("PartyPlugin", running.plugin)
        plugin.network = HubNetwork(self, stem, offer, root)
        self._hosted[stem] = plugin
        desk = Desk(
            offer, plugin, running.container, running.faults, root, self.settings.page_limit,
            partial(self._found, offer.party),
        )  # fmt: skip
        # It answers before the directory says so, and by the same token as ever: no message is lost.
        token = self._parties.token(stem, offer.party)
        host = urlsplit(root).netloc
        self._client.locals.mount(host, HostedPlatform(desk, token).answer)
        self._hosts[stem] = host
        details = offer.name, offer.website
        await self._parties.stand(stem, Standing(offer.party, offer.roles, offer.version, endpoints, details))
        plugin.spawn(plugin.connected(), name="connected")

    def _handed(self, told: bytes) -> bool:
        """Another node got a result that a party here may wait for."""
        stem, uid, result = msgspec.msgpack.decode(told, type=tuple[str, str, bytes])
        plugin = self._hosted.get(stem)
        return plugin is not None and plugin.take_result(uid, result)

    def _found(self, party: Party, kind: str, findings: Sequence[Finding]) -> None:
        platform = self.keeper.current.parties.get(party)
        if platform is not None:
            self._bus.publish(
                Found(
                    platform_id=platform.id,
                    platform=platform.name,
                    kind=kind,
                    findings=tuple(findings),
                    exchange=0,
                )
            )


class HostedPlatform:
    """A party as the client sees it: requests come in, answers go out."""

    def __init__(self, desk: Desk, token: Secret) -> None:
        self._desk = desk
        self._expected = authorization(token, Encoding.RAW).reveal()
        self._path = urlsplit(desk.root).path

    async def answer(self, request: Request) -> Response:
        """The answer. SendError where there is none, as of a platform that is away or does not answer in time."""
        if self._desk.aside:
            raise SendError(SendFault.CONNECT, f"{self._desk.offer.party} is set aside after too many faults")
        try:
            reply = await self._reply(request)
        except ReceiverTimeout as error:
            raise SendError(SendFault.TIMEOUT, error.message, sent=True) from None
        except OcpiError as error:
            reply = refusal(error)
        fields = [(name.lower().encode(), value.encode()) for name, value in reply.headers]
        return Response(reply.status, Headers(fields), reply.body)

    async def _reply(self, request: Request) -> Reply:
        headers = read((name.encode(), value.encode()) for name, value in request.headers)
        if headers.authorization != self._expected:
            raise Unauthorized("this party takes messages from the hub only")
        target = urlsplit(request.url)
        version, *path = segments(target.path.removeprefix(self._path))
        if version == "versions":
            offered = [Version(self._desk.offer.version, f"{self._desk.root}/{self._desk.offer.version}")]
            return Reply(status=200, body=envelope.encode(now(), data=offered), ocpi_status=1000)
        operation, rest = self._desk.find(request.method, version, tuple(path))
        return await self._desk.answer(
            Call(
                operation=operation,
                segments=rest,
                query=target.query,
                body=request.body,
                caller=_caller(headers),
                deadline=request.deadline,
            )
        )


class HubNetwork:
    """The way of a hosted party to others: through the hub, as if its messages had come over HTTP."""

    def __init__(self, hosting: Hosting, stem: str, offer: Offer, root: str) -> None:
        self._hosting = hosting
        self._stem = stem
        self._offer = offer
        self._root = root
        self._prefix = f"{hosting.url}/ocpi/"

    @property
    def root(self) -> str:
        """Where the party itself is reached, in its version."""
        return f"{self._root}/{self._offer.version}"

    def endpoint(self, module: str, interface: Interface, to: Party | None) -> str:  # noqa: ARG002 - the hub has all
        """The hub's own endpoint."""
        return self._prefix + endpoint_path(self._offer.version, interface, module)

    def check(self, url: str) -> None:
        """Any URL that comes here was sealed by the hub."""

    async def send(self, method: str, url: str, *, to: Party | None, body: bytes, seconds: float | None) -> Heard:
        """One request, routed as any other. OcpiError where it never became a message."""
        hosting, headers = self._hosting, RequestHeaders(None, new_id(), new_id(), self._offer.party, to)
        caller = Authenticated(self._platform(), TokenKind.C, b"", Encoding.RAW)
        path, _, query = url.removeprefix(self._prefix).partition("?")
        version, _, rest = path.partition("/")
        if rest.startswith(f"{CERTIFY}/"):
            await hosting.inbox.take(method, rest.removeprefix(f"{CERTIFY}/"), body)
            return Heard(200, {}, envelope.encode(now()))
        meter = hosting.gate.enter(caller.platform)
        try:
            hosting.seen(caller.platform.id)
            if rest.startswith(f"{SEALED}/"):
                segment = unquote(rest.removeprefix(f"{SEALED}/")).rstrip("/")
                target, directory = hosting.reader.sealed(segment, method, headers, caller)
            else:
                target, directory = hosting.reader.target(version, rest, method, query, headers, caller)
            limit = min(hosting.settings.timeout, seconds or hosting.settings.timeout)
            deadline = asyncio.get_running_loop().time() + limit
            message = hosting.reader.message(target, directory, body if target.operation.has_body else b"", deadline)
            reply = await hosting.pipeline.handle(message)
        finally:
            meter.leave()
        return Heard(reply.status, {name.lower(): value for name, value in reply.headers}, reply.body)

    def new_uid(self) -> str:
        """The last part of a `response_url`: it says which node waits."""
        return waited_for_by(self._hosting.relay.own)

    async def hand_on(self, uid: str, body: bytes) -> None:
        """Tell the node that waits for a result. Raises NotTold."""
        told = msgspec.msgpack.encode((self._stem, uid, body))
        await self._hosting.relay.hand(who_waits(uid), _RESULT, told)

    def _platform(self) -> Platform:
        platform = self._hosting.keeper.current.parties.get(self._offer.party)
        if platform is None:
            raise ReceiverNotConnected(f"{self._offer.party} is no party of this hub any more")
        if platform.state is State.SUSPENDED:
            raise Unauthorized(f"{self._offer.party} is suspended by the hub's operator")
        return platform


def _caller(headers: RequestHeaders) -> Caller:
    return Caller(headers.claimed, headers.receiver, headers.request_id or "", headers.correlation_id or "")
