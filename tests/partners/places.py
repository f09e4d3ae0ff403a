"""Platforms at the other end of a directory, without a hub around it: real servers, a real store, a real client."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from hub.core.directory import Encoding, Platform
from hub.core.modules import Interface
from hub.core.party import Party, PartyRole
from hub.events import Bus, Event, PartnerChanged, Registered
from hub.partners.directory import DirectoryKeeper, now_ms
from hub.partners.statuses import Statuses
from hub.store.credentials import seal_token, token_digest
from hub.store.crypto import Keyring, load_or_create_key
from hub.store.database import Database
from hub.store.migrations import upgrade
from hub.store.platforms import create_platform, remove, resume, suspend
from hub.store.records import PresentedEndpoint, PresentedRole
from hub.store.registration import complete_registration
from hub.upstream import Client, Guard, Limits

VERSIONS = b'{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z","data":[{"version":"2.2.1","url":"x"}]}'


class Request(msgspec.Struct, frozen=True):
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


async def success(request: Request) -> web.Response:
    return web.Response(body=VERSIONS, content_type="application/json")


class Place:
    """A platform's server. `answer` may be changed at any time; after `stop`, `start` is on the same port again."""

    def __init__(self) -> None:
        self.answer: Callable[[Request], Awaitable[web.Response]] = success
        self.requests: list[Request] = []
        self._arrived = asyncio.Condition()
        self._port = 0
        self._runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        self._runner = web.ServerRunner(web.Server(self._serve, access_log=None), shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def arrived(self, count: int, method: str = "PUT") -> list[Request]:
        """The first `count` requests of a method, as soon as there are so many."""
        async with asyncio.timeout(5), self._arrived:
            await self._arrived.wait_for(lambda: len(self.by(method)) >= count)
        return self.by(method)[:count]

    def by(self, method: str) -> list[Request]:
        return [each for each in self.requests if each.method == method]

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        received = Request(
            request.method, request.raw_path, dict(request.headers), msgspec.json.decode(body) if body else None
        )
        self.requests.append(received)
        async with self._arrived:
            self._arrived.notify_all()
        return await self.answer(received)


class Desk:
    """The parts that liveness and client info work with, and what an operator does with them."""

    def __init__(self, database: Database, keyring: Keyring, bus: Bus, client: Client) -> None:
        self.database = database
        self.keyring = keyring
        self.bus = bus
        self.client = client
        self.keeper = DirectoryKeeper(database, keyring, Party("XX", "HUB"))
        self.places: list[Place] = []

    async def statuses(self) -> Statuses:
        return await Statuses.load(self.database)

    async def place(self) -> Place:
        place = Place()
        await place.start()
        self.places.append(place)
        return place

    async def invite(self, name: str, *roles: str) -> Platform:
        named = [PartyRole.parse(each) for each in roles]
        platform_id = await self.keeper.create(
            lambda connection: create_platform(connection, name, named, _digest(name), now_ms())
        )
        self.bus.publish(PartnerChanged(platform=name, change="invited"))
        return self.keeper.current.platforms[platform_id]

    async def register(self, platform: Platform, place: Place, *roles: str, module: str = "hubclientinfo") -> Platform:
        """The end of a registration, and the event of it. `roles` are those it presents, all without a word."""
        named = {PartyRole(party, role) for party, each in platform.reserved.items() for role in each}
        presented = {PartyRole.parse(each) for each in roles} or named
        digest = _digest(platform.name)
        await self.keeper.write(
            platform.id,
            lambda connection: complete_registration(
                connection, platform.id,
                used_digest=digest, new_digest=digest,
                token_out=seal_token(self.keyring, platform.id, f"token-of-{platform.id}"),
                token_out_encoding=Encoding.RAW, version="2.2.1", versions_url=f"{place.url}/versions",
                roles=[PresentedRole(each) for each in sorted(presented)],
                endpoints=[PresentedEndpoint(module, Interface.RECEIVER, f"{place.url}/{module}/")] if module else [],
                allow_new_parties=False, now=now_ms(),
            ),
        )  # fmt: skip
        self.bus.publish(Registered(platform=platform.name, version="2.2.1", roles=tuple(sorted(presented))))
        return self.keeper.current.platforms[platform.id]

    async def connect(self, name: str, *roles: str, module: str = "hubclientinfo") -> tuple[Platform, Place]:
        """Invite and register in one go."""
        place = await self.place()
        return await self.register(await self.invite(name, *roles), place, module=module), place

    async def suspend(self, platform: Platform) -> None:
        await self.keeper.write(platform.id, lambda connection: suspend(connection, platform.id, now_ms()))
        self.bus.publish(PartnerChanged(platform=platform.name, change="suspended"))

    async def resume(self, platform: Platform) -> None:
        await self.keeper.write(platform.id, lambda connection: resume(connection, platform.id, now_ms()))
        self.bus.publish(PartnerChanged(platform=platform.name, change="resumed"))

    async def remove(self, platform: Platform) -> None:
        await self.keeper.write(platform.id, lambda connection: remove(connection, platform.id))
        self.bus.publish(PartnerChanged(platform=platform.name, change="removed"))


class Diary:
    """Every event of one kind, to be waited for."""

    def __init__(self, bus: Bus, kind: type[Event]) -> None:
        self.events: list[Any] = []
        self._written = asyncio.Condition()
        bus.subscribe(self._write, kind, name="diary")

    async def until(self, fits: Callable[[Any], bool]) -> Any:
        """The first event that fits, older ones too."""
        async with asyncio.timeout(5), self._written:
            await self._written.wait_for(lambda: any(fits(each) for each in self.events))
        return next(each for each in self.events if fits(each))

    async def _write(self, event: Any) -> None:
        async with self._written:
            self.events.append(event)
            self._written.notify_all()


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    """An empty directory. What was kept in `folder` before is there again."""
    database = await Database.open(folder / "hub.db")
    await upgrade(database)
    bus = Bus()
    await bus.start()
    client = Client(Limits(connect_timeout=1.0), Guard(["127.0.0.0/8"]))
    desk = Desk(database, Keyring(load_or_create_key(folder / "hub.key")), bus, client)
    await desk.keeper.load()
    try:
        yield desk
    finally:
        await client.close()
        await bus.stop()
        for place in desk.places:
            await place.stop()
        await database.close()


def _digest(name: str) -> bytes:
    return token_digest(f"token of {name}")
