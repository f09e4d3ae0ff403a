"""The admin listener itself: routes from the table, errors as JSON, headers that keep browsers careful."""

import logging
import socket
from collections.abc import Awaitable, Callable, Iterable

import msgspec
import structlog
from aiohttp import web

from hub.admin.gate import HEADER, Doorman
from hub.admin.health import Health
from hub.admin.plugins import PluginRoutes
from hub.admin.problems import Failure, Fault, Problem, problem
from hub.admin.routes import Call, Route
from hub.control import Operations, needed
from hub.core.addresses import FORWARDED, Proxies
from hub.core.hosts import Hosts
from hub.core.plain import seen
from hub.core.scopes import Scope
from hub.listener.patience import with_target
from hub.metrics import CONTENT_TYPE, Metrics
from hub.plugin.requests import read_body, read_query
from hub.store.keys import KeyRecord

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LARGEST = 2**20
"""Bytes of a request body, at most."""
_DRAIN = 2.0
_KEEPALIVE = 30.0
_LONGEST_LINE = 2**16
_ENCODER = msgspec.json.Encoder()
_SERVER = "ocpi-hub"
_HEALTH = "/health/"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class AdminServer:
    """Serves the API; `more` are routes of others, as the documentation's, which see to who may use them."""

    def __init__(
        self,
        operations: Operations,
        doorman: Doorman,
        health: Health,
        metrics: Metrics,
        routes: Iterable[Route],
        more: Iterable[web.AbstractRouteDef] = (),
    ) -> None:
        self._do = operations
        self._doorman = doorman
        self._health = health
        self.metrics = metrics
        self._open_metrics = False
        self._proxies = Proxies()
        self._hosts = Hosts()
        self._runner: web.AppRunner | None = None
        self.application = web.Application(
            middlewares=[_careful, self._by_name, self._past_proxies], client_max_size=LARGEST
        )
        self.application.on_response_prepare.append(_harden)
        self._add(routes)
        self.application.add_routes(
            [
                web.get(f"{_HEALTH}live", self._live),
                web.get(f"{_HEALTH}ready", self._ready),
                web.get("/metrics", self._tell_metrics),
                *more,
                *PluginRoutes(needed(operations.plugins).reception, self._admit).routes(),
            ]
        )

    def reconfigure(self, *, open_metrics: bool, proxies: Proxies, hosts: Hosts) -> None:
        """Whether metrics are told without a key, which proxies are believed, and by which names it is called."""
        self._open_metrics, self._proxies, self._hosts = open_metrics, proxies, hosts

    async def start(self, listeners: Iterable[socket.socket]) -> None:
        """Answer on bound sockets."""
        quiet = logging.getLogger("hub.admin.http")
        quiet.disabled = True  # it would quote what is no HTTP, a key in it as well
        self._runner = web.AppRunner(
            self.application,
            logger=quiet,
            access_log=None,
            shutdown_timeout=_DRAIN,
            keepalive_timeout=_KEEPALIVE,
            max_line_size=_LONGEST_LINE,
        )
        await self._runner.setup()
        if self._runner.server:
            self._runner.server.request_factory = with_target(self._runner.server.request_factory)
        for listener in listeners:
            await web.SockSite(self._runner, listener).start()

    async def stop(self) -> None:
        """Finish what is under way, and close."""
        if self._runner:
            await self._runner.cleanup()

    def _add(self, routes: Iterable[Route]) -> None:
        methods: dict[str, list[str]] = {}
        for route in routes:
            handler = self._handler(route)
            named = [route.method, "HEAD"] if route.method == "GET" else [route.method]
            for method in named:
                self.application.router.add_route(method, route.path, handler)
            methods.setdefault(route.path, []).extend(named)
        for path, named in methods.items():
            self.application.router.add_route("OPTIONS", path, _options((*named, "OPTIONS")))

    def _handler(self, route: Route) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            key = await self._admit(request, route.scope)
            query = read_query(request, route.query)
            body = await read_body(request, route.body)
            if route.method != "GET":
                await self._do.news()
            answer = await route.handler(Call(self._do, key.scope, request.match_info, query, body))
            return json_response(route.status, answer)

        return handle

    async def _admit(self, request: web.Request, scope: Scope) -> KeyRecord:
        keys = request.headers.getall(HEADER, [])
        if len(keys) > 1:
            raise Problem(400, f"header {HEADER} came twice", "send it once")
        return await self._doorman.admit(keys[0] if keys else None, scope, request.remote or "")

    @web.middleware
    async def _by_name(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Whoever calls it by a foreign name may be a page of another site. Health tells nothing that matters."""
        for host in request.headers.getall("Host", ()):
            if not self._hosts.knows(host) and not request.path.startswith(_HEALTH):
                raise Problem(421, "the admin listener is not known by this name", "write it into [admin] names")
        return await handler(request)

    @web.middleware
    async def _past_proxies(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """`remote` of a request becomes the address that counts."""
        if self._proxies:
            forwarded = request.headers.getall(FORWARDED, ())
            request = request.clone(remote=self._proxies.caller(request.remote, forwarded))
        return await handler(request)

    async def _live(self, _: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _ready(self, _: web.Request) -> web.Response:
        problems = await self._health.problems()
        if problems:
            return web.Response(status=503, text="".join(f"{each}\n" for each in problems))
        return web.Response(text="ready\n")

    async def _tell_metrics(self, request: web.Request) -> web.Response:
        if not self._open_metrics:
            await self._admit(request, Scope.READ)
        return web.Response(body=self.metrics.text(), headers={"Content-Type": CONTENT_TYPE})


def json_response(status: int, answer: object) -> web.Response:
    """An answer as JSON."""
    return web.Response(status=status, body=seen(_ENCODER.encode(answer)), content_type="application/json")


@web.middleware
async def _careful(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors become JSON."""
    try:
        response = await handler(request)
    except Exception as error:  # noqa: BLE001 - `problem` logs what nobody expected
        found = problem(error)
        response = json_response(found.status, Failure(Fault(found.message, found.hint)))
        response.headers.update(found.headers)
    return response


async def _harden(_: web.Request, response: web.StreamResponse) -> None:
    """Every answer, a stream as well, gets the headers that it does not set itself."""
    response.headers["Server"] = _SERVER  # aiohttp has set its own by now
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


def _options(methods: tuple[str, ...]) -> Handler:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=204, headers={"Allow": ", ".join(methods)})

    return handle
