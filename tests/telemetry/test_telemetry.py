"""Spans as a collector gets them: a real OTLP receiver on a real socket, and a hub that messages pass."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from structlog.testing import capture_logs

from hub.checking import check
from hub.config import Telemetry
from hub.core.party import Party
from hub.listener import CannotStart
from hub.telemetry import telemetry as module
from tests.partner import Partner, ocpi
from tests.support import config, running
from tests.versions import location, roaming, send

LOC1 = "receiver/locations/NL/CPO/LOC1"
HUB = Party("NL", "HUB")
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
BAD_PARENTS = (
    f"00-{TRACE}-{PARENT}", f"ff-{TRACE}-{PARENT}-01", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01",
    "x" * 5000, f"00-{TRACE.upper()}-{PARENT}-01",
)  # fmt: skip


class Collector:
    """An OTLP receiver that answers with `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.hangs = False
        self.headers: list[dict[str, str]] = []
        self.resources: list[dict[str, str]] = []
        self.spans: list[Span] = []
        self.url = ""
        self._came = asyncio.Condition()

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["Collector"]:
        runner = web.ServerRunner(web.Server(self._take, access_log=None), shutdown_timeout=0.05)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces"
            yield self
        finally:
            await runner.cleanup()

    async def _take(self, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        if self.hangs:
            await asyncio.Event().wait()
        if self.status == 200:
            self.headers.append(dict(request.headers))
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resources.append({each.key: each.value.string_value for each in resource.resource.attributes})
                for scope in resource.scope_spans:
                    self.spans += scope.spans
        async with self._came:
            self._came.notify_all()
        return web.Response(status=self.status)

    async def named(self, name: str, count: int = 1) -> list[Span]:
        """The spans of this name, as soon as there are so many."""
        async with asyncio.timeout(10), self._came:
            await self._came.wait_for(lambda: len(self._named(name)) >= count)
        return sorted(self._named(name), key=lambda span: span.start_time_unix_nano)

    def _named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


def told(span: Span) -> dict[str, Any]:
    """Its attributes."""
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


@pytest.fixture
async def collector(monkeypatch) -> AsyncIterator[Collector]:
    monkeypatch.setattr(module, "_PAUSE", 0.05)
    async with Collector().serve() as collector:
        yield collector


def wanted(collector: Collector, **changes: Any) -> Telemetry:
    return Telemetry(enabled=True, endpoint=collector.url, **changes)


async def test_both_legs_of_a_message_are_spans_of_one_trace(tmp_path, collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret")
    settings = wanted(collector, service_name="roaming")
    began = time.time_ns()
    async with roaming(tmp_path, "2.2.1", "2.1.1", telemetry=settings) as (_, cpo, emsp):
        emsp.says["PUT /receiver/locations/NL/CPO/LOC1"] = ocpi()
        answer = await send(cpo, "PUT", LOC1, location("2.2.1"), emsp.party)
        assert answer.code == 1000
        server, client = await collector.named("ocpi locations PUT", 2)
        registered = await collector.named("ocpi credentials POST", 2)
    assert (server.kind, client.kind) == (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)
    assert client.parent_span_id == server.span_id
    assert (client.trace_id, server.parent_span_id) == (server.trace_id, b"")
    assert began < server.start_time_unix_nano <= client.start_time_unix_nano
    assert client.start_time_unix_nano < client.end_time_unix_nano <= server.end_time_unix_nano + 1_000_000
    assert server.end_time_unix_nano < time.time_ns()
    correlation = answer.headers["x-correlation-id"]
    common = {"http.request.method": "PUT", "http.response.status_code": 200, "ocpi.status_code": 1000}
    common |= {"ocpi.module": "locations", "ocpi.sender": "NL-CPO", "ocpi.receiver": "DE-MSP"}
    common |= {"ocpi.interface": "RECEIVER", "ocpi.outcome": "delivered", "ocpi.correlation_id": correlation}
    incoming = {"ocpi.platform": "NL-CPO:CPO", "ocpi.version": "2.2.1", "ocpi.way": "direct"}
    assert told(server) == common | incoming | {"ocpi.request_id": answer.headers["x-request-id"]}
    (put,) = [each for each in emsp.asked if each.method == "PUT"]
    outgoing = {"ocpi.platform": "DE-MSP:EMSP", "ocpi.version": "2.1.1"}
    assert told(client) == common | outgoing | {"ocpi.request_id": put.headers["x-request-id"]}
    assert {span.status.code for span in (server, client)} == {Status.STATUS_CODE_UNSET}
    assert len({span.trace_id for span in registered}) == 2
    assert {headers["x-key"] for headers in collector.headers} == {"secret"}
    resource = collector.resources[0]
    assert (resource["service.name"], resource["ocpi.hub"]) == ("roaming", "NL-HUB")
    shown = repr(collector.spans)
    assert not [each for each in (cpo.token, emsp.token, cpo.token_out, "coordinates") if each in shown]


async def test_what_failed_is_an_error_with_its_reason_and_strangers_name_nothing(tmp_path, collector):
    async with roaming(tmp_path, "2.2.1", "2.2.1", telemetry=wanted(collector)) as (_, cpo, emsp):
        emsp.says[f"PUT /{LOC1}"] = ocpi(code=2001, message="no such field")
        await send(cpo, "PUT", LOC1, location("2.2.1"), emsp.party)
        (server, client) = await collector.named("ocpi locations PUT", 2)
        assert (server.status.code, client.status.code) == (Status.STATUS_CODE_UNSET, Status.STATUS_CODE_ERROR)
        assert client.status.message == "no such field"
        stranger = Partner("FR-XXX:CPO")
        stranger.hub, stranger.token = cpo.hub, "nobody-knows"
        await stranger.ask("GET", "/ocpi/2.2.1/sender/evil-module", f"traceparent: 00-{TRACE}-{PARENT}-01")
        (away,) = await collector.named("ocpi turned away")
        assert (told(away)["http.response.status_code"], told(away)["ocpi.outcome"]) == (401, "turned-away")
        assert away.trace_id.hex() != TRACE


async def test_deliveries_of_a_broadcast_belong_to_its_exchange(tmp_path, collector):
    async with roaming(tmp_path, "2.2.1", "2.2.1", telemetry=wanted(collector)) as (_, cpo, emsp):
        emsp.says[f"PUT /{LOC1}"] = ocpi()
        await send(cpo, "PUT", LOC1, location("2.2.1"), HUB)
        spans = await collector.named("ocpi locations PUT", 2)
    (server,) = [span for span in spans if span.kind == Span.SPAN_KIND_SERVER]
    (client,) = [span for span in spans if span.kind == Span.SPAN_KIND_CLIENT]
    assert (told(server)["ocpi.way"], told(server)["ocpi.outcome"]) == ("broadcast", "answered")
    assert (client.parent_span_id, told(client)["ocpi.outcome"]) == (server.span_id, "delivered")


async def test_a_partner_says_where_a_message_belongs_only_where_that_is_wanted(tmp_path, collector):
    sent = f"traceparent: 00-{TRACE}-{PARENT}-01"
    settings = wanted(collector, accept_traceparent=True)
    async with roaming(tmp_path, "2.2.1", "2.2.1", telemetry=settings) as (app, cpo, _):
        collector.spans.clear()
        path = "/ocpi/2.2.1/sender/tariffs"
        assert (await cpo.ask("GET", "/ocpi/versions", sent)).code == 1000
        await cpo.ask("GET", path, sent)
        await cpo.ask("GET", path, f"traceparent: 00-{TRACE}-{PARENT}-00")
        for each in BAD_PARENTS:
            await cpo.ask("GET", path, f"traceparent: {each}")
        await cpo.ask("GET", path, sent, sent)
        first, *others = await collector.named("ocpi tariffs GET", 2 + len(BAD_PARENTS))
        assert (first.trace_id.hex(), first.parent_span_id.hex()) == (TRACE, PARENT)
        assert TRACE not in {span.trace_id.hex() for span in others}
        (versions,) = await collector.named("ocpi versions GET")
        assert versions.trace_id.hex() == TRACE
        app.reloader._read = lambda: config(tmp_path, telemetry=wanted(collector))
        assert "telemetry.accept_traceparent" in (await app.reloader.reload()).changed
        collector.spans.clear()
        await cpo.ask("GET", path, sent)
        (span,) = await collector.named("ocpi tariffs GET")
        assert (span.trace_id.hex() != TRACE, span.parent_span_id) == (True, b"")


async def test_a_share_of_the_exchanges_has_all_its_spans_the_others_none(tmp_path, collector):
    settings = wanted(collector, sample_ratio=0.5)
    async with roaming(tmp_path, "2.2.1", "2.2.1", telemetry=settings) as (_, cpo, emsp):
        emsp.says[f"PUT /{LOC1}"] = ocpi()
        for _ in range(60):
            await send(cpo, "PUT", LOC1, location("2.2.1"), emsp.party)
    spans = [span for span in collector.spans if span.name == "ocpi locations PUT"]
    traces = {span.trace_id for span in spans}
    assert 10 <= len(traces) <= 50
    assert len(spans) == 2 * len(traces)


async def test_a_stop_sends_what_is_left(tmp_path, collector, monkeypatch):
    monkeypatch.setattr(module, "_PAUSE", 3600.0)
    async with roaming(tmp_path, "2.2.1", "2.2.1", telemetry=wanted(collector)):
        assert collector.spans == []
    assert len([span for span in collector.spans if span.name == "ocpi credentials POST"]) == 2


async def test_a_collector_that_is_away_loses_spans_which_are_counted_and_no_message(tmp_path, collector, monkeypatch):
    monkeypatch.setattr(module, "_EXPORT", 0.2)
    monkeypatch.setattr(module, "_MOST", 20)
    with capture_logs() as logs:
        async with roaming(tmp_path, "2.2.1", "2.2.1", telemetry=wanted(collector)) as (app, cpo, emsp):
            await collector.named("ocpi credentials POST", 2)
            collector.status = 400
            emsp.says[f"PUT /{LOC1}"] = ocpi()
            for _ in range(40):
                assert (await send(cpo, "PUT", LOC1, location("2.2.1"), emsp.party)).code == 1000
            async with asyncio.timeout(10):
                while not [each for each in logs if each["event"] == "spans_lost"]:
                    await asyncio.sleep(0.01)
            collector.status = 200
            collector.spans.clear()
            async with asyncio.timeout(10):
                while not collector.spans:
                    await send(cpo, "PUT", LOC1, location("2.2.1"), emsp.party)
            assert app.telemetry.lost > 0
    assert len([each for each in logs if each["event"] == "spans_lost"]) == 1


async def test_a_collector_that_hangs_does_not_hold_up_a_stop(tmp_path, collector, monkeypatch):
    monkeypatch.setattr(module, "_FLUSH", 0.2)
    monkeypatch.setattr(module, "_EXPORT", 1.0)
    collector.hangs = True
    async with roaming(tmp_path, "2.2.1", "2.2.1", telemetry=wanted(collector)) as (app, *_):
        began = time.monotonic()
    assert time.monotonic() - began < 3
    assert app.telemetry.lost >= 2


async def test_a_reload_begins_and_ends_it(tmp_path, collector):
    async with running(tmp_path) as app:
        for enabled in (True, False):
            app.reloader._read = lambda on=enabled: config(tmp_path, telemetry=Telemetry(on, collector.url))
            reload = await app.reloader.reload()
            assert (reload.problems, reload.restart_needed, "telemetry.enabled" in reload.changed) == ((), (), True)
            assert ("telemetry" in {name for name, *_ in app.bus.backlog()}) is enabled


async def test_without_its_packages_a_start_says_what_to_install(tmp_path, collector, monkeypatch):
    monkeypatch.setattr(module, "_PACKAGES", ("no_such_package.sdk",))
    words = r"enabled: OpenTelemetry is not installed.*pip install 'ocpi-hub\[otel\]'"
    with pytest.raises(CannotStart, match=words):
        async with running(tmp_path, telemetry=wanted(collector)):
            pass
    assert "ocpi-hub[otel]" in (await check(config(tmp_path, telemetry=wanted(collector)))).problems[0]
    async with running(tmp_path) as app:
        app.reloader._read = lambda: config(tmp_path, telemetry=wanted(collector))
        assert "ocpi-hub[otel]" in (await app.reloader.reload()).problems[0]


def test_where_it_is_off_nothing_of_opentelemetry_is_loaded(tmp_path):
    script = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from tests.support import network\n"
        "from hub.core.party import Party\n"
        "async def main():\n"
        f"    async with network(Path({str(tmp_path)!r})) as (app, cpo, emsp):\n"
        "        cpo.seed(1)\n"
        "        assert (await cpo.push_location(emsp.party)).ok\n"
        "asyncio.run(main())\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=root, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr[-2000:]
