"""Swagger UI for a document of OpenAPI: from a Python package, without internet and without a script in a page."""

import html
from collections.abc import Mapping
from pathlib import Path

import openapi_ui_bundles
from aiohttp import web

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


def static_route() -> web.RouteDef:
    """Where the page finds its scripts and styles."""
    return web.get("/docs/static/{name}", _static)


def docs_page(title: str, url: str, *, tried: bool, links: Mapping[str, str], current: str = "") -> web.Response:
    """The page of the document at `url`. `tried`: its requests can be sent. `links` are other pages, by path."""
    here = ' aria-current="page"'
    shown = " ".join(
        f'<a href="{path}"{here if path == current else ""}>{html.escape(name)}</a>' for path, name in links.items()
    )
    page = _PAGE.format(title=html.escape(title), links=shown, url=url, tried="yes" if tried else "no")
    return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": _POLICY})


async def _static(request: web.Request) -> web.FileResponse:
    file = _FILES.get(request.match_info["name"])
    if file is None:
        raise web.HTTPNotFound
    return web.FileResponse(file, headers={"Cache-Control": "max-age=3600"})
