"""Configuration: config.toml and the environment, read once into frozen structs."""

from hub.config.load import load, plugin_settings
from hub.config.model import (
    Admin,
    Config,
    Hub,
    Limits,
    Listen,
    Liveness,
    PartnerLimits,
    PluginOptions,
    Routing,
    Sync,
    TlsFiles,
    Upstream,
)
from hub.config.origin import ConfigError
from hub.config.section import Section
from hub.config.storing import Journal, Node, Store
from hub.config.telling import Log, Telemetry

__all__ = [
    "Admin",
    "Config",
    "ConfigError",
    "Hub",
    "Journal",
    "Limits",
    "Listen",
    "Liveness",
    "Log",
    "Node",
    "PartnerLimits",
    "PluginOptions",
    "Routing",
    "Section",
    "Store",
    "Sync",
    "Telemetry",
    "TlsFiles",
    "Upstream",
    "load",
    "plugin_settings",
]
