"""A typed JSON API on a port of a plugin's own: `from hub.plugin.web import Access, Api, ApiCall`. See docs/plugins.md.

Requests are decoded and checked by the structs of the handlers, errors are JSON, and the OpenAPI document at
`/openapi.json` and the pages at `/docs` are made from the same structs. Who may call what is the plugin's to say.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, TypeVar, get_args, get_type_hints

import msgspec
from aiohttp import web

from hub.core.addresses import FORWARDED, Proxies
from hub.core.limits import Pace
from hub.core.plain import seen
from hub.errors import OcpiError
from hub.plugin.openapi import JSON, Document, Schemas, in_path, request_body, response
from hub.plugin.parts import HttpLimits
from hub.plugin.requests import read_body, read_query
from hub.plugin.serving import Failure, Fault, Problem, Query
from hub.plugin.swagger import docs_page, static_route

__all__ = ["Access", "Api", "ApiCall", "Document", "HttpLimits", "Pace", "Told"]

W = TypeVar("W")
Q = TypeVar("Q", bound=Query)
B = TypeVar("B")

_PREFLIGHT_SECONDS = "600"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_WORDS = {
    400: "Something in the request is wrong: `message` names what.",
    401: "The key or the token is missing, or opens nothing.",
    403: "The key opens less than this needs.",
    404: "There is no such thing.",
    408: "The body did not arrive in time.",
    409: "This collides with something that is there.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    429: "Too many requests: `Retry-After` says in how many seconds to come back.",
    502: "The other side did not do its part.",
    503: "This can not be done now.",
}
_PATHS = {
    404: ("there is nothing at this path", "see /docs"),
    405: ("this path has no such method", "see /docs"),
    413: ("the body is too large", ""),
}


class Access(msgspec.Struct, frozen=True):
    """Who may call a route: the names of security schemes of the document, all of which it takes, and a word for it."""

    name: str
    schemes: tuple[str, ...] = ()


class ApiCall(msgspec.Struct, Generic[W, Q, B], frozen=True):
    """A request, decoded: who asks (as `admit` said), the parts of its path, parameters, and its body (None: none)."""

    who: W
    path: Mapping[str, str]
    query: Q
    body: B
    request: web.Request


class Told(msgspec.Struct, frozen=True):
    """What a route answers with that is no JSON: its media type. The handler returns a `web.StreamResponse`."""

    media: str


class _Route(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    path: str
    access: Access
    handler: Callable[[Any], Awaitable[Any]]
    name: str
    about: str
    query: type[Query]
    body: Any
    answer: Any
    status: int
    failures: tuple[int, ...]

    @property
    def parts(self) -> list[str]:
        return [each[1:-1] for each in self.path.split("/") if each.startswith("{")]


class Api(Generic[W]):
    """Routes, and the `application` that serves them: to be given to `self.listen`."""

    def __init__(
        self,
        title: str,
        about: str,
        *,
        version: str,
        admit: Callable[[web.Request, Access], Awaitable[W]],
        schemes: Mapping[str, Document] | None = None,
        words: Mapping[str, tuple[str, str]] | None = None,
        origins: Sequence[str] = (),
        proxies: Sequence[str] = (),
        body_limit: int = 2**16,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`admit` says who asks, and raises Problem where that one may not; its `remote` is the address that counts.

        `origins` are those whose pages may call it (CORS; `*`: all), `proxies` the networks whose X-Forwarded-For is
        believed. `words` has a description and an example of each part of a path.
        """
        self._title = title
        self._about = about
        self._version = version
        self._admit = admit
        self._schemes = schemes or {}
        self._words = words or {}
        self.origins = frozenset(origins)
        self._proxies = Proxies(proxies)
        self._headers = {**_HEADERS, **(headers or {})}
        self._routes: list[_Route] = []
        self._methods: dict[str, list[str]] = {}
        self._made: bytes | None = None
        self.application = web.Application(middlewares=[self._careful, self._past_proxies], client_max_size=body_limit)
        self.application.on_response_prepare.append(self._harden)
        self.application.add_routes(
            [web.get("/openapi.json", self._tell_document), web.get("/docs", self._docs), static_route()]
        )

    def add(
        self,
        method: str,
        path: str,
        handler: Callable[[Any], Awaitable[Any]],
        *,
        access: Access,
        status: int = 200,
        failures: Sequence[int] = (),
        media: str = "",
    ) -> None:
        """A route. The handler takes an ApiCall, from whose types query and body come, and returns a struct.

        `failures` are statuses that it may answer beside those that follow from its kind. With `media`, it returns a
        `web.StreamResponse` of that type.
        """
        hints = get_type_hints(handler)
        _, query, body = get_args(hints["call"])
        route = _Route(
            method=method, path=path, access=access, handler=handler, name=handler.__name__,
            about=inspect.getdoc(handler) or "", query=query, body=None if body is type(None) else body,
            answer=Told(media) if media else hints["return"], status=status, failures=tuple(failures),
        )  # fmt: skip
        self._routes.append(route)
        self.application.router.add_route(method, path, partial(self._serve, route))
        if method == "GET" and not media:
            self.application.router.add_route("HEAD", path, partial(self._serve, route))
        if path not in self._methods:
            self._methods[path] = []
            self.application.router.add_route("OPTIONS", path, self._options)
        self._methods[path].append(method)

    def allows(self, origin: str) -> bool:
        """Whether pages of this origin may call."""
        return "*" in self.origins or origin in self.origins

    def document(self) -> Document:
        """The OpenAPI document."""
        kinds = [kind for route in self._routes for kind in (route.query, route.body, route.answer)]
        found = Schemas([each for each in kinds if each is not None and not isinstance(each, Told)])
        paths: dict[str, Document] = {}
        for route in self._routes:
            paths.setdefault(route.path, {})[route.method.lower()] = self._operation(route, found)
        return {
            "openapi": "3.1.0",
            "info": {"title": self._title, "version": self._version, "description": self._about},
            "servers": [{"url": "/"}],
            "paths": paths,
            "components": {"schemas": found.of_bodies(), "securitySchemes": dict(self._schemes)},
        }

    def _operation(self, route: _Route, found: Schemas) -> Document:
        operation: Document = {
            "operationId": route.name,
            "tags": [route.path.split("/")[2]],
            "summary": route.about.partition("\n")[0].rstrip("."),
            "description": f"{route.about}\n\nAccess: `{route.access.name}`.",
            "x-access": route.access.name,
            "security": [{name: [] for name in route.access.schemes}] if route.access.schemes else [],
        }
        if parameters := [*(in_path(name, self._words) for name in route.parts), *found.parameters(route.query)]:
            operation["parameters"] = parameters
        if route.body is not None:
            operation["requestBody"] = request_body(found.of(route.body))
        if isinstance(route.answer, Told):
            done = response("Done.", {"type": "string"}, route.answer.media)
        else:
            done = response("Done.", found.of(route.answer), JSON)
        failure = found.of(Failure)
        failed = {str(status): response(_WORDS[status], failure) for status in _may_fail(route)}
        operation["responses"] = {str(route.status): done, **failed}
        return operation

    async def _serve(self, route: _Route, request: web.Request) -> web.StreamResponse:
        who = await self._admit(request, route.access)
        query = read_query(request, route.query)
        body = await read_body(request, route.body)
        answer = await route.handler(ApiCall(who, request.match_info, query, body, request))
        if isinstance(answer, web.StreamResponse):
            return answer
        encoded = seen(msgspec.json.encode(answer))
        return web.Response(status=route.status, body=encoded, content_type="application/json")

    async def _options(self, request: web.Request) -> web.Response:
        """What may be asked here, also for a browser that asks for a page of another origin."""
        resource = request.match_info.route.resource
        methods = ", ".join((*self._methods[resource.canonical if resource else ""], "OPTIONS"))
        headers = {"Allow": methods}
        if self.allows(request.headers.get("Origin", "")):
            headers |= {
                "Access-Control-Allow-Methods": methods,
                "Access-Control-Allow-Headers": "authorization, content-type, x-api-key",
                "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
            }
        return web.Response(status=204, headers=headers)

    @web.middleware
    async def _careful(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Errors become JSON. What nobody expected goes on, to be counted as a fault of the plugin."""
        try:
            return await handler(request)
        except Problem as problem:
            found = problem
        except OcpiError as error:
            found = Problem(502, error.message)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            message, hint = _PATHS.get(error.status, (error.reason.lower(), ""))
            allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
            found = Problem(error.status, message, hint, allow)
        body = seen(msgspec.json.encode(Failure(Fault(found.message, found.hint))))
        return web.Response(
            status=found.status, body=body, content_type="application/json", headers=dict(found.headers)
        )

    @web.middleware
    async def _past_proxies(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """`remote` of a request becomes the address that counts."""
        if self._proxies:
            forwarded = request.headers.getall(FORWARDED, ())
            request = request.clone(remote=self._proxies.caller(request.remote, forwarded))
        return await handler(request)

    async def _harden(self, request: web.Request, answer: web.StreamResponse) -> None:
        """Every answer gets the headers that keep browsers careful, and those of CORS where its origin may ask."""
        answer.headers["Server"] = "ocpi-hub"
        for name, value in self._headers.items():
            answer.headers.setdefault(name, value)
        if self.origins:
            answer.headers["Vary"] = "Origin"
        origin = request.headers.get("Origin", "")
        if origin and self.allows(origin):
            answer.headers["Access-Control-Allow-Origin"] = "*" if "*" in self.origins else origin
            answer.headers["Access-Control-Expose-Headers"] = "Retry-After"

    async def _tell_document(self, _: web.Request) -> web.Response:
        self._made = self._made or msgspec.json.encode(self.document())
        return web.Response(body=self._made, content_type="application/json")

    async def _docs(self, _: web.Request) -> web.Response:
        return docs_page(self._title, "/openapi.json", tried=True, links={})


def _may_fail(route: _Route) -> list[int]:
    failures = {400, 429, *route.failures}
    if route.access.schemes:
        failures |= {401, 403}
    if route.parts:
        failures.add(404)
    if route.body is not None:
        failures |= {408, 413, 415}
    return sorted(failures)
