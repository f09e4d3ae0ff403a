"""No URL of a partner leads into the operator's network: every forbidden form, at every place that takes a URL.

What is dialled is counted twice: by a server on all addresses of this machine, and by what Python tells of connects.
"""

import re
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from hub.config import Liveness
from hub.core.directory import Secret, State
from hub.errors import OcpiError
from hub.flow.outgoing import open_client
from hub.plugin.parts import HttpFailed
from hub.upstream.outside import Outside
from tests.fault.forms import FORMS, NAMES, Watch, resolver, watching
from tests.fault.ground import RULES, STATUSES, Ground, fits_a_header, ground, inside, known, refused
from tests.partner import Say, ocpi
from tests.promises import Proof, size
from tests.raw import ask
from tests.versions import CPO, EMSP, cdr, location, send

pytestmark = [pytest.mark.promise(7), pytest.mark.asyncio(loop_scope="module")]

VERSIONS = size(("2.2.1",), ("2.1.1", "2.2.1", "2.3.0"))
CALLERS = {
    "flow/certifying.py", "flow/delivery.py", "flow/sync.py", "partners/clientinfo.py", "partners/liveness.py",
    "partners/peer.py", "platform/network.py", "upstream/outside.py"}  # fmt: skip
"""What calls others through the client. One more needs a place below."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def watch() -> AsyncIterator[Watch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", resolver())
        async with watching() as watch:
            yield watch


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=VERSIONS)
async def place(request: Any, tmp_path_factory: Any, watch: Watch) -> AsyncIterator[Ground]:
    async with ground(tmp_path_factory.mktemp("hub"), watch, request.param) as made:
        await known(made)
        yield made


@pytest.fixture(autouse=True)
def _nobody_says_anything_else(place: Ground, watch: Watch) -> Iterator[None]:
    watch.dialled.clear()
    watch.hits = place.count = 0
    yield
    for each in (place.cpo, place.emsp, place.newcomer):
        each.says.clear()


async def test_everybody_who_calls_is_known() -> None:
    hub = Path(__file__).parents[2] / "hub"
    sources = {str(path.relative_to(hub)): path.read_text() for path in hub.rglob("*.py")}
    found = {name for name, text in sources.items() if re.search(r"(?<![.\w])Request\(\s*(\w|\*)", text)}
    # What came in is a Request of its own kind.
    assert found - {"upstream/request.py", "listener/connection.py"} == CALLERS


async def test_the_url_in_credentials(place: Ground, proof: Proof) -> None:
    assert len(FORMS) >= 60
    partner = place.newcomer
    asked = len(partner.asked)
    for url in place.forms():
        refused(await partner.register(url=url), "url: ")
    assert len(partner.asked) == asked
    refused_of = place.cpo, place.emsp
    for each in refused_of:
        token, before = each.token, len(each.asked)
        for url in place.forms():
            refused(await each.register("PUT", url=url), "url: ")
        assert (each.token, len(each.asked)) == (token, before)
    place.clean(proof, "url of credentials")
    proof.at_least(f"forbidden forms of URLs, OCPI {place.cpo.version}", len(FORMS) + len(NAMES), 60)


async def test_urls_of_versions_and_endpoints(place: Ground, proof: Proof) -> None:
    partner = place.newcomer
    version = partner.version
    details = partner.details()["endpoints"]
    for url in place.forms():
        partner.says["GET /versions"] = ocpi([{"version": version, "url": url}])
        refused(await partner.register(), f"version {version}: ")
    partner.says.clear()
    names = "credentials", "locations", "hubclientinfo", "something_else"
    for number, url in enumerate(place.forms()):
        for name in size(names[number % 4 :][:1], names):
            others = [each for each in details if each["identifier"] != name]
            endpoint = {"identifier": name, "role": "RECEIVER", "url": url}
            partner.says[f"GET /{version}"] = ocpi({"version": version, "endpoints": [*others, endpoint]})
            refused(await partner.register(), f"endpoint {name}: ")
    assert place.app.partners.show(str(partner.party)).state is State.INVITED
    place.clean(proof, "urls of versions and endpoints")


async def test_redirects_while_registering(place: Ground, proof: Proof) -> None:
    partner = place.newcomer
    for status, url in place.redirects():
        for line in ("GET /versions", f"GET /{partner.version}"):
            partner.says = {line: Say(status, headers={"Location": url})}
            answer = await partner.register()
            assert (answer.status, answer.code) == (200, 3001), (url, answer)
    place.clean(proof, "redirects of the handshake")


async def test_response_urls(place: Ground, proof: Proof) -> None:
    """2.1.1, commands; 2.2.1, chapters 13 and 14."""
    emsp, cpo = place.emsp, place.cpo
    plain = emsp.version == "2.1.1"
    commands = ["START_SESSION", "STOP_SESSION", "RESERVE_NOW", "UNLOCK_CONNECTOR"]
    commands += [] if plain else ["CANCEL_RESERVATION", "OWN_COMMAND"]
    asked = len(cpo.asked)
    for number, url in enumerate(place.forms()):
        body = {"location_id": "LOC1", "session_id": "S1", "response_url": url}
        for command in size(commands[number % len(commands) :][:1], commands):
            refused(await send(emsp, "POST", f"receiver/commands/{command}", body, CPO), "response_url")
        if not plain:
            path = "receiver/chargingprofiles/S1"
            refused(await send(emsp, "PUT", path, body, CPO), "response_url")
            for method in ("GET", "DELETE") if len(url) < 4000 else ():
                answer = await send(emsp, method, f"{path}?duration=5&response_url={quote(url, safe='')}", to=CPO)
                refused(answer, "response_url")
    assert len(cpo.asked) == asked
    place.clean(proof, "response_url")


async def test_links_to_next_pages(place: Ground, proof: Proof) -> None:
    """Of a Link only the query counts: the page is asked of the endpoint that was registered."""
    cpo, emsp = place.cpo, place.emsp
    line, before = "GET /sender/locations", len(cpo.asked)
    for url in (each for each in place.forms() if fits_a_header(each)):
        for link in (f'<{url}>; rel="next"', f'<{url}?offset=5>; rel="next"'):
            cpo.says[line] = ocpi([location(cpo.version)], Link=link)
            answer = await send(emsp, "GET", "sender/locations?limit=1", to=CPO)
            assert (answer.status, answer.code) == (200, 1000), answer
            if following := answer.headers.get("link"):
                cpo.says[line] = ocpi([])
                assert (await emsp.ask("GET", following.partition(">")[0][1:])).code == 1000
    assert {each.line for each in cpo.asked[before:]} <= {line}
    place.clean(proof, "Link to a next page")


async def test_links_in_what_the_hub_pulls(place: Ground, proof: Proof) -> None:
    cpo = place.cpo
    for url in (each for each in place.forms() if fits_a_header(each)):
        for more in size(("?offset=5",), ("", "?offset=5")):
            cpo.says["GET /sender/locations"] = ocpi([location(cpo.version)], Link=f'<{url}{more}>; rel="next"')
            await place.pull()
    assert {each.line for each in cpo.asked if "sender" in each.target} == {"GET /sender/locations"}
    place.clean(proof, "Link in a pull")


async def test_where_a_cdr_is(place: Ground, proof: Proof) -> None:
    """A Location that leads elsewhere is not passed on; one that leads to the partner itself is sealed."""
    cpo, emsp = place.cpo, place.emsp
    passed = 0
    for url in (each for each in place.forms() if fits_a_header(each)):
        emsp.says["POST /receiver/cdrs"] = ocpi(status=201, Location=url)
        answer = await send(cpo, "POST", "receiver/cdrs", cdr(cpo.version), EMSP)
        assert (answer.status, answer.code) == (201, 1000), answer
        if where := answer.headers.get("location"):
            passed += 1
            await cpo.ask("GET", where)
    assert passed < 10
    place.clean(proof, "Location of a CDR")


async def test_redirects_of_messages_and_pulls(place: Ground, proof: Proof) -> None:
    """A push, a GET and a pull that are redirected end there."""
    cpo, emsp = place.cpo, place.emsp
    path = "receiver/locations/NL/CPO/LOC1"
    for status, url in place.redirects():
        away = Say(status, headers={"Location": url})
        emsp.says[f"PUT /{path}"] = cpo.says["GET /sender/locations"] = away
        # A relative one leads to the partner itself: followed once, it finds nothing there.
        pushed = await send(cpo, "PUT", path, location(cpo.version), EMSP)
        assert pushed.told in ((200, 4000), (404, 2000)) or cpo.version == "2.1.1"  # which broadcasts it
        assert (await place.pull()).problem
        if cpo.version != "2.1.1":
            assert (await send(emsp, "GET", "sender/locations", to=CPO)).told in ((200, 4000), (404, 2000))
    place.clean(proof, "redirects of messages and pulls")


async def test_a_probe_that_is_redirected(tmp_path: Path, place: Ground, watch: Watch, proof: Proof) -> None:
    async with ground(tmp_path, watch, place.cpo.version, liveness=Liveness(idle=0.05)) as idle:
        for number, status in enumerate(STATUSES):
            away = watch.write("http://127.0.0.1:{port}/versions", idle.good)
            place.count += 1
            idle.cpo.says["GET /versions"] = Say(status, headers={"Location": away})
            await idle.cpo.expect("GET /versions", number + 2)
        place.clean(proof, "redirects of probes")


async def test_urls_in_objects_are_never_fetched(place: Ground, proof: Proof) -> None:
    """Pictures, logos, websites: they are passed on as they are."""
    cpo = place.cpo
    path = "receiver/locations/NL/CPO/LOC1"
    place.emsp.says[f"PUT /{path}"] = ocpi()
    for url in [*place.forms()][:: size(5, 1)]:
        picture = {"url": url, "thumbnail": url, "category": "OPERATOR", "type": "png"}
        details = {"name": "X", "website": url, "logo": picture}
        made = {**location(cpo.version), "images": [picture], "operator": details}
        assert (await send(cpo, "PUT", path, made, EMSP)).code == 1000
        mine = cpo.credentials()
        if cpo.version == "2.1.1":
            mine["business_details"] = details
        else:
            mine["roles"][0]["business_details"] = details
        assert (await cpo.register("PUT", **mine)).code == 1000
    place.clean(proof, "URLs in objects")


async def test_what_the_operator_gives(place: Ground, proof: Proof) -> None:
    """`partner connect`, `partner endpoint set`, and a webhook: said at once, in words for the operator."""
    app = place.app
    client = open_client(app.config)
    for url in place.forms():
        with pytest.raises(OcpiError) as setting:
            await app.partners.set_endpoint("NL-CPO", "tariffs", "SENDER", url or " ")
        with pytest.raises(HttpFailed) as telling:
            await Outside(client, "webhooks").send("POST", url, seconds=5)
        for each in (setting, telling):
            assert RULES.search(str(each.value)), (url, each.value)
    for url in [*place.forms()][:: size(5, 1)]:
        with pytest.raises(OcpiError) as connecting:
            await app.partners.connect("Other", url, Secret("t"), ["BE-OTH:CPO"])
        assert RULES.search(str(connecting.value)), (url, connecting.value)
    await client.close()
    place.clean(proof, "URLs of the operator and of webhooks")


async def test_names_that_lead_inside(place: Ground, proof: Proof) -> None:
    """What a name stands for is judged when it is called; where it leads to is not told to partners."""
    partner, app = place.newcomer, place.app
    version = partner.version
    for name in NAMES:
        url = inside(place, name)
        answers = [await partner.register(url=url)]
        partner.says["GET /versions"] = ocpi([{"version": version, "url": url}])
        answers.append(await partner.register())
        partner.says.clear()
        for answer, field in zip(answers, ("url: ", f"version {version}: "), strict=True):
            refused(answer, field)
            assert not any(address in answer.message for address in NAMES[name])
        with pytest.raises(OcpiError, match=r"may not call|not an IP address"):
            await app.partners.connect("Other", url, Secret("t"), ["BE-OTH:CPO"])
        await app.partners.set_endpoint("NL-CPO", "locations", "SENDER", url)
        assert (await place.pull()).problem
        if version != "2.1.1":
            told = await send(place.emsp, "GET", "sender/locations", to=CPO)
            assert (told.code, "its address is not allowed" in told.message) == (4003, True), told
        await app.partners.set_endpoint("NL-CPO", "locations", "SENDER", "")
        assert (await place.cpo.register("PUT")).code == 1000
    place.clean(proof, "names that lead inside")


async def test_a_request_target_is_a_path(place: Ground, proof: Proof) -> None:
    """The hub is no proxy."""
    for url in place.forms():
        if url.isascii() and not re.search(r"[\x00-\x20]", url) and 0 < len(url) < 8000 and url[0] != "/":
            for head in (f"GET {url} HTTP/1.1", f"CONNECT {url} HTTP/1.1"):
                answer = await ask(place.app.url, f"{head}\r\nHost: {place.good}\r\n\r\n".encode())
                assert answer is None or answer.status in (400, 401, 405), answer
    place.clean(proof, "request targets")
