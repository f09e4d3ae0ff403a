"""nginx in front of the hub, with the configuration that ships: registration, pushes, and that none is repeated."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs

from hub.app import App
from hub.config import Admin, Limits, Listen
from tests.deploy.backend import Backend
from tests.deploy.proxy import DEPLOY, needs_nginx, nginx, upstream
from tests.partner import Asked, Partner, Say, ocpi
from tests.ports import free_port
from tests.raw import ROUTING, TARIFF, Answer, ask, request, wire
from tests.support import running

pytestmark = needs_nginx

TARGET = "/ocpi/2.2.1/receiver/tariffs/NL/CPO/T1"
AS_CPO = ("OCPI-from-country-code: NL", "OCPI-from-party-id: CPO", "OCPI-to-country-code: DE", "OCPI-to-party-id: MSP")


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[tuple[App, Partner, Partner]]:
    """A hub behind nginx, and a CPO and an eMSP that registered through it over TLS."""
    port, own = free_port(), free_port()
    listen = Listen(port=own, public_url=f"https://127.0.0.1:{port}")
    async with (
        nginx(folder / "nginx", port, own) as proxy,
        running(folder, listen=listen) as app,
        Partner("NL-CPO:CPO", endpoints=("sender/tariffs",)).serve() as cpo,
        Partner("DE-MSP:EMSP", endpoints=("receiver/tariffs",)).serve() as emsp,
    ):
        assert app.url == proxy.url
        for partner in (cpo, emsp):
            partner.tls = proxy.tls
            await partner.invited(app)
            answer = await partner.register()
            assert answer.code == 1000
            assert answer.envelope["data"]["url"] == f"{proxy.url}/ocpi/versions"
        yield app, cpo, emsp


async def push(cpo: Partner, target: str = TARGET, body: bytes = TARIFF) -> Answer:
    return await cpo.ask("PUT", target, *AS_CPO, "X-Request-ID: r-1", "X-Correlation-ID: c-1", body=body)


async def test_partners_register_and_push_through_it(tmp_path):
    async with house(tmp_path) as (_, cpo, emsp):
        emsp.says["PUT /receiver/tariffs/NL/CPO/T1"] = ocpi()
        answer = await push(cpo)
        assert (answer.told, answer.headers["x-correlation-id"]) == ((200, 1000), "c-1")
        assert (answer.headers["x-request-id"], answer.headers["ocpi-from-party-id"]) == ("r-1", "MSP")
        (came,) = await emsp.expect("PUT /receiver/tariffs/NL/CPO/T1")
        assert came.body == TARIFF
        assert (came.headers["ocpi-from-party-id"], came.headers["x-correlation-id"]) == ("CPO", "c-1")
        assert not [name for name in came.headers if "forwarded" in name]


async def test_what_is_encoded_in_a_path_stays_encoded(tmp_path):
    async with house(tmp_path) as (_, cpo, emsp):
        emsp.says["PUT /receiver/tariffs/NL/CPO/T%201"] = ocpi()
        assert (await push(cpo, TARGET.replace("T1", "T%201"), TARIFF.replace(b'"T1"', b'"T 1"'))).told == (200, 1000)
        assert "an encoded slash" in (await push(cpo, TARGET.replace("T1", "T%2F1"))).message


async def test_a_push_to_a_partner_that_hangs_up_is_attempted_once(tmp_path):
    """The partner took it, and the answer got lost: the whole way through, nothing sends it again."""

    async def hang_up(_: Asked) -> Say:
        raise ConnectionResetError

    async with house(tmp_path) as (_, cpo, emsp):
        emsp.says["PUT /receiver/tariffs/NL/CPO/T1"] = hang_up
        assert (await push(cpo)).code == 4000
        assert emsp.lines.count("PUT /receiver/tariffs/NL/CPO/T1") == 1


async def test_it_is_the_hub_who_refuses_what_is_too_large_and_who_is_unknown(tmp_path):
    async with house(tmp_path) as (app, cpo, _):
        large = await push(cpo, body=b" " * 1_500_000)
        assert (large.status, large.envelope["status_code"] >= 2000) == (413, True)
        huge = await ask(
            app.url,
            request("GET", "/ocpi/versions", *[f"X-{n}: {'x' * 9_000}" for n in "12"], token=cpo.token),
            tls=cpo.tls,
        )
        assert huge.envelope["status_code"] >= 2000
        assert (await ask(app.url, request("GET", "/ocpi/versions"), tls=cpo.tls)).told[0] == 401


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "PATCH"])
@pytest.mark.parametrize("warm", [False, True], ids=["new connection", "kept connection"])
async def test_a_push_whose_connection_to_the_hub_breaks_is_not_repeated(tmp_path, method, warm):
    async with Backend().serve() as backend, nginx(tmp_path / "nginx", free_port(), backend.port) as proxy:
        async with wire(proxy.url, within=15, tls=proxy.tls) as client:
            if warm:
                await client.send(request("GET", TARGET))
                assert (await client.answer()).body == b"{}"
            await client.send(request(method, TARGET, body=TARIFF))
            answer = await client.answer()
        assert (answer.status, answer.headers["content-type"]) == (502, "application/json")
        assert (json.loads(answer.body)["status_code"], backend.connections) == (3000, 1)
        assert backend.methods == [b"GET"] * warm + [method.encode()]


async def test_without_that_line_it_would_be_repeated(tmp_path):
    """What the line in the configuration is for; and that the test above can fail."""
    line = "proxy_next_upstream off;"
    async with (
        Backend().serve() as backend,
        nginx(tmp_path / "nginx", free_port(), backend.port, without=line) as proxy,
        wire(proxy.url, within=15, tls=proxy.tls) as client,
    ):
        await client.send(request("GET", TARGET))
        await client.answer()
        await client.send(request("PUT", TARGET, body=TARIFF))
        assert (await client.answer()).status == 502
        assert backend.methods == [b"GET", b"PUT", b"PUT"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "PATCH"])
async def test_what_could_not_be_sent_to_one_node_goes_to_another(tmp_path, method):
    async with Backend(answers=True).serve() as backend:
        lines = upstream("upstream.cluster.conf", free_port(), backend.port, free_port())
        async with nginx(tmp_path / "nginx", free_port(), lines) as proxy:
            for _ in range(10):
                answer = await ask(proxy.url, request(method, TARGET, body=TARIFF), within=15, tls=proxy.tls)
                assert (answer.status, answer.body) == (200, b"{}")
        assert backend.methods == [method.encode()] * 10
        assert all(each.endswith(TARIFF) for each in backend.requests)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "PATCH"])
@pytest.mark.parametrize("warm", [False, True], ids=["new connection", "kept connection"])
async def test_what_was_sent_to_one_node_goes_to_no_other(tmp_path, method, warm):
    async with Backend().serve() as one, Backend().serve() as two, Backend().serve() as three:
        backends = one, two, three
        lines = upstream("upstream.cluster.conf", *(each.port for each in backends))
        async with nginx(tmp_path / "nginx", free_port(), lines) as proxy:
            for _ in range(3 * warm):
                assert (await ask(proxy.url, request("GET", TARGET), within=15, tls=proxy.tls)).status == 200
            for _ in range(6):
                answer = await ask(proxy.url, request(method, TARGET, body=TARIFF), within=15, tls=proxy.tls)
                assert (answer.status, json.loads(answer.body)["status_code"]) == (502, 3000)
        assert [each.methods for each in backends] == [[b"GET"] * warm + [method.encode()] * 2] * 3


async def test_nginx_takes_what_compose_gives_it(tmp_path):
    async with Backend(answers=True).serve() as backend:
        lines = upstream("upstream.compose.conf", backend.port)
        async with nginx(tmp_path / "nginx", free_port(), lines) as proxy:
            assert (await ask(proxy.url, request("PUT", TARGET), within=15, tls=proxy.tls)).status == 200


async def test_nginx_takes_what_the_page_about_scaling_gives_it(tmp_path):
    (block,) = re.findall(
        r"^```nginx\n(.*?)^```", (DEPLOY.parent / "docs/scaling.md").read_text(), re.MULTILINE | re.DOTALL
    )
    async with Backend(answers=True).serve() as backend:
        lines, found = re.subn(r"10\.0\.0\.1\d:8000", f"127.0.0.1:{backend.port}", block)
        async with nginx(tmp_path / "nginx", free_port(), lines) as proxy:
            assert (await ask(proxy.url, request("PUT", TARGET), within=15, tls=proxy.tls)).status == 200
        assert found == 3


async def test_only_ocpi_paths_get_through(tmp_path):
    async with Backend().serve() as backend, nginx(tmp_path / "nginx", free_port(), backend.port) as proxy:
        for path in (
            "/",
            "/metrics",
            "/docs",
            "/ocpi",
            "/ocpi/../metrics",
            "/ocpi/%2e%2e/metrics",
            "//ocpi/../health/live",
        ):
            answer = await ask(proxy.url, request("GET", path), within=15, tls=proxy.tls)
            assert answer.status == 404, path
        assert backend.requests == []


async def test_headers_of_a_request_pass_and_claims_about_its_origin_do_not(tmp_path):
    async with Backend().serve() as backend, nginx(tmp_path / "nginx", free_port(), backend.port) as proxy:
        sent = request(
            "GET",
            "/ocpi/2.2.1/x%2Fy//z?a=%20b",
            *ROUTING,
            "X-Forwarded-For: 1.2.3.4",
            "Forwarded: for=1.2.3.4",
            token="t",
        )
        assert (await ask(proxy.url, sent, within=15, tls=proxy.tls)).headers["x-request-id"] == "r1"
        first, *lines = backend.requests[0].decode().strip().split("\r\n")
        assert first == "GET /ocpi/2.2.1/x%2Fy//z?a=%20b HTTP/1.1"
        got = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        assert (
            got.items()
            >= {"authorization": "Token dA==", "ocpi-to-party-id": "MSP", "x-forwarded-for": "127.0.0.1"}.items()
        )
        assert not {"connection", "forwarded"} & got.keys()


async def test_the_admin_listener_behind_it(tmp_path):
    """As docs/security.md has it: the hub learns who asks, whatever that one claims."""
    (block,) = re.findall(
        r"^```nginx\n(.*?)^```", (DEPLOY.parent / "docs/security.md").read_text(), re.MULTILINE | re.DOTALL
    )
    port = free_port()
    for old, new in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ocpi-hub/tls/admin.pem", "{folder}/fullchain.pem"),
        ("/etc/ocpi-hub/tls/admin.key", "{folder}/privkey.pem"),
        ("allow 10.20.0.0/16", "allow 127.0.0.0/8"),
    ):
        assert old in block
        block = block.replace(old, new)
    admin = Admin(port=0, trusted_proxies=("127.0.0.1/32",), names=("hub-admin.example",))
    async with running(tmp_path, admin=admin) as app:
        server = block.replace("127.0.0.1:8001", app.admin_url.removeprefix("http://"))
        from_elsewhere = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
        async with (
            nginx(tmp_path / "nginx", free_port(), free_port(), more=server) as proxy,
            aiohttp.ClientSession(connector=from_elsewhere) as session,
        ):
            key = (await app.operations.keys.create("test", "read")).key
            for sent, status in ((key, 200), ("wrong", 401)):
                headers = {"x-api-key": sent, "X-Forwarded-For": "6.6.6.6", "Host": "hub-admin.example"}
                url = f"https://127.0.0.1:{port}/api/v1/overview"
                with capture_logs() as logs:
                    async with session.get(url, headers=headers, ssl=proxy.tls) as answer:
                        assert answer.status == status
            assert [each["address"] for each in logs] == ["127.0.0.2"]


async def test_when_the_hub_does_not_run_the_answer_is_json(tmp_path):
    async with nginx(tmp_path / "nginx", free_port(), free_port()) as proxy:
        answer = await ask(proxy.url, request("GET", "/ocpi/versions"), within=15, tls=proxy.tls)
        assert (answer.status, json.loads(answer.body)["status_code"]) == (502, 3000)


def test_its_limits_lie_beyond_those_of_the_hub():
    text = (DEPLOY / "nginx/ocpi-hub.conf").read_text() + (DEPLOY / "nginx/upstream.conf").read_text()
    words = dict(
        line.strip().rstrip(";").rsplit(" ", 1) for line in text.splitlines() if line.endswith(("s;", "m;", "k;"))
    )
    limits = Limits()
    assert int(words["client_max_body_size"].rstrip("m")) << 20 > limits.request_body
    assert int(words["proxy_read_timeout"].rstrip("s")) > limits.timeout + limits.slow_request
    assert limits.keepalive > 60
    for name in ("upstream.conf", "upstream.compose.conf", "upstream.cluster.conf"):
        assert "    keepalive_timeout 60s;" in (DEPLOY / "nginx" / name).read_text()
