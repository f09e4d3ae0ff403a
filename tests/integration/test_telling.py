"""What a hub notes of messages that do not get through, told in words: each of its reasons is one that is known."""

from hub.config import Limits
from hub.core.causes import cause_of
from hub.core.party import Party
from hub.store.journal import Filter
from tests.partner import Partner, Say, hang, ocpi
from tests.versions import location, roaming, send, token

LOC1 = "receiver/locations/NL/CPO/LOC1"
PUT = f"PUT /{LOC1}"


async def last(app):
    """The newest message, as it is told."""
    await app.bus.settle()
    book = app.operations.journal
    row = (await book.page(Filter(), None, 1)).rows[0]
    return (await book.exchange(row.id))[0]


async def failing(app, cpo, path=LOC1, to=None):
    """Send, and have it told why that did not work."""
    await send(cpo, "PUT", path, location("2.2.1"), to)
    found = await last(app)
    assert cause_of(found.exchange.reason) is not None, found.exchange.reason
    return found.telling


async def test_each_way_not_to_be_there_has_its_words(tmp_path):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (app, cpo, emsp):
        to, partners = emsp.party, app.partners

        async def why(**changes):
            return (await failing(app, cpo, to=changes.get("to", to))).why[0]

        emsp.says[PUT] = Say(500, b"<html>")
        assert await why() == "DE-MSP:EMSP answered with HTTP 500 and a body that is not OCPI."
        emsp.says[PUT] = Say(302, b"", {"Location": "https://elsewhere.example/"})
        assert "redirected to another place" in await why()
        emsp.says[PUT] = Say(401, b"")
        assert "does not accept the hub's token (HTTP 401 or 403)" in await why()
        assert "This hub does not know FR-NIX" in await why(to=Party("FR", "NIX"))
        await partners.invite("Soon", ["FR-SOO:EMSP"])
        assert await why(to=Party("FR", "SOO")) == "Soon is invited and has not registered yet."
        await partners.suspend("DE-MSP")
        assert await why() == "DE-MSP:EMSP is suspended at this hub."
        await partners.resume("DE-MSP")
        async with Partner("BE-OLD:EMSP", endpoints=("sender/tokens",)).serve() as bare:
            await bare.invited(app)
            assert (await bare.register()).code == 1000
            assert "has not registered an endpoint for this module" in await why(to=bare.party)


async def test_a_partner_that_is_away_is_tried_until_it_is_known_to_be_offline(tmp_path):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (app, cpo, _):
        async with Partner("BE-GON:EMSP", endpoints=("receiver/locations",)).serve() as gone:
            await gone.invited(app)
            assert (await gone.register()).code == 1000
        reasons = [(await failing(app, cpo, to=gone.party)).why for _ in range(4)]
    assert reasons[0][0] == "BE-GON:EMSP did not accept connections."
    assert "was tried once" in reasons[0][1]
    assert reasons[3][0] == "BE-GON:EMSP was known to be offline, so nothing was tried."
    assert "was not tried" in reasons[3][1]


async def test_a_partner_that_hangs_may_have_got_it(tmp_path):
    limits = Limits(timeout=0.5, slow_request=0.4)
    async with roaming(tmp_path, "2.2.1", "2.2.1", limits=limits) as (app, cpo, emsp):
        emsp.says[PUT] = hang
        told = await failing(app, cpo, to=emsp.party)
    assert "may have got it" in told.what
    assert told.why[1].endswith("a GET shows whether it arrived.")
    assert "To be sure that you have it, GET the locations of NL-CPO" in told.tell[0].say


async def test_what_another_version_has_no_words_for(tmp_path):
    async with roaming(tmp_path, "2.2.1", "2.1.1", validation="off") as (app, cpo, emsp):
        sent = {"charging_profile": {}, "response_url": cpo.url}
        await send(cpo, "PUT", "receiver/chargingprofiles/S1", sent, emsp.party)
        found = await last(app)
    assert found.telling.what.endswith("The hub did not send it on to DE-MSP:EMSP.")
    assert "speaks another version of OCPI" in found.telling.why[0]


async def test_nobody_of_several_answers(tmp_path):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (app, cpo, emsp):
        emsp.says["POST /sender/tokens/C1/authorize"] = Say(500, b"")
        cpo.says["GET /sender/cdrs"] = Say(500, b"")
        await send(cpo, "POST", "sender/tokens/C1/authorize", {"location_id": "LOC1"})
        asked = await last(app)
        await send(emsp, "GET", "sender/cdrs", to=Party("NL", "HUB"))
        collected = await last(app)
    for each, words in ((asked, "None of the 1 eMSPs"), (collected, "None of the 1 parties")):
        assert each.exchange.outcome == "failed"
        assert each.telling.what.endswith("Nobody gave an answer.")
        assert each.telling.why[0].startswith(words)
        assert "answered with HTTP 500 and a body that is not OCPI" in each.telling.why[1]


async def test_what_a_partner_says_is_told_with_the_message(tmp_path):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (app, cpo, emsp):
        cpo.says["PUT /receiver/tokens/DE/MSP/CARD1"] = ocpi(code=2001, message="no such card")
        await send(emsp, "PUT", "receiver/tokens/DE/MSP/CARD1", token("2.2.1"), cpo.party)
        told = (await last(app)).telling
    assert "2001 “no such card”" in told.why[1]
    assert [each.to for each in told.tell] == ["DE-MSP:EMSP"]
