"""OpenAPI 3.1 documents made from structs: what that of the admin API and those of plugins have in common."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hub.plugin.serving import Failure, Query

Document = dict[str, Any]
JSON = "application/json"
PLAIN: Document = {"type": "string", "minLength": 1}


class Schemas:
    """The schema of each type of a document, and all that they refer to: its components."""

    def __init__(self, types: Sequence[Any]) -> None:
        every = [Failure, *types]
        found, self.components = schemas(every)
        self._found = {str(kind): each for kind, each in zip(every, found, strict=True)}
        self._queries = [kind for kind in every if isinstance(kind, type) and issubclass(kind, Query)]

    def of(self, kind: Any) -> Document:
        """How a type is referred to."""
        return self._found[str(kind)]

    def parameters(self, query: type[Query]) -> list[Document]:
        """The parameters that a query is made of."""
        return list(_in_query(self.components[self._name(query)]))

    def of_bodies(self) -> Document:
        """The components without queries: what stands in parameters is no body of anything."""
        queries = {self._name(kind) for kind in self._queries}
        return {name: each for name, each in self.components.items() if name not in queries}

    def _name(self, kind: Any) -> str:
        """Which component a type is: two structs of one name get longer ones."""
        return str(self.of(kind)["$ref"]).rpartition("/")[2]


def schemas(types: Sequence[Any]) -> tuple[list[Document], Document]:
    """The schema of each type, and all that they refer to: the document's components."""
    found, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return list(found), dict(sorted(components.items()))


def in_path(name: str, words: Mapping[str, tuple[str, str]]) -> Document:
    """A part of a path. `words` has descriptions and examples of parts, by name."""
    part: Document = {"name": name, "in": "path", "required": True, "schema": dict(PLAIN)}
    if name in words:
        part["description"], part["example"] = words[name]
    return part


def response(words: str, schema: Document, media: str = JSON) -> Document:
    """An answer with a body."""
    return {"description": words, "content": {media: {"schema": schema}}}


def request_body(schema: Document) -> Document:
    """A body that has to be there, as JSON."""
    return {"required": True, "content": {JSON: {"schema": schema}}}


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
