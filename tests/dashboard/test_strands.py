"""The drawing of who talks to whom: readable with few parties and with many."""

import re

from hypothesis import given
from hypothesis import strategies as st

from hub.dashboard.strands import MOST_LINES, MOST_PARTIES, RIGHT, Side, draw
from hub.store.traffic import Pair

SIDES = {"NL-CPO": Side.CPO, "DE-MSP": Side.EMSP, "FR-NSP": Side.OTHER}


def test_cpos_stand_left_and_all_others_right():
    drawing = draw([Pair("NL-CPO", "DE-MSP", 10, 0, 0), Pair("FR-NSP", "NL-CPO", 1, 0, 0)], SIDES)
    assert [(each.party, each.x == RIGHT) for each in drawing.nodes] == [
        ("NL-CPO", False),
        ("DE-MSP", True),
        ("FR-NSP", True),
    ]
    assert [each.text for each in drawing.headings] == ["CPOs", "eMSPs", "Others"]
    assert not drawing.more
    assert drawing.lines == 0


def test_each_direction_is_a_line_that_is_as_wide_as_it_is_busy():
    there, back = draw([Pair("NL-CPO", "DE-MSP", 10_000, 0, 0), Pair("DE-MSP", "NL-CPO", 1, 0, 0)], SIDES).strands
    assert there.path != back.path
    assert there.width > 3 * back.width


def test_what_went_wrong_is_seen_and_said():
    pairs = [
        Pair("NL-CPO", "DE-MSP", 100, 0, 1),
        Pair("BE-CPO", "FR-NSP", 100, 50, 0),
        Pair("NL-CPO", "FR-NSP", 1000, 1, 1),
        Pair("FR-NSP", "NL-CPO", 1000, 0, 0),
    ]
    strands = draw(pairs, {**SIDES, "BE-CPO": Side.CPO}).strands
    assert [each.kind for each in strands] == ["failed", "declined", "well", "well"]
    says = [each.label.text if each.label else None for each in strands]
    assert says == ["✕ 1 failed", "! 50 declined", "✕ 1 failed", None]


def test_of_many_the_busiest_are_drawn_and_the_rest_counted():
    cpos, emsps = ([f"{country}-{n:03}" for n in range(60)] for country in ("NL", "DE"))
    sides = {**dict.fromkeys(cpos, Side.CPO), **dict.fromkeys(emsps, Side.EMSP)}
    pairs = [
        Pair(one, other, 10_000 - 100 * place, 0, 1)
        for place, one in enumerate(cpos)
        for other in {emsps[place], *emsps[-5:]}
    ]
    drawing = draw(sorted(pairs, key=lambda pair: -pair.messages), sides)
    left = [each for each in drawing.nodes if each.side is Side.CPO]
    assert [each.party for each in left] == cpos[:MOST_PARTIES], "by name, so that nobody moves as numbers grow"
    assert drawing.more == {Side.CPO: 60 - MOST_PARTIES, Side.EMSP: 60 - MOST_PARTIES}
    assert len(drawing.strands) == MOST_LINES
    assert drawing.lines > 0
    labels = [each.label for each in drawing.strands if each.label]
    assert 0 < len(labels) <= 10
    assert len({(label.x, label.y) for label in labels}) == len(labels)


def test_others_have_room_beside_many_emsps():
    emsps, others = [f"DE-{n:03}" for n in range(40)], [f"FR-{n:03}" for n in range(3)]
    sides = {"NL-CPO": Side.CPO, **dict.fromkeys(emsps, Side.EMSP)}
    drawing = draw([Pair("NL-CPO", each, 5, 0, 0) for each in (*emsps, *others)], sides)
    right = [each.side for each in drawing.nodes if each.x == RIGHT]
    assert right.count(Side.OTHER) == 3
    assert len(right) == MOST_PARTIES


_PARTIES = st.sampled_from([f"NL-{n:03}" for n in range(30)])
_COUNT = st.integers(0, 10**12)


@given(
    st.lists(st.builds(Pair, _PARTIES, _PARTIES, st.integers(1, 10**12), _COUNT, _COUNT), max_size=60),
    st.dictionaries(_PARTIES, st.sampled_from(list(Side))),
)
def test_all_of_it_is_on_the_sheet(pairs, sides):
    drawing = draw(pairs, sides)
    for node in drawing.nodes:
        assert 0 < node.y < drawing.height
    for each in drawing.strands:
        assert re.fullmatch(r"M[-\d.]+,[-\d.]+ C([-\d.]+,[-\d.]+ ?){3}", each.path)
        assert 1 <= each.width <= 7
