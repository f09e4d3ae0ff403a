"""Start, drive and stop the foreign OCPI platform extrawest-ocpi for a test."""

import asyncio
import secrets
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import aiohttp
import pytest

from tests.peers.venvs import PeerUnavailable, peer_python

# All that the package needs, pinned, since nothing is resolved. It asks for pydantic 1.10.12 itself, which does not
# start on Python 3.12.4 and later; a newer 1.10 does, and behaves the same for us.
REQUIREMENTS = (
    "extrawest-ocpi==2025.7.16",
    "fastapi==0.101.1",
    "starlette==0.27.0",
    "pydantic==1.10.26",
    "typing-extensions==4.15.0",
    "httpx==0.24.1",
    "httpcore==0.17.3",
    "h11==0.14.0",
    "anyio==4.11.0",
    "sniffio==1.3.1",
    "idna==3.11",
    "certifi==2025.11.12",
    "uvicorn==0.23.2",
    "click==8.3.1",
)
PARTIES = {"CPO": ("DE", "EXC"), "EMSP": ("NL", "EXM")}
READY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP: header names in lower case, the body decoded from JSON where it is JSON."""

    status: int
    headers: dict[str, str]
    body: Any


class ExtrawestPeer:
    """One platform in a process of its own, OCPI 2.2.1 only, with one party and everything in memory.

    CPO `DE-EXC` owns the locations `LOC1`.. (each with `EVSE1`.. and connector `1`), tariff `TAR1`, session `SES1` and
    CDR `CDR1`; eMSP `NL-EXM` owns the RFID tokens `TOK1`..`TOK3`. The package gives all of these in lower case.

    Entering it skips the test when the package can not be installed, and fails instead on CI.
    """

    def __init__(self, role: Literal["CPO", "EMSP"], *, locations: int = 3) -> None:
        self.role = role
        self.country_code, self.party_id = PARTIES[role]
        self.token_a = secrets.token_urlsafe(24)
        self.url = ""
        self._locations = locations

    @property
    def versions_url(self) -> str:
        """Where this peer's versions are: open to `token_a` until somebody is registered, then to their token."""
        return f"{self.url}/ocpi/versions"

    def module_url(self, module: str) -> str:
        """The URL that this peer serves a module at, with a slash at the end, advertised or not."""
        return f"{self.url}/ocpi/{self.role.lower()}/2.2.1/{module}/"

    async def state(self) -> dict[str, Any]:
        """What the peer holds.

        `registered`; `hub` with its `url`, `roles` and `endpoints`; `objects` by module and lowercased id; `requests`,
        oldest first, each with `method`, `path`, `query`, `headers`, `body` and `status`. Instead of a token there
        stands which one it was, and how it was encoded: `Token <C base64>`.
        """
        return await self._control("GET", "state")

    async def hub_url(self, module: str, role: Literal["SENDER", "RECEIVER"]) -> str:
        """The URL that the hub advertised to this peer for an interface."""
        endpoints = (await self.state())["hub"]["endpoints"]
        return next(each["url"] for each in endpoints if (each["identifier"], each["role"]) == (module, role))

    async def register(self, hub_versions_url: str, token_a: str) -> Answer:
        """Register with a hub as Sender: GET versions, GET details, POST credentials. Gives the hub's last answer."""
        return await self._order("register", versions_url=hub_versions_url, token_a=token_a)

    async def send(self, method: str, url: str, *, headers: dict[str, str] | None = None, body: Any = None) -> Answer:
        """Send one request to the hub with the token that the hub gave; `headers` come on top of Authorization."""
        return await self._order("send", method=method, url=url, headers=headers, body=body)

    async def push(self, module: str, object_id: str) -> Answer:
        """Let the package's own client code push a stored object to the hub; only what it lays open is in the answer.

        That is the status with the body, or with the headers for a CDR.
        """
        return await self._order("push", module=module, object_id=object_id)

    async def __aenter__(self) -> Self:
        """Start the process and wait until it answers."""
        python = await asyncio.to_thread(_python)
        self._folder = tempfile.TemporaryDirectory(prefix="extrawest-")
        # Listening before the process is there: no free port to lose to another, and a first request that waits.
        with socket.create_server(("127.0.0.1", 0)) as listening:
            host = f"127.0.0.1:{listening.getsockname()[1]}"
            self.url = f"http://{host}"
            self._process = self._spawn(python, listening.fileno(), host)
        # The server drops a connection after five idle seconds: kept open, an order could meet a closed one.
        self._client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        try:
            await asyncio.wait_for(self.state(), READY_SECONDS)
        except BaseException as error:
            await self.__aexit__(type(error))
            raise
        return self

    async def __aexit__(self, failure: type[BaseException] | None, *_: object) -> None:
        """Stop the process; print what it logged when the test failed."""
        await self._client.close()
        self._process.stdin.close()
        try:
            await asyncio.to_thread(self._process.wait, 5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if failure is not None:
            print(f"--- log of the extrawest {self.role} ---\n{self._log.read_text()}", file=sys.stderr)
        self._folder.cleanup()

    @property
    def _log(self) -> Path:
        return Path(self._folder.name, "log")

    def _spawn(self, python: Path, listening: int, host: str) -> subprocess.Popen[bytes]:
        # Nothing of our own environment: the package reads settings from it, and its HTTP client a proxy.
        env = {
            "OCPI_HOST": host,
            "PROTOCOL": "http",
            "COUNTRY_CODE": self.country_code,
            "PARTY_ID": self.party_id,
            "PEER_ROLE": self.role,
            "PEER_TOKEN_A": self.token_a,
            "PEER_LOCATIONS": str(self._locations),
            "PEER_SOCKET": str(listening),
        }
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [python, "-I", Path(__file__).with_name("extrawest_app.py")],
                cwd=self._folder.name,
                env=env,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=[listening],
            )

    async def _order(self, verb: str, **order: Any) -> Answer:
        return Answer(**await self._control("POST", verb, order))

    async def _control(self, method: str, verb: str, order: dict[str, Any] | None = None) -> dict[str, Any]:
        async with self._client.request(method, f"{self.url}/_test/{verb}", json=order) as response:
            if response.status != 200:
                raise RuntimeError(f"The peer's control /_test/{verb} failed; its log is printed below.")
            return await response.json()


def _python() -> Path:
    try:
        return peer_python("extrawest", REQUIREMENTS)
    except PeerUnavailable as error:
        pytest.skip(str(error))
