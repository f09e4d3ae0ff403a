"""Results that come later of what a plugin asked for: back through the hub, to whoever waits, and to nobody else."""

import asyncio

import msgspec
import pytest

from hub.core.modules import Interface
from hub.core.party import Party
from hub.errors import InvalidParameters, NotInThatVersion
from hub.plugin.testing import message
from tests.partner import Partner, ocpi
from tests.support import network, running
from tests.versions import CPO, EMSP, cdr, location, roaming, send, session, token

PROFILE = {"charging_profile": {"charging_rate_unit": "W", "charging_profile_period": [{"start_period": 0, "limit": 11}]}}


async def test_a_charging_profile_in_the_name_of_an_emsp_and_its_result(tmp_path):
    async with network(tmp_path) as (app, cpo, emsp):
        start = await emsp.start_session(emsp.tokens.all()[0]["uid"], cpo.party, location_id="LOC1")
        assert start.status_code == 1000
        await cpo.expect("commands")
        await emsp.expect("sessions")
        hub = _hub(app)
        (running_session,) = cpo.sessions.all()
        later = await hub.ask(
            "PUT", "chargingprofiles", Interface.RECEIVER, to=cpo.party, path=(running_session["id"],), body=PROFILE,
            wait=5, sender=emsp.party,
        )  # fmt: skip
        assert later.reply.ok
        assert later.result == {"result": "ACCEPTED"}
        asked = await cpo.expect("chargingprofiles")
        assert asked.sender == emsp.party
        assert not app.keeper.current.parties[emsp.party].endpoints.keys() & {("x", "y")}


def _hub(app):
    (found,) = {id(each.plugin.hub): each.plugin.hub for each in app.plugins.table.running}.values()
    return found
