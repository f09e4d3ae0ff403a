"""The configuration in force, for people: every key with its value, and no secret."""

from typing import Any

import msgspec

from hub.config.model import Config, sections
from hub.config.origin import secret
from hub.config.spots import KeyPath
from hub.core.hiding import HIDDEN, hide
from hub.core.redact import database_at, without_query


def effective(config: Config) -> dict[str, dict[str, Any]]:
    """Every table by its name, plugins' among them. What may be a secret is `[hidden]`."""
    fixed: dict[str, Any] = {name: getattr(config, name) for name in sections()}
    tables = msgspec.to_builtins({**fixed, "modules": config.modules, "plugins": config.plugins})
    return {name: _shown(table, (name,)) for name, table in tables.items()}


def _shown(value: Any, path: KeyPath) -> Any:
    if path == ("store", "url") and value is not None:
        return database_at(value)
    # The hub's own tables have no secrets, but keys that sound like it: how many wrong tokens there may be.
    if secret(path) and (path[0] == "plugins" or isinstance(value, str)):
        return HIDDEN
    if isinstance(value, dict):
        return {key: _shown(each, (*path, key)) for key, each in value.items()}
    if isinstance(value, list):
        return [_shown(each, (*path, index)) for index, each in enumerate(value)]
    if isinstance(value, str):
        return hide(without_query(value) if value.startswith(("http://", "https://")) else value)
    return value
