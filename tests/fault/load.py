"""Load on a hub that is a process: raw connections that stay open, each with one request after another."""

import asyncio
import tomllib
from collections import Counter
from pathlib import Path

import msgspec

from tests.fault.process import HubProcess
from tests.partner import Partner, ocpi
from tests.raw import Answer, request, wire

TO = "OCPI-to-country-code: DE", "OCPI-to-party-id: MSP", "OCPI-from-country-code: NL", "OCPI-from-party-id: CPO"
ALL = "OCPI-to-country-code: NL", "OCPI-to-party-id: HUB", "OCPI-from-country-code: NL", "OCPI-from-party-id: CPO"
TARIFF = (
    b'{"country_code":"NL","party_id":"CPO","id":"T1","currency":"EUR","elements":[{"price_components":'
    b'[{"type":"ENERGY","price":0.25,"step_size":1}]}],"last_updated":"2026-01-01T00:00:00Z"}'
)
PATH = "/ocpi/2.2.1/receiver/tariffs/NL/CPO/T1"
LINE = "PUT /receiver/tariffs/NL/CPO/T1"


class Load:
    """What was sent and what came of it. `answers` has HTTP and OCPI status of each; `silent` got none."""

    def __init__(self, url: str, data: bytes) -> None:
        self.url = url
        self.data = data
        self.sent = 0
        self.answers: Counter[tuple[int, int]] = Counter()
        self.last: list[Answer] = []
        self.silent = 0
        self.closed = 0

    async def run(self, connections: int, most: int) -> None:
        """Send until `most` requests are sent, or the hub closes every connection."""
        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(self._connection(most))

    async def reach(self, requests: int) -> None:
        """Wait until so many requests were sent."""
        async with asyncio.timeout(60):
            while self.sent < requests:
                await asyncio.sleep(0.01)

    async def _connection(self, most: int) -> None:
        async with wire(self.url, 30.0) as connection:
            while self.sent < most:
                self.sent += 1
                await connection.send(self.data)
                answer = await connection.answer()
                if answer is None:
                    self.silent += 1
                    return
                self.answers[answer.told] += 1
                if answer.headers.get("connection", "").lower() == "close":
                    self.closed += 1
                    self.last.append(answer)
                    return


async def join(hub: HubProcess, partner: Partner) -> None:
    """Invite a partner, and let it register."""
    invitation = await hub.ask("invite", name=str(partner.roles[0]), parties=[str(role) for role in partner.roles])
    partner.token, partner.hub = invitation["token_a"], hub.url
    assert (await partner.register()).code == 1000


def receiver(role: str = "DE-MSP:EMSP") -> Partner:
    """An eMSP that takes tariffs."""
    partner = Partner(role, endpoints=["receiver/tariffs"])
    partner.says[LINE] = ocpi()
    return partner


def put(partner: Partner, to: tuple[str, ...] = TO) -> bytes:
    """The bytes of a PUT of a tariff."""
    return request("PUT", PATH, *to, token=partner.token, body=TARIFF)


def configure(hub: HubProcess, /, **sections: dict[str, object]) -> None:
    """Change a hub's configuration: what is given goes over what stands there."""
    path = hub.log.with_name("config.toml")
    tables = tomllib.loads(path.read_text())
    for name, keys in sections.items():
        tables[name] = {**tables.get(name, {}), **keys}
    plugins = tables.pop("plugins", {})
    tables |= {f"plugins.{stem}": keys for stem, keys in plugins.items()}
    replace(path, "".join(f"[{name}]\n{_lines(keys)}" for name, keys in tables.items()))


def replace(path: Path, text: str) -> None:
    """Put a text in the place of a file, at one moment: a hub that reads just then gets the old one or the new one."""
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.rename(path)


def _lines(keys: dict[str, object]) -> str:
    return "".join(f"{key} = {_toml(value)}\n" for key, value in keys.items())


def _toml(value: object) -> str:
    return msgspec.json.encode(value).decode()
