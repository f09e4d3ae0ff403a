"""A hub with the public API, a simulated CPO whose locations it knows, and apps that call it over real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub.app import App
from hub.sim import SimCpo, SimEmsp
from tests.plugin.shipped import plugin, shipped

HERE = {"lat": "52.0875", "lon": "5.1050"}
"""Where LOC1 is."""


class Caller:
    """Somebody who calls with a key, and perhaps with a user's token."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key: str = "", token: str = "") -> None:
        self.session = session
        self.url = url
        self.headers = {**({"x-api-key": key} if key else {})}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        self.key = key
        self.user = ""
        self.sockets: list[aiohttp.ClientWebSocketResponse] = []

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """Status and JSON."""
        headers = self.headers | options.pop("headers", {})
        async with self.session.request(method, f"{self.url}{path}", json=body, headers=headers, **options) as answer:
            self.last = answer
            if answer.content_type == "application/json":
                return answer.status, await answer.json()
            return answer.status, await answer.read()

    async def listen(self, ticket: Any = None) -> aiohttp.ClientWebSocketResponse:
        """A socket, by a ticket of now unless it is given."""
        ticket = ticket or await self.post("/v1/tickets")
        self.sockets.append(await self.session.ws_connect(ticket["url"]))
        return self.sockets[-1]

    async def get(self, path: str, **query: str) -> Any:
        """The JSON of what has to be there."""
        status, answer = await self.call("GET", path, params=query)
        assert status == 200, answer
        return answer

    async def post(self, path: str, body: Any = None, status: int = 201) -> Any:
        """The JSON of what has to work."""
        got, answer = await self.call("POST", path, body)
        assert got == status, answer
        return answer


class Desk:
    """What runs."""

    def __init__(self, app: App, cpo: SimCpo, emsp: SimEmsp, session: aiohttp.ClientSession) -> None:
        self.app = app
        self.cpo = cpo
        self.emsp = emsp
        self.session = session
        self.plugin: Any = plugin(app, "public_api")
        self.url = self.plugin.url
        self._back: dict[str, str] = {}
        self._front: dict[str, str] = {}
        self._callers: list[Caller] = []

    async def verb(self, name: str, given: bytes = b"") -> Any:
        return await self.app.plugins.reception.call("public_api", name, given)

    async def key(self, name: str, *scopes: str, app: str = "shop") -> str:
        """A new app key."""
        text = ",".join(f'"{each}"' for each in scopes)
        made = await self.verb("key-create", f'{{"name":"{name}","app":"{app}","scopes":[{text}]}}'.encode())
        return made.key

    def caller(self, key: str = "", token: str = "") -> Caller:
        self._callers.append(Caller(self.session, self.url, key, token))
        return self._callers[-1]

    async def hang_up(self) -> None:
        """Close every socket; one that is left open warns from wherever it is found as garbage."""
        for caller in self._callers:
            for socket in caller.sockets:
                await socket.close()

    async def user(self, name: str, app: str = "shop") -> Caller:
        """A user with a card of the app."""
        if app not in self._back:
            self._back[app] = await self.key(f"{app}-back", "users", app=app)
            self._front[app] = await self.key(f"{app}-front", "read", "charge", app=app)
        made = await self.caller(self._back[app]).post("/v1/users", {"reference": name})
        user = self.caller(self._front[app], made["token"])
        user.user = made["user"]["id"]
        await user.post("/v1/cards", {"label": "phone"})
        return user

    def back(self, app: str = "shop") -> Caller:
        """The server of an app."""
        return self.caller(self._back[app])


@asynccontextmanager
async def opened(folder: Path, **settings: Any) -> AsyncIterator[Desk]:
    """A hub with the public API, and a CPO whose locations and tariffs are known to everybody."""
    paces = {"address_requests": 10_000, "key_requests": 10_000, "wrong_keys": 10_000}
    given = {"party": "NL-APP", "port": 0, **paces, **settings}
    async with shipped(folder, "public_api", given) as (app, cpo, emsp), aiohttp.ClientSession() as session:
        for number in range(1, 4):
            assert (await cpo.push_location(None, f"LOC{number}")).ok
        for tariff in ("AC", "DC"):
            assert (await cpo.push_tariff(None, tariff)).ok
        desk = Desk(app, cpo, emsp, session)
        try:
            yield desk
        finally:
            await desk.hang_up()


@pytest.fixture
async def desk(tmp_path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as desk:
        yield desk
