"""The event log: what is in it, what is left out of it, new files, and a disk that takes nothing."""

import json
import os
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from hub.plugin.testing import message, reply
from tests.plugin.shipped import plugin, shipped

NAME = "event_log"


def told(folder):
    files = [*sorted((folder / "events").glob("events-*.jsonl")), folder / "events" / "events.jsonl"]
    return [json.loads(line) for file in files if file.exists() for line in file.read_text().splitlines()]


async def logged(app, folder):
    await app.bus.settle()
    await plugin(app, NAME).write()
    return told(folder)


async def test_what_passes_is_written(tmp_path):
    async with shipped(tmp_path, NAME, {"bodies": True, "every": 60.0}) as (app, cpo, emsp):
        cpo.seed(1)
        await cpo.push_location(emsp.party)
        lines = await logged(app, tmp_path)
        kinds = {each["event"] for each in lines}
        assert {"handled", "delivered", "registered", "status_changed", "partner_changed"} <= kinds
        (handled,) = (each for each in lines if each["event"] == "handled")
        assert (handled["sender"], handled["to"], handled["code"]) == ("NL-CPO", ["DE-MSP"], 1000)
        assert handled["body"]["id"] == handled["object"]
        assert datetime.fromisoformat(handled["at"]) <= datetime.now(UTC)
        assert (tmp_path / "events").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "events" / "events.jsonl").stat().st_mode & 0o777 == 0o600


async def test_it_is_written_at_the_end_of_the_hub(tmp_path):
    async with shipped(tmp_path, NAME, {"every": 60.0, "events": ["handled"]}) as (_, cpo, emsp):
        cpo.seed(1)
        await cpo.push_location(emsp.party)
    assert [each["event"] for each in told(tmp_path)] == ["handled"]
    assert "body" not in told(tmp_path)[0]


@pytest.mark.parametrize("hidden", [True, False])
async def test_cards_are_left_out_and_tokens_always(tmp_path, hidden):
    module_of = {"uid": "CARD1", "contract_id": "DE-MSP-C1", "token": "s3cret", "type": "RFID"}
    async with shipped(tmp_path, NAME, {"bodies": True, "every": 60.0, "hide_personal": hidden}) as (app, _, _):
        from hub.events import Handled
        from hub.plugin import Route

        sent = message("PUT receiver/tokens/NL/TNM/CARD1", module_of)
        route = Route.direct(sent.sender, why="test")
        app.bus.publish(Handled(message=sent, route=route, reply=reply(), seconds=0.1))
        text = json.dumps(await logged(app, tmp_path))
        assert "s3cret" not in text
        assert ("CARD1" in text) is not hidden
        assert ("DE-MSP-C1" in text) is not hidden


async def test_what_partners_write_acts_on_no_terminal(tmp_path):
    async with shipped(tmp_path, NAME, {"every": 60.0}) as (app, _, _):
        from hub.events import PartnerChanged

        app.bus.publish(PartnerChanged(platform="\x1b[31m\u202e\n" + "x" * 10_000, change="invited"))
        await logged(app, tmp_path)
        raw = (tmp_path / "events" / "events.jsonl").read_bytes()
        assert all(byte == 10 or 32 <= byte < 127 for byte in raw)
        assert max(map(len, raw.splitlines())) < 3000


async def test_files_are_finished_by_size_and_day_and_the_oldest_go(tmp_path):
    settings = {"every": 60.0, "events": ["partner_changed"], "megabytes": 0.001, "keep": 3}
    async with shipped(tmp_path, NAME, settings) as (app, _, _):
        from hub.events import PartnerChanged

        folder = tmp_path / "events"
        for number in range(100):
            app.bus.publish(PartnerChanged(platform=f"p{number:04}", change="invited"))
        await logged(app, tmp_path)
        finished = sorted(folder.glob("events-*.jsonl"))
        assert len(finished) == 3
        assert all(each.stat().st_size <= 1000 for each in finished)
        kept = [each["platform"] for each in told(tmp_path)]
        assert kept == sorted(kept)
        assert kept[-1] == "p0099"
        yesterday = (datetime.now(UTC) - timedelta(days=1)).timestamp()
        os.utime(folder / "events.jsonl", (yesterday, yesterday))
        app.bus.publish(PartnerChanged(platform="today", change="invited"))
        await logged(app, tmp_path)
        assert json.loads((folder / "events.jsonl").read_text())["platform"] == "today"
        files = await app.plugins.reception.call(NAME, "rotate", b"")
        assert len(files.files) == 3


async def test_a_disk_that_takes_nothing_is_counted_and_the_hub_goes_on(tmp_path):
    async with shipped(tmp_path, NAME, {"every": 60.0, "events": ["handled"]}) as (app, cpo, emsp):
        cpo.seed(1)
        current = tmp_path / "events" / "events.jsonl"
        current.unlink()
        current.symlink_to("/dev/full")
        assert (await cpo.push_location(emsp.party)).status_code == 1000
        await app.bus.settle()
        await plugin(app, NAME).write()
        (panel,) = await app.plugins.reception.panels(NAME)
        figures = {each.label: each.value for each in panel.drawing.figures}
        assert figures["not written, the disk did not take them"] == 1
        assert figures["problem"] == "No space left on device"
        current.unlink()
        assert (await cpo.push_location(emsp.party)).status_code == 1000
        assert len(await logged(app, tmp_path)) == 1
        assert app.plugins.status()[0].faults == 0


async def test_too_many_that_wait_are_dropped(tmp_path):
    async with shipped(tmp_path, NAME, {"every": 60.0, "waiting": 100, "events": ["partner_changed"]}) as (app, _, _):
        from hub.events import PartnerChanged

        await plugin(app, NAME).write()
        for _ in range(150):
            app.bus.publish(PartnerChanged(platform="p", change="invited"))
        await app.bus.settle()
        assert plugin(app, NAME).dropped == 50


async def test_files_are_listed_and_fetched_with_a_key_of_the_right_scope(tmp_path):
    async with shipped(tmp_path, NAME, {"every": 60.0}) as (app, _, _), aiohttp.ClientSession() as session:
        await logged(app, tmp_path)
        keys = {scope: (await app.operations.keys.create(scope, scope)).key for scope in ("read", "admin")}

        async def get(path, scope):
            async with session.get(app.admin_url + path, headers={"x-api-key": keys[scope]}) as answer:
                return answer.status, await answer.text()

        status, text = await get("/api/v1/plugins/event_log/files", "read")
        assert (status, json.loads(text)["files"][0]["name"]) == (200, "events.jsonl")
        status, text = await get("/plugins/event_log/files/events.jsonl", "admin")
        assert json.loads(text.splitlines()[0])["event"]
        assert (await get("/plugins/event_log/files/events.jsonl", "read"))[0] == 403
        for name in ("none", "..%2Fhub.db", "%2e%2e", "..%2f..%2fetc%2fpasswd"):
            assert (await get(f"/plugins/event_log/files/{name}", "admin"))[0] == 404


async def test_a_folder_that_can_not_be_written_is_told_at_the_start(tmp_path):
    from hub.plugin import PluginError

    (tmp_path / "events").write_text("")
    with pytest.raises(PluginError, match="File exists"):
        async with shipped(tmp_path, NAME, {}):
            pass
