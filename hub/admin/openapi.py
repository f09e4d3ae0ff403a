"""The OpenAPI 3.1 document of the admin API, made from the table of routes and the structs in it."""

from collections.abc import Sequence

from hub import __version__
from hub.admin.gate import HEADER
from hub.admin.routes import Route
from hub.core.scopes import Scope
from hub.plugin.openapi import Document, Schemas, in_path, request_body, response
from hub.plugin.serving import Failure

_FAILURES = {
    400: "Something in the request is wrong: `message` names what.",
    401: "There is no key, or it opens nothing.",
    403: "The key opens less than this needs.",
    404: "There is no such thing.",
    409: "This collides with something that is there.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    429: "Too many wrong keys came from this address.",
    502: "The partner did not do its part.",
    503: "The hub can not do this now.",
}
_PARTS = {
    "partner": ("A partner: its id, its name, or one of its parties.", "NL-TNM"),
    "module": ("A module.", "locations"),
    "owner": ("The party that owns the object.", "NL-TNM"),
    "id": ("The id of the object; of a trace: a correlation id or a request id.", "LOC1"),
    "name": ("The name of the key.", "grafana"),
    "plugin": ("The plugin: the name of its file, without .py.", "home_market"),
}


def document(routes: Sequence[Route]) -> Document:
    """The whole document."""
    types = [each for route in routes for each in (route.query, route.answer, route.body) if each is not None]
    found = Schemas(types)
    paths: dict[str, Document] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, found)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "OCPI hub: admin API",
            "version": __version__,
            "description": "What the operator of a hub sees and steers. Times are milliseconds since 1970 (UTC).",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in routes)],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": found.of_bodies(),
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": HEADER, "description": "ocpi-hub key create"}
            },
        },
    }


def _operation(route: Route, found: Schemas) -> Document:
    operation: Document = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": route.summary,
        "description": f"{route.handler.__doc__ or ''}\n\nScope: `{route.scope}`.",
        "x-scope": route.scope.value,
    }
    if parameters := [*(in_path(name, _PARTS) for name in route.parameters), *found.parameters(route.query)]:
        operation["parameters"] = parameters
    if route.body:
        operation["requestBody"] = request_body(found.of(route.body))
    failure = found.of(Failure)
    operation["responses"] = {
        str(route.status): response("Done.", found.of(route.answer)),
        **{str(status): response(_FAILURES[status], failure) for status in _may_fail(route)},
    }
    return operation


def _may_fail(route: Route) -> list[int]:
    failures = {400, 401, 429, 503}
    if route.scope is not Scope.READ:
        failures.add(403)
    if route.parameters or "partner" in route.query.__struct_fields__ or route.method == "DELETE":
        failures.add(404)
    if route.body:
        failures |= {404, 409, 413, 415, 502}
    if route.method == "POST":
        failures.add(502)
    return sorted(failures)
