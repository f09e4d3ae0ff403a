"""`decide` over every combination of sender, receiver, owner, agreements, content and what was seen before.

The expectation is a table written by hand from OCPI 2.2.1, transport_and_format: Message Routing.
"""

import math
from functools import cache
from itertools import product
from typing import NamedTuple

import msgspec
import pytest

from hub.core.agreements import Agreements, Rule
from hub.core.catalogue import CATALOGUE
from hub.core.directory import Directory, Platform, State
from hub.core.message import Message
from hub.core.modules import Interface, Operation, is_placeholder
from hub.core.party import Party, Role
from hub.core.route import Refuse, Route, Way, decide, destination
from hub.errors import OcpiError

MODULES = ("cdrs", "chargingprofiles", "commands", "locations", "sessions", "tariffs", "tokens")
OPERATIONS = [each for each in CATALOGUE.operations() if each.version == "2.2.1" and each.module in MODULES]
LATER_THAN_2_1_1 = ("chargingprofiles", "charging_preferences", "CANCEL_RESERVATION")
EVERYBODYS = ("locations", "tariffs", "tokens")
P = Party.parse
HUB, REG, CPO = P("XX-HUB"), P("FR-REG"), P("FR-CPO")

# Sender: its party, the others of its platform.
SENDERS = {
    "single": (P("NL-ONE"), ()),
    "one of several": (P("DE-AAA"), (P("DE-BBB"), P("AT-CCC"))),
    "hub": (P("HR-HBB"), (P("HR-CPO"),)),
}
# What can be written into OCPI-to; None is for open routing. What a party there is told: None where it is reached.
RECEIVERS = {
    "none": None,
    "hub": HUB,
    "self": ...,
    "sibling": ...,
    "registered": REG,
    "another hub": P("BE-HBB"),
    "behind a hub": P("BE-MSP"),
    "unknown": P("ZZ-UNK"),
    "invited": P("IT-INV"),
    "suspended": P("BE-SUS"),
    "not presented": P("AT-RES"),
    "offline": P("GR-OFF"),
    "other version": P("ES-OLD"),
    "no endpoint": P("PT-BAR"),
}
UNREACHED = {
    P("ZZ-UNK"): 4001,
    P("IT-INV"): 4003,
    P("BE-SUS"): 4003,
    P("AT-RES"): 4003,
    P("GR-OFF"): 4003,
    P("PT-BAR"): 4000,
}
A_URL_NEEDS_NO_ENDPOINT = (P("PT-BAR"),)
OWNERS = ("nobody", "sender", "sibling", "stranger", "registered")
AGREEMENTS = ("open", "closed", "allow", "deny")
FOUND = {
    "none": (),
    "one": (REG,),
    "several": (REG, CPO),
    "the sender": ...,
    "offline": (P("GR-OFF"),),
    "unknown": (P("ZZ-UNK"),),
}
DRIVERS = {"no driver": None, "driver of REG": REG, "driver of the sender": ...}

# Who is there for a broadcast, one for each platform, by whose objects these are.
DRIVERS_SIDE = {"DE-AAA", "ES-OLD", "HR-HBB", "FR-REG", "BE-HBB"}
CHARGERS_SIDE = {"NL-ONE", "AT-CCC", "ES-OLD", "HR-HBB", "FR-CPO", "AT-YES", "BE-HBB"}
HUBS = {"HR-HBB", "BE-HBB"}
# Every party that is asked.
EMSPS = {"DE-AAA", "DE-BBB", "ES-OLD", "FR-REG", "BE-MSP"}
CPOS = CHARGERS_SIDE | {"FR-TWO"}


def permitted(agreements: str, party: Party) -> bool:
    return {"open": True, "closed": False, "allow": party == REG, "deny": party != REG}[agreements]


def reached(party: Party, operation: Operation, agreements: str, url: str | None) -> tuple[Way, set[str]] | int:
    if not permitted(agreements, party):
        return 4001
    if party == P("ES-OLD") and {operation.module, *operation.path} & {*LATER_THAN_2_1_1}:
        return 2000
    if url == "foreign" and UNREACHED.get(party, 4000) == 4000:
        return 4000
    if party in UNREACHED and not (url and party in A_URL_NEEDS_NO_ENDPOINT):
        return UNREACHED[party]
    return Way.DIRECT, {party.id}


def everybody(side: set[str], sender: str, agreements: str) -> set[str]:
    party, others = SENDERS[sender]
    own = {each.id for each in (party, *others)}
    return {each for each in side - own - (HUBS if sender == "hub" else set()) if permitted(agreements, P(each))}


def expectation(case: "Case", operation, agreements, url):
    """Way and destinations, or the status_code of the refusal."""
    party = SENDERS[case.sender][0]
    foreign = case.whose not in (None, party)
    if (foreign and (case.sender != "hub" or case.owner == "registered")) or case.receiver == "self":
        return 2001
    if case.receiver not in ("none", "hub"):
        return reached(case.to, operation, agreements, url)
    if url is None and (case.receiver == "hub" or operation.path == () or is_broadcast(operation)):
        meant = for_the_hub(operation, case.sender, agreements)
        if meant or case.receiver == "hub":
            return meant or 2001
    return 2001 if case.receiver == "hub" else by_content(case, operation, agreements, url)


def is_broadcast(operation) -> bool:
    return operation.module in EVERYBODYS and operation.interface == "RECEIVER" and operation.method != "GET"


def for_the_hub(operation, sender, agreements):
    """Broadcast Push and GET All via Hubs."""
    if is_broadcast(operation):
        theirs = CHARGERS_SIDE if operation.module == "tokens" else DRIVERS_SIDE
        return Way.BROADCAST, everybody(theirs, sender, agreements)
    if operation.module in EVERYBODYS and operation.method == "GET":
        return Way.MIRROR, set()
    if operation.module in ("sessions", "cdrs") and (operation.method, operation.path) == ("GET", ()):
        return Way.COLLECT, everybody(CPOS, sender, agreements)
    return None


def by_content(case: "Case", operation, agreements, url):
    """Open Routing Request."""
    module, party = operation.module, SENDERS[case.sender][0]
    if module in ("sessions", "cdrs") and operation.method != "GET" and case.driver is not None:
        return 2001 if case.driver in (party, case.whose) else reached(case.driver, operation, agreements, url)
    by_id = module in ("chargingprofiles", "commands", "locations", "sessions", "tokens") and operation.path
    if operation.path == ("{command}",) or (module, operation.interface) == ("commands", "SENDER"):
        by_id = False
    if by_id and url is None:
        seen = [each for each in case.found if each not in (party, case.whose) and permitted(agreements, each)]
        if seen:
            return reached(seen[0], operation, agreements, url) if len(seen) == 1 else 2001
    if operation.path[-1:] == ("authorize",):
        own = {each.id for each in (party, *SENDERS[case.sender][1])}
        asked = {each for each in EMSPS - own if permitted(agreements, P(each))}
        return (Way.ASK, asked) if asked else 2001
    return 2001


def host(party):
    return f"https://{party.id.lower()}.example"


def platform(number, roles, *, reserved="", state=State.REGISTERED, version="2.2.1", without=None):
    held, kept = (
        {P(each.partition(":")[0]): frozenset(map(Role, each.partition(":")[2].split("+"))) for each in text.split()}
        for text in (roles, f"{roles} {reserved}")
    )
    party = next(iter(kept))
    return Platform(
        id=number,
        name=f"platform of {party}",
        state=state,
        version=version,
        roles=held,
        reserved=kept,
        endpoints={
            (module, interface): f"{host(party)}/{module}/{interface.lower()}/"
            for module in MODULES
            for interface in Interface
            if (module, interface) != without
        },
        origins=frozenset({f"{host(party)}:443"}),
    )


@cache
def world(module: str, interface: Interface) -> Directory:
    """A directory with every kind of platform. One lacks just the endpoint that is needed."""
    directory = Directory.of(
        HUB,
        [
            platform(1, "NL-ONE:CPO"),
            platform(2, "DE-AAA:EMSP DE-BBB:EMSP AT-CCC:CPO"),
            platform(3, "HR-HBB:HUB HR-CPO:CPO"),
            platform(11, "FR-REG:EMSP"),
            platform(12, "", reserved="IT-INV:CPO+EMSP", state=State.INVITED, version=None),
            platform(13, "BE-SUS:CPO+EMSP", state=State.SUSPENDED),
            platform(14, "AT-YES:CPO", reserved="AT-RES:EMSP"),
            platform(15, "ES-OLD:CPO+EMSP", version="2.1.1"),
            platform(16, "PT-BAR:CPO+EMSP", without=(module, interface)),
            platform(17, "FR-CPO:CPO FR-TWO:CPO"),
            platform(18, "BE-HBB:HUB BE-MSP:EMSP"),
            platform(19, "GR-OFF:CPO+EMSP"),
        ],
    )
    return msgspec.structs.replace(directory, offline=frozenset({19}))


def agreed(directory: Directory, agreements: str, sender: Party, module: str) -> Directory:
    rules = [Rule.between(sender.id, "FR-REG", module, allow=agreements == "allow")]
    every = Agreements.of(rules if agreements in ("allow", "deny") else [], default=agreements in ("open", "deny"))
    return msgspec.structs.replace(directory, agreements=every)


def message(directory, operation, party, to=None, owner=None, url=None, driver=None):
    body = {"session_id": "S", "location_id": "S", "reservation_id": "S"}
    if driver:
        body["cdr_token"] = {"country_code": driver.country, "party_id": driver.party_id}
    return Message(
        operation=operation,
        segments=tuple("x" if is_placeholder(shape) else shape for shape in operation.path),
        body=msgspec.json.encode(body),
        request_id="r",
        correlation_id="c",
        platform=directory.parties[party],
        sender=party,
        receiver=to,
        owner=owner,
        url=url,
        deadline=math.inf,
        directory=directory,
    )


class Case(NamedTuple):
    """One combination: in words, and what the words stand for here."""

    sender: str
    receiver: str
    owner: str
    seen: str
    named: str
    to: Party | None
    whose: Party | None
    found: tuple[Party, ...]
    driver: Party | None


def combinations():
    for sender, (party, others) in SENDERS.items():
        theirs = {"nobody": None, "sender": party, "sibling": others[-1] if others else ...}
        owners = theirs | {"stranger": P("SE-XYZ"), "registered": REG}
        receivers = RECEIVERS | {"self": party, "sibling": others[0] if others else ...}
        for (receiver, to), (owner, whose) in product(receivers.items(), owners.items()):
            if ... in (to, whose):
                continue
            contents = product(FOUND.items(), DRIVERS.items()) if to is None else NOTHING
            for (seen, found), (named, driver) in contents:
                yield Case(
                    sender, receiver, owner, seen, named, to, whose,
                    (party,) if found is ... else found, party if driver is ... else driver,
                )  # fmt: skip


NOTHING = ((("none", ()), ("no driver", None)),)
COMBINATIONS = list(combinations())


def test_the_enumeration_leaves_nothing_out():
    seen = [set(each) for each in zip(*(case[:5] for case in COMBINATIONS), strict=True)]
    assert seen == [set(SENDERS), set(RECEIVERS), set(OWNERS), set(FOUND), set(DRIVERS)]
    assert len(OPERATIONS) == 40 + 9


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda row: f"{row}{' (handed out)' * (row.path == ('{url}',))}")
@pytest.mark.parametrize("agreements", AGREEMENTS)
def test_every_decision(operation, agreements):
    here = world(operation.module, operation.interface)
    by_sender = {party: agreed(here, agreements, party, operation.module) for party, _ in SENDERS.values()}
    for combination in COMBINATIONS:
        party, to = SENDERS[combination.sender][0], combination.to
        directory = by_sender[party]
        for kind in ("own", "foreign") if operation.path == ("{url}",) else (None,):
            at = directory.parties.get(to)
            url = kind and f"{next(iter(at.origins)) if at and kind == 'own' else 'https://evil.example'}/any?x=1"
            asked = message(directory, operation, party, to, combination.whose, url, combination.driver)
            decision = decide(asked, combination.found)
            expected = expectation(combination, operation, agreements, kind)
            case = (combination, kind, decision)
            check_trail(asked, decision, case)
            if isinstance(expected, int):
                assert isinstance(decision, Refuse), case
                assert decision.code == expected, case
            else:
                assert isinstance(decision, Route), case
                assert (decision.way, {each.id for each in decision.destinations}) == expected, case
                check_destinations(asked, decision, case)


def check_trail(asked, decision, case):
    assert all(isinstance(step, str) and step for step in decision.trail), case
    assert str(asked.operation) in decision.trail[0], case
    assert str(asked.sender) in decision.trail[0], case
    assert decision.trail[-1] == (decision.why if isinstance(decision, Route) else decision.reason), case


def check_destinations(asked, route, case):
    """What holds whatever the table says."""
    directory, to = asked.directory, route.destinations
    platforms = [directory.parties[each] for each in to]
    assert all(directory.agreements.permits(asked.sender, each, asked.module) for each in to), case
    assert all(at.state is State.REGISTERED and at.id not in directory.offline for at in platforms), case
    if route.way in (Way.BROADCAST, Way.ASK, Way.COLLECT):
        assert asked.platform not in platforms, case
    if route.way is Way.BROADCAST:
        assert len({at.id for at in platforms}) == len(platforms), case
    if route.way is Way.BROADCAST or (asked.is_push and asked.receiver is None):
        assert asked.owner not in to, case
        assert asked.sender not in to, case
    for each in to:
        there, where = destination(asked, each)
        assert there is directory.parties[each], case
        assert where == (asked.url or there.endpoints[asked.module, asked.interface]), case


def test_a_refusal_tells_what_not_to_do():
    directory = world(OPERATIONS[0].module, OPERATIONS[0].interface)
    for receiver in ("invited", "suspended", "not presented", "offline"):
        decision = decide(message(directory, OPERATIONS[0], P("NL-ONE"), RECEIVERS[receiver]))
        assert decision.reason.endswith("; do not queue the message")


def test_a_party_without_agreement_and_one_that_is_not_there_read_the_same():
    """The sender learns no more than it may know."""
    closed = agreed(world("locations", Interface.SENDER), "closed", P("NL-ONE"), "locations")
    reasons = {
        decide(message(closed, OPERATIONS[0], P("NL-ONE"), to)).reason.replace(to.id, "")
        for to in (REG, P("ZZ-UNK"), P("BE-SUS"), P("IT-INV"), P("GR-OFF"))
    }
    assert len(reasons) == 1


def test_the_trail_says_whose_object_it_is():
    operation = OPERATIONS[0]
    directory = world(operation.module, operation.interface)
    one, behind, hub = P("NL-ONE"), P("SE-XYZ"), P("HR-HBB")
    for sender, owner, step in [
        (one, None, "no owner is named"),
        (one, one, "owner NL-ONE is the sender"),
        (hub, behind, "owner SE-XYZ is behind HR-HBB, which is a hub"),
    ]:
        decision = decide(message(directory, operation, sender, REG, owner))
        assert decision.trail == (
            f"{operation} from {sender} (platform of {sender})",
            step,
            "OCPI-to is FR-REG",
            "direct: FR-REG at platform of FR-REG",
        )


def test_a_push_never_comes_back_to_the_owner_that_a_hub_sends_it_for():
    directory = world("sessions", Interface.RECEIVER)
    operation = CATALOGUE.module("2.2.1", Interface.RECEIVER, "sessions").find("PATCH", ("HR", "CPO", "S"))
    owner = P("HR-CPO")
    assert isinstance(decide(message(directory, operation, P("HR-HBB"), owner=owner), (owner,)), Refuse)
    assert isinstance(decide(message(directory, operation, P("HR-HBB"), owner=owner, driver=owner)), Refuse)


def test_a_token_never_goes_to_another_platforms_url():
    """A plugin may choose another route, and a party may have moved: the URL stays whose it was."""
    operation = CATALOGUE.indirect("2.2.1", "commands", Interface.SENDER, "POST")
    directory, url = world(operation.module, operation.interface), "https://fr-reg.example/results/1"
    asked = message(directory, operation, P("NL-ONE"), REG, None, url)
    assert destination(asked, REG) == (directory.platforms[11], url)
    with pytest.raises(OcpiError, match="DE-AAA is not the party that handed out this URL") as caught:
        destination(asked, P("DE-AAA"))
    assert caught.value.code == 4000


def test_what_plugins_make():
    assert Route.direct(HUB, "because") == Route(way=Way.DIRECT, destinations=(HUB,), why="because", trail=())
    assert Refuse("no") == Refuse("no", 2001, (), Way.REFUSE)
