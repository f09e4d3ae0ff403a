"""Who talks to whom as a drawing: parties on two sides, and a line for each direction between them."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from hub.store.traffic import Pair

WIDTH = 720.0
LEFT, RIGHT = 176.0, 544.0
_HEAD, _ROW = 30.0, 34.0
_PORT, _GAP, _BEND = 5.0, 12.0, 0.42
_THINNEST, _THICKEST, _GROWTH = 1.2, 6.5, 1.0
MOST_PARTIES = 16
"""So many are drawn on one side, those with the most messages."""
MOST_LINES = 60
_MOST_LABELS = 10
_NOTABLE = 0.01
"""The part of messages that has to go wrong before a whole line looks different."""
_SPOTS = (0.24, 0.32, 0.18, 0.42, 0.5, 0.6, 0.7, 0.78)
_LABEL = (92.0, 19.0)


class Side(StrEnum):
    """Where a party stands."""

    CPO = "CPOs"
    EMSP = "eMSPs"
    OTHER = "Others"


class Node(msgspec.Struct, frozen=True):
    """One party in the drawing."""

    party: str
    side: Side
    x: float
    y: float

    @property
    def anchor(self) -> str:
        """Its name stands outside."""
        return "end" if self.side is Side.CPO else "start"

    @property
    def outside(self) -> float:
        """Where its name begins."""
        return self.x + (-12 if self.side is Side.CPO else 12)


class Label(msgspec.Struct, frozen=True):
    """What is said beside a line."""

    x: float
    y: float
    text: str


class Strand(msgspec.Struct, frozen=True):
    """One line: from whom to whom, as path data. `kind` is `well`, `declined` or `failed`."""

    pair: Pair
    path: str
    width: float
    kind: str
    label: Label | None = None


class Heading(msgspec.Struct, frozen=True):
    """What the parties below it are."""

    text: str
    x: float
    y: float


class Drawing(msgspec.Struct, frozen=True):
    """All that is drawn. `more` counts the parties that are not, by side; `lines` the lines that are not."""

    width: float
    height: float
    headings: tuple[Heading, ...]
    nodes: tuple[Node, ...]
    strands: tuple[Strand, ...]
    more: Mapping[Side, int]
    lines: int


def draw(pairs: Sequence[Pair], sides: Mapping[str, Side]) -> Drawing:
    """The pairs, which come with the most messages first. A party that no side is known of is one of the others."""
    busy: dict[str, int] = {}
    for pair in pairs:
        for party in (pair.sender, pair.receiver):
            busy[party] = busy.get(party, 0) + pair.messages
    by_side = {side: [party for party in busy if sides.get(party, Side.OTHER) is side] for side in Side}
    left, more_left = _busiest(by_side[Side.CPO], busy, MOST_PARTIES)
    rest = MOST_PARTIES - min(len(by_side[Side.EMSP]), MOST_PARTIES * 3 // 4)
    others, more_others = _busiest(by_side[Side.OTHER], busy, rest)
    right, more_right = _busiest(by_side[Side.EMSP], busy, MOST_PARTIES - len(others))
    groups = ((Side.CPO, left, LEFT), (Side.EMSP, right, RIGHT), (Side.OTHER, others, RIGHT))
    headings, nodes, height = _placed(groups)
    at = {node.party: node for node in nodes}
    known = [pair for pair in pairs if pair.sender in at and pair.receiver in at]
    strands = [_strand(pair, at[pair.sender], at[pair.receiver]) for pair in known[:MOST_LINES]]
    more = {Side.CPO: more_left, Side.EMSP: more_right, Side.OTHER: more_others}
    return Drawing(
        width=WIDTH,
        height=height,
        headings=tuple(headings),
        nodes=tuple(nodes),
        # Thick lines first, so that thin ones stay visible upon them.
        strands=tuple(_labelled(strands, at)),
        more={side: count for side, count in more.items() if count},
        lines=len(known) - len(strands),
    )


def _busiest(parties: Sequence[str], busy: Mapping[str, int], most: int) -> tuple[list[str], int]:
    """The busiest ones by name, so that nobody moves while numbers grow; and how many are left out."""
    chosen = sorted(parties, key=lambda party: (-busy[party], party))[:most]
    return sorted(chosen), len(parties) - len(chosen)


def _placed(groups: Iterable[tuple[Side, list[str], float]]) -> tuple[list[Heading], list[Node], float]:
    headings: list[Heading] = []
    nodes: list[Node] = []
    down = {LEFT: 0.0, RIGHT: 0.0}
    for side, parties, x in groups:
        if not parties:
            continue
        headings.append(Heading(side.value, x, down[x] + 16))
        down[x] += _HEAD
        nodes += [Node(party, side, x, down[x] + _ROW * (place + 0.5)) for place, party in enumerate(parties)]
        down[x] += _ROW * len(parties)
    return headings, nodes, max(down.values()) + 6


def _strand(pair: Pair, one: Node, other: Node) -> Strand:
    width = min(_THICKEST, _THINNEST + _GROWTH * math.log10(max(pair.messages, 1)))
    kind = "well"
    if pair.declined >= max(1, pair.messages * _NOTABLE):
        kind = "declined"
    if pair.failed >= max(1, pair.messages * _NOTABLE):
        kind = "failed"
    points = _curve(one, other)
    path = "M{:.1f},{:.1f} C{:.1f},{:.1f} {:.1f},{:.1f} {:.1f},{:.1f}".format(*(part for at in points for part in at))
    return Strand(pair, path, round(width, 1), kind)


def _curve(one: Node, other: Node) -> tuple[tuple[float, float], ...]:
    """A line leaves a party above its middle and reaches one below it: two directions are two lines."""
    begin = (one.x + _inwards(one) * _GAP / 2, one.y - _PORT)
    end = (other.x + _inwards(other) * _GAP, other.y + _PORT)
    bend = (RIGHT - LEFT) * _BEND
    if one.x == other.x:  # on one side: an arc, the wider the further they are apart
        bend = min(bend, 40 + abs(one.y - other.y) * 0.5)
    return begin, (begin[0] + _inwards(one) * bend, begin[1]), (end[0] + _inwards(other) * bend, end[1]), end


def _inwards(node: Node) -> int:
    return 1 if node.x == LEFT else -1


def _labelled(strands: Sequence[Strand], at: Mapping[str, Node]) -> Iterator[Strand]:
    """The worst lines say what went wrong, each where no other one says something."""
    worst = sorted(
        (each for each in strands if each.pair.failed or each.pair.declined),
        key=lambda each: (-each.pair.failed, -each.pair.declined),
    )
    taken: list[Label] = []
    labels = {}
    for each in worst[:_MOST_LABELS]:
        curve = _curve(at[each.pair.sender], at[each.pair.receiver])
        text = f"✕ {each.pair.failed:,} failed" if each.pair.failed else f"! {each.pair.declined:,} declined"
        for spot in _SPOTS:
            label = Label(*_on(curve, spot), text)
            if not any(_overlap(label, other) for other in taken):
                taken.append(label)
                labels[each.pair.sender, each.pair.receiver] = label
                break
    for each in strands:
        yield msgspec.structs.replace(each, label=labels.get((each.pair.sender, each.pair.receiver)))


def _on(curve: Sequence[tuple[float, float]], part: float) -> tuple[float, float]:
    """A point of a cubic Bézier curve."""
    weights = ((1 - part) ** 3, 3 * part * (1 - part) ** 2, 3 * part**2 * (1 - part), part**3)
    x, y = (sum(weight * point[axis] for weight, point in zip(weights, curve, strict=True)) for axis in (0, 1))
    return round(x, 1), round(y, 1)


def _overlap(one: Label, other: Label) -> bool:
    return abs(one.x - other.x) < _LABEL[0] and abs(one.y - other.y) < _LABEL[1]
