"""OCPI 2.2.1 told in 2.3.0, and the other way round."""

import contextlib
import copy
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.bridge import Bridged, CanNotBridge, convert, v2_2_1_up, v2_3_0_down
from hub.ocpi import v2_2_1, v2_3_0
from hub.ocpi.check import findings
from hub.ocpi.partial import partial
from tests.bridge.support import check_structure, scrambled, survives
from tests.ocpi.strategies import objects

UP = {table.kind: table for table in v2_2_1_up.TABLES}
DOWN = {table.kind: table for table in v2_3_0_down.TABLES}
CHANGED = [kind for kind in UP if kind not in v2_2_1_up.ALIKE]
PATCHED = ("Connector", "EVSE", "Location", "Session", "Token")
WAYS = (("2.2.1", v2_2_1, "2.3.0", v2_3_0), ("2.3.0", v2_3_0, "2.2.1", v2_2_1))

quick = settings(max_examples=15)


def test_both_ways_know_the_same_kinds() -> None:
    assert UP.keys() == DOWN.keys()
    assert len(UP) == len(v2_2_1_up.TABLES)
    assert len(DOWN) == len(v2_3_0_down.TABLES)


@pytest.mark.parametrize("kind", UP)
def test_every_field_and_word_of_2_2_1_has_a_place_in_2_3_0(kind: str) -> None:
    assert check_structure(UP[kind], getattr(v2_2_1, kind), getattr(v2_3_0, kind)) == []


@pytest.mark.parametrize("kind", DOWN)
def test_every_field_and_word_of_2_3_0_has_a_place_in_2_2_1(kind: str) -> None:
    assert check_structure(DOWN[kind], getattr(v2_3_0, kind), getattr(v2_2_1, kind)) == []


@pytest.mark.parametrize("kind", CHANGED)
@quick
@given(data=st.data())
def test_up_and_down_again_is_the_same(kind: str, data: st.DataObject) -> None:
    value = data.draw(objects(getattr(v2_2_1, kind)))
    before = copy.deepcopy(value)
    told = convert(kind, value, "2.2.1", "2.3.0")
    assert value == before
    assert findings(told.value, getattr(v2_3_0, kind)) == []
    survives(value, convert(kind, told.value, "2.3.0", "2.2.1").value, told.losses)


@pytest.mark.parametrize("kind", CHANGED)
@quick
@given(data=st.data())
def test_down_and_up_again_keeps_what_is_not_named(kind: str, data: st.DataObject) -> None:
    value = _without_taxes(data.draw(objects(getattr(v2_3_0, kind))))
    before = copy.deepcopy(value)
    told = _told_or_refused(kind, value, "2.3.0", "2.2.1")
    assert value == before
    if told is not None:
        assert findings(told.value, getattr(v2_2_1, kind)) == []
        back = convert(kind, told.value, "2.2.1", "2.3.0")
        assert back.losses == ()
        survives(value, back.value, told.losses)


@pytest.mark.parametrize("kind", PATCHED)
@pytest.mark.parametrize(("source", "ours", "target", "theirs"), WAYS)
@quick
@given(data=st.data())
def test_a_patch_tells_what_is_there_and_nothing_else(
    kind: str, source: str, ours: ModuleType, target: str, theirs: ModuleType, data: st.DataObject
) -> None:
    value = data.draw(objects(partial(getattr(ours, kind))))
    told = _told_or_refused(kind, value, source, target, partial=True)
    if told is not None:
        assert findings(told.value, partial(getattr(theirs, kind))) == []
        assert told.value.keys() <= value.keys()
        assert all(told.value[name] is None for name in told.value if value[name] is None)
        # A field that was there is there, or is named.
        named = {loss.path for loss in told.losses}
        assert {name for name in value if value[name] not in (None, [])} <= told.value.keys() | named


@pytest.mark.parametrize("kind", CHANGED)
@pytest.mark.parametrize(("source", "ours", "target", "theirs"), WAYS)
@quick
@given(data=st.data(), is_patch=st.booleans())
def test_whatever_comes_is_told_or_refused(
    kind: str, source: str, ours: ModuleType, target: str, theirs: ModuleType, data: st.DataObject, is_patch: bool
) -> None:
    value = data.draw(scrambled(getattr(ours, kind)))
    before = copy.deepcopy(value)
    with contextlib.suppress(CanNotBridge):
        losses = convert(kind, value, source, target, partial=is_patch).losses
        assert len({loss.path for loss in losses}) == len(losses)
    assert value == before


def _without_taxes(value: Any) -> Any:
    """Tariffs with prices as 2.2.1 has them, here or inside. Those with others come back with other numbers."""
    if "tax_included" in value:
        return value | {"tax_included": "NO"}
    if value.get("tariffs"):
        return value | {"tariffs": [_without_taxes(each) for each in value["tariffs"]]}
    return value


def _told_or_refused(kind: str, value: Any, source: str, target: str, **how: Any) -> Bridged | None:
    """What became of an object; None where it was refused, as it has to be just when it can not be told."""
    if target == "2.3.0" or _can_be_told(kind, value):
        return convert(kind, value, source, target, **how)
    with pytest.raises(CanNotBridge):
        convert(kind, value, source, target, **how)
    return None


def _can_be_told(kind: str, value: Any) -> bool:
    """Whether 2.2.1 can be told of what it requires of an object of 2.3.0, or of what is there in a PATCH."""
    match kind:
        case "Connector":
            return value.get("standard", "CHADEMO") in list(v2_2_1.ConnectorType)
        case "EVSE":
            connectors = value.get("connectors") or [{}]
            return any(_can_be_told("Connector", each) for each in connectors)
        case "Tariff":
            return any((each.get("restrictions") or {}).get("booking") is None for each in value["elements"])
        case "CDR":
            known = list(v2_2_1.CdrDimensionType)
            return value["cdr_location"]["connector_standard"] in list(v2_2_1.ConnectorType) and any(
                measure["type"] in known for period in value["charging_periods"] for measure in period["dimensions"]
            )
    return True
