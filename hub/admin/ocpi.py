"""OpenAPI 3.1 documents of the hub's OCPI interfaces, one for each version, from the catalogue and the structs."""

import re
from collections.abc import Iterable
from typing import Any

from hub import __version__
from hub.core.catalogue import WITHOUT_INTERFACES
from hub.core.modules import Catalogue, Interface, Operation, UrlIn, is_placeholder
from hub.core.urls import endpoint_path
from hub.ocpi.kinds import VERSIONS, body_struct, struct_in, struct_of
from hub.plugin.openapi import Document, schemas

_CLIENT_INFO = "hubclientinfo"
_ROUTING = (
    ("OCPI-from-country-code", "Country code of the sending party."),
    ("OCPI-from-party-id", "Party id of the sending party."),
    ("OCPI-to-country-code", "Country code of the receiving party; the hub's own for a broadcast or GET All."),
    ("OCPI-to-party-id", "Party id of the receiving party. Without it: open routing."),
)
_PAGING = (
    ("date_from", "Only objects that were updated at or after this moment.", {"type": "string", "format": "date-time"}),
    ("date_to", "Only objects that were updated before this moment.", {"type": "string", "format": "date-time"}),
    ("offset", "How many objects to pass over.", {"type": "integer", "minimum": 0}),
    ("limit", "Most objects of one page.", {"type": "integer", "minimum": 1}),
)
_WHERE = {UrlIn.BODY: "{$request.body#/response_url}", UrlIn.QUERY: "{$request.query.response_url}"}
_DIGITS = re.compile(r"\W+")


def ocpi_document(catalogue: Catalogue, version: str, root: str) -> Document:
    """The document of one version. `root` is where partners reach the hub, without `/ocpi`."""
    rows = [row for row in catalogue.operations() if row.version == version and row.path != ("{url}",)]
    kinds = _Kinds(version, rows)
    paths: dict[str, Document] = {}
    named: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: (row.module, row.interface == Interface.SENDER, row.path)):
        path = f"/ocpi/{endpoint_path(version, row.interface, row.module)}{'/'.join(row.path)}".rstrip("/")
        # Where URLs do not name the side (2.1.1), paths of both sides may have one shape: they are one path.
        path = named.setdefault(_shape(path), path)
        methods = paths.setdefault(path, {})
        operation = _operation(row, path, kinds)
        methods[row.method.lower()] = (
            _both(methods[row.method.lower()], operation) if row.method.lower() in methods else operation
        )
    paths |= _configuration(version, kinds)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"OCPI hub: OCPI {version}",
            "version": __version__,
            "description": f"The interfaces of OCPI {version} that partners of this hub use.",
        },
        "servers": [{"url": root}],
        "tags": [
            {"name": tag} for tag in dict.fromkeys(each["tags"][0] for path in paths.values() for each in path.values())
        ],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": kinds.components,
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`Token ` and the credentials token in Base64.",
                }
            },
        },
    }


class _Kinds:
    """The schemas of the kinds of objects that a version's rows name."""

    def __init__(self, version: str, rows: Iterable[Operation]) -> None:
        wanted = [struct_of(version, name) for name in ("Version", "VersionDetails", "Credentials", "ClientInfo")]
        for row in rows:
            wanted += [body_struct(row), *(struct_in(row, kind) for kind in (row.data, row.result))]
        structs = list(dict.fromkeys(each for each in wanted if each is not None))
        found, self.components = schemas(structs)
        self._schemas = dict(zip(structs, found, strict=True))
        self._version = version

    def schema(self, struct: Any) -> Document:
        """The schema of a struct; anything where there is none (most custom modules)."""
        found: Document = self._schemas.get(struct, {})
        return found

    def named(self, kind: str) -> Document:
        """The schema of a kind of OCPI's own."""
        return self.schema(struct_of(self._version, kind))

    def knows(self, kind: str) -> bool:
        """Whether the version has such a kind."""
        return struct_of(self._version, kind) in self._schemas


def _operation(row: Operation, path: str, kinds: _Kinds) -> Document:
    side = "sender" if row.interface is Interface.SENDER else "receiver"
    operation: Document = {
        "operationId": _DIGITS.sub("_", f"{row.method}_{side}_{row.module}_{'_'.join(row.path)}").strip("_").lower(),
        "tags": [f"{row.module} ({side})"],
        "summary": f"{row.method} {'/'.join((row.module, *row.path))}",
        "parameters": [*_in_path(path), *_headers(row), *(_paging() if row.is_list else ())],
        "responses": {
            "200": _answer(_data(row, kinds)),
            "default": _answer({}, "Something is wrong: `status_code` is 2000 or more."),
        },
    }
    if row.has_body:
        schema = kinds.schema(body_struct(row))
        operation["requestBody"] = {"required": not row.bare, "content": {"application/json": {"schema": schema}}}
    if row.url in _WHERE and row.result:
        operation["callbacks"] = {"result": {_WHERE[row.url]: {"post": _later(row, kinds)}}}
    if row.url is UrlIn.QUERY:
        operation["parameters"].append(
            _query("response_url", "Where the outcome goes.", {"type": "string", "format": "uri"})
        )
    return operation


def _later(row: Operation, kinds: _Kinds) -> Document:
    """The outcome of a command, which comes to the URL that was given with it."""
    return {
        "summary": f"POST {row.result}",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": kinds.schema(struct_in(row, row.result))}},
        },
        "responses": {"200": _answer({})},
    }


def _both(one: Document, other: Document) -> Document:
    """Two operations at one method and path: the sender's and the receiver's of OCPI 2.1.1."""
    answers = [
        each["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["data"] for each in (one, other)
    ]
    words = f"{one['summary']}; or {other['summary']}, which this URL reads as well."
    merged = {**one, "description": words, "responses": {**one["responses"], "200": _answer({"anyOf": answers})}}
    return merged if answers[0] != answers[1] else {**one, "description": words}


def _data(row: Operation, kinds: _Kinds) -> Document:
    schema = kinds.schema(struct_in(row, row.data))
    return {"type": "array", "items": schema} if row.is_list else schema


def _answer(data: Document, words: str = "Answered, with `status_code` 1000.") -> Document:
    envelope = {
        "type": "object",
        "required": ["status_code", "timestamp"],
        "properties": {
            "status_code": {"type": "integer"},
            "status_message": {"type": "string"},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": data,
        },
    }
    return {"description": words, "content": {"application/json": {"schema": envelope}}}


def _configuration(version: str, kinds: _Kinds) -> dict[str, Document]:
    """The modules by which a partner connects, and hears of the others."""
    listed = {"type": "array", "items": kinds.named("Version")}
    credentials = {"application/json": {"schema": kinds.named("Credentials")}}
    done = {"200": _answer(kinds.named("Credentials")), "default": _answer({}, "It did not work.")}

    def plain(name: str, tag: str, summary: str, data: Document) -> Document:
        return {
            "operationId": name,
            "tags": [tag],
            "summary": summary,
            "responses": {"200": _answer(data), "default": _answer({}, "It did not work.")},
        }

    paths: dict[str, Document] = {
        "/ocpi/versions": {"get": plain("get_versions", "versions", "GET versions", listed)},
        f"/ocpi/{version}": {
            "get": plain("get_details", "versions", "GET version details", kinds.named("VersionDetails"))
        },
        f"/ocpi/{version}/credentials": {
            "get": plain("get_credentials", "credentials", "GET the hub's credentials", kinds.named("Credentials")),
            **{
                method: {
                    "operationId": f"{method}_credentials",
                    "tags": ["credentials"],
                    "summary": summary,
                    "requestBody": {"required": True, "content": credentials},
                    "responses": done,
                }
                for method, summary in (("post", "POST: register"), ("put", "PUT: renew the registration"))
            },
            "delete": plain("delete_credentials", "credentials", "DELETE: end the registration", {}),
        },
    }
    if kinds.knows("ClientInfo") and version not in WITHOUT_INTERFACES:
        infos = {"type": "array", "items": kinds.named("ClientInfo")}
        operation = plain("get_sender_hubclientinfo", _CLIENT_INFO, "GET hubclientinfo", infos)
        paths[f"/ocpi/{endpoint_path(version, Interface.SENDER, _CLIENT_INFO)}".rstrip("/")] = {
            "get": {**operation, "parameters": _paging()}
        }
    return paths


def _in_path(path: str) -> list[Document]:
    return [
        {"name": part.strip("{}"), "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for part in path.split("/")
        if is_placeholder(part)
    ]


def _headers(row: Operation) -> list[Document]:
    routing = () if row.version in WITHOUT_INTERFACES else _ROUTING
    text = {"type": "string"}
    ids = (("X-Request-ID", "Of this request."), ("X-Correlation-ID", "Of all requests that belong together."))
    return [{"name": name, "in": "header", "description": words, "schema": text} for name, words in (*routing, *ids)]


def _paging() -> list[Document]:
    return [_query(*each) for each in _PAGING]


def _query(name: str, words: str, schema: Document) -> Document:
    return {"name": name, "in": "query", "description": words, "schema": schema}


def _shape(path: str) -> str:
    return "/".join("{}" if is_placeholder(part) else part for part in path.split("/"))


def versions(catalogue: Catalogue) -> tuple[str, ...]:
    """The versions that have a document."""
    return tuple(version for version in catalogue.versions if version in VERSIONS)
