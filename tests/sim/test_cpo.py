"""A simulated CPO: what it serves and what it pushes."""

import pytest

from hub.core.modules import Interface

S, R = Interface.SENDER, Interface.RECEIVER


async def test_a_location_can_be_read_down_to_the_connector(connected):
    cpo, emsp = connected
    location = cpo.locations.get(cpo.party, "LOC1")
    assert (await emsp.call("locations", S, "GET", "LOC1", to=cpo.party)).data == location
    assert (await emsp.call("locations", S, "GET", "LOC1/1001-2", to=cpo.party)).data == location["evses"][1]
    connector = await emsp.call("locations", S, "GET", "LOC1/1001-2/1", to=cpo.party)
    assert connector.data["standard"] == "IEC_62196_T2_COMBO"
    assert (await emsp.call("locations", S, "GET", "LOC1/1001-9", to=cpo.party)).status == 404


async def test_tariffs_are_listed(connected):
    cpo, emsp = connected
    assert [each["id"] for each in await emsp.fetch_all("tariffs", to=cpo.party)] == ["AC", "DC"]


async def test_a_location_is_pushed_whole_then_its_status(connected, told):
    cpo, emsp = connected
    first = await cpo.push_location(emsp.party)
    again = await cpo.push_location(emsp.party)
    assert (first.status, again.status) == (201, 200)
    assert (await cpo.patch_evse_status("LOC1", "1001-1", "OUTOFORDER", emsp.party)).ok
    theirs = emsp.their_locations.get(cpo.party, "LOC1")
    assert theirs == cpo.locations.get(cpo.party, "LOC1")
    assert theirs["evses"][0]["status"] == "OUTOFORDER"
    assert theirs["last_updated"] == theirs["evses"][0]["last_updated"] > "2026"
    assert [each.text for each in told[-3:]] == [
        "DE-EMO received location LOC1 from NL-VOL",
        "DE-EMO received location LOC1 from NL-VOL",
        "DE-EMO received status OUTOFORDER of location LOC1, EVSE 1001-1 from NL-VOL",
    ]


async def test_a_tariff_is_pushed(connected):
    cpo, emsp = connected
    assert (await cpo.push_tariff(emsp.party, "DC")).status == 201
    assert emsp.their_tariffs.get(cpo.party, "dc")["currency"] == "EUR"


async def test_tokens_are_received_and_patched(connected):
    cpo, emsp = connected
    assert (await emsp.push_token(cpo.party, 3)).status == 201
    path, query = "DE/EMO/DE-EMO-APP-3", {"type": "APP_USER"}
    change = {"valid": False, "last_updated": "2025-06-01T00:00:00.000Z"}
    assert (await emsp.call("tokens", R, "PATCH", path, to=cpo.party, query=query, body=change)).ok
    stored = await emsp.call("tokens", R, "GET", path, to=cpo.party, query=query)
    assert stored.data == emsp.token(3) | change
    assert (await emsp.call("tokens", R, "GET", path, to=cpo.party)).status == 404, "RFID where no type is given"


async def test_pushes_that_are_wrong_are_refused(connected):
    cpo, emsp = connected
    token = emsp.token()

    async def put(body, path="DE/EMO/DE-EMO-CARD-1"):
        reply = await emsp.call("tokens", R, "PUT", path, to=cpo.party, body=body)
        return reply.status, reply.status_code

    assert await put({**token, "issuer": None}) == (200, 2001)
    assert await put(token, "DE/EMO/OTHER") == (200, 2001)
    assert await put(token, "DE/XXX/DE-EMO-CARD-1") == (200, 2001)
    assert await put({**token, "party_id": 5}) == (200, 2001)
    change = {"valid": False, "last_updated": "2025-06-01T00:00:00Z"}
    patch = await emsp.call("tokens", R, "PATCH", "DE/EMO/DE-EMO-CARD-1", to=cpo.party, body=change)
    assert patch.status == 404
    await emsp.push_token(cpo.party)
    patch = await emsp.call("tokens", R, "PATCH", "DE/EMO/DE-EMO-CARD-1", to=cpo.party, body={"valid": False})
    assert patch.status_code == 2001


async def test_sessions_and_cdrs_go_to_the_driver_s_emsp_alone(connected):
    cpo, emsp = connected
    cpo.page_cap = 2
    cpo.seed_history(5, emsp.token())
    cpo.seed_history(1, {**emsp.token(), "party_id": "XXX"})
    cdrs = await emsp.fetch_all("cdrs", to=cpo.party)
    sessions = await emsp.fetch_all("sessions", to=cpo.party, query={"date_from": "2025-01-01T00:00:00Z"})
    assert [each["id"] for each in cdrs] == [f"C{n:05d}" for n in range(1, 6)]
    assert [each["session_id"] for each in cdrs] == [each["id"] for each in sessions]
    late = await emsp.fetch_all("cdrs", to=cpo.party, query={"date_from": "2025-01-01T03:00:00Z"})
    assert [each["id"] for each in late] == ["C00004", "C00005"]


async def test_sessions_need_a_date_from(connected):
    cpo, emsp = connected
    assert (await emsp.call("sessions", S, "GET", to=cpo.party)).status_code == 2001


async def test_charging_preferences(connected):
    cpo, emsp = connected
    cpo.seed_history(1, emsp.token())
    regular = await emsp.set_preferences("S00001", {"profile_type": "REGULAR"}, cpo.party)
    green = await emsp.set_preferences("S00001", {"profile_type": "GREEN"}, cpo.party)
    assert (regular.data, green.data) == ("ACCEPTED", "DEPARTURE_REQUIRED")
    assert (await emsp.set_preferences("S00009", {"profile_type": "FAST"}, cpo.party)).status == 404
    assert (await emsp.set_preferences("S00001", {}, cpo.party)).status_code == 2001


async def test_what_the_cpo_does_not_have_can_not_be_pushed(connected):
    cpo, emsp = connected
    with pytest.raises(KeyError, match="LOC99"):
        await cpo.push_location(emsp.party, "LOC99")
