"""Requests of every kind through reading and routing: nobody gets what the rules do not give.

The tokens, headers, paths and bodies are those of real requests; what has to become of each is in
`tests/core/routing_rules.py`. Short, a drawn part of the combinations; long, all of them.
"""

import random
from collections import Counter
from collections.abc import Iterator
from itertools import islice, product

import msgspec
import pytest

from hub.core.catalogue import CATALOGUE
from hub.core.directory import Directory, Encoding, Platform, Secret, TokenKind
from hub.core.headers import read
from hub.core.modules import Operation as Row
from hub.core.modules import is_placeholder
from hub.core.party import Party
from hub.core.route import Route, decide, destination
from hub.core.sealed import KEY_BYTES, Sealed, Sealer, Use
from hub.errors import OcpiError
from hub.flow.indirect import Indirect
from hub.flow.numbers import Numbers
from hub.flow.reader import Reader
from hub.partners.access import Access
from hub.partners.tokens import authorization
from hub.store.credentials import token_digest
from tests.core.routing_rules import (
    AGREEMENTS,
    HUB,
    RECEIVERS,
    SENDERS,
    TOKENS,
    Case,
    Operation,
    Request,
    answered,
    home,
)
from tests.core.routing_world import host, in_words, told, world
from tests.promises import size

P = Party.parse
A_FEW = 20
KEPT = {"A, of one invited": (TokenKind.A, 12), "of one suspended": (TokenKind.C, 13)}
USES = {"POST": Use.RESULT, "GET": Use.PAGE}
SEALER = Sealer(bytes(range(KEY_BYTES)))


def requests(words: Operation) -> Iterator[Request]:
    """Every combination for one operation."""
    for token, (sender, (party, others)), agreements in product(TOKENS, SENDERS.items(), AGREEMENTS):
        receivers = {*RECEIVERS.values()} - {...} | {party, *others[:1]}
        claims = (None, party, *others[:1], "FR-REG", "ZZ-UNK", HUB)
        owners = (party, *others[-1:], "SE-XYZ", "FR-REG") if words.names_owner else (None,)
        holders = ("the sender", "another") if words.sealed else ("the sender",)
        for to, claimed, whose, holder in product(sorted(receivers, key=str), claims, owners, holders):
            case = Case(sender, to, whose, agreements=agreements, url="own" if words.sealed else None)
            yield Request(case, token, claimed, holder)


class Hub:
    """Reads and routes, as a hub does with what it has in memory. The world is swapped before each request."""

    def __init__(self) -> None:
        self._numbers = Numbers()
        self._worlds: dict[object, Directory] = {}
        self.directory = Directory(P(HUB))
        indirect = Indirect(SEALER, "https://hub.example/ocpi/{version}/sealed/")
        self._reader = Reader(CATALOGUE, Access(), indirect, lambda: self.directory, self._numbers)

    def enter(self, row: Row, case: Case) -> Platform:
        """Go to the world that a request is for; the platform that sends it."""
        key = row.module, row.interface, row.version, case.agreements, case.sender
        if key not in self._worlds:
            bare = world(*key[:4])[case.sender]
            own = bare.parties[P(case.party)].id
            tokens = {
                "of the sender": (TokenKind.C, own),
                "of a registration that is not finished": (TokenKind.PENDING, own),
                **KEPT,
            }
            credentials = [(token_digest(f"token {name}".replace(" ", "-")), number, kind)
                           for name, (kind, number) in tokens.items()]  # fmt: skip
            made = Directory.of(bare.hub, bare.platforms.values(), credentials)
            self._worlds[key] = msgspec.structs.replace(made, agreements=bare.agreements, offline=bare.offline)
        self.directory = self._worlds[key]
        return self.directory.parties[P(case.party)]

    def ask(self, row: Row, request: Request) -> object:
        """What becomes of a request, in the words of the rules."""
        try:
            message = self._message(row, request)
        except OcpiError as error:
            return error.http if error.http != 200 else error.code
        decision = decide(message)
        if isinstance(decision, Route):
            for each in decision.destinations:
                assert destination(message, each)[1].startswith(f"{at(each.id)}/"), (request, each)
        return told(decision)

    def _message(self, row: Row, request: Request) -> object:
        case = request.case
        own = self.enter(row, case)
        headers = read(fields(request))
        if row.path == ("{url}",):
            segment = self._sealed(row, request, own)
            target, directory = self._reader.sealed(segment, row.method, headers)
        else:
            target, directory = self._reader.target(row.version, path(row, case), row.method, "", headers)
        return self._reader.message(target, directory, body(row, case), 0.0)

    def _sealed(self, row: Row, request: Request, own: Platform) -> str:
        to = P(request.case.to or "ZZ-UNK")
        there = self.directory.parties.get(to)
        inner = Sealed(
            use=Use.OBJECT if row.interface == "RECEIVER" else USES[row.method],
            version=row.version,
            module=row.module,
            holder=own.id if request.sealed_for == "the sender" else 11,
            holder_party=P(request.case.party),
            target=there.id if there else 99,
            target_party=to,
            url=f"{at(to.id)}/later/1",
        )
        return SEALER.seal(inner)


def at(party: str) -> str:
    """Where its platform is."""
    return host(P(home(party) or party))


def fields(request: Request) -> list[tuple[bytes, bytes]]:
    """The headers."""
    made = []
    if request.token != "none":
        text = Secret(f"token {request.token}".replace(" ", "-"))
        made.append((b"Authorization", authorization(text, Encoding.BASE64).reveal().encode()))
    for side, party in (("from", request.claimed), ("to", request.case.to)):
        if party:
            country, name = party.split("-")
            made.append((f"OCPI-{side}-country-code".encode(), country.encode()))
            made.append((f"OCPI-{side}-party-id".encode(), name.encode()))
    return made


def path(row: Row, case: Case) -> str:
    """What follows the version in the URL."""
    named = dict(zip(("{country_code}", "{party_id}"), (case.whose or "x-x").split("-"), strict=True))
    parts = [named.get(shape, "x" if is_placeholder(shape) else shape) for shape in row.path]
    side = [] if row.version == "2.1.1" else [row.interface.lower()]
    return "/".join((*side, row.module, *parts))


def body(row: Row, case: Case) -> bytes:
    if not row.has_body:
        return b""
    country, party = (case.whose or "x-x").split("-")
    return msgspec.json.encode({"country_code": country, "party_id": party} if case.whose else {})


def wrong(rows: list[Row], part: float, outcomes: Counter[object]) -> Iterator[object]:
    """Every request of which something else becomes. `part` of all is tried."""
    hub, chance = Hub(), random.Random(1)
    for row in rows:
        words = in_words(row)
        for request in requests(words):
            if part < 1 and chance.random() >= part:
                continue
            wanted = answered(request, words)
            outcomes[wanted if isinstance(wanted, int) else wanted[0]] += 1
            found = hub.ask(row, request)
            if found != wanted:
                yield words, request, found, wanted


@pytest.mark.promise(1)
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("version", CATALOGUE.versions)
def test_every_request(version, proof):
    outcomes = Counter()
    rows = [row for row in CATALOGUE.operations() if row.version == version]
    found = list(islice(wrong(rows, size(0.02, 1.0), outcomes), A_FEW))
    assert not found, found[0]
    assert outcomes.keys() >= {"direct", "broadcast", "mirror", "collect", 401, 404, 2001, 4000, 4001, 4003}
    proof.exactly(f"wrong deliveries of requests with OCPI {version}", len(found), 0)
    proof.at_least(f"requests with OCPI {version}", outcomes.total(), size(10_000, 300_000))
