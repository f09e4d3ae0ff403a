"""What a node says of itself to the others, small enough to be written every other second.

Times are told as spans: the clocks of two nodes may differ by a minute.
"""

from collections.abc import Iterable

import msgspec

MOST_PARTNERS = 200
"""Of so many partners a node tells what passed lately: of those first to which something is wrong."""
MOST_ADDRESSES = 5


class PartnerSays(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one node knows of a partner from the last minutes. `*_for` and `*_ago` are seconds.

    `down_for` is None where it can be reached. `steps` is how often each length of time was: see `hub.core.durations`.
    """

    id: int
    sent: int = 0
    delivered: int = 0
    failed: int = 0
    findings: int = 0
    findings_before: int = 0
    limited: dict[str, int] = {}
    steps: dict[int, int] = {}
    token_refused_ago: float | None = None
    heard_ago: float | None = None
    down_for: float | None = None
    why: str = ""
    under_way: int = 0
    in_use: int = 0
    idle: int = 0

    @property
    def matters(self) -> tuple[bool, int, int]:
        """What is told first."""
        wrong = self.down_for is not None or self.token_refused_ago is not None
        return wrong, self.failed, self.sent + self.delivered + self.findings + sum(self.limited.values())


class PluginSays(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One plugin: a digest of its files, and what went wrong with it."""

    digest: str = ""
    set_aside: bool = False
    fault: str = ""
    problem: str = ""


class NodeSays(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One node. What passed is that of the last minutes; `series` counts messages, each a stretch of time.

    `clock` is what its own says (milliseconds since 1970), `seen` the number of the latest change that it knows of.
    `configuration` has a digest of each table that has to be alike on all nodes. `left_out` counts partners that there
    was no room for.
    """

    up: float = 0.0
    clock: int = 0
    seen: int = 0
    connections: int = 0
    messages: int = 0
    turned_away: int = 0
    outcomes: dict[str, int] = {}
    hub: dict[int, int] = {}
    partner: dict[int, int] = {}
    series: tuple[int, ...] = ()
    strangers: dict[str, int] = {}
    wrong_tokens: int = 0
    events_lost: int = 0
    rows_lost: int = 0
    disk_free: int | None = None
    certificate_for: float | None = None
    configuration: dict[str, str] = {}
    plugins: dict[str, PluginSays] = {}
    partners: tuple[PartnerSays, ...] = ()
    left_out: int = 0


_DECODER = msgspec.json.Decoder(NodeSays)


def written(says: NodeSays) -> bytes:
    """As JSON, of a bounded size."""
    return msgspec.json.encode(says)


def read(says: bytes) -> NodeSays:
    """What another node says. One of a later version may say it in words that are not known: then it says nothing."""
    try:
        return _DECODER.decode(says)
    except msgspec.MsgspecError:
        return NodeSays()


def worth_telling(partners: Iterable[PartnerSays]) -> tuple[tuple[PartnerSays, ...], int]:
    """Those of which there is something to say, those that matter most first; and how many had no room."""
    told = [each for each in partners if msgspec.structs.replace(each, id=0) != PartnerSays(id=0)]
    told.sort(key=lambda each: each.matters, reverse=True)
    return tuple(told[:MOST_PARTNERS]), max(0, len(told) - MOST_PARTNERS)
