"""Configuration: config.toml and the environment, read once into frozen structs."""

from hub.config.load import load, plugin_settings
from hub.config.model import Config, Hub, Limits, Listen, Log, PluginOptions, Section, Upstream
from hub.config.origin import ConfigError

__all__ = [
    "Config",
    "ConfigError",
    "Hub",
    "Limits",
    "Listen",
    "Log",
    "PluginOptions",
    "Section",
    "Upstream",
    "load",
    "plugin_settings",
]
