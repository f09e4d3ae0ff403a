"""A partner's server made of raw sockets, which answers byte for byte what a test says, and clients for it."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest
import uvloop

from hub.upstream import (
    Client,
    Fault,
    Guard,
    Limits,
    Lookup,
    Request,
    Response,
    SendError,
    system_lookup,
    tls_context,
)

LOOPBACK = ("127.0.0.0/8", "::1/128")


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The hub may run on either loop, and their transports are not the same."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@dataclass
class Received:
    """One request as the partner saw it; `raw` is its head."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    raw: bytes
    connection: int


Answer = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Partner:
    """A server that reads whole requests and does with each what `answer` does: bytes are written as they are.

    With `talk` it reads nothing, and leaves each connection to that.
    """

    answer: Answer | bytes
    talk: Talk | None = None
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    port: int = 0
    scheme: str = "http"
    host: str = "127.0.0.1"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        self.connections += 1
        number = self.connections
        self.writers.append(writer)
        await self._notify()
        try:
            if self.talk is not None:
                await self.talk(reader, writer)
                return
            while (request := await _read(reader, number)) is not None:
                self.requests.append(request)
                await self._notify()
                if isinstance(self.answer, bytes):
                    writer.write(self.answer)
                else:
                    await self.answer(request, writer)
                if writer.is_closing():
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self.tasks.discard(task)
            await self._notify()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for something that this server counts."""
        async with asyncio.timeout(5), self.changed:
            await self.changed.wait_for(true)

    async def _notify(self) -> None:
        async with self.changed:
            self.changed.notify_all()


async def _read(reader: asyncio.StreamReader, number: int) -> Received | None:
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = raw.decode("latin-1").split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(method, target, headers, body, raw, number)


class StartPartner(Protocol):
    async def __call__(
        self, answer: Answer | bytes = ..., *, tls: ssl.SSLContext | None = ..., talk: Talk | None = ...
    ) -> Partner: ...


class StartClient(Protocol):
    def __call__(
        self,
        *,
        allow: tuple[str, ...] = ...,
        tls: ssl.SSLContext | None = ...,
        resolve: Lookup = ...,
        **limits: Any,
    ) -> Client: ...


@pytest.fixture
async def partner() -> AsyncIterator[StartPartner]:
    """Start a partner's server on loopback."""
    servers: list[tuple[asyncio.Server, Partner]] = []

    async def start(
        answer: Answer | bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        *,
        tls: ssl.SSLContext | None = None,
        talk: Talk | None = None,
    ) -> Partner:
        made = Partner(answer, talk, scheme="https" if tls else "http")
        server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls)
        made.port = server.sockets[0].getsockname()[1]
        servers.append((server, made))
        return made

    yield start
    for server, made in servers:
        server.close()
        tasks = list(made.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in made.writers:
            # Debian's Python 3.11.2 can not abort a TLS transport that is closed already.
            with contextlib.suppress(AttributeError):
                writer.transport.abort()


@pytest.fixture(scope="session")
def default_tls() -> ssl.SSLContext:
    """Loading the system's authorities takes longer than most tests."""
    return tls_context()


@pytest.fixture
async def client(default_tls: ssl.SSLContext) -> AsyncIterator[StartClient]:
    """Make a client that may call loopback."""
    made: list[Client] = []

    def start(
        *,
        allow: tuple[str, ...] = LOOPBACK,
        tls: ssl.SSLContext | None = None,
        resolve: Lookup = system_lookup,
        **limits: Any,
    ) -> Client:
        made.append(Client(Limits(**limits), Guard(allow), tls or default_tls, resolve))
        return made[-1]

    yield start
    for each in made:
        async with asyncio.timeout(2):
            await each.close()


class Ask(Protocol):
    def __call__(
        self, where: Partner | str, path: str = ..., *, method: str = ..., within: float = ..., **more: Any
    ) -> Request: ...


@pytest.fixture
def ask() -> Ask:
    """Make a request to a partner, with a deadline of `within` seconds from now."""

    def make(
        where: Partner | str, path: str = "/x", *, method: str = "GET", within: float = 5.0, **more: Any
    ) -> Request:
        base = where if isinstance(where, str) else where.origin
        deadline = asyncio.get_running_loop().time() + within
        return Request(**({"method": method, "url": base + path, "pool": "p", "deadline": deadline} | more))

    return make


class Fails(Protocol):
    async def __call__(self, sending: Awaitable[Response], fault: Fault, *, sent: bool) -> str: ...


@pytest.fixture
def fails() -> Fails:
    """Await a send that has to fail in one way; the result is the error's text."""

    async def check(sending: Awaitable[Response], fault: Fault, *, sent: bool) -> str:
        with pytest.raises(SendError) as caught:
            await sending
        assert (caught.value.fault, caught.value.sent) == (fault, sent), str(caught.value)
        return str(caught.value)

    return check


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What a look-up of a test waits for; open at the end, so that no thread is left behind."""
    made = threading.Event()
    yield made
    made.set()
