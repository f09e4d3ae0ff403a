"""Charging profiles from an eMSP to a CPO, and back."""

import pytest

PROFILE = {"charging_rate_unit": "W", "charging_profile_period": [{"start_period": 0, "limit": 3700.0}]}


@pytest.fixture
async def session_id(connected):
    cpo, emsp = connected
    sent = await emsp.start_session("LOC1", "1001-1", emsp.token(), cpo.party)
    await emsp.result(of=sent)
    return (await emsp.expect("sessions", "PUT")).json()["id"]


async def test_a_profile_is_set_read_and_cleared(connected, session_id):
    cpo, emsp = connected
    sent = await emsp.set_profile(session_id, PROFILE, cpo.party)
    assert sent.accepted
    assert (await emsp.result(of=sent)).result == "ACCEPTED"

    sent = await emsp.get_profile(session_id, 600, cpo.party)
    profile = (await emsp.result(of=sent)).body["profile"]
    assert profile["charging_profile"] == {**PROFILE, "duration": 600}

    for result in ("ACCEPTED", "UNKNOWN"):
        sent = await emsp.clear_profile(session_id, cpo.party)
        assert (await emsp.result(of=sent)).result == result
    sent = await emsp.get_profile(session_id, 600, cpo.party)
    periods = (await emsp.result(of=sent)).body["profile"]["charging_profile"]["charging_profile_period"]
    assert periods == [{"start_period": 0, "limit": 11000.0}]


async def test_an_unknown_session_is_refused_at_once(connected):
    cpo, emsp = connected
    for sent in (
        await emsp.set_profile("S00009", PROFILE, cpo.party),
        await emsp.get_profile("S00009", 600, cpo.party),
        await emsp.clear_profile("S00009", cpo.party),
    ):
        assert sent.reply.data["result"] == "UNKNOWN_SESSION"
    await cpo.idle()
    assert emsp.received == []


async def test_parameters_are_needed(connected, session_id):
    cpo, emsp = connected
    for method, query in (("GET", {"duration": "600"}), ("GET", {"response_url": "http://x"}), ("DELETE", {})):
        reply = await emsp.call("chargingprofiles", "RECEIVER", method, session_id, to=cpo.party, query=query)
        assert reply.status_code == 2001


async def test_the_cpo_tells_of_a_changed_profile(connected, session_id):
    cpo, emsp = connected
    assert (await cpo.push_active_profile(session_id, emsp.party)).ok
    limit = emsp.active_profiles[session_id]["charging_profile"]["charging_profile_period"][0]["limit"]
    assert limit == 11000.0
