"""A simulated platform: parties on a real OCPI 2.2.1 server and client, on a socket of its own.

Its parties are those of `hub.plugin.party`, and a desk as in a hub answers for them: bodies, pages and commands are
what that makes of them. Socket, tokens, handshake and client are its own, and share no code with the listener, the
registrar and the client of a hub, but for what `hub.core` and `hub.ocpi` know of headers, paths and envelopes. So a
fault of the hub's in these does not hide behind the same fault here. The raw partners of the tests share nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Self, TypeAlias, TypedDict
from urllib.parse import urlencode

from aiohttp import web

from hub.core.directory import Encoding
from hub.core.headers import RequestHeaders, credentials_tokens, read, routing
from hub.core.message import Reply
from hub.core.modules import Interface
from hub.core.party import Party, PartyRole
from hub.core.paths import join
from hub.errors import InvalidParameters, MethodNotAllowed, NotFound, OcpiError, Unauthorized
from hub.plugin.party.desk import refusal
from hub.sim.client import Client, next_page, succeeded
from hub.sim.credentials import Connection, Peer
from hub.sim.events import Kind, SimEvent, describe
from hub.sim.faults import Fault, fail
from hub.sim.http import read_request, write_answer
from hub.sim.inbox import Inbox
from hub.sim.messages import Answer, Json, SimReply, SimRequest
from hub.sim.objects import Objects
from hub.sim.parties import Parties
from hub.sim.told import Told

Handler: TypeAlias = Callable[[SimRequest], Awaitable[Answer]]
Routes: TypeAlias = dict[tuple[Interface, str, str, int], Handler]

_SHUTDOWN_SECONDS = 0.05


class Options(TypedDict, total=False):
    """What a platform can be given besides its name and roles. `port` 0 takes a free one, once."""

    versions: Sequence[str]
    token_encoding: Encoding
    host: str
    port: int
    timeout: float
    observe: Callable[[SimEvent], None] | None


class SimPlatform:
    """The base: parties that are told how others stand, and no more. `async with` starts and stops it.

    `fault`, `delay` (seconds before each functional request is handled) and `page_cap` (the most objects of one page)
    may be set at any time. `received` holds every functional request that came in with a good token, unless `record`
    is switched off. `their_statuses` holds the latest ClientInfo of each party and role. `routes` answers what no party
    does: by interface, module, method and number of segments below the module.
    """

    def __init__(
        self,
        name: str,
        roles: Sequence[PartyRole],
        *,
        versions: Sequence[str] = ("2.2.1",),
        token_encoding: Encoding = Encoding.BASE64,
        host: str = "127.0.0.1",
        port: int = 0,
        timeout: float = 10.0,
        observe: Callable[[SimEvent], None] | None = None,
    ) -> None:
        self.name = name
        self.roles = tuple(roles)
        self.fault = Fault.NONE
        self.delay = 0.0
        self.page_cap = 50
        self.record = True
        self.received: list[SimRequest] = []
        self.their_statuses = Objects("role")
        self.routes: Routes = {}
        self._versions = tuple(versions)
        self._encoding = token_encoding
        self._host = host
        self._port = port
        self._observe = observe
        self._inbox: Inbox[SimRequest] = Inbox()
        self._client = Client(token_encoding, timeout)
        self._connection = Connection(name, self.roles, self._versions, self._client)
        self._runner: web.ServerRunner | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._parties = Parties(self, [(self.make(each), each.party) for each in self.roles])
        self.seed(3)

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        return f"http://{self._host}:{self._port}"

    @property
    def versions_url(self) -> str:
        return f"{self.url}/ocpi/versions"

    @property
    def party(self) -> Party:
        """The first of its parties."""
        return self.roles[0].party

    @property
    def peer(self) -> Peer:
        """The other side of the connection. CallFailed before registration."""
        return self._connection.peer

    @property
    def registered(self) -> bool:
        return self._connection.registered

    def endpoint(self, module: str, interface: Interface) -> str:
        """The URL of one of its own endpoints."""
        return f"{self.url}/ocpi/{self._versions[-1]}/{interface.lower()}/{module}"

    def seed(self, count: int) -> None:
        """Have `count` of what each party of this platform owns, always the same ones; what is there stays."""
        self._parties.seed(count)

    def make(self, role: PartyRole) -> Told:  # noqa: ARG002 - the base has one kind
        """The party of a role."""
        return Told()

    async def start(self) -> None:
        """Come online. After a stop it is on the same port again, with everything it knew."""
        runner = web.ServerRunner(web.Server(self._serve, access_log=None), shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._port = int(runner.addresses[0][1])
        self._runner = runner
        self._connection.versions_url = self.versions_url
        self._parties.moved(f"{self.url}/ocpi")
        self._client.open()

    async def stop(self) -> None:
        """Go offline at once: the port refuses connections, what was under way is cut off."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.close()
        if faults := [each for each in outcomes if isinstance(each, Exception)]:
            raise ExceptionGroup(f"background work of {self.name} failed", faults)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def invite(self) -> str:
        """A TOKEN_A, with which another platform can register here."""
        return self._connection.invite()

    async def register(self, versions_url: str, token_a: str) -> None:
        """Register at another platform, as Sender. Refused, CallFailed or an OcpiError say what went wrong."""
        await self._connection.register(versions_url, token_a)
        self.tell(Kind.REGISTERED, f"{self.name} registered at {self.peer.parties[0]}", "credentials")

    async def renew(self) -> None:
        """PUT credentials: new tokens both ways, endpoints fetched again."""
        await self._connection.renew()

    async def unregister(self) -> None:
        """DELETE credentials."""
        await self._connection.unregister()
        self.tell(Kind.UNREGISTERED, f"{self.name} unregistered", "credentials")

    async def call(
        self,
        module: str,
        interface: Interface,
        method: str,
        path: str = "",
        *,
        to: Party | None = None,
        sender: Party | None = None,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> SimReply:
        """One request to the peer's endpoint of a module. `path` is not escaped yet; see `call_url` for the rest."""
        tail = tuple(part for part in path.split("/") if part)
        url = join(self.peer.endpoint(module, interface), tail, urlencode(query or {}))
        return await self.call_url(method, url, to=to, sender=sender, body=body, headers=headers)

    async def call_url(
        self,
        method: str,
        url: str,
        *,
        to: Party | None = None,
        sender: Party | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> SimReply:
        """One request to a URL that the peer handed out. CallFailed where no answer came.

        With `to`, all four routing headers are sent; with `sender` alone only OCPI-from-* (open routing).
        `body` is JSON, or bytes that go out as they are. `headers` win over those that would be sent.
        """
        every = dict(routing(sender or self.party, to)) if to else dict(routing(sender, sender)[:2]) if sender else {}
        return await self._client.request(method, url, self.peer.token, headers=every | dict(headers or {}), body=body)

    async def fetch_all(
        self, module: str, *, to: Party | None = None, query: Mapping[str, str] | None = None
    ) -> list[Json]:
        """All objects of a SENDER interface, page by page. Refused where a page is not a success."""
        page = await self.call(module, Interface.SENDER, "GET", to=to, sender=self.party, query=query)
        objects: list[Json] = list(succeeded(page, f"GET {module}").data)
        while (url := next_page(page)) is not None:
            page = await self.call_url("GET", url, to=to, sender=self.party)
            objects += succeeded(page, f"GET {module}, next page").data
        return objects

    async def expect(self, module: str, method: str | None = None, *, within: float = 5.0) -> SimRequest:
        """The first request on a module that was handled (or failed by `fault`) and not given out yet, older ones too.

        TimeoutError where none came within the seconds.
        """
        what = f"{method or 'a request'} on {module} at {self.name}"
        return await self._inbox.take(lambda r: r.module == module and method in (None, r.method), within, what)

    async def idle(self) -> None:
        """Wait until all background work is done."""
        while running := [task for task in self._tasks if not task.done()]:
            await asyncio.wait(running)

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something that `stop` ends. What it raises comes up at `stop`."""
        self._tasks = {task for task in self._tasks if not _went_well(task)}
        self._tasks.add(asyncio.create_task(work))

    def tell(self, kind: Kind, text: str, module: str = "") -> None:
        """Tell the observer."""
        if self._observe is not None:
            self._observe(SimEvent(platform=self.name, kind=kind, text=text, module=module))

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        headers, after = RequestHeaders(), self._parties.after()
        try:
            headers = read(request.raw_headers)
            token = self._token(headers)
            received = await read_request(request, headers)
            if not received.handshake and not self._connection.opens(token):
                raise Unauthorized("this token opens versions and credentials only; finish the registration")
            if received.functional and self.fault is not Fault.NONE:
                self._keep(received)
                self._handled(received)
                return await fail(self.fault, request)
            reply = await self._answer(received, token)
        except OcpiError as error:
            reply = refusal(error)
        try:
            return await write_answer(request, headers, reply, self.party)
        finally:
            for work in after:
                self.background(work)

    async def _answer(self, request: SimRequest, token: str) -> Reply:
        if request.version not in ("", *self._versions):
            raise NotFound(f"{request.path} does not exist here")
        if request.module == "versions":
            return self._list_versions(request).reply()
        if request.module == "credentials":
            return (await self._credentials(request, token)).reply()
        return await self._module(request)

    async def _module(self, request: SimRequest) -> Reply:
        if request.functional:
            self._keep(request)
            await asyncio.sleep(self.delay)
        try:
            if request.receiver is not None and request.receiver not in {each.party for each in self.roles}:
                raise InvalidParameters(f"headers OCPI-to-*: {request.receiver} is not a party of {self.name}")
            route = self.routes.get((request.interface, request.module, request.method, len(request.segments)))
            reply = (await route(request)).reply() if route else await self._parties.answer(request, self.page_cap)
        finally:
            self._handled(request)
        if request.method != "GET" and reply.ocpi_status == 1000:
            text = f"{request.receiver or self.party} received {describe(request)}"
            self.tell(Kind.RECEIVED, text, request.module)
        return reply

    async def _credentials(self, request: SimRequest, token: str) -> Answer:
        answer = await self._connection.receive(request, token)
        if request.method == "POST":
            self.tell(Kind.REGISTERED, f"{self.peer.parties[0]} registered at {self.name}", "credentials")
        elif request.method == "DELETE":
            self.tell(Kind.UNREGISTERED, f"the other side unregistered at {self.name}", "credentials")
        return answer

    def _list_versions(self, request: SimRequest) -> Answer:
        if request.method != "GET":
            raise MethodNotAllowed(f"{request.method} is not possible here", ("GET",))
        if not request.version:
            return Answer(data=[{"version": each, "url": f"{self.url}/ocpi/{each}"} for each in self._versions])
        offered = {(interface, module) for interface, module, _, _ in self.routes}
        base = f"{self.url}/ocpi/{request.version}"
        endpoints = [{"identifier": "credentials", "role": "SENDER", "url": f"{base}/credentials"}]
        for interface, module in sorted(offered | self._parties.offered):
            url = f"{base}/{interface.lower()}/{module}"
            endpoints.append({"identifier": module, "role": interface.value, "url": url})
        return Answer(data={"version": request.version, "endpoints": endpoints})

    def _token(self, headers: RequestHeaders) -> str:
        raw, decoded = credentials_tokens(headers.authorization)
        token = raw if self._encoding is Encoding.RAW else decoded
        if token is None or not (self._connection.opens(token) or self._connection.invited(token)):
            raise Unauthorized("this token is not known here")
        return token

    def _keep(self, request: SimRequest) -> None:
        if self.record:
            self.received.append(request)

    def _handled(self, request: SimRequest) -> None:
        if self.record:
            self._inbox.add(request)


def _went_well(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
