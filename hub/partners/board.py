"""Who is there: what is published of each partner, what its breaker says, and the connections to it."""

from collections.abc import Iterable

import msgspec

from hub.core.directory import Platform, State
from hub.core.status import ConnectionStatus
from hub.partners.directory import DirectoryKeeper, now_ms
from hub.partners.liveness import Liveness, Look
from hub.partners.statuses import Statuses
from hub.store.statuses import StatusRecord
from hub.upstream import Client, PoolStats


class StatusView(msgspec.Struct, frozen=True, kw_only=True):
    """How one partner stands. `status` is what other partners were told, `since` when (milliseconds since 1970).

    `reachable` is false while the breaker is open: messages are refused at once, `why` says for what reason.
    `heard_at` is when it was last in contact since the hub started. `failures` are those in a row, `probe_in` the
    seconds until the hub looks again.
    """

    partner_id: int
    partner: str
    state: State
    status: ConnectionStatus | None
    since: int | None
    reachable: bool
    down_since: int | None
    why: str
    heard_at: int | None
    failures: int
    probe_in: float | None
    connections_in_use: int
    connections_idle: int


class Board:
    """The statuses of a hub that runs."""

    def __init__(self, keeper: DirectoryKeeper, statuses: Statuses, liveness: Liveness, client: Client) -> None:
        self._keeper = keeper
        self._statuses = statuses
        self._liveness = liveness
        self._client = client

    def all(self) -> list[StatusView]:
        """Every partner, by id."""
        connections, now = self._client.stats(), now_ms()
        platforms = sorted(self._keeper.current.platforms.values(), key=lambda each: each.id)
        return [self._view(platform, connections.get(platform.id), now) for platform in platforms]

    def some(self, platform_ids: Iterable[int]) -> list[StatusView]:
        """Some partners; those that are gone are left out."""
        connections, now, platforms = self._client.stats(), now_ms(), self._keeper.current.platforms
        found = (platforms[each] for each in platform_ids if each in platforms)
        return [self._view(platform, connections.get(platform.id), now) for platform in found]

    def _view(self, platform: Platform, pool: PoolStats | None, now: int) -> StatusView:
        published, look = self._statuses.get(platform.id), self._liveness.look(platform.id)
        return StatusView(
            partner_id=platform.id,
            partner=platform.name,
            state=platform.state,
            status=published.status if published else None,
            since=published.changed_at if published else None,
            reachable=look.reachable if look else True,
            down_since=_down_since(published, look, now),
            why=look.why if look else "",
            heard_at=None if look is None or look.heard_ago is None else now - round(look.heard_ago * 1000),
            failures=look.failures if look else 0,
            probe_in=look.probe_in if look else None,
            connections_in_use=pool.in_use if pool else 0,
            connections_idle=pool.idle if pool else 0,
        )


def _down_since(published: StatusRecord | None, look: Look | None, now: int) -> int | None:
    """When a platform was lost: before the hub started, where that was published then."""
    if look is None or look.down_for is None:
        return None
    since = now - round(look.down_for * 1000)
    offline = published is not None and published.status is ConnectionStatus.OFFLINE
    return min(since, published.changed_at) if published is not None and offline else since
