"""Where the hub's own endpoints are, below its root (`https://hub.example/ocpi`), and those of parties inside it."""

from urllib.parse import quote, unquote, urlsplit

from hub.core.catalogue import WITHOUT_INTERFACES
from hub.core.modules import Interface
from hub.core.party import Party

HOSTED = ".hosted.invalid"
"""End of the host names of parties that live in the hub: names that can not be looked up (RFC 6761)."""

RESULTS = "https://results.invalid/"
"""Where a `response_url` of the hub itself leads, under its seal: to no host, as the hub takes such results itself."""


_INSIDE = ".invalid"


def is_inside(host: str) -> bool:
    """Whether a host name is one that stands for the hub itself or a party in it: nobody else has a URL there."""
    return host.endswith(_INSIDE)


def endpoint_path(version: str, interface: Interface, module: str) -> str:
    """`2.2.1/sender/locations/`; in versions whose endpoints have no role, `2.1.1/locations/`."""
    if version in WITHOUT_INTERFACES:
        return f"{version}/{module}/"
    return f"{version}/{interface.lower()}/{module}/"


def hosted_root(stem: str, party: Party) -> str:
    """The URL, without a slash, of a party that the plugin in the file `stem` is."""
    return f"http://{party.id.lower()}{HOSTED}/{quote(stem, safe='')}/ocpi"


def hosted_by(versions_url: str | None) -> str | None:
    """The plugin that is the platform with this versions URL; None where it is one of its own."""
    if versions_url is None or HOSTED not in versions_url:
        return None
    parts = urlsplit(versions_url)
    return unquote(parts.path.split("/")[1]) if (parts.hostname or "").endswith(HOSTED) else None
