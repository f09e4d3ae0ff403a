"""The pages at /docs: Swagger UI from a Python package, without internet and without a script in a page."""

import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import openapi_ui_bundles
from aiohttp import web

from hub.admin.ocpi import ocpi_document, versions
from hub.admin.openapi import Document, document
from hub.admin.routes import Route
from hub.admin.table import ROUTES
from hub.core.modules import Catalogue

_OWN = Path(__file__).with_name("static")
_SWAGGER = Path(openapi_ui_bundles.swagger_ui.static_path)
_FILES: Mapping[str, Path] = {
    "docs.js": _OWN / "docs.js",
    "docs.css": _OWN / "docs.css",
    "swagger-ui-bundle.js": _SWAGGER / "swagger-ui-bundle.js",
    "swagger-ui.css": _SWAGGER / "swagger-ui.css",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="/docs/static/swagger-ui.css">
<link rel="stylesheet" href="/docs/static/docs.css">
<script src="/docs/static/swagger-ui-bundle.js" defer></script>
<script src="/docs/static/docs.js" defer></script>
</head>
<body>
<nav>{links}</nav>
<main id="docs" data-url="{url}" data-try="{tried}"></main>
</body>
</html>
"""
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
            web.get("/docs/static/{name}", _static),
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
        pages = {"": ("Admin API", "/docs")} | {each: (f"OCPI {each}", f"/docs/ocpi-{each}") for each in self._versions}
        current = ' aria-current="page"'
        links = " ".join(
            f'<a href="{path}"{current if each == version else ""}>{html.escape(name)}</a>'
            for each, (name, path) in pages.items()
        )
        page = _PAGE.format(
            title=html.escape(f"{pages[version][0]} of this OCPI hub"),
            links=links,
            url=_ocpi(version) if version else _ADMIN,
            tried="no" if version else "yes",  # partners' interfaces are on another listener
        )
        return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": _POLICY})


async def _static(request: web.Request) -> web.FileResponse:
    file = _FILES.get(request.match_info["name"])
    if file is None:
        raise web.HTTPNotFound
    return web.FileResponse(file, headers={"Cache-Control": "max-age=3600"})


def _ocpi(version: str) -> str:
    return f"/openapi/ocpi-{version}.json"
