"""The pages at /docs: Swagger UI from a Python package, without internet and without a script in a page."""

from collections.abc import Callable, Sequence

import msgspec
from aiohttp import web

from hub.admin.ocpi import ocpi_document, versions
from hub.admin.openapi import document
from hub.admin.routes import Route
from hub.admin.table import ROUTES
from hub.core.modules import Catalogue
from hub.plugin.openapi import Document
from hub.plugin.swagger import docs_page, static_route

_ADMIN = "/openapi.json"


class Documentation:
    """Documents and pages, each made when it is asked for the first time."""

    def __init__(self, catalogue: Catalogue, root: str, more: Callable[[], Sequence[Route]]) -> None:
        """`root` is where partners reach the hub, `more` are the routes that plugins add at this moment."""
        self._catalogue = catalogue
        self._root = root
        self._made: dict[str, bytes] = {}
        self._versions = versions(catalogue)
        self._more = more
        self._plugins: Sequence[object] = ()

    def routes(self) -> list[web.RouteDef]:
        """What to serve, and where."""
        found = [
            web.get(_ADMIN, self._admin),
            web.get("/docs", self._page),
            static_route(),
        ]
        for version in self._versions:
            found += [
                web.get(_ocpi(version), self._ocpi_document),
                web.get(f"/docs/ocpi-{version}", self._page),
            ]
        return found

    async def _admin(self, _: web.Request) -> web.Response:
        more = self._more()
        # A plugin that is loaded again has other types, also where they are named as before.
        plugins = tuple((each.path, each.method, each.query, str(each.body), str(each.answer)) for each in more)
        if plugins != self._plugins:
            self._plugins = plugins
            self._made.pop(_ADMIN, None)
        return self._answer(_ADMIN, lambda: document((*ROUTES, *more)))

    async def _ocpi_document(self, request: web.Request) -> web.Response:
        version = request.path.removeprefix("/openapi/ocpi-").removesuffix(".json")
        return self._answer(request.path, lambda: ocpi_document(self._catalogue, version, self._root))

    def _answer(self, name: str, make: Callable[[], Document]) -> web.Response:
        if name not in self._made:
            self._made[name] = msgspec.json.encode(make())
        return web.Response(body=self._made[name], content_type="application/json")

    async def _page(self, request: web.Request) -> web.Response:
        version = request.path.removeprefix("/docs").removeprefix("/ocpi-")
        titles = {"/docs": "Admin API"} | {f"/docs/ocpi-{each}": f"OCPI {each}" for each in self._versions}
        return docs_page(
            f"{titles[request.path]} of this OCPI hub",
            _ocpi(version) if version else _ADMIN,
            tried=not version,  # partners' interfaces are on another listener
            links=titles,
            current=request.path,
        )


def _ocpi(version: str) -> str:
    return f"/openapi/ocpi-{version}.json"
