"""Configuration: config.toml and the environment, read once into frozen structs."""

from hub.config.load import load, plugin_settings
from hub.config.model import Config, Hub, Limits, Listen, Liveness, Log, PluginOptions, Routing, Section, Sync, Upstream
from hub.config.origin import ConfigError

__all__ = [
    "Config",
    "ConfigError",
    "Hub",
    "Limits",
    "Listen",
    "Liveness",
    "Log",
    "PluginOptions",
    "Routing",
    "Section",
    "Sync",
    "Upstream",
    "load",
    "plugin_settings",
]
