"""Reads config.toml and the environment into a `Config`, or says all that is wrong with them."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct, structs

from hub.config import checks, environment, syntax
from hub.config.model import Config, PluginOptions, sections
from hub.config.origin import ConfigError, Origin, Override
from hub.config.reader import Reader
from hub.core.custom import CustomModule

T = TypeVar("T", bound=Struct)

_COMMON = frozenset(item.encode_name for item in structs.fields(PluginOptions))


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """The configuration in the file at `path` (None: the defaults), with what `environ` sets over it.

    ConfigError names everything that is wrong, with file and line, or the variable.
    """
    overrides, problems = environment.read(environ)
    origin = Origin(path, _read(path) if path else "", {one.path: one for one in overrides})
    tree = syntax.parse(origin)
    _overlay(tree, overrides)
    reader = Reader(origin, _homes())
    values: dict[str, Any] = {
        "modules": _modules(reader, tree.pop("modules", {})),
        "plugins": _plugins(reader, tree.pop("plugins", {})),
    }
    for name, kind in sections().items():
        table = reader.table(tree.pop(name, {}), (name,))
        values[name] = kind(**reader.values(kind, table, (name,)))
    for name in tree:
        reader.add((name,), _unknown(name), about_key=True)
    folder = path.parent.absolute() if path else Path.cwd()
    config = Config(**values, folder=folder, origin=origin)
    failed = frozenset(reader.failed)
    for paths, reason in checks.check(config):
        if failed.isdisjoint(paths):
            reader.add(next((one for one in paths if origin.knows(one)), paths[0]), reason)
    if problems := problems + reader.problems:
        raise ConfigError(problems)
    return config


def plugin_settings(config: Config, stem: str, kind: type[T]) -> T:
    """The table `[plugins.<stem>]` as a `kind`; ConfigError as `load` raises it.

    The keys of `PluginOptions` may stand in the table whether `kind` has them or not.
    """
    reader = Reader(config.origin)
    settings = reader.struct(kind, config.plugins.get(stem, {}), ("plugins", stem), ignore=_COMMON)
    if settings is None:
        raise ConfigError(reader.problems)
    return settings


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError([f"{path}: the configuration file can not be read: {reason}"]) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path}:{line}: the line is not UTF-8 text; save the file as UTF-8"]) from None


def _overlay(tree: dict[str, Any], overrides: Iterable[Override]) -> None:
    """Set in `tree` what the environment sets. What should be a table and is none, the reader refuses."""
    for one in overrides:
        *tables, key = one.path
        inner: Any = tree
        for step in tables:
            inner = inner.setdefault(step, {}) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner[key] = environment.guess(one.text)


def _modules(reader: Reader, value: object) -> dict[str, CustomModule]:
    tables = reader.table(value, ("modules",))
    read = {
        name: reader.struct(CustomModule, reader.table(content, ("modules", name)), ("modules", name))
        for name, content in tables.items()
    }
    return {name: module for name, module in read.items() if module}


def _plugins(reader: Reader, value: object) -> dict[str, dict[str, object]]:
    tables = reader.table(value, ("plugins",))
    plugins = {stem: reader.table(content, ("plugins", stem)) for stem, content in tables.items()}
    for stem, table in plugins.items():
        common = {key: value for key, value in table.items() if key in _COMMON}
        reader.struct(PluginOptions, common, ("plugins", stem))
    return plugins


def _homes() -> dict[str, str]:
    """The section of each key: the first that has it."""
    tables = reversed(list(sections().items()))
    return {item.encode_name: name for name, kind in tables for item in structs.fields(kind)}


def _unknown(name: str) -> str:
    known = [*sections(), "modules", "plugins"]
    if close := get_close_matches(name.lower(), known, n=1):
        return f"there is no section [{name}]; did you mean [{close[0]}]?"
    if home := _homes().get(name):
        return f"{name} stands outside of its section; it belongs in [{home}]"
    return f"there is no section [{name}]; known are {', '.join(known)}"
