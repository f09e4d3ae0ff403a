"""Tables to structs, field by field: everything that is wrong is found, with its place and in plain words."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from operator import itemgetter
from typing import Any, TypeVar

import msgspec
from msgspec import inspect, structs

from hub.config.origin import Origin
from hub.config.spots import KeyPath
from hub.config.words import explain, plain, takes_text
from hub.core.hiding import is_secret

T = TypeVar("T", bound=msgspec.Struct)


class Reader:
    """Collects the problems of one configuration. `failed` holds the paths of the values that have one."""

    def __init__(self, origin: Origin, homes: Mapping[str, str] | None = None) -> None:
        """`homes` names the section of each key of the hub, to help with one that stands in the wrong place."""
        self._problems: list[tuple[int, str]] = []
        self.failed: set[KeyPath] = set()
        self._origin = origin
        self._homes = homes or {}

    def add(self, path: KeyPath, reason: str, *, about_key: bool = False, hidden: bool = False) -> None:
        """Note that the value (or the key) at `path` is wrong; `hidden` keeps the value out of the text."""
        self.failed.add(path)
        text = self._origin.problem(path, reason, about_key=about_key, hidden=hidden)
        self._problems.append((self._origin.line(path), text))

    @property
    def problems(self) -> list[str]:
        """The problems found so far, in the order of the file; those of the environment come first."""
        return [text for _, text in sorted(self._problems, key=itemgetter(0))]

    def table(self, value: object, path: KeyPath) -> dict[str, object]:
        """`value`, which must be a table; an empty one when it is not."""
        if isinstance(value, dict):
            return value
        name = ".".join(str(part) for part in path)
        self.add(path, f"{path[-1]} must be a table, written as [{name}]", about_key=True)
        return {}

    def struct(
        self, kind: type[T], table: Mapping[str, object], path: KeyPath, ignore: Collection[str] = ()
    ) -> T | None:
        """`table` as a `kind`, or None when something in it is wrong. Keys in `ignore` are not looked at."""
        before = len(self._problems)
        values = self.values(kind, table, path, ignore)
        return self._build(kind, values, path) if len(self._problems) == before else None

    def values(
        self, kind: type[msgspec.Struct], table: Mapping[str, object], path: KeyPath, ignore: Collection[str] = ()
    ) -> dict[str, Any]:
        """Those values of `table` that are right for the fields of `kind`, by their names in Python."""
        fields = {item.encode_name: item for item in structs.fields(kind)}
        values = {}
        for key, value in table.items():
            if key in fields:
                before = len(self._problems)
                converted = self._value(fields[key].type, value, (*path, key))
                if len(self._problems) == before:
                    values[fields[key].name] = converted
            elif key not in ignore:
                self._add_unknown(key, path, fields)
        for key, item in fields.items():
            if item.required and key not in table:
                self.add(path, f"{key} is missing in [{'.'.join(map(str, path))}]", about_key=True)
        return values

    def _build(self, kind: type[T], values: dict[str, Any], path: KeyPath) -> T | None:
        try:
            return kind(**values)
        except (TypeError, ValueError) as error:
            self.add(path, str(error), about_key=True)
            return None

    def _value(self, kind: Any, value: object, path: KeyPath) -> object:
        info = inspect.type_info(kind)
        override = self._origin.overrides.get(path)
        if override and takes_text(info):
            value = override.text
        bare = plain(info)
        if isinstance(bare, inspect.StructType) and isinstance(value, dict):
            return self.struct(bare.cls, value, path)
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            self.add(*explain(str(error), info, value, path))
            return None

    def _add_unknown(self, key: str, path: KeyPath, fields: Collection[str]) -> None:
        close = get_close_matches(key.lower(), fields, n=1)
        if home := self._homes.get(key):
            advice = f"it belongs in [{home}]"
        elif close:
            advice = f"did you mean '{close[0]}'?"
        else:
            advice = f"known are {', '.join(fields)}"
        reason = f"unknown key {key!r} in [{'.'.join(map(str, path))}]; {advice}"
        self.add((*path, key), reason, about_key=True, hidden=any(map(is_secret, close)))
