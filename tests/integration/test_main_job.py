"""Two platforms that have never heard of each other exchange messages through the hub, over real sockets."""

from hub.core.modules import Interface
from tests.support import CPO, EMSP, network


async def test_a_whole_charge_goes_through_the_hub(tmp_path):
    """OCPI 2.2.1: locations, tokens, authorise, START_SESSION with its result, session, STOP_SESSION, CDR."""
    async with network(tmp_path) as (_, cpo, emsp):
        assert (await cpo.push_location(EMSP.party)).status == 201
        assert (await cpo.push_location(EMSP.party)).status == 200
        assert (await emsp.push_token(CPO.party)).ok
        token = emsp.token()
        assert (await cpo.authorize(token["uid"], EMSP.party)).data["allowed"] == "ALLOWED"
        location = next(iter(cpo.locations))
        started = await emsp.start_session(location["id"], location["evses"][0]["uid"], token, CPO.party)
        assert (await emsp.result(of=started)).result == "ACCEPTED"
        session = await emsp.expect("sessions", "PUT")
        stopped = await emsp.stop_session(session.segments[-1], CPO.party)
        assert (await emsp.result(of=stopped)).result == "ACCEPTED"
        cdr = await emsp.expect("cdrs", "POST")
        assert cdr.json()["session_id"] == session.segments[-1]
        assert len(emsp.their_cdrs) == 1


async def test_headers_follow_the_rules_of_a_hub(tmp_path):
    """OCPI 2.2.1, transport_and_format: new X-Request-ID, same X-Correlation-ID, from and to swapped in the answer."""
    async with network(tmp_path) as (_, cpo, emsp):
        ids = {"X-Request-ID": "request-1", "X-Correlation-ID": "correlation-1"}
        path = "NL/CPO/LOC1"
        body = next(iter(cpo.locations))
        reply = await cpo.call("locations", Interface.RECEIVER, "PUT", path, to=EMSP.party, body=body, headers=ids)
        assert reply.ok
        got = await emsp.expect("locations", "PUT")
        assert got.headers["X-Correlation-ID"] == "correlation-1"
        assert got.headers["X-Request-ID"] not in ("", "request-1")
        assert (got.sender, got.receiver) == (CPO.party, EMSP.party)
        answer = {name.lower(): value for name, value in reply.headers.items()}
        assert answer["x-request-id"] == "request-1"
        assert answer["x-correlation-id"] == "correlation-1"
        assert (answer["ocpi-from-country-code"], answer["ocpi-from-party-id"]) == ("DE", "MSP")
        assert (answer["ocpi-to-country-code"], answer["ocpi-to-party-id"]) == ("NL", "CPO")


async def test_bytes_stay_bytes(tmp_path):
    """Nulls, unknown fields, number forms and white space reach the receiver as they were sent."""
    async with network(tmp_path) as (_, cpo, emsp):
        body = (
            b'{"country_code":"NL", "party_id":"CPO","id":"T1","currency":"EUR","elements":[{"price_components":['
            b'{"type":"ENERGY","price":0.250,"step_size":1}]}],"last_updated":"2026-01-01T00:00:00Z",'
            b'"tariff_alt_url":null,"x_unknown":{"a":[1.10,null]}}'
        )
        url = f"{cpo.peer.endpoint('tariffs', Interface.RECEIVER)}NL/CPO/T1"
        reply = await cpo.call_url("PUT", url, to=EMSP.party, body=body)
        assert reply.ok
        assert (await emsp.expect("tariffs", "PUT")).body == body


async def test_lists_are_paged_through_sealed_links(tmp_path):
    """OCPI 2.2.1, transport_and_format: Pagination. The Link leads through the hub until the last page."""
    async with network(tmp_path) as (app, cpo, emsp):
        cpo.seed(25)
        cpo.page_cap = 10
        reply = await emsp.call("locations", Interface.SENDER, "GET", to=CPO.party)
        headers = {name.lower(): value for name, value in reply.headers.items()}
        assert headers["link"].startswith(f"<{app.url}/ocpi/2.2.1/sealed/")
        assert headers["x-limit"] == "10"
        found = await emsp.fetch_all("locations", to=CPO.party)
        assert len({each["id"] for each in found}) == int(headers["x-total-count"]) == len(cpo.locations)


async def test_what_a_partner_says_goes_back_unchanged(tmp_path):
    """OCPI 2.2.1, status_codes: the hub forwards 2xxx and 3xxx of the receiver; an unknown token is HTTP 404."""
    async with network(tmp_path) as (_, cpo, emsp):
        reply = await cpo.authorize("NO-SUCH-TOKEN", EMSP.party)
        assert (reply.status, reply.status_code) == (404, 2004)
        started = await emsp.start_session("NO-SUCH-LOCATION", None, emsp.token(), CPO.party)
        assert not started.accepted
