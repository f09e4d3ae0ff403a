"""How the hub stands right now: what `ocpi-hub status` and the dashboard's first page show."""

import shutil
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from hub import __version__
from hub.core.directory import State
from hub.core.limits import Allowance
from hub.core.troubles import Facts, PartnerFacts, PluginFacts, Trouble, troubles
from hub.flow.limits import Gate
from hub.flow.pulse import PartnerTraffic, Pulse, Traffic
from hub.partners.board import Board, StatusView
from hub.partners.directory import DirectoryKeeper, now_ms
from hub.plugin.runner import Runner


class PartnerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One partner: how it stands, what passed in the last minutes, and what of its limits it uses."""

    standing: StatusView
    version: str | None
    traffic: PartnerTraffic
    allowed: Allowance
    under_way: int


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The hub, right now. `uptime` is in seconds, `started_at` in milliseconds since 1970.

    `store` is where all is kept: the path of an SQLite file, or the URL of a PostgreSQL database, without its password.
    """

    version: str
    party: str
    versions_url: str
    store: str
    started_at: int
    uptime: float
    traffic: Traffic
    partners: tuple[PartnerStatus, ...]
    troubles: tuple[Trouble, ...]


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """Where the facts come from. `certificate_ends` and `rows_lost` are asked each time."""

    keeper: DirectoryKeeper
    board: Board
    pulse: Pulse
    gate: Gate
    plugins: Runner
    folder: Path
    store: str
    versions_url: str
    certificate_ends: Callable[[], datetime | None]
    rows_lost: Callable[[], int]


class Overview:
    """Puts the facts together."""

    def __init__(self, sources: Sources) -> None:
        self._from = sources
        self._started_at = now_ms()
        self._started = time.monotonic()

    @property
    def party(self) -> str:
        """The hub's own party."""
        return str(self._from.keeper.current.hub)

    def status(self) -> Status:
        """All of it. Costs a look at each partner; nothing is read from the store."""
        sources = self._from
        partners = tuple(self._partner(each) for each in sources.board.all())
        return Status(
            version=__version__,
            party=self.party,
            versions_url=sources.versions_url,
            store=sources.store,
            started_at=self._started_at,
            uptime=time.monotonic() - self._started,
            traffic=sources.pulse.traffic(),
            partners=partners,
            troubles=troubles(self._facts(partners)),
        )

    def _partner(self, standing: StatusView) -> PartnerStatus:
        platform = self._from.keeper.current.platforms[standing.partner_id]
        usage = self._from.gate.usage(platform)
        return PartnerStatus(
            standing=standing,
            version=platform.version,
            traffic=self._from.pulse.partner(platform.name),
            allowed=usage.allowed,
            under_way=usage.under_way,
        )

    def _facts(self, partners: tuple[PartnerStatus, ...]) -> Facts:
        sources, traffic = self._from, self._from.pulse.traffic()
        strangers, ends = sources.pulse.strangers(), sources.certificate_ends()
        return Facts(
            now=now_ms(),
            minutes=traffic.minutes,
            partners=tuple(map(_facts_of, partners)),
            plugins=tuple(
                PluginFacts(
                    name=each.name,
                    set_aside=each.state == "set aside",
                    fault=each.last_fault,
                    problem=each.problem,
                )
                for each in sources.plugins.status()
            ),
            disk_free=shutil.disk_usage(sources.folder).free,
            journal_lost=sources.rows_lost(),
            events_lost=sources.pulse.lost,
            wrong_tokens=strangers.total(),
            wrong_tokens_from=next((address for address, _ in strangers.most_common(1)), ""),
            certificate_ends=round(ends.timestamp() * 1000) if ends else None,
        )


def _facts_of(partner: PartnerStatus) -> PartnerFacts:
    standing, traffic = partner.standing, partner.traffic
    return PartnerFacts(
        id=standing.partner_id,
        name=standing.partner,
        state=State(standing.state),
        reachable=standing.reachable,
        down_since=standing.down_since,
        why=standing.why,
        token_refused=traffic.token_refused,
        delivered=traffic.delivered,
        failed=traffic.failed,
        findings=traffic.findings,
        findings_before=traffic.findings_before,
        limited=traffic.limited,
    )
