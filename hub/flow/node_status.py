"""How each of several nodes stands, and in what it is unlike the node that tells."""

from collections.abc import Mapping, Sequence

import msgspec

from hub.core.troubles import Facts, NodeFacts, PluginFacts
from hub.flow.counted import MINUTES, SLOT
from hub.flow.known_nodes import KnownNode
from hub.flow.node_says import NodeSays
from hub.flow.pulse import traffic_of
from hub.partners.directory import now_ms

_STRETCHES = 3


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One node: one of the processes that are this hub. `here`: it is the one that tells.

    `up` and `silent_for` are in seconds; it is `there` if it was heard lately. `behind` counts changes that it has not
    taken over yet, `hub_p99` is seconds. `connections` are those of partners that are open. `differs` names what is not
    as it is on the node that tells: tables of the configuration, plugins, the version, a name that another one has.
    """

    name: str
    version: str
    started_at: int
    up: float
    leads: bool
    here: bool
    there: bool
    silent_for: float
    behind: int
    per_second: float
    hub_p99: float | None
    connections: int
    differs: tuple[str, ...]


def statuses(known: Sequence[KnownNode]) -> tuple[NodeStatus, ...]:
    """Each node, as this one knows it."""
    mine = next(each for each in known if each.here)
    newest = max(each.says.seen for each in known)
    return tuple(
        NodeStatus(
            name=each.name,
            version=each.version,
            started_at=each.started_at,
            up=each.says.up + each.silent_for,
            leads=each.leads,
            here=each.here,
            there=each.there,
            silent_for=each.silent_for,
            behind=newest - each.says.seen,
            per_second=_per_second(each.says),
            hub_p99=traffic_of([each.says]).hub_p99,
            connections=each.says.connections,
            differs=_differences(each, mine),
        )
        for each in known
    )


def _per_second(told: NodeSays) -> float:
    """Messages in the last full stretches of half a minute."""
    full = told.series[:-1][-_STRETCHES:]
    return sum(full) / (len(full) * SLOT / 1000) if full else 0.0


def _differences(node: KnownNode, mine: KnownNode) -> tuple[str, ...]:
    found = [] if node.version == mine.version else ["version"]
    found += ["name"] if node.twin else []
    found += [f"[{each}]" for each in _other_tables(node, mine)]
    return (*found, *(f"plugin {each}" for each in _other_plugins(node, mine)))


def _other_tables(node: KnownNode, mine: KnownNode) -> tuple[str, ...]:
    if node.version != mine.version or not node.says.configuration:
        return ()  # another version has other tables
    return _unlike(node.says.configuration, mine.says.configuration)


def _other_plugins(node: KnownNode, mine: KnownNode) -> tuple[str, ...]:
    if not node.says.configuration:
        return ()
    one, other = ({name: each.digest for name, each in node.says.plugins.items()} for node in (node, mine))
    return _unlike(one, other)


def _unlike(one: Mapping[str, str], other: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in {*one, *other} if one.get(name) != other.get(name)))


def machine(told: NodeSays) -> Facts:
    """What is known of the process of a node and its machine."""
    now = now_ms()
    left = told.certificate_for
    return Facts(
        now=now,
        minutes=MINUTES,
        plugins=tuple(
            PluginFacts(name=name, set_aside=each.set_aside, fault=each.fault, problem=each.problem)
            for name, each in told.plugins.items()
        ),
        disk_free=told.disk_free,
        journal_lost=told.rows_lost,
        events_lost=told.events_lost,
        certificate_ends=None if left is None else now + round(left * 1000),
    )


def facts_of(node: KnownNode, mine: KnownNode) -> NodeFacts:
    """What is known of a node."""
    return NodeFacts(
        name=node.name,
        here=node.here,
        there=node.there,
        leads=node.leads,
        version=node.version,
        silent_for=node.silent_for,
        ahead=node.ahead,
        twin=node.twin,
        tables=_other_tables(node, mine),
        plugins=_other_plugins(node, mine),
        own=machine(node.says) if node.there and not node.here else None,
    )
