"""Pages of other sites in the browser of somebody who is logged in: frames, forms, reads, names, and planted cookies.

Each comes from another site (`evil.example`), and from another port of the same host: there the browser sends cookies.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from hub.dashboard.pages import ROOT
from hub.dashboard.sessions import COOKIE
from hub.dashboard.table import ACTIONS, DOWNLOADS, PAGES

pytestmark = pytest.mark.promise(13)

OVERVIEW = f"{ROOT}/overview"
SITES = "evil.example", "127.0.0.1"
HELD_BACK = re.compile(
    r"in a frame because|blocked by CORS|net::ERR_|status of (4\d\d|303)|MIME type|Content Security Policy|CORS policy"
    r"|Refused to|strict MIME"
)
"""What the browser says where it holds something back: that is how it should be."""
READ = """async (urls) => {
  const read = [];
  await Promise.all(urls.map(async (url) => {
    for (const options of [{}, {headers: {"x-api-key": "ohk_x"}}, {method: "DELETE"}]) {
      try { await fetch(url, {credentials: "include", ...options}); read.push(url); } catch { /* held back */ }
    }
    await new Promise((done) => {
      const script = Object.assign(document.createElement("script"), {src: url, onerror: done});
      script.onload = () => { read.push(url); done(); };
      document.body.append(script);
    });
    await new Promise((done) => {
      const source = new EventSource(url, {withCredentials: true});
      const end = () => { source.close(); done(); };
      source.onopen = () => { read.push(url); end(); };
      source.onerror = end;
    });
  }));
  return read;
}"""
SEND = """async ([urls, csrf, key]) => {
  for (const url of urls) {
    for (const body of [{csrf}, {}, {csrf, key}]) {
      const sent = {method: "POST", mode: "no-cors", credentials: "include", body: new URLSearchParams(body)};
      try { await fetch(url, sent); } catch { /* it was sent, and the answer is held back */ }
    }
    const form = Object.assign(document.createElement("form"), {method: "post", action: url, target: "there"});
    form.append(Object.assign(document.createElement("input"), {name: "csrf", value: csrf}));
    document.body.append(form);
    await new Promise((done) => { document.querySelector("iframe").onload = done; form.submit(); });
  }
  return urls.length * 4;
}"""


def _filled(path: str) -> str:
    return ROOT + re.sub(r"\{\w+\}", "1", path)


def _urls(desk) -> list[str]:
    paths = [_filled(page.path) for page in PAGES]
    paths += [f"{OVERVIEW}.json", f"{ROOT}/login", "/docs", "/openapi.json", "/health/live", "/api/v1/overview"]
    return [desk.app.admin_url + path for path in paths]


@asynccontextmanager
async def foreign() -> AsyncIterator[int]:
    """The port of a server with one empty page, which takes what is sent."""
    application = web.Application()

    async def serve(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><body><iframe name=there></iframe>", content_type="text/html")

    application.add_routes([web.get("/", serve)])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _forget(desk) -> None:
    desk.problems[:] = [each for each in desk.problems if not HELD_BACK.search(each)]


async def test_no_page_is_shown_in_a_frame(desk, page, proof):
    shown, tried, urls = [], 0, _urls(desk)
    async with foreign() as port:
        for site in SITES:
            own = f"http://{site}:{port}/"
            await page.goto(own)
            await page.evaluate(
                """(urls) => Promise.all(urls.map((src) => new Promise((done) =>
                  document.body.append(Object.assign(document.createElement("iframe"), {src, onload: done})))))""",
                [*urls, own],
            )
            frames = [frame.url for frame in page.frames if frame.url.startswith("http")]
            assert own in frames[1:], "a page that may be framed is shown"
            shown += [url for url in frames if url.startswith(desk.app.admin_url)]
            tried += len(urls)
    _forget(desk)
    proof.at_least("clickjacking: pages in frames of other origins", tried, 36)
    proof.exactly("clickjacking: pages that were shown", len(shown), 0)


async def test_no_form_of_another_site_does_anything(desk, page, proof):
    """With everything right but where it comes from: the token of the session as well."""
    await page.goto(OVERVIEW)
    csrf = await page.locator("input[name=csrf]").get_attribute("value")
    paths = [_filled(each.path) for each in ACTIONS] + [f"{ROOT}/logout", f"{ROOT}/login"]
    before, tried = desk.app.partners.all(), 0
    async with foreign() as port:
        with capture_logs() as logs:
            for site in SITES:
                await page.goto(f"http://{site}:{port}/")
                tried += await page.evaluate(
                    SEND, [[desk.app.admin_url + each for each in paths], csrf, desk.keys["read"]]
                )
    done = [each for each in logs if each["event"] in ("done_in_dashboard", "logged_in")]
    assert desk.app.partners.all() == before
    await page.goto(OVERVIEW)
    assert "admin" in await page.locator("header .who").inner_text()
    _forget(desk)
    proof.at_least("CSRF in a browser: forms of other origins", tried, 150)
    proof.exactly("CSRF in a browser: forms that did something", len(done), 0)


async def test_no_other_site_reads_anything(desk, page, proof):
    read, tried, urls = [], 0, _urls(desk) + [desk.app.admin_url + _filled(each.path) for each in DOWNLOADS]
    async with foreign() as port:
        for site in SITES:
            await page.goto(f"http://{site}:{port}/")
            read += await page.evaluate(READ, urls)
            tried += len(urls) * 5
        await page.goto("/dashboard/explain")
        assert await page.evaluate("(url) => fetch(url).then((answer) => answer.ok)", f"{OVERVIEW}.json")
    _forget(desk)
    proof.at_least("CORS in a browser: reads of other origins", tried, 180)
    proof.exactly("CORS in a browser: that were read", len(read), 0)


async def test_no_foreign_name_shows_the_dashboard(desk, page, proof):
    """DNS rebinding: the name of another site leads to the hub."""
    port = desk.app.admin_url.rpartition(":")[2]
    served = []
    for name in ("evil.example", "hub.evil.example", "127.0.0.1.evil.example"):
        for path in (OVERVIEW, f"{ROOT}/login", "/docs", "/openapi.json", "/metrics", f"{ROOT}/static/dashboard.js"):
            answer = await page.goto(f"http://{name}:{port}{path}")
            served += [path] if answer.status != 421 else []
    _forget(desk)
    proof.exactly("DNS rebinding in a browser: pages that were served", len(served), 0)


async def test_planted_cookies_do_not_take_over(desk, page, proof):
    """Another port of this host sets cookies beside ours: for longer paths, which browsers send first."""
    taken = 0
    async with desk.visitor("read") as attacker:
        planted = next(each["value"] for each in await attacker.context.cookies() if each["name"] == COOKIE)
    own = next(each["value"] for each in await page.context.cookies() if each["name"] == COOKIE)
    cookie = {"name": COOKIE, "domain": "127.0.0.1"}
    await page.context.add_cookies([{**cookie, "value": "nonsense", "path": OVERVIEW}])
    await page.goto(OVERVIEW)
    assert "admin" in await page.locator("header .who").inner_text()
    await page.context.add_cookies([{**cookie, "value": planted, "path": OVERVIEW}])
    await page.goto(OVERVIEW)
    taken += "read" in await page.locator("body").inner_text() and not page.url.startswith(
        f"{desk.app.admin_url}{ROOT}/login"
    )
    await page.get_by_label("Key").fill(desk.keys["admin"])
    await page.get_by_role("button", name="Log in").click()
    assert "admin" in await page.locator("header .who").inner_text()
    kept = next(
        each["value"] for each in await page.context.cookies() if each["name"] == COOKIE and each["path"] == ROOT
    )
    taken += kept in (own, planted)
    proof.exactly("session fixation in a browser: planted sessions that were taken", taken, 0)
