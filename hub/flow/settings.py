"""What parts are made with, taken from the configuration: when the hub starts, and again at each reload."""

from typing import Any

from hub.config import Config
from hub.core.party import Party
from hub.flow.calls import Timing
from hub.flow.hosting import Settings as HostingSettings
from hub.flow.sync import Settings as PullSettings
from hub.partners.credentials import Identity
from hub.upstream import Limits

_LINGER = 2.0
"""Seconds that a body which nobody wants is read for, so that the answer gets through."""


def client_limits(config: Config) -> Limits:
    """The bounds of the hub's own client."""
    upstream = config.upstream
    return Limits(
        connections=upstream.connections,
        idle=upstream.idle,
        connect_timeout=upstream.connect_timeout,
        dns_timeout=upstream.dns_timeout,
        max_body=config.limits.response_body,
    )


def pulling(config: Config) -> PullSettings:
    """How the mirror is kept in step."""
    sync = config.sync
    return PullSettings(sync.interval, sync.splay, sync.pages, sync.timeout, sync.objects, config.limits.timeout)


def hosting_settings(config: Config) -> HostingSettings:
    """What holds for parties inside the hub."""
    return HostingSettings(config.limits.timeout, config.routing.page_limit)


def timing(config: Config) -> Timing:
    """Limits of one request of a partner."""
    limits = config.limits
    return Timing(limits.timeout, limits.slow_request, limits.request_body, limits.header_bytes)


def http_options(config: Config) -> dict[str, Any]:
    """How long and how large things may be on a connection from a partner."""
    limits = config.limits
    return {
        "patience": limits.slow_request,
        "write_patience": limits.timeout,
        "keepalive_timeout": limits.keepalive,
        "max_line_size": limits.header_bytes,
        "max_field_size": limits.header_bytes,
        "lingering_time": min(_LINGER, limits.slow_request),
    }


def identity(config: Config, url: str) -> Identity:
    """Who the hub is, reached at `url`."""
    hub = config.hub
    return Identity(Party.parse(hub.party), hub.name, hub.website, f"{url}/ocpi/versions", hub.list_parties)
