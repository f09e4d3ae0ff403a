"""Adds the custom module `reservations`, with objects that are checked, and counts what comes of them.

Off until asked for; see docs/reservations.md. In config.toml:

    [plugins.reservations]
    enabled = true
"""

from collections import Counter

from hub.ocpi.reservations import RESERVATIONS, ReservationStatus
from hub.plugin import Party, Plugin, Push, Rows, decode_json, on_push, panel

_SHOWN = ("price enquiries", "reserved", "refused", "cancelled", "changed")


class Reservations(Plugin):
    """The module, and a panel: what the eMSPs asked of each CPO since the hub started, by what came of it."""

    enabled_by_default = False
    modules = {"reservations": RESERVATIONS}

    async def start(self) -> None:
        self.counts: dict[Party, Counter[str]] = {}

    @on_push("reservations.sender")
    async def count(self, push: Push) -> None:
        if push.ok:
            owner = Party.of(*push.message.segments[:2])
            self.counts.setdefault(owner, Counter())[_outcome(push)] += 1

    @panel("Reservations since the start")
    async def show(self) -> Rows:
        rows = sorted(self.counts.items())
        return Rows(("CPO", *_SHOWN), tuple((str(owner), *(found[name] for name in _SHOWN)) for owner, found in rows))


def _outcome(push: Push) -> str:
    status = push.json().get("status")
    if push.message.method == "PATCH":
        return "cancelled" if status == ReservationStatus.INVALID else "changed"
    if status in (None, ReservationStatus.REQUEST):
        return "price enquiries"
    data = decode_json(push.reply.body).get("data")
    refused = isinstance(data, dict) and data.get("status") == ReservationStatus.INVALID
    return "refused" if refused else "reserved"
