"""Webhooks: signed, once, to the end of their time; endpoints that are slow, wrong or gone."""

import asyncio
import hashlib
import hmac
import json
import re
import shutil
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from hub.config import Upstream
from hub.plugin import PluginError
from tests.plugin.shipped import SHIPPED, plugin, shipped, until
from tests.support import running

NAME = "webhooks"
SECRET = "a secret of some length"
PAGE = (Path(__file__).parents[2] / "docs/webhooks.md").read_text()


class Receiver:
    """An endpoint that keeps what it got."""

    def __init__(self):
        self.got = []
        self.status = 204
        self.headers = {}
        self.hold = None
        self.url = ""

    async def handle(self, request):
        self.got.append((request.headers.copy(), await request.read()))
        if self.hold:
            await self.hold.wait()
        return web.Response(status=self.status, headers=self.headers)

    @property
    def told(self):
        return [json.loads(body) for _, body in self.got]


@asynccontextmanager
async def serving(handler):
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    await runner.cleanup()


@pytest.fixture
async def receiver():
    receiver = Receiver()
    async with serving(receiver.handle) as receiver.url:
        yield receiver


def settings(*endpoints, **more):
    return {"secret": SECRET, "endpoints": list(endpoints), **more}


def outcomes(app):
    return [each.outcome for each in plugin(app, NAME).attempts]


async def test_a_push_is_told_once_and_signed(tmp_path, receiver):
    endpoint = {"name": "one", "url": receiver.url, "events": ["push"], "selectors": ["locations.receiver.put"]}
    async with shipped(tmp_path, NAME, settings(endpoint)) as (app, cpo, emsp):
        cpo.seed(1)
        await cpo.push_location(emsp.party)
        await cpo.push_tariff(emsp.party)
        await until(lambda: outcomes(app))
        ((headers, body),) = receiver.got
        signed = hmac.new(SECRET.encode(), headers["X-Hub-Timestamp"].encode() + b"." + body, hashlib.sha256)
        assert headers["X-Hub-Signature"] == f"sha256={signed.hexdigest()}"
        told = json.loads(body)
        assert (told["event"], told["hub"], told["id"]) == ("push", "NL-HUB", headers["X-Hub-Delivery"])
        data = told["data"]
        assert (data["sender"], data["receivers"], data["accepted"], data["code"]) == ("NL-CPO", ["DE-MSP"], True, 1000)
        assert data["body"]["id"] == data["path"][2]
        assert SECRET not in repr(plugin(app, NAME).settings)


async def test_what_happens_to_partners_is_told_and_counts_outlive_a_restart(tmp_path, receiver):
    one = settings({"name": "one", "url": receiver.url, "events": ["registered", "partner_changed"]})
    async with shipped(tmp_path, NAME, one) as (app, _, _):
        await until(lambda: len(receiver.got) == 4)
        assert [each["data"]["platform"] for each in receiver.told if each["event"] == "registered"] == ["Cpo", "Emsp"]
        await until(lambda: len(outcomes(app)) == 4)
    receiver.status = 500
    async with running(tmp_path, plugins={NAME: {"enabled": True, **one}}) as app:
        attempt = await app.plugins.reception.call(NAME, "test", b'"one"')
        assert attempt.outcome == "refused: HTTP 500"
        counts = (await app.plugins.reception.panels(NAME))[0].drawing.rows
        assert [each[:3] for each in counts] == [("one", "delivered", 4), ("one", "refused: HTTP 500", 1)]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(tmp_path, receiver, status):
    receiver.status, receiver.headers = status, {"Location": receiver.url + "2"}
    async with shipped(tmp_path, NAME, settings({"name": "one", "url": receiver.url, "events": ["push"]})) as (
        app,
        _,
        _,
    ):
        attempt = await app.plugins.reception.call(NAME, "test", b'"one"')
        assert attempt.outcome == f"refused: HTTP {status}"
        assert len(receiver.got) == 1


async def test_what_is_slow_or_gone_delays_nothing_and_is_never_tried_again(tmp_path, receiver):
    receiver.hold = asyncio.Event()
    async with serving(receiver.handle) as gone:
        pass
    endpoints = [
        {"name": name, "url": url, "events": ["push"]} for name, url in [("slow", receiver.url), ("gone", gone)]
    ]
    given = settings(*endpoints, at_once=2, waiting=3, patience=0.5)
    async with shipped(tmp_path, NAME, given) as (app, cpo, emsp):
        cpo.seed(1)
        for _ in range(8):
            assert (await cpo.push_location(emsp.party)).status_code == 1000
        await until(lambda: len(outcomes(app)) == 16)
        slow = sorted(each.outcome for each in plugin(app, NAME).attempts if each.endpoint == "slow")
        assert slow.count("dropped: too many waited") == 3
        assert set(slow[3:]) <= {"dropped: waited too long", "failed: timeout"}
        failed = {each.outcome for each in plugin(app, NAME).attempts if each.endpoint == "gone"}
        assert failed <= {"failed: connect", "dropped: too many waited"}
        assert "failed: connect" in failed
        assert len(receiver.got) <= slow.count("failed: timeout")  # one may have waited in vain for a connection
        receiver.hold.set()
        assert app.plugins.status()[0].faults == 0


async def test_the_hubs_guard_holds(tmp_path, receiver):
    (tmp_path / "plugins").mkdir()
    shutil.copy(SHIPPED / "webhooks.py", tmp_path / "plugins")
    tables = {NAME: {"enabled": True, **settings({"name": "one", "url": receiver.url})}}
    async with running(tmp_path, plugins=tables, upstream=Upstream()) as app:
        attempt = await app.plugins.reception.call(NAME, "test", b'"one"')
        assert attempt.outcome == "failed: forbidden"
        assert receiver.got == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"secret": "short"}, "the secret is missing, or shorter than 16 bytes"),
        (
            settings({"name": "a", "url": "https://x"}, {"name": "a", "url": "https://x"}),
            "two endpoints have the name 'a'",
        ),
        (settings({"name": "a", "url": "https://u:p@x"}), "takes no user name or password"),
        (settings({"name": "a", "url": "https://x", "selectors": ["tokens.pst"]}), "'pst' is no method or interface"),
        ({"secret_file": "none"}, "No such file"),
    ],
)
async def test_what_is_wrong_is_told_at_the_start(tmp_path, given, told):
    with pytest.raises(PluginError) as caught:
        async with shipped(tmp_path, NAME, given):
            pass
    assert told in str(caught.value)
    assert "u:p" not in str(caught.value)


async def test_the_receiver_on_the_page_takes_what_is_signed_and_nothing_else(tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    scope = {"__name__": "receiver"}
    exec(code, scope)
    runner = web.AppRunner(scope["application"])
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/ocpi"
    async with shipped(tmp_path, NAME, settings({"name": "one", "url": url, "events": ["push"]})) as (app, _, _):
        assert (await app.plugins.reception.call(NAME, "test", b'"one"')).outcome == "delivered"
        plugin(app, NAME).secret = b"another secret of some length"
        assert (await app.plugins.reception.call(NAME, "test", b'"one"')).outcome == "refused: HTTP 401"
    await runner.cleanup()
