"""What is checked on its way through the hub, what comes of it, and what is left alone."""

import asyncio

import msgspec
import pytest

from hub.core.party import Party
from hub.events import Found
from hub.flow import validation
from tests.partner import ocpi
from tests.versions import cdr, location, roaming, send, session, token

LOC1 = "receiver/locations/NL/CPO/LOC1"
S1 = "receiver/sessions/NL/CPO/S1"
GET = "sender/locations"


def listen(app):
    """The findings from now on, as kind and path."""
    heard = []

    async def note(event):
        heard.extend((event.platform, event.kind, each.path) for each in event.findings)

    app.bus.subscribe(note, Found, name="test")
    return heard


@pytest.mark.parametrize("version", ["2.1.1", "2.2.1", "2.3.0"])
async def test_valid_pushes_of_every_version_keep_their_bytes(tmp_path, version):
    """Also nulls, spaces, unknown fields, and numbers as they were written."""
    async with roaming(tmp_path, version, version) as (app, cpo, emsp):
        heard = listen(app)
        emsp.says[f"PUT /{LOC1}"] = ocpi()
        body = b" " + msgspec.json.encode(location(version) | {"x_own": [1, None]})[:-1] + b', "directions" : null }'
        path = f"/ocpi/{version}/{LOC1 if version != '2.1.1' else LOC1.partition('/')[2]}"
        headers = [] if version == "2.1.1" else ["OCPI-from-country-code: NL", "OCPI-from-party-id: CPO"]
        assert (await cpo.ask("PUT", path, *headers, body=body)).code == 1000
        (put,) = await emsp.expect(f"PUT /{LOC1}")
        assert put.body == body
        await app.bus.settle()
        assert heard == []


@pytest.mark.parametrize(
    ("path", "method", "body", "told"),
    [
        (LOC1, "PUT", location("2.2.1") | {"publish": None}, "body: publish: true or false (null)"),
        (LOC1, "PATCH", {"name": "New"}, "body: last_updated: is required (missing)"),
        (f"{LOC1}/E1", "PUT", {"uid": "E1"}, "body: status: is required (missing); connectors: is required (missing)"),
        (S1, "PUT", session("2.2.1") | {"kwh": "7"}, "body: kwh: a number (a string of 1 character)"),
        ("receiver/cdrs", "POST", cdr("2.2.1") | {"charging_periods": []}, "body: charging_periods: at least one"),
    ],
)
async def test_what_breaks_a_rule_goes_nowhere(tmp_path, path, method, body, told):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (_, cpo, emsp):
        before = list(emsp.lines)
        answer = await send(cpo, method, path, body, emsp.party)
        assert (answer.status, answer.code) == (200, 2001)
        assert answer.envelope["status_message"].startswith(told)
        assert emsp.lines == before


async def test_a_broadcast_is_checked_and_leaves_the_mirror_alone(tmp_path):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (_, cpo, emsp):
        answer = await send(cpo, "PUT", LOC1, location("2.2.1") | {"city": 7}, Party("NL", "HUB"))
        assert answer.code == 2001
        everybody = await send(emsp, "GET", GET, to=Party("NL", "HUB"))
        assert everybody.envelope["data"] == []


async def test_commands_and_authorisations_are_checked_and_what_may_have_no_body_is_not(tmp_path):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (_, cpo, emsp):
        command = {"response_url": "no url", "token": token("2.2.1"), "location_id": "LOC1"}
        answer = await send(emsp, "POST", "receiver/commands/START_SESSION", command, cpo.party)
        assert (answer.code, "response_url" in answer.envelope["status_message"]) == (2001, True)
        emsp.says["POST /sender/tokens/CARD1/authorize"] = ocpi({"allowed": "ALLOWED", "token": token("2.2.1")})
        authorize = "sender/tokens/CARD1/authorize"
        assert (await send(cpo, "POST", authorize, {}, emsp.party)).code == 2001
        assert (await send(cpo, "POST", authorize, None, emsp.party)).code == 1000


async def test_no_findings_are_no_news_and_all_of_them_are(tmp_path):
    async with roaming(tmp_path, "2.2.1", "2.2.1", validation="report") as (app, cpo, emsp):
        heard = listen(app)
        emsp.says[f"PUT /{LOC1}"] = ocpi()
        await send(cpo, "PUT", LOC1, location("2.2.1"), emsp.party)
        await send(cpo, "PUT", LOC1, location("2.2.1") | {"city": 7, "publish": 1}, emsp.party)
        await app.bus.settle()
        assert heard == [("NL-CPO:CPO", "Location", "publish"), ("NL-CPO:CPO", "Location", "city")]


async def test_off_is_off(tmp_path):
    async with roaming(tmp_path, "2.2.1", "2.2.1", validation="off") as (app, cpo, emsp):
        heard = listen(app)
        emsp.says[f"PUT /{LOC1}"] = ocpi()
        cpo.says[f"GET /{GET}"] = ocpi([{}])
        assert (await send(cpo, "PUT", LOC1, {"id": "LOC1"}, emsp.party)).code == 1000
        assert (await send(emsp, "GET", GET, to=cpo.party)).code == 1000
        await app.bus.settle()
        assert heard == []


async def test_answers_are_looked_at_once_in_a_while_and_passed_on_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(validation, "_PAUSE", 3600.0)
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (app, cpo, emsp):
        heard = listen(app)
        rows = [location("2.2.1"), location("2.2.1") | {"publish": 1}]
        cpo.says[f"GET /{GET}"] = ocpi(rows)
        for _ in range(3):
            assert (await send(emsp, "GET", GET, to=cpo.party)).envelope["data"] == rows
        await app.bus.settle()
        assert heard == [("NL-CPO:CPO", "Location", "[1].publish")]


@pytest.mark.parametrize(
    "says",
    [
        ocpi([{}], code=2003, message="unknown location"),
        ocpi([{}], status=404),
        ocpi(None),
        ocpi([]),
        ocpi([{"x": "x" * 1_000_001}]),
    ],
    ids=["failed", "not found", "no data", "none", "too large"],
)
async def test_answers_that_are_not_looked_at(tmp_path, says):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (app, cpo, emsp):
        heard = listen(app)
        cpo.says[f"GET /{GET}"] = says
        await send(emsp, "GET", GET, to=cpo.party)
        await app.bus.settle()
        assert heard == []


async def test_a_setting_of_a_partner_is_in_force_at_once(tmp_path):
    async with roaming(tmp_path, "2.2.1", "2.2.1") as (app, cpo, emsp):
        emsp.says[f"PUT /{LOC1}"] = ocpi()
        await app.partners.set_validation("NL-CPO", "off")
        sent = [send(cpo, "PUT", LOC1, location("2.2.1") | {"city": n}, emsp.party) for n in range(5)]
        assert {each.code for each in await asyncio.gather(*sent)} == {1000}
        await app.partners.set_validation("NL-CPO", "default")
        assert (await send(cpo, "PUT", LOC1, location("2.2.1") | {"city": 7}, emsp.party)).code == 2001
