"""What a plugin asks of the hub: in the name of others, with results that come later, and what the hub knows."""

import asyncio
from contextlib import asynccontextmanager

import msgspec
import pytest

from hub.config import Routing
from hub.core.party import Party
from hub.plugin import Interface, OcpiError
from hub.plugin.testing import message
from tests.partner import Partner, ocpi
from tests.support import running
from tests.versions import CPO_MODULES, EMSP_MODULES, location, send, session

CODE = """
from hub.plugin import Plugin


class Asking(Plugin):
    pass
"""
PROFILES = "PUT /receiver/chargingprofiles/S1"
BODY = {"charging_profile": {"charging_rate_unit": "W", "charging_profile_period": [{"start_period": 0, "limit": 11}]}}
CPO, EMSP = Party("NL", "CPO"), Party("DE", "MSP")


@asynccontextmanager
async def asking(folder, version="2.2.1", **changes):
    """`self.hub` of a plugin, a CPO and an eMSP."""
    (folder / "plugins").mkdir()
    (folder / "plugins" / "asking.py").write_text(CODE)
    partners = (
        Partner(
            "NL-CPO:CPO", endpoints=(*CPO_MODULES, "receiver/chargingprofiles", "receiver/commands"), version=version
        ),
        Partner("DE-MSP:EMSP", endpoints=EMSP_MODULES),
    )
    async with running(folder, **changes) as app, partners[0].serve(), partners[1].serve():
        for each in partners:
            each.raw = each.version == "2.1.1"
            await each.invited(app)
            assert (await each.register()).code == 1000
        (plugin,) = (each.plugin for each in app.plugins.table.running)
        yield plugin.hub, *partners


async def ask(hub, wait=5.0, sender=EMSP):
    given = {"to": CPO, "path": ("S1",), "body": BODY, "wait": wait, "sender": sender}
    return await hub.ask("PUT", "chargingprofiles", Interface.RECEIVER, **given)


async def test_only_who_was_asked_can_tell_the_result_and_the_first_counts(tmp_path):
    async with asking(tmp_path) as (hub, cpo, emsp):
        cpo.says[PROFILES] = ocpi({"result": "ACCEPTED", "timeout": 30})
        asked = asyncio.create_task(ask(hub))
        (request,) = await cpo.expect(PROFILES)
        assert (request.headers["ocpi-from-country-code"], request.headers["ocpi-from-party-id"]) == ("DE", "MSP")
        url = msgspec.json.decode(request.body)["response_url"]
        assert (await emsp.ask("POST", url, body=b'{"result": "REJECTED"}')).status == 404
        assert (await cpo.ask("POST", url, body=b"{")).status == 400
        assert (await cpo.ask("POST", url, body=b'{"result": "ACCEPTED"}')).code == 1000
        later = await asked
        assert (later.reply.ok, later.result) == (True, {"result": "ACCEPTED"})
        assert (await cpo.ask("POST", url, body=b'{"result": "REJECTED"}')).status == 404


@pytest.mark.parametrize(
    "answer",
    [
        ocpi({"result": "REJECTED", "timeout": 30}), ocpi({"result": "ACCEPTED", "timeout": 0}), ocpi(), ocpi([]),
        ocpi("ACCEPTED"), ocpi({"result": 7}), ocpi(code=2001, message="not this session"),
    ],
)  # fmt: skip
async def test_what_promises_no_result_is_not_waited_for(tmp_path, answer):
    async with asking(tmp_path) as (hub, cpo, _):
        cpo.says[PROFILES] = answer
        async with asyncio.timeout(10):
            assert (await ask(hub, wait=60)).result is None


async def test_agreements_hold_for_who_is_spoken_for(tmp_path):
    async with asking(tmp_path, routing=Routing(agreements="closed")) as (hub, cpo, _):
        later = await ask(hub)
        assert (later.reply.ocpi_status, later.reply.by) == (4001, None)
        assert PROFILES not in cpo.lines
        assert hub.offers(CPO, "chargingprofiles", Interface.RECEIVER)
        assert not hub.offers(CPO, "chargingprofiles", Interface.SENDER)
        assert not hub.offers(Party("XX", "YYY"), "chargingprofiles", Interface.RECEIVER)


@pytest.mark.parametrize("version", ["2.1.1", "2.2.1", "2.3.0"])
async def test_an_object_of_the_mirror_as_2_2_1(tmp_path, version):
    async with asking(tmp_path, version) as (hub, cpo, _):
        assert (await send(cpo, "PUT", "receiver/locations/NL/CPO/LOC1", location(version))).code == 1000
        held = await hub.held("locations", CPO, "loc1")
        assert (held["id"], held["time_zone"], held["parking_type"]) == ("LOC1", "Europe/Amsterdam", "PARKING_GARAGE")
        assert await hub.held("locations", CPO, "LOC2") is None
        assert await hub.held("tariffs", CPO, "LOC1") is None


async def test_the_body_of_a_message_as_2_2_1(tmp_path):
    async with asking(tmp_path) as (hub, _, _):
        put = message("PUT receiver/sessions/NL/CPO/S1", msgspec.json.encode(session("2.3.0")), sender="NL-CPO")
        rows = hub._catalogue.module("2.3.0", Interface.RECEIVER, "sessions")
        newer = msgspec.structs.replace(put, operation=rows.find("PUT", ("NL", "CPO", "S1")))
        assert (await hub.told(newer))["total_cost"] == {"excl_vat": 2.5}
        assert (await hub.told(newer, "2.3.0"))["total_cost"] == {"before_taxes": 2.5}
        with pytest.raises(OcpiError):
            await hub.told(msgspec.structs.replace(newer, body=b"{"))
