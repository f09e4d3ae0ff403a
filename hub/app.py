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
from hub.control import ControlServer
from hub.core.modules import CATALOGUE, Catalogue
from hub.core.party import Party
from hub.core.sealed import KEY_BYTES, Sealer
from hub.events import Bus
from hub.facade import HubFacade
from hub.flow.delivery import Deliverer
from hub.flow.http import HttpServer
from hub.flow.indirect import Indirect
from hub.flow.pipeline import Pipeline
from hub.flow.reader import Reader
from hub.flow.server import SEALED, OcpiServer, Timing, now
from hub.partners.access import Access
from hub.partners.directory import DirectoryKeeper
from hub.partners.operations import Partners
from hub.partners.registration import Identity, Registrar
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
        self._hub = Party.parse(config.hub.party)

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
        database = await Database.open(database_path)
        self._stack.push_async_callback(database.close)
        await upgrade(database)
        await check_key(database, self.keyring, key_path)
        self.keeper = DirectoryKeeper(database, self.keyring, self._hub)
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

    def __init__(self, config: Config, catalogue: Catalogue = CATALOGUE) -> None:
        self.config = config
        self.catalogue = catalogue
        self.bus = Bus()
        self.plugins: Runner
        self.partners: Partners
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
        self.plugins = Runner(Loader(self.config, plugin_folders(self.config), self.catalogue), self.bus)
        indirect = Indirect(
            Sealer(store.keyring.derive(b"sealed url", KEY_BYTES)), f"{self.url}/ocpi/{{version}}/{SEALED}/"
        )
        pipeline = Pipeline(self.plugins, Deliverer(client, indirect, self.bus), self.bus, now)
        registrar = Registrar(
            store.keeper, store.keyring, client, self.plugins, self.bus, self.catalogue,
            identity(self.config, self.url), self.config.limits.timeout,
        )  # fmt: skip
        self.partners = Partners(store.keeper, registrar.identity, self.catalogue, registrar)
        facade = HubFacade(self.catalogue, lambda: store.keeper.current, pipeline, self.config.limits.timeout)
        await self.plugins.start(facade)
        self._stack.push_async_callback(self.plugins.stop)
        await self._listen(listener, indirect, pipeline, registrar)
        control = ControlServer(self.config.data_folder / "hub.sock", self.partners)
        self._stack.push_async_callback(control.stop)
        await control.start()
        log.info("started", versions_url=self.versions_url, partners=len(self.keeper.records))

    async def _listen(
        self, listener: socket.socket, indirect: Indirect, pipeline: Pipeline, registrar: Registrar
    ) -> None:
        limits = self.config.limits
        access = Access()
        server = OcpiServer(
            self.catalogue, self.keeper, access, registrar,
            Reader(self.catalogue, access, indirect, lambda: self.keeper.current), pipeline, self.url,
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
    return Identity(Party.parse(config.hub.party), config.hub.name, config.hub.website, f"{url}/ocpi/versions")


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
