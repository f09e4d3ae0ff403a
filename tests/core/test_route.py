"""`decide` over every combination of sender, receiver, owner and operation, against a table written by hand."""

import math

import pytest

from hub.core.directory import Directory, Platform, State
from hub.core.message import Message
from hub.core.modules import CATALOGUE, Interface
from hub.core.party import Party, Role
from hub.core.route import Refuse, Route, Way, decide, destination
from hub.errors import OcpiError

HUB = Party("XX", "HUB")
MODULES = ("cdrs", "chargingprofiles", "commands", "locations", "sessions", "tariffs", "tokens")
OPERATIONS = [*CATALOGUE.operations()]

# What can be written into OCPI-to, and the party it stands for here. `self` and `sibling` depend on the sender.
RECEIVERS = {
    "none": None,
    "hub": HUB,
    "self": ...,
    "sibling": ...,
    "registered": Party("FR", "REG"),
    "unknown": Party("ZZ", "UNK"),
    "invited": Party("IT", "INV"),
    "suspended": Party("BE", "SUS"),
    "not presented": Party("AT", "RES"),
    "other version": Party("ES", "OLD"),
    "no endpoint": Party("PT", "BAR"),
}
# Sender: its party, the others of its platform, its role.
SENDERS = {
    "single": (Party("NL", "ONE"), (), Role.CPO),
    "one of several": (Party("DE", "AAA"), (Party("DE", "BBB"), Party("AT", "CCC")), Role.EMSP),
    "hub": (Party("HR", "HBB"), (Party("HR", "CPO"),), Role.HUB),
}
OWNERS = ("nobody", "sender", "sibling", "receiver", "stranger")

# The expectation: a route (None) or a status_code, and words that the reason has to hold.
# First by the owner: where it is not the sender and the sender is no hub, nothing else counts.
NOT_YOURS = (2001, "can not send objects of")
BY_RECEIVER = {
    "none": (2001, "OCPI-to-* are missing"),
    "hub": (2001, "XX-HUB is the hub itself"),
    "self": (2001, "is the sender itself"),
    "sibling": None,
    "registered": None,
    "unknown": (4001, "ZZ-UNK is not known to this hub"),
    "invited": (4003, "IT-INV has not connected yet"),
    "suspended": (4003, "BE-SUS is suspended"),
    "not presented": (4003, "AT-RES has not connected yet"),
    "other version": (4000, "ES-OLD speaks OCPI 2.1.1, this message is OCPI 2.2.1"),
    "no endpoint": (4000, "PT-BAR offers no"),
}
# A URL that a partner handed out is called as it stands: neither version nor endpoints matter, but whose it is does.
BY_RECEIVER_OF_A_URL = BY_RECEIVER | {"other version": None, "no endpoint": None}
FOREIGN_URL = (4000, "is not the party that handed out this URL")


def expectation(sender, receiver, owner, url):
    if owner in ("sibling", "receiver", "stranger") and sender != "hub":
        return NOT_YOURS
    table = BY_RECEIVER_OF_A_URL if url else BY_RECEIVER
    if url == "foreign" and table[receiver] is None:
        return FOREIGN_URL
    return table[receiver]


def host(party):
    return f"https://{party.id.lower()}.example"


def platform(number, *presented, reserved=(), state=State.REGISTERED, version="2.2.1", role=Role.CPO, without=None):
    party = (*presented, *reserved)[0]
    return Platform(
        id=number,
        name=f"platform of {party}",
        state=state,
        version=version,
        roles={each: frozenset({role}) for each in presented},
        reserved={each: frozenset({role}) for each in (*presented, *reserved)},
        endpoints={
            (module, interface): f"{host(party)}/{module}/{interface.lower()}/"
            for module in MODULES
            for interface in Interface
            if (module, interface) != without
        },
        origins=frozenset({f"{host(party)}:443"}),
    )


def world(operation):
    """A directory with every kind of platform. One lacks just the endpoint that this operation needs."""
    senders = [
        platform(number, party, *others, role=role) for number, (party, others, role) in enumerate(SENDERS.values(), 1)
    ]
    return Directory.of(
        HUB,
        [
            *senders,
            platform(11, RECEIVERS["registered"]),
            platform(12, reserved=[RECEIVERS["invited"]], state=State.INVITED, version=None),
            platform(13, RECEIVERS["suspended"], state=State.SUSPENDED),
            platform(14, Party("AT", "YES"), reserved=[RECEIVERS["not presented"]]),
            platform(15, RECEIVERS["other version"], version="2.1.1"),
            platform(16, RECEIVERS["no endpoint"], without=(operation.module, operation.interface)),
        ],
    )


def combinations():
    for sender, (party, others, _) in SENDERS.items():
        receivers = RECEIVERS | {"self": party, "sibling": others[0] if others else ...}
        owners = {
            "nobody": None,
            "sender": party,
            "sibling": others[-1] if others else ...,
            "stranger": Party("SE", "XYZ"),
        }
        for receiver, to in receivers.items():
            for owner in OWNERS:
                whose = to or ... if owner == "receiver" else owners[owner]
                if ... not in (to, whose) and not (owner == "receiver" and to == party):
                    yield sender, party, receiver, to, owner, whose


COMBINATIONS = list(combinations())


def message(directory, operation, party, to, owner, url=None):
    return Message(
        operation=operation,
        segments=("x",) * len(operation.path),
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


def test_the_enumeration_leaves_nothing_out():
    assert {receiver for _, _, receiver, *_ in COMBINATIONS} == set(RECEIVERS) == set(BY_RECEIVER)
    assert {sender for sender, *_ in COMBINATIONS} == set(SENDERS)
    assert {owner for *_, owner, _ in COMBINATIONS} == set(OWNERS)
    assert len(COMBINATIONS) == 38 + 53 + 53
    assert len(OPERATIONS) == 36 + 8


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda row: f"{row}{' (handed out)' * (row.path == ('{url}',))}")
def test_every_decision(operation):
    directory = world(operation)
    handed_out = operation.path == ("{url}",)
    for sender, party, receiver, to, owner, whose in COMBINATIONS:
        for kind in ("own", "foreign") if handed_out else (None,):
            at = directory.parties.get(to)
            own = next(iter(at.origins)) if at else "https://nobody.example"
            url = kind and f"{own if kind == 'own' else 'https://evil.example'}/any/path?x=1"
            asked = message(directory, operation, party, to, whose, url)
            decision = decide(asked)
            expected = expectation(sender, receiver, owner, kind)
            case = (sender, receiver, owner, kind, decision)

            assert decision.trail, case
            assert str(operation) in decision.trail[0], case
            assert str(party) in decision.trail[0], case
            assert all(isinstance(step, str) and step for step in decision.trail), case
            if expected is None:
                assert isinstance(decision, Route), case
                assert (decision.way, decision.to) == (Way.DIRECT, to), case
                assert decision.trail[-1] == decision.why == f"direct to {to} at {at.name}", case
                there, where = destination(asked, decision.to)
                assert there is at, case
                assert where == (url or at.endpoints[operation.module, operation.interface]), case
            else:
                code, words = expected
                assert isinstance(decision, Refuse), case
                assert (decision.way, decision.code) == (Way.REFUSE, code), case
                assert words in decision.reason, case
                assert decision.trail[-1] == decision.reason, case


def test_a_refusal_tells_what_not_to_do():
    directory = world(OPERATIONS[0])
    for receiver in ("invited", "suspended", "not presented"):
        decision = decide(message(directory, OPERATIONS[0], SENDERS["single"][0], RECEIVERS[receiver], None))
        assert decision.reason.endswith("; do not queue the message")


def test_the_trail_says_whose_object_it_is():
    directory = world(OPERATIONS[0])
    to, one, behind, hub = RECEIVERS["registered"], SENDERS["single"][0], Party("SE", "XYZ"), SENDERS["hub"][0]
    for sender, owner, step in [
        (one, None, "no owner is named"),
        (one, one, "owner NL-ONE is the sender"),
        (hub, behind, "owner SE-XYZ is behind HR-HBB, which is a hub"),
    ]:
        decision = decide(message(directory, OPERATIONS[0], sender, to, owner))
        assert decision.trail == (
            f"{OPERATIONS[0]} from {sender} (platform of {sender})",
            step,
            "OCPI-to is FR-REG",
            "direct to FR-REG at platform of FR-REG",
        )


def test_a_token_never_goes_to_another_platforms_url():
    """A plugin may choose another route, and a party may have moved: the URL stays whose it was."""
    operation = CATALOGUE.indirect("2.2.1", "commands", Interface.SENDER, "POST")
    directory = world(operation)
    one, other, url = SENDERS["single"][0], SENDERS["one of several"][0], "https://fr-reg.example/results/1"
    asked = message(directory, operation, one, RECEIVERS["registered"], None, url)
    assert destination(asked, RECEIVERS["registered"]) == (directory.platforms[11], url)
    with pytest.raises(OcpiError, match="DE-AAA is not the party that handed out this URL") as caught:
        destination(asked, other)
    assert caught.value.code == 4000


def test_what_plugins_make():
    assert Route.direct(HUB, "because") == Route(way=Way.DIRECT, to=HUB, why="because", trail=())
    assert Refuse("no") == Refuse("no", 2001, (), Way.REFUSE)
