"""The only place where the parts are wired together; start and stop order."""

import asyncio
import errno
import socket
import ssl
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import structlog
from aiohttp import web

from hub.config import Config
from hub.control import ControlServer, Operations
from hub.core.breaker import Policy
from hub.core.modules import Catalogue
from hub.core.party import Party
from hub.core.sealed import KEY_BYTES, Sealer
from hub.events import Bus
from hub.facade import HubFacade
from hub.flow.bridging import Bridging
from hub.flow.broadcast import Broadcaster
from hub.flow.clock import now
from hub.flow.collect import Collector
from hub.flow.delivery import Deliverer
from hub.flow.explain import Explainer
from hub.flow.http import HttpServer
from hub.flow.indirect import Indirect
from hub.flow.memory import Memory
from hub.flow.mirror import Mirror
from hub.flow.pipeline import Pipeline, Ways
from hub.flow.reader import Reader
from hub.flow.server import SEALED, OcpiServer, Timing
from hub.flow.sync import Puller
from hub.flow.sync import Settings as PullSettings
from hub.flow.tally import Tally
from hub.flow.validation import Mode, Validator
from hub.partners.access import Access
from hub.partners.agreements import AgreementBook
from hub.partners.clientinfo import HubClientInfo
from hub.partners.counts import CountBook
from hub.partners.credentials import Identity
from hub.partners.directory import DirectoryKeeper
from hub.partners.liveness import Liveness, Statuses
from hub.partners.operations import Partners
from hub.partners.registration import Registrar
from hub.plugin.loader import Loader
from hub.plugin.runner import Runner
from hub.store.crypto import Keyring, load_or_create_key
from hub.store.database import Database
from hub.store.errors import KeyFileMissing, StoreError, StoreLocked, StoreUnsuitable
from hub.store.files import private_folder
from hub.store.lock import FolderLock
from hub.store.meta import check_key
from hub.store.migrations import upgrade
from hub.upstream import Client, Guard, Limits, tls_context

log = structlog.get_logger()

DRAIN = 10.0
"""Seconds that messages under way get when the hub stops."""
LINGER = 2.0
DAY = 86_400.0
LOCK_PATIENCE = 2.0
"""Seconds that a start waits for a command which has the store open for a moment."""


class CannotStart(Exception):
    """The hub can not start; the text says why and what to do."""


class Store:
    """The store with its lock and its key: what the hub and an offline command both open.

    Raises StoreError; StoreLocked where another process still has it after `patience` seconds.
    """

    def __init__(self, config: Config, patience: float = 0.0) -> None:
        self._folder = config.data_folder
        self._patience = patience
        self._stack = AsyncExitStack()
        self.keeper: DirectoryKeeper
        self.keyring: Keyring
        self.database: Database
        self._hub = Party.parse(config.hub.party)
        self._agreed = config.routing.agreements == "open"

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException as error:
            await self._stack.aclose()
            if isinstance(error, OSError):
                where = error.filename or self._folder
                raise StoreUnsuitable(
                    f"{where}: {error.strerror}. The data folder has to be one that only the hub's own user writes to."
                ) from error
            raise
        return self

    async def _open(self) -> None:
        private_folder(self._folder)
        await self._lock()
        key_path, database_path = self._folder / "hub.key", self._folder / "hub.db"
        if database_path.exists() and not key_path.exists():
            raise KeyFileMissing(key_path, database_path)
        self.keyring = Keyring(load_or_create_key(key_path))
        self.database = await Database.open(database_path)
        self._stack.push_async_callback(self.database.close)
        await upgrade(self.database)
        await check_key(self.database, self.keyring, key_path)
        self.keeper = DirectoryKeeper(self.database, self.keyring, self._hub, agreed=self._agreed)
        await self.keeper.load()

    async def _lock(self) -> None:
        lock = FolderLock(self._folder / "hub.lock")
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience
        while True:
            try:
                lock.acquire()
                break
            except StoreLocked:
                if loop.time() >= until:
                    raise
            await asyncio.sleep(0.05)
        self._stack.callback(lock.release)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._stack.aclose()


class App:
    """A hub: `async with App(config) as app` starts it, and stops it in the opposite order."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.bus = Bus()
        self.catalogue: Catalogue
        self.plugins: Runner
        self.partners: Partners
        self.operations: Operations
        self.keeper: DirectoryKeeper
        self.url: str
        self._stack = AsyncExitStack()

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
        store = await self._stack.enter_async_context(Store(self.config, LOCK_PATIENCE))
        self.keeper = store.keeper
        listener = bind(self.config)
        self._stack.callback(listener.close)
        self.url = self.config.listen.base_url(listener.getsockname()[1])
        await self.bus.start()
        self._stack.push_async_callback(self.bus.stop)
        client = open_client(self.config)
        self._stack.push_async_callback(client.close)
        self.plugins = Runner(Loader(self.config, plugin_folders(self.config)), self.bus)
        self._stack.push_async_callback(self.plugins.stop)
        self.catalogue = await self.plugins.load()
        indirect = Indirect(
            Sealer(store.keyring.derive(b"sealed url", KEY_BYTES)), f"{self.url}/ocpi/{{version}}/{SEALED}/"
        )
        liveness, client_info = await self._statuses(store, client)
        ways, puller = await self._ways(store, client, indirect, liveness)
        validator, tally = self._checks(store)
        pipeline = Pipeline(self.plugins, ways, validator, self.bus, now)
        registrar = Registrar(
            store.keeper, store.keyring, client, self.plugins, self.bus, self.catalogue,
            identity(self.config, self.url), self.config.limits.timeout,
        )  # fmt: skip
        self.partners = Partners(store.keeper, registrar.identity, self.catalogue, registrar)
        self.operations = Operations(
            self.partners,
            AgreementBook(store.keeper, self.catalogue, client_info.agreements_changed),
            CountBook(store.database, store.keeper, self.config.routing.validation, tally.flush),
            Explainer(self.catalogue, pipeline, ways.bridging, validator, lambda: store.keeper.current),
            puller,
        )
        facade = HubFacade(self.catalogue, lambda: store.keeper.current, pipeline, self.config.limits.timeout)
        await self.plugins.start(facade)
        await self._listen(listener, indirect, pipeline, registrar, liveness, client_info)
        control = ControlServer(self.config.data_folder / "hub.sock", self.operations)
        self._stack.push_async_callback(control.stop)
        await control.start()
        log.info("started", versions_url=self.versions_url, partners=len(self.keeper.records))

    def _checks(self, store: Store) -> tuple[Validator, Tally]:
        """Who looks whether objects are as OCPI says, and who counts those that are not."""
        validator = Validator(self.bus, Mode(self.config.routing.validation), lambda: store.keeper.current)
        validator.start()
        tally = Tally(store.database, self.bus, lambda: store.keeper.current)
        tally.start()
        self._stack.push_async_callback(tally.stop)
        return validator, tally

    async def _statuses(self, store: Store, client: Client) -> tuple[Liveness, HubClientInfo]:
        """Who is there, and who is told."""
        settings = self.config.liveness
        statuses = await Statuses.load(store.database)
        liveness = Liveness(
            store.keeper, client, self.bus, statuses, Policy(idle=settings.idle), timeout=settings.probe_timeout
        )
        client_info = HubClientInfo(store.keeper, client, self.bus, statuses, liveness.report)
        await client_info.start()
        self._stack.push_async_callback(client_info.stop)
        await liveness.start()
        self._stack.push_async_callback(liveness.stop)
        return liveness, client_info

    async def _ways(self, store: Store, client: Client, indirect: Indirect, liveness: Liveness) -> tuple[Ways, Puller]:
        """What carries messages out."""
        routing, sync, limits = self.config.routing, self.config.sync, self.config.limits
        mirror = Mirror(store.database, routing.page_limit)
        bridging = Bridging(self.catalogue, mirror, store.database, show_owner=routing.show_owner)
        deliverer = Deliverer(client, indirect, bridging, self.bus, liveness.report)
        memory = Memory(store.database, mirror, self.bus, routing.hint_days * DAY)
        memory.start()
        self._stack.push_async_callback(memory.stop)
        broadcaster = Broadcaster(deliverer, routing.broadcast_at_once, routing.broadcasts)
        self._stack.push_async_callback(broadcaster.stop)
        puller = Puller(
            store.keeper, client, mirror, self.catalogue, self.bus,
            PullSettings(sync.interval, sync.splay, sync.pages, sync.timeout, sync.objects, limits.timeout),
        )  # fmt: skip
        if sync.enabled:
            await puller.start()
        self._stack.push_async_callback(puller.stop)
        collector = Collector(deliverer, routing.broadcast_at_once, routing.page_limit)
        ways = Ways(
            deliverer, broadcaster, collector, mirror, bridging, memory, routing.ask_timeout, f"{self.url}/ocpi"
        )
        return ways, puller

    async def _listen(
        self,
        listener: socket.socket,
        indirect: Indirect,
        pipeline: Pipeline,
        registrar: Registrar,
        liveness: Liveness,
        client_info: HubClientInfo,
    ) -> None:
        limits = self.config.limits
        access = Access()
        server = OcpiServer(
            self.catalogue, self.keeper, access, registrar,
            Reader(self.catalogue, access, indirect, lambda: self.keeper.current), pipeline, client_info,
            liveness.seen, self.url, self.config.routing.page_limit,
            Timing(limits.timeout, limits.slow_request, limits.request_body, limits.header_bytes),
        )  # fmt: skip
        http = HttpServer(
            server.handle,
            server.answer,
            patience=limits.slow_request,
            write_patience=limits.timeout,
            body_limit=limits.request_body,
            access_log=None,
            keepalive_timeout=limits.keepalive,
            max_line_size=limits.header_bytes,
            max_field_size=limits.header_bytes,
            lingering_time=min(LINGER, limits.slow_request),
            auto_decompress=False,
        )
        runner = web.ServerRunner(http, shutdown_timeout=DRAIN)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, listener, backlog=self.config.listen.backlog).start()


def bind(config: Config) -> socket.socket:
    """The listening socket. CannotStart says that the port is in use, or what else is wrong with the address."""
    host, port = config.listen.host, config.listen.port
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, proto)
    except (OSError, UnicodeError) as error:
        raise CannotStart(f"listen.host {host!r} is no address of this machine ({error}); use 127.0.0.1") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise CannotStart(_not_bound(host, port, error)) from None
    return listener


def _not_bound(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return f"listen.host {host!r} is no address of this machine; use 127.0.0.1, or 0.0.0.0 for all it has"
    another = f"OCPI_HUB__LISTEN__PORT={port + 1 if 1024 <= port < 65535 else 8000} ocpi-hub serve"
    if error.errno == errno.EACCES:
        return f"can not listen on port {port}: this user may not use ports below 1024. Choose another: {another}"
    return (
        f"can not listen on {host} port {port}: {error.strerror}. Stop what uses it, or choose another port: {another}"
    )


def open_client(config: Config) -> Client:
    """The hub's own client, with the limits of the configuration."""
    upstream = config.upstream
    return Client(
        Limits(
            connections=upstream.connections,
            idle=upstream.idle,
            connect_timeout=upstream.connect_timeout,
            dns_timeout=upstream.dns_timeout,
            max_body=config.limits.response_body,
        ),
        Guard(upstream.allow_private),
        open_tls(config),
    )


def open_tls(config: Config) -> ssl.SSLContext:
    """TLS towards partners. CannotStart where the file with authorities holds none."""
    try:
        return tls_context(config.ca_file)
    except (OSError, ssl.SSLError) as error:
        reason = f"ca_file: no certificates in PEM form can be read from {config.ca_file} ({error.strerror or error})"
        raise CannotStart(config.origin.problem(("upstream", "ca_file"), reason)) from None


def identity(config: Config, url: str) -> Identity:
    """Who the hub is, reached at `url`."""
    hub = config.hub
    return Identity(Party.parse(hub.party), hub.name, hub.website, f"{url}/ocpi/versions", hub.list_parties)


def plugin_folders(config: Config) -> list[Path]:
    """Where plugins come from."""
    return [config.plugins_folder]


class Findings(msgspec.Struct):
    """What a check found: all that keeps the hub from starting, and a note on what could not be checked.

    `in_use`: a hub (or another command) has the store open.
    """

    problems: list[str]
    note: str = ""
    in_use: bool = False


async def check(config: Config) -> Findings:
    """Load everything as a start does; start nothing, and make no file."""
    found = Findings(list(await asyncio.to_thread(Loader(config, plugin_folders(config)).check)))
    try:
        open_tls(config)
    except CannotStart as error:
        found.problems.append(str(error))
    folder = config.data_folder
    try:
        if (folder / "hub.db").exists():
            async with Store(config):
                pass
        elif folder.is_dir() or folder.parent.is_dir():
            found.note = f"There is no database in {folder} yet; the first start makes it."
        else:
            found.problems.append(f"There is no folder {folder.parent} to make {folder.name} in. Make it first.")
        bind(config).close()
    except StoreLocked as locked:
        found.in_use = True
        found.note = f"{folder} was left alone: {f'process {locked.pid}' if locked.pid else 'another process'} uses it."
    except (StoreError, CannotStart) as error:
        found.problems.append(str(error))
    return found
