"""A connection that answers its requests one after the other, each in a task of its own that lasts no longer.

aiohttp reads the requests; what it does around each answer is done here in a tenth of the calls.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Any, Protocol, cast

from aiohttp import StreamReader, web
from aiohttp.http_writer import HttpVersion
from aiohttp.web_protocol import ERROR, RequestHandler, _ErrInfo

from hub.listener.alike import Shapes, shape_of
from hub.listener.patience import PatientProtocol
from hub.listener.request import Request


class Answer(Protocol):
    """An answer. `close`: it is the last one on its connection."""

    close: bool

    def encode(self, method: str, version: HttpVersion, *, keep_alive: bool) -> bytes:
        """The bytes of an answer to a request of this method and version. Raises ValueError where there are none."""


Handle = Callable[[Request], Awaitable[Answer]]


class Walk(Protocol):
    """What answers a request without a task: it calls `Connection.answered`, unless it is cancelled before."""

    def cancel(self) -> object:
        """End it; there is no answer."""


AtOnce = Callable[[Request], Walk | None]
"""Begins to answer a request without a task, where that can be."""


def _never_at_once(_: Request) -> None:
    return None


class Site(web.Server):
    """Who answers: aiohttp's low-level server, with these connections. `handle` and `at_once` raise nothing.

    `patience` is seconds until the first request, `write_patience` seconds until an answer is taken.
    """

    def __init__(self, handle: Handle, *, patience: float, write_patience: float, **options: Any) -> None:
        super().__init__(_never, **options)
        self.handle = handle
        self.at_once: AtOnce = _never_at_once
        self.patience = patience
        self.write_patience = write_patience
        self.context = copy_context()

    def __call__(self) -> RequestHandler:
        """A protocol for a new connection."""
        return Connection(self, loop=self._loop, **self._kwargs)

    @property
    def busy(self) -> int:
        """Connections with a request that is not answered yet."""
        return sum(cast("Connection", each).busy for each in self.connections)

    @abstractmethod
    def failed(self, error: Exception) -> Answer:
        """The answer where `handle` failed all the same; the last one on its connection."""

    @abstractmethod
    def unreadable(self, error: BaseException) -> Answer:
        """The answer to what is no HTTP; the last one on its connection."""


class Connection(PatientProtocol):
    """One connection of a partner. `remote` is the address at its other end."""

    __slots__ = ("_due", "_over", "_serving", "_shapes", "_site", "remote")

    def __init__(self, site: Site, **options: Any) -> None:
        super().__init__(site, patience=site.patience, write_patience=site.write_patience, **options)
        self._site = site
        self._serving: asyncio.Task[None] | Walk | None = None
        self._over: asyncio.Future[None] | None = None
        self.remote: str | None = None
        self._shapes = Shapes()
        self._due: int | None = 0
        """Bytes that the parser wants until it is between two requests; None where that is not known any more."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it was made in."""
        return self._loop

    @property
    def has_next(self) -> bool:
        """Whether a request waits behind the one that is being answered."""
        return bool(self._messages)

    @property
    def busy(self) -> bool:
        """Whether a request is being answered, or waits for it."""
        return self._request_in_progress or bool(self._messages)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take it, and note who is at the other end."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.remote = peer[0] if isinstance(peer, (list, tuple)) else peer

    async def start(self) -> None:
        """Nothing: aiohttp has a task here for as long as a connection lasts."""

    def data_received(self, data: bytes) -> None:
        """Take what came, and answer it where nothing else is being answered."""
        if self._due == 0 and self._serving is None and not (self._force_close or self._close):
            if (plain := self._shapes.read(data)) is not None:
                self._request_count += 1
                self._begin(Request.of(plain, self))
                return
            self._parse(data)
        else:
            if self._due is not None:
                self._due = self._due - len(data) if self._due >= len(data) else None
            super().data_received(data)
        if self._messages and self._serving is None:
            self._next()

    def _parse(self, data: bytes) -> None:
        """Have the parser read the beginning of a request. What it takes is known when it comes again."""
        found = None if self._shapes.hopeless else shape_of(data)
        self._due = found[1] - len(data) if found and found[1] >= len(data) else None
        super().data_received(data)
        if found and self._messages and not self._unreadable:
            self._shapes.keep(found[0])

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Read on, where reading was paused at all: aiohttp asks for it after every body."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 - aiohttp's signature
        """Wait for the request under way, and close."""
        self._force_close = True
        serving = self._serving
        if isinstance(serving, asyncio.Task):
            await asyncio.wait((serving,), timeout=timeout)
        elif serving is not None:
            self._over = self._loop.create_future()
            await asyncio.wait((self._over,), timeout=timeout)
        if self._serving is not None:
            self._serving.cancel()
        self.force_close()

    def answered(self, request: Request, answer: Answer) -> None:
        """Give the answer to a request that is answered without a task."""
        self._write(request, answer)
        if self._paused:
            self._serving = self._loop.create_task(self._taken())
        else:
            self._end()

    def give_up(self) -> None:
        """Close: a request that is answered without a task gets no answer."""
        self.force_close()
        self._end()

    async def _taken(self) -> None:
        """Wait until the answer is taken."""
        try:
            await self._drain_helper()
        except ConnectionError:
            self.force_close()
        finally:
            self._end()

    def _end(self) -> None:
        self._request_in_progress = False
        self._current_request = None
        if self._over is not None and not self._over.done():
            self._over.set_result(None)
        self._go_on()

    def _begin(self, request: Request) -> None:
        """Answer a request without a task, or else in one."""
        self._current_request = request  # type: ignore[assignment]
        self._request_in_progress = True
        walk = self._site.at_once(request)
        if walk is None:
            self._answer(request, None)
        elif self._request_in_progress:  # it may be over already
            self._serving = walk

    def _next(self) -> None:
        """Answer the next request, which is there."""
        if self._force_close:
            return
        message, content = self._messages.popleft()
        fault = message.exc if isinstance(message, _ErrInfo) else None
        self._answer(Request(ERROR if isinstance(message, _ErrInfo) else message, content, self), fault)
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused:
            self._make_room()

    def _answer(self, request: Request, fault: BaseException | None) -> None:
        # What one request leaves in its context is nothing to the next one.
        context = self._site.context.copy()
        request.task = self._loop.create_task(self._serve(request, fault), context=context)
        # aiohttp looks at these two when the connection is lost.
        self._serving = self._task_handler = request.task
        self._current_request = request  # type: ignore[assignment]
        self._request_in_progress = True

    def _make_room(self) -> None:
        """Read on, where reading was paused because too many requests waited."""
        if len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()

    async def _serve(self, request: Request, fault: BaseException | None) -> None:
        try:
            try:
                answer = self._site.unreadable(fault) if fault else await self._site.handle(request)
            except Exception as error:  # noqa: BLE001 - it is logged there
                answer = self._site.failed(error)
            if self._upgraded and not self._messages:
                self._decline_upgrade()
            self._write(request, answer)
            if self._paused:
                await self._drain_helper()
            self._request_in_progress = False
            if request.plain is None and not request.content.is_eof() and not self._force_close:
                await self._linger(request.content)
        except BaseException as error:
            self.force_close()
            if not isinstance(error, ConnectionError):
                raise
        finally:
            self._request_in_progress = False
            self._current_request = None
        self._go_on()

    def _write(self, request: Request, answer: Answer) -> None:
        if self.transport is None or self.transport.is_closing():
            self.force_close()
            return
        self._keepalive = request.keep_alive and not answer.close
        try:
            data = answer.encode(request.method, request.version, keep_alive=self._keepalive)
        except ValueError as error:
            self._keepalive = False
            data = self._site.failed(error).encode(request.method, request.version, keep_alive=False)
        self.transport.write(data)

    def _decline_upgrade(self) -> None:
        """Go on with HTTP behind a request for another protocol, which was answered as any other."""
        tail, self._message_tail = self._message_tail, b""
        self._upgraded = False
        if self._parser is not None:
            self._parser.set_upgraded(False)
        if tail:
            self.data_received(tail)
        if self._buffer_paused:
            self._make_room()

    async def _linger(self, content: StreamReader) -> None:
        """Read what nobody wants for a while, so that the answer gets through."""
        try:
            async with asyncio.timeout(self._lingering_time):
                while not content.is_eof():
                    await content.readany()
        except (TimeoutError, web.RequestPayloadError):
            self.close()

    def _go_on(self) -> None:
        """Answer the next request, wait for one, or close."""
        if self._force_close:
            return
        self._serving = self._task_handler = None
        if not self._keepalive or self._close:
            if self.transport is not None:
                self.transport.close()
            return
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)
        if self._messages:
            self._next()

    def _process_keepalive(self) -> None:
        """Close what nobody has asked anything on for long."""
        self._keepalive_handle = None
        if self._force_close or self._serving is not None:
            return
        if self._loop.time() < self._next_keepalive_close_time:
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)
            return
        self.force_close()


async def _never(_: web.BaseRequest) -> web.StreamResponse:
    """What aiohttp wants to have; a `Connection` asks its site."""
    raise NotImplementedError
