"""No tail of a path leads out of the endpoint that its partner registered, however that partner's server reads it.

What partners get is seen by raw sockets, byte for byte, and read as servers and proxies do: decoded up to three times,
backslashes as slashes, parameters cut off, wide letters as plain ones, dots resolved.
"""

import asyncio
import random
import re
import unicodedata
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

import pytest

from hub.core.party import PartyRole
from tests.fault.by_hand import Platform
from tests.fault.raw_partner import RawPartner, Received, ocpi
from tests.plugin.public_api.conftest import opened
from tests.promises import size
from tests.raw import Wire, ask, request, wire
from tests.support import running

pytestmark = pytest.mark.promise(7)

TAILS = size(2_000, 10_000)
AT_ONCE = 4
SEED = 7
CPO, EMSP = PartyRole.parse("NL-CPO:CPO"), PartyRole.parse("DE-MSP:EMSP")
ROUTES = (
    ("GET", "receiver/locations/NL/CPO", True), ("PUT", "receiver/locations/NL/CPO", True),
    ("GET", "receiver/locations", True), ("PATCH", "receiver/sessions/NL/CPO", True),
    ("PUT", "receiver/sessions", True), ("GET", "sender/tokens", False), ("GET", "sender/locations", False),
    ("POST", "sender/tokens", False), ("GET", "receiver", True), ("GET", "sender", False), ("GET", "sealed", False),
    ("POST", "sealed", False),
)  # fmt: skip
"""Method, path below the version, and whether the owner stands in the path."""
DOTS = (
    ".", "..", "...", "....", "%2e", "%2E", "%2e%2e", ".%2e", "%2E.", "%252e%252e", "%252E.", "%25252e%25252e",
    "..;", "..;a=b", ";/..", "%3b..", "..%3b", ".;", "..%00", "..%20", "..%09", "..%0d%0a", "%c0%ae%c0%ae",
    "%c0%ae.", "%e0%80%ae%e0%80%ae", "%25c0%25ae", "%ef%bc%8e%ef%bc%8e", "%e2%80%a4%e2%80%a4", "%e2%80%a5",
    "%u002e%u002e", "..%23", "..%3f", "..%253f", "\\..", "..\\", "..%5c", "%5c..", "..%255c", "..%2f", "%2f..",
    "..%252f", "..%c0%af", "..%ef%bc%8f", "..%ef%bc%bc", "%2e%2e%2f%2e%2e", "..%25%32%66", "%%32%65%%32%65", "%",
    "%2", "%zz", "",
)  # fmt: skip
IDS = (
    "LOC1", "E1", "1", "NL", "CPO", "nl", "cPo", "DE", "MSP", "BE", "OTH", "S-1", "a%20b", "DE*ABC*E1", "%4c%4f%43",
    "a;b", "a%3Bb=c", "%c3%a9", "a:b@c", "~a", "x.", ".x", "a..b", "N%4c", "C%50O", "CP%4F", "NL%00", "NL;a",
    "CPO%20", "100%25", "authorize", "http:", "http://127.0.0.1", "http:%2f%2f127.0.0.1", "//127.0.0.1/x",
    "?a=../..", "#/../..", "%3fa", "%23b", "a" * 300, "admin", "credentials", "versions", "receiver", "tokens",
)  # fmt: skip


def make_tail(chance: random.Random) -> str:
    """Ids, with what climbs among them, joined by slashes of many kinds."""
    climbing = chance.choice((0.0, 0.1, 0.4))
    parts = [chance.choice(DOTS if chance.random() < climbing else IDS) for _ in range(chance.choice((1, 1, 2, 3, 6)))]
    if chance.random() < 0.3:
        parts[:0] = chance.choice((["NL", "CPO"], ["nl", "cpo"], ["N%4c", "CPO"], ["NL", "", "CPO"], ["DE", "MSP"]))
    if chance.random() < 0.1:
        parts.append("authorize")
    tail = parts[0]
    for part in parts[1:]:
        tail += chance.choice(("/",) * 12 + ("//", "/./", "/;/", "%2f", "%5c", "\\", "%252f", "/%2e/")) + part
    if chance.random() < 0.2:
        tail = re.sub("%[0-9a-f]{2}", lambda match: chance.choice((match[0].upper(), match[0])), tail)
    return tail + chance.choice(("",) * 8 + ("/", ".", "?a=b", "?a=/../..", "%20", ";jsessionid=1"))


def decode(path: str) -> str:
    """Also what no decoder of UTF-8 should take: a dot and a slash of two and three bytes."""
    raw = unquote_to_bytes(path)
    for long, plain in ((b"\xc0\xae", b"."), (b"\xc0\xaf", b"/"), (b"\xe0\x80\xae", b"."), (b"\xe0\x80\xaf", b"/")):
        raw = raw.replace(long, plain)
    return raw.decode("utf-8", "replace")


def resolve(path: str) -> str:
    """Dot segments go, and doubled slashes."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in ("", "."):
            kept.append(segment)
    return "/" + "/".join(kept)


STEPS: dict[str, Callable[[str], str]] = {
    "d": decode,
    "b": lambda path: path.replace("\\", "/"),
    ";": lambda path: re.sub(r";[^/]*", "", path),
    "w": lambda path: unicodedata.normalize("NFKC", path),
    "t": lambda path: re.sub(
        r"(?<=[^/])[ .]+(?=/|$)", lambda found: "" if path[found.start() - 1] != "." else "..", path
    ),
    "0": lambda path: path.partition("\0")[0],
    "r": resolve,
}
WAYS = (
    "r", "br", ";r", "dr", "dbr", ";dr", "d;r", "d;br", "ddr", "ddbr", ";d;dr", "dd;wbr", "dwr", "wdr", "d0r",
    "dd0r", "dddr", "rdr", "rdrdr", "dbrdbr", "ddd;wb0r", "dtr", "d;tr", "ddwbt;r",
)  # fmt: skip


def read(path: str, way: str) -> str:
    """A path as one server sees it."""
    for step in way:
        path = STEPS[step](path)
    return path


def strays(got: Received, endpoint: str, owned: bool) -> list[str]:
    """The ways in which a server would find something outside of the endpoint, or of another owner."""
    wrong = []
    path = got.path.partition("?")[0]
    for way in WAYS:
        found = read(path, way)
        inside = (found + "/").startswith(endpoint + "/")
        owner = [each.upper() for each in found.removeprefix(endpoint).strip("/").split("/")[:2]]
        if not inside or (owned and owner != ["NL", "CPO"]):
            wrong.append(f"{got.method} {got.path} read by {way!r}: {found}")
    return wrong


async def register(app, partner: RawPartner, key: str, role: PartyRole) -> Platform:
    invitation = await app.partners.invite(key, [str(role)])
    platform = Platform(key, role, partner.url, app.url)
    platform.token = invitation.token_a
    await platform.send_credentials("POST")
    return platform


class Climber:
    """Sends tails in the name of the CPO, over connections that it keeps, and sees what the eMSP gets."""

    def __init__(self, url: str, cpo: Platform) -> None:
        self.got: dict[str, Received] = {}
        self.statuses: dict[int, int] = {}
        self._url = url
        self._cpo = cpo
        self._headers = ("OCPI-from-country-code: NL", "OCPI-from-party-id: CPO", "OCPI-to-country-code: DE",
                         "OCPI-to-party-id: MSP")  # fmt: skip

    async def keep(self, request: Received, writer: asyncio.StreamWriter) -> None:
        self.got[request.headers["x-correlation-id"]] = request
        writer.write(ocpi([] if request.method == "GET" else None))

    async def run(self, targets: list[tuple[str, str, str]]) -> None:
        """Each is a number, a method and a target."""
        waiting = iter(targets)
        asked = next(waiting, None)
        while asked:
            async with wire(self._url, 10) as connection:
                while asked and await self._ask(connection, *asked):
                    asked = next(waiting, None)

    async def _ask(self, connection: Wire, number: str, method: str, target: str) -> bool:
        """Whether there was an answer: what the hub can not even read ends the connection."""
        body = b"{}" if method in ("PUT", "PATCH", "POST") else None
        headers = (*self._headers, f"X-Correlation-ID: {number}")
        await connection.send(request(method, target, *headers, token=self._cpo.token, body=body))
        answer = await connection.answer()
        if answer:
            self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        return answer is not None


@pytest.mark.timeout(600)
async def test_no_tail_leaves_its_endpoint(tmp_path, proof):
    chance = random.Random(SEED)
    async with running(tmp_path) as app, RawPartner() as partner:
        cpo = await register(app, partner, "cpo", CPO)
        await register(app, partner, "emsp", EMSP)
        climber = Climber(app.url, cpo)
        partner.behaviour = climber.keep
        sent = []
        for number in range(TAILS):
            method, start, owned = chance.choice(ROUTES)
            slash = chance.choice(("/",) * 9 + ("//", "/%2e/", "%2f"))
            sent.append((str(number), method, f"/ocpi/2.2.1/{start}{slash}{make_tail(chance)}", owned))
        targets = [each[:3] for each in sent]
        await asyncio.gather(*(climber.run(targets[first::AT_ONCE]) for first in range(AT_ONCE)))
        wrong = []
        for number, _, target, owned in sent:
            if got := climber.got.get(number):
                side, module = [decode(each) for each in target.split("/") if each][2:4]
                wrong += strays(got, f"/emsp/{side}/{module}", owned)
                assert re.fullmatch(r"[!-~]+", got.path)
                assert got.headers["host"] == partner.url.removeprefix("http://")
        print("\n".join(wrong[:40]))
        proof.at_least("tails of paths", len(sent), TAILS)
        proof.at_least("tails that reached the partner", len(climber.got), TAILS // 20)
        proof.exactly("tails that a server would read as outside of the endpoint, or of another owner", len(wrong), 0)
        assert climber.statuses.keys() <= {200, 400, 401, 404, 405}, climber.statuses


FILES = size(300, 2_000)
SERVED = ("index.html", "app.js", "app.css", "docs.css", "docs.js", "swagger-ui.css", "swagger-ui-bundle.js")


async def test_no_tail_finds_another_file(tmp_path, proof):
    """The example app and the documentation of the public API. The admin listener: tests/dashboard/test_paths.py."""
    chance = random.Random(SEED)
    async with opened(tmp_path) as desk:
        targets = [f"{chance.choice(('/app/', '/docs/static/', '/'))}{make_tail(chance)}" for _ in range(FILES)]
        for above in ("..", "%2e%2e", "..%2f..", "%252e%252e", "..%5c..", "..;"):
            targets += [
                f"/app/{above}/{name}" for name in ("routes.py", "app.py", "../public_api.py", "%2fetc%2fpasswd")
            ]
        found = []
        for target in targets:
            answer = await ask(desk.url, request("GET", target))
            if (
                answer
                and answer.status == 200
                and not target.split("?")[0].endswith(("/app/", *SERVED, "/docs", "json"))
            ):
                found.append(target)
        proof.exactly("files outside of their folder that a tail found", len(found), 0)
