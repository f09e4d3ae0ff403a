"""Limits per partner, over real sockets: who is over a limit is told so, and nobody else notices."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from hub.config import Limits, Listen, PartnerLimits
from hub.core.directory import Platform, State
from hub.core.limits import OwnLimits
from hub.core.outcome import Outcome
from hub.errors import InvalidParameters, TooManyRequests
from hub.events import Bus, Limited
from hub.flow.limits import Gate
from hub.store.journal import Filter
from tests.partner import Partner, hang, ocpi
from tests.raw import ask as raw_ask
from tests.raw import calm, request, wire
from tests.support import running

TO = "OCPI-to-country-code: DE", "OCPI-to-party-id: MSP", "OCPI-from-country-code: NL", "OCPI-from-party-id: CPO"
ALL = "OCPI-to-country-code: NL", "OCPI-to-party-id: HUB", "OCPI-from-country-code: NL", "OCPI-from-party-id: CPO"
TARIFF = (
    b'{"country_code":"NL","party_id":"CPO","id":"T1","currency":"EUR",'
    b'"elements":[{"price_components":[{"type":"ENERGY","price":0.5,"step_size":1}]}],'
    b'"last_updated":"2026-01-01T00:00:00Z"}'
)
FREE = {"requests": 0, "broadcasts": 0, "parallel": 0, "wrong_tokens": 0}
PATH = "/ocpi/2.2.1/receiver/tariffs/NL/CPO/T1"
ANY_PORT = Listen(port=0)


@asynccontextmanager
async def two(tmp_path, listen=ANY_PORT, **limits):
    """A hub with these limits, a CPO that asks, and an eMSP that answers."""
    cpo = Partner("NL-CPO:CPO", endpoints=["sender/locations"])
    emsp = Partner("DE-MSP:EMSP", endpoints=["receiver/tariffs"])
    emsp.says["PUT /receiver/tariffs/NL/CPO/T1"] = ocpi()
    settings = {"partner_limits": PartnerLimits(**FREE | limits), "limits": Limits(timeout=2.0, slow_request=2.0)}
    settings["listen"] = listen
    async with running(tmp_path, **settings) as app, cpo.serve(), emsp.serve():
        for partner in (cpo, emsp):
            await partner.invited(app)
            assert (await partner.register()).code == 1000
        yield app, cpo, emsp


async def put(cpo, to=TO):
    return await cpo.ask("PUT", PATH, *to, body=TARIFF)


async def test_requests_per_second(tmp_path):
    async with two(tmp_path) as (app, cpo, emsp):
        limited = []
        app.bus.subscribe(_into(limited), Limited, name="test")
        await app.partners.set_limits("NL-CPO", {"requests": 0.2})
        answers = [await put(cpo) for _ in range(4)]
        assert [each.told for each in answers] == [(200, 1000), *[(429, 2000)] * 3]
        assert answers[1].message == "you may send 0.2 requests per second; slow down; come back in 5 s"
        assert answers[1].headers["retry-after"] == "5"
        assert answers[1].headers["ocpi-to-party-id"] == "CPO"
        assert len(await emsp.expect("PUT /receiver/tariffs/NL/CPO/T1")) == 1, "what is refused goes nowhere"
        assert (await cpo.ask("GET", "/ocpi/versions")).status == 429, "every request counts"
        assert (await emsp.ask("GET", "/ocpi/versions")).status == 200, "and each partner for itself"
        await app.bus.settle()
        assert {(each.platform, each.limit) for each in limited} == {("NL-CPO:CPO", "requests")}
        usage = app.gate.usage(app.partners.find("NL-CPO"))
        assert (usage.refused, usage.under_way, usage.allowed.requests) == ({"requests": 4}, 0, 0.2)
        await app.partners.set_limits("NL-CPO", {"requests": None})
        assert (await put(cpo)).told == (200, 1000)


async def test_a_refused_request_keeps_its_connection(tmp_path):
    """Its body is read and thrown away: what follows on the connection is understood."""
    async with two(tmp_path) as (app, cpo, _):
        await app.partners.set_limits("NL-CPO", {"requests": 0.01})
        with calm():
            assert (await put(cpo)).status == 200
            async with wire(app.url) as connection:
                for _ in range(3):
                    await connection.send(request("PUT", PATH, *TO, token=cpo.token, body=TARIFF))
                    assert (await connection.answer()).status == 429


async def test_requests_at_the_same_time(tmp_path):
    async with two(tmp_path, parallel=3) as (app, cpo, emsp):
        release = asyncio.Event()

        async def slow(_):
            await release.wait()
            return ocpi()

        emsp.says["PUT /receiver/tariffs/NL/CPO/T1"] = slow
        waiting = [asyncio.create_task(put(cpo)) for _ in range(3)]
        await emsp.expect("PUT /receiver/tariffs/NL/CPO/T1", 3)
        refused = await put(cpo)
        assert refused.told == (429, 2000)
        assert refused.message.startswith("3 of your requests are under way, and no more may be at a time")
        assert (await emsp.ask("GET", "/ocpi/versions")).status == 200
        assert app.gate.usage(app.partners.find("NL-CPO")).under_way == 3
        release.set()
        assert [(await each).code for each in waiting] == [1000] * 3
        assert (await put(cpo)).code == 1000
        assert app.gate.usage(app.partners.find("NL-CPO")).under_way == 0


async def test_one_that_goes_away_does_not_stay_under_way(tmp_path):
    async with two(tmp_path, parallel=1) as (app, cpo, emsp):
        emsp.says["PUT /receiver/tariffs/NL/CPO/T1"] = hang
        with pytest.raises(TimeoutError):
            await raw_ask(app.url, request("PUT", PATH, *TO, token=cpo.token, body=TARIFF), within=0.3)
        await emsp.expect("PUT /receiver/tariffs/NL/CPO/T1")
        async with asyncio.timeout(10):
            while app.gate.usage(app.partners.find("NL-CPO")).under_way:
                await asyncio.sleep(0.05)
        emsp.says["PUT /receiver/tariffs/NL/CPO/T1"] = ocpi()
        assert (await put(cpo)).code == 1000


async def test_broadcasts_per_second(tmp_path):
    async with two(tmp_path, broadcasts=0.1, burst=20.0) as (_, cpo, emsp):
        told = [(await put(cpo, ALL)) for _ in range(3)]
        assert [each.told for each in told] == [(201, 1000), (200, 1000), (429, 2000)]
        assert told[2].message.startswith("you may send 0.1 broadcasts per second; slow down; come back in ")
        assert 1 <= int(told[2].headers["retry-after"]) <= 10
        assert (await put(cpo)).code == 1000, "a message to one party is no broadcast"
        assert len(await emsp.expect("PUT /receiver/tariffs/NL/CPO/T1", 3)) == 3


async def test_wrong_tokens_of_one_address(tmp_path):
    """Who has a token is let in all the same: behind a proxy all have one address."""
    async with two(tmp_path, wrong_tokens=3) as (app, cpo, _):
        limited = []
        app.bus.subscribe(_into(limited), Limited, name="test")
        answers = [await cpo.ask("GET", "/ocpi/versions", token=f"wrong-{number}") for number in range(5)]
        assert [each.status for each in answers] == [401, 401, 401, 429, 429]
        assert answers[3].message.startswith("3 requests with a wrong token came from 127.0.0.1 within a minute; check")
        assert 1 <= int(answers[3].headers["retry-after"]) <= 20
        assert (await put(cpo)).code == 1000
        assert (await cpo.ask("GET", "/ocpi/2.2.1/nowhere", token="wrong")).status == 429
        assert app.gate.wrong_tokens == 6
        await app.bus.settle()
        assert [(each.limit, each.address) for each in limited] == [("wrong_tokens", "127.0.0.1")] * 3


async def test_strangers_behind_a_proxy_that_is_believed_are_told_apart(tmp_path):
    async with two(tmp_path, wrong_tokens=1, listen=Listen(port=0, trusted_proxies=("127.0.0.0/8",))) as (app, cpo, _):

        async def wrong(*forwarded):
            return (await cpo.ask("GET", "/ocpi/versions", *forwarded, token="wrong")).status

        first, other = "X-Forwarded-For: 6.6.6.6, 203.0.113.1", "X-Forwarded-For: 203.0.113.2"
        assert [await wrong(first), await wrong(first), await wrong(other)] == [401, 429, 401]
        assert await wrong("X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 203.0.113.2") == 429
        await app.bus.settle()
        journal = await app.operations.journal.page(Filter(outcome=Outcome.TURNED_AWAY), None, 10)
        assert {row.address for row in journal.rows} == {"203.0.113.1", "203.0.113.2"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"requests": -1}, "requests is -1; it must be 0 (no limit) to 1000000"),
        ({"parallel": 2_000_000}, "parallel is 2e+06"),
        ({"parallel": 1.5}, "limits: "),
        ({"requests": float("inf")}, "requests is inf"),
    ],
)
async def test_limits_that_make_no_sense_are_refused(tmp_path, changes, told):
    async with two(tmp_path) as (app, _, _):
        with pytest.raises(InvalidParameters) as raised:
            await app.partners.set_limits("NL-CPO", changes)
        assert raised.value.message.startswith(told)


async def test_limits_survive_a_restart_and_go_with_the_partner(tmp_path):
    async with two(tmp_path) as (app, _, _):
        await app.partners.set_limits("NL-CPO", {"requests": 7.5, "parallel": 20.0})
        assert app.partners.show("NL-CPO").limits == OwnLimits(requests=7.5, parallel=20)
    async with running(tmp_path) as app:
        await app.partners.set_limits("NL-CPO", {"requests": None})
        assert app.partners.show("NL-CPO").limits == OwnLimits(parallel=20)
        await app.partners.remove("NL-CPO")


def test_a_partner_that_changes_does_not_get_a_new_allowance():
    """A PUT of credentials makes a new snapshot of a platform; what it has used up stays used up."""
    gate = Gate(PartnerLimits(requests=1.0, burst=2.0), Bus(), lambda: 50.0)
    for _ in range(2):
        gate.enter(Platform(1, "X", State.REGISTERED)).leave()
    with pytest.raises(TooManyRequests):
        gate.enter(Platform(1, "X", State.REGISTERED))
    gate.reconfigure(PartnerLimits(requests=1.0, burst=2.0, wrong_tokens=9))
    with pytest.raises(TooManyRequests):
        gate.enter(Platform(1, "X", State.REGISTERED))
    gate.reconfigure(PartnerLimits(requests=2.0, burst=2.0))
    gate.enter(Platform(1, "X", State.REGISTERED))


def test_very_many_addresses_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr("hub.flow.limits._ADDRESSES", 3)
    gate = Gate(PartnerLimits(wrong_tokens=1), Bus(), lambda: 50.0)
    for number in range(10):
        gate.stranger(f"192.0.2.{number}")
    assert len(gate._strangers) == 3
    with pytest.raises(TooManyRequests):
        gate.stranger("192.0.2.9")


def _into(events):
    async def keep(event):
        events.append(event)

    return keep
