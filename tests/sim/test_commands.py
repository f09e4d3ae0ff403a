"""Commands from an eMSP to a CPO: their answers, their results, and the session and CDR that follow."""

import pytest

from hub.core.modules import Interface
from hub.core.party import Party
from hub.sim import Fault, Kind

R = Interface.RECEIVER


async def test_the_whole_round(connected, told):
    cpo, emsp = connected
    sent = await emsp.start_session("LOC1", "1001-1", emsp.token(), cpo.party, reference="REF-1")
    assert sent.accepted
    assert sent.reply.data == {"result": "ACCEPTED", "timeout": 30}
    assert (await emsp.result(of=sent)).result == "ACCEPTED"
    session = (await emsp.expect("sessions", "PUT")).json()
    assert (session["status"], session["kwh"], session["authorization_reference"]) == ("ACTIVE", 0.0, "REF-1")
    assert session["cdr_token"]["uid"] == "DE-EMO-CARD-1"
    assert cpo.locations.get(cpo.party, "LOC1")["evses"][0]["status"] == "CHARGING"

    sent = await emsp.stop_session(session["id"], cpo.party)
    assert (await emsp.result(of=sent)).result == "ACCEPTED"
    await emsp.expect("sessions", "PATCH")
    cdr = (await emsp.expect("cdrs", "POST")).json()
    assert emsp.their_sessions.get(cpo.party, session["id"])["status"] == "COMPLETED"
    assert emsp.their_sessions.get(cpo.party, session["id"]) == cpo.sessions.get(cpo.party, session["id"])
    assert cpo.locations.get(cpo.party, "LOC1")["evses"][0]["status"] == "AVAILABLE"

    assert cdr["session_id"] == session["id"]
    assert cdr["authorization_reference"] == "REF-1"
    assert (cdr["total_energy"], cdr["total_time"]) == (7.7, 0.7)
    assert cdr["total_cost"] == cdr["total_energy_cost"] == {"excl_vat": 3.23, "incl_vat": 3.91}
    assert cdr["cdr_location"]["evse_id"] == "NL*VOL*E1001*1"
    assert list(cpo.cdrs) == list(emsp.their_cdrs) == [cdr]
    assert [each.text for each in told[2:]] == [
        "NL-VOL received command START_SESSION from DE-EMO",
        "DE-EMO received the result of START_SESSION: ACCEPTED",
        f"DE-EMO received session {session['id']}: ACTIVE, 0.0 kWh from NL-VOL",
        "NL-VOL received command STOP_SESSION from DE-EMO",
        "DE-EMO received the result of STOP_SESSION: ACCEPTED",
        f"DE-EMO received session {session['id']}: COMPLETED, 7.7 kWh from NL-VOL",
        "DE-EMO received a CDR: 7.7 kWh, 3.91 EUR from NL-VOL",
    ]


async def test_results_go_to_the_url_as_given_without_routing_headers(connected):
    cpo, emsp = connected
    sent = await emsp.unlock("LOC1", "1001-1", cpo.party)
    await emsp.result(of=sent)
    request = await emsp.expect("commands", "POST")
    assert request.segments == ("UNLOCK_CONNECTOR", sent.uid)
    assert not [name for name in request.headers if name.lower().startswith("ocpi-")]
    assert {"X-Request-ID", "X-Correlation-ID"} <= set(request.headers)


async def test_a_direct_charger_bills_a_start_fee(connected):
    cpo, emsp = connected
    await emsp.start_session("LOC1", "1001-2", emsp.token(), cpo.party)
    session = (await emsp.expect("sessions", "PUT")).json()
    await emsp.stop_session(session["id"], cpo.party)
    cdr = (await emsp.expect("cdrs", "POST")).json()
    assert cdr["total_energy"] == 35.0
    assert cdr["total_fixed_cost"] == {"excl_vat": 0.5, "incl_vat": 0.6}
    assert cdr["total_cost"] == {"excl_vat": 24.65, "incl_vat": 29.82}


async def test_the_result_can_come_before_the_answer(connected):
    cpo, emsp = connected
    cpo.answer_before_result = False
    sent = await emsp.start_session("LOC1", None, emsp.token(), cpo.party)
    assert sent.accepted
    assert (await emsp.result(0, of=sent)).result == "ACCEPTED", "it is there already"
    assert (await emsp.expect("sessions", "PUT")).json()["evse_uid"] == "1001-1"


async def test_the_answer_comes_before_the_result_otherwise(connected):
    cpo, emsp = connected
    emsp.delay = 0.05
    sent = await emsp.unlock("LOC1", "1001-1", cpo.party)
    with pytest.raises(TimeoutError):
        await emsp.result(0, of=sent)
    assert (await emsp.result(of=sent)).result == "ACCEPTED"


async def test_results_of_simultaneous_commands_are_told_apart(connected):
    cpo, emsp = connected
    first = await emsp.unlock("LOC1", "1001-1", cpo.party)
    second = await emsp.cancel_reservation("none", cpo.party)
    assert (await emsp.result(of=second)).result == "UNKNOWN_RESERVATION"
    assert (await emsp.result(of=first)).result == "ACCEPTED"


async def test_an_occupied_or_broken_evse_says_so_in_the_result(connected):
    cpo, emsp = connected
    for status, result in (("CHARGING", "EVSE_OCCUPIED"), ("OUTOFORDER", "EVSE_INOPERATIVE")):
        await cpo.patch_evse_status("LOC1", "1001-1", status, emsp.party)
        sent = await emsp.start_session("LOC1", "1001-1", emsp.token(), cpo.party)
        assert (await emsp.result(of=sent)).result == result
    assert len(cpo.sessions) == 0


@pytest.mark.parametrize(
    ("command", "body", "code"),
    [
        ("UNLOCK_CONNECTOR", {"location_id": "LOC99", "evse_uid": "1", "connector_id": "1"}, 2003),
        ("UNLOCK_CONNECTOR", {"location_id": "LOC1", "evse_uid": "1", "connector_id": "1"}, 2003),
        ("UNLOCK_CONNECTOR", {"location_id": "LOC1", "evse_uid": "1001-1", "connector_id": "9"}, 2003),
        ("UNLOCK_CONNECTOR", {"location_id": "LOC1"}, 2001),
        ("START_SESSION", {"location_id": "LOC1", "token": {"uid": "1"}}, 2001),
        ("STOP_SESSION", {"response_url": None, "session_id": "S00001"}, 2001),
    ],
)
async def test_commands_about_what_is_not_there(connected, command, body, code):
    cpo, emsp = connected
    sent = await emsp.command(command, body, cpo.party)
    assert (sent.reply.status, sent.reply.status_code) == (200, code)
    assert not sent.accepted
    await cpo.idle()
    assert emsp.received == []


async def test_direct_refusals_have_no_result(connected):
    cpo, emsp = connected
    unknown = await emsp.stop_session("S00009", cpo.party)
    await emsp.start_session("LOC1", "1001-1", {**emsp.token(), "party_id": "XXX"}, cpo.party)
    foreign = await emsp.stop_session("S00001", cpo.party)
    answers = [each.reply.data["result"] for each in (unknown, foreign)]
    assert answers == ["UNKNOWN_SESSION", "REJECTED"]
    assert not foreign.accepted
    assert (await emsp.command("DANCE", {}, cpo.party)).reply.status == 404


async def test_a_reservation_becomes_a_session(connected):
    cpo, emsp = connected
    sent = await emsp.reserve("R1", "LOC1", "1001-1", emsp.token(), cpo.party)
    assert (await emsp.result(of=sent)).result == "ACCEPTED"
    reserved = (await emsp.expect("sessions", "PUT")).json()
    assert reserved["status"] == "RESERVATION"
    sent = await emsp.start_session("LOC1", "1001-1", emsp.token(3), cpo.party)
    assert (await emsp.result(of=sent)).result == "EVSE_OCCUPIED"
    sent = await emsp.start_session("LOC1", "1001-1", emsp.token(), cpo.party)
    assert (await emsp.result(of=sent)).result == "ACCEPTED"
    started = (await emsp.expect("sessions", "PUT")).json()
    assert (started["id"], started["status"]) == (reserved["id"], "ACTIVE")


async def test_a_reservation_can_be_cancelled_by_the_emsp(connected):
    cpo, emsp = connected
    await emsp.reserve("R1", "LOC1", "1001-1", emsp.token(), cpo.party)
    await emsp.expect("sessions", "PUT")
    sent = await emsp.cancel_reservation("R1", cpo.party)
    assert (await emsp.result(of=sent)).result == "ACCEPTED"
    assert (await emsp.expect("sessions", "PATCH")).json()["status"] == "COMPLETED"
    assert cpo.locations.get(cpo.party, "LOC1")["evses"][0]["status"] == "AVAILABLE"


async def test_a_reservation_taken_back_by_the_cpo_comes_to_the_same_url(connected):
    cpo, emsp = connected
    sent = await emsp.reserve("R1", "LOC1", "1001-1", emsp.token(), cpo.party)
    assert (await emsp.result(of=sent)).result == "ACCEPTED"
    await cpo.idle()
    await cpo.revoke_reservation("R1")
    assert (await emsp.result(of=sent)).result == "CANCELED_RESERVATION"
    assert (await emsp.expect("sessions", "PATCH")).json()["status"] == "COMPLETED"


async def test_a_result_that_can_not_be_delivered_is_lost_and_told(connected, told):
    cpo, emsp = connected
    emsp.fault = Fault.STATUS_500
    await emsp.unlock("LOC1", "1001-1", cpo.party)
    await cpo.idle()
    assert len(emsp.received) == 1
    assert told[-1].kind is Kind.LOST
    assert "could not deliver result ACCEPTED" in told[-1].text


async def test_without_routing_headers_the_token_says_who_is_told(connected):
    cpo, emsp = connected
    reply = await emsp.call(
        "commands", R, "POST", "START_SESSION",
        body={"response_url": f"{emsp.url}/nowhere", "token": emsp.token(), "location_id": "LOC2"},
    )  # fmt: skip
    assert reply.data["result"] == "ACCEPTED"
    pushed = await emsp.expect("sessions", "PUT")
    assert (pushed.sender, pushed.receiver) == (cpo.party, Party("DE", "EMO"))
