"""The client: takes a request to the right connection, once, and brings the answer back before the deadline."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import msgspec

from hub.core.urls import HOSTED, is_inside
from hub.upstream.connection import Connection, Done
from hub.upstream.dial import Dialer, tls_context
from hub.upstream.echo import without, without_token
from hub.upstream.guard import Guard
from hub.upstream.local import Locals
from hub.upstream.pool import Pool
from hub.upstream.redirects import is_redirect, redirect_error, target_within
from hub.upstream.request import Fault, Limits, Request, Response, SendError, seconds
from hub.upstream.resolver import Lookup, Resolver, system_lookup
from hub.upstream.ticker import Ticker
from hub.upstream.url import Origin, split_url
from hub.upstream.volley import Aimed, Push
from hub.upstream.wire import aim, encode, without_line

_DEADLINE_TICK = 0.05
_IDLE_TICK = 1.0


class PoolStats(msgspec.Struct, frozen=True):
    """Connections of one pool."""

    in_use: int
    idle: int


class Held(msgspec.Struct, frozen=True, eq=False):
    """A request that is ready to go out, and the connection that is held for it. Made by `Client.hold`."""

    request: Request
    origin: Origin
    target: str
    payload: bytes
    pool: Pool
    connection: Connection
    started: float


class Client:
    """Sends requests. Made in a running loop and used in that loop only. `locals` are the platforms inside the hub."""

    def __init__(
        self,
        limits: Limits,
        guard: Guard,
        ssl_context: ssl.SSLContext | None = None,
        resolve: Lookup = system_lookup,
    ) -> None:
        """`resolve` is called in threads of the client's own and may block."""
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._resolve = resolve
        self._dialer = Dialer(limits, guard, ssl_context or tls_context(), Resolver(limits, resolve))
        self.locals = Locals()
        self._pools: dict[str | int, Pool] = {}
        self._connections: set[Connection] = set()
        self._busy: set[Connection] = set()
        self._outdated: set[Connection] = set()
        self._dials: set[asyncio.Timeout] = set()
        self._deadlines = Ticker(_DEADLINE_TICK, self._expire)
        self._reaper = Ticker(_IDLE_TICK, self._reap)
        self._closed = False

    def reconfigure(self, limits: Limits, guard: Guard, ssl_context: ssl.SSLContext) -> None:
        """Other bounds from now on. Connections that are open carry the request they have to its end, and no other.

        Where the bounds are what they were, everything stays.
        """
        if self._dialer.follows(limits, guard, ssl_context):
            return
        self._limits = limits
        self._dialer = Dialer(limits, guard, ssl_context, Resolver(limits, self._resolve))
        self._outdated |= self._busy
        for pool in self._pools.values():
            pool.reconfigure(limits)

    def check(self, url: str) -> None:
        """SendError URL or FORBIDDEN where a partner's URL will not be called, as far as is known without a look-up."""
        origin, _ = split_url(url)
        if is_inside(origin.host):
            raise SendError(Fault.FORBIDDEN, f"{origin.host} is a name inside the hub, which no partner is at")
        if origin.literal:
            self._dialer.check(origin.host)

    async def send(self, request: Request) -> Response:
        """The partner's answer to `request`, or SendError. A push is sent once at most, whatever happens.

        A GET is sent a second time when a kept-alive connection was closed before a byte of the answer. A 307 or
        308 within the origin is followed once; every other redirect is SendError(REDIRECT). Without `follow` a redirect
        is an answer like any other.
        """
        origin, target = aim(request)
        started = self._loop.time()
        if self._closed:
            raise _stopping(sent=False)
        if request.deadline <= started:
            raise SendError(Fault.TIMEOUT, f"no time was left to send the request to {origin.authority}")
        if origin.host.endswith(HOSTED):
            return await self.locals.send(origin.host, without_line(request), self._limits)
        pool = self._pools.get(request.pool) or self._new_pool(request.pool)
        pool.enter(request.sender)
        try:
            response = without_token(request, await self._deliver(pool, request, origin, target, started))
            if response.status >= 300:
                response = await self._followed(pool, request, origin, started, response)
            return response
        finally:
            pool.leave(request.sender)

    def hold(self, request: Request) -> Held | None:
        """Hold a connection that can carry a request at once; None where there is none. `begin`, or let it go.

        SendError where the request can not be written.
        """
        origin, target = aim(request)
        pool, started = self._pools.get(request.pool), self._loop.time()
        if pool is None or self._closed or request.deadline <= started or origin.host.endswith(HOSTED):
            return None
        payload = encode(request, origin, target)
        connection = pool.hold(origin, started, request.sender, push=request.method != "GET")
        if connection is None:
            return None
        return Held(request, origin, target, payload, pool, connection, started)

    def begin(self, held: Held, done: Done) -> None:
        """Send what is held. `done` is called once, with the answer or with what went wrong; then give it to `end`."""
        request = held.request
        self._exchange(held.connection, held.payload, request.most(self._limits), held.started, request.deadline, done)

    def end(self, held: Held, outcome: Response | SendError) -> Response | SendError | None:
        """What came of a request: its answer, or what went wrong. None where only `resume` can tell."""
        self._busy.discard(held.connection)
        if isinstance(outcome, SendError):
            if _is_lost(held.request, held.connection, outcome):
                return None
        else:
            self._put(held.pool, held.connection)
            outcome = without_token(held.request, outcome)
            if outcome.status >= 300 and held.request.follow and is_redirect(outcome):
                return None
        held.pool.leave(held.request.sender)
        return outcome

    async def resume(self, held: Held, outcome: Response | SendError) -> Response:
        """The partner's answer, or SendError, where `end` gave none: a GET is sent again, a redirect followed."""
        request, pool, origin, started = held.request, held.pool, held.origin, held.started
        try:
            if isinstance(outcome, SendError):
                outcome = await self._deliver(pool, request, origin, held.target, started, again=True)
            return await self._followed(pool, request, origin, started, without_token(request, outcome))
        finally:
            pool.leave(request.sender)

    def let_go(self, held: Held, *, sent: bool) -> None:
        """Nobody wants the answer any more, or, where nothing was sent, nothing is to be sent."""
        self._busy.discard(held.connection)
        if sent:
            held.connection.abort()
        else:
            held.pool.give_back(held.connection)
        held.pool.leave(held.request.sender)

    def push(self, push: Push, aimed: Aimed, request_id: str, done: Done) -> bool:
        """Send a push that many get to one of them; whether there is a connection that can carry it at once.

        `done` is called once, with the answer or with what went wrong; never before this has returned. An answer that
        is a redirect can be given to `follow`.
        """
        pool, started = self._pools.get(aimed.pool), self._loop.time()
        if pool is None or self._closed or push.deadline <= started:
            return False
        connection = pool.hold(aimed.origin, started, push.sender, push=True)
        if connection is None:
            return False
        ended = partial(self._pushed, pool, connection, push.sender, aimed.forms, done)
        most = min(push.max_body, self._limits.max_body)
        self._exchange(connection, push.to(aimed, request_id), most, started, push.deadline, ended)
        return True

    async def follow(self, request: Request, response: Response) -> Response:
        """The answer to a request whose first answer is a redirect, or SendError: as `send`."""
        origin, _ = aim(request)
        pool = self._pools.get(request.pool) or self._new_pool(request.pool)
        with _already_sent():
            pool.enter(request.sender)
        try:
            return await self._followed(pool, request, origin, self._loop.time(), response)
        finally:
            pool.leave(request.sender)

    def drop(self, key: str | int) -> None:
        """Send nothing more on the connections of a pool. What was sent already is waited for; new requests go on."""
        if pool := self._pools.pop(key, None):
            pool.drop()

    async def close(self) -> None:
        """End every request with SendError(CLOSED) and close every connection. Does not wait for look-ups."""
        self._closed = True
        self._deadlines.stop()
        self._reaper.stop()
        for dial in self._dials:
            if not dial.expired():
                dial.reschedule(self._loop.time())
        for connection in tuple(self._busy):
            connection.fail(_stopping(sent=True))
        for connection in self._connections:
            connection.abort()
        if self._connections:
            await asyncio.wait([connection.lost for connection in self._connections])

    def stats(self) -> dict[str | int, PoolStats]:
        """The pools that hold a connection or did so just now."""
        return {key: PoolStats(pool.in_use, pool.idle) for key, pool in self._pools.items()}

    def _pushed(
        self,
        pool: Pool,
        connection: Connection,
        sender: int,
        forms: tuple[bytes, ...],
        done: Done,
        outcome: Response | SendError,
    ) -> None:
        self._busy.discard(connection)
        if isinstance(outcome, Response):
            self._put(pool, connection)
            outcome = without(forms, outcome)
        pool.leave(sender)
        done(outcome)

    async def _followed(
        self, pool: Pool, request: Request, origin: Origin, started: float, response: Response
    ) -> Response:
        """An answer, after a redirect to the same origin was followed."""
        if not (request.follow and is_redirect(response)):
            return response
        target = target_within(response, request.url, origin)
        with _already_sent():
            response = without_token(request, await self._deliver(pool, request, origin, target, started))
        if is_redirect(response):
            raise redirect_error(response, origin, "again")
        return response

    async def _deliver(
        self, pool: Pool, request: Request, origin: Origin, target: str, started: float, *, again: bool = False
    ) -> Response:
        """One answer. `again`: it was sent before, on a connection that was lost."""
        payload = encode(request, origin, target)
        last = again or request.method != "GET"
        connection = None if again else pool.take(origin, started, push=last)
        while True:
            if connection is None:
                last = True
                try:
                    connection = await self._open(pool, origin, started, request.deadline)
                except SendError as error:
                    error.sent = error.sent or again
                    raise
            answer: asyncio.Future[Response | SendError] = self._loop.create_future()
            most, told = request.most(self._limits), partial(_tell, answer)
            self._exchange(connection, payload, most, started, request.deadline, told)
            try:
                outcome = await answer
            except asyncio.CancelledError:
                connection.abort()
                raise
            finally:
                self._busy.discard(connection)
            if isinstance(outcome, Response):
                self._put(pool, connection)
                return outcome
            outcome.sent = outcome.sent or again
            if last or not _is_lost(request, connection, outcome):
                try:
                    raise outcome
                finally:
                    del outcome  # by its traceback, it would hold itself, and the request with it
            connection, again = None, True

    def _exchange(
        self, connection: Connection, payload: bytes, most: int, started: float, deadline: float, done: Done
    ) -> None:
        """Write a request to a connection, which is busy until its answer, or its deadline."""
        if not self._busy:
            self._deadlines.wake()
        self._busy.add(connection)
        connection.exchange(payload, most, started, deadline, done)

    def _put(self, pool: Pool, connection: Connection) -> None:
        """Keep a connection whose answer is there, if it can carry another request."""
        if connection.reusable and not self._closed and not pool.dropped and connection not in self._outdated:
            pool.put(connection, self._loop.time())
        else:
            connection.abort()

    async def _open(self, pool: Pool, origin: Origin, started: float, deadline: float) -> Connection:
        pool.make_room()
        clock = asyncio.timeout_at(deadline)
        self._dials.add(clock)
        try:
            async with clock:
                connection = await self._dialer.dial(origin, pool)
        except TimeoutError:
            if self._closed:
                raise _stopping(sent=False) from None
            text = f"no connection to {origin.authority} within {seconds(deadline - started)}"
            raise SendError(Fault.TIMEOUT, text) from None
        finally:
            self._dials.discard(clock)
        self._connections.add(connection)
        connection.lost.add_done_callback(partial(self._forget, pool, connection))
        if self._closed:
            connection.abort()
            raise _stopping(sent=False)
        if pool.dropped:
            connection.abort()
            raise SendError(Fault.CLOSED, f"{origin.authority} was shut out before the connection was there")
        return connection

    def _new_pool(self, key: str | int) -> Pool:
        pool = self._pools[key] = Pool(self._limits)
        self._reaper.wake()
        return pool

    def _forget(self, pool: Pool, connection: Connection, _lost: asyncio.Future[None]) -> None:
        self._connections.discard(connection)
        self._outdated.discard(connection)
        pool.forget(connection)

    def _expire(self) -> bool:
        now = self._loop.time()
        for connection in tuple(self._busy):
            if connection.deadline <= now:
                connection.expire()
        return bool(self._busy)

    def _reap(self) -> bool:
        now = self._loop.time()
        for key, pool in list(self._pools.items()):
            pool.reap(now)
            if not pool.in_use and not pool.idle:
                del self._pools[key]
        return bool(self._pools)


@contextmanager
def _already_sent() -> Iterator[None]:
    """Whatever fails in here fails after the request was sent before."""
    try:
        yield
    except SendError as error:
        error.sent = True
        raise


def _stopping(*, sent: bool) -> SendError:
    return SendError(Fault.CLOSED, "the hub is stopping", sent=sent)


def _tell(waiter: "asyncio.Future[Response | SendError]", outcome: Response | SendError) -> None:
    """The error is a result too: nobody may be left to take it, and an exception would then be logged as lost."""
    if not waiter.done():  # the caller was cancelled
        waiter.set_result(outcome)


def _is_lost(request: Request, connection: Connection, error: SendError) -> bool:
    """Whether a connection was lost before a byte of the answer to what may be asked again."""
    return request.method == "GET" and error.fault is Fault.RESET and not connection.answered
