"""`decide` over every combination of sender, receiver, owner, agreements, content and what was seen before.

What has to come of each is in `routing_rules.py`.
"""

import math
from collections import Counter
from collections.abc import Iterator
from itertools import islice, product

import msgspec
import pytest

from hub.core.agreements import Agreements, Rule
from hub.core.catalogue import CATALOGUE
from hub.core.directory import Directory, State
from hub.core.message import Message
from hub.core.modules import Interface, is_placeholder
from hub.core.party import Party
from hub.core.route import Refuse, Route, Way, decide, destination
from hub.core.urls import RESULTS
from hub.errors import OcpiError
from tests.core.routing_rules import AGREEMENTS, HUB, RECEIVERS, SENDERS, Case, expected
from tests.core.routing_world import in_words, told, world

P = Party.parse
OPERATIONS = list(CATALOGUE.operations())
FOUND = ((), ("FR-REG",), ("FR-REG", "FR-CPO"), ..., ("GR-OFF",), ("ZZ-UNK",))
DRIVERS = (None, "FR-REG", ...)
OUTCOMES = {"direct", "broadcast", "ask", "collect", "mirror", 2000, 2001, 4000, 4001, 4003}
A_FEW = 20


def cases() -> Iterator[Case]:
    """Every combination but for operations and what is in the URL; ... is the sender itself."""
    for sender, (party, others) in SENDERS.items():
        theirs = {"nobody": None, "sender": party, "stranger": "SE-XYZ", "registered": "FR-REG"}
        owners = theirs | ({"sibling": others[-1]} if others else {})
        receivers = {name: to for name, to in RECEIVERS.items() if to is not ...} | {"self": party}
        receivers |= {"sibling": others[0]} if others else {}
        for to, whose, agreements in product(receivers.values(), owners.values(), AGREEMENTS):
            for found, driver in product(FOUND, DRIVERS) if to is None else [((), None)]:
                seen = (party,) if found is ... else found
                yield Case(sender, to, whose, seen, party if driver is ... else driver, agreements)


CASES = list(cases())


def message(directory, operation, party, to=None, owner=None, url=None, driver=None):
    body = {"session_id": "S", "location_id": "S", "reservation_id": "S", "auth_id": "S"}
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


def wrong(version: str, outcomes: Counter[object]) -> Iterator[object]:
    """Every decision that the rules do not make. `outcomes` counts what the rules want."""
    for operation in OPERATIONS:
        if operation.version != version:
            continue
        words = in_words(operation)
        for case, url in product(CASES, ("own", "foreign") if words.sealed else (None,)):
            wanted = expected(case._replace(url=url), words)
            outcomes[wanted if isinstance(wanted, int) else wanted[0]] += 1
            asked = ask(operation, case, url)
            decision = decide(asked, tuple(map(P, case.found)))
            check(asked, decision)
            if told(decision) != wanted:
                yield words, case, url, decision, wanted


def ask(operation, case: Case, url: str | None) -> Message:
    directory = world(operation.module, operation.interface, operation.version, case.agreements)[case.sender]
    to, owner, driver = (each and P(each) for each in (case.to, case.whose, case.driver))
    at = directory.parties.get(to)
    where = next(iter(at.origins)) if at and url == "own" else "https://evil.example"
    return message(directory, operation, P(case.party), to, owner, url and f"{where}/any?x=1", driver)


@pytest.mark.promise(1)
@pytest.mark.parametrize("version", CATALOGUE.versions)
def test_every_decision(version, proof):
    outcomes = Counter()
    found = list(islice(wrong(version, outcomes), A_FEW))
    assert not found, found[0]
    assert outcomes.keys() == OUTCOMES
    proof.exactly(f"wrong decisions for a sender with OCPI {version}", len(found), 0)
    proof.at_least(f"combinations for a sender with OCPI {version}", outcomes.total(), 50_000)


def test_the_enumeration_leaves_nothing_out():
    assert {case.to for case in CASES} >= {to for to in RECEIVERS.values() if to is not ...} | {"NL-ONE", "DE-BBB"}
    assert {case.whose for case in CASES} == {
        None,
        "NL-ONE",
        "DE-AAA",
        "AT-CCC",
        "HR-HBB",
        "HR-CPO",
        "SE-XYZ",
        "FR-REG",
    }


def check(asked: Message, decision: Route | Refuse) -> None:
    """What holds whatever the rules say."""
    assert all(isinstance(step, str) and step for step in decision.trail), decision
    assert str(asked.operation) in decision.trail[0], decision
    assert str(asked.sender) in decision.trail[0], decision
    assert decision.trail[-1] == (decision.why if isinstance(decision, Route) else decision.reason), decision
    if isinstance(decision, Route):
        check_destinations(asked, decision, decision)


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
    for receiver in ("invited", "suspended", "not presented", "offline"):
        decision = decide(ask(OPERATIONS[0], Case("single", RECEIVERS[receiver]), None))
        assert decision.reason.endswith("; do not queue the message")


def test_a_party_without_agreement_and_one_that_is_not_there_read_the_same():
    """The sender learns no more than it may know."""
    reasons = {
        decide(ask(OPERATIONS[0], Case("single", to, agreements="closed"), None)).reason.replace(to, "")
        for to in ("FR-REG", "ZZ-UNK", "BE-SUS", "IT-INV", "GR-OFF")
    }
    assert len(reasons) == 1


def test_the_trail_says_whose_object_it_is():
    operation = OPERATIONS[0]
    for sender, owner, step in [
        ("single", None, "no owner is named"),
        ("single", "NL-ONE", "owner NL-ONE is the sender"),
        ("hub", "SE-XYZ", "owner SE-XYZ is behind HR-HBB, which is a hub"),
    ]:
        party = SENDERS[sender][0]
        decision = decide(ask(operation, Case(sender, "FR-REG", owner), None))
        assert decision.trail == (
            f"{operation} from {party} (platform of {party})",
            step,
            "OCPI-to is FR-REG",
            "direct: FR-REG at platform of FR-REG",
        )


def test_what_was_found_holds_as_long_as_its_snapshot_and_for_nobody_else():
    operation = CATALOGUE.module("2.2.1", Interface.RECEIVER, "tariffs").find("PUT", ("NL", "ONE", "T"))
    asked = ask(operation, Case("single", "FR-REG", "NL-ONE"), None)
    to = P("FR-REG")
    directory = msgspec.structs.replace(asked.directory)
    asked = msgspec.structs.replace(asked, directory=directory)
    route, found = decide(asked), destination(asked, to)
    assert decide(msgspec.structs.replace(asked, request_id="another", body=b"{}")) is route
    assert destination(asked, to) is found
    others = msgspec.structs.replace(asked, owner=P("DE-AAA"))
    assert isinstance(decide(others), Refuse)
    assert isinstance(decide(others), Refuse), "a refusal is found each time"
    assert decide(msgspec.structs.replace(asked, receiver=P("DE-AAA"))).to == P("DE-AAA")
    for change in (
        {"offline": frozenset({11})},
        {"parties": {}},
        {"agreements": Agreements.of([Rule.between("NL-ONE", "FR-REG", "*", allow=False)], default=True)},
    ):
        later = msgspec.structs.replace(asked, directory=msgspec.structs.replace(directory, **change))
        assert isinstance(decide(later), Refuse), change
        with pytest.raises(OcpiError):
            destination(later, to)
    assert decide(asked) is route


def test_a_push_never_comes_back_to_the_owner_that_a_hub_sends_it_for():
    operation = CATALOGUE.module("2.2.1", Interface.RECEIVER, "sessions").find("PATCH", ("HR", "CPO", "S"))
    for driver in (None, "HR-CPO"):
        asked = ask(operation, Case("hub", None, "HR-CPO", driver=driver), None)
        assert isinstance(decide(asked, (P("HR-CPO"),)), Refuse)


def test_a_token_never_goes_to_another_platforms_url():
    """A plugin may choose another route, and a party may have moved: the URL stays whose it was."""
    operation = CATALOGUE.indirect("2.2.1", "commands", Interface.SENDER, "POST")
    asked = ask(operation, Case("single", "FR-REG"), "own")
    assert destination(asked, P("FR-REG")) == (asked.directory.platforms[11], asked.url)
    with pytest.raises(OcpiError, match="DE-AAA is not the party that handed out this URL") as caught:
        destination(asked, P("DE-AAA"))
    assert caught.value.code == 4000


def test_a_result_that_the_hub_asked_for_itself_stays_here():
    operation = CATALOGUE.indirect("2.2.1", "commands", Interface.SENDER, "POST")
    asked = ask(operation, Case("single", HUB), "foreign")
    decision = decide(msgspec.structs.replace(asked, url=f"{RESULTS}commands/1"))
    assert (told(decision), decision.why) == (
        ("local", frozenset()),
        "the result of something that the hub itself asked for",
    )
    assert isinstance(decide(asked), Refuse)


@pytest.mark.parametrize(
    ("call", "to", "words"),
    [
        ("POST receiver/cdrs", HUB, "XX-HUB is the hub itself, and cdrs can not be broadcast by it this way; name the"),
        ("GET receiver/sessions/NL/ONE/x", HUB, "sessions can not be asked of it this way; name the receiving party"),
        ("POST receiver/cdrs", None, "no receiver was found by cdr_token; name the receiving party in OCPI-to-*"),
        ("PUT receiver/sessions/NL/ONE/x", None, "no receiver was found by cdr_token or session 'x'; name the"),
        ("GET receiver/sessions/NL/ONE/x", None, "no receiver was found by session 'x'; name the receiving party"),
        ("POST sender/commands/STOP/x", None, "no receiver was found; name the receiving party in OCPI-to-*"),
    ],
)
def test_what_a_sender_reads(call, to, words):
    method, path = call.split(" ")
    side, module, *segments = path.split("/")
    operation = CATALOGUE.module("2.2.1", Interface(side.upper()), module).find(method, tuple(segments))
    decision = decide(ask(operation, Case("single", to), None))
    assert words in decision.reason


def test_how_many_are_asked():
    operation = CATALOGUE.module("2.2.1", Interface.SENDER, "sessions").find("GET", ())
    asked = ask(operation, Case("single", HUB), None)
    several, none = decide(asked).why, decide(msgspec.structs.replace(asked, directory=Directory(P(HUB)))).why
    assert several.startswith("GET All: asked of ")
    assert several.endswith(" parties, one by one")
    assert none == "GET All: asked of 0 parties, one by one"
    two = {number: asked.directory.platforms[number] for number in (1, 14)}
    one = decide(msgspec.structs.replace(asked, directory=Directory(P(HUB), two)))
    assert one.why == "GET All: asked of 1 party, one by one"


def test_what_plugins_make():
    assert Route.direct(P("XX-HUB"), "because") == Route(
        way=Way.DIRECT, destinations=(P("XX-HUB"),), why="because", trail=()
    )
    assert Refuse("no") == Refuse("no", 2001, (), Way.REFUSE)
