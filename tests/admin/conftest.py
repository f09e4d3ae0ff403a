"""A hub with two partners and an admin listener, and what calls the latter."""

import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest

from hub.admin.problems import Failure
from hub.admin.routes import Route
from hub.admin.table import ROUTES
from hub.app import App
from hub.config import Admin
from hub.sim import SimCpo, SimEmsp
from tests.support import network

OPEN = Admin(port=0)
PLUGIN = "from hub.plugin import Plugin\n\nclass Mine(Plugin): ..."


def route_of(method: str, path: str) -> Route:
    """The row of the table that a request is for."""
    plain = "/api/v1" + path.partition("?")[0]
    found = [
        each
        for each in ROUTES
        if each.method == method and re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(each.path)), plain)
    ]
    return min(found, key=lambda each: len(each.parameters))


class Api:
    """Calls the admin API of a hub with a key of each scope."""

    def __init__(self, app: App, session: aiohttp.ClientSession) -> None:
        self.app = app
        self.keys: dict[str, str] = {}
        self.called: set[Route] = set()
        self._session = session

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        scope: str | None = "admin",
        status: int = 200,
        **options: Any,
    ) -> Any:
        """The JSON of an answer that has to have this status. Without a scope, no key is sent."""
        answer = await self.raw(method, f"/api/v1{path}", body, scope=scope, **options)
        text = await answer.text()
        assert answer.status == status, text
        told = msgspec.json.decode(text)
        route = route_of(method, path)
        if status < 300:
            assert status == route.status
            self.called.add(route)
        # An answer that fits its struct, and has nothing beside, is the same when it went through the struct.
        typed = msgspec.json.decode(text, type=route.answer if status < 300 else Failure)
        assert msgspec.json.decode(msgspec.json.encode(typed)) == told
        return told

    async def raw(
        self, method: str, path: str, body: Any = None, *, scope: str | None = None, **options: Any
    ) -> aiohttp.ClientResponse:
        """An answer, whatever it is."""
        headers = {"x-api-key": self.keys[scope]} if scope else {}
        headers |= options.pop("headers", {})
        if body is not None:
            options["data"] = msgspec.json.encode(body)
            headers.setdefault("Content-Type", "application/json")
        async with self._session.request(method, self.app.admin_url + path, headers=headers, **options) as answer:
            await answer.read()
            return answer

    async def error(self, method: str, path: str, body: Any = None, *, status: int, **options: Any) -> str:
        """The message of an error; its form is checked."""
        failed = await self.call(method, path, body, status=status, **options)
        assert failed.keys() == {"error"}
        assert failed["error"].keys() == {"message", "hint"}
        return failed["error"]["message"]


class Net(msgspec.Struct):
    """What runs: the hub, its partners, and the API."""

    app: App
    cpo: SimCpo
    emsp: SimEmsp
    api: Api


@pytest.fixture
async def net(tmp_path) -> AsyncIterator[Net]:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "mine.py").write_text(PLUGIN)
    async with network(tmp_path, admin=OPEN) as (app, cpo, emsp), aiohttp.ClientSession() as session:
        api = Api(app, session)
        for scope in ("read", "operate", "admin"):
            api.keys[scope] = (await app.operations.keys.create(f"a {scope} key", scope)).key
        yield Net(app, cpo, emsp, api)


@pytest.fixture
def api(net: Net) -> Api:
    return net.api
