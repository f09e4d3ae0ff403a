"""Authorising unknown tokens over real sockets (2.2.1, transport_and_format: Open Routing Request)."""

import time

from hub.config.model import Routing
from hub.core.party import Party
from hub.sim.faults import Fault
from tests.crowd import emsps
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
