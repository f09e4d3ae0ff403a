"""The small world of `routing_rules.py` as the hub has it: platforms, agreements, and a decision in words."""

from functools import cache

import msgspec

from hub.core.agreements import Agreements, Rule
from hub.core.catalogue import CATALOGUE
from hub.core.directory import Directory, Platform, State
from hub.core.modules import Interface
from hub.core.modules import Operation as Row
from hub.core.party import Party, Role
from hub.core.route import Refuse, Route
from tests.core.routing_rules import AGREEMENTS, HUB, PLATFORMS, SENDERS, Operation, Somebody

P = Party.parse
STATES = {"invited": State.INVITED, "suspended": State.SUSPENDED}


def host(party: Party) -> str:
    return f"https://{party.id.lower()}.example"


def parties(text: str) -> dict[Party, frozenset[Role]]:
    pairs = (each.split(":") for each in text.split())
    return {P(party): frozenset(map(Role, roles.split("+"))) for party, roles in pairs}


def platform(number: int, each: Somebody, version: str, lacking: str, side: Interface) -> Platform:
    """One of them. For a sender with OCPI 2.1.1, which names no side, the barred one lacks both sides of a module."""
    kept = parties(f"{each.roles} {each.reserved}")
    party = next(iter(kept))
    return Platform(
        id=number,
        name=f"platform of {party}",
        state=STATES.get(each.stands, State.REGISTERED),
        version=None if each.stands == "invited" else each.version or version,
        roles=parties(each.roles),
        reserved=kept,
        endpoints={
            (module, interface): f"{host(party)}/{module}/{interface.lower()}/"
            for module in CATALOGUE.modules
            for interface in Interface
            if not each.barred or module != lacking or (version != "2.1.1" and interface != side)
        },
        origins=frozenset({f"{host(party)}:443"}),
    )


@cache
def world(module: str, interface: Interface, version: str = "2.2.1", agreements: str = "open") -> dict[str, Directory]:
    """A directory with every kind of platform, for each sender. One lacks just the endpoint that is needed."""
    platforms = [platform(number, each, version, module, interface) for number, each in PLATFORMS.items()]
    here = msgspec.structs.replace(Directory.of(P(HUB), platforms), offline=frozenset({19}))
    return {sender: agreed(here, agreements, party, module) for sender, (party, _) in SENDERS.items()}


def agreed(directory: Directory, agreements: str, sender: str, module: str) -> Directory:
    special, default = AGREEMENTS[agreements]
    rules = [Rule.between(sender, "FR-REG", module, allow=special)] if special != default else []
    return msgspec.structs.replace(directory, agreements=Agreements.of(rules, default=default))


def in_words(row: Row) -> Operation:
    return Operation(row.version, row.module, row.interface, row.method, "/".join(row.path))


def told(decision: Route | Refuse) -> object:
    """A decision in the words of the rules."""
    if isinstance(decision, Refuse):
        return decision.code
    return decision.way.value, frozenset(each.id for each in decision.destinations)
