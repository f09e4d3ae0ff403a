"""`hub.plugin.testing.party`: how an author tests a CPO or an eMSP without a hub."""

import asyncio
from typing import Any

import msgspec
import pytest

from hub.ocpi import v2_2_1 as ocpi
from hub.plugin.party import Command, CommandOutcome, Cpo, Emsp, NotEnoughInformation, Page, Paged, v2_1_1, v2_3_0
from hub.plugin.testing import party, success
from tests.versions import cdr, location, session, token

SESSION = msgspec.convert({**session("2.2.1"), "party_id": "TNM"}, ocpi.Session)


class MyCpo(Cpo):
    party = "NL-TNM"
    asked: Any = None

    async def sessions(self, page: Page) -> Paged[ocpi.Session]:
        self.asked = page
        return Paged([SESSION], 7)

    async def set_charging_preferences(
        self, session_id: str, preferences: ocpi.ChargingPreferences
    ) -> ocpi.ChargingPreferencesResponse:
        if session_id != "S1":
            raise NotEnoughInformation("no such session")
        return ocpi.ChargingPreferencesResponse.ACCEPTED

    async def stop_session(self, command: Command[ocpi.StopSession]) -> ocpi.CommandResponse:
        self.spawn(self.later(command), name="later")
        return command.answer(timeout=5, message="Bye")

    async def later(self, command: Command[ocpi.StopSession]) -> None:
        await command.result("EVSE_INOPERATIVE", message="It is broken")

    async def set_charging_profile(self, session_id, command):
        await command.result("ACCEPTED")
        return command.answer()

    async def active_charging_profile(self, session_id, duration, command):
        assert duration == 60
        with pytest.raises(ValueError, match="profile"):
            await command.result("ACCEPTED", profile="none")
        with pytest.raises(ValueError, match="result"):
            await command.result("GONE")
        return command.answer("TOO_OFTEN")

    async def get_token(self, owner, token_uid, token_type):
        raise RuntimeError("broken")


async def test_a_cpo_on_trial():
    async with party(MyCpo) as trial:
        page = await trial.ask("GET sender/sessions?limit=1&offset=2&date_from=2026-01-01T00:00:00Z&x=y")
        assert page.read(list[ocpi.Session])[0].id == "S1"
        assert (page.headers["x-total-count"], trial.plugin.asked.offset) == ("7", 2)
        assert trial.plugin.asked.filters == {"x": "y"}
        assert "offset=3" in page.headers["link"]
        preferences = {"profile_type": "CHEAP"}
        accepted = await trial.ask("PUT sender/sessions/S1/charging_preferences", preferences)
        assert accepted.read(str) == "ACCEPTED"
        assert (await trial.ask("PUT sender/sessions/S2/charging_preferences", preferences)).code == 2002
        wrong = await trial.ask("PUT sender/sessions/S1/charging_preferences", {"profile_type": "FAST!"})
        assert (wrong.code, "profile_type" in wrong.message) == (2001, True)
        assert (await trial.ask("PUT sender/sessions/S1/charging_preferences", b"{")).status == 400
        assert (await trial.ask("GET sender/nothing")).status == 404
        with pytest.raises(AssertionError, match="broken"):
            await trial.ask("GET receiver/tokens/DE/MSP/CARD1")


class Noting(MyCpo):
    noted: list[str]

    async def start(self):
        self.noted = []

    async def answering(self, call, answer):
        self.noted.append(f"{call.operation} {call.caller.party}")
        if "busy" in call.query:
            raise NotEnoughInformation("come back later")
        if "broken" in call.query:
            raise RuntimeError("broken")
        return await answer()


async def test_a_party_may_look_at_every_request():
    async with party(Noting) as trial:
        assert (await trial.ask("GET sender/sessions")).ok
        assert (await trial.ask("GET sender/sessions?busy")).code == 2002
        with pytest.raises(AssertionError, match="broken"):
            await trial.ask("GET sender/sessions?broken")
        assert trial.plugin.noted == ["GET sender/sessions DE-MSP"] * 3


class Careless(Cpo):
    party = "NL-TNM"

    async def tariffs(self, page):
        return [{"id": "T1"}]


async def test_what_is_not_as_ocpi_has_it_fails_the_test():
    async with party(Careless) as trial:
        with pytest.raises(AssertionError, match="Tariff: country_code"):
            await trial.ask("GET sender/tariffs")


async def test_what_comes_later():
    async with party(MyCpo) as trial:
        stop = {"response_url": "http://others.invalid/result/1", "session_id": "S1"}
        answer = (await trial.ask("POST receiver/commands/STOP_SESSION", stop)).read(ocpi.CommandResponse)
        assert (answer.timeout, answer.message[0].text) == (5, "Bye")
        sent = await trial.expect("POST result/1")
        assert sent.body["result"] == "EVSE_INOPERATIVE"
        profile = {"charging_profile": {"charging_rate_unit": "W"}, "response_url": "http://others.invalid/result/2"}
        assert (await trial.ask("PUT receiver/chargingprofiles/S1", profile)).ok
        assert (await trial.expect("POST result/2")).body == {"result": "ACCEPTED"}
        asked = "GET receiver/chargingprofiles/S1?duration=60&response_url=http%3A%2F%2Fothers.invalid%2Fresult%2F3"
        assert (await trial.ask(asked)).read(ocpi.ChargingProfileResponse).result == "TOO_OFTEN"
        assert (await trial.ask("GET receiver/chargingprofiles/S1?duration=60")).code == 2001
        assert (await trial.ask("GET receiver/chargingprofiles/S1?duration=x&response_url=u")).code == 2001


class MyEmsp(Emsp):
    party = "DE-MSP"
    held: dict[Any, Any]

    async def start(self) -> None:
        self.held = {}

    async def get_location(self, owner, location_id):
        return self.held.get((owner, location_id))

    async def put_location(self, location: ocpi.Location) -> bool:
        new = location.id not in {each for _, each in self.held}
        self.held[self.caller.party, location.id] = location
        return new

    async def get_session(self, owner, session_id):
        return self.held.get(session_id)

    async def put_session(self, session: ocpi.Session) -> None:
        self.held[session.id] = session

    async def post_cdr(self, cdr: ocpi.CDR) -> bool:
        self.held[cdr.id] = cdr
        return True

    async def get_cdr(self, cdr_id):
        return self.held.get(cdr_id)

    async def authorize(self, token_uid, token_type, location):
        return None


async def test_parts_of_a_location_are_put_together():
    path = "receiver/locations/NL/CPO/LOC1"
    later = {"last_updated": "2026-02-01T00:00:00Z"}
    async with party(MyEmsp) as trial:
        ask = trial.ask
        assert (await ask(f"PATCH {path}", {"name": "New", **later}, sender="NL-CPO")).status == 404
        assert (await ask(f"PUT {path}", location("2.2.1"), sender="NL-CPO")).status == 201
        assert (await ask(f"PATCH {path}", {"name": "New", **later}, sender="NL-CPO")).ok
        assert (await ask(f"PATCH {path}/E1", {"status": "CHARGING", **later}, sender="NL-CPO")).ok
        assert (await ask(f"PATCH {path}/E1/1", {"max_amperage": 32, **later}, sender="NL-CPO")).ok
        second = {**location("2.2.1")["evses"][0], "uid": "E2", "status": "BLOCKED"}
        assert (await ask(f"PUT {path}/E2", second, sender="NL-CPO")).status == 201
        assert (await ask(f"PUT {path}/E2", second, sender="NL-CPO")).status == 200
        assert (await ask(f"GET {path}/E1/1")).read(ocpi.Connector).max_amperage == 32
        assert (await ask(f"GET {path}/E3")).status == 404
        held = (await ask(f"GET {path}", sender="NL-CPO")).read(ocpi.Location)
        assert [(each.uid, each.status.value) for each in held.evses] == [("E1", "CHARGING"), ("E2", "BLOCKED")]
        assert (held.name, held.city) == ("New", "Delft")


async def test_charging_periods_are_added_and_a_cdr_has_a_place():
    async with party(MyEmsp) as trial:
        path = "receiver/sessions/NL/CPO/S1"
        period = {"start_date_time": "2026-01-01T12:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 1}]}
        change = {"charging_periods": [period], "last_updated": "2026-02-01T00:00:00Z"}
        await trial.ask(f"PUT {path}", session("2.2.1"))
        for _ in range(2):
            assert (await trial.ask(f"PATCH {path}", change)).ok
        assert len(trial.plugin.held["S1"].charging_periods) == 2
        posted = await trial.ask("POST receiver/cdrs", cdr("2.2.1"))
        assert (posted.status, posted.headers["location"]) == (
            201, "http://party.invalid/ocpi/2.2.1/receiver/cdrs/CDR1",
        )  # fmt: skip
        assert (await trial.ask("GET receiver/cdrs/CDR1")).read(ocpi.CDR).id == "CDR1"
        unknown = await trial.ask("POST sender/tokens/X/authorize?type=RFID")
        assert (unknown.status, unknown.code) == (404, 2004)


async def test_requests_are_answered_twice_or_not():
    async with party(MyEmsp) as trial:
        results = []

        def says(sent):
            if sent.call.startswith("POST receiver/commands"):
                url = sent.body["response_url"].removeprefix(trial.root)
                results.append(asyncio.ensure_future(trial.ask(f"POST {url.lstrip('/')}", {"result": "ACCEPTED"})))
            return success({"result": "ACCEPTED", "timeout": 5})

        trial.says = says
        card = msgspec.convert(token("2.2.1"), ocpi.Token)
        outcome: CommandOutcome = await trial.plugin.request_start(card, "LOC1", "E1", to="NL-TNM")
        assert (outcome.response.timeout, outcome.result.result) == (5, "ACCEPTED")
        assert "connector_id" not in trial.sent[0].body
        trial.says = lambda _: success({"result": "ACCEPTED", "timeout": 5})
        assert (await trial.plugin.request_stop("S1", to="NL-TNM", wait=0.01)).result is None
        profile = ocpi.ChargingProfile(charging_rate_unit="W")
        assert (await trial.plugin.request_charging_profile("S1", profile, to="NL-TNM", wait=0.01)).result is None
        asked = await trial.plugin.request_active_profile("S1", 60, to="NL-TNM", wait=0.01)
        assert (asked.response.result, asked.result) == ("ACCEPTED", None)
        assert "duration=60&response_url=http" in trial.sent[-1].call
        assert (await trial.ask("POST sender/commands/START_SESSION/none", {"result": "FAILED"})).ok


class Old(v2_1_1.Emsp):
    party = "DE-MSP"

    async def put_tariff(self, owner, tariff):
        assert owner.id == "NL-CPO"


class Ptp(v2_3_0.Ptp):
    party = "DE-PTP"

    async def terminal(self, terminal_id):
        return None

    async def put_terminal(self, terminal):
        return None

    async def activate_terminal(self, activation):
        return activation.terminal_id == "T1"

    async def deactivate_terminal(self, terminal_id):
        return None


class Shelf(Emsp):
    """An eMSP that keeps JSON, and what the hub tells."""

    party = "DE-MSQ"
    told: ocpi.ClientInfo | None = None

    async def tokens(self, page):
        rows = [{**token("2.2.1"), "uid": f"T{n}", "last_updated": f"2026-01-0{n}T00:00:00.5"} for n in (3, 1, 2)]
        return page.of(rows)

    async def get_client_info(self, owner):
        return self.told if owner.id == "FR-ABC" else None

    async def put_client_info(self, info):
        self.told = info


async def test_lists_of_json_are_paged_too():
    async with party(Shelf) as trial:
        page = await trial.ask("GET sender/tokens?limit=1&date_from=2026-01-02T00:00:00Z")
        assert [each.uid for each in page.read(list[ocpi.Token])] == ["T2"]
        assert page.headers["x-total-count"] == "2"


async def test_what_the_hub_tells_can_be_read_again_with_times_as_ocpi_has_them():
    info = {"country_code": "FR", "party_id": "ABC", "role": "EMSP", "status": "CONNECTED"}
    async with party(Shelf) as trial:
        call = "receiver/hubclientinfo/FR/ABC"
        assert (await trial.ask(f"GET {call}")).status == 404
        assert (await trial.ask(f"PUT {call}", {**info, "last_updated": "2026-01-01T00:00:00.123456Z"})).ok
        assert (await trial.ask(f"GET {call}")).read(dict)["last_updated"] == "2026-01-01T00:00:00.123Z"


@pytest.mark.parametrize(
    ("path", "named"), [("FR/XYZ", "party_id is 'ABC', in the path it is 'XYZ'"), ("DE/ABC", "country_code")]
)
async def test_what_is_put_is_what_the_path_names(path, named):
    info = {"country_code": "FR", "party_id": "ABC", "role": "EMSP", "status": "CONNECTED"}
    async with party(Shelf) as trial:
        refused = await trial.ask(
            f"PUT receiver/hubclientinfo/{path}", {**info, "last_updated": "2026-01-01T00:00:00Z"}
        )
        assert (refused.status, refused.code, named in refused.message) == (200, 2001, True)


async def test_a_response_url_that_hubs_have_sealed_may_be_long():
    """Two hubs on the way make more of it than the 255 characters of a URL (2.2.1, types: URL)."""
    url = f"http://others.invalid/{'x' * 500}"
    async with party(MyCpo) as trial:
        assert (await trial.ask("POST receiver/commands/STOP_SESSION", {"response_url": url, "session_id": "S1"})).ok
        await trial.expect(f"POST {'x' * 500}")
        wrong = await trial.ask("POST receiver/commands/STOP_SESSION", {"response_url": url})
        assert (wrong.code, "session_id" in wrong.message) == (2001, True)


async def test_the_other_versions():
    tariff = {"id": "T1", "currency": "EUR", "last_updated": "2026-01-01T00:00:00Z"}
    tariff["elements"] = [{"price_components": [{"type": "ENERGY", "price": 0.3, "step_size": 1}]}]
    async with party(Old) as trial:
        assert (await trial.ask("PUT receiver/tariffs/NL/CPO/T1", tariff)).ok
    async with party(Ptp) as trial:
        assert (await trial.ask("POST sender/payments/terminals/activate", {"terminal_id": "T1"})).status == 201
        assert (await trial.ask("POST sender/payments/terminals/T1/deactivate")).ok
        assert (
            await trial.ask(
                "PATCH sender/payments/terminals/T1", {"city": "Delft", "last_updated": "2026-01-01T00:00:00Z"}
            )
        ).status == 404
        assert (await trial.ask("GET sender/payments/terminals/T1")).status == 404
