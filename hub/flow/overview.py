"""How the hub stands right now: what `ocpi-hub status` and the dashboard's first page show."""

import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from hub import __version__
from hub.core.directory import State
from hub.core.limits import Allowance
from hub.core.plain import line
from hub.core.troubles import Facts, PartnerFacts, StoreFacts, Trouble, troubles
from hub.flow.known_nodes import KnownNode, KnownNodes
from hub.flow.limits import Gate
from hub.flow.node_says import MOST_PARTNERS, NodeSays, PartnerSays, PluginSays
from hub.flow.node_status import NodeStatus, facts_of, machine, statuses
from hub.flow.pulse import PartnerTraffic, Pulse, Traffic, partner_traffic_of, traffic_of
from hub.nodes.likeness import file_digest
from hub.nodes.node import Node
from hub.partners.board import Board, StatusView
from hub.partners.directory import DirectoryKeeper, now_ms
from hub.plugin.runner import Runner

_WORDS = 200
"""Characters of a reason that a node tells."""


Told = list[tuple[str, PartnerSays | None]]
"""What each other node says of a partner, by the name of the node."""


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one node reaches a partner: `down_for` is seconds, None where it does, `why` the reason."""

    node: str
    down_for: float | None
    why: str


class PartnerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One partner: how it stands, what passed in the last minutes, and what of its limits it uses.

    What is counted is that of all nodes. `nodes` says which of them reach it, where not all do, or not all do not.
    """

    standing: StatusView
    version: str | None
    traffic: PartnerTraffic
    allowed: Allowance
    under_way: int
    nodes: tuple[Reach, ...] = ()


class StoreStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the database is to be had: not for `away_for` seconds; messages go on for `left` more then.

    `problem` says what is wrong in a few words, and is empty where nothing is.
    """

    problem: str
    away_for: float
    left: float


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The hub, right now. `uptime` is in seconds, `started_at` in milliseconds since 1970: those of this node.

    `store` is where all is kept: the path of an SQLite file, or the URL of a PostgreSQL database, without its password.
    `left_out` counts partners of which other nodes had no room to tell what passed.
    """

    version: str
    party: str
    versions_url: str
    store: str
    store_status: StoreStatus
    started_at: int
    uptime: float
    nodes: tuple[NodeStatus, ...]
    traffic: Traffic
    partners: tuple[PartnerStatus, ...]
    left_out: int
    troubles: tuple[Trouble, ...]


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """Where the facts come from. What is a function is asked each time.

    `tables` gives a digest of each table of the configuration that has to be alike on all nodes.
    """

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
    connections: Callable[[], int]
    tables: Callable[[], dict[str, str]]
    node: Node


class Overview:
    """Puts the facts together, those that other nodes tell among them."""

    def __init__(self, sources: Sources) -> None:
        self._from = sources
        self._nodes = KnownNodes(sources.node, self._own)
        self._started_at = now_ms()
        self._started = time.monotonic()

    @property
    def party(self) -> str:
        """The hub's own party."""
        return str(self._from.keeper.current.hub)

    @property
    def known_nodes(self) -> KnownNodes:
        """The nodes."""
        return self._nodes

    def nodes(self) -> tuple[NodeStatus, ...]:
        """Every node, by name."""
        return statuses(self._nodes.all())

    def count(self) -> tuple[int, int]:
        """How many nodes are there, and how many of them are not set up as this one is."""
        there = [each for each in self.nodes() if each.there]
        return len(there), sum(bool(each.differs) for each in there)

    def status(self) -> Status:
        """All of it. Costs a look at each partner; nothing is read from the store."""
        sources, known = self._from, self._nodes.all()
        told = _by_partner(known)
        views = sources.board.all()
        partners = tuple(
            self._partner(view, counted, told[view.partner_id])
            for view, counted in zip(views, self._counted(views), strict=True)
        )
        traffic = traffic_of([each.says for each in known if each.there])
        return Status(
            version=__version__,
            party=self.party,
            versions_url=sources.versions_url,
            store=sources.store,
            store_status=self._store(),
            started_at=self._started_at,
            uptime=time.monotonic() - self._started,
            nodes=statuses(known),
            traffic=traffic,
            partners=partners,
            left_out=sum(each.says.left_out for each in known if each.there),
            troubles=troubles(self._facts(partners, known)),
        )

    def _store(self) -> StoreStatus:
        node = self._from.node
        return StoreStatus(problem=node.problem, away_for=node.without_store_for, left=node.alone_for)

    def _own(self) -> NodeSays:
        """What this node tells the others: of partners only where there is something to tell."""
        sources, directory = self._from, self._from.keeper.current
        ids = {each.name: each.id for each in directory.platforms.values()}
        active = (ids[name] for name in sources.pulse.active(MOST_PARTNERS) if name in ids)
        views = sources.board.some(dict.fromkeys((*directory.offline, *active)))
        ends = sources.certificate_ends()
        return msgspec.structs.replace(
            sources.pulse.node(),
            connections=sources.connections(),
            rows_lost=sources.rows_lost(),
            disk_free=shutil.disk_usage(sources.folder).free,
            certificate_for=ends.timestamp() - time.time() if ends else None,
            configuration=sources.tables(),
            plugins=self._plugins(),
            partners=tuple(map(self._says, views, self._counted(views))),
        )

    def _counted(self, views: Iterable[StatusView]) -> list[PartnerSays]:
        return self._from.pulse.told((each.partner_id, each.partner) for each in views)

    def _says(self, view: StatusView, counted: PartnerSays) -> PartnerSays:
        now, platform = now_ms(), self._from.keeper.current.platforms[view.partner_id]
        return msgspec.structs.replace(
            counted,
            heard_ago=None if view.heard_at is None else (now - view.heard_at) / 1000,
            down_for=None if view.reachable else (now - (view.down_since or now)) / 1000,
            why=line(view.why, _WORDS),
            under_way=self._from.gate.usage(platform).under_way,
            in_use=view.connections_in_use,
            idle=view.connections_idle,
        )

    def _plugins(self) -> dict[str, PluginSays]:
        digests = self._from.plugins.digests()
        return {
            each.name: PluginSays(
                digest=file_digest(digests.get(each.name, b"")) if each.state != "disabled" else "",
                set_aside=each.state == "set aside",
                fault=line(each.last_fault, _WORDS),
                problem=line(each.problem, _WORDS),
            )
            for each in self._from.plugins.status()
        }

    def _partner(self, standing: StatusView, counted: PartnerSays, told: Told) -> PartnerStatus:
        """One partner. `counted` is what this node says of it, `told` what each other one does."""
        platform = self._from.keeper.current.platforms[standing.partner_id]
        usage = self._from.gate.usage(platform)
        others = [each for _, each in told if each]
        now = now_ms()
        heard = [now - round(each.heard_ago * 1000) for each in others if each.heard_ago is not None]
        heard += [] if standing.heard_at is None else [standing.heard_at]
        return PartnerStatus(
            standing=msgspec.structs.replace(
                standing,
                heard_at=max(heard, default=None),
                connections_in_use=standing.connections_in_use + sum(each.in_use for each in others),
                connections_idle=standing.connections_idle + sum(each.idle for each in others),
            ),
            version=platform.version,
            traffic=partner_traffic_of([counted, *others]),
            allowed=usage.allowed,
            under_way=usage.under_way + sum(each.under_way for each in others),
            nodes=self._reaches(standing, told),
        )

    def _reaches(self, standing: StatusView, told: Told) -> tuple[Reach, ...]:
        """Which nodes reach a partner; empty where all agree."""
        down_for = None if standing.reachable else (now_ms() - (standing.down_since or now_ms())) / 1000
        own = Reach(node=self._from.node.name, down_for=down_for, why=standing.why)
        others = [
            Reach(node=name, down_for=each.down_for if each else None, why=each.why if each else "")
            for name, each in told
        ]
        agreed = len({each.down_for is None for each in (own, *others)}) == 1
        return () if agreed else tuple(sorted((own, *others), key=lambda each: each.node))

    def _facts(self, partners: tuple[PartnerStatus, ...], known: Sequence[KnownNode]) -> Facts:
        mine = next(each for each in known if each.here)
        others = [each for each in known if each.there and not each.here]
        store = self._store()
        strangers: Counter[str] = Counter()
        for each in (mine, *others):
            strangers.update(each.says.strangers)
        return msgspec.structs.replace(
            machine(mine.says),
            partners=tuple(map(_facts_of, partners)),
            wrong_tokens=sum(each.says.wrong_tokens for each in (mine, *others)),
            wrong_tokens_from=next((address for address, _ in strangers.most_common(1)), ""),
            nodes=tuple(facts_of(each, mine) for each in known),
            store=StoreFacts(problem=store.problem, away_for=store.away_for, left=store.left),
        )


def _by_partner(known: Iterable[KnownNode]) -> defaultdict[int, Told]:
    """What each other node that is there says of each partner; None where it says nothing."""
    others = [each for each in known if each.there and not each.here]
    found: defaultdict[int, Told] = defaultdict(lambda: [(each.name, None) for each in others])
    for place, each in enumerate(others):
        for one in each.says.partners:
            found[one.id][place] = each.name, one
    return found


def _facts_of(partner: PartnerStatus) -> PartnerFacts:
    standing, traffic = partner.standing, partner.traffic
    return PartnerFacts(
        id=standing.partner_id,
        name=standing.partner,
        state=State(standing.state),
        reachable=standing.reachable or bool(partner.nodes),
        unreachable_from=tuple(each.node for each in partner.nodes if each.down_for is not None),
        down_since=standing.down_since,
        why=standing.why,
        token_refused=traffic.token_refused,
        delivered=traffic.delivered,
        failed=traffic.failed,
        findings=traffic.findings,
        findings_before=traffic.findings_before,
        limited=traffic.limited,
    )
