"""Between OCPI 2.1.1 and 2.2.1: tables fit the wire types; objects arrive valid; just what is named is lost."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.bridge import Bridged, CanNotBridge, Facts, bridges, convert
from hub.bridge.tables import TABLES
from hub.ocpi import v2_1_1, v2_2_1
from hub.ocpi.check import findings
from hub.ocpi.partial import partial
from tests.bridge.support import check_structure, scrambled, survives
from tests.bridge.told import CPO, MOMENT, NEW_CONNECTOR, NEW_EVSE, NEW_LOCATION, NEW_TOKEN
from tests.ocpi.strategies import objects

OLD, NEW = "2.1.1", "2.2.1"
KINDS = sorted(kind for kind, *versions in TABLES if versions == [OLD, NEW])
PATCHED = ["Connector", "EVSE", "Location", "Session", "Token"]
WAYS = [(kind, OLD, NEW) for kind in KINDS] + [(kind, NEW, OLD) for kind in KINDS]

FEW_FACTS = st.sampled_from([Facts(), Facts(owner=CPO, number=7, show_owner=False, received=MOMENT, role="EMSP")])
FACTS = st.builds(
    Facts,
    owner=st.none() | st.just(CPO),
    token=st.none() | scrambled(v2_2_1.Token),
    location=st.none() | scrambled(v2_2_1.Location),
    number=st.none() | st.integers(0, 9),
    show_owner=st.booleans(),
    received=st.none() | st.just(MOMENT),
    role=st.none() | st.just("EMSP"),
)

# What may come back where there was nothing: defaults, and who owns it.
ADDED = {"country_code", "party_id", "twentyfourseven", "publish", "time_zone", "postal_code"}
# What is lost and has a default that it may have been: a connector of a CDR, a timeout, a role.
CHANCE = {
    "last_updated",
    "voltage",
    "amperage",
    "timeout",
    "role",
    "connector_standard",
    "connector_format",
    "connector_power_type",
}


def wire_type(kind: str, version: str) -> type[msgspec.Struct]:
    """The struct of a kind. In 2.1.1 a command's result is a CommandResponse, too."""
    if version == OLD:
        return getattr(v2_1_1, "CommandResponse" if kind == "CommandResult" else kind)
    return getattr(v2_2_1, kind)


def patch_type(kind: str, version: str) -> type[msgspec.Struct]:
    return partial(wire_type(kind, version), stamped=version == NEW)


def tidy(value: Any, version: str, *, top: bool = True) -> Any:
    """A generated object without what has tests of its own: what is refused, and what is told in other words."""
    if isinstance(value, list):
        return [tidy(each, version, top=False) for each in value]
    if isinstance(value, str) and version == OLD:
        return "".join(each if " " <= each <= "~" else "x" for each in value)  # types 1.5: printable ASCII
    if not isinstance(value, dict):
        return value
    value = {name: tidy(each, version, top=False) for name, each in value.items()}
    for name in {"id", "uid", "location_id", "evse_uid"} & set(value):
        value[name] = value[name] and value[name][:36]
    return _tidy_old(value) if version == OLD else _tidy_new(value, top=top)


def _tidy_old(value: dict[str, Any]) -> dict[str, Any]:
    match value:
        case {"country": str(country)} if len(country) == 2:
            return value | {"country": "NLD"}
        case {"reservation_id": int(number)}:
            return value | {"reservation_id": min(number, 2**31 - 1)}
        case {"price": str()}:
            return value | {"price": 2.5}
        case {"evse_uids": list(uids)}:
            return value | {"evse_uids": [each[:36] for each in uids]}
        case {"dimensions": [first, *others]}:
            return value | {"dimensions": [first | {"type": "ENERGY"}, *others]}
    return value


def _tidy_new(value: dict[str, Any], *, top: bool) -> dict[str, Any]:
    for name in {"country_code", "party_id"} & set(value):
        value[name] = {"country_code": "NL", "party_id": "CPO"}[name]
    match value:
        case {"latitude": str(latitude), "longitude": str(longitude)}:
            return value | {"latitude": _six(latitude), "longitude": _six(longitude)}
        case {"publish": bool()}:
            return value | {"publish": True}
        case {"dimensions": [first, *others]}:
            return value | {"dimensions": [first | {"type": "ENERGY"}, *others]}
        case {"elements": [first, *others]}:
            return value | {"elements": [first | {"restrictions": None}, *others]}
        case {"connectors": [first, *others]} if top:
            return value | {"connectors": [first | {"standard": "CHADEMO"}, *others]}
        case {"standard": str()} if top:
            return value | {"standard": "CHADEMO"}
        case {"reservation_id": str(reservation_id)}:
            return value | {"reservation_id": str(len(reservation_id))}
    return value


def _six(degrees: str) -> str:
    whole, _, decimals = degrees.partition(".")
    return f"{whole}.{decimals.removesuffix('0'):0<6}"


def facts_for(value: dict[str, Any], *, show_owner: bool = False) -> Facts:
    """What the hub knows of an object: its token (with another uid), and its location with EVSE and connector."""
    contract = value.get("auth_id", (value.get("cdr_token") or NEW_TOKEN).get("contract_id"))
    connectors = [NEW_CONNECTOR | {"id": "another"}, NEW_CONNECTOR | {"id": value.get("connector_id", "1")}]
    evse = NEW_EVSE | {"uid": value.get("evse_uid", "E1"), "connectors": connectors}
    return Facts(
        owner=CPO,
        token=NEW_TOKEN | {"uid": "that the hub knows", "contract_id": contract},
        location=NEW_LOCATION | {"id": value.get("location_id", "L1"), "evses": [NEW_EVSE | {"uid": "another"}, evse]},
        show_owner=show_owner,
        received=MOMENT,
        role="CPO",
    )


def told(kind: str, value: dict[str, Any], source: str, target: str, *, partial: bool = False) -> Bridged:
    bridged = convert(kind, value, source, target, facts_for(value, show_owner=partial), partial=partial)
    assert {each.version for each in bridged.losses} <= {source}
    return bridged


@pytest.mark.parametrize(("kind", "source", "target"), WAYS)
def test_a_table_forgets_nothing(kind, source, target):
    fine = {
        (OLD, NEW): ["latitude", "longitude"],  # six decimals are among five to seven
        (NEW, OLD): ["price", "CDR.cdr_location.last_updated"],  # a number is one of the two; it is that of the CDR
    }[source, target]
    table = TABLES[kind, source, target]
    assert check_structure(table, wire_type(kind, source), wire_type(kind, target), fine) == []


def test_what_both_versions_have_can_be_told():
    assert sorted(kind for kind, *versions in TABLES if versions == [NEW, OLD]) == KINDS
    absent = ["CancelReservation", "ChargingPreferences", "ClientInfo", "SetChargingProfile", "CredentialsRole"]
    assert not any(bridges(kind, NEW, OLD) or bridges(kind, OLD, NEW) for kind in absent)
    inside = {"TariffElement", "TariffRestrictions", "ChargingPeriod", "CdrDimension", "PriceComponent"}
    assert not inside & set(KINDS)


@pytest.mark.parametrize(("kind", "source", "target"), WAYS)
@given(data=st.data())
@settings(max_examples=15)
def test_an_object_arrives_valid_and_only_what_is_named_is_lost(kind, source, target, data):
    value = tidy(data.draw(objects(wire_type(kind, source))), source)
    before = msgspec.json.encode(value)
    there = told(kind, value, source, target)
    assert msgspec.json.encode(value) == before
    assert findings(there.value, wire_type(kind, target)) == []
    back = convert(kind, there.value, target, source, facts_for(value))
    survives(value, back.value, there.losses, added=ADDED, chance=CHANCE)


@pytest.mark.parametrize(("kind", "source", "target"), [way for way in WAYS if way[0] in PATCHED])
@given(data=st.data())
@settings(max_examples=15)
def test_a_patch_arrives_valid_and_says_nothing_more(kind, source, target, data):
    value = tidy(data.draw(objects(patch_type(kind, source))), source)
    value.pop("publish", None)  # it is told by being told at all
    there = told(kind, value, source, target, partial=True)
    assert findings(there.value, patch_type(kind, target)) == []
    back = convert(kind, there.value, target, source, facts_for(value), partial=True)
    added = {"last_updated", "twentyfourseven", "postal_code", "time_zone", "country_code", "party_id"}
    of_ids = {"location_id", "evse_uid", "connector_id"} if kind == "Session" else set()
    survives(value, back.value, there.losses, added=added | of_ids, chance=CHANCE)


@pytest.mark.parametrize(("kind", "source", "target"), WAYS)
@given(data=st.data())
@settings(max_examples=20)
def test_any_json_is_told_or_refused(kind, source, target, data):
    value = data.draw(scrambled(wire_type(kind, source)))
    facts = data.draw(FACTS if kind in ("AuthorizationInfo", "Session", "CDR") else FEW_FACTS)
    for is_patch in (False, True):
        with contextlib.suppress(CanNotBridge):
            msgspec.json.encode(convert(kind, value, source, target, facts, partial=is_patch).value)
