"""A simulated platform: a real OCPI 2.2.1 server and client on a socket of its own.

It knows the handshake, tokens, headers and dispatch; what a CPO or an eMSP does on top stands in `cpo` and `emsp`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Self, TypeAlias, TypedDict
from urllib.parse import urlencode

from aiohttp import web

from hub.core.directory import Encoding
from hub.core.headers import RequestHeaders, credentials_tokens, read, routing
from hub.core.modules import METHODS, Interface
from hub.core.party import Party, PartyRole
from hub.core.paths import join
from hub.errors import InvalidParameters, MethodNotAllowed, NotFound, OcpiError, Unauthorized
from hub.sim.client import CallFailed, Client, next_page, succeeded
from hub.sim.credentials import Connection, Peer
from hub.sim.events import Kind, SimEvent, describe
from hub.sim.faults import Fault, fail
from hub.sim.http import read_request, write_answer
from hub.sim.inbox import Inbox
from hub.sim.messages import HUB_CLIENT_INFO, Answer, Json, SimReply, SimRequest
from hub.sim.objects import Objects
from hub.sim.statuses import Statuses

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
    """The base. `async with` starts and stops it.

    `fault`, `delay` (seconds before each functional request is handled) and `page_cap` (the most objects of one page)
    may be set at any time. `received` holds every functional request that came in with a good token, unless `record`
    is switched off. `their_statuses` is what a hub told by HubClientInfo.
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
        self._statuses = Statuses()
        self.routes: Routes = {
            (Interface.RECEIVER, HUB_CLIENT_INFO, "GET", 2): self._statuses.get,
            (Interface.RECEIVER, HUB_CLIENT_INFO, "PUT", 2): self._statuses.put,
        }
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
    def their_statuses(self) -> Objects:
        """The latest ClientInfo of each party and role."""
        return self._statuses.objects

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

    async def attempt(self, what: str, call: Callable[[], Awaitable[SimReply]]) -> None:
        """A push that nobody waits for: once, and if it fails the observer is told."""
        try:
            succeeded(await call(), what)
        except CallFailed as reason:
            self.tell(Kind.LOST, f"{self.name} could not deliver {what}: {reason}")

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
        headers = RequestHeaders()
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
            answer = await self._answer(received, token)
        except OcpiError as error:
            answer = Answer(http=error.http, code=error.code, message=error.message, headers=dict(error.headers))
        response = await write_answer(request, headers, answer, self.party)
        if answer.after is not None:
            self.background(_run(answer.after))
        return response

    async def _answer(self, request: SimRequest, token: str) -> Answer:
        if request.version not in ("", *self._versions):
            raise NotFound(f"{request.path} does not exist here")
        if request.module == "versions":
            return self._list_versions(request)
        if request.module == "credentials":
            return await self._credentials(request, token)
        return await self._module(request)

    async def _module(self, request: SimRequest) -> Answer:
        if request.functional:
            self._keep(request)
            await asyncio.sleep(self.delay)
        try:
            if request.receiver is not None and request.receiver not in {each.party for each in self.roles}:
                raise InvalidParameters(f"headers OCPI-to-*: {request.receiver} is not a party of {self.name}")
            answer = await self._handler(request)(request)
        finally:
            self._handled(request)
        if request.method != "GET" and answer.code == 1000:
            text = f"{request.receiver or self.party} received {describe(request)}"
            self.tell(Kind.RECEIVED, text, request.module)
        return answer

    def _handler(self, request: SimRequest) -> Handler:
        keys = {method: (request.interface, request.module, method, len(request.segments)) for method in METHODS}
        if (key := keys.get(request.method)) in self.routes:
            return self.routes[key]
        if allowed := tuple(method for method, key in keys.items() if key in self.routes):
            raise MethodNotAllowed(f"{request.method} is not possible here", allowed)
        raise NotFound(f"{request.path} does not exist here")

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
        base = f"{self.url}/ocpi/{request.version}"
        endpoints = [{"identifier": "credentials", "role": "SENDER", "url": f"{base}/credentials"}]
        for interface, module in sorted({(interface, module) for interface, module, _, _ in self.routes}):
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


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()
