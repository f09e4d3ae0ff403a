"""A platform that is one party: wired from the hub's own parts, without what routes."""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self, cast

import msgspec
import structlog
from aiohttp import web

from hub.app import CLOSING
from hub.config import Config
from hub.core.addresses import Proxies
from hub.core.directory import Secret, State
from hub.core.message import Message, Reply
from hub.core.modules import Catalogue
from hub.core.party import Party
from hub.core.sealed import KEY_BYTES, Sealer
from hub.errors import OcpiError, ReceiverTimeout, ServerError
from hub.events import Bus, Registered
from hub.flow.drain import Drain
from hub.flow.http import HttpServer
from hub.flow.indirect import Indirect
from hub.flow.limits import Gate
from hub.flow.numbers import Numbers
from hub.flow.outgoing import open_client
from hub.flow.reader import Reader
from hub.flow.server import SEALED, OcpiServer
from hub.flow.settings import http_options, timing
from hub.listener import Tls, bind, listen, open_tls
from hub.ocpi.check import Finding, describe
from hub.partners.access import Access
from hub.partners.opening import Store
from hub.partners.operations import Invitation, Partners
from hub.partners.registration import Registrar
from hub.platform.identity import PartyIdentity
from hub.platform.loading import OneFile
from hub.platform.network import PartnerNetwork
from hub.plugin.parts import Parts
from hub.plugin.party.base import Call, Caller, PartyPlugin
from hub.plugin.party.desk import Desk, refusal
from hub.plugin.party.offer import Offer
from hub.plugin.runner import Runner
from hub.plugin.running import Running
from hub.store.plugins import PluginStores
from hub.upstream import Client
from hub.upstream.outside import Outside

log = structlog.get_logger()

LOCK_PATIENCE = 2.0


class PlatformApp:
    """A platform: `async with PlatformApp(config, file) as app`. Its configuration is one of `platform_config`."""

    def __init__(self, config: Config, file: Path) -> None:
        self.config = config
        self.bus = Bus()
        self._loader = OneFile(config, file)
        self.plugins = Runner(self._loader, self.bus)
        self.url: str
        self.partners: Partners
        self._registrar: Registrar
        self._client: Client
        self._store: Store
        self._reader: Reader
        self._server: OcpiServer
        self._desk: Desk
        self._tls: Tls | None
        self._stack = AsyncExitStack()

    @property
    def offer(self) -> Offer:
        """Who it is, and what it offers."""
        return self._desk.offer

    @property
    def plugin(self) -> PartyPlugin[Any]:
        """The instance that answers."""
        return self._desk.plugin

    @property
    def versions_url(self) -> str:
        """Where partners begin."""
        return f"{self.url}/ocpi/versions"

    @property
    def registered(self) -> list[str]:
        """The names of the platforms that it is connected to."""
        return [each.name for each in self._store.keeper.current.platforms.values() if each.state is State.REGISTERED]

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def knows(self, versions_url: str) -> bool:
        """Whether it is registered at the platform with this versions URL."""
        return any(each.versions_url == versions_url for each in self._store.keeper.records.values())

    async def register(self, name: str, versions_url: str, token_a: Secret, parties: Sequence[str] = ()) -> None:
        """Register at a hub or another platform, unless that was done before. OcpiError says what went wrong.

        `parties` are its own, with their roles; for OCPI 2.1.1, which does not tell them, they are needed.
        """
        if self.knows(versions_url):
            return
        if self._state(name) is State.INVITED:  # the other side has ended what was before
            await self.partners.remove(name)
        await self.partners.connect(name, versions_url, token_a, parties)

    async def invite(self, name: str, parties: Sequence[str]) -> Invitation | None:
        """A TOKEN_A, with which another platform can register here; None where it is registered already."""
        match self._state(name):
            case None:
                return await self.partners.invite(name, parties)
            case State.INVITED:
                return await self.partners.invite_again(name)
        return None

    def _state(self, name: str) -> State | None:
        return next((each.state for each in self._store.keeper.records.values() if each.name == name), None)

    def clash(self, stem: str, offer: Offer) -> str | None:  # noqa: ARG002 - there is one plugin
        """Why a changed file can not be taken over while the platform runs."""
        before = getattr(self, "_desk", None)
        if before and (before.offer.party, before.offer.roles, before.offer.version) != (
            offer.party, offer.roles, offer.version,
        ):  # fmt: skip
            return "its party, roles and version stay what they are while it runs; start it again for that"
        return None

    async def begin(self, running: Mapping[str, Running]) -> None:
        """The plugin has started."""
        for stem, each in running.items():
            await self.changed(stem, each)

    async def changed(self, stem: str, running: Running | None) -> None:  # noqa: ARG002
        """Answer with this plugin from now on."""
        if running is None or running.loaded.offer is None:
            log.warning("file_gone", outcome="the platform goes on with what it has read")
            return
        offer, plugin = running.loaded.offer, cast("PartyPlugin[Any]", running.plugin)
        root = f"{self.url}/ocpi"
        plugin.network = PartnerNetwork(self._store.keeper, self._client, offer, root, self.config.limits.timeout)
        self._desk = Desk(
            offer, plugin, running.container, running.faults, root, self.config.routing.page_limit, _left_out
        )
        self._reader.offer(offer.catalogue)
        self._server.offer(offer.catalogue)
        if self.registered:
            plugin.spawn(plugin.connected(), name="connected")

    async def handle(self, message: Message) -> Reply:
        """The party's answer to a request."""
        desk = self._desk
        if desk.aside:
            return refusal(ServerError("this party is set aside after too many faults; tell its operator"))
        caller = Caller(message.sender, message.receiver, message.request_id, message.correlation_id)
        call = Call(
            operation=message.operation,
            segments=message.segments,
            query=message.query,
            body=message.body,
            caller=caller,
            deadline=message.deadline,
        )
        try:
            return await desk.answer(call)
        except ReceiverTimeout as error:
            return refusal(ServerError(error.message))

    async def _start(self) -> None:
        catalogue = await self.plugins.load()
        offer, config = self._loader.offer, self.config
        hub = msgspec.structs.replace(config.hub, party=offer.party.id, name=offer.name)
        config = self.config = msgspec.structs.replace(config, hub=hub)
        store = self._store = await self._stack.enter_async_context(Store(config, LOCK_PATIENCE))
        self._tls = open_tls(config)
        if self._tls:
            self._tls.start()
            self._stack.push_async_callback(self._tls.stop)
        listener = bind(config)
        self._stack.callback(listener.close)
        self.url = config.listen.base_url(listener.getsockname()[1])
        await self.bus.start()
        self._stack.push_async_callback(self.bus.stop)
        self._client = open_client(config)
        self._stack.push_async_callback(self._client.close)
        self._stack.push_async_callback(self.plugins.stop)
        identity = PartyIdentity(offer.party, offer.name, offer.website, self.versions_url, roles=offer.roles)
        spoken = Catalogue.of(row for row in catalogue.operations() if row.version == offer.version)
        self._registrar = Registrar(
            store.keeper, store.keyring, self._client, self.plugins, self.bus, spoken, identity, config.limits.timeout
        )
        self.partners = Partners(store.keeper, identity, spoken, self._registrar)
        http = self._http(offer, store)
        parts = Parts(http=partial(Outside, self._client), store=PluginStores(store.database).of)
        await self.plugins.start(NoHub(offer.party), parts, self)
        self.bus.subscribe(self._registered, Registered, name="platform")
        await self._listen(http, listener)
        log.info("started", versions_url=self.versions_url, party=str(offer.party), partners=len(self.registered))

    def _http(self, offer: Offer, store: Store) -> HttpServer:
        config, access, numbers = self.config, Access(), Numbers()
        sealer = Sealer(store.keyring.derive(b"sealed url", KEY_BYTES))
        indirect = Indirect(sealer, f"{self.url}/ocpi/{{version}}/{SEALED}/")
        self._reader = Reader(
            offer.catalogue, access, indirect, lambda: store.keeper.current, numbers, believes_hubs=True
        )
        gate = Gate(config.partner_limits, self.bus, asyncio.get_running_loop().time)
        self._server = OcpiServer(
            offer.catalogue, store.keeper, access, self._registrar, self._reader, self, None, gate, lambda _: None,
            self.url, config.routing.page_limit, timing(config), Proxies(config.listen.trusted_proxies),
            self.bus, numbers,
        )  # fmt: skip
        return HttpServer(
            self._server.handle, self._server.answer, access_log=None, auto_decompress=False, **http_options(config)
        )

    async def _listen(self, http: HttpServer, listener: socket.socket) -> None:
        runner = web.ServerRunner(http, shutdown_timeout=CLOSING)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        listening = await listen(http, listener, self.config, self._tls)
        self._stack.push_async_callback(Drain(http, self._server, listening, self.config.limits.drain).run)

    async def _registered(self, _: Registered) -> None:
        plugin = self._desk.plugin
        plugin.spawn(plugin.connected(), name="connected")


class NoHub:
    """`self.hub` of a plugin that no hub hosts."""

    def __init__(self, party: Party) -> None:
        self.party = party

    def parties(self) -> Mapping[Party, Any]:
        """Nobody."""
        return {}

    async def send(self, *_given: Any, **_named: Any) -> NoReturn:
        """Not here."""
        raise OcpiError("there is no hub here; speak with `self.call` and `self.push_...`")

    ask = told = held = nearby = token_owners = send

    def offers(self, *_given: Any) -> bool:
        """Nobody offers anything."""
        return False


def _left_out(kind: str, findings: Sequence[Finding]) -> None:
    log.info("findings", kind=kind, first=describe(findings, 1))
