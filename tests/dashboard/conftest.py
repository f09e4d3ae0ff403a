"""A hub with two partners, and somebody without a browser who is logged in to its dashboard."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest

from hub.app import App
from hub.config import Admin
from hub.sim import SimCpo, SimEmsp
from tests.support import network


class Answer(msgspec.Struct):
    """What came back."""

    status: int
    headers: Any
    text: str

    def json(self) -> Any:
        return msgspec.json.decode(self.text)


class Visitor:
    """Looks at pages and sends forms, with the cookies that it got."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def get(self, path: str, **options: Any) -> Answer:
        return await self._ask("GET", path, **options)

    async def send(self, path: str, form: dict[str, str] | None = None, **options: Any) -> Answer:
        """Send a form, with the CSRF token that pages carry."""
        page = (await self.get("/dashboard/overview")).text
        found = re.search(r'name="csrf" value="(\w+)"', page)
        return await self.post(path, {"csrf": found[1] if found else "", **(form or {})}, **options)

    async def post(self, path: str, form: dict[str, str], **options: Any) -> Answer:
        """Send a form as it is."""
        return await self._ask("POST", path, data=form, **options)

    async def _ask(self, method: str, path: str, **options: Any) -> Answer:
        options.setdefault("allow_redirects", False)
        async with self._session.request(method, path, **options) as answer:
            return Answer(answer.status, answer.headers.copy(), await answer.text())


class Net(msgspec.Struct):
    """What runs: the hub, its partners, and visitors."""

    app: App
    cpo: SimCpo
    emsp: SimEmsp
    keys: dict[str, str]

    @asynccontextmanager
    async def stranger(self) -> AsyncIterator[Visitor]:
        """Somebody who is not logged in."""
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(self.app.admin_url, cookie_jar=jar) as session:
            yield Visitor(session)

    @asynccontextmanager
    async def visitor(self, scope: str = "admin") -> AsyncIterator[Visitor]:
        """Somebody who is logged in with a key of a scope."""
        async with self.stranger() as visitor:
            assert (await visitor.post("/dashboard/login", {"key": self.keys[scope]})).status == 303
            yield visitor


@pytest.fixture
async def net(tmp_path) -> AsyncIterator[Net]:
    async with network(tmp_path, admin=Admin(port=0)) as (app, cpo, emsp):
        keys = {scope: (await app.operations.keys.create(scope, scope)).key for scope in ("read", "operate", "admin")}
        yield Net(app, cpo, emsp, keys)


@pytest.fixture
async def visitor(net: Net) -> AsyncIterator[Visitor]:
    """Somebody who is logged in with an admin key."""
    async with net.visitor() as visitor:
        yield visitor
