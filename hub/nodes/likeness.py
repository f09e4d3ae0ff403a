"""Digests of what has to be alike on all nodes, so that one which was set up otherwise is found."""

import hashlib
import hmac
from collections.abc import Mapping

import msgspec

from hub.config import Config
from hub.config.model import sections

_OWN: Mapping[str, frozenset[str]] = {
    "admin": frozenset(("host", "names", "port", "trusted_proxies")),
    "hub": frozenset(("data", "event_loop", "plugins")),
    "listen": frozenset(("backlog", "certificate", "client_ca", "host", "key", "port")),
    "log": frozenset(("format", "level")),
    "store": frozenset(("connections", "key_file", "url")),
    "telemetry": frozenset(("endpoint",)),
    "upstream": frozenset(("ca_file",)),
}
"""What each node may have of its own: where it runs, and where its files are."""
_DIGITS = 16


class Likeness:
    """Makes digests. `key` is one that all nodes have: a digest of settings must not give a password away."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._of: Config | None = None
        self._digests: dict[str, str] = {}

    def tables(self, config: Config) -> dict[str, str]:
        """A digest of each table of the configuration."""
        if config is not self._of:
            fixed = {name: getattr(config, name) for name in sections() if name != "node"}
            plugins = {f"plugins.{name}": table for name, table in config.plugins.items()}
            tables = msgspec.to_builtins({**fixed, **plugins, "modules": config.modules})
            self._digests = {name: self._digest(name, table) for name, table in tables.items()}
            self._of = config
        return self._digests

    def _digest(self, name: str, table: Mapping[str, object]) -> str:
        own = _OWN.get(name, frozenset())
        alike = {key: value for key, value in table.items() if key not in own}
        text = msgspec.json.encode(alike, order="deterministic")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[:_DIGITS]


def file_digest(digest: bytes) -> str:
    """The digest of a plugin's files, as it is told."""
    return digest.hex()[:_DIGITS]
