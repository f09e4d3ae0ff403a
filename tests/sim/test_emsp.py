"""A simulated eMSP: its tokens, and what it keeps of what is pushed."""

import pytest

from hub.core.modules import Interface
from hub.core.party import Party, PartyRole
from hub.sim import SimCpo

S, R = Interface.SENDER, Interface.RECEIVER


async def test_tokens_are_listed_in_pages(connected):
    cpo, emsp = connected
    emsp.seed(7)
    emsp.page_cap = 3
    assert [each["uid"] for each in await cpo.fetch_all("tokens", to=emsp.party)] == [
        "DE-EMO-CARD-1", "DE-EMO-CARD-2", "DE-EMO-APP-3", "DE-EMO-CARD-4", "DE-EMO-CARD-5", "DE-EMO-CARD-6",
        "DE-EMO-CARD-7",
    ]  # fmt: skip


async def test_a_known_token_is_allowed_at_a_location(connected, told):
    cpo, emsp = connected
    reply = await cpo.authorize("de-emo-card-1", emsp.party, location_id="LOC1")
    assert reply.data["allowed"] == "ALLOWED"
    assert reply.data["token"] == emsp.token()
    assert reply.data["location"] == {"location_id": "LOC1", "evse_uids": []}
    assert len(reply.data["authorization_reference"]) == 36
    assert told[-1].text == "DE-EMO received a request to authorise token de-emo-card-1 from NL-VOL"


async def test_a_blocked_token_is_blocked(connected):
    cpo, emsp = connected
    reply = await cpo.authorize("DE-EMO-CARD-2", emsp.party)
    assert reply.data == {"allowed": "BLOCKED", "token": emsp.token(2)}


async def test_an_unknown_token_is_404_and_2004_without_data(connected):
    cpo, emsp = connected
    for uid, token_type in (("NOBODY", None), ("DE-EMO-APP-3", None), ("DE-EMO-CARD-1", "APP_USER")):
        reply = await cpo.authorize(uid, emsp.party, token_type=token_type)
        assert (reply.status, reply.status_code) == (404, 2004)
        assert b'"data"' not in reply.body
    assert (await cpo.authorize("DE-EMO-APP-3", emsp.party, token_type="APP_USER")).ok


async def test_evses_and_connectors_are_put_below_their_location(connected):
    cpo, emsp = connected
    await cpo.push_location(emsp.party)
    evse = {**cpo.locations.get(cpo.party, "LOC1")["evses"][0], "uid": "new", "last_updated": "2030-01-01T00:00:00Z"}

    async def send(method, path, body=None):
        return await cpo.call("locations", R, method, f"NL/VOL/LOC1/{path}", to=emsp.party, body=body)

    assert (await send("PUT", "new", evse)).status == 201
    assert (await send("PUT", "new", evse)).status == 200
    location = emsp.their_locations.get(cpo.party, "LOC1")
    assert [each["uid"] for each in location["evses"]] == ["1001-1", "1001-2", "new"]
    assert location["last_updated"] == "2030-01-01T00:00:00.000Z"
    connector = {**evse["connectors"][0], "id": "2", "last_updated": "2031-01-01T00:00:00Z"}
    assert (await send("PUT", "new/2", connector)).status == 201
    assert (await send("PATCH", "new/2", {"max_amperage": 8, "last_updated": "2032-01-01T00:00:00Z"})).ok
    assert (await send("GET", "new/2")).data["max_amperage"] == 8
    location = emsp.their_locations.get(cpo.party, "LOC1")
    assert location["last_updated"] == location["evses"][2]["last_updated"] == "2032-01-01T00:00:00.000Z"
    assert (await send("PUT", "other", evse)).status_code == 2001
    assert (await send("PUT", "nowhere/1", connector)).status_code == 2001
    assert (await send("PUT", "nowhere/2", connector)).status == 404


async def test_a_tariff_can_be_deleted_once(connected):
    cpo, emsp = connected
    await cpo.push_tariff(emsp.party)
    for status in (200, 404):
        reply = await cpo.call("tariffs", R, "DELETE", "NL/VOL/AC", to=emsp.party)
        assert reply.status == status
    assert len(emsp.their_tariffs) == 0


async def test_a_session_patch_adds_charging_periods(connected):
    cpo, emsp = connected
    cpo.seed_history(1, emsp.token())
    session = cpo.sessions.get(cpo.party, "S00001")
    await cpo.call("sessions", R, "PUT", "NL/VOL/S00001", to=emsp.party, body=session)
    change = {"charging_periods": session["charging_periods"], "last_updated": "2025-02-01T00:00:00Z"}
    await cpo.call("sessions", R, "PATCH", "NL/VOL/S00001", to=emsp.party, body=change)
    reply = await cpo.call("sessions", R, "GET", "NL/VOL/S00001", to=emsp.party)
    assert len(reply.data["charging_periods"]) == 2
    await cpo.call("sessions", R, "PUT", "NL/VOL/S00001", to=emsp.party, body=session)
    assert len(emsp.their_sessions.get(cpo.party, "S00001")["charging_periods"]) == 1


async def test_a_cdr_is_found_at_its_location_and_can_not_come_twice(connected, told):
    cpo, emsp = connected
    cpo.seed_history(1, emsp.token())
    cdr = cpo.cdrs.get(cpo.party, "C00001")
    posted = await cpo.call("cdrs", R, "POST", to=emsp.party, body=cdr)
    assert posted.status == 201
    assert (await cpo.call_url("GET", posted.headers["Location"], to=emsp.party)).data == cdr
    assert told[-1].text == "DE-EMO received a CDR: 7.7 kWh, 3.91 EUR from NL-VOL"
    again = await cpo.call("cdrs", R, "POST", to=emsp.party, body=cdr)
    assert (again.status, again.status_code) == (200, 2001)
    assert (await cpo.call_url("GET", posted.headers["Location"] + "9", to=emsp.party)).status == 404


async def test_owners_are_kept_apart(connected, emsp):
    cpo, emsp = connected
    await cpo.push_location(emsp.party)
    async with SimCpo("Other", [PartyRole.parse("DE-OTH:CPO")]) as other:
        await other.register(emsp.versions_url, emsp.invite())
        await other.push_location(emsp.party)
    assert len(emsp.their_locations) == 2
    assert emsp.their_locations.get(Party("DE", "OTH"), "LOC1")["city"] == "Berlin"


@pytest.mark.parametrize("path", ["START_SESSION/unknown", "START_SESSION"])
async def test_a_result_nobody_waits_for_is_404(connected, path):
    cpo, _ = connected
    assert (await cpo.call("commands", S, "POST", path, body={"result": "ACCEPTED"})).status == 404
