"""Adds the custom module `parking`, with parking sessions that are checked. Off until asked for.

See docs/reservations.md. In config.toml:

    [plugins.parking]
    enabled = true
"""

from hub.ocpi.reservations import PARKING
from hub.plugin import Plugin


class Parking(Plugin):
    """The module, and nothing else."""

    enabled_by_default = False
    modules = {"parking": PARKING}
