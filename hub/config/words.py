"""Plain words for what msgspec found wrong with a value."""

import re
from collections.abc import Sequence

from msgspec import inspect, json

from hub.config.origin import secret
from hub.config.spots import KeyPath
from hub.core.hiding import hide

_KINDS: dict[type[inspect.Type], str] = {
    inspect.BoolType: "true or false",
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.StrType: "text in quotes",
    inspect.DictType: "a table",
    inspect.StructType: "a table",
}
_STEP = re.compile(r"\.([^.\[`]+)|\[(\d+|\.\.\.)\]")


def takes_text(info: inspect.Type) -> bool:
    """Whether a value of this type is text, so that a variable is taken as it stands."""
    info = plain(info)
    if isinstance(info, inspect.LiteralType):
        return all(isinstance(value, str) for value in info.values)
    return isinstance(info, inspect.StrType)


def show(value: object) -> str:
    """A value as it stands in the file, short."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = hide(value)
        return json.encode(text if len(text) <= 60 else f"{text[:60]}...").decode()
    if isinstance(value, dict):
        return "a table"
    return "a list" if isinstance(value, list) else str(value)


def plain(info: inspect.Type) -> inspect.Type:
    """Without what is beside the type: descriptions, and that it may be absent."""
    if isinstance(info, inspect.Metadata):
        return plain(info.type)
    if isinstance(info, inspect.UnionType):
        rest = [one for one in info.types if not isinstance(one, inspect.NoneType)]
        return plain(rest[0]) if len(rest) == 1 else info
    return info


def explain(message: str, info: inspect.Type, value: object, path: KeyPath) -> tuple[KeyPath, str]:
    """Path and reason of what msgspec refused, followed into lists and tables as far as msgspec tells."""
    text, _, way = message.partition(" - at ")
    info = plain(info)
    for match in _STEP.finditer(way):
        inner = _item(info, match[1])
        if inner is None or match[2] == "...":
            break
        step: str | int = match[1] or int(match[2])
        info, value, path = plain(inner), value[step], (*path, step)  # type: ignore[index]
    name = _call(path)
    if secret(path):
        return path, f"{name} must be {_wanted(info)}"
    if isinstance(value, dict) and isinstance(info, inspect.DictType | inspect.StructType):
        return path, f"{name} does not fit: {text[0].lower()}{text[1:]}"
    return path, f"{name} is {show(value)}; it must be {_bound(info, value) or _wanted(info) or text}"


def _item(info: inspect.Type, field: str | None) -> inspect.Type | None:
    if field is None:
        return info.item_type if isinstance(info, inspect.CollectionType) else None
    if isinstance(info, inspect.StructType):
        return next((one.type for one in info.fields if one.encode_name == field), None)
    return None


def _call(path: KeyPath) -> str:
    """`allow_private[1]`: the key, with what leads on from it into a list."""
    start = max(at for at, part in enumerate(path) if isinstance(part, str))
    return str(path[start]) + "".join(f"[{part}]" for part in path[start + 1 :])


def _bound(info: inspect.Type, value: object) -> str | None:
    """The bound that a value of the right kind breaks."""
    if isinstance(info, inspect.StrType) and isinstance(value, str):
        return _length(info, value)
    if isinstance(info, inspect.IntType) and type(value) is int:
        return _range(info, value)
    if isinstance(info, inspect.FloatType) and type(value) in {int, float}:
        return _range(info, value)  # type: ignore[arg-type]
    return None


def _range(info: inspect.IntType | inspect.FloatType, value: float) -> str | None:
    if info.ge is not None and not value >= info.ge:
        return f"at least {info.ge}"
    if info.gt is not None and not value > info.gt:
        return f"more than {info.gt}"
    if info.le is not None and not value <= info.le:
        return f"at most {info.le}"
    return None


def _length(info: inspect.StrType, value: str) -> str | None:
    if info.min_length is not None and len(value) < info.min_length:
        return f"at least {info.min_length} characters long" if value else "filled in"
    if info.max_length is not None and len(value) > info.max_length:
        return f"at most {info.max_length} characters long"
    return f"of the form {info.pattern}" if info.pattern else None


def _wanted(info: inspect.Type) -> str:
    """What kind of value a key takes."""
    info = plain(info)
    match info:
        case inspect.LiteralType():
            return _one_of(info.values)
        case inspect.EnumType():
            return _one_of([one.value for one in info.cls])
        case inspect.CollectionType():
            return f"a list, each item {_wanted(info.item_type)}"
        case inspect.UnionType():
            return " or ".join(_wanted(one) for one in info.types)
        case _:
            return _KINDS.get(type(info), "")


def _one_of(values: Sequence[object]) -> str:
    *most, last = [show(value) for value in values]
    return f"{', '.join(most)} or {last}" if most else last
