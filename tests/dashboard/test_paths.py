"""Paths, parameters and headers that lead astray, byte for byte: out of a folder, to another site, into a header."""

import asyncio
from urllib.parse import quote, urljoin, urlsplit

import pytest

from hub.dashboard.pages import ROOT
from hub.dashboard.sessions import COOKIE
from tests.plugin.shipped import SHIPPED, plugin
from tests.raw import ask, request

pytestmark = pytest.mark.promise(13)

ABOVE = (
    "..", "%2e%2e", "..%2f", "%2e%2e%2f", "..%5c", "..\\", "%252e%252e%252f", "....//", "..;", "..%00", "%c0%ae%c0%ae",
    "%uff0e%uff0e", ".%2e", "..%c0%af", "．．", "..%0d", "~root", "",
)  # fmt: skip
BELOW = (
    "etc/passwd",
    "site.py",
    "templates/_base.html",
    "../site.py",
    "%2fetc%2fpasswd",
    "data/hub.key",
    "C:%5cwin.ini",
)
FOLDERS = (f"{ROOT}/static/", "/docs/static/", f"{ROOT}/", "/plugins/event_log/files/", "/")
ODD = (
    "%00", "a%00b", "%0d%0ax-in:%201", "%0a", "%ff%fe", "%", "%zz", "%e2%80%ae", "%f0%9f%94%8c", "a" * 4000, "%2f" * 50,
    "'", "\"><x-in>", "{0}", "%7b%7b7*191%7d%7d", "null", "-1", "9" * 40, "1e9", "../1", "1;x=1", "1%3fx", "1%23", "*",
)  # fmt: skip
PAGES = (
    "/dashboard/partners/{}", "/dashboard/trace/{}", "/dashboard/mirror/locations/NL-CPO/{}",
    "/dashboard/mirror/{}/NL-CPO/1", "/dashboard/mirror/locations/{}/1", "/dashboard/plugins/{}",
    "/dashboard/partners?name={}", "/dashboard/journal?partner={}", "/dashboard/explain?path={}",
    "/dashboard/login?to={}", "/api/v1/partners/{}", "/api/v1/trace/{}", "/api/v1/keys/{}",
    "/api/v1/plugins/{}/panels", "/api/v1/plugins/event_log/{}", "/api/v1/partners?cursor={}",
    "/plugins/event_log/files/{}", "/plugins/{}/x", "/openapi/ocpi-{}.json", "/docs/{}",
)  # fmt: skip
SECRET = (b"root:", b"def ", b"{% block", b"import ", b"[fonts]")
TO = (
    "https://evil.example/dashboard/", "//evil.example/dashboard/", "///evil.example", "/\\evil.example",
    "\\\\evil.example", "/dashboard/\\evil", "\t//evil.example", "/\t/evil.example", "/%09/evil.example",
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "/dashboard/x\r\nSet-Cookie: a=b",
    "/dashboard/\nx", "/dashboard/\u2028", "/dashboard@evil.example", "/dashboard.evil.example/",
    "dashboard/overview", "http:evil.example", "https:/evil.example", "//evil.example\\@127.0.0.1/dashboard/",
    "/api/v1/keys", "/plugins/mine/x", "..//evil.example", " /dashboard/x", "/dashboard/../../evil",
    "/dashboard/..//evil.example", "/dashboard/%2e%2e//evil.example", "", "/", "\x00", "%2f%2fevil.example",
)  # fmt: skip


@pytest.fixture(autouse=True)
async def event_log(net) -> None:
    """A plugin that serves files."""
    folder = net.app.config.plugins_folder
    folder.mkdir()
    code = (SHIPPED / "event_log.py").read_text()
    (folder / "event_log.py").write_text(code.replace("enabled_by_default = False", "enabled_by_default = True"))
    await net.app.plugins.refresh()


async def _raw(net, target: str, *headers: str, method: str = "GET", body: bytes | None = None):
    host = net.app.admin_url.removeprefix("http://")
    return await ask(net.app.admin_url, request(method, target, f"Host: {host}", *headers, body=body))


async def _cookie(net) -> str:
    async with net.visitor() as visitor:
        return next(each.value for each in visitor._session.cookie_jar if each.key == COOKIE)


async def test_no_path_leads_out_of_a_folder(net, proof):
    allowed = f"Cookie: {COOKIE}={await _cookie(net)}", f"x-api-key: {net.keys['admin']}"
    targets = [
        f"{folder}{above}{'/' if above else ''}{below}" for folder in FOLDERS for above in ABOVE for below in BELOW
    ]
    answers = [await _raw(net, target, *allowed) for target in targets]
    wrong = [
        (target, answer.status)
        for target, answer in zip(targets, answers, strict=True)
        if answer.status < 400 or answer.status >= 500 or any(each in answer.body for each in SECRET)
    ]
    assert wrong == []
    (log,) = plugin(net.app, "event_log").files.all()
    for good in (f"{ROOT}/static/dashboard.css", f"/plugins/event_log/files/{log.name}"):
        assert (await _raw(net, good, *allowed)).status == 200
    proof.at_least("path tricks: paths out of a folder", len(targets), 600)
    proof.exactly("path tricks: files that were told", len(wrong), 0)


async def test_no_odd_part_breaks_a_page_or_gets_into_a_header(net, proof):
    allowed = f"Cookie: {COOKIE}={await _cookie(net)}", f"x-api-key: {net.keys['admin']}"
    targets = [page.format(odd) for page in PAGES for odd in ODD]
    wrong = []
    for target in targets:
        answer = await _raw(net, target, *allowed)
        reflected = answer.headers["content-type"].startswith("text/html") and b"<x-in>" in answer.body
        if answer.status >= 500 or "x-in" in answer.headers or reflected:
            wrong.append((target, answer.status))
    assert wrong == []
    proof.at_least("path tricks: odd parts and parameters", len(targets), 480)
    proof.exactly("path tricks: odd parts that broke something", len(wrong), 0)


async def test_no_value_splits_a_response(net, proof):
    """Whatever a request has that comes back in a header: where to go, which methods, which types."""
    split = (
        "x%0d%0ax-in: 1",
        "x\r\nx-in: 1",
        "x\rx-in: 1",
        "x\nx-in: 1",
        "x\u560d\u560ax-in: 1",
        "x%E5%98%8D%E5%98%8Ax-in: 1",
    )
    got_in = tried = 0
    for text in split:
        form = f"key={net.keys['read']}&to={quote(ROOT + '/' + text)}".encode()
        sent = "Content-Type: application/x-www-form-urlencoded"
        odd = text.replace(" ", "%20").replace("\r", "%0D").replace("\n", "%0A")
        answers = [
            await _raw(net, f"{ROOT}/login", sent, method="POST", body=form),
            await _raw(net, f"{ROOT}/overview?span={odd}"),
            await _raw(net, f"{ROOT}/partners/{odd}"),
            await _raw(net, f"/api/v1/partners/{odd}", f"x-api-key: {net.keys['admin']}", method="OPTIONS"),
            await _raw(net, f"/api/v1/{odd}", f"x-api-key: {net.keys['admin']}", method="DELETE"),
            await _raw(net, f"/plugins/{odd}/x", f"x-api-key: {net.keys['admin']}"),
        ]
        tried += len(answers)
        got_in += sum("x-in" in answer.headers for answer in answers)
    proof.at_least("response splitting: values tried", tried, 36)
    proof.exactly("response splitting: headers that got in", got_in, 0)


async def test_no_login_leads_to_another_site(net, proof):
    away = []
    async with net.stranger() as stranger:
        for to in TO:
            answer = await stranger.post(f"{ROOT}/login", {"key": net.keys["read"], "to": to})
            location = answer.headers["Location"]
            # Browsers take a backslash for a slash, and pass over tabs and line breaks.
            there = urljoin(f"{net.app.admin_url}/", location.replace("\\", "/").translate(dict.fromkeys(b"\t\r\n")))
            if urlsplit(there).netloc != urlsplit(net.app.admin_url).netloc or not location.startswith(f"{ROOT}/"):
                away.append((to, location))
    assert away == []
    proof.at_least("open redirects: places tried", len(TO), 30)
    proof.exactly("open redirects: that led away", len(away), 0)


async def test_what_is_too_long_is_refused_and_others_are_served(net):
    for target in (f"{ROOT}/overview?span={'x' * 70_000}", f"/{'x' * 70_000}", f"{ROOT}/partners/{'%41' * 25_000}"):
        answer = await _raw(net, target)
        assert answer.status in (400, 414)
        assert answer.headers["content-type"].startswith("text/plain")
    async with asyncio.timeout(5):
        assert (await _raw(net, "/health/live")).status == 200
