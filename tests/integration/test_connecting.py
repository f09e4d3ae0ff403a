"""The credentials handshake with the hub as Sender: it registers at a partner, and renews the tokens there.

OCPI 2.2.1, chapters 6 and 7.
"""

from collections.abc import AsyncIterator
from itertools import count

import pytest
import pytest_asyncio

from hub.app import App
from hub.config import Limits
from hub.core.directory import Encoding, Secret, State
from hub.errors import OcpiError
from hub.sim import SimCpo, SimEmsp
from tests.partner import Asked, Partner, Say, hang, ocpi
from tests.raw import calm
from tests.support import CPO, EMSP, register, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/ocpi/2.2.1/credentials"
TOKENS = "/ocpi/2.2.1/sender/tokens"
GIVEN = Secret("token-a-of-the-partner")
NUMBERS = count(100)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def app(kind: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[App]:
    async with running(tmp_path_factory.mktemp("hub"), limits=Limits(timeout=1.0)) as app:
        yield app


@pytest_asyncio.fixture(loop_scope="module")
async def partner(app: App) -> AsyncIterator[Partner]:
    """A CPO at which the hub can register; whatever happens, the hub does not fail and leaves nothing half done."""
    partner = Partner(f"NL-{next(NUMBERS)}:CPO")
    partner.hub = app.url
    async with partner.serve():
        with calm():
            yield partner


async def connect(app: App, partner: Partner, *parties: str) -> State:
    named = parties or [str(role) for role in partner.roles]
    view = await app.partners.connect(str(partner.roles[0]), f"{partner.url}/versions", GIVEN, named)
    return view.state


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("named", [True, False])
async def test_two_platforms_at_which_the_hub_registers(tmp_path, encoding: Encoding, named: bool) -> None:
    """Their kind of token is found out, and messages flow both ways; then both tokens are renewed."""
    async with (
        running(tmp_path) as app,
        SimCpo("Cpo", [CPO], token_encoding=encoding) as cpo,
        SimEmsp("Emsp", [EMSP], token_encoding=encoding) as emsp,
    ):
        for platform, role in ((cpo, CPO), (emsp, EMSP)):
            token_a = platform.invite()
            parties = [str(role)] if named else []
            view = await app.partners.connect(platform.name, platform.versions_url, Secret(token_a), parties)
            assert (view.state, view.version, view.parties) == (State.REGISTERED, "2.2.1", (str(role),))
            assert view.gets_token_as is encoding
            assert platform.registered
        assert (await cpo.push_tariff(EMSP.party)).status == 201
        for name in ("Cpo", "DE-MSP"):
            before = emsp.peer.token, cpo.peer.token
            await app.partners.rotate(name)
            assert (emsp.peer.token, cpo.peer.token) != before
            assert (await cpo.push_tariff(EMSP.party)).status == 200
            assert (await emsp.push_token(CPO.party)).ok


async def test_the_hub_presents_itself(app: App, partner: Partner) -> None:
    assert await connect(app, partner) is State.REGISTERED
    assert partner.lines == ["GET /versions", "GET /2.2.1", "POST /credentials"]
    assert (await partner.ask("GET", PATH)).code == 1000
    assert (await partner.ask("GET", TOKENS)).told == (200, 1000)


async def test_the_token_that_is_shown_works_already_during_the_post(app: App, partner: Partner) -> None:
    """The partner calls back before it answers: versions and details, and nothing else."""
    told = []

    async def call_back(asked: Asked) -> Say:
        say = partner.usual(asked)
        told.extend([(await partner.ask("GET", target)).status for target in ("/ocpi/versions", "/ocpi/2.2.1", PATH)])
        told.extend([(await partner.ask(*ask)).status for ask in (("GET", TOKENS), ("POST", PATH))])
        return say

    partner.says["POST /credentials"] = call_back
    assert await connect(app, partner) is State.REGISTERED
    assert told == [200, 200, 200, 401, 405]


FAILURES = {
    "versions are down": ("GET /versions", Say(500), "HTTP 500"),
    "token is refused": ("GET /versions", ocpi(status=401, code=2000), "not accepted"),
    "versions are silent": ("GET /versions", hang, "within 1 s"),
    "other version": ("GET /versions", ocpi([{"version": "2.0", "url": "http://127.0.0.1:9/"}]), "2.0"),
    "no endpoints": ("GET /2.2.1", ocpi({"version": "2.2.1", "endpoints": []}), "credentials"),
    "POST is refused": ("POST /credentials", ocpi(code=3001, message="can not call you"), "can not call you"),
    "POST is not allowed": ("POST /credentials", ocpi(code=2000, status=405), "HTTP 405"),
    "POST fails": ("POST /credentials", Say(500), "HTTP 500"),
    "POST is not answered": ("POST /credentials", hang, "within 1 s"),
    "POST redirects": ("POST /credentials", Say(302, headers={"Location": "/"}), "redirects"),
    "no credentials": ("POST /credentials", ocpi(), "not what OCPI says"),
    "no token": ("POST /credentials", ocpi({"url": "x", "roles": []}), "token"),
}


@pytest.mark.parametrize(("line", "says", "named"), FAILURES.values(), ids=FAILURES)
async def test_a_registration_that_fails_leaves_nothing_behind(
    app: App, partner: Partner, line: str, says: Say, named: str
) -> None:
    before = app.partners.all()
    partner.says[line] = says
    with pytest.raises(OcpiError, match=named) as caught:
        await connect(app, partner)
    assert GIVEN.reveal() not in caught.value.message
    assert app.partners.all() == before
    if partner.token:  # the partner saw it in the POST
        assert (await partner.ask("GET", PATH)).told == (401, 2000)
    del partner.says[line]
    assert await connect(app, partner) is State.REGISTERED


@pytest.mark.parametrize("refusal", [ocpi(status=401, code=2000), Say(403, b"{}"), Say(500, b"?"), ocpi(code=3000)])
async def test_versions_that_are_open_to_all_do_not_tell_how_a_token_is_written(
    app: App, partner: Partner, refusal: Say
) -> None:
    partner.says["POST /credentials"] = lambda asked: partner.usual(asked) if asked.token == GIVEN.reveal() else refusal
    assert await connect(app, partner) is State.REGISTERED
    assert app.partners.show(str(partner.party)).gets_token_as is Encoding.RAW
    assert (await partner.ask("GET", TOKENS)).told == (200, 1000)


async def test_nobody_listens(app: App, partner: Partner) -> None:
    before = app.partners.all()
    for url in ("http://127.0.0.1:9/versions", "ftp://127.0.0.1/", "nowhere"):
        with pytest.raises(OcpiError):
            await app.partners.connect("Nobody", url, GIVEN, ["NL-NOB:CPO"])
    assert app.partners.all() == before


@pytest.mark.parametrize(
    ("role", "reason"),
    [("BE-SEB:CPO", "another platform"), ("FR-NEW:CPO", "not named"), ("NL-HUB:CPO", "hub itself")],
)
async def test_parties_that_can_not_be_taken_are_given_back(app: App, partner: Partner, role: str, reason: str) -> None:
    """The partner believes that it is registered: it is told with a DELETE, with the token it has just given."""
    if not any(each.name == "Somebody else" for each in app.partners.all()):
        await app.partners.invite("Somebody else", ["BE-SEB:CPO"])
    before = app.partners.all()
    invited = [str(each) for each in partner.roles]
    other = Partner(role)
    other.url, other.token_out = partner.url, "given-by-the-partner"
    partner.says["POST /credentials"] = ocpi(other.credentials())
    with pytest.raises(OcpiError, match=reason):
        await connect(app, partner, *invited)
    assert partner.lines[-1] == "DELETE /credentials"
    assert partner.asked[-1].token != partner.asked[-2].token
    assert app.partners.all() == before


async def test_a_party_of_another_platform_can_not_even_be_named(app: App, partner: Partner) -> None:
    await connect(app, partner)
    before = app.partners.all()
    with pytest.raises(Exception, match="already belongs"):
        await app.partners.connect("Second", f"{partner.url}/versions", GIVEN, [str(partner.roles[0])])
    assert app.partners.all() == before


ROTATIONS = {
    "versions are down": ("GET /versions", Say(500)),
    "token is refused": ("GET /versions", ocpi(status=401, code=2000)),
    "PUT is refused": ("PUT /credentials", ocpi(code=3001)),
    "PUT is not allowed": ("PUT /credentials", ocpi(code=2000, status=405)),
}


@pytest.mark.parametrize(("line", "says"), ROTATIONS.values(), ids=ROTATIONS)
async def test_a_renewal_that_fails_leaves_all_as_it_was(app: App, partner: Partner, line: str, says: Say) -> None:
    await connect(app, partner)
    assert (await partner.ask("GET", TOKENS)).told == (200, 1000)
    before = app.partners.show(str(partner.party))
    partner.says[line] = says
    with pytest.raises(OcpiError):
        await app.partners.rotate(str(partner.party))
    assert app.partners.show(str(partner.party)) == before
    assert (await partner.ask("GET", TOKENS)).told == (200, 1000)


async def test_a_renewal_without_an_answer_can_be_finished_by_the_partner(app: App, partner: Partner) -> None:
    """The partner may have taken the new token. Both then open its door; it comes in order with a PUT of its own."""
    await connect(app, partner)
    old = partner.token

    async def take_it_and_be_silent(asked: Asked) -> Say:
        partner.usual(asked)
        return await hang(asked)

    partner.says["PUT /credentials"] = take_it_and_be_silent
    with pytest.raises(OcpiError, match="within 1 s"):
        await app.partners.rotate(str(partner.party))
    assert partner.token != old
    assert (await partner.ask("GET", TOKENS, token=old)).told == (200, 1000)
    assert (await partner.ask("GET", "/ocpi/versions")).code == 1000
    assert (await partner.register("PUT")).code == 1000
    assert (await partner.ask("GET", TOKENS)).told == (200, 1000)
    assert (await partner.ask("GET", TOKENS, token=old)).told == (401, 2000)


async def test_only_a_registered_platform_can_be_renewed(app: App, partner: Partner) -> None:
    await partner.invited(app)
    with pytest.raises(OcpiError, match="not registered"):
        await app.partners.rotate(str(partner.party))
    with pytest.raises(OcpiError, match="no partner"):
        await app.partners.rotate("Nobody")
    assert partner.asked == []


async def test_a_partner_that_is_registered_the_other_way_round_is_renewed_too(tmp_path) -> None:
    async with running(tmp_path) as app, SimCpo("Cpo", [CPO]) as cpo:
        await register(app, cpo)
        before = cpo.peer.token
        await app.partners.rotate("Cpo")
        assert cpo.peer.token != before
        assert (await cpo.push_tariff(EMSP.party)).status_code == 4001
