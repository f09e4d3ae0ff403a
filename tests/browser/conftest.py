"""A hub with two partners, and somebody in a real Chromium who looks at its dashboard."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from hub.app import App
from hub.config import Admin
from hub.sim import SimCpo, SimEmsp
from tests.support import network

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_NAMES_LEAD_HERE = "--host-resolver-rules=MAP *.example 127.0.0.1"
PATIENCE = 20_000
"""Milliseconds that the browser waits for what has to appear."""


class Desk(msgspec.Struct):
    """What runs: the hub, its partners, and browsers that visit it."""

    app: App
    cpo: SimCpo
    emsp: SimEmsp
    browser: Browser
    keys: dict[str, str]
    problems: list[str]

    @asynccontextmanager
    async def visitor(self, scope: str = "admin", **options: Any) -> AsyncIterator[Page]:
        """A browser of its own, logged in with a key of a scope; `options` are those of playwright's context."""
        async with self.stranger(**options) as page:
            await page.goto("/dashboard/login")
            await page.get_by_label("Key").fill(self.keys[scope])
            await page.get_by_role("button", name="Log in").click()
            await page.get_by_role("heading", name="Overview").wait_for()
            yield page

    @asynccontextmanager
    async def stranger(self, **options: Any) -> AsyncIterator[Page]:
        """A browser of its own in which nobody is logged in."""
        context: BrowserContext = await self.browser.new_context(base_url=self.app.admin_url, **options)
        context.set_default_timeout(PATIENCE)
        page = await context.new_page()
        page.on("pageerror", lambda error: self.problems.append(f"error in a script: {error}"))
        page.on("console", lambda said: self.problems.append(said.text) if said.type in ("error", "warning") else None)
        try:
            yield page
        finally:
            await context.close()


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A real Chromium."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("there is no Chromium, and CI has to have one")
        pytest.skip("needs Chromium: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox", _NAMES_LEAD_HERE])
        yield browser
        await browser.close()


@pytest.fixture
async def desk(tmp_path, chromium: Browser) -> AsyncIterator[Desk]:
    """A hub with a CPO and an eMSP, whose dashboard browsers visit. A page that complains fails the test."""
    async with network(tmp_path, admin=Admin(port=0)) as (app, cpo, emsp):
        keys = {scope: (await app.operations.keys.create(scope, scope)).key for scope in ("read", "operate", "admin")}
        desk = Desk(app, cpo, emsp, chromium, keys, [])
        yield desk
        assert desk.problems == []


@pytest.fixture
async def page(desk: Desk) -> AsyncIterator[Page]:
    """A browser that is logged in with an admin key."""
    async with desk.visitor() as page:
        yield page
