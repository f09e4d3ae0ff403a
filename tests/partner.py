"""A partner made for one test: a platform on a real socket, whose every answer the test can replace."""

import asyncio
import base64
import inspect
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web

from hub.app import App
from hub.core.party import PartyRole
from tests.raw import Answer, ask, request

TIMESTAMP = "2026-01-01T00:00:00.000Z"


class Say(msgspec.Struct, frozen=True):
    """An answer, byte for byte. `headers` may be pairs, too, to send one twice."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = {}


class Asked(msgspec.Struct, frozen=True):
    """A request that came in. Names in `headers` are lower case; `target` is path and query as they came.

    `port` is the caller's: each connection has another.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    port: int

    @property
    def line(self) -> str:
        """`GET /versions`, without the query."""
        return f"{self.method} {self.target.partition('?')[0]}"

    @property
    def token(self) -> str:
        """What follows `Token `, as it came."""
        return self.headers.get("authorization", "").removeprefix("Token ")


Says = Say | Callable[[Asked], Say | Awaitable[Say]]


def ocpi(data: Any = None, code: int = 1000, status: int = 200, message: str = "said so", **headers: str) -> Say:
    """An OCPI envelope; keyword arguments are headers (`X_Limit="5"`)."""
    body = {"data": data, "status_code": code, "status_message": message, "timestamp": TIMESTAMP}
    return Say(
        status,
        msgspec.json.encode(body),
        {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}},
    )


class Partner:
    """The partner. `says` maps `GET /versions` to the answer, or to what makes it; `asked` is all that came in.

    Endpoints are at `/{interface}/{module}`, as in `endpoints`; OCPI 2.1.1 is told no interface. Its token for the hub
    is `token_out`, the hub's for it `token`, which it sends in Base64 unless `raw`.
    `tls` is for a hub at https.
    """

    def __init__(
        self,
        *roles: str,
        endpoints: Sequence[str] = ("sender/locations", "receiver/tokens"),
        version: str = "2.2.1",
    ) -> None:
        self.roles = [PartyRole.parse(role) for role in roles]
        self.version = version
        self.endpoints = {name: f"/{name}" for name in endpoints}
        self.says: dict[str, Says] = {}
        self.asked: list[Asked] = []
        self._came = asyncio.Condition()
        self.token = ""
        self.token_out = "the-token-of-the-partner"
        self.raw = False
        self.host = "127.0.0.1"
        self.url = ""
        self.hub = ""
        self.tls: ssl.SSLContext | None = None

    @property
    def party(self) -> Any:
        return self.roles[0].party

    @property
    def lines(self) -> list[str]:
        """What came in, in short."""
        return [each.line for each in self.asked]

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["Partner"]:
        """Listen on a free port."""
        runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0.05)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.host, 0).start()
            self.url = f"http://{self.host}:{runner.addresses[0][1]}"
            yield self
        finally:
            await runner.cleanup()

    async def expect(self, line: str, times: int = 1) -> list[Asked]:
        """What came in with this line, as soon as it did so many times."""
        async with asyncio.timeout(10), self._came:
            await self._came.wait_for(lambda: self.lines.count(line) >= times)
        return [each for each in self.asked if each.line == line]

    async def invited(self, app: App) -> None:
        """Have the hub's operator invite it, for all its roles."""
        invitation = await app.partners.invite(str(self.roles[0]), [str(role) for role in self.roles])
        self.token, self.hub = invitation.token_a, app.url

    async def register(self, method: str = "POST", **changes: Any) -> Answer:
        """POST (or PUT) credentials at the hub; on success the new token is used from then on."""
        body = msgspec.json.encode(self.credentials() | changes)
        answer = await self.ask(method, f"/ocpi/{self.version}/credentials", body=body)
        if answer.code == 1000:
            self.token = answer.envelope["data"]["token"]
        return answer

    async def ask(
        self, method: str, target: str, *headers: str, body: bytes | None = None, token: str | None = None
    ) -> Answer:
        """A request to the hub, checked to be answered with an envelope."""
        token = self.token if token is None else token
        written = token if self.raw else base64.b64encode(token.encode()).decode()
        raw = request(method, target.removeprefix(self.hub), f"Authorization: Token {written}", *headers, body=body)
        answer = await ask(self.hub, raw, tls=self.tls)
        assert answer is not None
        assert answer.envelope
        return answer

    def credentials(self) -> dict[str, Any]:
        """Its credentials object."""
        if self.version == "2.1.1":
            return {
                "token": self.token_out,
                "url": f"{self.url}/versions",
                "country_code": self.party.country,
                "party_id": self.party.party_id,
                "business_details": {"name": "Test"},
            }
        return {
            "token": self.token_out,
            "url": f"{self.url}/versions",
            "roles": [
                {
                    "role": each.role,
                    "country_code": each.party.country,
                    "party_id": each.party.party_id,
                    "business_details": {"name": "Test"},
                }
                for each in self.roles
            ],
        }

    def versions(self) -> list[dict[str, str]]:
        return [{"version": self.version, "url": f"{self.url}/{self.version}"}]

    def details(self) -> dict[str, Any]:
        endpoints = [{"identifier": "credentials", "role": "SENDER", "url": f"{self.url}/credentials"}]
        for name, path in self.endpoints.items():
            interface, module = name.split("/")
            endpoints.append({"identifier": module, "role": interface.upper(), "url": self.url + path})
        if self.version == "2.1.1":
            endpoints = [{"identifier": each["identifier"], "url": each["url"]} for each in endpoints]
        return {"version": self.version, "endpoints": endpoints}

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        assert request.transport is not None
        port = request.transport.get_extra_info("peername")[1]
        asked = Asked(request.method, request.raw_path, headers, await request.read(), port)
        self.asked.append(asked)
        async with self._came:
            self._came.notify_all()
        say = self.says.get(asked.line) or self.usual(asked)
        if callable(say):
            made = say(asked)
            say = await made if inspect.isawaitable(made) else made
        return web.Response(status=say.status, body=say.body, headers=say.headers)

    def usual(self, asked: Asked) -> Say:
        """What it answers where a test says nothing else."""
        match asked.line:
            case "GET /versions":
                return ocpi(self.versions())
            case line if line == f"GET /{self.version}":
                return ocpi(self.details())
            case "POST /credentials" | "PUT /credentials":
                self.token = msgspec.json.decode(asked.body)["token"]
                return ocpi(self.credentials())
            case "DELETE /credentials":
                return ocpi()
        return ocpi(code=2000, status=404, message="there is nothing here")


async def hang(_: Asked) -> Say:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError
