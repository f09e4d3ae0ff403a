"""Routes of the admin API about plugins, and those that plugins add: found anew for each request, as plugins change."""

from collections.abc import Awaitable, Callable
from urllib.parse import unquote

import msgspec
from aiohttp import web

from hub.admin.routes import PREFIX, Call, Page, Paging, Query, Route
from hub.control import needed
from hub.core.plain import seen
from hub.core.scopes import Scope
from hub.errors import NotFound
from hub.plugin import serving
from hub.plugin.panels import Panel
from hub.plugin.reception import Reached, Reception, written
from hub.plugin.requests import read_body, read_query
from hub.plugin.services import RESERVED, Service
from hub.plugin.serving import Problem
from hub.plugin.status import PluginStatus

Admit = Callable[[web.Request, Scope], Awaitable[object]]

_API, _WEB = f"{PREFIX}/plugins/", "/plugins/"


class Panels(msgspec.Struct, frozen=True):
    """What a plugin shows, in the order of its file."""

    panels: tuple[Panel, ...]


async def list_plugins(call: Call[Paging, None]) -> Page[PluginStatus]:
    """Every plugin, with its faults and times."""
    return Page.of(needed(call.do.plugins).status(), lambda each: (each.name,), call.query)


async def show_plugin(call: Call[Query, None]) -> PluginStatus:
    """One plugin, with its faults and times."""
    for each in needed(call.do.plugins).status():
        if each.name == call.path["plugin"]:
            return each
    raise NotFound(f"there is no plugin {call.path['plugin']!r}; see the list of plugins")


async def show_panels(call: Call[Query, None]) -> Panels:
    """What a plugin shows: figures, tables and charts."""
    return Panels(await needed(call.do.plugins).reception.panels(call.path["plugin"]))


async def reset_plugin(call: Call[Query, None]) -> PluginStatus:
    """Call a plugin again that was set aside after repeated faults."""
    try:
        await needed(call.do.plugins).reset(call.path["plugin"])
    except LookupError as reason:
        raise NotFound(str(reason)) from None
    return await show_plugin(call)


class PluginRoutes:
    """Hands requests to plugins. `admit` lets in who has a key."""

    def __init__(self, reception: Reception, admit: Admit) -> None:
        self._reception = reception
        self._admit = admit

    def routes(self) -> list[web.RouteDef]:
        """What to serve, and where: all that is below a plugin's name and not the hub's own."""
        return [
            web.route("*", f"{_API}{{plugin}}/{{rest:.+}}", self._api),
            web.route("*", f"{_WEB}{{plugin}}/{{rest:.+}}", self._web),
        ]

    async def _api(self, request: web.Request) -> web.Response:
        reached = await self._reach("admin_route", request, _API)
        service = reached.service
        query = read_query(request, service.query)
        body = await read_body(request, service.body)
        answer = await self._reception.serve(reached, serving.Call(dict(reached.path), query, body))
        encoded = seen(written(reached, answer))
        return web.Response(status=service.mark.status, body=encoded, content_type="application/json")

    async def _web(self, request: web.Request) -> web.StreamResponse:
        reached = await self._reach("web_route", request, _WEB)
        answer = await self._reception.serve(reached, request, seconds=None)
        if not isinstance(answer, web.StreamResponse):
            wrong = "returned no web.StreamResponse"
            reached.running.blame(reached.service.name, wrong)
            raise Problem(500, f"{reached.service.name} of the plugin {wrong}")
        return answer

    async def _reach(self, kind: str, request: web.Request, prefix: str) -> Reached:
        plugin, *parts = (unquote(part) for part in request.rel_url.raw_path.removeprefix(prefix).split("/"))
        method = "GET" if request.method == "HEAD" else request.method
        if kind == "admin_route" and parts[0] in RESERVED:
            raise Problem(405, "this path has no such method", "see /docs", {"Allow": RESERVED[parts[0]]})
        try:
            reached = self._reception.reach(kind, plugin, method, parts)
        except Problem:
            await self._admit(request, Scope.READ)  # who has no key does not learn what is there
            raise
        await self._admit(request, reached.service.mark.scope)
        return reached


def plugin_routes(reception: Reception) -> list[Route]:
    """What plugins add to the API, as it is now: for the OpenAPI document."""
    return [_described(plugin, service) for plugin, service in reception.routes()]


def _described(plugin: str, service: Service) -> Route:
    async def handler(_: Call[Query, None]) -> None:
        """A plugin's route is reached through `PluginRoutes`."""

    handler.__name__ = f"{plugin}_{service.name}"
    handler.__doc__ = service.about
    mark = service.mark
    return Route(
        mark.method, f"{_API}{plugin}{mark.path}", mark.scope, handler, service.query, service.body, service.answer,
        service.summary, mark.status,
    )  # fmt: skip
