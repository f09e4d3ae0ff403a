"""The sandbox: a partner registers, both counterparts act and fail on request, and the partner is checked."""

import asyncio
import sys
from contextlib import asynccontextmanager

import aiohttp
import pytest

from hub.core.directory import Secret
from hub.errors import InvalidParameters
from hub.platform import PlatformApp, platform_config
from hub.sandbox import ACTIONS, Desk, Sandbox
from hub.sandbox.actions import CPO as THEIR_CPO
from hub.sandbox.actions import EMSP as THEIR_EMSP
from hub.sim import SimCpo, SimEmsp
from tests.cli.command import ROOT
from tests.hosted import cpo, write
from tests.support import CPO, EMSP, config


@asynccontextmanager
async def tried(folder, partner):
    """A sandbox, and a platform that has registered at it."""
    async with Sandbox(config(folder), [str(role) for role in partner.roles]) as box, partner:
        await partner.register(box.invitation.versions_url, box.invitation.token_a)
        yield box


async def test_an_emsp_is_pushed_to_asked_and_checked(tmp_path):
    emsp = SimEmsp("Mine", [EMSP])
    async with tried(tmp_path, emsp) as box:
        assert (await box.do("push-location", "LOC2"))["http"] == 201
        assert (await box.do("push-status", "LOC2"))["status_code"] == 1000
        assert next(iter(emsp.their_locations))["evses"][0]["status"] == "CHARGING"
        assert (await box.do("push-tariff", "DC"))["status_code"] == 1000
        assert (await box.do("authorize", emsp.token()["uid"]))["data"]["allowed"] == "ALLOWED"
        assert (await box.do("authorize", "nobody"))["http"] == 404
        assert len(await emsp.fetch_all("locations", to=THEIR_CPO.party)) == 12
        sent = await emsp.start_session("LOC1", None, emsp.token(), THEIR_CPO.party)
        assert (await emsp.result(of=sent)).result == "ACCEPTED"
        sums = await box.do("certify-write")
        assert (sums["certified"], sums["failed"]) == (True, [])


async def test_a_cpo_is_read_started_and_checked(tmp_path):
    cpo = SimCpo("Mine", [CPO])
    async with tried(tmp_path, cpo) as box:
        assert await box.do("get-locations") == ["LOC1", "LOC2", "LOC3"]
        assert (await box.do("push-token", "1"))["http"] == 201
        assert (await box.do("start-session", "LOC1"))["result"] == {"result": "ACCEPTED"}
        (session,) = cpo.sessions
        assert (await box.do("stop-session", session["id"]))["result"] == {"result": "ACCEPTED"}
        await cpo.idle()
        received = await box.do("received")
        assert received["cdrs"] == [each["id"] for each in cpo.cdrs]
        assert (await box.do("start-session", "nowhere"))["status_code"] == 2003
        assert (await box.do("certify"))["certified"] is True


@pytest.mark.parametrize("version", ["2.1.1", "2.2.1", "2.3.0"])
async def test_a_party_of_any_version_tries_itself(tmp_path, version):
    folder = tmp_path / "alone"
    folder.mkdir()
    file = write(folder, "alone", cpo(version), version)
    async with (
        Sandbox(config(tmp_path), ["NL-VLT:CPO"]) as box,
        PlatformApp(platform_config(config(folder), file, folder / "data"), file) as alone,
    ):
        token = Secret(box.invitation.token_a)
        await alone.register("sandbox", box.invitation.versions_url, token, ["NL-HUB:HUB"])
        assert await box.do("get-locations") == ["L1", "L2", "L3"]
        assert (await box.do("start-session", "L1"))["result"] == {"result": "ACCEPTED"}
        sums = await box.do("certify")
        assert (sums["certified"], sums["failed"]) == (True, [])


async def test_both_fail_on_request(tmp_path):
    emsp = SimEmsp("Mine", [EMSP])
    async with tried(tmp_path, emsp) as box:
        await box.do("fail", "status 500")
        reply = await emsp.call("locations", "SENDER", "GET", to=THEIR_CPO.party)
        assert reply.status_code == 4000
        await box.do("fail", "none")
        await box.do("pages", "2")
        reply = await emsp.call("locations", "SENDER", "GET", to=THEIR_CPO.party)
        assert (len(reply.data), "Link" in reply.headers) == (2, True)
        state = await box.do("delay", "0")
        assert (state["cpo"]["page"], state["emsp"]["party"]) == (2, str(THEIR_EMSP.party))


async def test_mistakes_are_told(tmp_path):
    async with Sandbox(config(tmp_path), [str(CPO)]) as box:
        for name, given in (
            ("nothing", ""),
            ("push-location", ""),
            ("fail", "often"),
            ("delay", "-1"),
            ("certify", ""),
        ):
            with pytest.raises(InvalidParameters):
                await box.do(name, given)


@pytest.mark.promise(13)
async def test_the_desk_has_all_actions_and_takes_nothing_from_other_sites(tmp_path):
    emsp = SimEmsp("Mine", [EMSP])
    async with tried(tmp_path, emsp) as box, Desk(box, 0) as desk, aiohttp.ClientSession() as http:
        async with http.get(desk.url) as answer:
            page = await answer.text()
        assert all(f'action="/do/{each.name}"' in page for each in ACTIONS)
        assert box.invitation.token_a not in page
        async with http.get(f"{desk.url}/report.html") as answer:
            assert answer.status == 404
        async with http.post(f"{desk.url}/do/push-location", data={"given": "LOC1"}) as answer:
            assert (answer.status, "&#34;http&#34;: 201" in await answer.text()) == (200, True)
        async with http.post(f"{desk.url}/do/certify", json={}) as answer:
            assert (await answer.json())["certified"] is True
        async with http.get(f"{desk.url}/report.html") as answer:
            assert "Certified" in await answer.text()
        async with http.post(f"{desk.url}/do/nothing", json={}) as answer:
            assert (answer.status, "there is no action" in (await answer.json())["error"]) == (400, True)
        for headers in ({"Origin": "https://elsewhere.example"}, {"Host": "elsewhere.example"}):
            async with http.post(f"{desk.url}/do/certify", json={}, headers=headers) as answer:
                assert answer.status == 403


async def test_the_command_prints_what_a_partner_needs(tmp_path):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub", "sandbox", "--party", "DE-MSP:EMSP", "--port", "0",
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        told = {}
        async with asyncio.timeout(30):
            while "desk" not in told:
                line = (await process.stdout.readline()).decode()
                assert line, (await process.stderr.read()).decode()
                if line.startswith("  "):
                    name, value = line.strip().rsplit("  ", 1)
                    told[name.strip()] = value.strip()
        async with SimEmsp("Mine", [EMSP]) as emsp, aiohttp.ClientSession() as http:
            await emsp.register(told["versions URL"], told["TOKEN_A"])
            async with http.post(f"{told['desk']}/do/certify", json={}) as answer:
                assert (await answer.json())["certified"] is True
    finally:
        process.terminate()
        async with asyncio.timeout(20):
            await process.wait()
    assert process.returncode == 0
