"""The OpenAPI 3.1 document of the admin API, made from the table of routes and the structs in it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hub import __version__
from hub.admin.gate import HEADER
from hub.admin.problems import Failure
from hub.admin.routes import Query, Route
from hub.core.scopes import Scope

Document = dict[str, Any]

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


def schemas(types: Sequence[Any]) -> tuple[list[Document], Document]:
    """The schema of each type, and all that they refer to: the document's components."""
    found, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return list(found), dict(sorted(components.items()))


def document(routes: Sequence[Route]) -> Document:
    """The whole document."""
    types: list[Any] = [Failure]
    for route in routes:
        types += [route.query, route.answer, *([route.body] if route.body else [])]
    found, components = schemas(types)
    schema = {_key(kind): each for kind, each in zip(types, found, strict=True)}
    paths: dict[str, Document] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema, components)
    for kind in types:
        if isinstance(kind, type) and issubclass(kind, Query):
            components.pop(_name(schema[_key(kind)]), None)  # what stands in parameters is no body of anything
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
            "schemas": components,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": HEADER, "description": "ocpi-hub key create"}
            },
        },
    }


def _operation(route: Route, schema: Mapping[str, Document], components: Document) -> Document:
    operation: Document = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": route.summary,
        "description": f"{route.handler.__doc__ or ''}\n\nScope: `{route.scope}`.",
        "x-scope": route.scope.value,
    }
    if parameters := [*_in_path(route), *_in_query(components[_name(schema[_key(route.query)])])]:
        operation["parameters"] = parameters
    if route.body:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema[_key(route.body)]}},
        }
    failure = schema[_key(Failure)]
    operation["responses"] = {
        str(route.status): _response("Done.", schema[_key(route.answer)]),
        **{str(status): _response(_FAILURES[status], failure) for status in _may_fail(route)},
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


def _response(words: str, schema: Document) -> Document:
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _in_path(route: Route) -> list[Document]:
    return [_part(name) for name in route.parameters]


def _part(name: str) -> Document:
    part: Document = {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    if name in _PARTS:  # a plugin may have others
        part["description"], part["example"] = _PARTS[name]
    return part


def _name(schema: Document) -> str:
    """Which component a schema refers to: two structs of one name get longer ones."""
    return str(schema["$ref"]).rpartition("/")[2]


def _in_query(struct: Document) -> list[Document]:
    required = struct.get("required", ())
    parameters = []
    for name, given in struct.get("properties", {}).items():
        schema = dict(given)
        words = schema.pop("description", "")
        parameters.append(
            {"name": name, "in": "query", "required": name in required, "description": words, "schema": _plain(schema)}
        )
    return parameters


def _plain(schema: Document) -> Document:
    """Of a parameter that may be left out: what it is where it is there. A query has no null."""
    choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(choices) != 1:
        return schema
    rest = {name: each for name, each in schema.items() if name not in ("anyOf", "default")}
    return {**choices[0], **rest}


def _key(kind: Any) -> str:
    return str(kind)
