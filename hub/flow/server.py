"""The OCPI listener: HTTP requests to versions, details, credentials, modules and sealed URLs, and back.

OCPI 2.2.1, chapters 4, 6 and 7. Nothing but an OCPI envelope leaves here, and no inside of the hub with it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import urlsplit

import msgspec
import structlog

from hub.core.addresses import FORWARDED, Proxies
from hub.core.catalogue import WITHOUT_INTERFACES
from hub.core.directory import Directory, TokenKind
from hub.core.headers import (
    RequestHeaders,
    message_ids,
    read,
    told,
    traceparent,
)
from hub.core.modules import Catalogue
from hub.core.paging import PageQuery
from hub.core.paths import ocpi_parts, split_target
from hub.errors import (
    NotFound,
    OcpiError,
    ServerError,
    ShutOut,
    Stopping,
    Unauthorized,
    WithoutStore,
    bare,
)
from hub.events import Bus, Refused, Served
from hub.flow.away import told_of
from hub.flow.calls import Answering, Call, Timing, refused, served
from hub.flow.certifying import CERTIFY, Inbox
from hub.flow.clock import now
from hub.flow.http import check_framing, read_body
from hub.flow.limits import Gate
from hub.flow.numbers import Numbers
from hub.flow.own import CLIENT_INFO, OwnModules, ids_of, success
from hub.flow.reader import Reader, Target
from hub.flow.response import Response
from hub.flow.short import Front, ShortWay
from hub.flow.under_way import UnderWay
from hub.listener.request import Request
from hub.nodes.node import never, no_news
from hub.ocpi import envelope
from hub.partners.access import Access, Caller, check_functional
from hub.partners.clientinfo import HubClientInfo
from hub.partners.directory import DirectoryKeeper
from hub.partners.registration import Registrar
from hub.store.errors import StoreUnavailable

log = structlog.get_logger()

SEALED = "sealed"
_LAST = (408, 413, 503)
"""HTTP status codes after which a connection is of no more use."""
_BACK_IN = 5.0
"""Seconds after which a hub that stops may be there again: what a restart takes."""


_Aim = Callable[..., tuple[Target, Directory]]


class OcpiServer:
    """Handles every request of the OCPI listener. `base_url` is where partners reach the hub, without a slash.

    `client_info` and `inbox` are None where there is no hub, but one party: it has no others to tell of, or to check.
    `news` brings what is known of partners up to date with other nodes, `cut_off` says whether that is too old.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        keeper: DirectoryKeeper,
        access: Access,
        registrar: Registrar,
        reader: Reader,
        pipeline: Answering,
        client_info: HubClientInfo | None,
        gate: Gate,
        seen: Callable[[int], None],
        base_url: str,
        page_limit: int,
        timing: Timing,
        proxies: Proxies,
        bus: Bus,
        numbers: Numbers,
        inbox: Inbox | None = None,
        news: Callable[[], Awaitable[bool]] = no_news,
        cut_off: Callable[[], bool] = never,
    ) -> None:
        self._keeper = keeper
        self._access = access
        self._reader = reader
        self._pipeline = pipeline
        self._gate = gate
        self._seen = seen
        self._page_limit = page_limit
        self._own = OwnModules(catalogue, keeper, registrar, client_info, f"{base_url}/ocpi")
        self._prefix = urlsplit(base_url).path.rstrip("/")
        self._behind = f"{self._prefix}/ocpi/"
        self._timing = timing
        self._proxies = proxies
        self._bus = bus
        self._numbers = numbers
        self._news = news
        self._cut_off = cut_off
        self._inbox = inbox
        self._under_way = UnderWay()
        self._stopping = self._traced = False
        self._short: ShortWay | None = None

    def front(self) -> Front:
        """What a short way has in common with this one."""
        return Front(
            keeper=self._keeper,
            catalogue=self._own.catalogue,
            gate=self._gate,
            seen=self._seen,
            numbers=self._numbers,
            under_way=self._under_way,
            limits=lambda: None if self._stopping or self._traced or self._cut_off() else self._timing,
            told=self._told,
            last=self._last,
        )

    def shorten(self, way: ShortWay) -> None:
        """Tell a short way of the messages that may go there the next time."""
        self._short = way

    def reconfigure(self, page_limit: int, timing: Timing, proxies: Proxies) -> None:
        """Other limits and other proxies to believe, from the next request on."""
        self._page_limit, self._timing, self._proxies = page_limit, timing, proxies

    def trace(self, *, on: bool) -> None:
        """Note whether partners may say to which trace their messages belong."""
        self._traced = on

    def offer(self, catalogue: Catalogue) -> None:
        """Offer these operations from the next request on."""
        self._own.catalogue = catalogue
        if self._short is not None:
            self._short.front.catalogue = catalogue

    def drain(self) -> None:
        """Refuse new requests from now on; every answer ends its connection."""
        self._stopping = True

    def give_up(self) -> int:
        """End what is still under way with an answer that says so; how many requests that are."""
        words = "this hub stopped before the request was answered; GET what became of it"
        return self._under_way.end_all(Stopping(words, _BACK_IN))

    def shut_out(self, platform_id: int) -> None:
        """End what a platform, which was suspended or removed, has under way: nothing is told or sent on any more."""
        self._under_way.end_of(platform_id, ShutOut())

    async def handle(self, request: Request) -> Response:
        """Answer one request, whatever it is."""
        headers: RequestHeaders | None = None
        number, began, task = self._numbers.next(), time.perf_counter(), request.task
        self._under_way.owners[task] = None
        try:
            self._check_open()
            check_framing(request, self._timing.header_bytes)
            headers = read(request.raw_headers) if request.fields is None else told(request.fields)
            if self._traced:
                headers = msgspec.structs.replace(headers, traceparent=traceparent(request.raw_headers))
            try:
                caller = self._access.authenticate(self._keeper.current, headers.authorization)
            except Unauthorized:
                caller = await self._stranger(request, headers)
            else:
                if caller.kind is TokenKind.PENDING:
                    caller = await self._stranger(request, headers)
            let_in = self._gate.enter(caller.platform)
            try:
                response = await self._dispatch(Call(request, headers, number, began, caller), caller)
            finally:
                let_in.leave()
        except (OcpiError, StoreUnavailable) as refusal:
            error: OcpiError = bare(told_of(refusal))
        except asyncio.CancelledError:
            ended = self._under_way.answer(task)
            if ended is None:
                raise
            task.uncancel()
            error = ended
        except Exception:
            log.exception("request_failed")
            error = ServerError("the hub failed; its operator finds the reason in the log")
        else:
            return self._last(request, response)
        finally:
            self._under_way.finish(task)
        headers = headers or message_ids(request.raw_headers)
        return self._last(request, self._told(Call(request, headers, number, began, None), error))

    def _check_open(self) -> None:
        """Raises NotNow where nothing is taken at all."""
        if self._stopping:
            raise Stopping("this hub is just stopping and did not take the request", _BACK_IN)
        if self._cut_off():
            words = "this hub has been without its database for too long to know who may do what; come back later"
            raise WithoutStore(words, _BACK_IN)

    def _last(self, request: Request, response: Response) -> Response:
        """The answer of a hub that stops ends the connection, unless another request came on it already."""
        if self._stopping:
            response.close = response.close or not request.connection.has_next
        return response

    def _told(self, call: Call, error: OcpiError) -> Response:
        """The answer to what was refused before it was a message. The bus is told, too."""
        response = self._refused(error, call.headers)
        if self._bus.wants(Refused):
            self._tell(call, error, response)
        return response

    def _tell(self, call: Call, error: OcpiError, response: Response) -> None:
        try:
            caller = self._access.authenticate(self._keeper.current, call.headers.authorization)
        except OcpiError:
            caller = None
        known = msgspec.structs.replace(call, caller=caller)
        self._bus.publish(refused(known, self._address(call.request) or None, error, response))

    def _served(self, call: Call, module: str, version: str | None, response: Response) -> Response:
        """Say what was answered that is no message."""
        if call.caller and self._bus.wants(Served):
            self._bus.publish(served(call, call.caller.platform, module, version, response))
        return response

    async def _stranger(self, request: Request, headers: RequestHeaders) -> Caller:
        """Who calls with a token that is not known, or opens little: another node may have changed that a moment ago.

        Raises Unauthorized, WithoutStore where that can not be told now, or TooManyRequests where it is too frequent.
        """
        current = await self._news()
        try:
            return self._access.authenticate(self._keeper.current, headers.authorization)
        except Unauthorized:
            self._gate.stranger(self._address(request))
            if not current:
                words = "this hub can not look up now whether it gave this token to anybody; come back later"
                raise WithoutStore(words, _BACK_IN) from None
            raise

    def _address(self, request: Request) -> str:
        """Where a request comes from, past the proxies that are believed."""
        return self._proxies.caller(request.connection.remote, request.headers.getall(FORWARDED, ()))

    def answer(self, error: OcpiError) -> Response:
        """The answer to something that could not even be read as a request."""
        return self._refused(error, RequestHeaders())

    async def _dispatch(self, call: Call, caller: Caller) -> Response:
        request, headers, own = call.request, call.headers, self._own
        path, query = split_target(request.target)
        # A proxy in front may pass the public path on, or strip it: both arrive.
        first, second, third, rest = ocpi_parts(path[len(self._prefix) :] if path.startswith(self._behind) else path)
        if first == "versions" and not second:
            return self._served(call, "versions", None, own.versions(request, headers))
        if first not in own.catalogue.versions:
            raise NotFound(f"there is nothing at this path; begin at {own.root}/versions")
        if not second:
            return self._served(call, "versions", first, own.details(request, headers, first, caller))
        if second == "credentials" and not third:
            answer = await own.credentials(request, headers, first, caller, self._timing)
            return self._served(call, "credentials", first, answer)
        info = own.client_info if first not in WITHOUT_INTERFACES else None
        if info and (second, third, rest) == ("sender", CLIENT_INFO, ""):
            check_functional(caller)
            self._seen(caller.platform.id)
            infos = own.infos(info, request, headers, first, PageQuery.read(query, self._page_limit), caller)
            return self._served(call, CLIENT_INFO, first, infos)
        check_functional(caller)
        if second == CERTIFY and self._inbox:
            await self._inbox.take(request.method, third, await self._body(request))
            return self._served(call, CERTIFY, first, success(headers, msgspec.UNSET))
        if second == SEALED:
            aim: _Aim = partial(self._reader.sealed, f"{third}/{rest}".rstrip("/"), request.method, headers)
        else:
            path = f"{second}/{third}/{rest}"
            aim = partial(self._reader.target, first, path, request.method, query, headers)
        return await self._message(request, aim, caller)

    async def _message(self, request: Request, aim: "_Aim", caller: Caller) -> Response:
        """Hand a message on. `aim` finds what it is aimed at, for a caller that is known or not."""
        deadline = asyncio.get_running_loop().time() + self._timing.timeout
        target, directory = aim(caller)
        platform_id = caller.platform.id
        self._under_way.owners[request.task] = platform_id
        self._seen(platform_id)
        if not caller.known:
            caller.known = True
            await self._own.learn(caller)
        body = b""
        if target.operation.has_body:
            whole = request.whole(self._timing.request_body)
            body = await self._body(request) if whole is None else whole
        if directory is not self._keeper.current:
            # Reading takes its time: the token may be one that was renewed or revoked by now.
            target, directory = aim()
        message = self._reader.message(target, directory, body, deadline)
        reply = await self._pipeline.handle(message)
        if self._short is not None and request.plain is not None:
            self._short.learn(request, message, reply)
        return Response(
            reply.status,
            reply.body,
            message.request_id,
            message.correlation_id,
            (reply.by or self._keeper.current.hub, message.sender),
            reply.headers,
        )

    async def stop(self) -> None:
        """Wait for what is being kept."""
        await self._own.stop()

    async def _body(self, request: Request) -> bytes:
        return await read_body(request, self._timing.request_body, self._timing.slow_request)

    def _refused(self, error: OcpiError, headers: RequestHeaders) -> Response:
        extra = (*error.headers, ("WWW-Authenticate", "Token")) if error.http == 401 else error.headers
        routed = (self._keeper.current.hub, headers.claimed) if headers.claimed else None
        body = envelope.encode(now(), error.code, error.message)
        return Response(error.http, body, *ids_of(headers), routed, extra, close=error.http in _LAST)
