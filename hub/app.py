"""The only place where the parts are wired together; start and stop order."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from socket import gethostname
from types import TracebackType
from typing import Self

import structlog
from aiohttp import web

from hub import __version__
from hub.admin.health import Health
from hub.admin.opening import admin_listener, admin_socket, url_of
from hub.admin.server import AdminServer
from hub.config import Config
from hub.control import ControlServer, Operations
from hub.core.addresses import Proxies
from hub.core.modules import Catalogue
from hub.core.sealed import KEY_BYTES, Sealer
from hub.dashboard.opening import open_dashboard
from hub.events import Bus
from hub.facade import HubFacade
from hub.flow.certifying import Certifier, Inbox
from hub.flow.clock import now
from hub.flow.drain import Drain
from hub.flow.elsewhere import Elsewhere
from hub.flow.explain import Explainer
from hub.flow.hosting import Hosting
from hub.flow.http import HttpServer
from hub.flow.indirect import Indirect
from hub.flow.journal import Journal
from hub.flow.limits import Gate
from hub.flow.numbers import Numbers
from hub.flow.outgoing import file_problems, follow_client, open_client
from hub.flow.overview import Overview, Sources
from hub.flow.pipeline import Pipeline
from hub.flow.pulse import Pulse
from hub.flow.reader import Reader
from hub.flow.reload import Read, Reloader
from hub.flow.server import SEALED, OcpiServer
from hub.flow.settings import hosting_settings, http_options, identity, timing
from hub.flow.short import ShortWay
from hub.flow.tally import Tally
from hub.flow.validation import Mode, Validator
from hub.listener import CannotStart, Tls, bind, listen, open_tls
from hub.metrics import Gauges
from hub.nodes.likeness import Likeness
from hub.nodes.node import Node
from hub.nodes.of_plugins import KIND, PluginNodes
from hub.nodes.relay import Relay
from hub.partners.access import Access
from hub.partners.agreements import AgreementBook
from hub.partners.board import Board
from hub.partners.clientinfo import HubClientInfo
from hub.partners.counts import CountBook
from hub.partners.directory import DirectoryKeeper, now_ms
from hub.partners.hosted import HostedParties
from hub.partners.journal import JournalBook
from hub.partners.liveness import Liveness
from hub.partners.opening import Store
from hub.partners.operations import Partners
from hub.partners.registration import Registrar
from hub.plugin.loader import Loader
from hub.plugin.parts import Parts
from hub.plugin.runner import Runner
from hub.store.changes import Topic
from hub.store.plugins import PluginStores
from hub.telemetry import Telemetry, checked_telemetry
from hub.upstream import Client
from hub.upstream.outside import Outside
from hub.wiring import open_statuses, open_ways

log = structlog.get_logger()

CLOSING = 2.0
"""Seconds that connections get to close, when all requests are answered."""
LOCK_PATIENCE = 2.0
"""Seconds that a start waits for a command which has the store open for a moment."""


class App:
    """A hub: `async with App(config) as app` starts it, and stops it in the opposite order."""

    def __init__(self, config: Config, read: Read | None = None, *, apart: bool = False) -> None:
        """`read` reads the configuration again, for a reload; without it, it stays what it is.

        `apart`: the journal is written by a process of its own.
        """
        self._apart = apart
        self.bus = Bus()
        loader = Loader(config, plugin_folders(config))
        self.plugins = Runner(loader, self.bus)
        self.reloader = Reloader(config, read or (lambda: config), loader, plugin_folders, self.plugins, self.bus)
        self.numbers = Numbers()
        self.telemetry = Telemetry(self.bus)
        self.access = Access()
        self.catalogue: Catalogue
        self.partners: Partners
        self.operations: Operations
        self.keeper: DirectoryKeeper
        self.node: Node
        self.relay: Relay
        self.port: int
        self.url: str
        self.tls: Tls | None
        self.gate: Gate
        self.admin: AdminServer | None
        self.admin_url: str | None
        self._inbox: Inbox
        self._http: HttpServer | None = None
        self._stack = AsyncExitStack()

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.reloader.config

    @property
    def versions_url(self) -> str:
        """Where partners begin."""
        return f"{self.url}/ocpi/versions"

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

    async def _start(self) -> None:
        store = await self._stack.enter_async_context(Store(self.config, LOCK_PATIENCE, apart=self._apart))
        self.keeper = store.keeper
        self._node(store)
        listener, desk = self._sockets()
        self.gate = Gate(self.config.partner_limits, self.bus, asyncio.get_running_loop().time)
        self.reloader.follow(lambda new: self.gate.reconfigure(new.partner_limits))
        await self.bus.start()
        self._stack.push_async_callback(self.bus.stop)
        journal = await self._journal(store)
        await self._telemetry()
        client = self._client()
        follow = self.reloader.follow
        follow(self._follow_tls)
        self._stack.push_async_callback(self.plugins.stop)
        self.catalogue = await self.plugins.load()
        indirect = Indirect(
            Sealer(store.keyring.derive(b"sealed url", KEY_BYTES)), f"{self.url}/ocpi/{{version}}/{SEALED}/"
        )
        liveness, client_info, board = await open_statuses(
            self._stack, self.reloader, store, self.node, client, self.bus
        )
        ways, puller = await open_ways(
            self._stack, self.reloader, store, self.node, self.relay, client, indirect, liveness,
            self.catalogue, self.bus, self.gate, self.numbers, self.url,
        )  # fmt: skip
        validator, tally = self._checks(store)
        pipeline = Pipeline(self.plugins, ways, validator, self.bus, now)
        registrar = Registrar(
            store.keeper, store.keyring, client, self.plugins, self.bus, self.catalogue,
            identity(self.config, self.url), self.config.limits.timeout,
        )  # fmt: skip
        follow(lambda new: registrar.reconfigure(identity(new, self.url), new.limits.timeout))
        follow(lambda new: pipeline.reconfigure(new.routing.ask_timeout))
        self.partners = Partners(store.keeper, registrar.identity, self.catalogue, registrar)
        follow(lambda new: self.partners.reconfigure(identity(new, self.url)))
        agreements = AgreementBook(store.keeper, self.catalogue, client_info.agreements_changed)
        follow(lambda new: agreements.set_default(new.routing.agreements))
        counts = CountBook(store.database, store.keeper, self.config.routing.validation, tally.flush)
        follow(lambda new: counts.reconfigure(new.routing.validation))
        overview = self._overview(store, board, journal)
        self.operations = Operations(
            self.partners,
            agreements,
            counts,
            store.keys,
            Explainer(self.catalogue, pipeline, ways.bridging, validator, lambda: store.keeper.current),
            puller,
            board,
            ways.mirror,
            self.plugins,
            self.reloader,
            self._journal_book(store, overview, journal),
            overview,
            self._certifier(store, client),
            self.node.news,
        )
        reader = Reader(self.catalogue, self.access, indirect, lambda: store.keeper.current, self.numbers)
        facade = HubFacade(
            self.catalogue, lambda: store.keeper.current, pipeline, ways, self.config.limits.timeout, self.numbers
        )
        follow(lambda new: facade.reconfigure(new.limits.timeout))
        nodes = partial(PluginNodes, self.node, self.relay)
        parts = Parts(http=partial(Outside, client), store=PluginStores(store.database).of, nodes=nodes)
        await self.plugins.start(facade, parts, self._hosting(store, client, reader, pipeline, liveness))
        health = Health(store.database, store.keeper, self.node)
        # Before the listener for partners, so that it goes after that one, and tells of its end.
        admin = admin_listener(
            desk, self.operations, health, self.bus, self.catalogue, self.url,
            lambda doorman: open_dashboard(self.operations, doorman, store.database), self._gauges(overview),
        )  # fmt: skip
        self.admin = await self._stack.enter_async_context(admin)
        await self.node.start(now_ms())
        self.relay.start()
        await self._listen(listener, reader, pipeline, registrar, liveness, client_info)
        self._stack.enter_context(health.taking_messages())
        control = ControlServer(self.config.control_socket, self.operations)
        self._stack.push_async_callback(control.stop)
        await control.start()
        log.info("started", versions_url=self.versions_url, partners=len(self.keeper.records))

    def _sockets(self) -> tuple[socket.socket, Sequence[socket.socket]]:
        """Where partners and operators reach the hub. Early: a port in use is told before all else."""
        self.tls = open_tls(self.config)
        if self.tls:
            self.tls.start()
            self._stack.push_async_callback(self.tls.stop)
        listener = bind(self.config)
        self._stack.callback(listener.close)
        self.port = listener.getsockname()[1]
        self.url = self.config.listen.base_url(self.port)
        desk = self._stack.enter_context(admin_socket(self.config))
        self.admin_url = url_of(desk)
        return listener, desk

    def _node(self, store: Store) -> None:
        """Who this process is among those that share the store."""
        settings = self.config.node
        name = settings.name or gethostname()
        self.node = Node(store.database, store.follower, name, __version__, self.numbers.share, settings.alone)
        self._stack.push_async_callback(self.node.stop)
        self.relay = Relay(self.node.seat, store.database, store.keyring)
        self.relay.on(KIND, self.plugins.others.heard)
        store.follower.follow(Topic.PLUGIN, self.plugins.others.changed)
        self._stack.push_async_callback(self.relay.stop)
        self.reloader.follow(lambda new: self.node.reconfigure(new.node.alone))

    def _client(self) -> Client:
        """Who calls partners, and where results come back that the hub itself asked for."""
        self._inbox = Inbox(f"{self.url}/ocpi", self.relay)
        client = open_client(self.config)
        self._stack.push_async_callback(client.close)
        self.keeper.shut_out.append(client.drop)
        self.reloader.follow(partial(follow_client, client), file_problems)
        return client

    def _hosting(self, store: Store, client: Client, reader: Reader, pipeline: Pipeline, liveness: Liveness) -> Hosting:
        """Who gives plugins that are parties a place in the network."""
        parties = HostedParties(store.keeper, store.keyring, self.bus, self.node.has_others)
        hosting = Hosting(
            store.keeper, parties, client, reader, pipeline, self.gate, self.bus, liveness.seen, self.url,
            hosting_settings(self.config), self._inbox, self.relay, self.node,
        )  # fmt: skip
        self._stack.push_async_callback(hosting.stop)
        self.reloader.follow(lambda new: hosting.reconfigure(hosting_settings(new)))
        return hosting

    def _certifier(self, store: Store, client: Client) -> Certifier:
        """Who checks partners."""
        certifier = Certifier(store.keeper, client, self._inbox, self.config.limits.timeout)
        self._stack.push_async_callback(certifier.stop)
        self.reloader.follow(lambda new: certifier.reconfigure(new.limits.timeout))
        return certifier

    def _overview(self, store: Store, board: Board, journal: Journal | None) -> Overview:
        """Who says how the hub stands, to people and to other nodes."""
        likeness = Likeness(store.keyring.derive(b"likeness", KEY_BYTES))
        pulse = Pulse(self.bus)
        pulse.start()
        return Overview(
            Sources(
                keeper=self.keeper,
                board=board,
                pulse=pulse,
                gate=self.gate,
                plugins=self.plugins,
                folder=self.config.data_folder,
                store=self.config.database_name,
                versions_url=self.versions_url,
                certificate_ends=lambda: self.tls.expires if self.tls else None,
                rows_lost=lambda: journal.lost if journal else 0,
                connections=lambda: len(self._http.connections) if self._http else 0,
                tables=lambda: likeness.tables(self.config),
                node=self.node,
            )
        )

    async def _journal(self, store: Store) -> Journal | None:
        """Who keeps what passes, where that is wanted."""
        settings = self.config.journal
        if not settings.enabled:
            return None
        journal = Journal(
            store.database, self.bus, self.numbers, self.node.leads,
            days=settings.days, rows=settings.rows, sums_days=settings.sums_days,
        )  # fmt: skip
        self.reloader.follow(lambda new: journal.reconfigure(new.journal.days, new.journal.rows, new.journal.sums_days))
        await journal.start()
        self._stack.push_async_callback(journal.stop)
        store.follower.follow(Topic.CAPTURE, journal.follow_captures)
        return journal

    def _journal_book(self, store: Store, overview: Overview, journal: Journal | None) -> JournalBook:
        """Who shows what is kept, of all nodes."""
        if journal is None:
            return JournalBook(store.database, store.keeper)
        elsewhere = Elsewhere(store.database, overview.known_nodes, journal.show)
        self._stack.push_async_callback(elsewhere.stop)
        return JournalBook(store.database, store.keeper, journal, elsewhere.watch)

    def _gauges(self, overview: Overview) -> Gauges:
        """What Prometheus is told of the parts that only this file has."""
        return Gauges(
            spans_lost=lambda: self.telemetry.lost,
            connections=lambda: len(self._http.connections) if self._http else 0,
            certificate_ends=lambda: self.tls.expires if self.tls else None,
            nodes=overview.count,
            leads=self.node.leads,
            without_store=lambda: self.node.without_store_for,
        )

    async def _telemetry(self) -> None:
        """Who tells a collector of OpenTelemetry, where that is wanted."""
        for problem in checked_telemetry(self.config):
            raise CannotStart(problem)
        await self.telemetry.follow(self.config)
        self._stack.push_async_callback(self.telemetry.stop)
        self.reloader.follow(self.telemetry.follow, checked_telemetry)

    def _checks(self, store: Store) -> tuple[Validator, Tally]:
        """Who looks whether objects are as OCPI says, and who counts those that are not."""
        validator = Validator(self.bus, Mode(self.config.routing.validation), lambda: store.keeper.current)
        validator.start()
        self.reloader.follow(lambda new: validator.reconfigure(Mode(new.routing.validation)))
        tally = Tally(store.database, self.bus, lambda: store.keeper.current)
        tally.start()
        self._stack.push_async_callback(tally.stop)
        return validator, tally

    async def _listen(
        self,
        listener: socket.socket,
        reader: Reader,
        pipeline: Pipeline,
        registrar: Registrar,
        liveness: Liveness,
        client_info: HubClientInfo,
    ) -> None:
        follow = self.reloader.follow
        server = OcpiServer(
            self.catalogue, self.keeper, self.access, registrar, reader, pipeline, client_info,
            self.gate, liveness.seen, self.url, self.config.routing.page_limit, timing(self.config),
            Proxies(self.config.listen.trusted_proxies), self.bus, self.numbers, self._inbox, self.node.news,
            lambda: self.node.cut_off,
        )  # fmt: skip
        follow(lambda new: server.reconfigure(new.routing.page_limit, timing(new), Proxies(new.listen.trusted_proxies)))
        self.keeper.shut_out += (server.shut_out, self.gate.forget)
        _settle_traces(server, self.config)
        follow(partial(_settle_traces, server))
        http = self._http = HttpServer(
            server.handle, server.answer, access_log=None, auto_decompress=False, **http_options(self.config)
        )
        follow(lambda new: http.reconfigure(**http_options(new)))
        way = ShortWay(server.front(), pipeline)
        server.shorten(way)
        http.at_once = way.begin
        runner = web.ServerRunner(http, shutdown_timeout=CLOSING)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        listening = await listen(http, listener, self.config, self.tls)
        drain = Drain(http, server, listening, self.config.limits.drain)
        self._stack.push_async_callback(drain.run)
        follow(lambda new: drain.reconfigure(new.limits.drain))

    def _follow_tls(self, config: Config) -> None:
        if self.tls:
            self.tls.reload(config.tls_files)


def _settle_traces(server: OcpiServer, config: Config) -> None:
    server.trace(on=config.telemetry.enabled and config.telemetry.accept_traceparent)


def plugin_folders(config: Config) -> list[Path]:
    """Where plugins come from."""
    return [config.plugins_folder]
