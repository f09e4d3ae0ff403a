"""Who gets which message: the rules of OCPI and docs/routing.md as tables in plain words, for one small world.

By hand from OCPI 2.2.1, transport_and_format (Message Routing), credentials, and the chapters of the modules. Nothing
here is of the hub's code: parties are texts, and an operation is what its request looks like.
"""

from collections.abc import Iterator
from typing import NamedTuple

HUB = "XX-HUB"


class Somebody(NamedTuple):
    """A platform: its parties in their roles, those that are kept for it besides, its version, and how it stands.

    A version of None is that of the sender. `barred`: it lacks just the endpoint that would be needed.
    """

    roles: str
    version: str | None = "2.2.1"
    stands: str = "there"
    reserved: str = ""
    barred: bool = False


PLATFORMS = {
    1: Somebody("NL-ONE:CPO", None),
    2: Somebody("DE-AAA:EMSP DE-BBB:EMSP AT-CCC:CPO", None),
    3: Somebody("HR-HBB:HUB HR-CPO:CPO", None),
    11: Somebody("FR-REG:EMSP"),
    12: Somebody("", stands="invited", reserved="IT-INV:CPO+EMSP"),
    13: Somebody("BE-SUS:CPO+EMSP", stands="suspended"),
    14: Somebody("AT-YES:CPO", reserved="AT-RES:EMSP"),
    15: Somebody("ES-OLD:CPO+EMSP", "2.1.1"),
    16: Somebody("PT-BAR:CPO+EMSP", barred=True),
    17: Somebody("FR-CPO:CPO FR-TWO:CPO"),
    18: Somebody("BE-HBB:HUB BE-MSP:EMSP"),
    19: Somebody("GR-OFF:CPO+EMSP", stands="offline"),
    20: Somebody("CH-NEW:CPO+EMSP", "2.3.0"),
}
# Who sends: the first party of its platform, and the others there.
SENDERS = {
    "single": ("NL-ONE", ()),
    "one of several": ("DE-AAA", ("DE-BBB", "AT-CCC")),
    "hub": ("HR-HBB", ("HR-CPO",)),
}
# What can be written into OCPI-to; None is for open routing, ... depends on the sender.
RECEIVERS = {
    "none": None,
    "hub": HUB,
    "self": ...,
    "sibling": ...,
    "registered": "FR-REG",
    "another hub": "BE-HBB",
    "behind a hub": "BE-MSP",
    "unknown": "ZZ-UNK",
    "invited": "IT-INV",
    "suspended": "BE-SUS",
    "not presented": "AT-RES",
    "offline": "GR-OFF",
    "older version": "ES-OLD",
    "newer version": "CH-NEW",
    "no endpoint": "PT-BAR",
}
# With which code a message to them is refused, where an agreement would allow it.
UNREACHED = {"ZZ-UNK": 4001, "IT-INV": 4003, "BE-SUS": 4003, "AT-RES": 4003, "GR-OFF": 4003, "PT-BAR": 4000}
VERSION = {"ES-OLD": "2.1.1", "CH-NEW": "2.3.0"}
SPEAK_AS_THE_SENDER = {"NL-ONE", "DE-AAA", "DE-BBB", "AT-CCC", "HR-HBB", "HR-CPO"}
# Which agreements there are, and whether the sender's first party may reach FR-REG, and anybody else anybody.
AGREEMENTS = {"open": (True, True), "closed": (False, False), "allow": (True, False), "deny": (False, True)}

# Who is there for a broadcast, one for each platform, by whose objects these are.
DRIVERS_SIDE = {"DE-AAA", "ES-OLD", "HR-HBB", "FR-REG", "BE-HBB", "CH-NEW"}
CHARGERS_SIDE = {"NL-ONE", "AT-CCC", "ES-OLD", "HR-HBB", "FR-CPO", "AT-YES", "BE-HBB", "CH-NEW"}
HUBS = {"HR-HBB", "BE-HBB"}
# Every party that is asked.
EMSPS = {"DE-AAA", "DE-BBB", "ES-OLD", "FR-REG", "BE-MSP", "CH-NEW"}
CPOS = CHARGERS_SIDE | {"FR-TWO"}

# Modules, interface, methods, path, and whom a message is for: with OCPI-to the hub, and with nobody in OCPI-to.
# `list` has no id in its path, `object` has one. What stands nowhere is refused: its receiver has to be named.
MEANT = """
locations tariffs        RECEIVER PUT,PATCH,DELETE object  drivers   drivers
tokens                   RECEIVER PUT,PATCH        object  chargers  chargers
locations tariffs tokens SENDER   GET              list    mirror    mirror
locations                SENDER   GET              object  mirror    whose
locations tokens         RECEIVER GET              object  mirror    whose
tariffs                  RECEIVER GET              object  mirror    nobody
sessions cdrs bookings   SENDER   GET              list    collect   collect
sessions                 RECEIVER PUT,PATCH        object  nobody    driver,whose
sessions                 RECEIVER GET              object  nobody    whose
sessions                 SENDER   PUT              object  nobody    whose
cdrs                     RECEIVER POST             list    nobody    driver,contract
tokens                   SENDER   POST             object  nobody    whose,ask
chargingprofiles         RECEIVER GET,PUT,DELETE   object  nobody    whose
chargingprofiles         SENDER   PUT              object  nobody    whose
commands                 RECEIVER POST             list    nobody    whose
"""
# Where the body alone names the owner; a CDR of OCPI 2.1.1 does not.
IN_BODY = {
    ("cdrs", "RECEIVER", "POST", ""),
    ("bookings", "SENDER", "POST", ""),
    ("invoicereconciliation", "RECEIVER", "POST", ""),
}
SINCE_2_2 = {"chargingprofiles", "charging_preferences", "CANCEL_RESERVATION"}
SINCE_2_3 = {"bookings", "invoicereconciliation", "payments"}
ALL = frozenset(("2.1.1", "2.2.1", "2.3.0"))


class Operation(NamedTuple):
    """What is asked. `path` is that of the specification, `{url}` for a URL that the hub sealed."""

    version: str
    module: str
    side: str
    method: str
    path: str

    @property
    def sealed(self) -> bool:
        return self.path == "{url}"

    @property
    def versions(self) -> frozenset[str]:
        """In which versions it exists."""
        if self.module in SINCE_2_3:
            return ALL - {"2.1.1", "2.2.1"}
        if SINCE_2_2 & {self.module, *self.path.split("/")}:
            return ALL - {"2.1.1"}
        return frozenset({"2.1.1"}) if (self.module, self.method) == ("tariffs", "PATCH") else ALL

    @property
    def names_owner(self) -> bool:
        """Whether path or body says whose object it is about."""
        return self.path.startswith("{country_code}") or (self.module, self.side, self.method, self.path) in IN_BODY - (
            {("cdrs", "RECEIVER", "POST", "")} if self.version == "2.1.1" else set()
        )

    @property
    def meant(self) -> tuple[str, str]:
        """For whom it is: with OCPI-to the hub, with nobody there."""
        return MEANINGS.get((self.module, self.side, self.method, "object" if "{" in self.path else "list"), NOBODY)


NOBODY = ("nobody", "nobody")


def _meanings() -> Iterator[tuple[tuple[str, str, str, str], tuple[str, str]]]:
    for line in MEANT.strip().splitlines():
        *modules, side, methods, path, hub, nobody = line.split()
        for module in modules:
            for method in methods.split(","):
                yield (module, side, method, path), (hub, nobody)


MEANINGS = dict(_meanings())
Expected = tuple[str, frozenset[str]] | int
"""The way, and every party that it leads to; or the status_code of the refusal."""


class Case(NamedTuple):
    """A message from one of the SENDERS. `whose` is the owner that it names, `driver` the party in its cdr_token.

    `found` was seen behind what it is about. `url`: what was sealed is the receiver's `own`, or a `foreign` one.
    `by`: a party of the sender's platform that is not its first one.
    """

    sender: str
    to: str | None
    whose: str | None = None
    found: tuple[str, ...] = ()
    driver: str | None = None
    agreements: str = "open"
    url: str | None = None
    by: str | None = None

    @property
    def party(self) -> str:
        return self.by or SENDERS[self.sender][0]

    @property
    def platform(self) -> set[str]:
        """All parties there."""
        return {SENDERS[self.sender][0], *SENDERS[self.sender][1]}

    def permitted(self, party: str) -> bool:
        named = (self.party, party) == (SENDERS[self.sender][0], "FR-REG")
        return AGREEMENTS[self.agreements][0 if named else 1]


def expected(case: Case, operation: Operation) -> Expected:
    """What has to become of a message."""
    if not may_send(case) or case.to == case.party:
        return 2001
    if case.to not in (None, HUB):
        return reached(case, case.to, operation)
    hub, nobody = NOBODY if operation.sealed else operation.meant
    for meaning in (hub if case.to == HUB else nobody).split(","):
        result = by_meaning(meaning, case, operation)
        if result is not None:
            return result
    return 2001


def may_send(case: Case) -> bool:
    """Only the owner sends its objects; a hub sends those of parties behind it, which are connected nowhere else."""
    if case.whose in (None, case.party):
        return True
    return case.party in HUBS and (case.whose in case.platform or not connected(case.whose))


def connected(party: str) -> bool:
    """Whether it is, or was invited as, a party of a platform at this hub."""
    return home(party) is not None


def home(party: str) -> str | None:
    """The first party of its platform, whose host all its endpoints are at."""
    platforms = (f"{each.roles} {each.reserved}".split() for each in PLATFORMS.values())
    return next((names[0].split(":")[0] for names in platforms if any(party in name for name in names)), None)


def reached(case: Case, party: str, operation: Operation) -> Expected:
    """One party is meant."""
    if not case.permitted(party):
        return 4001
    there = UNREACHED.get(party)
    if there and there != 4000:
        return there
    if not has(party, operation):
        return 2000
    if case.url == "foreign" or (there and case.url is None):
        return 4000
    return "direct", frozenset({party})


def has(party: str, operation: Operation) -> bool:
    """Whether the version that a party speaks has such a message."""
    spoken = operation.version if party in SPEAK_AS_THE_SENDER else VERSION.get(party, "2.2.1")
    return spoken in operation.versions


def by_meaning(meaning: str, case: Case, operation: Operation) -> Expected | None:
    """None where it says nothing, so that the next one counts."""
    sides = {"drivers": DRIVERS_SIDE, "chargers": CHARGERS_SIDE, "collect": CPOS, "ask": EMSPS}
    match meaning:
        case "mirror":
            return "mirror", frozenset()
        case "drivers" | "chargers" | "collect":
            # What a hub brings goes to no further hub.
            side = sides[meaning] - (HUBS if case.sender == "hub" else set())
            way = "collect" if meaning == "collect" else "broadcast"
            return way, frozenset(others(case, side, operation))
        case "driver":
            if case.driver is None:
                return None
            return 2001 if case.driver in (case.party, case.whose) else reached(case, case.driver, operation)
        case "whose" | "contract":
            return the_one_found(case, operation, known=meaning == "whose" or operation.version == "2.1.1")
        case "ask":
            asked = frozenset(others(case, sides["ask"], operation))
            return ("ask", asked) if asked else 2001
    return 2001


def others(case: Case, side: set[str], operation: Operation) -> set[str]:
    """All of them that the sender may reach, and that understand it. Nothing comes back to the sender's platform."""
    return {each for each in side - case.platform if case.permitted(each) and has(each, operation)}


def the_one_found(case: Case, operation: Operation, *, known: bool) -> Expected | None:
    """Who was seen behind what the message is about. Only OCPI 2.1.1 knows a CDR by its contract alone."""
    if not known:
        return None
    seen = [each for each in case.found if each not in (case.party, case.whose) and case.permitted(each)]
    if len(seen) > 1:
        return 2001
    return reached(case, seen[0], operation) if seen else None


# Whether a token opens the modules. That of a platform which is offline does: it may be back, and just say so.
TOKENS = {
    "of the sender": True,
    "none": False,
    "unknown": False,
    "rotated away": False,
    "A, of one invited": False,
    "of a registration that is not finished": False,
    "of one suspended": False,
}


class Request(NamedTuple):
    """A request with one of the TOKENS. `claimed` is in OCPI-from; `sealed_for` says who was given a sealed URL."""

    case: Case
    token: str = "of the sender"
    claimed: str | None = None
    sealed_for: str = "the sender"


def answered(request: Request, operation: Operation) -> Expected:
    """What has to become of a request; 401 and 404 are HTTP."""
    if not TOKENS[request.token]:
        return 401
    case = request.case
    if operation.sealed:
        # The URL says who may use it and whom it leads to, whatever the headers say.
        gone = case.to in (None, HUB) or not connected(case.to)
        return 404 if request.sealed_for != "the sender" or gone else expected(case, operation)
    sender = who_sends(case, request.claimed)
    return 2001 if sender is None else expected(*as_read(case._replace(by=sender), operation))


def who_sends(case: Case, claimed: str | None) -> str | None:
    """The party that a platform says, if it is its own; else the owner, or its only party. None where nobody is."""
    if claimed is not None:
        return claimed if claimed in case.platform else None
    if case.whose in case.platform:
        return case.whose
    return case.party if len(case.platform) == 1 else None


def as_read(case: Case, operation: Operation) -> tuple[Case, Operation]:
    """What a request is taken for: OCPI 2.1.1 has one URL for both interfaces of a module.

    One whose path begins with no party of the sender's platform is no question for what it stored at a receiver.
    """
    asked = (operation.version, operation.module, operation.method, operation.path.count("/"))
    if asked == ("2.1.1", "locations", "GET", 2) and case.whose not in (None, *case.platform):
        return case._replace(whose=None), operation._replace(
            side="SENDER", path="{location_id}/{evse_uid}/{connector_id}"
        )
    return case, operation
