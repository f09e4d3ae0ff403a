"""Start, drive and stop foreign OCPI platforms: a package's CPO or eMSP in a process and an environment of its own."""

import asyncio
import contextlib
import functools
import http.client
import json
import secrets
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from hub.core.directory import Secret
from hub.core.party import Party
from tests.peers.venvs import peer_python

Role = Literal["CPO", "EMSP"]
Side = Literal["SENDER", "RECEIVER"]
Version = Literal["2.2.1", "2.1.1"]
READY_SECONDS = 60
STOP_SECONDS = 5


@dataclass(frozen=True, eq=False)
class Package:
    """A package of the index that speaks OCPI. `requirements` are all that it needs, pinned: nothing is resolved."""

    name: str
    title: str
    requirements: tuple[str, ...]
    parties: Mapping[Role, Party]
    tls: bool = False

    def __repr__(self) -> str:
        """In the id of a test."""
        return self.name


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP: header names in lower case, the body decoded from JSON where it is JSON."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def ok(self) -> bool:
        """OCPI success."""
        return self.status in (200, 201) and self.body["status_code"] == 1000

    @property
    def code(self) -> int:
        """OCPI's status_code."""
        return int(self.body["status_code"])

    @property
    def ids(self) -> list[str]:
        """The ids on a page that has to be a success."""
        assert self.ok, self
        return [each.get("uid") or each["id"] for each in self.body["data"]]


class Process:
    """A process with one platform. `chain` is a file with certificate and key, for a package that needs TLS."""

    def __init__(self, package: Package, role: Role, folder: Path, chain: Path, version: Version = "2.2.1") -> None:
        """Raises PeerUnavailable where the package can not be installed."""
        self.package, self.role, self.version = package, role, version
        self.party = package.parties[role]
        self.tls = ssl.create_default_context(cafile=chain)
        self._python = peer_python(package.name, package.requirements)
        self._chain = chain if package.tls else None
        self._folder = folder
        self._log = folder / f"{package.name}-{role}-{version}.log"
        self._shown = 0
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"{'https' if self._chain else 'http'}://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it; after a stop on the same port, and with nothing of what it knew."""
        # Listening before the process is there: no free port to lose to another, and a first request that waits.
        with socket.create_server(("127.0.0.1", self._port), backlog=100) as listening:
            self._port = listening.getsockname()[1]
            self._process = self._spawn(listening.fileno())

    def stop(self) -> None:
        """End it: its port refuses connections."""
        self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def new_log(self) -> str:
        """What it logged since this was asked last."""
        with self._log.open(errors="replace") as log:
            log.seek(self._shown)
            text = log.read()
            self._shown = log.tell()
        return text

    def _spawn(self, listening: int) -> subprocess.Popen[bytes]:
        # Nothing of our own environment: the packages read settings from it, and their HTTP client a proxy.
        env = {
            "OCPI_HOST": f"127.0.0.1:{self._port}",
            "PROTOCOL": "http",
            "COUNTRY_CODE": self.party.country,
            "PARTY_ID": self.party.party_id,
            "PEER_ROLE": self.role,
            "PEER_VERSION": self.version,
            "PEER_SOCKET": str(listening),
            **({"PEER_TLS": str(self._chain)} if self._chain else {}),
        }
        app = Path(__file__).with_name(f"{self.package.name}_app.py")
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [self._python, "-sE", app],
                cwd=self._folder,
                env=env,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=[listening],
            )


class Peer:
    """A platform as one test sees it: as new, with three sessions, three CDRs, a tariff, or three tokens.

    A CPO owns the locations `LOC1`.. (each with `EVSE1`.. and connector `1`), tariff `TAR1`, sessions `SES1`..`SES3`
    and CDRs `CDR1`..`CDR3` of a driver of `driver`; an eMSP the RFID tokens `TOK1`..`TOK3`. The packages give all of
    these in lower case. A page of theirs has `page` objects at most.
    """

    def __init__(self, process: Process, *, locations: int = 3, page: int = 50, driver: Party | None = None) -> None:
        self.process, self.role, self.party = process, process.role, process.party
        self.package = process.package
        self.name = f"{self.package.title} {self.role}"
        self.token_a = Secret(secrets.token_hex(24))
        self._seeds = {"locations": locations, "page": page, "driver": list(_parts(driver or self.party))}

    @property
    def url(self) -> str:
        return self.process.url

    @property
    def party_role(self) -> str:
        """As an operator writes it."""
        return f"{self.party}:{self.role}"

    @property
    def versions_url(self) -> str:
        """Where this peer's versions are: open to `token_a` until somebody is registered, then to their token."""
        return f"{self.url}/ocpi/versions"

    def module_url(self, module: str) -> str:
        """The URL that this peer serves a module at, with a slash at the end, advertised or not."""
        return f"{self.url}/ocpi/{self.role.lower()}/{self.process.version}/{module}/"

    async def state(self) -> dict[str, Any]:
        """What the peer holds.

        `registered`; `hub` with its `url`, `roles` and `endpoints`; `objects` by module and lowercased id; `requests`,
        oldest first, each with `method`, `path`, `query`, `headers`, `body` and `status`. Instead of a token there
        stands which one it was, and how it was encoded: `Token <C base64>`.
        """
        return await self._control("GET", "state")

    async def objects(self, module: str) -> dict[str, Any]:
        """What it holds of a module."""
        return (await self.state())["objects"][module]

    async def requests(self) -> list[dict[str, Any]]:
        """What came in."""
        return (await self.state())["requests"]

    async def heard(
        self, fits: Callable[[dict[str, Any]], bool], *, after: int = 0, within: float = 20.0
    ) -> dict[str, Any]:
        """The first request that came in, was answered, and fits; `after` the so many first ones."""
        async with asyncio.timeout(within):
            while True:
                for request in (await self.requests())[after:]:
                    if request["status"] and fits(request):
                        return request
                await asyncio.sleep(0.02)

    async def holds(self, module: str, object_id: str, within: float = 20.0) -> Any:
        """An object that arrives sooner or later."""
        async with asyncio.timeout(within):
            while (found := (await self.objects(module)).get(object_id)) is None:
                await asyncio.sleep(0.02)
            return found

    async def hub_url(self, module: str, role: Side) -> str:
        """The URL that the hub advertised to this peer for an interface, which has no role in OCPI 2.1.1."""
        endpoints = (await self.state())["hub"]["endpoints"]
        return next(
            each["url"] for each in endpoints if each["identifier"] == module and each.get("role", role) == role
        )

    async def register(self, hub_versions_url: str, token_a: str) -> Answer:
        """Register with a hub as Sender: GET versions, GET details, POST credentials. Gives the hub's last answer."""
        return await self._order("register", versions_url=hub_versions_url, token_a=token_a)

    async def renew(self) -> Answer:
        """The same with PUT: new tokens, both ways."""
        return await self._order("renew")

    async def send(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: Any = None
    ) -> Answer:
        """Send one request to the hub with the token that the hub gave; `headers` come on top of Authorization."""
        return await self._order("send", method=method, url=url, headers=headers, body=body)

    async def ask(
        self, method: str, module: str, side: Side, path: str = "", body: Any = None, *, to: Party | None = None
    ) -> Answer:
        """One request to a module of the hub; with `to` None there are no routing headers, as the packages have it."""
        country, party = _parts(to) if to else ("", "")
        headers = {"OCPI-to-country-code": country, "OCPI-to-party-id": party} if to else None
        return await self.send(method, await self.hub_url(module, side) + path, headers=headers, body=body)

    async def push(self, module: str, object_id: str) -> Answer:
        """Let the package's own client code push a stored object to the hub, without any routing headers.

        Of the answer there is only what the package lays open: at least the status and, but for a CDR, the body.
        """
        return await self._order("push", module=module, object_id=object_id)

    async def reset(self) -> None:
        """Make the platform new; it knows no hub any more."""
        await self._control("POST", "reset", {"token_a": self.token_a.reveal(), **self._seeds})

    async def __aenter__(self) -> Self:
        await self.reset()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Show what was logged: pytest keeps it for itself where the test passed."""
        if log := self.process.new_log():
            print(f"--- log of {self.name} ---\n{log}", file=sys.stderr)

    async def _order(self, verb: str, **order: Any) -> Answer:
        return Answer(**await self._control("POST", verb, order))

    async def _control(self, method: str, verb: str, order: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = await fetch(method, f"{self.url}/_test/{verb}", self.process.tls, body=order)
        if answer.status != 200:
            raise RuntimeError(f"The peer's control /_test/{verb} failed; its log is printed below.")
        return answer.body


async def fetch(
    method: str, url: str, tls: ssl.SSLContext, *, headers: Mapping[str, str] | None = None, body: Any = None
) -> Answer:
    """One request on a connection of its own."""
    return await asyncio.to_thread(_fetch, method, url, tls, headers or {}, body)


def _fetch(method: str, url: str, tls: ssl.SSLContext, headers: Mapping[str, str], body: Any) -> Answer:
    # In a thread, and not with aiohttp, which leaves TLS connections behind that have not ended when it has.
    scheme, netloc, path = urlsplit(url)[:3]
    plain, secure = http.client.HTTPConnection, functools.partial(http.client.HTTPSConnection, context=tls)
    with contextlib.closing((secure if scheme == "https" else plain)(netloc, timeout=READY_SECONDS)) as connection:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        text = response.read().decode()
        found = json.loads(text) if text.startswith("{") else text
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, found)


def _parts(party: Party) -> tuple[str, str]:
    return party.country, party.party_id
