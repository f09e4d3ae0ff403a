"""Open routing by what was seen before (2.2.1, transport_and_format: Open Routing Request)."""

from hub.core.modules import Interface
from hub.core.party import PartyRole
from hub.sim import SimCpo, SimEmsp
from tests.support import EMSP, network, register, running


async def charge(cpo, emsp):
    """A session that runs; its id."""
    location = next(iter(cpo.locations))
    token = emsp.token()
    started = await emsp.start_session(location["id"], location["evses"][0]["uid"], token, cpo.party)
    assert (await emsp.result(of=started)).result == "ACCEPTED"
    return (await emsp.expect("sessions", "PUT")).segments[-1]


async def test_somebody_elses_session_is_not_stopped(tmp_path):
    """A hint is for the two parties of its message, and for no third."""
    async with network(tmp_path) as (app, cpo, emsp), SimEmsp("Second", [PartyRole.parse("FR-SEC:EMSP")]) as second:
        await register(app, second)
        session = await charge(cpo, emsp)
        await app.bus.settle()
        reply = (await second.stop_session(session, None)).reply
        assert reply.status_code == 2001
        assert "session" in reply.status_message
        assert not [each for each in cpo.received if each.segments == ("STOP_SESSION",)]
        stopped = await emsp.stop_session(session.upper(), None)
        assert (await emsp.result(of=stopped)).result == "ACCEPTED"


async def test_what_was_seen_survives_a_restart(tmp_path):
    async with SimCpo("Cpo", [PartyRole.parse("NL-CPO:CPO")]) as cpo, SimEmsp("Emsp", [EMSP]) as emsp:
        async with running(tmp_path) as app:
            await register(app, cpo)
            await register(app, emsp)
            session, port = await charge(cpo, emsp), int(app.url.rpartition(":")[2])
        async with running(tmp_path, listen=app.config.listen.__class__(port=port)) as app:
            stopped = await emsp.stop_session(session, None)
            assert (await emsp.result(of=stopped)).result == "ACCEPTED"


async def test_an_id_that_two_have_is_not_guessed(tmp_path):
    """Two CPOs with a location of the same id: 2001, name the receiver. Also when one was seen just now."""
    async with network(tmp_path) as (app, cpo, emsp), SimCpo("Second", [PartyRole.parse("FR-CPO:CPO")]) as second:
        await register(app, second)
        for each in (cpo, second):
            assert (await each.push_location(EMSP.party)).ok
            await app.bus.settle()
        reply = (await emsp.start_session("LOC1", None, emsp.token(), None)).reply
        assert reply.status_code == 2001
        assert "several parties have location" in reply.status_message


async def test_a_token_is_found_by_uid_and_type(tmp_path):
    """2.2.1, tokens: `type` is part of a token's name, RFID where it is left out."""
    async with network(tmp_path) as (app, cpo, emsp), SimEmsp("Second", [PartyRole.parse("FR-SEC:EMSP")]) as second:
        await register(app, second)
        token = emsp.token(3)
        assert token["type"] != "RFID"
        assert (await emsp.push_token(None, 3)).ok
        second.received.clear()
        reply = await cpo.call(
            "tokens", Interface.SENDER, "POST", f"{token['uid']}/authorize", sender=cpo.party,
            query={"type": token["type"]},
        )  # fmt: skip
        assert reply.status_code == 1000
        assert not [each for each in second.received if each.method == "POST"], "nobody else is asked"
