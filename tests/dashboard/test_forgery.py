"""Forms that other sites send with the cookie of who is logged in, and cookies that others have planted.

Every route that changes something is taken from the router itself, so that a new one is tried as well.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import FormData
from structlog.testing import capture_logs

from hub.dashboard.pages import ROOT
from hub.dashboard.sessions import COOKIE

pytestmark = pytest.mark.promise(13)

_OVERVIEW = f"{ROOT}/overview"
_PARTS = {"partner": "1", "plugin": "mine", "form": "write"}
_FORM = '''
import msgspec
from hub.plugin import Plugin, form

class Given(msgspec.Struct):
    word: str = ""

class Mine(Plugin):
    @form("Write")
    async def write(self, given: Given) -> str:
        """Write a word."""
        return given.word
'''
_QUIET = {"GET", "HEAD", "OPTIONS"}


def changing(net) -> list[str]:
    """The paths of all routes of the dashboard that change something, but for the login."""
    routes = net.app.admin.application.router.routes()
    found = {
        each.resource.canonical
        for each in routes
        if each.method not in _QUIET and each.resource and each.resource.canonical.startswith(f"{ROOT}/")
    }
    return sorted(re.sub(r"\{(\w+)\}", lambda part: _PARTS[part[1]], each) for each in found - {f"{ROOT}/login"})


def _post(**options: Any) -> Callable[..., Any]:
    """A form; `{csrf}`, `{other}`, `{over}`, `{cookie}` and `{host}` in it are those of this try."""
    method = options.pop("method", "POST")

    def send(visitor, path, known):
        def filled(given: Any) -> Any:
            return {name: value.format(**known) for name, value in given.items()}

        own = {name: filled(value) if name != "make" else value for name, value in options.items()}
        if make := own.pop("make", None):
            own["data"] = make(known["csrf"])
        return visitor._ask(method, path, **own)

    return send


def _parts(csrf: str) -> FormData:
    form = FormData(default_to_multipart=True)
    form.add_field("csrf", csrf)
    return form


_RIGHT = {"csrf": "{csrf}"}
ATTACKS = {
    "no token": _post(data={}),
    "an empty token": _post(data={"csrf": ""}),
    "a token that was made up": _post(data={"csrf": "0" * 64}),
    "the token of another session": _post(data={"csrf": "{other}"}),
    "the token of a session that is over": _post(data={"csrf": "{over}"}),
    "the cookie as token": _post(data={"csrf": "{cookie}"}),
    "the token twice": _post(make=lambda csrf: f"csrf=x&csrf={csrf}".encode(), headers={
        "Content-Type": "application/x-www-form-urlencoded"
    }),
    "the token in the query": _post(data={}, params=_RIGHT),
    "the token in a header": _post(data={}, headers={"X-CSRF-Token": "{csrf}"}),
    "from another site": _post(data=_RIGHT, headers={"Origin": "https://evil.example"}),
    "from a page without a site": _post(data=_RIGHT, headers={"Origin": "null"}),
    "from another port": _post(data=_RIGHT, headers={"Origin": "http://127.0.0.1:9"}),
    "from a site that looks like this one": _post(data=_RIGHT, headers={"Origin": "http://{host}.evil.example"}),
    "from a site with this one as its user": _post(data=_RIGHT, headers={"Origin": "http://{host}@evil.example"}),
    "from another site, as the browser says": _post(data=_RIGHT, headers={"Sec-Fetch-Site": "cross-site"}),
    "from a sister, as the browser says": _post(data=_RIGHT, headers={"Sec-Fetch-Site": "same-site"}),
    "from another site that says it is not": _post(
        data=_RIGHT, headers={"Sec-Fetch-Site": "cross-site", "Origin": "http://{host}"}
    ),
    "by GET": _post(method="GET", params=_RIGHT),
    "by HEAD": _post(method="HEAD", params=_RIGHT),
    "by GET that says POST": _post(
        method="GET", params={"csrf": "{csrf}", "_method": "POST"}, headers={"X-HTTP-Method-Override": "POST"}
    ),
    "by PUT": _post(method="PUT", data=_RIGHT),
    "by DELETE": _post(method="DELETE", data=_RIGHT),
    "as JSON": _post(make=lambda csrf: f'{{"csrf":"{csrf}"}}'.encode(), headers={"Content-Type": "application/json"}),
    "as text": _post(make=lambda csrf: f"csrf={csrf}".encode(), headers={"Content-Type": "text/plain"}),
    "as a form with parts": _post(make=_parts),
}  # fmt: skip


def _csrf(page) -> str:
    return re.search(r'name="csrf" value="(\w+)"', page.text)[1]


def _token(visitor) -> str:
    return next(each.value for each in visitor._session.cookie_jar if each.key == COOKIE)


async def test_no_other_site_does_anything(net, proof):
    await _add_form(net)
    paths = changing(net)
    done: list[str] = []
    tried = 0
    async with net.visitor() as visitor, net.visitor() as other, net.visitor() as over:
        known = {
            "csrf": _csrf(await visitor.get(_OVERVIEW)), "other": _csrf(await other.get(_OVERVIEW)),
            "over": _csrf(await over.get(_OVERVIEW)), "cookie": _token(visitor),
            "host": net.app.admin_url.removeprefix("http://"),
        }  # fmt: skip
        await over.send(f"{ROOT}/logout")
        before = net.app.partners.show("1")
        for name, attack in ATTACKS.items():
            for path in paths:
                with capture_logs() as logs:
                    answer = await attack(visitor, path, known)
                tried += 1
                if any(each["event"] == "done_in_dashboard" for each in logs) or "Set-Cookie" in answer.headers:
                    done.append(f"{name}: {path}")
                assert answer.status < 500, (name, path)
        assert (await visitor.get(_OVERVIEW)).status == 200
        assert net.app.partners.show("1") == before
        assert done == []
        assert await _stopped(visitor, paths) == [], "with the right token the same forms get to their actions"
    proof.at_least("CSRF: routes tried", len(paths), 17)
    proof.at_least("CSRF: forged requests", tried, 400)
    proof.exactly("CSRF: forged requests that did something", len(done), 0)


async def _add_form(net) -> None:
    folder = net.app.config.plugins_folder
    folder.mkdir(exist_ok=True)
    (folder / "mine.py").write_text(_FORM)
    await net.app.plugins.refresh()


async def _stopped(visitor, paths) -> list[str]:
    """Where a form with the right token does not get past the gate; what ends the rest is left out."""
    answers = {path: await visitor.send(path) for path in paths if not path.endswith(("/logout", "/remove"))}
    return [path for path, answer in answers.items() if "not of your session" in answer.text or answer.status == 303]


def _with(*cookies: str) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{COOKIE}={each}" for each in cookies)}


async def test_a_planted_cookie_is_never_the_one_that_counts(net, proof):
    async with net.visitor("admin") as victim, net.visitor("read") as attacker, net.stranger() as stranger:
        own, planted = _token(victim), _token(attacker)
        for cookies in (("x", own), (own, "x"), ("x", own, "y"), (own, own), (own, "ü"), ("", own)):
            answer = await stranger.get(f"{_OVERVIEW}.json", headers=_with(*cookies))
            assert answer.status == 200, cookies
        taken = 0
        for cookies in ((planted, own), (own, planted)):
            answer = await stranger.get(_OVERVIEW, headers=_with(*cookies))
            assert (answer.status, "Location" in answer.headers) == (303, True)
            taken += answer.status == 200
        for token in (own, planted):
            assert (await stranger.get(_OVERVIEW, headers=_with(token))).status == 303, "both have ended"
        many = _with(*(f"{number}" for number in range(100)))
        assert (await stranger.get(_OVERVIEW, headers=many)).status == 303
    proof.exactly("session fixation: planted sessions that were taken", taken, 0)


async def test_a_login_never_takes_the_id_that_it_came_with(net, proof):
    """A session id that was planted before: one of nobody, one that is good, one that is over."""
    kept = []
    async with net.visitor("read") as attacker, net.visitor("read") as over, net.stranger() as stranger:
        last = _token(over)
        await over.send(f"{ROOT}/logout")
        for planted in ("planted", _token(attacker), last, "x" * 5000):
            form = {"key": net.keys["admin"]}
            answer = await stranger.post(f"{ROOT}/login", form, headers=_with(planted))
            assert answer.status == 303
            kept += [planted] if planted in answer.headers["Set-Cookie"] else []
    proof.exactly("session fixation: ids that a login kept", len(kept), 0)
