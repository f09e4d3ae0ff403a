"""A plugin that is a party, served as a platform of its own: registered at a hub on real sockets, and the hub at it."""

from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import msgspec
import pytest

from hub.config import Admin
from hub.core.directory import Secret
from hub.core.party import Party
from hub.platform import PlatformApp, platform_config
from hub.plugin.errors import PluginError
from tests.flow.test_hosting import until
from tests.hosted import VLT, cpo, joined, write
from tests.partner import Partner, ocpi
from tests.ports import free_port
from tests.support import config, running
from tests.versions import EMSP_MODULES, send, token

VERSIONS = ("2.1.1", "2.2.1", "2.3.0")


@asynccontextmanager
async def platform(folder, code, version="2.2.1", stem="alone"):
    """The platform, with its data in a folder of the test."""
    folder.mkdir(exist_ok=True)
    file = write(folder, stem, code, version)
    async with PlatformApp(platform_config(config(folder), file, folder / "alone"), file) as app:
        yield app


@asynccontextmanager
async def at_hub(tmp_path, code, version="2.2.1", theirs="2.2.1"):
    """A hub with an eMSP, at which the platform has registered by itself."""
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(running(tmp_path))
        emsp = await joined(stack, hub, "DE-MSP:EMSP", theirs)
        alone = await stack.enter_async_context(platform(tmp_path / "platform", code, version))
        invitation = await hub.partners.invite("Alone", [f"{VLT}:CPO"])
        await alone.register("hub", hub.versions_url, Secret(invitation.token_a), ["NL-HUB:HUB"])
        yield hub, emsp, alone


@pytest.mark.parametrize("version", VERSIONS)
async def test_it_registers_at_a_hub_and_is_asked_through_it(tmp_path, version):
    async with at_hub(tmp_path, cpo(version), version) as (hub, emsp, alone):
        view = hub.partners.show("Alone")
        assert (view.state, view.version, view.hosted_by) == ("REGISTERED", version, None)
        assert alone.registered == ["hub"]
        first = await send(emsp, "GET", "sender/locations?limit=2", to=VLT)
        assert [each["id"] for each in first.envelope["data"]] == ["L1", "L2"]
        link = first.headers["link"].partition(">")[0][1:]
        assert [each["id"] for each in (await emsp.ask("GET", link)).envelope["data"]] == ["L3"]
        missing = await send(emsp, "GET", "sender/locations/X", to=VLT)
        assert missing.told == (404, 2000)


@pytest.mark.parametrize("version", VERSIONS)
async def test_its_pushes_and_results_go_through_the_hub(tmp_path, version):
    async with at_hub(tmp_path, cpo(version), version) as (_, emsp, alone):
        emsp.says["PUT /receiver/locations/NL/VLT/L1"] = ocpi()
        emsp.endpoints["sender/commands"] = "/sender/commands"
        emsp.says["POST /sender/commands/mine/1"] = ocpi()
        await emsp.register("PUT")
        mine = alone.plugin
        assert (await mine.push_location(await mine.location("L1"))).status == 201
        await emsp.expect("PUT /receiver/locations/NL/VLT/L1")
        body = {"token": token("2.2.1"), "location_id": "L1", "response_url": f"{emsp.url}/sender/commands/mine/1"}
        answer = await send(emsp, "POST", "receiver/commands/START_SESSION", body, to=VLT)
        assert answer.envelope["data"]["result"] == "ACCEPTED"
        (result,) = await emsp.expect("POST /sender/commands/mine/1")
        assert msgspec.json.decode(result.body)["result"] == "ACCEPTED"


EMSP = """
class MyEmsp(Emsp):
    party = "NL-VLT"
    seen = []

    async def tokens(self, page):
        return []

    async def put_session(self, {session}):
        self.seen.append((str(self.caller.party), session.id))
"""


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_emsp_of_its_own_starts_sessions(tmp_path, version):
    code = EMSP.replace("{session}", "owner, session" if version == "2.1.1" else "session")
    async with running(tmp_path) as hub:
        write(tmp_path, "mine", cpo("2.2.1").replace("NL-VLT", "NL-CPO"))
        await hub.plugins.refresh()
        async with platform(tmp_path / "platform", code, version) as alone:
            invitation = await hub.partners.invite("Alone", [f"{VLT}:EMSP"])
            await alone.register("hub", hub.versions_url, Secret(invitation.token_a), ["NL-HUB:HUB"])
            if version != "2.1.1":  # it has no headers to say which CPO is meant
                card = {**token(version), "country_code": "NL", "party_id": "VLT"}
                outcome = await alone.plugin.request_start(card, "L1", to="NL-CPO", wait=5)
                assert (outcome.response.result, outcome.result.result) == ("ACCEPTED", "ACCEPTED")
                found = alone.plugin.fetch_all("locations", dict, to="NL-CPO")
                assert [each["id"] async for each in found] == ["L1", "L2", "L3"]
            (hosted,) = (each.plugin for each in hub.plugins.table.running)
            session = (await hosted.sessions(None))[0]
            place = await hosted.location("L1")
            session.party_id = place.party_id = "CPO"
            session.location_id = place.id
            assert (await hosted.push_location(place)).ok  # OCPI 2.1.1 tells a session with its location
            assert (await hosted.push_session(session, to=VLT)).ok
            assert alone.plugin.seen[-1][1] == "S1"


async def test_partners_register_with_a_token_that_it_prints(tmp_path):
    """Without a hub: an eMSP registers at the CPO, and both speak to each other."""
    async with platform(tmp_path, cpo("2.2.1")) as alone:
        emsp = Partner("DE-MSP:EMSP", endpoints=(*EMSP_MODULES, "sender/commands"))
        async with emsp.serve():
            await alone.invite("Emsp", ["DE-MSP:EMSP"])
            invitation = await alone.invite("Emsp", ["DE-MSP:EMSP"])  # a second one is the one that counts
            emsp.token, emsp.hub = invitation.token_a, alone.url
            assert (await emsp.ask("GET", "/ocpi/2.2.1/sender/locations")).status == 401
            registered = await emsp.register()
            roles = registered.envelope["data"]["roles"]
            assert [(each["role"], each["party_id"]) for each in roles] == [("CPO", "VLT")]
            details = (await emsp.ask("GET", "/ocpi/2.2.1")).envelope["data"]["endpoints"]
            assert {(each["identifier"], each["role"]) for each in details} == {
                ("credentials", "SENDER"),
                ("locations", "SENDER"),
                ("sessions", "SENDER"),
                ("tokens", "RECEIVER"),
                ("commands", "RECEIVER"),
            }
            listed = await send(emsp, "GET", "sender/locations", to=VLT)
            assert [each["id"] for each in listed.envelope["data"]] == ["L1", "L2", "L3"]
            assert listed.headers["ocpi-from-party-id"] == "VLT"
            emsp.says["PUT /receiver/locations/NL/VLT/L1"] = ocpi()
            assert (await alone.plugin.push_location(await alone.plugin.location("L1"))).ok
            elsewhere = {"response_url": "http://127.0.0.1:1/x", "token": token("2.2.1"), "location_id": "L1"}
            assert (await send(emsp, "POST", "receiver/commands/START_SESSION", elsewhere, to=VLT)).told == (200, 2001)
            assert (await send(emsp, "GET", "sender/tariffs", to=VLT)).status == 404
            assert await alone.invite("Emsp", ["DE-MSP:EMSP"]) is None


async def test_it_stays_registered_through_a_restart(tmp_path):
    async with running(tmp_path) as hub:
        invitation = await hub.partners.invite("Alone", [f"{VLT}:CPO"])
        code, folder = cpo("2.2.1", "async def connected(self): self.told = True"), tmp_path / "platform"
        folder.mkdir()
        file = write(folder, "alone", code)
        settings = platform_config(config(folder), file, folder / "alone")
        async with PlatformApp(settings, file) as alone:
            assert not hasattr(alone.plugin, "told")
            await alone.register("hub", hub.versions_url, Secret(invitation.token_a), ["NL-HUB:HUB"])
            port = int(alone.url.rpartition(":")[2])
            await until(lambda: getattr(alone.plugin, "told", False))
        settings = msgspec.structs.replace(settings, listen=msgspec.structs.replace(settings.listen, port=port))
        async with PlatformApp(settings, file) as alone:
            await alone.register("hub", hub.versions_url, Secret("not used"), ["NL-HUB:HUB"])
            assert alone.registered == ["hub"]
            await until(lambda: getattr(alone.plugin, "told", False))
            everything = [each async for each in alone.plugin.fetch_all("locations", dict, to=Party("NL", "HUB"))]
            assert everything == []


async def test_a_changed_file_is_taken_over(tmp_path):
    async with at_hub(tmp_path, cpo("2.2.1")) as (_, emsp, alone):
        folder = tmp_path / "platform"
        write(folder, "alone", cpo("2.2.1", "async def tariffs(self, page): return []"))
        await alone.plugins.refresh()
        assert ("tariffs", "SENDER") in alone.offer.endpoints()
        write(folder, "alone", cpo("2.2.1").replace("NL-VLT", "NL-NEW"))
        await alone.plugins.refresh()
        assert alone.offer.party == VLT
        assert (await send(emsp, "GET", "sender/locations/L1", to=VLT)).code == 1000


async def test_it_has_no_admin_api_and_may_have_its_port(tmp_path):
    port = free_port()
    code = "from aiohttp import web\n" + cpo(
        "2.2.1",
        f"""
    async def start(self):
        self.listen(web.Application(), host="127.0.0.1", port={port})
    """,
    )
    file = write(tmp_path, "alone", code)
    settings = platform_config(config(tmp_path, admin=Admin(port=port)), file, tmp_path / "alone")
    async with (
        PlatformApp(settings, file),
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/") as answer,
    ):
        assert answer.status == 404


async def test_one_that_raises_hangs_or_is_set_aside(tmp_path):
    faulty = """
    async def tariffs(self, page):
        raise RuntimeError("secret of the inside")
    """
    async with at_hub(tmp_path, cpo("2.2.1", faulty)) as (_, emsp, alone):
        for _ in range(5):
            answer = await send(emsp, "GET", "sender/tariffs", to=VLT)
            assert answer.code == 3000
            assert "secret" not in answer.message
        assert alone.plugins.status()[0].state == "set aside"
        assert (await send(emsp, "GET", "sender/locations/L1", to=VLT)).code == 3000


async def test_what_is_no_party_can_not_be_run(tmp_path):
    with pytest.raises(PluginError, match="the plugin is no party"):
        async with platform(tmp_path, "from hub.plugin import Plugin\nclass Mine(Plugin): ..."):
            pass
    with pytest.raises(PluginError, match="does not say which party it is"):
        async with platform(tmp_path, cpo("2.2.1").replace('party = "NL-VLT"', "")):
            pass
