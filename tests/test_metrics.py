"""Metrics: what is counted, that labels are bounded, and that the documentation knows each of them."""

import asyncio
import re
import time
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from hub.config import Admin, Listen
from hub.core.party import Party
from hub.events import Bus, Event
from hub.metrics import MOST_PLATFORMS, Names, outcome
from hub.sim.faults import Fault
from tests.certificates import Authority
from tests.crowd import emsps
from tests.support import network, running

PAGE = Path(__file__).parents[1] / "docs/metrics.md"
PLUGIN = """
'''Fails on purpose.'''
from hub.plugin import Message, Plugin, Refuse, Route, route


class Broken(Plugin):
    @route("locations.put")
    async def fail(self, message: Message, proposed: Route) -> Route | Refuse | None:
        if message.object_id == "LOC2":
            raise ValueError("on purpose")
        return None
"""


async def scrape(app, key=None):
    headers = {"x-api-key": key} if key else {}
    async with aiohttp.ClientSession() as session, session.get(f"{app.admin_url}/metrics", headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = await answer.text()
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(families, name, **labels):
    (found,) = [
        sample.value
        for family in families.values()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    return found


async def test_messages_are_counted_by_what_they_were_and_how_they_ended(tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/broken.py").write_text(PLUGIN)
    async with network(tmp_path, admin=Admin(port=0, open_metrics=True)) as (app, cpo, emsp):
        cpo.seed(2)
        await cpo.push_location(emsp.party)
        await cpo.push_location(emsp.party, "LOC2")
        assert (await cpo.push_location(Party.parse("FR-XXX"))).status_code == 4001
        async with aiohttp.ClientSession() as session, session.get(f"{app.url}/ocpi/2.2.1/sender/none") as answer:
            assert answer.status == 401
        await emsp.stop()
        assert (await cpo.push_location(emsp.party)).status_code == 4003
        await app.bus.settle()
        told = await scrape(app)
    put = {"module": "locations", "method": "PUT"}
    assert value(told, "ocpi_hub_messages_total", **put, way="direct", outcome="1000") == 2
    assert value(told, "ocpi_hub_messages_total", **put, way="direct", outcome="4003") == 1
    assert value(told, "ocpi_hub_messages_total", **put, way="refuse", outcome="4001") == 1
    assert value(told, "ocpi_hub_refused_total", module="locations", code="4001") == 1
    assert value(told, "ocpi_hub_turned_away_total", http="401") == 1
    assert value(told, "ocpi_hub_deliveries_total", platform="Emsp", module="locations", outcome="1000") == 2
    assert value(told, "ocpi_hub_deliveries_total", platform="Emsp", module="locations", outcome="4003") == 1
    assert value(told, "ocpi_hub_message_seconds_count", module="locations", way="direct") == 3
    assert value(told, "ocpi_hub_own_seconds_count", module="locations") == 4
    assert value(told, "ocpi_hub_partner_seconds_count", platform="Emsp") >= 2
    whole = value(told, "ocpi_hub_message_seconds_sum", module="locations", way="direct")
    partner = value(told, "ocpi_hub_partner_seconds_sum", platform="Emsp")
    assert 0 < partner < whole
    assert value(told, "ocpi_hub_bytes_total", module="locations", direction="in") > 1000
    assert value(told, "ocpi_hub_plugin_faults_total", plugin="broken", kind="raised") == 1
    assert value(told, "ocpi_hub_plugin_calls_total", plugin="broken", hook="fail") == 3
    assert value(told, "ocpi_hub_plugin_running", plugin="broken") == 1
    assert value(told, "ocpi_hub_platform_connected", platform="Cpo") == 1
    assert value(told, "ocpi_hub_platforms", status="CONNECTED") == 2
    assert value(told, "ocpi_hub_platform_reachable", platform="Emsp") == 1
    assert value(told, "ocpi_hub_connections", platform="Cpo", state="in_use") == 0


async def test_connections_of_partners_and_the_end_of_the_certificate(tmp_path):
    admin = Admin(port=0, open_metrics=True)
    async with running(tmp_path, admin=admin) as app:
        told = await scrape(app)
        assert value(told, "ocpi_hub_inbound_connections") == 0
        assert told["ocpi_hub_certificate_expires_seconds"].samples == []
        host, port = app.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(10):
            while value(await scrape(app), "ocpi_hub_inbound_connections") != 1:
                await asyncio.sleep(0.01)
        writer.close()
    certificate, key = tmp_path / "hub.pem", tmp_path / "hub.key"
    Authority(tmp_path / "ca.pem").issue(certificate, key, days=60)
    listen = Listen(port=0, certificate=str(certificate), key=str(key))
    async with running(tmp_path, admin=admin, listen=listen) as app:
        ends = value(await scrape(app), "ocpi_hub_certificate_expires_seconds")
        assert ends == app.tls.expires.timestamp()
        assert 59 < (ends - time.time()) / 86400 < 61


async def test_findings_are_counted_by_platform(tmp_path):
    async with network(tmp_path, admin=Admin(port=0, open_metrics=True), validation="report") as (app, cpo, emsp):
        cpo.seed(1)
        next(iter(cpo.locations)).pop("coordinates")
        await cpo.push_location(emsp.party)
        await app.bus.settle()
        assert value(await scrape(app), "ocpi_hub_findings_total", platform="Cpo") >= 1


async def test_a_read_key_or_nothing_at_all(tmp_path):
    async with running(tmp_path, admin=Admin(port=0)) as app:
        key = (await app.operations.keys.create("prometheus", "read")).key
        async with aiohttp.ClientSession() as session, session.get(f"{app.admin_url}/metrics") as answer:
            assert answer.status == 401
        assert "ocpi_hub_build_info" in {each.removesuffix("_info") + "_info" for each in await scrape(app, key)}


async def test_every_metric_is_explained_and_nothing_else(tmp_path):
    """docs/metrics.md has a row for each: name, kind, labels."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \|", PAGE.read_text(), re.MULTILINE)
    explained = {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    async with running(tmp_path, admin=Admin(port=0)) as app:
        told = {}
        for family in app.admin.metrics.registry.collect():
            name = f"{family.name}_total" if family.type == "counter" else family.name
            told[name] = (family.type, _labels(app.admin.metrics, family))
    assert {name: kind for name, (kind, _) in explained.items()} == {name: kind for name, (kind, _) in told.items()}
    assert [name for name, (_, labels) in told.items() if labels is not None and explained[name][1] != labels] == []


def _labels(metrics, family):
    """The names of its labels, where they can be known without a value."""
    for collector, names in metrics.registry._collector_to_names.items():
        if family.name in names:
            return getattr(collector, "_labelnames", None) or getattr(family, "_labelnames", None)
    return None


def test_labels_are_bounded():
    names = Names(3)
    assert [names.label(each) for each in "abcdab"] == ["a", "b", "c", "other", "a", "b"]
    assert MOST_PLATFORMS == 100
    codes = {outcome(code) for code in range(-10, 20_000)}
    assert len(codes) == 14 + 4 + 1
    assert (outcome(1000), outcome(2999), outcome(4002), outcome(9999)) == ("1000", "2xxx", "4002", "other")


async def test_a_partner_that_is_removed_gives_its_label_up(tmp_path):
    async with network(tmp_path, admin=Admin(port=0, open_metrics=True)) as (app, cpo, emsp):
        cpo.seed(1)
        await cpo.push_location(emsp.party)
        await app.bus.settle()
        receiver = app.keeper.current.parties[emsp.party]
        assert value(await scrape(app), "ocpi_hub_deliveries_total", platform=receiver.name) == 1
        await app.partners.remove(receiver.name)
        await app.bus.settle()
        samples = [sample for family in (await scrape(app)).values() for sample in family.samples]
        assert [each for each in samples if receiver.name in each.labels.values()] == []
    names = Names(1)
    assert (names.label("a"), names.label("b")) == ("a", "other")
    names.forget("a")
    assert names.label("b") == "b"


async def test_names_that_look_like_metrics_stay_labels(tmp_path):
    async with running(tmp_path, admin=Admin(port=0, open_metrics=True)) as app:
        odd = 'a"} 1 \\ {x="'
        await app.partners.invite(odd, ["NL-ODD:CPO"])
        await app.bus.settle()
        assert value(await scrape(app), "ocpi_hub_platform_reachable", platform=odd) == 1


async def test_lost_events_are_told_by_who_lost_them():
    async def never(event: Event) -> None:
        raise AssertionError

    bus = Bus()
    bus.subscribe(never, Event, name="slow", size=2)
    bus.subscribe(never, Event, name="slow", size=10)
    for _ in range(5):
        bus.publish(Event())
    assert bus.backlog() == [("slow", 3, 7)]


async def test_whom_nobody_waited_for_is_counted_too(tmp_path):
    """Of several that are asked at once the first counts; the others are abandoned."""
    open_metrics = Admin(port=0, open_metrics=True)
    async with network(tmp_path, admin=open_metrics) as (app, cpo, emsp), emsps(app, "FR-SLW") as (slow,):
        slow.fault = Fault.HANG
        assert (await cpo.authorize(emsp.token()["uid"], None)).data["allowed"] == "ALLOWED"
        await app.bus.settle()
        told = await scrape(app)
        assert value(told, "ocpi_hub_deliveries_total", platform="FR-SLW", outcome="abandoned") == 1
        await slow.stop()
