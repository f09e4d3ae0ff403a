"""Forms of plugins on the dashboard: what there is to fill in, and what was filled in as the plugin's own struct."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from hub.core.scopes import Scope
from hub.plugin.requests import field_and_rule
from hub.plugin.serving import Problem

Kind = Literal["text", "number", "choice", "yes-no", "list"]
_KINDS: Mapping[str, Kind] = {"string": "text", "number": "number", "integer": "number", "boolean": "yes-no"}
_YES_NO = {"yes": True, "no": False}


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to fill in. `choices` are those of a choice; a list is written with commas."""

    name: str
    kind: Kind
    about: str
    required: bool
    choices: tuple[str, ...] = ()


class FormView(msgspec.Struct, frozen=True, kw_only=True):
    """One form: its method's name, its title, what it does, and the scope of the key that it needs."""

    name: str
    title: str
    about: str
    scope: Scope
    fields: tuple[Field, ...]


def fields(kind: Any) -> tuple[Field, ...]:
    """The fields of a struct. TypeError where a form can not have one of them."""
    _, components = msgspec.json.schema_components([kind])
    schema = components.get(getattr(kind, "__name__", ""))
    if not schema or "properties" not in schema:
        raise TypeError("a form is given a struct, whose fields are filled in")
    needed = schema.get("required", ())
    return tuple(_field(name, each, components, required=name in needed) for name, each in schema["properties"].items())


def filled(kind: Any, given: Mapping[str, str]) -> Any:
    """What was filled in, as the struct. Problem 400 names the field."""
    known = {each.name: each for each in fields(kind)}
    return fitted({name: _value(known[name], text) if name in known else text for name, text in given.items()}, kind)


def fitted(values: Mapping[str, Any], kind: Any) -> Any:
    """Values of a form as their struct. Problem 400 names the field."""
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        field, rule = field_and_rule(error)
        raise Problem(400, f"{field}: {rule.lower()}" if field else rule) from None


def _field(name: str, schema: Mapping[str, Any], components: Mapping[str, Any], *, required: bool) -> Field:
    about = schema.get("description", "")
    options = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    if len(options) != 1:
        raise TypeError(f"field {name} may be of several types, which no form can say")
    (plain,) = options
    if "$ref" in plain:
        plain = components[plain["$ref"].rpartition("/")[2]]
    about = about or plain.get("description", "")
    if "enum" in plain:
        choices = tuple(str(each) for each in plain["enum"] if each is not None)
        return Field(name=name, kind="choice", about=about, required=required, choices=choices)
    kind: Kind | None = _KINDS.get(plain.get("type", ""))
    if plain.get("type") == "array" and plain["items"].get("type") == "string":
        kind = "list"
    if kind is None:
        raise TypeError(f"field {name} is of a type that no form can hold; flatten the struct")
    return Field(name=name, kind=kind, about=about, required=required)


def _value(field: Field, text: str) -> Any:
    if field.kind == "list":
        return [part for each in text.replace("\n", ",").split(",") if (part := each.strip())]
    return _YES_NO.get(text, text) if field.kind == "yes-no" else text
