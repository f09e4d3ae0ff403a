"""Authorising unknown tokens over real sockets (2.2.1, transport_and_format: Open Routing Request)."""

import time

from hub.config.model import Routing
from hub.core.party import Party
from hub.sim.faults import Fault
from tests.crowd import emsps
from tests.partner import Partner, Say
from tests.raw import House, ask, calm
from tests.support import network

HUB = Party("NL", "HUB")


async def test_the_first_that_allows_wins_while_another_hangs(tmp_path):
    async with network(tmp_path) as (app, cpo, emsp), emsps(app, "FR-SEC", "FR-THI") as others:
        others[0].fault = Fault.HANG
        began = time.monotonic()
        reply = await cpo.authorize(emsp.token()["uid"], None)
        assert reply.data["allowed"] == "ALLOWED"
        assert time.monotonic() - began < 2
        await others[0].stop()


async def test_a_platform_that_is_slow_to_authorise_is_not_given_up(tmp_path):
    """The short deadline is the hub's own: it says nothing of the platform. The answer of the others counts."""
    async with network(tmp_path, routing=Routing(ask_timeout=0.2)) as (app, cpo, emsp), emsps(app, "FR-SEC") as others:
        emsp.fault = others[0].fault = Fault.HANG
        for _ in range(4):
            assert (await cpo.authorize("ANY", None)).status_code == 4002
        others[0].fault = Fault.NONE
        assert (await cpo.authorize("ANY", None)).status == 404
        assert not app.keeper.current.offline
        await emsp.stop()


async def test_nobody_can_be_asked(tmp_path):
    async with network(tmp_path) as (_, cpo, emsp):
        await emsp.stop()
        reply = await cpo.authorize("ANY", None)
        assert (reply.status, reply.status_code) == (200, 4003)
        assert "none of 1 eMSP(s) could be asked" in reply.status_message


async def test_an_answer_that_can_not_be_read_is_passed_on_and_no_failure_of_the_hub(tmp_path):
    """It is an envelope, and what it holds is not UTF-8, or nested too deeply."""
    bad = b'{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z","data":%b}'
    async with network(tmp_path) as (app, cpo, emsp):
        await emsp.stop()
        async with Partner("FR-BAD:EMSP", endpoints=("sender/tokens",)).serve() as partner:
            await partner.invited(app)
            assert (await partner.register()).code == 1000
            for data in (b'"\xff"', b'{"allowed":"\xc3\x28"}', b"[" * 900 + b"]" * 900):
                partner.says["POST /sender/tokens/ANY/authorize"] = Say(200, bad % data)
                house = House(app, cpo, emsp)
                target = "/ocpi/2.2.1/sender/tokens/ANY/authorize"
                with calm():
                    answer = await ask(app.url, house.get(target, method="POST", body=b""))
                assert answer is not None
                assert (answer.status, data in answer.body) == (200, True)
