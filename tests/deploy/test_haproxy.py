"""HAProxy in front of the hub, with the configuration that ships: registration, pushes, and that none is repeated."""

import json

import pytest

from hub.config import Limits, Listen
from tests.deploy.backend import Backend
from tests.deploy.proxy import DEPLOY, haproxy, needs_haproxy
from tests.partner import Partner, ocpi
from tests.ports import free_port
from tests.raw import ROUTING, TARIFF, ask, request, wire
from tests.support import running

pytestmark = needs_haproxy

TARGET = "/ocpi/2.2.1/receiver/tariffs/NL/CPO/T1"
LINE = "PUT /receiver/tariffs/NL/CPO/T1"


async def test_partners_register_and_push_through_it(tmp_path):
    port, own = free_port(), free_port()
    listen = Listen(port=own, public_url=f"https://127.0.0.1:{port}")
    async with (
        haproxy(tmp_path / "haproxy", port, own) as proxy,
        running(tmp_path, listen=listen) as app,
        Partner("NL-CPO:CPO", endpoints=("sender/tariffs",)).serve() as cpo,
        Partner("DE-MSP:EMSP", endpoints=("receiver/tariffs",)).serve() as emsp,
    ):
        for partner in (cpo, emsp):
            partner.tls = proxy.tls
            await partner.invited(app)
            assert (await partner.register()).envelope["data"]["url"] == f"{proxy.url}/ocpi/versions"
        emsp.says[LINE] = ocpi()
        answer = await cpo.ask("PUT", TARGET, *ROUTING, "X-Request-ID: r-1", body=TARIFF)
        assert (answer.told, answer.headers["x-request-id"]) == ((200, 1000), "r-1")
        assert (
            "an encoded slash" in (await cpo.ask("PUT", TARGET.replace("T1", "T%2F1"), *ROUTING, body=TARIFF)).message
        )
        assert (await cpo.ask("PUT", TARGET, *ROUTING, body=b" " * 1_500_000)).status == 413
        huge = await cpo.ask("GET", "/ocpi/versions", *[f"X-{n}: {'x' * 9_000}" for n in "12"])
        assert "too large" in huge.message
        assert emsp.lines.count(LINE) == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "PATCH"])
@pytest.mark.parametrize("warm", [False, True], ids=["new connection", "kept connection"])
async def test_a_push_whose_connection_to_the_hub_breaks_is_not_repeated(tmp_path, method, warm):
    async with Backend().serve() as backend, haproxy(tmp_path / "haproxy", free_port(), backend.port) as proxy:
        async with wire(proxy.url, within=15, tls=proxy.tls) as client:
            if warm:
                await client.send(request("GET", TARGET))
                assert (await client.answer()).body == b"{}"
            await client.send(request(method, TARGET, body=TARIFF))
            answer = await client.answer()
        if warm:
            assert answer is None  # its client meets what it would meet without HAProxy: the connection is closed
        else:
            assert (answer.status, json.loads(answer.body)["status_code"]) == (502, 3000)
        assert backend.connections == 1
        assert backend.methods == [b"GET"] * warm + [method.encode()]


async def test_only_ocpi_paths_get_through(tmp_path):
    paths = ("/", "/metrics", "/docs", "/ocpi", "/ocpi/../metrics", "/ocpi/%2e%2e/metrics", "//ocpi/../health/live")
    async with Backend().serve() as backend, haproxy(tmp_path / "haproxy", free_port(), backend.port) as proxy:
        for path in paths:
            assert (await ask(proxy.url, request("GET", path), within=15, tls=proxy.tls)).status == 404, path
        assert backend.requests == []


async def test_headers_of_a_request_pass_and_claims_about_its_origin_do_not(tmp_path):
    async with Backend().serve() as backend, haproxy(tmp_path / "haproxy", free_port(), backend.port) as proxy:
        claims = "X-Forwarded-For: 1.2.3.4", "Forwarded: for=1.2.3.4"
        sent = request("GET", "/ocpi/2.2.1/x%2Fy//z?a=%20b", *ROUTING, *claims, token="t")
        assert (await ask(proxy.url, sent, within=15, tls=proxy.tls)).headers["x-request-id"] == "r1"
        first, *lines = backend.requests[0].decode().strip().split("\r\n")
        assert first == "GET /ocpi/2.2.1/x%2Fy//z?a=%20b HTTP/1.1"
        got = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        wanted = {"authorization": "Token dA==", "ocpi-to-party-id": "MSP", "x-forwarded-for": "127.0.0.1"}
        assert got.items() >= wanted.items()
        assert "forwarded" not in got


async def test_when_the_hub_does_not_run_the_answer_is_json(tmp_path):
    async with haproxy(tmp_path / "haproxy", free_port(), free_port()) as proxy:
        answer = await ask(proxy.url, request("GET", "/ocpi/versions"), within=15, tls=proxy.tls)
        assert answer.told == (503, 3000)


def test_its_limits_lie_beyond_those_of_the_hub():
    lines = (DEPLOY / "haproxy/haproxy.cfg").read_text().splitlines()
    words = dict(line.split()[-2:] for line in lines if line.count(" ") > 4)
    limits = Limits()
    assert int(words["tune.bufsize"]) > 2 * limits.header_bytes
    assert int(words["server"].rstrip("s")) > limits.timeout + limits.slow_request
    assert int(words["pool-purge-delay"].rstrip("s")) < limits.keepalive
    assert int(words["retries"]) == 0
