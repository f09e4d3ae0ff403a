"""The nodes that share a database, as this one knows them: what it says of itself, and what it heard of the others."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache

import msgspec

from hub import __version__
from hub.flow import node_says as says
from hub.flow.node_says import NodeSays
from hub.nodes.node import GONE, Node
from hub.partners.directory import now_ms
from hub.store.roster import NodeRecord


class KnownNode(msgspec.Struct, frozen=True, kw_only=True):
    """One node. `ahead` is how many seconds its clock is ahead of that of the database, None where that is not known.

    `silent_for` is seconds since it was heard; a node that is not `there` was not heard for long, and did not say that
    it ends. `twin`: another one has the same name.
    """

    name: str
    version: str
    slot: int
    started_at: int
    leads: bool
    here: bool
    silent_for: float
    ahead: float | None
    says: NodeSays
    twin: bool = False

    @property
    def there(self) -> bool:
        """Whether it was heard lately."""
        return self.silent_for <= GONE


class KnownNodes:
    """All nodes. `own` tells what this one says of itself, right now."""

    def __init__(self, node: Node, own: Callable[[], NodeSays]) -> None:
        self._node = node
        self._own = own
        self._started_at = now_ms()
        self._started = time.monotonic()
        node.says = self._written

    @property
    def shared(self) -> bool:
        """Whether there may be several."""
        return self._node.shared

    @property
    def node(self) -> Node:
        """This one."""
        return self._node

    def all(self) -> list[KnownNode]:
        """Every node, by name; this one with what it says right now."""
        listed = self._node.listed()
        own = next((each for each in listed if self._node.is_me(each)), None)
        up = time.monotonic() - self._started
        mine = KnownNode(
            name=self._node.name,
            version=__version__,
            slot=self._node.seat.slot,
            started_at=self._started_at,
            leads=self._node.leads(),
            here=True,
            silent_for=0.0,
            ahead=_ahead(own) if own else None,
            says=msgspec.structs.replace(self._own(), up=up, seen=self._node.seen),
        )
        others = (_known_node(each) for each in listed if not self._node.is_me(each))
        return sorted(_known_once([mine, *others]), key=lambda each: (each.name, each.started_at))

    def clocks(self) -> dict[int, float]:
        """How many seconds the clock of each other node is ahead of that of the database, by slot."""
        others = (each for each in self._node.listed() if not self._node.is_me(each))
        return {each.slot: _ahead(each) or 0.0 for each in others}

    def _written(self) -> bytes:
        up = time.monotonic() - self._started
        told = msgspec.structs.replace(self._own(), up=up, seen=self._node.seen, clock=now_ms())
        partners, left_out = says.worth_telling(told.partners)
        return says.written(msgspec.structs.replace(told, partners=partners, left_out=left_out))


def _known_node(record: NodeRecord) -> KnownNode:
    return KnownNode(
        name=record.name,
        version=record.version,
        slot=record.slot,
        started_at=record.started_at,
        leads=record.leads and record.silent_for <= GONE,
        here=False,
        silent_for=record.silent_for,
        ahead=_ahead(record),
        says=_read(record.says),
    )


def _ahead(record: NodeRecord) -> float | None:
    told = _read(record.says)
    return (told.clock - record.seen_at) / 1000 if told.clock else None


def _known_once(known: Sequence[KnownNode]) -> list[KnownNode]:
    """Without those that were started anew since they fell silent; of the rest it is said who has another's name."""
    known = [each for each in known if not any(_follows(other, each) for other in known)]
    names = Counter(each.name for each in known if each.there)
    return [msgspec.structs.replace(each, twin=each.there and names[each.name] > 1) for each in known]


def _follows(newer: KnownNode, older: KnownNode) -> bool:
    """Whether a node was started after another one of its name was heard for the last time."""
    return newer.name == older.name and 0 < newer.says.up + newer.silent_for < older.silent_for


@lru_cache(maxsize=64)
def _read(told: bytes) -> NodeSays:
    """The same words are asked for by everybody who looks, until there are new ones."""
    return says.read(told)
