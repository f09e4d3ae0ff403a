"""What every simulated party does: it remembers what a hub tells of others, and says what it could not deliver."""

from collections.abc import Callable

import msgspec

from hub.core.party import Party
from hub.ocpi import v2_2_1 as ocpi
from hub.plugin.party import Answer
from hub.plugin.party.v2_2_1 import Connected
from hub.sim.objects import Objects


class Told(Connected):
    """`their_statuses` holds the latest ClientInfo of each party and role (15.3.1); `lost` takes what went wrong."""

    def __init__(self) -> None:
        self.their_statuses = Objects("role")
        self.lost: Callable[[str], None] = lambda text: self.log.warning("not_delivered", what=text)

    async def start(self) -> None:
        self.seed(3)

    def seed(self, count: int) -> None:
        """Have `count` of what this party owns, always the same ones; what is there stays."""

    async def put_client_info(self, info: ocpi.ClientInfo) -> bool:
        return self.their_statuses.keep(info)

    async def get_client_info(self, owner: Party) -> ocpi.ClientInfo | None:
        """The path names no role: of a party with several, the first that was told."""
        found = self.their_statuses.of(owner)
        return msgspec.convert(found[0], ocpi.ClientInfo) if found else None

    def delivered(self, what: str, answer: Answer) -> None:
        """Say so where a push or a result that nobody waits for did not arrive: it is not sent again."""
        if not answer.ok:
            self.lost(f"{what}: HTTP {answer.status}, status_code {answer.code}: {answer.message}")
