"""Platforms as they are, on the configuration modules: the handshake begun by either side, HubClientInfo, and probes.

What the hub takes in stride when a partner begins stands in test_credentials; here are both directions, a renewal
begun by the hub, and what is advertised, told and probed after that. OCPI 2.2.1, chapters 6, 7 and 15.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from itertools import count
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from hub.app import App
from hub.config import Limits
from hub.config.model import Liveness
from hub.core.directory import Encoding, Secret, State
from hub.sim import SimCpo
from tests.partner import Asked, Partner, Say, ocpi
from tests.raw import calm
from tests.support import CPO, register, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

VERSIONS, DETAILS = "GET /versions", "GET /2.2.1"
GIVEN = Secret("token-a-of-the-partner")
NUMBERS = count(100)
LIST = "/ocpi/2.2.1/sender/tokens"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def app(kind: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[App]:
    async with running(tmp_path_factory.mktemp("hub"), limits=Limits(timeout=2.0)) as app:
        yield app


@pytest_asyncio.fixture(loop_scope="module")
async def partner(app: App) -> AsyncIterator[Partner]:
    partner = Partner(f"NL-{next(NUMBERS)}:CPO")
    partner.hub = app.url
    async with partner.serve():
        with calm():
            yield partner


async def connect(app: App, partner: Partner, begins: str) -> None:
    """Register, one of the two being the one that begins; then both tokens open what they should."""
    if begins == "partner":
        await partner.invited(app)
        assert (await partner.register()).told == (200, 1000)
    else:
        roles = [str(role) for role in partner.roles]
        await app.partners.connect(str(partner.party), f"{partner.url}/versions", GIVEN, roles)
    await check(app, partner)


async def check(app: App, partner: Partner) -> None:
    view = app.partners.show(str(partner.party))
    assert view.state is State.REGISTERED
    assert {each.module: each.url for each in view.endpoints} == {
        name.partition("/")[2]: partner.url + path for name, path in partner.endpoints.items()
    }
    assert (await partner.ask("GET", LIST)).told == (200, 1000)


def credentials(partner: Partner) -> Callable[[Asked], Say]:
    """What makes the partner's answer to POST and PUT: a list of one, with its ids in lower case."""

    def say(asked: Asked) -> Say:
        partner.usual(asked)  # it takes the hub's token
        roles = [
            role | {"country_code": role["country_code"].lower(), "role": role["role"].lower()}
            for role in partner.credentials()["roles"]
        ]
        return ocpi([partner.credentials() | {"roles": roles}], status=201)

    return say


SHAPES: dict[str, dict[str, Callable[[Partner], Any]]] = {
    "versions are an object": {VERSIONS: lambda partner: ocpi({"versions": partner.versions()})},
    "one version, alone": {VERSIONS: lambda partner: ocpi(partner.versions()[0])},
    "details in a list of one": {DETAILS: lambda partner: ocpi([partner.details()])},
    "credentials in a list of one, ids in lower case": {
        "POST /credentials": credentials,
        "PUT /credentials": credentials,
    },
}


@pytest.mark.parametrize("begins", ["partner", "hub"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
async def test_shapes_of_configuration_objects(app: App, partner: Partner, shape: Any, begins: str) -> None:
    """Single objects come as a list of one, versions as an object; also when the hub begins, and renews later."""
    partner.says = {line: make(partner) for line, make in shape.items()}
    await connect(app, partner, begins)
    before = partner.token
    await app.partners.rotate(str(partner.party))
    assert partner.token != before
    await check(app, partner)


async def test_a_platform_presents_itself_in_lower_case(app: App, partner: Partner) -> None:
    """Ids and roles are the same in any case; it may go on so in every message."""
    await partner.invited(app)
    lower = [role | {"country_code": "nl", "role": "cpo"} for role in partner.credentials()["roles"]]
    assert (await partner.register(roles=lower)).told == (200, 1000)
    await check(app, partner)
    assert app.partners.show(str(partner.party)).parties == (str(partner.roles[0]),)
    claimed = ("OCPI-from-country-code: nl", f"OCPI-from-party-id: {partner.party.party_id.lower()}")
    to_the_hub = ("OCPI-to-country-code: nl", "OCPI-to-party-id: hub")
    assert (await partner.ask("GET", LIST, *claimed, *to_the_hub)).told == (200, 1000)


@pytest.mark.parametrize("begins", ["partner", "hub"])
@pytest.mark.parametrize("slash", ["", "/", "//"])
async def test_configuration_urls_are_used_exactly_as_advertised(
    app: App, partner: Partner, slash: str, begins: str
) -> None:
    """With a slash at the end, with two, or with none: what stands there is called, and nothing else."""
    details = partner.details()
    details["endpoints"][0]["url"] += slash
    partner.says = {
        VERSIONS: ocpi([{"version": "2.2.1", "url": f"{partner.url}/2.2.1{slash}"}]),
        f"{DETAILS}{slash}": ocpi(details),
        f"POST /credentials{slash}": lambda asked: partner.usual(_at(asked, "/credentials")),
        f"PUT /credentials{slash}": lambda asked: partner.usual(_at(asked, "/credentials")),
    }
    await connect(app, partner, begins)
    await app.partners.rotate(str(partner.party))
    learned = [VERSIONS, f"{DETAILS}{slash}"]
    posted = [f"POST /credentials{slash}"] if begins == "hub" else []
    assert partner.lines == [*learned, *posted, *learned, f"PUT /credentials{slash}"]


def _at(asked: Asked, target: str) -> Asked:
    return msgspec.structs.replace(asked, target=target)


@pytest.mark.parametrize("status", [307, 308])
async def test_credentials_follow_one_redirect_with_their_body(app: App, partner: Partner, status: int) -> None:
    """As frameworks answer that miss a slash: method, body and token are the same at the second place."""
    for method in ("POST", "PUT"):
        partner.says[f"{method} /credentials"] = Say(status, headers={"Location": "/credentials/"})
        partner.says[f"{method} /credentials/"] = lambda asked: partner.usual(_at(asked, "/credentials"))
    await connect(app, partner, "hub")
    await app.partners.rotate(str(partner.party))
    await check(app, partner)
    for method in ("POST", "PUT"):
        first, second = (each for each in partner.asked if each.method == method)
        assert (first.headers, first.body) == (second.headers, second.body)


@pytest.mark.parametrize("takes", list(Encoding))
@pytest.mark.parametrize(
    "refusal", [ocpi(status=401, code=2000), Say(403, b'{"detail":"?"}'), Say(500), ocpi(code=3000)]
)
async def test_versions_are_open_to_all_and_details_are_not(
    app: App, partner: Partner, takes: Encoding, refusal: Say
) -> None:
    """What a platform says of a wrong token shows at the details only: the other way to write it is tried there."""
    partner.token_out = "dG9rZW4tb2Ytbg"
    written = {Encoding.RAW: partner.token_out, Encoding.BASE64: "ZEc5clpXNHRiMll0Ymc="}[takes]
    partner.says[DETAILS] = lambda asked: ocpi(partner.details()) if asked.token == written else refusal
    await connect(app, partner, "partner")
    assert app.partners.show(str(partner.party)).gets_token_as is takes


@pytest.mark.parametrize("identifier", ["hubclientinfo", "clientinfo"])
@pytest.mark.parametrize("path", ["/clientinfo", "/clientinfo/", "/ocpi/emsp/2.2.1/clientinfo/"])
async def test_hubclientinfo_lives_elsewhere(app: App, partner: Partner, identifier: str, path: str) -> None:
    """Under /clientinfo/, or advertised by that name: it is told there who else is on this hub."""
    partner.endpoints[f"receiver/{identifier}"] = path
    line = f"PUT {path.rstrip('/')}/NL/CPO"
    partner.says[line] = ocpi(status=201)
    async with SimCpo("Cpo", [CPO]) as cpo:
        await register(app, cpo)
        await connect(app, partner, "partner")
        (told,) = await partner.expect(line)
        assert msgspec.json.decode(told.body)["status"] == "CONNECTED"
        await app.partners.remove("Cpo")
    await app.partners.remove(str(partner.party))


def _told_by_versions(partner: Partner) -> dict[str, Say]:
    return {
        "an object for a list": ocpi({"versions": partner.versions()}),
        "a list without an envelope": Say(200, msgspec.json.encode(partner.versions())),
        "no data": ocpi(),
        "401": ocpi(status=401, code=2000),
        "403 with a detail": Say(403, b'{"detail":"Invalid token."}'),
        "3000 in HTTP 200": ocpi(code=3000),
        "a redirect to the slash": Say(307, headers={"Location": "/versions/"}),
    }


@pytest.mark.parametrize("answer", _told_by_versions(Partner("NL-XXX:CPO")))
async def test_a_probe_finds_the_platform_alive(tmp_path, answer: str) -> None:
    """GET versions after idle time: whatever a platform says of versions or of the token, it is there."""
    async with (
        running(tmp_path, liveness=Liveness(idle=0.05)) as app,
        Partner("NL-CPO:CPO").serve() as partner,
    ):
        await partner.invited(app)
        assert (await partner.register()).code == 1000
        partner.says[VERSIONS] = _told_by_versions(partner)[answer]
        partner.says["GET /versions/"] = ocpi(partner.versions())
        partner.asked.clear()
        for asked in await partner.expect(VERSIONS, 5):
            assert asked.headers["authorization"].startswith("Token ")
        assert not app.keeper.current.offline


async def test_a_probe_that_meets_no_ocpi_finds_the_platform_gone(tmp_path) -> None:
    """A wrong token answered with 500 in plain text, or with a way to a login page: offline until OCPI is spoken."""
    answers = {"NL-ONE:CPO": Say(500, b"Internal Server Error"), "NL-TWO:CPO": Say(302, headers={"Location": "/login"})}
    async with running(tmp_path, liveness=Liveness(idle=0.05)) as app, AsyncExitStack() as stack:
        partners = [await stack.enter_async_context(Partner(role).serve()) for role in answers]
        for partner in partners:
            await partner.invited(app)
            assert (await partner.register()).code == 1000
            partner.says[VERSIONS] = answers[str(partner.roles[0])]
        await _until(lambda: len(app.keeper.current.offline) == len(partners))
        for partner in partners:
            partner.says.clear()
        await _until(lambda: not app.keeper.current.offline)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)
