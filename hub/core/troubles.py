"""What is wrong right now, in plain words, and what to do about each: for the terminal, the dashboard and the log.

A pure function of facts. Names and reasons may come from partners: who shows them has to make them harmless.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec

from hub.core.directory import State

MINUTE = 60_000
DISK_LOW = 500 * 2**20
CERTIFICATE_SOON = 14 * 24 * 60 * MINUTE
_FEW = 20
"""Below so many, nothing is said of a share or a rise."""
_SEVERAL = 2
_NAMED = 5
"""So many things that differ are named."""
_SKEW = 5.0
_FAILING = 0.2
_RISE = 3


class Level(StrEnum):
    """How bad it is."""

    BAD = "bad"
    """Messages are lost, or nearly."""
    WARNING = "warning"
    """It works, and somebody should look."""


class Trouble(msgspec.Struct, frozen=True):
    """One thing that is wrong: what, and the next step.

    `about` is `partner`, `plugin`, `node` or `hub`; `name` which one.
    """

    level: Level
    about: str
    name: str
    what: str
    next: str
    partner_id: int | None = None


class PartnerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one partner. Counts are those of the last minutes, `*_before` of as many before these.

    Times are milliseconds since 1970.
    """

    id: int
    name: str
    state: State
    reachable: bool = True
    down_since: int | None = None
    why: str = ""
    token_refused: int | None = None
    delivered: int = 0
    failed: int = 0
    findings: int = 0
    findings_before: int = 0
    limited: Mapping[str, int] = {}
    unreachable_from: tuple[str, ...] = ()


class PluginFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one plugin; `problem` says why its file is not used as it is."""

    name: str
    set_aside: bool = False
    fault: str = ""
    problem: str = ""


class StoreFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the database is to be had: `away_for` seconds it was not, and the hub goes on for `left` more.

    `problem` says in a few words what is wrong, where something is.
    """

    problem: str = ""
    away_for: float = 0.0
    left: float = 0.0


class NodeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one of several nodes; `here`: it is the one that tells. `silent_for` and `ahead` are seconds.

    `there` is whether it was heard lately, `twin` whether another one has its name, `ahead` how far its clock is ahead
    of that of the database. `tables` and `plugins` are those that are not as they are on the node that tells, `own`
    what is wrong with its machine.
    """

    name: str
    here: bool = False
    there: bool = True
    leads: bool = False
    version: str = ""
    silent_for: float = 0.0
    ahead: float | None = None
    twin: bool = False
    tables: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    own: "Facts | None" = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known. `minutes` is how long the last minutes are, `disk_free` is in bytes.

    `journal_lost` are rows that could not be kept since the hub started, `events_lost` events that nobody had time for.
    """

    now: int
    minutes: int
    partners: tuple[PartnerFacts, ...] = ()
    plugins: tuple[PluginFacts, ...] = ()
    disk_free: int | None = None
    journal_lost: int = 0
    events_lost: int = 0
    wrong_tokens: int = 0
    wrong_tokens_from: str = ""
    certificate_ends: int | None = None
    nodes: tuple[NodeFacts, ...] = ()
    store: StoreFacts = StoreFacts()


def troubles(facts: Facts) -> tuple[Trouble, ...]:
    """All that is wrong, the worst first."""
    found = [
        *_of_the_store(facts.store),
        *_of_the_hub(facts),
        *_of_the_nodes(facts),
        *(each for partner in facts.partners for each in _of_partner(partner, facts)),
        *(each for plugin in facts.plugins for each in _of_plugin(plugin)),
    ]
    return tuple(sorted(found, key=lambda each: each.level is not Level.BAD))


def span(milliseconds: int) -> str:
    """A time as people say it: `40 seconds`, `12 minutes`, `3 hours`, `5 days`."""
    seconds = max(0, milliseconds // 1000)
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size or (unit == "minute" and seconds >= size):
            return _many(seconds // size, unit)
    return _many(seconds, "second")


def _of_the_hub(facts: Facts) -> Iterator[Trouble]:
    def trouble(level: Level, what: str, then: str) -> Trouble:
        return Trouble(level, "hub", "this hub", what, then)

    if facts.disk_free is not None and facts.disk_free < DISK_LOW:
        free = facts.disk_free // 2**20
        level = Level.BAD if free < 50 else Level.WARNING
        yield trouble(level, f"only {free} MB are free on the disk of the data folder", "make room, or add a disk")
    if facts.journal_lost:
        what = f"the journal lost {_many(facts.journal_lost, 'row')} since the hub started"
        yield trouble(Level.BAD, what, "look into the log for journal_behind; messages are not concerned")
    if facts.events_lost:
        what = f"{_many(facts.events_lost, 'event')} came too fast to be counted"
        yield trouble(Level.WARNING, what, "numbers may be too low; look for a plugin that blocks the hub")
    if facts.wrong_tokens >= _FEW:
        of = f", most of them from {facts.wrong_tokens_from}" if facts.wrong_tokens_from else ""
        what = f"{facts.wrong_tokens} requests with a wrong token in the last {_many(facts.minutes, 'minute')}{of}"
        then = "if a partner has lost its token: ocpi-hub partner rotate PARTNER --invite; else close its address out"
        yield trouble(Level.WARNING, what, then)
    if facts.certificate_ends is not None and (left := facts.certificate_ends - facts.now) < CERTIFICATE_SOON:
        if left <= 0:
            yield trouble(Level.BAD, "the hub's certificate is no longer valid", "renew it; the hub loads it by itself")
        else:
            what = f"the hub's certificate ends in {span(left)}"
            yield trouble(Level.WARNING, what, "renew it; the hub loads it by itself")


def _of_the_store(store: StoreFacts) -> Iterator[Trouble]:
    if not store.problem:
        return
    what = f"the database can not be used: {store.problem}"
    if store.away_for:
        what += f"; for {span(round(store.away_for * 1000))}"
    if store.away_for and not store.left:
        then = "bring it back: until then every request of a partner is refused; all goes on by itself then"
        yield Trouble(Level.BAD, "hub", "this hub", f"{what}. Nothing is taken any more", then)
    elif store.away_for:
        then = "bring it back: broadcasts, GET All, registrations and changes are refused until then"
        left = span(round(store.left * 1000))
        yield Trouble(Level.BAD, "hub", "this hub", f"{what}. Other messages go on for {left} more", then)
    else:
        yield Trouble(Level.BAD, "hub", "this hub", what, "see the hub's log for node_without_store, and mend it there")


def _of_the_nodes(facts: Facts) -> Iterator[Trouble]:
    """What is wrong between nodes. Where the database is away, nothing is known of the others."""
    for node in facts.nodes:
        if node.own:
            yield from (
                msgspec.structs.replace(each, name=node.name, what=f"node {node.name}: {each.what}")
                for each in (*_of_the_hub(node.own), *(one for each in node.own.plugins for one in _of_plugin(each)))
            )
    if len(facts.nodes) < _SEVERAL or facts.store.away_for:
        return
    there = [node for node in facts.nodes if node.there]
    if not any(node.leads for node in there):
        then = "one takes over within seconds; if not, look into the log of each for node_without_store"
        what = "no node leads: nobody looks whether partners are there, or pulls from them"
        yield _between(Level.BAD, what, then)
    versions = sorted({node.version for node in there})
    if len(versions) > 1:
        told = ", ".join(f"{node.name} {node.version}" for node in there)
        what = f"nodes run different versions: {told}"
        yield _between(Level.WARNING, what, "upgrade the older ones")
    for name in sorted({node.name for node in there if node.twin}):
        then = "give each node a name of its own: [node] name, and start them again"
        what = f"two nodes have the name {name}"
        yield _between(Level.WARNING, what, then)
    for node in facts.nodes:
        yield from _of_node(node)


def _of_node(node: NodeFacts) -> Iterator[Trouble]:
    if not node.there:
        what = f"node {node.name} was not heard for {span(round(node.silent_for * 1000))}, and was not stopped"
        yield _between(Level.BAD, what, "look whether it runs, and whether it gets at the database", node.name)
        return
    differs = [*(f"[{each}]" for each in node.tables), *(f"plugin {each}" for each in node.plugins)]
    if differs:
        more = f" and {len(differs) - _NAMED} more" if len(differs) > _NAMED else ""
        what = f"node {node.name} is set up otherwise than this one: {', '.join(differs[:_NAMED])}{more}"
        then = "give all nodes the same configuration and plugins, and run on each: ocpi-hub reload"
        yield _between(Level.WARNING, what, then, node.name)
    if node.ahead is not None and abs(node.ahead) > _SKEW:
        way = "ahead of" if node.ahead > 0 else "behind"
        what = f"the clock of node {node.name} is {span(round(abs(node.ahead) * 1000))} {way} that of the database"
        then = "set it by NTP: times in the journal and in charts are wrong by that"
        yield _between(Level.WARNING, what, then, node.name)


def _between(level: Level, what: str, then: str, name: str = "the nodes") -> Trouble:
    return Trouble(level, "node", name, what, then)


def _of_partner(partner: PartnerFacts, facts: Facts) -> Iterator[Trouble]:
    def trouble(level: Level, what: str, then: str) -> Trouble:
        return Trouble(level, "partner", partner.name, f"{partner.name} {what}", then, partner.id)

    lately = f"in the last {_many(facts.minutes, 'minute')}"
    if partner.state is State.REGISTERED and partner.token_refused is not None:
        ago = span(facts.now - partner.token_refused)
        then = f"renew the tokens: ocpi-hub partner rotate {partner.id}; if that fails, add --invite"
        yield trouble(Level.BAD, f"does not accept the hub's token (HTTP 401 or 403, {ago} ago)", then)
    if partner.state is State.REGISTERED and not partner.reachable:
        since = f" for {span(facts.now - partner.down_since)}" if partner.down_since is not None else ""
        why = f": {partner.why}" if partner.why else ""
        then = f"ask {partner.name} whether its platform runs; the hub looks again by itself, and messages go on then"
        yield trouble(Level.BAD, f"can not be reached{since}{why}", then)
    elif partner.state is State.REGISTERED and partner.unreachable_from:
        nodes = ", ".join(partner.unreachable_from)
        then = "look at the network between these nodes and it: other nodes reach it"
        yield trouble(Level.BAD, f"can not be reached from some nodes: {nodes}", then)
    elif (all_ := partner.delivered + partner.failed) >= _FEW and partner.failed >= _FAILING * all_:
        share = round(100 * partner.failed / all_)
        then = f"see which: ocpi-hub journal --partner {partner.id} --outcome failed"
        yield trouble(Level.BAD, f"failed {share} % of {all_} messages {lately}", then)
    if partner.findings >= _FEW and partner.findings > _RISE * partner.findings_before:
        what = (
            f"sent {partner.findings} objects that break rules of OCPI {lately}, {partner.findings_before} before that"
        )
        yield trouble(Level.WARNING, what, f"tell it what is wrong: ocpi-hub findings {partner.id}")
    for limit, count in partner.limited.items():
        then = f"ask it to slow down, or give it more: ocpi-hub partner limits {partner.id} --{limit} N"
        yield trouble(Level.WARNING, f"was refused {_many(count, 'time')} {lately}: too many {_LIMITS[limit]}", then)


_LIMITS = {
    "requests": "requests per second",
    "parallel": "requests at the same time",
    "broadcasts": "broadcasts per second",
}


def _of_plugin(plugin: PluginFacts) -> Iterator[Trouble]:
    name = plugin.name
    if plugin.set_aside:
        fault = f": {plugin.fault}" if plugin.fault else ""
        then = f"mend {name}.py, which is loaded by itself then; or try it again as it is: ocpi-hub reload"
        yield Trouble(
            Level.BAD, "plugin", name, f"plugin {name} failed too often and is not called any more{fault}", then
        )
    if plugin.problem:
        what = f"the changed file of plugin {name} is not used: {plugin.problem}"
        yield Trouble(Level.WARNING, "plugin", name, what, "mend it; it is loaded by itself then")


def _many(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"
