"""plugins/example_cpo.py: the same file as a party inside a hub, and as a platform of its own."""

import json
import shutil
import sqlite3
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from hub.core.directory import Secret
from hub.core.party import Party
from hub.platform import PlatformApp, platform_config
from hub.plugin.loader import Loader
from tests.hosted import joined
from tests.partner import ocpi
from tests.support import config, running
from tests.versions import location, send, token

FILE = Path(__file__).parents[2] / "plugins" / "example_cpo.py"
EXA = Party("NL", "EXA")


@asynccontextmanager
async def inside(folder):
    """The example inside a hub, with an eMSP."""
    (folder / "plugins").mkdir()
    shutil.copy(FILE, folder / "plugins")
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(running(folder, plugins={"example_cpo": {"enabled": True}}))
        yield await joined(stack, hub, "DE-MSP:EMSP")


@asynccontextmanager
async def alone(folder):
    """The example on its own, at a hub with an eMSP."""
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(running(folder))
        settings = platform_config(config(folder), FILE, folder / "alone")
        app = await stack.enter_async_context(PlatformApp(settings, FILE))
        invitation = await hub.partners.invite("Example", ["NL-EXA:CPO"])
        await app.register("hub", hub.versions_url, Secret(invitation.token_a))
        yield await joined(stack, hub, "DE-MSP:EMSP")


@pytest.mark.parametrize("way", [inside, alone])
async def test_a_session_from_start_to_cdr(tmp_path, way):
    async with way(tmp_path) as emsp:
        place = {**location("2.2.1"), "party_id": "EXA"}
        with sqlite3.connect(tmp_path / "example_cpo.db") as database:
            database.execute("INSERT INTO object VALUES ('Location', 'LOC1', ?)", [json.dumps(place)])
        database.close()
        emsp.endpoints["sender/commands"] = "/sender/commands"
        emsp.says["POST /sender/commands/start"] = emsp.says["POST /sender/commands/stop"] = ocpi()
        await emsp.register("PUT")
        listed = await send(emsp, "GET", "sender/locations", to=EXA)
        assert [each["id"] for each in listed.envelope["data"]] == ["LOC1"]
        said = {"token": token("2.2.1"), "location_id": "LOC1", "response_url": f"{emsp.url}/sender/commands/start"}
        emsp.says |= {"POST /receiver/cdrs": ocpi()}
        pushed = []
        usual = emsp.usual
        emsp.usual = lambda asked: (pushed.append(asked), ocpi())[1] if "/sessions/" in asked.line else usual(asked)
        answer = await send(emsp, "POST", "receiver/commands/START_SESSION", said, to=EXA)
        assert answer.envelope["data"]["result"] == "ACCEPTED"
        await emsp.expect("POST /sender/commands/start")
        (path,) = {each.line for each in await came(emsp, "PUT /receiver/sessions/NL/EXA/")}
        session = path.rpartition("/")[2]
        stop = {"session_id": session, "response_url": f"{emsp.url}/sender/commands/stop"}
        assert (await send(emsp, "POST", "receiver/commands/STOP_SESSION", stop, to=EXA)).code == 1000
        (cdr,) = await emsp.expect("POST /receiver/cdrs")
        made = msgspec.json.decode(cdr.body)
        assert (made["session_id"], made["cdr_location"]["evse_id"]) == (session, "NL*CPO*E1")
        assert made["cdr_token"]["uid"] == "CARD1"
        again = await send(emsp, "POST", "receiver/commands/STOP_SESSION", stop, to=EXA)
        assert again.envelope["data"]["result"] == "UNKNOWN_SESSION"
        unknown = await send(emsp, "POST", "receiver/commands/START_SESSION", {**said, "location_id": "X"}, to=EXA)
        assert unknown.code == 2003


async def came(emsp, beginning):
    """The requests whose line begins so, as soon as there is one."""
    async with emsp._came:
        await emsp._came.wait_for(lambda: any(each.startswith(beginning) for each in emsp.lines))
    return [each for each in emsp.asked if each.line.startswith(beginning)]


def test_it_is_short_and_switched_off(tmp_path):
    assert len(FILE.read_text().splitlines()) < 80
    shutil.copy(FILE, tmp_path)
    assert Loader(config(tmp_path), [tmp_path]).load_all() == []
