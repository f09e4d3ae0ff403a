"""Server and client of a simulated platform: tokens, headers, dispatch, faults, offline and back."""

import asyncio

import pytest

from hub.core.modules import Interface
from hub.core.party import Party, PartyRole
from hub.sim import CallFailed, Fault, SimCpo, SimCpoEmsp, SimEmsp

S, R = Interface.SENDER, Interface.RECEIVER


@pytest.mark.parametrize("header", ["Token wrong", "Token d3Jvbmc=", "Bearer x", ""])
async def test_a_wrong_token_is_401(connected, header):
    cpo, emsp = connected
    reply = await emsp.call("tariffs", S, "GET", headers={"Authorization": header})
    assert (reply.status, reply.status_code) == (401, 2000)
    assert cpo.received == []


async def test_unknown_paths_and_methods(connected):
    cpo, emsp = connected
    assert (await emsp.call_url("GET", f"{cpo.url}/ocpi/2.1.1/sender/tariffs")).status == 404
    assert (await emsp.call_url("GET", f"{cpo.url}/elsewhere")).status == 404
    assert (await emsp.call("locations", S, "GET", "LOC99")).status == 404
    assert (await emsp.call("locations", S, "GET", "LOC1/1/1/1")).status == 404
    reply = await emsp.call("sessions", S, "POST")
    assert (reply.status, reply.headers["Allow"]) == (405, "GET")
    assert (await emsp.call_url("POST", cpo.versions_url)).status == 405


async def test_ids_come_back_and_routing_headers_are_swapped(connected):
    cpo, emsp = connected
    ids = {"X-Request-ID": "r-1", "X-Correlation-ID": "c-1"}
    reply = await emsp.call("tariffs", S, "GET", to=cpo.party, headers=ids)
    assert {name: reply.headers[name] for name in ids} == ids
    assert (reply.headers["OCPI-to-country-code"], reply.headers["OCPI-to-party-id"]) == ("DE", "EMO")
    assert (reply.headers["OCPI-from-country-code"], reply.headers["OCPI-from-party-id"]) == ("NL", "VOL")
    assert reply.headers["Content-Type"] == "application/json"


async def test_every_call_has_ids_of_its_own(connected):
    cpo, emsp = connected
    await emsp.call("tariffs", S, "GET", to=cpo.party)
    await emsp.call("tariffs", S, "GET", sender=emsp.party)
    await emsp.call("tariffs", S, "GET")
    direct, opened, bare = cpo.received
    assert len({each.headers["X-Request-ID"] for each in cpo.received}) == 3
    assert len({each.headers["X-Correlation-ID"] for each in cpo.received}) == 3
    assert (direct.sender, direct.receiver) == (emsp.party, cpo.party)
    assert (opened.sender, opened.receiver) == (emsp.party, None)
    assert (bare.sender, bare.receiver) == (None, None)


async def test_a_message_for_a_strange_party_is_refused(connected):
    _, emsp = connected
    reply = await emsp.call("tariffs", S, "GET", to=Party("FR", "XXX"))
    assert (reply.status, reply.status_code) == (200, 2001)
    assert "FR-XXX" in reply.status_message


async def test_received_requests_are_kept_and_can_be_awaited(connected):
    cpo, emsp = connected
    waiting = asyncio.create_task(cpo.expect("tokens", "PUT"))
    await emsp.push_token(cpo.party, 3)
    request = await waiting
    assert request is cpo.received[0]
    assert (request.segments, request.query) == (("DE", "EMO", "DE-EMO-APP-3"), {"type": "APP_USER"})
    assert request.json() == emsp.token(3)
    with pytest.raises(TimeoutError, match="PUT on tokens at Voltvallei"):
        await cpo.expect("tokens", "PUT", within=0.01)


async def test_bodies_that_are_not_json(connected):
    cpo, emsp = connected
    for body in (b"{", b"", b"\xff", b"[" * 100_000):
        reply = await emsp.call("tokens", R, "PUT", "DE/EMO/1", to=cpo.party, body=body)
        assert reply.status == 400, body[:2]
    reply = await emsp.call("tokens", R, "PUT", "DE/EMO/1", to=cpo.party, body=[])
    assert (reply.status, reply.status_code) == (200, 2001)


async def test_offline_and_back_on_the_same_port(connected):
    cpo, emsp = connected
    await cpo.push_location(emsp.party)
    port = emsp.url
    await emsp.stop()
    with pytest.raises(CallFailed, match="Connect"):
        await cpo.push_location(emsp.party, "LOC2")
    with pytest.raises(CallFailed, match="offline"):
        await emsp.push_token(cpo.party)
    await emsp.start()
    assert emsp.url == port
    assert [each["id"] for each in emsp.their_locations] == ["LOC1"]
    assert (await cpo.push_location(emsp.party, "LOC2")).ok
    assert (await emsp.push_token(cpo.party)).ok


async def test_stopping_closes_connections_that_are_kept_alive(connected):
    cpo, _ = connected
    reader, writer = await asyncio.open_connection("127.0.0.1", int(cpo.url.rpartition(":")[2]))
    writer.write(b"GET /ocpi/versions HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 401")
    await cpo.stop()
    await asyncio.wait_for(reader.read(), 2)
    assert reader.at_eof()
    writer.close()


async def test_a_taken_port_is_an_error_and_leaves_nothing_behind(cpo):
    other = SimCpo("Second", [PartyRole.parse("NL-TWO:CPO")], port=int(cpo.url.rpartition(":")[2]))
    with pytest.raises(OSError, match="address already in use"):
        await other.start()
    await other.stop()


@pytest.mark.parametrize("fault", [Fault.STATUS_500, Fault.NOT_JSON])
async def test_answers_that_are_not_ocpi(connected, fault):
    cpo, emsp = connected
    emsp.fault = fault
    reply = await cpo.push_location(emsp.party)
    assert reply.status == (500 if fault is Fault.STATUS_500 else 200)
    assert reply.status_code is None
    assert not reply.ok


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_a_dropped_connection_is_no_answer_and_no_second_attempt(connected, method):
    cpo, emsp = connected
    await cpo.push_tariff(emsp.party)
    emsp.received.clear()
    emsp.fault = Fault.RESET
    with pytest.raises(CallFailed, match="no answer"):
        await cpo.call("tariffs", R, method, "NL/VOL/AC", to=emsp.party, body=cpo.tariffs.get(cpo.party, "AC"))
    assert [each.method for each in emsp.received] == [method]
    assert len(emsp.their_tariffs) == 1


async def test_a_connection_closed_without_an_answer_is_no_second_attempt(connected):
    cpo, _ = connected
    heard = []

    async def close(reader, writer):
        heard.append(await reader.readuntil(b"\r\n"))
        writer.close()

    async with await asyncio.start_server(close, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(CallFailed, match="no answer"):
            await cpo.call_url("PUT", f"http://127.0.0.1:{port}/x", body={})
    assert heard == [b"PUT /x HTTP/1.1\r\n"]


async def test_a_fault_leaves_the_handshake_alone_and_can_be_cleared(connected):
    cpo, emsp = connected
    emsp.fault = Fault.RESET
    await cpo.renew()
    emsp.fault = Fault.NONE
    assert (await cpo.push_location(emsp.party)).ok


async def test_hanging_ends_at_the_callers_timeout(emsp):
    async with SimCpo("Hasty", [PartyRole.parse("NL-HST:CPO")], timeout=0.2) as cpo:
        await cpo.register(emsp.versions_url, emsp.invite())
        emsp.fault = Fault.HANG
        with pytest.raises(CallFailed, match="Timeout"):
            await cpo.push_location(emsp.party)
        await emsp.expect("locations", "PUT")


async def test_a_platform_that_hangs_stops_quickly(connected):
    cpo, emsp = connected
    emsp.fault = Fault.HANG
    call = asyncio.create_task(cpo.push_location(emsp.party))
    await emsp.expect("locations", "PUT")
    await asyncio.wait_for(emsp.stop(), 2)
    with pytest.raises(CallFailed):
        await call


async def test_a_delay_is_only_that(connected):
    cpo, emsp = connected
    emsp.delay = 0.1
    before = asyncio.get_running_loop().time()
    assert (await cpo.push_location(emsp.party)).ok
    assert asyncio.get_running_loop().time() - before >= 0.1


async def test_recording_can_be_switched_off(connected):
    cpo, emsp = connected
    emsp.record = False
    assert (await cpo.push_location(emsp.party)).ok
    assert emsp.received == []


async def test_what_background_work_raises_comes_up_at_stop(cpo):
    async def broken():
        raise ValueError("a bug")

    cpo.background(broken())
    await cpo.idle()
    with pytest.raises(ExceptionGroup, match="background work of Voltvallei"):
        await cpo.stop()


async def test_background_work_ends_at_stop(cpo):
    forever = asyncio.Event()

    async def endless():
        try:
            await asyncio.Event().wait()
        finally:
            forever.set()

    cpo.background(endless())
    await asyncio.sleep(0)
    await cpo.stop()
    assert forever.is_set()


async def test_one_platform_can_be_cpo_and_emsp():
    roles = [PartyRole.parse("NL-ONE:CPO"), PartyRole.parse("NL-TWO:EMSP")]
    async with SimCpoEmsp("Both", roles) as both, SimEmsp("E", [PartyRole.parse("DE-EMO:EMSP")]) as emsp:
        await emsp.register(both.versions_url, both.invite())
        assert {owner["party_id"] for owner in both.locations} == {"ONE"}
        assert {owner["party_id"] for owner in both.tokens} == {"TWO"}
        both.seed(5)
        assert (len(both.locations), len(both.tokens)) == (5, 5)
        assert (await both.push_location(emsp.party)).ok
        assert len(await emsp.fetch_all("tokens", to=Party("NL", "TWO"))) == 5
        assert emsp.received[0].sender == Party("NL", "ONE")
        sent = await emsp.start_session("LOC1", "1001-1", emsp.token(), Party("NL", "ONE"))
        assert sent.accepted
        assert (await emsp.result()).result == "ACCEPTED"
        assert (await emsp.expect("sessions", "PUT")).sender == Party("NL", "ONE")


async def test_several_parties_share_one_platform():
    roles = [PartyRole.parse("NL-ONE:CPO"), PartyRole.parse("DE-TWO:CPO")]
    async with SimCpo("White label", roles) as cpo, SimEmsp("E", [PartyRole.parse("DE-EMO:EMSP")]) as emsp:
        await emsp.register(cpo.versions_url, cpo.invite())
        assert {each["party_id"] for each in cpo.locations} == {"ONE", "TWO"}
        first = await emsp.fetch_all("locations")
        assert {each["country"] for each in first} == {"NLD"}, "who names nobody gets those of the first"
        german = await emsp.fetch_all("locations", to=Party("DE", "TWO"))
        assert {each["country"] for each in german} == {"DEU"}
        reply = await emsp.call("locations", S, "GET", "loc1", to=Party("DE", "TWO"))
        assert reply.data["party_id"] == "TWO"
