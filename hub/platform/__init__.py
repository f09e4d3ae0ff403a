"""One party as an OCPI platform of its own: the plugin that a hub would host, served over HTTP without a hub."""

from hub.platform.app import PlatformApp
from hub.platform.loading import OneFile, platform_config

__all__ = ["OneFile", "PlatformApp", "platform_config"]
