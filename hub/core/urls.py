"""Where the hub's own endpoints are, below its root (`https://hub.example/ocpi`)."""

from hub.core.catalogue import WITHOUT_INTERFACES
from hub.core.modules import Interface


def endpoint_path(version: str, interface: Interface, module: str) -> str:
    """`2.2.1/sender/locations/`; in versions whose endpoints have no role, `2.1.1/locations/`."""
    if version in WITHOUT_INTERFACES:
        return f"{version}/{module}/"
    return f"{version}/{interface.lower()}/{module}/"
