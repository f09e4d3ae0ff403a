"""What a simulated platform does is done by parties: they also run on trial, and served alone, as any party does."""

import inspect
from pathlib import Path

from hub.ocpi import v2_2_1 as ocpi
from hub.platform import PlatformApp, platform_config
from hub.plugin.testing import party
from hub.sim import SimEmsp, operator
from hub.sim.operator import Operator
from hub.sim.provider import Provider
from tests.support import EMSP, config

FILE = Path(inspect.getfile(operator))


async def test_a_cpo_on_trial(emsp):
    start = {"response_url": "http://others.invalid/result", "location_id": "LOC1", "token": emsp.token()}
    async with party(Operator) as trial:
        page = await trial.ask("GET sender/locations?limit=2&date_from=2025-01-01T00:02:00Z")
        assert [each.id for each in page.read(list[ocpi.Location])] == ["LOC2", "LOC3"]
        assert page.headers["x-total-count"] == "2"
        assert (await trial.ask("POST receiver/commands/START_SESSION", start, sender="DE-EMO")).ok
        assert (await trial.expect("POST result")).body["result"] == "ACCEPTED"
        session = await trial.expect("PUT receiver/sessions/NL/SIM/S00001")
        assert (session.to, session.body["status"]) == (emsp.party, "ACTIVE")


async def test_an_emsp_on_trial(cpo):
    location = cpo.locations.get(cpo.party, "LOC1")
    async with party(Provider) as trial:
        assert (await trial.ask("PUT receiver/locations/NL/VOL/LOC1", location, sender="NL-VOL")).status == 201
        assert (await trial.ask("GET receiver/locations/NL/VOL/LOC1")).read(dict) == location
        assert (await trial.ask("POST sender/commands/START_SESSION/none", {"result": "ACCEPTED"})).status == 404


async def test_a_cpo_alone(tmp_path):
    """The file as `ocpi-hub platform run` serves it, and a simulated platform that registers there: nothing shared."""
    running = platform_config(config(tmp_path), FILE, tmp_path / "alone")
    async with PlatformApp(running, FILE) as alone, SimEmsp("Emsp", [EMSP]) as emsp:
        invitation = await alone.invite("emsp", [str(EMSP)])
        await emsp.register(alone.versions_url, invitation.token_a)
        cpo = alone.offer.party
        assert [each["id"] for each in await emsp.fetch_all("locations", to=cpo)] == ["LOC1", "LOC2", "LOC3"]
        started = await emsp.start_session("LOC1", "1001-1", emsp.token(), cpo)
        assert (await emsp.result(of=started)).result == "ACCEPTED"
        session = await emsp.expect("sessions", "PUT")
        stopped = await emsp.stop_session(session.segments[-1], cpo)
        assert (await emsp.result(of=stopped)).result == "ACCEPTED"
        assert (await emsp.expect("cdrs", "POST")).json()["total_energy"] == 7.7
