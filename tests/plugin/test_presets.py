"""Presets: sent once when a session begins, in the eMSP's name, and what came of it is kept, whatever the CPO does."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from hub.plugin import Problem
from tests.partner import Partner, hang, ocpi
from tests.plugin.shipped import installed, plugin, until
from tests.support import running
from tests.versions import CPO_MODULES, EMSP_MODULES, send, session, token

NAME = "presets"
REFUSED = "refused by the CPO"
PREFERENCES, PROFILE = "PUT /sender/sessions/S1/charging_preferences", "PUT /receiver/chargingprofiles/S1"
STOP = "POST /receiver/commands/STOP_SESSION"
CPO_HAS = (*CPO_MODULES, "receiver/commands", "receiver/chargingprofiles")


@asynccontextmanager
async def roaming(folder, cpo="2.2.1", emsp="2.2.1", endpoints=CPO_HAS, **settings):
    """A hub with presets between a CPO and an eMSP that takes all it is told."""
    installed(folder, NAME)
    partners = (
        Partner("NL-CPO:CPO", endpoints=endpoints, version=cpo),
        Partner("DE-MSP:EMSP", endpoints=EMSP_MODULES, version=emsp),
    )
    changes = {"plugins": {NAME: {"enabled": True, "patience": 5.0, **settings}}, "validation": "enforce"}
    async with running(folder, **changes) as app, partners[0].serve(), partners[1].serve():
        for each in partners:
            each.raw = each.version == "2.1.1"
            await each.invited(app)
            assert (await each.register()).code == 1000
        for prefix in ("/receiver/sessions", "/receiver/sessions/NL/CPO/S1"):
            for method in ("PUT", "PATCH"):
                partners[1].says[f"{method} {prefix}"] = ocpi()
        yield app, *partners


async def preset(app, **given):
    return await call(app, "set", {"name": given.pop("name", "mine"), "preset": {"uid": "CARD1", **given}})


async def call(app, verb, given):
    return await app.plugins.reception.call(NAME, verb, msgspec.json.encode(given))


async def outcomes(app):
    """What came of all that was sent, when nothing is under way any more."""

    async def ended():
        found = (await call(app, "outcomes", {})).outcomes
        return found if found and all(each.outcome != "under way" for each in found) else None

    async with asyncio.timeout(20):
        while not (found := await ended()):
            await asyncio.sleep(0.01)
    return {each.what: each for each in found}


async def begin(cpo, emsp, version="2.2.1", **changes):
    to = None if version == "2.1.1" else emsp.party
    answer = await send(cpo, "PUT", "receiver/sessions/NL/CPO/S1", session(version) | changes, to)
    assert answer.code == 1000, answer.envelope


def result_of(answer):
    """An answer to a charging profile or a command, and its result POSTed to where it was asked for."""

    def made(cpo, word="ACCEPTED"):
        async def say(asked):
            url = msgspec.json.decode(asked.body)["response_url"]
            assert url.startswith(cpo.hub)
            told = await cpo.ask("POST", url, body=msgspec.json.encode({"result": word}))
            assert told.code == 1000, told.envelope
            return ocpi(answer)

        return say

    return made


accepted = result_of({"result": "ACCEPTED", "timeout": 30})


async def test_preferences_go_to_the_cpo_once_in_the_name_of_the_emsp(tmp_path):
    async with roaming(tmp_path) as (app, cpo, emsp):
        cpo.says[PREFERENCES] = ocpi("ACCEPTED")
        await preset(app, profile_type="GREEN", departure="07:30", energy_need=20, time_zone="Europe/Amsterdam")
        await begin(cpo, emsp)
        await begin(cpo, emsp, kwh=8.0)
        ended = (await outcomes(app))["preferences"]
        (asked,) = await cpo.expect(PREFERENCES)
        assert (asked.headers["ocpi-from-country-code"], asked.headers["ocpi-from-party-id"]) == ("DE", "MSP")
        body = msgspec.json.decode(asked.body)
        leaves = datetime.fromisoformat(body.pop("departure_time"))
        assert body == {"profile_type": "GREEN", "energy_need": 20}
        assert leaves.astimezone(ZoneInfo("Europe/Amsterdam")).strftime("%H:%M") == "07:30"
        assert timedelta(0) < leaves - datetime.now(UTC) <= timedelta(days=1)
        assert (ended.outcome, ended.code, ended.reason) == ("accepted", 1000, "ACCEPTED")
        assert (ended.cpo, ended.emsp, ended.session, ended.preset) == ("NL-CPO", "DE-MSP", "S1", "mine")
        await begin(cpo, emsp, kwh=9.0)
        assert cpo.lines.count(PREFERENCES) == 1


async def test_a_limit_is_a_charging_profile_whose_result_comes_back(tmp_path):
    async with roaming(tmp_path) as (app, cpo, emsp):
        cpo.says[PROFILE] = accepted(cpo)
        await preset(app, limit_kw=11, limit_kwh=22)
        await begin(cpo, emsp)
        assert (await outcomes(app))["profile"].outcome == "accepted"
        (asked,) = await cpo.expect(PROFILE)
        assert msgspec.json.decode(asked.body)["charging_profile"] == {
            "charging_rate_unit": "W",
            "charging_profile_period": [{"start_period": 0, "limit": 11_000}, {"start_period": 7200, "limit": 0}],
        }
        late = await cpo.ask("POST", msgspec.json.decode(asked.body)["response_url"], body=b'{"result": "REJECTED"}')
        assert (late.status, late.envelope["status_message"]) == (404, "nobody waits for this result any more")
        stranger = await emsp.ask(
            "POST", msgspec.json.decode(asked.body)["response_url"], body=b'{"result": "REJECTED"}'
        )
        assert stranger.status == 404
        assert (await outcomes(app))["profile"].outcome == "accepted"


@pytest.mark.parametrize(
    ("line", "says", "wants", "ended"),
    [
        (PREFERENCES, ocpi("NOT_POSSIBLE"), {"profile_type": "FAST"}, (REFUSED, 1000, "NOT_POSSIBLE")),
        (PREFERENCES, ocpi(code=2001, status=404), {"profile_type": "FAST"}, (REFUSED, 2001, "said so")),
        (PREFERENCES, ocpi(code=3000), {"profile_type": "FAST"}, (REFUSED, 3000, "said so")),
        (PREFERENCES, ocpi({"a": 1}), {"profile_type": "FAST"}, (REFUSED, 1000, "an answer without a result")),
        (PREFERENCES, hang, {"profile_type": "FAST"}, ("timeout", 4002, None)),
        (PROFILE, ocpi({"result": "NOT_SUPPORTED", "timeout": 9}), {"limit_kw": 7}, (REFUSED, 1000, "NOT_SUPPORTED")),
        (PROFILE, ocpi({"result": "ACCEPTED", "timeout": 1}), {"limit_kw": 7}, ("timeout", 1000, None)),
        (PROFILE, ocpi(code=2000, message="\x1b[31mno\n\u202e" * 900), {"limit_kw": 7}, (REFUSED, 2000, None)),
    ],
)  # fmt: skip
async def test_what_a_cpo_does_with_it_is_kept_and_nothing_is_tried_again(tmp_path, line, says, wants, ended):
    async with roaming(tmp_path) as (app, cpo, emsp):
        cpo.says[line] = says
        await preset(app, **wants)
        await begin(cpo, emsp)
        (found,) = (await outcomes(app)).values()
        assert (found.outcome, found.code) == ended[:2]
        assert found.reason == ended[2] if ended[2] else len(found.reason) <= 300
        await begin(cpo, emsp, kwh=8)
        assert cpo.lines.count(line) == 1
        assert app.plugins.status()[0].faults == 0


async def test_a_result_may_say_no_and_come_after_the_answer(tmp_path):
    async with roaming(tmp_path) as (app, cpo, emsp):
        cpo.says[PROFILE] = ocpi({"result": "ACCEPTED", "timeout": 30})
        await preset(app, limit_kw=7)
        await begin(cpo, emsp)
        (asked,) = await cpo.expect(PROFILE)
        await cpo.ask("POST", msgspec.json.decode(asked.body)["response_url"], body=b'{"result": "REJECTED"}')
        found = (await outcomes(app))["profile"]
        assert (found.outcome, found.reason) == (REFUSED, "REJECTED")


async def test_a_cpo_without_the_module(tmp_path):
    async with roaming(tmp_path, endpoints=("sender/locations", "receiver/commands")) as (app, cpo, emsp):
        await preset(app, limit_kw=7, profile_type="FAST")
        await begin(cpo, emsp)
        found = await outcomes(app)
        assert {each.outcome for each in found.values()} == {"the CPO does not have this module"}
        assert found.keys() == {"profile", "preferences"}


async def test_a_cpo_on_2_1_1_has_neither(tmp_path):
    async with roaming(tmp_path, cpo="2.1.1", endpoints=CPO_MODULES) as (app, cpo, emsp):
        cpo.says["PUT /receiver/tokens/DE/MSP/CARD1"] = ocpi()
        assert (await send(emsp, "PUT", "receiver/tokens/DE/MSP/CARD1", token("2.2.1"))).code == 1000
        await preset(app, limit_kw=7, profile_type="FAST")
        await begin(cpo, emsp, "2.1.1")
        found = await outcomes(app)
        assert {each.outcome for each in found.values()} == {"the CPO does not have this module"}


async def test_a_session_that_waits_first_is_seen_to_when_a_patch_says_that_it_begins(tmp_path):
    async with roaming(tmp_path, emsp="2.3.0") as (app, cpo, emsp):
        cpo.says[PREFERENCES] = ocpi("ACCEPTED")
        await call(app, "set", {"name": "c", "preset": {"contract": "de-msp-c1", "profile_type": "CHEAP"}})
        await begin(cpo, emsp, status="PENDING")
        change = {"status": "ACTIVE", "last_updated": "2026-01-01T12:01:00Z"}
        assert (await send(cpo, "PATCH", "receiver/sessions/NL/CPO/S1", change, emsp.party)).code == 1000
        assert (await outcomes(app))["preferences"].outcome == "accepted"


async def test_outside_of_the_hours_it_is_noted_and_stopped_only_where_that_is_set(tmp_path):
    for stop in (False, True):
        async with roaming(tmp_path / str(stop), stop_outside_hours=stop) as (app, cpo, emsp):
            cpo.says[STOP] = accepted(cpo)
            await preset(app, hours=["11:00-11:59"], time_zone="UTC")
            await begin(cpo, emsp)
            found = await outcomes(app)
            assert found["hours"].outcome == "outside of the allowed hours"
            assert ("stop" in found) == stop == (STOP in cpo.lines)
            if stop:
                assert found["stop"].outcome == "accepted"


async def test_other_cards_and_refused_sessions_are_left_alone(tmp_path):
    async with roaming(tmp_path) as (app, cpo, emsp):
        await call(app, "set", {"name": "other", "preset": {"uid": "CARD2", "limit_kw": 7}})
        await begin(cpo, emsp)
        await call(
            app, "set", {"name": "hours", "preset": {"uid": "CARD1", "hours": ["11:00-11:59"], "time_zone": "UTC"}}
        )
        emsp.says["PUT /receiver/sessions/NL/CPO/S1"] = ocpi(code=2000, message="no such driver")
        emsp.says["PUT /receiver/sessions/NL/CPO/S2"] = ocpi()
        for each in ("S1", "S2"):
            await send(cpo, "PUT", f"receiver/sessions/NL/CPO/{each}", session("2.2.1") | {"id": each}, emsp.party)
        assert (await outcomes(app))["hours"].session == "S2"
        assert len((await call(app, "outcomes", {})).outcomes) == 1
        assert [each for each in cpo.lines if each.startswith("PUT")] == []


async def test_restart_and_reload_do_not_send_again(tmp_path):
    async with roaming(tmp_path) as (app, cpo, emsp):
        cpo.says[PREFERENCES] = ocpi("ACCEPTED")
        await preset(app, profile_type="FAST")
        await begin(cpo, emsp)
        await outcomes(app)
        file = tmp_path / "plugins" / NAME / "planning.py"
        file.write_text(file.read_text() + "\n# changed\n")
        before = plugin(app, NAME)
        await until(lambda: plugin(app, NAME) is not before)
        await begin(cpo, emsp, kwh=9)
        await until(lambda: plugin(app, NAME).done)
        assert cpo.lines.count(PREFERENCES) == 1
        assert [each.name for each in await call_nothing(app, "list")] == ["mine"]


async def call_nothing(app, verb):
    return await app.plugins.reception.call(NAME, verb, b"")


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("a", {"limit_kw": 1}, "it is for a card or for a contract"),
        ("a", {"uid": "1", "contract": "2", "limit_kw": 1}, "it is for a card or for a contract"),
        ("a", {"uid": "1"}, "it says nothing"),
        ("a", {"uid": "1", "limit_kwh": 3}, "takes limit_kw, too"),
        ("a", {"uid": "1", "limit_kw": 3, "time_zone": "Mars/Base"}, "there is none of this name"),
        ("a", {"uid": "1", "limit_kw": 3, "time_zone": "../../etc/passwd"}, "there is none of this name"),
        ("a b", {"uid": "1", "limit_kw": 3}, "use letters, digits"),
        ("a", {"uid": "1", "departure": "25:00"}, "does not fit verb set"),
        ("a", {"uid": "1", "hours": ["7-8"]}, "does not fit verb set"),
        ("a", {"uid": "1", "limit_kw": -1}, "does not fit verb set"),
        ("a", {"uid": "1", "colour": "red"}, "does not fit verb set"),
    ],
)
async def test_what_can_not_be_meant_is_told(tmp_path, name, given, told):
    async with roaming(tmp_path) as (app, _, _):
        with pytest.raises(Problem) as caught:
            await call(app, "set", {"name": name, "preset": given})
        assert told in caught.value.message
