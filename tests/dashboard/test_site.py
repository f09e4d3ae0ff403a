"""Who gets in, and what a browser may do: logins, cookies, forms of other sites, headers, paths, JSON twins."""

import asyncio
import re
from http.cookies import SimpleCookie

import msgspec
import pytest
from sqlalchemy import select

from hub.dashboard import live
from hub.dashboard.overview import Overview
from hub.dashboard.pages import ROOT
from hub.dashboard.sessions import COOKIE
from hub.dashboard.table import ACTIONS, PAGES
from hub.store.schema import admin_session

_OVERVIEW = f"{ROOT}/overview"
_LOGIN = f"{ROOT}/login"


def _cookie(answer):
    return SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]


def _filled(path):
    """A path with something in its parts."""
    return re.sub(r"\{\w+\}", "1", path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_nobody_sees_a_page_without_a_login(net, page):
    async with net.stranger() as stranger:
        path = ROOT + _filled(page.path)
        answer = await stranger.get(path)
        assert (answer.status, answer.text) == (303, "")
        assert answer.headers["Location"].startswith(f"{_LOGIN}?to=")
        assert (await stranger.get(f"{path}.json")).status == 401
        assert (await stranger.get(path, headers={"Accept": "text/event-stream"})).text == "event: over\ndata: \n\n"


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.act.__name__)
async def test_nobody_does_anything_without_a_login(net, action):
    async with net.stranger() as stranger:
        answer = await stranger.post(ROOT + _filled(action.path), {"csrf": "x"})
        assert answer.status == 303
        assert answer.headers["Location"].startswith(_LOGIN)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.act.__name__)
async def test_a_form_needs_the_token_of_its_session(net, action):
    async with net.visitor() as visitor, net.visitor() as other:
        path = ROOT + _filled(action.path)
        theirs = re.search(r'name="csrf" value="(\w+)"', (await other.get(_OVERVIEW)).text)[1]
        for csrf in ("", "x", theirs, "ü"):
            answer = await visitor.post(path, {"csrf": csrf})
            assert answer.status == 403
            assert "not of your session" in answer.text


@pytest.mark.promise(13)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
@pytest.mark.parametrize("path", ["login", "logout"])
async def test_a_form_of_another_site_is_refused(net, visitor, headers, path):
    answer = await visitor.send(f"{ROOT}/{path}", {"key": net.keys["admin"]}, headers=headers)
    assert answer.status == 403
    assert "another site" in answer.text
    assert "Set-Cookie" not in answer.headers


@pytest.mark.promise(13)
async def test_the_cookie_is_for_this_site_and_no_script(net):
    async with net.stranger() as stranger:
        plain = _cookie(await stranger.post(_LOGIN, {"key": net.keys["read"]}))
        assert (plain["httponly"], plain["samesite"], plain["path"], plain["secure"]) == (True, "Strict", ROOT, "")
        tls = {"X-Forwarded-Proto": "https"}
        assert _cookie(await stranger.post(_LOGIN, {"key": net.keys["read"]}, headers=tls))["secure"] is True


@pytest.mark.promise(13)
async def test_a_session_can_not_be_planted(net):
    """Whatever cookie a login comes with, it begins a session of its own."""
    async with net.stranger() as stranger:
        planted = {"Cookie": f"{COOKIE}=planted"}
        answer = await stranger.post(_LOGIN, {"key": net.keys["read"]}, headers=planted)
        assert _cookie(answer).value != "planted"
        assert (await stranger.get(_OVERVIEW, headers=planted)).status == 200  # by its own one
    async with net.stranger() as other:
        assert (await other.get(_OVERVIEW, headers=planted)).status == 303


@pytest.mark.promise(13)
async def test_no_token_of_a_session_is_on_disk(net):
    async with net.stranger() as stranger:
        token = _cookie(await stranger.post(_LOGIN, {"key": net.keys["read"]})).value
    folder = net.app.config.data_folder
    assert not any(token.encode() in file.read_bytes() for file in folder.iterdir() if file.is_file())


@pytest.mark.promise(13)
async def test_a_session_ends_with_its_logout_its_key_and_its_time(net, monkeypatch):
    async with net.visitor("read") as visitor, net.visitor("read") as other, net.visitor("operate") as third:
        assert (await visitor.send(f"{ROOT}/logout")).status == 303
        assert (await visitor.get(_OVERVIEW)).status == 303
        assert (await other.get(_OVERVIEW)).status == 200
        await net.app.operations.keys.revoke("read")
        assert (await other.get(_OVERVIEW)).status == 303
        assert (await third.get(_OVERVIEW)).status == 200
        monkeypatch.setattr("hub.dashboard.sessions.IDLE", -1)
        assert (await third.get(_OVERVIEW)).status == 303


@pytest.mark.promise(13)
async def test_a_logout_really_ends_the_session(net):
    """A cookie that somebody copied is worth nothing after it."""
    async with net.visitor() as visitor, net.stranger() as thief:
        token = _cookie(await visitor.post(_LOGIN, {"key": net.keys["admin"]})).value
        stolen = {"Cookie": f"{COOKIE}={token}"}
        assert (await thief.get(_OVERVIEW, headers=stolen)).status == 200
        assert (await visitor.send(f"{ROOT}/logout")).status == 303
        assert (await thief.get(_OVERVIEW, headers=stolen)).status == 303


@pytest.mark.promise(13)
async def test_wrong_keys_are_slowed_down_and_counted(net):
    async with net.stranger() as stranger:
        began = asyncio.get_running_loop().time()
        answers = [await stranger.post(_LOGIN, {"key": f"ohk_{number}"}) for number in range(3)]
        assert asyncio.get_running_loop().time() - began > 0.5
        assert [answer.status for answer in answers] == [401] * 3
        many = await asyncio.gather(*(stranger.post(_LOGIN, {"key": "ohk_x"}) for _ in range(12)))
        assert {answer.status for answer in many} == {401, 429}
        assert (await stranger.post(_LOGIN, {"key": net.keys["read"]})).status == 303
    metrics = net.app.admin.metrics.text().decode()
    assert float(re.search(r"^ocpi_hub_admin_refused_total (\S+)", metrics, re.MULTILINE)[1]) == 15


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/dashboard/",
        "//evil.example/dashboard/",
        "/\\evil.example",
        "/dashboard/\\evil",
        "javascript:alert(1)",
        "/dashboard/x\r\nSet-Cookie: a=b",
        "/api/v1/keys",
    ],
)
async def test_a_login_leads_nobody_away(net, to):
    async with net.stranger() as stranger:
        answer = await stranger.post(_LOGIN, {"key": net.keys["read"], "to": to})
        assert answer.headers["Location"] == _OVERVIEW


async def test_a_login_leads_back(net):
    async with net.stranger() as stranger:
        asked = f"{_OVERVIEW}?span=week"
        login = await stranger.get((await stranger.get(asked)).headers["Location"])
        to = re.search(r'name="to" value="([^"]+)"', login.text)[1]
        answer = await stranger.post(_LOGIN, {"key": net.keys["read"], "to": to})
        assert answer.headers["Location"] == asked


@pytest.mark.parametrize("path", [_OVERVIEW, _LOGIN, f"{_OVERVIEW}?span=never"])
async def test_pages_are_in_no_frame_and_run_nothing_foreign(visitor, path):
    answer = await visitor.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"<script(?![^>]* src=)|\sstyle=|\son\w+=|javascript:|https?://(?!www\.w3\.org)", answer.text)


@pytest.mark.parametrize(
    "name", ["../templates/_base.html", "%2e%2e/site.py", "..%2fsite.py", "%2fetc%2fpasswd", "", "x.css", "."]
)
async def test_static_files_are_those_of_their_folder(visitor, name):
    assert (await visitor.get(f"{ROOT}/static/{name}")).status == 404


async def test_a_twin_tells_what_its_page_shows(net, visitor):
    told = msgspec.json.decode((await visitor.get(f"{_OVERVIEW}.json?span=day")).text, type=Overview)
    assert [each.standing.partner for each in told.status.partners] == ["Cpo", "Emsp"]
    async with net.stranger() as stranger:
        by_key = await stranger.get(f"{_OVERVIEW}.json", headers={"x-api-key": net.keys["read"]})
        assert by_key.json()["status"]["party"] == "NL-HUB"
        wrong = await stranger.get(f"{_OVERVIEW}.json", headers={"x-api-key": "ohk_x"})
        assert (wrong.status, wrong.json().keys()) == (401, {"error"})


async def test_bad_parameters_are_named(visitor):
    answer = await visitor.get(f"{_OVERVIEW}?span=never")
    assert answer.status == 400
    assert "span: " in answer.text
    assert (await visitor.get(f"{_OVERVIEW}.json?span=never")).json()["error"]["message"].startswith("span: ")
    assert (await visitor.get(f"{_OVERVIEW}?nonsense=1")).status == 400


async def test_too_many_live_pages_are_refused(net, visitor, monkeypatch):
    monkeypatch.setattr(live, "WATCHERS", 0)
    answer = await visitor.get(_OVERVIEW, headers={"Accept": "text/event-stream"})
    assert (answer.status, answer.headers["Retry-After"]) == (503, "30")


async def test_old_sessions_are_forgotten(net, monkeypatch):
    async with net.visitor():
        monkeypatch.setattr("hub.dashboard.sessions.LONGEST", -1)
        async with net.visitor():
            count = await net.app.operations.keys._database.read(_sessions)
    assert count == 1


async def _sessions(connection):
    return len((await connection.execute(select(admin_session))).all())
