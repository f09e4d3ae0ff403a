"""Parties inside the hub: plugins that are CPOs and eMSPs, reached by partners on real sockets."""

import asyncio
from contextlib import AsyncExitStack

import msgspec
import pytest

from hub.config import Limits, Sync
from hub.core.party import Party, Role
from tests.hosted import EMSP, VLT, cpo, hosted, joined, plugin, write
from tests.partner import ocpi
from tests.raw import Answer
from tests.support import running
from tests.versions import send, token

VERSIONS = ("2.1.1", "2.2.1", "2.3.0")
MSP = ("DE-MSP:EMSP", "2.2.1")


async def until(what, seconds: float = 5.0):
    """Wait for a condition of what runs beside."""
    async with asyncio.timeout(seconds):
        while not (found := what()):
            await asyncio.sleep(0.005)
    return found


@pytest.mark.parametrize("theirs", VERSIONS)
@pytest.mark.parametrize("own", VERSIONS)
async def test_a_hosted_cpo_is_asked_in_every_version(tmp_path, own, theirs):
    async with hosted(tmp_path, cpo(own), ("DE-MSP:EMSP", theirs), version=own) as (_, emsp):
        answer = await send(emsp, "GET", "sender/locations/L2", to=VLT)
        if theirs == "2.1.1":  # without headers, one location of one party can not be asked for
            assert answer.code == 2001
        else:
            assert answer.envelope["data"]["id"] == "L2"
            assert answer.headers["ocpi-from-party-id"] == "VLT"
            missing = await send(emsp, "GET", "sender/locations/X", to=VLT)
            assert missing.told == (404, 2000)
            evse = await send(emsp, "GET", "sender/locations/L2/E1/1", to=VLT)
            assert evse.envelope["data"]["id"] == "1"


async def test_lists_are_paged_and_filtered(tmp_path):
    """The Link leads through the hub, X-Total-Count counts what fits the filter; the last page has no Link."""
    async with hosted(tmp_path, cpo("2.2.1"), MSP) as (app, emsp):
        first = await send(emsp, "GET", "sender/locations?limit=2", to=VLT)
        assert [each["id"] for each in first.envelope["data"]] == ["L1", "L2"]
        assert (first.headers["x-total-count"], first.headers["x-limit"]) == ("3", "100")
        link = first.headers["link"].partition(">")[0][1:]
        assert link.startswith(f"{app.url}/ocpi/2.2.1/sealed/")
        second = await emsp.ask("GET", link)
        assert [each["id"] for each in second.envelope["data"]] == ["L3"]
        assert "link" not in second.headers
        later = await send(emsp, "GET", "sender/locations?date_from=2026-01-01T12:00:01Z", to=VLT)
        assert (later.envelope["data"], later.headers["x-total-count"]) == ([], "0")
        wrong = await send(emsp, "GET", "sender/locations?limit=many", to=VLT)
        assert wrong.code == 2001


async def test_what_it_does_not_implement_is_not_there(tmp_path):
    async with hosted(tmp_path, cpo("2.2.1"), MSP) as (app, emsp):
        assert (await send(emsp, "GET", "sender/tariffs", to=VLT)).code == 4000
        stop = await send(
            emsp, "POST", "receiver/commands/STOP_SESSION", {"response_url": emsp.url, "session_id": "S"}, VLT
        )
        assert stop.envelope["data"] == {"result": "NOT_SUPPORTED", "timeout": 0}
        assert (await send(emsp, "PUT", "receiver/tokens/DE/MSP/CARD1", token("2.2.1"), to=VLT)).told == (405, 2000)
        offered = {(each.module, each.interface) for each in app.partners.show("mine").endpoints}
        assert offered == {
            ("locations", "SENDER"),
            ("sessions", "SENDER"),
            ("tokens", "RECEIVER"),
            ("commands", "RECEIVER"),
        }


async def test_it_stands_in_the_directory_as_a_partner(tmp_path):
    async with hosted(tmp_path, cpo("2.2.1"), MSP) as (app, emsp):
        view = app.partners.show("mine")
        assert (view.state, view.version, view.parties, view.hosted_by) == (
            "REGISTERED", "2.2.1", ("NL-VLT:CPO",), "mine",
        )  # fmt: skip
        assert app.partners.show("DE-MSP").hosted_by is None
        listed = await emsp.ask("GET", "/ocpi/2.2.1/sender/hubclientinfo")
        told = {(each["party_id"], each["role"]): each["status"] for each in listed.envelope["data"]}
        assert told == {("VLT", "CPO"): "CONNECTED"}
        for change in (app.partners.rotate, app.partners.invite_again, app.partners.remove):
            with pytest.raises(Exception, match="hosted in this hub, by the plugin mine"):
                await change("mine")


async def test_its_locations_are_in_get_all_and_in_the_mirror(tmp_path):
    """The hub pulls from it as soon as it stands, as from every partner that has registered."""
    async with hosted(tmp_path, cpo("2.2.1"), MSP, sync=Sync(enabled=True)) as (app, emsp):
        platform = app.partners.find("mine")
        await until(lambda: (progress := app.operations.puller.progress(platform)) and progress.done)
        progress = app.operations.puller.progress(platform)
        assert (progress.kept, progress.problem) == (3, "")
        everything = await send(emsp, "GET", "sender/locations", to=Party("NL", "HUB"))
        assert {each["id"] for each in everything.envelope["data"]} == {"L1", "L2", "L3"}
        sessions = await send(emsp, "GET", "sender/sessions", to=Party("NL", "HUB"))
        assert [each["party_id"] for each in sessions.envelope["data"]] == ["VLT"]


TOKENS = """
async def put_token(self, token):
    new = token.uid not in self.tokens
    self.tokens[token.uid] = token
    return new
"""


@pytest.mark.parametrize("own", VERSIONS)
async def test_a_broadcast_reaches_it_and_a_patch_is_made_of_get_and_put(tmp_path, own):
    more = TOKENS if own != "2.1.1" else TOKENS.replace("(self, token)", "(self, owner, token)")
    async with hosted(tmp_path, cpo(own, more), MSP, version=own) as (app, emsp):
        path = "receiver/tokens/DE/MSP/CARD1"
        assert (await send(emsp, "PUT", path, token("2.2.1"))).told == (201, 1000)
        await until(lambda: "CARD1" in plugin(app).tokens)
        assert (await send(emsp, "PUT", path, token("2.2.1"), to=VLT)).told == (200, 1000)
        patch = {"valid": False, "last_updated": "2026-01-02T00:00:00Z"}
        assert (await send(emsp, "PATCH", path, patch, to=VLT)).code == 1000
        held = plugin(app).tokens["CARD1"]
        assert (held.valid, held.issuer) == (False, "Test")
        assert (await send(emsp, "GET", path, to=VLT)).envelope["data"]["valid"] is False


async def test_what_comes_in_is_checked_whatever_the_hub_does(tmp_path):
    """Validation is off in this hub; what is no Token does not get to the method that takes Tokens."""
    async with hosted(tmp_path, cpo("2.2.1", TOKENS), MSP) as (app, emsp):
        answer = await send(emsp, "PUT", "receiver/tokens/DE/MSP/CARD1", {**token("2.2.1"), "valid": "yes"}, to=VLT)
        assert answer.code == 2001
        assert "valid" in answer.message
        assert plugin(app).tokens == {}


PUSHING = """
async def connected(self):
    self.pushed = await self.push_location(await self.location("L1"))
"""


async def test_its_own_broadcast_reaches_partners(tmp_path):
    async with hosted(tmp_path, cpo("2.2.1", PUSHING), MSP, ("FR-MSP:EMSP", "2.3.0"), ("BE-MSP:EMSP", "2.1.1")) as (
        app, *emsps,
    ):  # fmt: skip
        for emsp in emsps:
            emsp.says["PUT /receiver/locations/NL/VLT/L9"] = ocpi()
        answer = await plugin(app).push_location(msgspec.structs.replace(await plugin(app).location("L1"), id="L9"))
        assert (answer.ok, answer.status) == (True, 201)
        for emsp in emsps:
            (asked,) = await emsp.expect("PUT /receiver/locations/NL/VLT/L9")
            assert msgspec.json.decode(asked.body)["id"] == "L9"
        everything = await send(emsps[0], "GET", "sender/locations", to=Party("NL", "HUB"))
        assert {each["id"] for each in everything.envelope["data"]} == {"L1", "L9"}


async def test_its_direct_pushes_and_questions_carry_its_name(tmp_path):
    async with hosted(tmp_path, cpo("2.2.1"), MSP) as (app, emsp):
        mine = plugin(app)
        emsp.says["PUT /receiver/sessions/NL/VLT/S1"] = ocpi(status=201)
        session = (await mine.sessions(None))[0]
        assert (await mine.push_session(session)).status == 201  # by its cdr_token
        (asked,) = await emsp.expect("PUT /receiver/sessions/NL/VLT/S1")
        assert (asked.headers["ocpi-from-party-id"], asked.headers["ocpi-to-party-id"]) == ("VLT", "MSP")
        emsp.says["POST /sender/tokens/CARD1/authorize"] = ocpi({"allowed": "ALLOWED", "token": token("2.2.1")})
        assert (await mine.ask_authorization("CARD1", to="DE-MSP")).allowed == "ALLOWED"
        refused = await mine.push_session(session, to="XX-NON")
        assert (refused.ok, refused.code) == (False, 4001)
        with pytest.raises(Exception, match="kwh"):
            await mine.push_session(msgspec.structs.replace(session, kwh="lots"))


async def test_it_fetches_all_of_others_page_by_page(tmp_path):
    async with hosted(tmp_path, cpo("2.2.1"), MSP) as (app, emsp):
        tokens = [{**token("2.2.1"), "uid": f"CARD{number}"} for number in range(5)]

        def page(asked):
            offset = int(asked.target.partition("offset=")[2].partition("&")[0] or 0)
            link = f'<{emsp.url}/sender/tokens?offset={offset + 2}&limit=2>; rel="next"'
            more = {"Link": link} if offset < 4 else {}
            return ocpi(tokens[offset : offset + 2], X_Total_Count="5", X_Limit="2", **more)

        emsp.says["GET /sender/tokens"] = page
        mine = plugin(app)
        kind = type(mine).put_token.__annotations__["token"]
        found = [each.uid async for each in mine.fetch_all("tokens", kind, to="DE-MSP")]
        assert found == [f"CARD{number}" for number in range(5)]


async def test_a_command_is_answered_twice(tmp_path):
    async with hosted(tmp_path, cpo("2.2.1"), MSP) as (_, emsp):
        emsp.endpoints["sender/commands"] = "/sender/commands"
        emsp.says["POST /sender/commands/mine/1"] = ocpi()
        await emsp.register("PUT")
        body = {"token": token("2.2.1"), "location_id": "L1", "response_url": f"{emsp.url}/sender/commands/mine/1"}
        answer = await send(emsp, "POST", "receiver/commands/START_SESSION", body, to=VLT)
        assert answer.envelope["data"] == {"result": "ACCEPTED", "timeout": 30}
        (result,) = await emsp.expect("POST /sender/commands/mine/1")
        assert msgspec.json.decode(result.body) == {"result": "ACCEPTED"}
        unknown = await send(emsp, "POST", "receiver/commands/START_SESSION", {**body, "location_id": "L7"}, to=VLT)
        assert unknown.code == 2003


SPEAKING = """
class MyEmsp(Emsp):
    party = "DE-MSQ"

    async def authorize(self, token_uid, token_type, location):
        if token_uid == "CARD1":
            return own(ocpi.AuthorizationInfo, {"allowed": "ALLOWED", "token": None})
        return None

    async def tokens(self, page):
        return page.of([])
"""


@pytest.mark.parametrize("theirs", VERSIONS)
async def test_a_hosted_emsp_starts_sessions_at_a_partner_and_waits_for_the_result(tmp_path, theirs):
    async with hosted(tmp_path, SPEAKING, ("NL-CPO:CPO", theirs)) as (app, partner):

        async def started(asked):
            body = msgspec.json.decode(asked.body)
            asyncio.get_running_loop().call_soon(lambda: results.append(asyncio.ensure_future(post(body))))
            answer = {"result": "ACCEPTED"} if theirs == "2.1.1" else {"result": "ACCEPTED", "timeout": 5}
            return ocpi(answer)

        async def post(body) -> Answer:
            return await partner.ask("POST", body["response_url"], body=b'{"result": "ACCEPTED"}')

        results = []
        partner.says["POST /receiver/commands/START_SESSION"] = started
        mine = plugin(app)
        card = {**token("2.2.1"), "party_id": "MSQ"}
        outcome = await mine.request_start(card, "LOC1", to="NL-CPO", wait=5)
        assert (outcome.response.result, outcome.result.result) == ("ACCEPTED", "ACCEPTED")
        assert (await results[0]).code == 1000
        partner.says["POST /receiver/commands/START_SESSION"] = lambda _: ocpi({"result": "REJECTED", "timeout": 5})
        assert (await mine.request_start(card, "LOC1", to="NL-CPO", wait=5)).result is None


async def test_two_hosted_parties_speak_to_each_other(tmp_path):
    async with hosted(tmp_path, cpo("2.1.1"), version="2.1.1") as (app,):
        write(tmp_path, "other", SPEAKING, "2.3.0")
        await app.plugins.refresh()
        card = {**token("2.3.0"), "party_id": "MSQ"}
        outcome = await plugin(app, "other").request_start(card, "L1", to=VLT, wait=5)
        assert outcome.result.result == "ACCEPTED"


FAULTY = """
async def tariffs(self, page):
    raise RuntimeError("secret of the inside")

async def cdrs(self, page):
    await asyncio.Event().wait()

async def get_token(self, owner, token_uid, token_type):
    raise NotEnoughInformation("which card?")
"""


async def test_one_that_raises_or_hangs_is_an_answer_and_a_fault(tmp_path):
    limits = Limits(timeout=0.3, slow_request=0.3)
    async with hosted(tmp_path, cpo("2.2.1", FAULTY), MSP, limits=limits) as (app, emsp):
        raised = await send(emsp, "GET", "sender/tariffs", to=VLT)
        assert raised.told == (200, 3000)
        assert "secret" not in raised.message
        meant = await send(emsp, "GET", "receiver/tokens/DE/MSP/X", to=VLT)
        assert (meant.code, meant.message) == (2002, "which card?")
        hung = await send(emsp, "GET", "sender/cdrs", to=VLT)
        assert hung.code == 4002
        (status,) = app.plugins.status()
        assert (status.faults, status.party) == (2, "NL-VLT")
        assert (await send(emsp, "GET", "sender/locations/L1", to=VLT)).code == 1000
        for _ in range(4):
            await send(emsp, "GET", "sender/tariffs", to=VLT)
        assert app.plugins.status()[0].state == "set aside"
        assert (await send(emsp, "GET", "sender/locations/L1", to=VLT)).code == 4003
        await app.plugins.reset("mine")
        assert (await send(emsp, "GET", "sender/locations/L1", to=VLT)).code == 1000


WRONG = """
async def tariffs(self, page):
    return [{"id": "no tariff"}, {"id": "nor this"}]

async def get_token(self, owner, token_uid, token_type):
    return {"uid": token_uid}

async def cdrs(self, page):
    return "CDRs"
"""


async def test_what_goes_out_is_checked(tmp_path):
    """Of a list, what is wrong is left out and stands among the findings; one wrong object is a fault."""
    async with hosted(tmp_path, cpo("2.2.1", WRONG), MSP, validation="report") as (app, emsp):
        assert (await send(emsp, "GET", "sender/tariffs", to=VLT)).envelope["data"] == []
        assert (await send(emsp, "GET", "receiver/tokens/DE/MSP/X", to=VLT)).code == 3000
        assert (await send(emsp, "GET", "sender/cdrs", to=VLT)).code == 3000
        assert app.plugins.status()[0].faults == 2
        async with asyncio.timeout(5):
            while not (found := await app.operations.counts.findings(app.partners.find("mine"))):
                await asyncio.sleep(0.01)
        assert {each.object for each in found} == {"Tariff"}


async def test_suspended_and_agreements_hold_for_it_as_for_all(tmp_path):
    async with hosted(tmp_path, cpo("2.2.1"), MSP) as (app, emsp):
        await app.partners.suspend("mine")
        assert (await send(emsp, "GET", "sender/locations/L1", to=VLT)).code == 4003
        refused = await plugin(app).push_location(await plugin(app).location("L1"))
        assert (refused.ok, "suspended" in refused.message) == (False, True)
        await app.plugins.refresh()
        write(tmp_path, "mine", cpo("2.2.1", "name = 'Changed'"))
        await app.plugins.refresh()
        assert app.partners.show("mine").state == "SUSPENDED"
        await app.partners.resume("mine")
        assert (await send(emsp, "GET", "sender/locations/L1", to=VLT)).code == 1000
        await app.operations.agreements.set("NL-VLT", "DE-MSP", "*", allow=False)
        assert (await send(emsp, "GET", "sender/locations/L1", to=VLT)).code == 4001
        session = (await plugin(app).sessions(None))[0]
        assert (await plugin(app).push_session(session, to=EMSP)).code == 4001


async def test_a_changed_file_is_the_party_from_then_on(tmp_path):
    async with hosted(tmp_path, cpo("2.2.1"), MSP) as (app, emsp):
        number = app.partners.show("mine").id
        write(tmp_path, "mine", cpo("2.2.1").replace('"L1", "L2", "L3"', '"L4",'))
        await app.plugins.refresh()
        answer = await send(emsp, "GET", "sender/locations", to=VLT)
        assert [each["id"] for each in answer.envelope["data"]] == ["L4"]
        assert app.partners.show("mine").id == number
        write(tmp_path, "mine", "class Broken(")
        await app.plugins.refresh()
        assert (await send(emsp, "GET", "sender/locations", to=VLT)).code == 1000
        (tmp_path / "plugins" / "mine.py").unlink()
        await app.plugins.refresh()
        assert (await send(emsp, "GET", "sender/locations", to=VLT)).code == 4001
        assert [each.name for each in app.partners.all()] == ["DE-MSP:EMSP"]


async def test_a_restart_keeps_what_was_set_and_drops_what_is_gone(tmp_path):
    async with hosted(tmp_path, cpo("2.2.1")) as (app,):
        before = app.partners.show("mine").id
        await app.partners.suspend("mine")
    async with hosted(tmp_path, cpo("2.2.1")) as (app,):
        view = app.partners.show("mine")
        assert (view.id, view.state) == (before, "SUSPENDED")
    async with hosted(tmp_path, cpo("2.2.1").replace("NL-VLT", "NL-NEW")) as (app,):
        assert app.partners.show("mine").parties == ("NL-NEW:CPO",)
    (tmp_path / "plugins" / "mine.py").rename(tmp_path / "plugins" / "_mine.py")
    async with running(tmp_path) as app:
        assert app.partners.all() == []


async def test_a_partner_whose_party_it_wants_to_be_keeps_it(tmp_path):
    async with running(tmp_path) as app, AsyncExitStack() as stack:
        await joined(stack, app, "NL-VLT:CPO")
        write(tmp_path, "mine", cpo("2.2.1"))
        await app.plugins.refresh()
        (status,) = app.plugins.status()
        assert (status.state, "NL-VLT:CPO" in status.problem) == ("rejected", True)
    with pytest.raises(Exception, match="NL-VLT is a party of the partner 'NL-VLT:CPO' already"):
        async with running(tmp_path):
            pass
    write(tmp_path, "mine", cpo("2.2.1").replace("NL-VLT", "NL-HUB"))
    with pytest.raises(Exception, match="NL-HUB is this hub itself"):
        async with running(tmp_path):
            pass


async def test_no_partner_reaches_it_past_the_hub(tmp_path):
    """Neither a response_url nor a versions URL of a partner opens the way that only the hub has."""
    async with hosted(tmp_path, cpo("2.2.1"), MSP) as (app, emsp):
        url = app.partners.show("mine").versions_url
        body = {"token": token("2.2.1"), "location_id": "L1", "response_url": url}
        assert (await send(emsp, "POST", "receiver/commands/START_SESSION", body, to=VLT)).code == 2001
        assert (await emsp.register("PUT", url=url)).code == 3001


STATUSES = """
told = []

async def put_client_info(self, info):
    self.told.append((info.party_id, info.status))
"""


async def test_it_is_told_who_is_there(tmp_path):
    async with hosted(tmp_path, cpo("2.2.1", STATUSES), MSP) as (app, _):
        await until(lambda: ("MSP", "CONNECTED") in plugin(app).told)


CUSTOM = """
class MyCpo(PartyPlugin):
    party, role = "NL-VLT", "CPO"
    modules = {"vlt-cables": CustomModule(sender=("GET", "GET {id}"), receiver=("PUT {country_code}/{party_id}/{id}",))}

    @serve("GET sender/vlt-cables")
    async def cables(self, page: Page):
        return [{"id": "C1", "metres": 5, "asked_by": str(self.caller.party)}]

    @serve("PUT receiver/vlt-cables/{country_code}/{party_id}/{cable}")
    async def put_cable(self, owner: Party, cable: str, body: dict[str, int]):
        assert (str(owner), cable, body) == ("DE-MSP", "C2", {"metres": 7})
        return True
"""


async def test_modules_of_its_own(tmp_path):
    code = "from hub.plugin import CustomModule, Party\n" + CUSTOM
    async with hosted(tmp_path, code, MSP) as (app, emsp):
        listed = await send(emsp, "GET", "sender/vlt-cables", to=VLT)
        assert listed.envelope["data"] == [{"id": "C1", "metres": 5, "asked_by": "DE-MSP"}]
        path = "receiver/vlt-cables/DE/MSP/C2"
        assert (await send(emsp, "PUT", path, {"metres": 7}, to=VLT)).told == (201, 1000)
        assert (await send(emsp, "PUT", path, {"metres": "long"}, to=VLT)).code == 2001
        assert (await send(emsp, "GET", "sender/vlt-cables/C1", to=VLT)).told == (404, 2000)
        assert ("vlt-cables", "SENDER") in {
            (each.module, each.interface) for each in app.partners.show("mine").endpoints
        }


async def test_roles_of_a_class(tmp_path):
    both = cpo("2.2.1").replace("class MyCpo(Cpo)", "class MyCpo(Cpo, Emsp)").replace("tokens = {}", "known = {}")
    both = both.replace("self.tokens", "self.known")
    async with hosted(tmp_path, both) as (app,):
        assert app.partners.find("mine").roles[VLT] == {Role.CPO, Role.EMSP}


async def test_a_party_is_in_one_plugin_only(tmp_path):
    async with hosted(tmp_path, cpo("2.2.1")) as (app,):
        write(tmp_path, "other", cpo("2.2.1"))
        await app.plugins.refresh()
        status = {each.name: each for each in app.plugins.status()}
        assert (status["mine"].state, status["other"].state) == ("running", "rejected")
        assert "mine.py is NL-VLT already" in status["other"].problem


async def test_a_party_of_another_name_takes_the_place_of_the_one_before(tmp_path):
    async with hosted(tmp_path, cpo("2.2.1"), MSP) as (app, emsp):
        write(tmp_path, "mine", cpo("2.2.1").replace("NL-VLT", "NL-NEW"))
        await app.plugins.refresh()
        assert (await send(emsp, "GET", "sender/locations/L1", to=VLT)).code == 4001
        assert (await send(emsp, "GET", "sender/locations/L1", to=Party("NL", "NEW"))).code == 1000
        assert app.partners.show("mine").parties == ("NL-NEW:CPO",)
