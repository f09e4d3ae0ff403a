"""A party under test: asked as others would ask it, and with others that answer as the test says."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import structlog

from hub.core.catalogue import CATALOGUE
from hub.core.custom import operations
from hub.core.message import Reply, decode_json
from hub.core.modules import Interface
from hub.core.party import Party
from hub.core.paths import segments
from hub.errors import OcpiError
from hub.events import Bus
from hub.ocpi import envelope
from hub.ocpi.check import Finding, describe
from hub.plugin.contain import Container, Fault
from hub.plugin.faults import Faults
from hub.plugin.inspection import settings_of
from hub.plugin.parts import Alone
from hub.plugin.party.base import Call, Caller, PartyPlugin, PartySettings
from hub.plugin.party.desk import Desk, refusal
from hub.plugin.party.network import Answer, Heard
from hub.plugin.party.offer import offer_of

P = TypeVar("P", bound=PartyPlugin[Any])

_OTHERS = "http://others.invalid/"
_SECONDS = 10.0


class Sent(msgspec.Struct, frozen=True):
    """What a party sent: `PUT receiver/locations/NL/TNM/L1`, to whom, and the decoded body."""

    call: str
    to: Party | None
    body: Any


class Trial(Generic[P]):
    """A party that was started for a test. `sent` is all that it sent; `says` makes the answers to that."""

    def __init__(self, plugin: P, desk: Desk, faults: Faults, wrong: list[Finding]) -> None:
        """Use `party`."""
        self.plugin = plugin
        self.sent: list[Sent] = []
        self._wrong = wrong
        self.says: Callable[[Sent], Reply | Awaitable[Reply]] = lambda _: success()
        self._desk = desk
        self._faults = faults
        self._came = asyncio.Condition()

    @property
    def root(self) -> str:
        """Where the party is, for its network."""
        return f"{self._desk.root}/{self._desk.offer.version}"

    async def ask(self, call: str, body: object = None, *, sender: str = "DE-MSP") -> Answer:
        """What the party answers to `GET sender/locations?limit=10`; a body that is no bytes is sent as JSON.

        AssertionError with what it did where it failed to answer: that is a fault, and no answer.
        """
        method, _, target = call.partition(" ")
        path, _, query = target.partition("?")
        version, faults = self._desk.offer.version, self._faults.total
        found = segments(path)
        try:
            operation, rest = self._desk.find(method, version, found[1:] if version == "2.1.1" else found)
        except OcpiError as error:
            return _answer(refusal(error))
        raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        deadline = asyncio.get_running_loop().time() + _SECONDS
        caller = Caller(Party.parse(sender), self._desk.offer.party, "test-request", "test-correlation")
        reply = await self._desk.answer(
            Call(operation=operation, segments=rest, query=query, body=raw, caller=caller, deadline=deadline)
        )
        assert self._faults.total == faults, self._faults.last  # noqa: S101 - this is for tests
        assert not self._wrong, f"{operation.data}: {describe(self._wrong)}"  # noqa: S101
        return _answer(reply)

    async def expect(self, call: str) -> Sent:
        """What the party sent with this call, as soon as it did. TimeoutError where it does not."""
        async with asyncio.timeout(_SECONDS), self._came:
            await self._came.wait_for(lambda: any(each.call == call for each in self.sent))
        return next(each for each in self.sent if each.call == call)

    def endpoint(self, module: str, interface: Interface, to: Party | None) -> str:  # noqa: ARG002 - all are one here
        """Where the others are."""
        return f"{_OTHERS}{interface.lower()}/{module}"

    def check(self, url: str) -> None:
        """Nothing that is sent leaves this process."""

    async def send(
        self,
        method: str,
        url: str,
        *,
        to: Party | None,
        body: bytes,
        seconds: float | None,  # noqa: ARG002 - nothing here takes long
    ) -> Heard:
        """Note what is sent, and answer as the test says."""
        parts = urlsplit(url)
        target = parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
        sent = Sent(f"{method} {target}", to, decode_json(body) if body else None)
        self.sent.append(sent)
        async with self._came:
            self._came.notify_all()
        said = self.says(sent)
        reply = await said if inspect.isawaitable(said) else said
        return Heard(reply.status, {name.lower(): value for name, value in reply.headers}, reply.body)

    def new_uid(self) -> str:
        """The last part of a `response_url`."""
        return str(uuid4())

    async def hand_on(self, uid: str, body: bytes) -> None:
        """There is nobody else who could wait for a result."""


@asynccontextmanager
async def party(
    kind: type[P], settings: PartySettings | None = None, folder: Path | None = None
) -> AsyncIterator[Trial[P]]:
    """A party, started, and stopped at the end. `folder` is its `self.folder`. PluginError where its class is wrong."""
    file, own = Path(inspect.getfile(kind)), settings_of(kind)
    given = settings or (own if own and issubclass(own, PartySettings) else PartySettings)()
    rows = (row for name, each in kind.modules.items() for row in operations(name, each))
    offer = offer_of(kind, given, file, CATALOGUE.plus(rows))
    container, faults = Container(file), Faults(file, Bus(), 1_000_000)
    plugin = kind()
    plugin.settings = given
    plugin.log = structlog.get_logger().bind(plugin=kind.__name__)
    plugin.folder = folder or Path.cwd()
    plugin.nodes = Alone()

    def ended(name: str, fault: Fault | None) -> None:
        if fault:
            faults.failed(name, fault)

    plugin.spawn = lambda work, *, name: container.spawn(work, name, lambda fault: ended(name, fault))
    wrong: list[Finding] = []
    desk = Desk(
        offer, plugin, container, faults, "http://party.invalid/ocpi", 100, lambda _, found: wrong.extend(found)
    )
    trial = Trial(plugin, desk, faults, wrong)
    plugin.network = trial
    await plugin.start()
    try:
        yield trial
    finally:
        await container.end(seconds=1.0)
        await plugin.stop()


def success(data: object = None, **headers: str) -> Reply:
    """The answer of another party; keyword arguments are headers (`X_Total_Count="5"`)."""
    body = envelope.encode("2026-01-01T00:00:00.000Z", data=data)
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Reply(status=200, body=body, ocpi_status=1000, headers=named)


def _answer(reply: Reply) -> Answer:
    return Answer.of(Heard(reply.status, {name.lower(): value for name, value in reply.headers}, reply.body))
