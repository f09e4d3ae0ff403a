"""Platforms of different OCPI versions, and a whole charge between each two of them, over real sockets.

2.1.1, 2.2.1 and 2.3.0: versions, credentials, and every module that they share.
"""

import msgspec
import pytest

from hub.config import Routing
from hub.core.party import Party
from hub.ocpi.kinds import struct_of
from tests.partner import Say, ocpi
from tests.support import config
from tests.versions import CPO, EMSP, STAMP, cdr, location, roaming, send, session, token

VERSIONS = ("2.1.1", "2.2.1", "2.3.0")
EVERY_PAIR = [(one, other) for one in VERSIONS for other in VERSIONS]
HUB = Party("NL", "HUB")


def received(kind, version, asked):
    """The body of what came in, valid in the version of who got it."""
    msgspec.json.decode(asked.body, type=struct_of(version, kind))
    return msgspec.json.decode(asked.body)


@pytest.mark.parametrize(("cpo_speaks", "emsp_speaks"), EVERY_PAIR)
async def test_a_whole_charge(tmp_path, cpo_speaks, emsp_speaks):
    """Locations and tokens, authorising, START_SESSION with its result, a session, and its CDR."""
    async with roaming(tmp_path, cpo_speaks, emsp_speaks) as (_, cpo, emsp):
        emsp.says["PUT /receiver/locations/NL/CPO/LOC1"] = ocpi()
        assert (await send(cpo, "PUT", "receiver/locations/NL/CPO/LOC1", location(cpo_speaks), HUB)).code == 1000
        (put,) = await emsp.expect("PUT /receiver/locations/NL/CPO/LOC1")
        assert received("Location", emsp_speaks, put)["evses"][0]["uid"] == "E1"

        cpo.says["PUT /receiver/tokens/DE/MSP/CARD1"] = ocpi()
        assert (await send(emsp, "PUT", "receiver/tokens/DE/MSP/CARD1", token(emsp_speaks), HUB)).code == 1000
        (put,) = await cpo.expect("PUT /receiver/tokens/DE/MSP/CARD1")
        assert received("Token", cpo_speaks, put)["visual_number"] == "DF000-2001-8999"

        info = {"allowed": "ALLOWED"} if emsp_speaks == "2.1.1" else {"allowed": "ALLOWED", "token": token(emsp_speaks)}
        emsp.says["POST /sender/tokens/CARD1/authorize"] = ocpi(info)
        answer = await send(cpo, "POST", "sender/tokens/CARD1/authorize", {"location_id": "LOC1"})
        assert answer.envelope["data"]["allowed"] == "ALLOWED", answer.envelope

        first = {"result": "ACCEPTED"} if cpo_speaks == "2.1.1" else {"result": "ACCEPTED", "timeout": 30}
        cpo.says["POST /receiver/commands/START_SESSION"] = ocpi(first)
        command = {"response_url": f"{emsp.url}/results/1", "token": token(emsp_speaks), "location_id": "LOC1"}
        answer = await send(emsp, "POST", "receiver/commands/START_SESSION", command, CPO)
        assert answer.envelope["data"]["result"] == "ACCEPTED", answer.envelope
        (asked,) = await cpo.expect("POST /receiver/commands/START_SESSION")
        url = received("StartSession", cpo_speaks, asked)["response_url"]
        emsp.says["POST /results/1"] = ocpi()
        outcome = await cpo.ask("POST", url, body=b'{"result":"ACCEPTED"}')
        assert outcome.code == 1000, outcome.envelope
        (result,) = await emsp.expect("POST /results/1")
        assert received("CommandResult", emsp_speaks, result)["result"] == "ACCEPTED"

        emsp.says["PUT /receiver/sessions/NL/CPO/S1"] = ocpi()
        answer = await send(cpo, "PUT", "receiver/sessions/NL/CPO/S1", session(cpo_speaks))
        assert answer.code == 1000, answer.envelope
        (put,) = await emsp.expect("PUT /receiver/sessions/NL/CPO/S1")
        told = received("Session", emsp_speaks, put)
        assert told["last_updated"] == STAMP
        assert told["auth_id" if emsp_speaks == "2.1.1" else "cdr_token"] in (
            "DE-MSP-C1",
            session("2.2.1")["cdr_token"],
        )

        emsp.says["POST /receiver/cdrs"] = ocpi(Location=f"{emsp.url}/receiver/cdrs/1")
        answer = await send(cpo, "POST", "receiver/cdrs", cdr(cpo_speaks))
        assert answer.code == 1000, answer.envelope
        (post,) = await emsp.expect("POST /receiver/cdrs")
        told = received("CDR", emsp_speaks, post)
        assert told["total_energy"] == 7.5
        amount = told["total_cost"]
        assert (amount if emsp_speaks == "2.1.1" else amount.get("excl_vat", amount.get("before_taxes"))) == 2.5

        emsp.says["GET /receiver/cdrs/1"] = ocpi(msgspec.json.decode(post.body))
        back = await cpo.ask("GET", answer.headers["location"])
        assert back.envelope["data"]["id"] == "CDR1", back.envelope


@pytest.mark.parametrize(("cpo_speaks", "emsp_speaks"), EVERY_PAIR)
async def test_get_all_in_ones_own_version(tmp_path, cpo_speaks, emsp_speaks):
    """Lists and single objects: from the mirror (locations), and collected live (sessions, CDRs)."""
    async with roaming(tmp_path, cpo_speaks, emsp_speaks) as (_, cpo, emsp):
        emsp.says["PUT /receiver/locations/NL/CPO/LOC1"] = cpo.says["PUT /receiver/tokens/DE/MSP/CARD1"] = ocpi()
        assert (await send(cpo, "PUT", "receiver/locations/NL/CPO/LOC1", location(cpo_speaks), HUB)).code == 1000
        assert (await send(emsp, "PUT", "receiver/tokens/DE/MSP/CARD1", token(emsp_speaks), HUB)).code == 1000
        # Without OCPI-to, one object is asked of its owner, as 2.1.1 always does.
        cpo.says["GET /sender/locations/LOC1"] = ocpi(location(cpo_speaks))
        cpo.says["GET /sender/locations/LOC1/E1"] = ocpi(location(cpo_speaks)["evses"][0])
        listed = (await send(emsp, "GET", "sender/locations", to=HUB)).envelope["data"]
        single = (await send(emsp, "GET", "sender/locations/LOC1", to=HUB)).envelope["data"]
        evse = (await send(emsp, "GET", "sender/locations/LOC1/E1", to=HUB)).envelope["data"]
        assert listed == [single]
        msgspec.convert(single, struct_of(emsp_speaks, "Location"))
        assert single["evses"] == [evse]
        for module, kind, made in (("sessions", "Session", session), ("cdrs", "CDR", cdr)):
            cpo.says[f"GET /sender/{module}"] = ocpi([made(cpo_speaks)], X_Total_Count="1")
            answer = await send(emsp, "GET", f"sender/{module}", to=HUB)
            (row,) = answer.envelope["data"]
            msgspec.convert(row, struct_of(emsp_speaks, kind))


async def test_what_2_1_1_is_offered(tmp_path):
    """2.1.1, version_information_endpoint: a module has one endpoint, whichever side the platform is on."""
    async with roaming(tmp_path, "2.1.1", "2.1.1") as (_, cpo, emsp):
        offered = {}
        for partner in (cpo, emsp):
            details = (await partner.ask("GET", "/ocpi/2.1.1")).envelope["data"]
            assert all(each.keys() == {"identifier", "url"} for each in details["endpoints"])
            offered[partner] = {each["identifier"]: each["url"].removeprefix(cpo.hub) for each in details["endpoints"]}
        common = ("credentials", "cdrs", "locations", "sessions", "tariffs", "tokens")
        assert offered[cpo] == {name: f"/ocpi/2.1.1/{name}/" for name in common}
        assert offered[emsp] == {name: f"/ocpi/2.1.1/{name}/" for name in (*common, "commands")}


async def test_the_hubs_credentials_in_each_version(tmp_path):
    """2.1.1: one party, no role. 2.2.1: the HUB role. 2.3.0: hub_party_id, and who can be reached."""
    async with roaming(tmp_path, "2.1.1", "2.3.0") as (_, cpo, emsp):
        plain = (await cpo.ask("GET", "/ocpi/2.1.1/credentials")).envelope["data"]
        assert (plain["country_code"], plain["party_id"]) == ("NL", "HUB")
        assert "roles" not in plain
        new = (await emsp.ask("GET", "/ocpi/2.3.0/credentials")).envelope["data"]
        assert new["hub_party_id"] == "NLHUB"
        assert [(each["role"], each["country_code"], each["party_id"]) for each in new["roles"]] == [
            ("CPO", "NL", "CPO")
        ]
        msgspec.convert(new, struct_of("2.3.0", "Credentials"))


async def test_a_platform_that_refuses_long_lists(tmp_path):
    """2.3.0: the list of roles can be switched off; it must not be empty all the same."""
    hub = msgspec.structs.replace(config(tmp_path).hub, list_parties=False)
    async with roaming(tmp_path, "2.1.1", "2.3.0", hub=hub) as (_, _cpo, emsp):
        new = (await emsp.ask("GET", "/ocpi/2.3.0/credentials")).envelope["data"]
        assert [(each["role"], each["party_id"]) for each in new["roles"]] == [("OTHER", "HUB")]


async def test_an_upgrade_and_a_downgrade_with_put(tmp_path):
    """PUT credentials at another version's endpoint switches to it; the old version's URLs say so."""
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (app, cpo, emsp):
        for version in ("2.3.0", "2.1.1", "2.2.1"):
            before = emsp.version
            emsp.version = version
            emsp.raw = version == "2.1.1"
            assert (await emsp.register("PUT")).code == 1000
            assert app.partners.find("DE-MSP").version == version
            emsp.says["PUT /receiver/locations/NL/CPO/LOC1"] = ocpi()
            emsp.asked.clear()
            assert (await send(cpo, "PUT", "receiver/locations/NL/CPO/LOC1", location("2.2.1"), EMSP)).code == 1000
            (put,) = await emsp.expect("PUT /receiver/locations/NL/CPO/LOC1")
            received("Location", version, put)
            stale = await emsp.ask("GET", f"/ocpi/{before}/{'' if before == '2.1.1' else 'sender/'}locations")
            assert stale.code == 3002
            assert f"registered with OCPI {version}" in stale.envelope["status_message"]


async def test_what_2_1_1_does_not_have_is_refused_with_a_reason(tmp_path):
    """A 2.2.1 module towards a 2.1.1 platform: nothing is sent."""
    async with roaming(tmp_path, "2.1.1", "2.2.1") as (_, cpo, emsp):
        before = len(cpo.asked)
        cancel = {"response_url": f"{emsp.url}/r", "reservation_id": "R1"}
        refused = await send(emsp, "POST", "receiver/commands/CANCEL_RESERVATION", cancel, CPO)
        assert refused.code == 2000
        assert (
            "NL-CPO speaks OCPI 2.1.1, which has no POST receiver/commands/CANCEL_RESERVATION"
            in (refused.envelope["status_message"])
        )
        profile = await send(emsp, "GET", f"receiver/chargingprofiles/S1?duration=60&response_url={emsp.url}/r", to=CPO)
        assert profile.code in (2000, 4000)
        assert len(cpo.asked) == before


async def test_a_session_whose_card_nobody_knows_is_refused_and_not_guessed(tmp_path):
    """2.1.1 names a contract only: without the token there is no receiver, and no cdr_token."""
    async with roaming(tmp_path, "2.1.1", "2.2.1") as (_, cpo, emsp):
        refused = await send(cpo, "PUT", "receiver/sessions/NL/CPO/S1", session("2.1.1"))
        assert refused.code == 2001
        assert "contract 'de-msp-c1'" in refused.envelope["status_message"]
        assert not [each for each in emsp.asked if each.method == "PUT"]


async def test_owner_fields_for_2_1_1_can_be_left_out(tmp_path):
    for folder, show in (("shown", True), ("hidden", False)):
        (tmp_path / folder).mkdir()
        async with roaming(tmp_path / folder, "2.2.1", "2.1.1", routing=Routing(show_owner=show)) as (_, cpo, emsp):
            emsp.says["PUT /receiver/locations/NL/CPO/LOC1"] = ocpi()
            assert (await send(cpo, "PUT", "receiver/locations/NL/CPO/LOC1", location("2.2.1"), EMSP)).code == 1000
            (put,) = await emsp.expect("PUT /receiver/locations/NL/CPO/LOC1")
            assert ("party_id" in msgspec.json.decode(put.body)) is show


def tariff(version, amount=0.3):
    component = {"type": "ENERGY", "price": amount, "step_size": 1}
    whole = {"id": "T1", "currency": "EUR", "elements": [{"price_components": [component]}], "last_updated": STAMP}
    if version == "2.1.1":
        return whole
    whole |= {"country_code": "NL", "party_id": "CPO"}
    return whole | {"tax_included": "NO"} if version == "2.3.0" else whole


async def test_a_patch_that_only_2_1_1_has_reaches_others_as_the_whole(tmp_path):
    """Tariffs have a PATCH in 2.1.1 alone (2.1.1, mod_tariffs 2.2.3)."""
    async with roaming(tmp_path, "2.1.1", "2.3.0") as (_, cpo, emsp):
        line = "PUT /receiver/tariffs/NL/CPO/T1"
        emsp.says[line] = ocpi()
        assert (await send(cpo, "PUT", "receiver/tariffs/NL/CPO/T1", tariff("2.1.1"))).code == 1000
        change = {"elements": tariff("2.1.1", 0.5)["elements"]}
        assert (await send(cpo, "PATCH", "receiver/tariffs/NL/CPO/T1", change)).code == 1000
        first, second = (received("Tariff", "2.3.0", asked) for asked in await emsp.expect(line, 2))
        prices = [each["elements"][0]["price_components"][0]["price"] for each in (first, second)]
        assert prices == [0.3, 0.5]
        assert second["last_updated"] > first["last_updated"]
        listed = (await send(emsp, "GET", "sender/tariffs", to=HUB)).envelope["data"]
        assert listed == [second]


async def test_a_patch_passes_between_versions(tmp_path):
    """2.1.1 need not say when: others are told when the hub had it. Nothing that was not sent is made up."""
    async with roaming(tmp_path, "2.1.1", "2.2.1") as (_, cpo, emsp):
        emsp.says["PUT /receiver/locations/NL/CPO/LOC1"] = emsp.says["PATCH /receiver/locations/NL/CPO/LOC1/E1"] = (
            ocpi()
        )
        assert (await send(cpo, "PUT", "receiver/locations/NL/CPO/LOC1", location("2.1.1"))).code == 1000
        patched = await send(cpo, "PATCH", "receiver/locations/NL/CPO/LOC1/E1", {"status": "CHARGING"})
        assert patched.code == 1000, patched.envelope
        (asked,) = await emsp.expect("PATCH /receiver/locations/NL/CPO/LOC1/E1")
        change = msgspec.json.decode(asked.body)
        assert change.keys() == {"status", "last_updated"}
        assert change["status"] == "CHARGING"


async def test_errors_of_the_hub_are_server_errors_in_2_1_1(tmp_path):
    """It has no codes from 4000 on."""
    async with roaming(tmp_path, "2.2.1", "2.1.1") as (_, cpo, emsp):
        cpo.says["POST /receiver/commands/START_SESSION"] = Say(200, b"<html>")
        assert (await send(cpo, "PUT", "receiver/locations/NL/CPO/LOC1", location("2.2.1"), HUB)).code == 1000
        command = {"response_url": f"{emsp.url}/r", "token": token("2.1.1"), "location_id": "LOC1"}
        answer = await send(emsp, "POST", "receiver/commands/START_SESSION", command)
        assert (answer.code, "NL-CPO" in answer.envelope["status_message"]) == (3000, True)


async def test_a_reservation_id_that_is_no_number_has_one_in_2_1_1(tmp_path):
    """2.1.1, mod_commands 3.2: an integer there. The same reservation has the same number each time."""
    async with roaming(tmp_path, "2.1.1", "2.2.1") as (_, cpo, emsp):
        line = "POST /receiver/commands/RESERVE_NOW"
        cpo.says[line] = ocpi({"result": "ACCEPTED"})
        for reservation_id in ("R-A", "R-B", "r-a", "77"):
            reserve = {
                "response_url": f"{emsp.url}/r",
                "token": token("2.2.1"),
                "expiry_date": STAMP,
                "reservation_id": reservation_id,
                "location_id": "LOC1",
            }
            answer = await send(emsp, "POST", "receiver/commands/RESERVE_NOW", reserve, CPO)
            assert answer.envelope["data"] == {"result": "ACCEPTED", "timeout": 30}, answer.envelope
        numbers = [received("ReserveNow", "2.1.1", asked)["reservation_id"] for asked in await cpo.expect(line, 4)]
        assert numbers[0] == numbers[2] != numbers[1]
        assert numbers[3] == 77
