"""Routing where partners are hubs themselves, with parties behind them, and where paths name the owner that is called.

OCPI 2.2.1, transport_and_format: Message Routing; credentials 7.4.1: a hub presents only its HUB role.
"""

import math

import pytest

from hub.core.agreements import Agreements, Rule
from hub.core.catalogue import CATALOGUE
from hub.core.custom import CustomModule, operations
from hub.core.directory import Directory, Platform, State
from hub.core.message import Message
from hub.core.modules import Interface
from hub.core.party import Party, Role
from hub.core.route import Refuse, Way, decide

PARKS = CustomModule(sender=("GET {country_code}/{party_id}/{id}", "PATCH {country_code}/{party_id}/{id}"))
ROWS = CATALOGUE.plus(operations("parks", PARKS))
ENDPOINTS = {(module, side): f"https://p.example/{module}" for module in ROWS.modules for side in Interface}


def platform(number: int, *roles: str) -> Platform:
    held = {Party.parse(role.partition(":")[0]): frozenset({Role(role.partition(":")[2])}) for role in roles}
    return Platform(
        id=number, name=f"P{number}", state=State.REGISTERED, version="2.2.1", roles=held, reserved=held,
        endpoints=ENDPOINTS,
    )  # fmt: skip


CPO, EMSP = platform(1, "NL-CPO:CPO"), platform(2, "DE-MSP:EMSP", "DE-SUB:EMSP")
BE = platform(3, "BE-CPO:CPO", "BE-HUB:HUB", "BE-MSP:EMSP", "BE-SUB:EMSP")
FR = platform(4, "FR-CPO:CPO", "FR-HUB:HUB", "FR-MSP:EMSP")
HERE = Directory.of(Party("NL", "HUB"), (CPO, EMSP, BE, FR))


def message(call: str, by: str, to: str | None = None, directory: Directory = HERE) -> Message:
    method, _, rest = call.partition(" ")
    side, module, *segments = rest.split("/")
    interface = Interface(side.upper())
    operation = ROWS.module("2.2.1", interface, module).find(method, tuple(segments))
    sender = Party.parse(by)
    return Message(
        operation=operation,
        segments=tuple(segments),
        request_id="r",
        correlation_id="c",
        platform=directory.parties[sender],
        sender=sender,
        receiver=Party.parse(to) if to else None,
        owner=Party.parse("".join(segments[:2])) if operation.owner == "path" else None,
        deadline=math.inf,
        directory=directory,
    )


def route(*given, **more) -> tuple[Way, list[str]]:
    found = decide(message(*given, **more))
    assert not isinstance(found, Refuse), found
    return found.way, sorted(party.id for party in found.destinations)


PUT = "PUT receiver/locations/{}/L1"


@pytest.mark.parametrize("to", ["NL-HUB", None])
def test_a_broadcast_goes_to_each_hub_once(to):
    assert route(PUT.format("NL/CPO"), "NL-CPO", to) == (Way.BROADCAST, ["BE-HUB", "DE-MSP", "FR-HUB"])


@pytest.mark.parametrize(("by", "owner"), [("BE-HUB", "BE/CPO"), ("BE-CPO", "BE/CPO"), ("BE-HUB", "ES/ABC")])
def test_what_a_hub_brings_goes_to_no_further_hub(by, owner):
    """A loop of two hubs ends after one pass."""
    assert route(PUT.format(owner), by, "NL-HUB") == (Way.BROADCAST, ["DE-MSP"])


def test_parties_behind_a_hub_are_reached_and_speak():
    assert route(PUT.format("NL/CPO"), "NL-CPO", "BE-MSP") == (Way.DIRECT, ["BE-MSP"])
    assert route(PUT.format("BE/CPO"), "BE-CPO", "FR-MSP") == (Way.DIRECT, ["FR-MSP"])


def test_a_party_behind_a_hub_speaks_for_itself_only():
    found = decide(message(PUT.format("BE/XXX"), "BE-CPO", "DE-MSP"))
    assert isinstance(found, Refuse)
    assert "BE-CPO can not send objects of BE-XXX" in found.reason


def test_get_all_asks_hubs_for_those_behind_them():
    assert route("GET sender/sessions", "DE-MSP", "NL-HUB") == (Way.COLLECT, ["BE-HUB", "FR-HUB", "NL-CPO"])
    assert route("GET sender/sessions", "BE-MSP", "NL-HUB") == (Way.COLLECT, ["NL-CPO"])


def test_an_unknown_token_is_asked_of_every_emsp_behind_a_hub():
    authorize = "POST sender/tokens/012345/authorize"
    assert route(authorize, "NL-CPO") == (Way.ASK, ["BE-MSP", "BE-SUB", "DE-MSP", "DE-SUB", "FR-MSP"])
    assert route(authorize, "FR-CPO") == (Way.ASK, ["BE-MSP", "BE-SUB", "DE-MSP", "DE-SUB"])


def test_agreements_hold_for_parties_behind_a_hub():
    rules = [Rule.between("BE-MSP", "NL-CPO", "tokens", allow=False), Rule.between("FR-HUB", "*", "*", allow=False)]
    closed = Directory(
        hub=HERE.hub, platforms=HERE.platforms, parties=HERE.parties, agreements=Agreements.of(rules, default=True)
    )
    asked = route("POST sender/tokens/012345/authorize", "NL-CPO", directory=closed)
    assert asked == (Way.ASK, ["BE-SUB", "DE-MSP", "DE-SUB", "FR-MSP"])
    assert route(PUT.format("NL/CPO"), "NL-CPO", "NL-HUB", directory=closed)[1] == ["BE-HUB", "DE-MSP"]


def test_the_owner_that_a_path_names_is_the_one_that_is_called():
    assert route("GET sender/parks/NL/CPO/P1", "DE-MSP") == (Way.DIRECT, ["NL-CPO"])
    assert route("PATCH sender/parks/be/cpo/P1", "DE-MSP") == (Way.DIRECT, ["BE-CPO"])
    assert route("PATCH sender/parks/NL/CPO/P1", "DE-MSP", "BE-CPO") == (Way.DIRECT, ["BE-CPO"])


@pytest.mark.parametrize(
    ("path", "code", "reason"),
    [
        ("DE/MSP", 2001, "no receiver was found"),
        ("XX/XXX", 4001, "XX-XXX is not known"),
        ("N/CPO", 2001, "no receiver was found"),
    ],
)
def test_an_owner_that_can_not_be_called(path, code, reason):
    found = decide(message(f"GET sender/parks/{path}/P1", "DE-MSP"))
    assert isinstance(found, Refuse)
    assert found.code == code
    assert reason in found.reason
