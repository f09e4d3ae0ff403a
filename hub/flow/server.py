"""The OCPI listener: HTTP requests to versions, details, credentials, modules and sealed URLs, and back.

OCPI 2.2.1, chapters 4, 6 and 7. Nothing but an OCPI envelope leaves here, and no inside of the hub with it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
import structlog

from hub.core.addresses import FORWARDED, Proxies
from hub.core.catalogue import CATALOGUE, WITHOUT_INTERFACES
from hub.core.directory import Directory, Encoding, Platform, Secret
from hub.core.headers import (
    RequestHeaders,
    credentials_tokens,
    message_ids,
    read,
    traceparent,
)
from hub.core.message import Message, Reply
from hub.core.modules import Catalogue, Interface
from hub.core.paging import PageQuery, paging
from hub.core.party import Role
from hub.core.paths import ocpi_parts, split_target
from hub.core.urls import endpoint_path
from hub.errors import MethodNotAllowed, NotFound, OcpiError, ServerError, ShutOut, Stopping, Unauthorized, bare
from hub.events import Bus, Refused, Served
from hub.flow.calls import Call, refused, served
from hub.flow.certifying import CERTIFY, Inbox
from hub.flow.clock import now
from hub.flow.http import check_framing, read_body
from hub.flow.limits import Gate
from hub.flow.numbers import Numbers
from hub.flow.pipeline import Pipeline
from hub.flow.reader import Reader, Target
from hub.flow.response import Response
from hub.flow.under_way import UnderWay
from hub.ids import new_id
from hub.listener.request import Request
from hub.nodes.node import no_news
from hub.ocpi import envelope
from hub.ocpi.handshake import Endpoint, Version, VersionDetails
from hub.partners.access import Access, Caller, check_functional
from hub.partners.clientinfo import HubClientInfo
from hub.partners.directory import DirectoryKeeper
from hub.partners.registration import Registrar

log = structlog.get_logger()

SEALED = "sealed"
_CLIENT_INFO = "hubclientinfo"
_LAST = (408, 413, 503)
"""HTTP status codes after which a connection is of no more use."""
_BACK_IN = 5.0
"""Seconds after which a hub that stops may be there again: what a restart takes."""


_Aim = Callable[..., tuple[Target, Directory]]


class Timing(msgspec.Struct, frozen=True):
    """Limits of one request: seconds for the whole way, seconds and bytes for its body, bytes for its headers."""

    timeout: float
    slow_request: float
    request_body: int
    header_bytes: int


class Answering(Protocol):
    """Who answers messages instead of a hub's pipeline: a platform that is one party."""

    async def handle(self, message: Message) -> Reply:
        """The answer to a message. Never raises OcpiError."""


class OcpiServer:
    """Handles every request of the OCPI listener. `base_url` is where partners reach the hub, without a slash.

    `client_info` and `inbox` are None where there is no hub, but one party: it has no others to tell of, or to check.
    `news` brings what is known of partners up to date with other nodes.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        keeper: DirectoryKeeper,
        access: Access,
        registrar: Registrar,
        reader: Reader,
        pipeline: Pipeline | Answering,
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
        news: Callable[[], Awaitable[None]] = no_news,
    ) -> None:
        self._catalogue = catalogue
        self._keeper = keeper
        self._access = access
        self._registrar = registrar
        self._reader = reader
        self._pipeline = pipeline
        self._client_info = client_info
        self._gate = gate
        self._seen = seen
        self._page_limit = page_limit
        self._root = f"{base_url}/ocpi"
        self._prefix = urlsplit(base_url).path.rstrip("/")
        self._behind = f"{self._prefix}/ocpi/"
        self._timing = timing
        self._proxies = proxies
        self._versions = catalogue.versions
        self._bus = bus
        self._numbers = numbers
        self._news = news
        self._inbox = inbox
        self._under_way = UnderWay()
        self._stopping = self._traced = False

    def reconfigure(self, page_limit: int, timing: Timing, proxies: Proxies) -> None:
        """Other limits and other proxies to believe, from the next request on."""
        self._page_limit, self._timing, self._proxies = page_limit, timing, proxies

    def trace(self, *, on: bool) -> None:
        """Note whether partners may say to which trace their messages belong."""
        self._traced = on

    def offer(self, catalogue: Catalogue) -> None:
        """Offer these operations from the next request on."""
        self._catalogue = catalogue

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
            if self._stopping:
                raise Stopping("this hub is just stopping and did not take the request", _BACK_IN)  # noqa: TRY301 - it is answered below
            check_framing(request, self._timing.header_bytes)
            headers = read(request.raw_headers)
            if self._traced:
                headers = msgspec.structs.replace(headers, traceparent=traceparent(request.raw_headers))
            try:
                caller = self._access.authenticate(self._keeper.current, headers.authorization)
            except Unauthorized:
                caller = await self._stranger(request, headers)
            let_in = self._gate.enter(caller.platform)
            try:
                response = await self._dispatch(Call(request, headers, number, began, caller), caller)
            finally:
                let_in.leave()
        except OcpiError as refusal:
            error: OcpiError = bare(refusal)
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
            return self._last(request, response) if self._stopping else response
        finally:
            self._under_way.finish(task)
        headers = headers or message_ids(request.raw_headers)
        response = self._refused(error, headers)
        if self._bus.wants(Refused):
            self._tell(Call(request, headers, number, began, None), error, response)
        return self._last(request, response) if self._stopping else response

    @staticmethod
    def _last(request: Request, response: Response) -> Response:
        """The answer of a hub that stops: it ends the connection, unless another request came on it already."""
        response.close = response.close or not request.connection.has_next
        return response

    def _tell(self, call: Call, error: OcpiError, response: Response) -> None:
        """Say what was refused before it was a message."""
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
        """Who calls with a token that is not known: another node may have given it a moment ago.

        Raises Unauthorized, or TooManyRequests where that is too frequent.
        """
        await self._news()
        try:
            return self._access.authenticate(self._keeper.current, headers.authorization)
        except Unauthorized:
            self._gate.stranger(self._address(request))
            raise

    def _address(self, request: Request) -> str:
        """Where a request comes from, past the proxies that are believed."""
        return self._proxies.caller(request.connection.remote, request.headers.getall(FORWARDED, ()))

    def answer(self, error: OcpiError) -> Response:
        """The answer to something that could not even be read as a request."""
        return self._refused(error, RequestHeaders())

    async def _dispatch(self, call: Call, caller: Caller) -> Response:
        request, headers = call.request, call.headers
        path, query = split_target(request.target)
        # A proxy in front may pass the public path on, or strip it: both arrive.
        first, second, third, rest = ocpi_parts(path[len(self._prefix) :] if path.startswith(self._behind) else path)
        if first == "versions" and not second:
            return self._served(call, "versions", None, self._versions_list(request, headers))
        if first not in self._versions:
            raise NotFound(f"there is nothing at this path; begin at {self._root}/versions")
        if not second:
            return self._served(call, "versions", first, self._details(request, headers, first, caller))
        if second == "credentials" and not third:
            return self._served(call, "credentials", first, await self._credentials(request, headers, first, caller))
        info = self._client_info if first not in WITHOUT_INTERFACES else None
        if info and (second, third, rest) == ("sender", _CLIENT_INFO, ""):
            infos = self._infos(info, request, headers, first, query, caller)
            return self._served(call, _CLIENT_INFO, first, infos)
        check_functional(caller)
        if second == CERTIFY and self._inbox:
            self._inbox.take(request.method, third, await self._body(request))
            return self._served(call, CERTIFY, first, self._success(headers, msgspec.UNSET))
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
            await self._keeper.learn_encoding(platform_id, caller.digest, caller.encoding)
            caller.known = True
        body = b""
        if target.operation.has_body:
            whole = request.whole(self._timing.request_body)
            body = await self._body(request) if whole is None else whole
        if directory is not self._keeper.current:
            # Reading takes its time: the token may be one that was renewed or revoked by now.
            target, directory = aim()
        message = self._reader.message(target, directory, body, deadline)
        reply = await self._pipeline.handle(message)
        return Response(
            reply.status,
            reply.body,
            message.request_id,
            message.correlation_id,
            (reply.by or self._keeper.current.hub, message.sender),
            reply.headers,
        )

    def _versions_list(self, request: Request, headers: RequestHeaders) -> Response:
        _only(request, "GET")
        return self._success(headers, [Version(version, f"{self._root}/{version}") for version in self._versions])

    def _details(self, request: Request, headers: RequestHeaders, version: str, caller: Caller) -> Response:
        _only(request, "GET")
        platform, sender = caller.platform, Interface.SENDER
        endpoints = [Endpoint("credentials", f"{self._root}/{version}/credentials/", sender)]
        if self._client_info and version not in WITHOUT_INTERFACES:
            endpoints.append(Endpoint(_CLIENT_INFO, self._endpoint(version, sender, _CLIENT_INFO), sender))
        endpoints += [
            Endpoint(module, self._endpoint(version, interface, module), interface)
            for module, interface in self._catalogue.offered(version)
            if self._is_told(platform, version, module)
        ]
        if version in WITHOUT_INTERFACES:
            urls = {each.identifier: each.url for each in endpoints if _is_for(platform, each.identifier)}
            endpoints = [Endpoint(module, url) for module, url in urls.items()]
        return self._success(headers, VersionDetails(version, endpoints))

    def _endpoint(self, version: str, interface: Interface, module: str) -> str:
        return f"{self._root}/{endpoint_path(version, interface, module)}"

    def _is_told(self, platform: Platform, version: str, module: str) -> bool:
        """Whether a platform sees a module: one that is no part of OCPI only where an agreement lets it use it.

        OCPI 2.2.1, version_information_endpoint: Custom Modules. A party has no agreements: it shows what it has.
        """
        if self._client_info is None:
            return True
        agreements = self._keeper.current.agreements
        return CATALOGUE.has(version, module) or any(agreements.uses(party, module) for party in platform.parties)

    def _infos(
        self,
        client_info: HubClientInfo,
        request: Request,
        headers: RequestHeaders,
        version: str,
        query: str,
        caller: Caller,
    ) -> Response:
        """GET of HubClientInfo: the parties that the platform may reach, and whether they are there."""
        check_functional(caller)
        _only(request, "GET")
        self._seen(caller.platform.id)
        asked = PageQuery.read(query, self._page_limit)
        rows, total = client_info.page(
            caller.platform, date_from=asked.date_from, date_to=asked.date_to, offset=asked.offset, limit=asked.limit
        )
        url = self._endpoint(version, Interface.SENDER, _CLIENT_INFO)
        return Response(200, envelope.encode(now(), data=rows), *_ids(headers), headers=paging(asked, total, url))

    async def _credentials(self, request: Request, headers: RequestHeaders, version: str, caller: Caller) -> Response:
        _only(request, "GET", "POST", "PUT", "DELETE")
        await self._keeper.learn_encoding(caller.platform.id, caller.digest, caller.encoding)
        if request.method == "GET":
            return self._success(headers, self._registrar.get(caller.platform, version, _token(headers, caller)))
        if request.method == "DELETE":
            await self._registrar.delete(caller)
            return self._success(headers, msgspec.UNSET)
        body = await self._body(request)
        register = self._registrar.post if request.method == "POST" else self._registrar.put
        try:
            return self._success(headers, await register(caller, version, body))
        except OcpiError as error:
            log.info("registration_refused", platform=caller.platform.name, code=error.code, reason=error.message)
            raise

    async def _body(self, request: Request) -> bytes:
        return await read_body(request, self._timing.request_body, self._timing.slow_request)

    def _success(self, headers: RequestHeaders, data: Any) -> Response:
        return Response(200, envelope.encode(now(), data=data), *_ids(headers))

    def _refused(self, error: OcpiError, headers: RequestHeaders) -> Response:
        extra = (*error.headers, ("WWW-Authenticate", "Token")) if error.http == 401 else error.headers
        routed = (self._keeper.current.hub, headers.claimed) if headers.claimed else None
        body = envelope.encode(now(), error.code, error.message)
        return Response(error.http, body, *_ids(headers), routed, extra, close=error.http in _LAST)


def _is_for(platform: Platform, module: str) -> bool:
    """Whether a module is of use to a platform on OCPI 2.1.1: commands are nothing for one that only charges."""
    held = {role for roles in (*platform.roles.values(), *platform.reserved.values()) for role in roles}
    return module != "commands" or held != {Role.CPO}


def _only(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise MethodNotAllowed(f"only {', '.join(methods)} here", methods)


def _token(headers: RequestHeaders, caller: Caller) -> Secret:
    raw, decoded = credentials_tokens(headers.authorization)
    return Secret(decoded if caller.encoding is Encoding.BASE64 and decoded else raw)


def _ids(headers: RequestHeaders) -> tuple[str, str]:
    return headers.request_id or new_id(), headers.correlation_id or new_id()
