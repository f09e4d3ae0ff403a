"""How the hub stands, counted from what really passes: traffic, times, partners, and what is wrong."""

import asyncio

import msgspec
import pytest

from hub.config import Liveness, PartnerLimits
from hub.core.durations import step_of
from hub.core.party import Party
from hub.events import Bus, PartnerChanged, TokenRefused
from hub.flow.counted import Times
from hub.flow.pulse import Pulse
from tests.partner import Partner, Say, ocpi
from tests.support import CPO, EMSP, network, running

PLUGIN = '''"""Fails."""
from hub.plugin import Message, Plugin, receive


class Bad(Plugin):
    @receive("tariffs.put")
    async def see(self, message: Message) -> None:
        raise ValueError("it can not be")
'''


async def status(app):
    await app.bus.settle()
    return app.operations.overview.status()


def of(now, name):
    return next(each for each in now.partners if each.standing.partner == name)


async def test_traffic_outcomes_and_times(tmp_path):
    async with network(tmp_path) as (app, cpo, emsp):
        for _ in range(3):
            assert (await cpo.push_tariff(EMSP.party)).ok
        assert (await emsp.push_token(CPO.party)).ok
        assert (await cpo.push_tariff(Party("XX", "NON"))).status_code == 4001
        now = await status(app)
        traffic = now.traffic
        assert traffic.messages == sum(traffic.outcomes.values()) == 5
        assert traffic.outcomes["delivered"] == 4
        assert sum(traffic.series) == 5
        assert traffic.per_minute == 1.0
        assert 0 < traffic.hub_p50 <= traffic.hub_p99 < 5
        assert 0 < traffic.partner_p50 <= traffic.partner_p99 < 5
        assert (of(now, "Cpo").traffic.sent, of(now, "Cpo").traffic.delivered) == (4, 1)
        assert (of(now, "Emsp").traffic.sent, of(now, "Emsp").traffic.delivered) == (1, 3)
        assert of(now, "Cpo").standing.heard_at is not None
        assert (now.party, now.versions_url) == ("NL-HUB", app.versions_url)
        assert msgspec.json.decode(msgspec.json.encode(now))["partners"][0]["standing"]["partner"] == "Cpo"


async def test_a_partner_that_goes_is_told_with_the_reason(tmp_path):
    async with network(tmp_path, liveness=Liveness(idle=300.0, probe_timeout=1.0)) as (app, cpo, emsp):
        await emsp.stop()
        for _ in range(4):
            assert not (await cpo.push_tariff(EMSP.party)).ok
        async with asyncio.timeout(10):
            while not (found := (await status(app)).troubles):
                await asyncio.sleep(0.05)
        (trouble,) = found
        assert trouble.what.startswith("Emsp can not be reached for ")
        assert "connection refused by 127.0.0.1" in trouble.what or "does not accept connections" in trouble.what
        now = await status(app)
        assert not of(now, "Emsp").standing.reachable
        assert of(now, "Emsp").traffic.failed >= 1


async def test_a_refused_token_is_told_until_it_is_taken(tmp_path):
    cpo, emsp = Partner("NL-CPO:CPO"), Partner("DE-MSP:EMSP", endpoints=["receiver/tariffs"])
    line = "PUT /receiver/tariffs/NL/CPO/T1"
    async with running(tmp_path) as app, cpo.serve(), emsp.serve():
        for each in (cpo, emsp):
            await each.invited(app)
            await each.register()
        headers = (
            "OCPI-to-country-code: DE",
            "OCPI-to-party-id: MSP",
            "OCPI-from-country-code: NL",
            "OCPI-from-party-id: CPO",
        )
        emsp.says[line] = Say(401)
        await cpo.ask("PUT", "/ocpi/2.2.1/receiver/tariffs/NL/CPO/T1", *headers, body=b"{}")
        (trouble,) = (await status(app)).troubles
        assert trouble.what.startswith("DE-MSP:EMSP does not accept the hub's token (HTTP 401 or 403, 0 seconds ago)")
        assert trouble.next.startswith("renew the tokens: ocpi-hub partner rotate 2")
        emsp.says[line] = ocpi()
        await cpo.ask("PUT", "/ocpi/2.2.1/receiver/tariffs/NL/CPO/T1", *headers, body=b"{}")
        assert (await status(app)).troubles == ()


async def test_a_partner_that_is_removed_leaves_no_trouble_to_the_next_of_its_name():
    bus = Bus()
    pulse = Pulse(bus)
    await bus.start()
    pulse.start()
    for change, kept in (("rotated", True), ("removed", False)):
        bus.publish(TokenRefused(platform="One", http=401))
        bus.publish(PartnerChanged(platform="One", change=change))
        await bus.settle()
        assert (pulse.partner("One").token_refused is not None) is kept
    await bus.stop()


async def test_limits_strangers_and_plugins_are_told(tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "bad.py").write_text(PLUGIN)
    limits = PartnerLimits(requests=0, broadcasts=0, parallel=0, wrong_tokens=5)
    async with network(tmp_path, partner_limits=limits) as (app, cpo, _):
        for _ in range(6):
            await cpo.push_tariff(EMSP.party)
        stranger = Partner("XX-XXX:CPO")
        stranger.hub = app.url
        for number in range(25):
            await stranger.ask("GET", "/ocpi/versions", token=f"wrong-{number}")
        await app.partners.set_limits("Cpo", {"requests": 0.01})
        for _ in range(6):
            await cpo.push_tariff(EMSP.party)
        now = await status(app)
        plugin, tokens, limited = now.troubles
        assert plugin.what == (
            "plugin bad failed too often and is not called any more: see raised: ValueError: it can not be"
        )
        assert tokens.what == "25 requests with a wrong token in the last 5 minutes, most of them from 127.0.0.1"
        assert limited.what == "Cpo was refused 5 times in the last 5 minutes: too many requests per second"
        assert now.traffic.turned_away >= 25
        assert of(now, "Cpo").allowed.requests == 0.01
        assert of(now, "Cpo").traffic.limited == {"requests": 5}


@pytest.mark.parametrize("micro", [1, 50, 1_234, 987_654, 30_000_000])
def test_times_are_right_within_nine_percent(micro):
    times = Times()
    for _ in range(99):
        times.steps[step_of(micro)] += 1
    times.steps[step_of(micro * 100)] += 1
    assert times.at(0.5) == pytest.approx(micro / 1e6, rel=0.05)
    assert times.at(1.0) == pytest.approx(micro / 1e4, rel=0.05)
    assert Times().at(0.5) is None
