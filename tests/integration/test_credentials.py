"""The credentials handshake with the hub as Receiver (OCPI 2.2.1, chapter 7): all that can go wrong, and what then is.

A registration that fails leaves nothing behind: the same TOKEN_A registers as soon as the reason is gone.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from hub.app import App
from hub.config import Limits, Upstream
from hub.core.directory import Encoding, State
from tests.partner import Partner, Say, hang, ocpi
from tests.raw import calm
from tests.support import running

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/ocpi/2.2.1/credentials"
TOKENS = "/ocpi/2.2.1/sender/tokens"
LIMITS = Limits(timeout=0.3, response_body=100_000)
NUMBERS = count(100)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def app(kind: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[App]:
    async with running(tmp_path_factory.mktemp("hub"), limits=LIMITS) as app:
        await app.partners.invite("Somebody else", ["BE-SEB:CPO"])
        yield app


@pytest_asyncio.fixture(loop_scope="module")
async def partner(app: App) -> AsyncIterator[Partner]:
    """An invited CPO with a party of its own; whatever happens to it, the hub itself does not fail."""
    partner = Partner(f"NL-{next(NUMBERS)}:CPO")
    async with partner.serve():
        await partner.invited(app)
        with calm():
            yield partner


async def test_the_whole_life_of_a_registration(app: App, partner: Partner) -> None:
    token_a = partner.token
    for method in ("PUT", "DELETE"):
        answer = await partner.ask(method, PATH, body=msgspec.json.encode(partner.credentials()))
        assert (answer.told, answer.headers["allow"]) == ((405, 2000), "GET, POST")
    assert (await partner.ask("GET", PATH)).envelope["data"]["token"] == token_a
    assert partner.asked == []

    registered = await partner.register()
    assert registered.told == (200, 1000)
    ours = registered.envelope["data"]
    assert ours["url"] == app.versions_url
    assert [(each["country_code"], each["party_id"], each["role"]) for each in ours["roles"]] == [("NL", "HUB", "HUB")]
    assert len(ours["token"]) <= 64
    assert partner.lines == ["GET /versions", "GET /2.2.1"]
    token_c = partner.token
    assert token_c != token_a
    assert (await partner.ask("GET", PATH, token=token_a)).told == (401, 2000)
    assert (await partner.ask("GET", PATH)).envelope["data"]["token"] == token_c
    again = await partner.ask("POST", PATH, body=msgspec.json.encode(partner.credentials()))
    assert (again.told, again.headers["allow"]) == ((405, 2000), "GET, PUT, DELETE")

    partner.asked.clear()
    assert (await partner.register("PUT", token="another-token")).told == (200, 1000)
    assert partner.lines == ["GET /versions", "GET /2.2.1"]
    assert partner.token not in (token_a, token_c)
    assert (await partner.ask("GET", PATH, token=token_c)).told == (401, 2000)
    assert (await partner.ask("GET", TOKENS)).told == (200, 1000)

    assert (await partner.ask("DELETE", PATH)).told == (200, 1000)
    assert app.partners.show(str(partner.party)).state is State.INVITED
    for method, target in (("GET", PATH), ("DELETE", PATH), ("GET", "/ocpi/versions"), ("GET", TOKENS)):
        assert (await partner.ask(method, target)).told == (401, 2000)


@pytest.mark.parametrize("method", ["PATCH", "OPTIONS"])
async def test_methods_that_credentials_do_not_have(partner: Partner, method: str) -> None:
    answer = await partner.ask(method, PATH)
    assert (answer.told, answer.headers["allow"]) == ((405, 2000), "GET, POST, PUT, DELETE")


def endpoint(identifier: str, url: str = "http://127.0.0.1:9/x", role: str = "SENDER") -> dict[str, str]:
    return {"identifier": identifier, "url": url, "role": role}


def details(*endpoints: dict[str, str]) -> Say:
    return ocpi({"version": "2.2.1", "endpoints": endpoints})


VERSIONS, DETAILS = "GET /versions", "GET /2.2.1"
CALLBACKS: dict[str, tuple[str, Any, int, str]] = {
    "HTTP 500 in plain text": (VERSIONS, Say(500, b"Internal Server Error"), 3001, "HTTP 500"),
    "not JSON": (VERSIONS, Say(200, b"<html>It works!</html>"), 3001, "not an OCPI response"),
    "empty": (VERSIONS, Say(200, b""), 3001, "not an OCPI response"),
    "nested without end": (VERSIONS, Say(200, b'{"status_code":1000,"data":' + b"[" * 50_000), 3001, "not an OCPI"),
    "too large": (VERSIONS, ocpi([{"version": "2.2.1", "url": "x" * 200_000}]), 3001, "larger than 100000 bytes"),
    "silence": (VERSIONS, hang, 3001, "within 0.3 s"),
    "silence at the details": (DETAILS, hang, 3001, "within 0.3 s"),
    "HTTP 404": (VERSIONS, ocpi(status=404, code=2000), 3001, "HTTP 404"),
    "HTTP 401": (VERSIONS, ocpi(status=401, code=2000), 3001, "token is not accepted"),
    "HTTP 403 that is not OCPI": (VERSIONS, Say(403, b'{"detail":"no"}'), 3001, "token is not accepted"),
    "3000 in HTTP 200": (VERSIONS, ocpi(code=3000, message="Unknown token"), 3001, "Unknown token"),
    "2000 in HTTP 200": (VERSIONS, ocpi(code=2000, message="who are you"), 3001, "who are you"),
    "no data": (VERSIONS, ocpi(), 3001, "not what OCPI says"),
    "versions are text": (VERSIONS, ocpi("2.2.1"), 3001, "not what OCPI says"),
    "no version": (VERSIONS, ocpi([]), 3002, "no version"),
    "other versions": (VERSIONS, ocpi([{"version": "2.1.1", "url": "http://127.0.0.1:9/"}]), 3002, "2.1.1"),
    "details elsewhere": (VERSIONS, ocpi([{"version": "2.2.1", "url": "http://127.0.0.1:9/"}]), 3001, "refused"),
    "details nowhere": (VERSIONS, ocpi([{"version": "2.2.1", "url": "/2.2.1"}]), 3001, "URL"),
    "two details": (DETAILS, ocpi([{}, {}]), 3001, "not what OCPI says"),
    "no endpoints": (DETAILS, ocpi({"version": "2.2.1"}), 3001, "endpoints"),
    "no credentials": (DETAILS, details(endpoint("locations")), 3003, "credentials"),
    "credentials alone": (DETAILS, details(endpoint("credentials")), 3003, "no module"),
    "no mutual module": (DETAILS, details(endpoint("credentials"), endpoint("horses")), 3003, "no module"),
    "relative URL": (DETAILS, details(endpoint("credentials", "/credentials")), 3001, "credentials"),
    "URL with a name": (
        DETAILS,
        details(endpoint("credentials"), endpoint("cdrs", "http://u:pw@x/")),
        3001,
        "cdrs: the",
    ),
    "inside the network": (
        DETAILS,
        details(endpoint("credentials"), endpoint("cdrs", "http://10.0.0.1/")),
        3001,
        "endpoint cdrs: the hub may",
    ),
    "inside the hub": (
        DETAILS,
        details(endpoint("credentials"), endpoint("x", "http://a.hosted.invalid/")),
        3001,
        "endpoint x: the hub may",
    ),
    "details inside the hub": (
        VERSIONS,
        ocpi([{"version": "2.2.1", "url": "https://results.invalid/"}]),
        3001,
        "version 2.2.1: the hub may",
    ),
    "URL of a file": (DETAILS, details(endpoint("credentials"), endpoint("cdrs", "file:///etc/x")), 3001, "cdrs"),
    "redirect by 302": (VERSIONS, Say(302, headers={"Location": "/2.2.1"}), 3001, "redirects"),
    "redirect to another host": (VERSIONS, Say(307, headers={"Location": "http://127.0.0.2:9/"}), 3001, "redirects"),
    "token in an answer": (VERSIONS, lambda asked: ocpi(code=2000, message=f"bad {asked.token}"), 3001, "bad [hidden]"),
    "redirect without end": (VERSIONS, Say(308, headers={"Location": "/versions"}), 3001, "redirects again"),
}


@pytest.mark.parametrize(("line", "says", "code", "named"), CALLBACKS.values(), ids=CALLBACKS)
async def test_calling_back_fails(app: App, partner: Partner, line: str, says: Any, code: int, named: str) -> None:
    """OCPI 2.2.1, 7.1.5 and 7.1.6: 3001, 3002, 3003 in the answer to the POST. Nothing of it is in force."""
    partner.says[line] = says
    answer = await partner.register()
    assert answer.told == (200, code)
    assert named in answer.message
    assert partner.token_out not in answer.message
    assert app.partners.show(str(partner.party)).state is State.INVITED
    assert (await partner.ask("GET", TOKENS)).told == (401, 2000)
    del partner.says[line]
    assert (await partner.register()).told == (200, 1000)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/versions", "", "nowhere", "https:///x", "http://user:pw@127.0.0.1/"]
)
async def test_a_versions_url_that_can_not_be_called(partner: Partner, url: str) -> None:
    answer = await partner.register(url=url)
    assert answer.told == (200, 3001)
    assert "pw" not in answer.message
    assert (await partner.register()).told == (200, 1000)


def role(party: str, role: str = "CPO", **changes: Any) -> dict[str, Any]:
    country, party_id = party.split("-")
    return {"role": role, "country_code": country, "party_id": party_id, "business_details": {"name": "X"}, **changes}


CONTENTS = {
    "no roles": ({"roles": []}, "roles"),
    "roles are null": ({"roles": None}, "roles"),
    "party of somebody else": ({"roles": [role("BE-SEB")]}, "BE-SEB is registered by another"),
    "party of the hub": ({"roles": [role("NL-HUB", "HUB")]}, "NL-HUB"),
    "party not invited": ({"roles": [role("FR-NEW")]}, "FR-NEW:CPO is not named"),
    "unknown role": ({"roles": [role("FR-NEW", "BOSS")]}, "BOSS"),
    "party of four": ({"roles": [role("FR-NEWS")]}, "roles[0]"),
    "country of three": ({"roles": [role("FRA-NEW")]}, "roles[0]"),
    "party is a number": ({"roles": [role("FR-NEW", party_id=5)]}, "roles[0].party_id"),
    "no business details": ({"roles": [role("FR-NEW", business_details=None)]}, "business_details"),
    "token with a space": ({"token": "a b"}, "token"),
    "token with a letter that is not ASCII": ({"token": "tök"}, "token"),
    "token with a line feed": ({"token": "a\n"}, "token"),
    "empty token": ({"token": ""}, "token"),
    "long token": ({"token": "a" * 256}, "token"),
    "token is a number": ({"token": 5}, "token"),
    "url is null": ({"url": None}, "url"),
}


@pytest.mark.parametrize(("changes", "named"), CONTENTS.values(), ids=CONTENTS)
async def test_credentials_that_can_not_be_taken(partner: Partner, changes: dict[str, Any], named: str) -> None:
    """They are refused before anybody is called, and somebody else's name is not told."""
    answer = await partner.register(**changes)
    assert answer.told == (200, 2001)
    assert named in answer.message
    assert "Somebody" not in answer.message
    assert partner.asked == []
    assert (await partner.register()).told == (200, 1000)


async def test_a_role_that_was_not_invited(partner: Partner) -> None:
    answer = await partner.register(roles=[role(str(partner.party)), role(str(partner.party), "EMSP")])
    assert answer.told == (200, 2001)
    assert f"{partner.party}:EMSP is not named" in answer.message
    twice = await partner.register(roles=[role(str(partner.party)), role(str(partner.party).lower())])
    assert twice.told == (200, 2001)
    assert "unique" in twice.message
    assert partner.asked == []


@pytest.mark.parametrize(
    ("body", "told"), [(b"", (400, 2000)), (b"{", (400, 2000)), (b"[]", (200, 2001)), (b"{}", (200, 2001))]
)
async def test_a_body_that_is_no_credentials_object(partner: Partner, body: bytes, told: tuple[int, int]) -> None:
    assert (await partner.ask("POST", PATH, body=body)).told == told


SHAPES = {
    "versions in an object": (VERSIONS, lambda partner: {"versions": partner.versions()}),
    "one version, no list": (VERSIONS, lambda partner: partner.versions()[0]),
    "more versions": (VERSIONS, lambda partner: [{"version": "3.0", "url": "?"}, *partner.versions()]),
    "details in a list": (DETAILS, lambda partner: [partner.details()]),
    "more fields": (DETAILS, lambda partner: partner.details() | {"x": None}),
    "no role for credentials": (
        DETAILS,
        lambda partner: {
            "version": "2.2.1",
            "endpoints": [
                {"identifier": "credentials", "url": f"{partner.url}/credentials"},
                {"identifier": "Locations", "url": f"{partner.url}/l", "role": "sender"},
            ],
        },
    ),
}


@pytest.mark.parametrize(("line", "data"), SHAPES.values(), ids=SHAPES)
async def test_shapes_that_are_taken_in_stride(app: App, partner: Partner, line: str, data: Any) -> None:
    partner.says[line] = ocpi(data(partner))
    assert (await partner.register()).told == (200, 1000)
    assert "locations" in {each.module for each in app.partners.show(str(partner.party)).endpoints}


async def test_one_redirect_within_the_origin_is_followed(partner: Partner) -> None:
    partner.says[VERSIONS] = Say(308, headers={"Location": "/versions/"})
    partner.says["GET /versions/"] = ocpi(partner.versions())
    assert (await partner.register()).told == (200, 1000)
    assert partner.lines == ["GET /versions", "GET /versions/", "GET /2.2.1"]
    assert {each.token for each in partner.asked} == {partner.asked[0].token}


async def test_a_put_that_fails_leaves_the_registration_as_it_was(app: App, partner: Partner) -> None:
    assert (await partner.register()).told == (200, 1000)
    assert (await partner.ask("GET", PATH)).told == (200, 1000)
    before = app.partners.show(str(partner.party))
    partner.says[DETAILS] = Say(500)
    assert (await partner.register("PUT", token="other")).told == (200, 3001)
    assert (await partner.register("PUT", roles=[role("FR-NEW")])).told == (200, 2001)
    assert app.partners.show(str(partner.party)) == before
    assert (await partner.ask("GET", TOKENS)).told == (200, 1000)


async def test_fifty_posts_race_with_one_token(partner: Partner) -> None:
    token_a = partner.token
    body = msgspec.json.encode(partner.credentials())
    answers = await asyncio.gather(*(partner.ask("POST", PATH, body=body, token=token_a) for _ in range(50)))
    told = Counter(answer.told for answer in answers)
    assert told[200, 1000] == 1
    assert told[405, 2000] + told[401, 2000] == 49
    partner.token = next(answer.envelope["data"]["token"] for answer in answers if answer.code == 1000)
    assert (await partner.ask("GET", TOKENS)).told == (200, 1000)
    assert Counter(partner.lines) == {"GET /versions": 1, "GET /2.2.1": 1}


async def test_the_operator_changes_his_mind_while_the_hub_calls_back(app: App, partner: Partner) -> None:
    async def suspended(_: object) -> Say:
        await app.partners.suspend(str(partner.party))
        return ocpi(partner.versions())

    async def removed(_: object) -> Say:
        await app.partners.remove(str(partner.party))
        return ocpi(partner.versions())

    partner.says[VERSIONS] = suspended
    assert (await partner.register()).told == (200, 1000)
    del partner.says[VERSIONS]  # or he does so again, when the hub looks whether it is there
    assert app.partners.show(str(partner.party)).state is State.SUSPENDED
    assert (await partner.ask("GET", TOKENS)).told == (401, 2000)
    await app.partners.resume(str(partner.party))
    assert (await partner.ask("GET", TOKENS)).told == (200, 1000)
    partner.says[VERSIONS] = removed
    assert (await partner.register("PUT")).told == (401, 2000)


@pytest.mark.parametrize("sends_raw", [False, True])
@pytest.mark.parametrize("takes", [Encoding.BASE64, Encoding.RAW])
@pytest.mark.parametrize("refusal", [ocpi(status=401, code=2000), Say(403, b"{}"), Say(500, b"?"), ocpi(code=3000)])
async def test_how_a_token_is_written_is_found_out(
    app: App, partner: Partner, sends_raw: bool, takes: Encoding, refusal: Say
) -> None:
    """Platforms that do not understand the other encoding say so in many ways. What works is kept."""
    written = {Encoding.RAW: "dG9rZW4tb2Ytbg", Encoding.BASE64: "ZEc5clpXNHRiMll0Ymc="}[takes]
    partner.token_out, partner.raw = "dG9rZW4tb2Ytbg", sends_raw
    partner.says[VERSIONS] = lambda asked: ocpi(partner.versions()) if asked.token == written else refusal
    assert (await partner.register()).told == (200, 1000)
    view = app.partners.show(str(partner.party))
    assert view.gets_token_as is takes
    assert (await partner.ask("GET", PATH)).code == 1000
    sends = Encoding.RAW if sends_raw else Encoding.BASE64
    assert app.partners.show(str(partner.party)).sends_token_as is sends


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1"])
async def test_no_connection_is_made_to_a_forbidden_address(tmp_path, host: str) -> None:
    """A partner must not be able to look around in the hub's own network."""
    connections = 0

    async def count_it(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    server = await asyncio.start_server(count_it, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, running(tmp_path, limits=LIMITS, upstream=Upstream()) as app:
        partner = Partner("NL-CPO:CPO")
        await partner.invited(app)
        for url in (f"http://{host}:{port}/versions", "http://169.254.169.254/latest/", "http://10.0.0.1:1/"):
            answer = await partner.register(url=url)
            assert answer.told == (200, 3001)
    assert connections == 0
