"""Pull: the hub GETs what it mirrors, on connection, on return, from time to time, and by hand.

OCPI 2.2.1, transport_and_format: Pull and Push, Offline behaviour. It is the one who was away that has to ask;
for what the hub mirrors, that is the hub. Broken Link headers, endless lists and foreign objects do not stop it.
"""

import asyncio
import random
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import NoReturn
from urllib.parse import urlencode

import msgspec
import structlog

from hub.background import background
from hub.core.directory import Platform, State
from hub.core.headers import routing
from hub.core.modules import Catalogue, Interface, Kept, Operation
from hub.core.moments import milliseconds
from hub.core.pages import PageHeaders, count, next_page
from hub.core.party import Party
from hub.core.paths import join
from hub.events import Bus, Registered, StatusChanged, Subscription
from hub.flow.mirror import Mirror
from hub.nodes.node import Leads, always
from hub.ocpi import envelope
from hub.ocpi.rows import NoList
from hub.ocpi.rows import rows as rows_of
from hub.partners.calls import opening
from hub.partners.directory import DirectoryKeeper, now_ms
from hub.store.errors import PlatformUnknown
from hub.upstream import Client, Request, SendError

log = structlog.get_logger()

_AT_ONCE = 4
_BATCH = 500
"""Objects that are kept at once."""
_SMALLEST = 40
"""Bytes of an object with an id and a last_updated."""


class Settings(msgspec.Struct, frozen=True):
    """Seconds between pulls and the part of it that chance may take off; most pages, seconds and objects of one.

    `request_timeout` is the seconds for one page.
    """

    interval: float = 21_600.0
    splay: float = 0.1
    pages: int = 10_000
    timeout: float = 3600.0
    objects: int = 5_000_000
    request_timeout: float = 30.0


class Progress(msgspec.Struct):
    """How far a pull is. `total` is what the platform announced so far, list by list; 0 before it did."""

    platform: str
    module: str = ""
    pages: int = 0
    objects: int = 0
    kept: int = 0
    refused: int = 0
    total: int = 0
    done: bool = False
    problem: str = ""


class Puller:
    """Pulls from platforms. One pull at a time for each, and few at the same time in all."""

    def __init__(
        self,
        keeper: DirectoryKeeper,
        client: Client,
        mirror: Mirror,
        catalogue: Catalogue,
        bus: Bus,
        settings: Settings,
        leads: Leads = always,
    ) -> None:
        self._keeper = keeper
        self._client = client
        self._mirror = mirror
        lists = (row for row in catalogue.operations() if row.is_list and row.kept is Kept.MIRROR)
        self._mirrored = sorted(lists, key=lambda row: row.module)
        self._bus = bus
        self._settings = settings
        self._leads = leads
        self._progress: dict[int, Progress] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._clockwork: asyncio.Task[None] | None = None
        self._subscriptions: tuple[Subscription, ...] = ()

    async def start(self) -> None:
        """Pull from time to time, and whenever a platform connects or returns."""
        self._subscriptions = (
            self._bus.subscribe(self._registered, Registered, name="sync: registered"),
            self._bus.subscribe(self._returned, StatusChanged, name="sync: returned"),
        )
        self._clockwork = background(self._tick(), "sync")

    async def reconfigure(self, settings: Settings, *, enabled: bool) -> None:
        """Pull by other settings, or no more by itself. What is under way goes on, under its old time-out."""
        self._settings = settings
        if self._clockwork:
            self._clockwork.cancel()
            await asyncio.wait({self._clockwork})
            self._clockwork = None
        for subscription in self._subscriptions:
            await self._bus.unsubscribe(subscription)
        self._subscriptions = ()
        if enabled:
            await self.start()

    async def stop(self) -> None:
        """End what is under way; what was kept stays."""
        tasks = [task for task in (self._clockwork, *self._running.values()) if task]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def begin(self, platform: Platform) -> Progress:
        """Start a pull, or join the one that runs."""
        if platform.id not in self._running:
            self._progress = {key: each for key, each in self._progress.items() if key in self._keeper.records}
            progress = self._progress[platform.id] = Progress(platform.name)
            task = asyncio.create_task(self._pull(platform, progress), name=f"sync: {platform.name}")
            self._running[platform.id] = task
            task.add_done_callback(partial(self._ended, platform.id))
        return self._progress[platform.id]

    def _ended(self, platform_id: int, task: asyncio.Task[None]) -> None:
        if self._running.get(platform_id) is task:
            del self._running[platform_id]

    def progress(self, platform: Platform) -> Progress | None:
        """How far the latest pull is; None where there was none."""
        return self._progress.get(platform.id)

    async def _registered(self, event: Registered) -> None:
        """Pull anew: what runs goes by endpoints and a token that are no more."""
        for platform in self._keeper.current.platforms.values():
            if platform.name == event.platform and (outdated := self._running.pop(platform.id, None)):
                outdated.cancel()
                await asyncio.wait({outdated})
        self._begin_named(lambda platform: platform.name == event.platform)

    async def _returned(self, event: StatusChanged) -> None:
        # One that has just registered is pulled from for that.
        if event.status == "CONNECTED" and event.before not in (None, "PLANNED"):
            self._begin_named(lambda platform: platform.id == event.platform_id)

    def _begin_named(self, wanted: Callable[[Platform], bool]) -> None:
        for platform in self._keeper.current.platforms.values():
            if wanted(platform) and self._lists(platform):
                self.begin(platform)

    async def _tick(self) -> None:
        while True:
            # Splay, as OCPI advises: partners must not all be asked at the same moment.
            await asyncio.sleep(self._settings.interval * (1 - self._settings.splay * random.random()))  # noqa: S311
            if self._leads():
                self._begin_named(lambda _: True)

    async def _pull(self, platform: Platform, progress: Progress) -> None:
        try:
            async with self._gate, asyncio.timeout(self._settings.timeout):
                for row in self._lists(platform) or self._nothing(platform):
                    progress.module = row.module
                    try:
                        await self._pull_list(platform, row, progress)
                    except _Stopped as stopped:
                        # One list that fails is no reason to go without the others.
                        progress.problem = f"{row.module}: {stopped}"
        except _Stopped as stopped:
            progress.problem = str(stopped)
        except TimeoutError:
            progress.problem = f"the pull took longer than {self._settings.timeout:g} s"
        except PlatformUnknown:
            progress.problem = "it was removed in the meantime"
        except Exception:
            progress.problem = "the hub failed; the reason is in its log"
            log.exception("sync_failed", platform=platform.name)
        finally:
            progress.done = True
        log.info("synced", platform=platform.name, kept=progress.kept, problem=progress.problem)

    def _lists(self, platform: Platform) -> list[Operation]:
        """The lists that are mirrored, and this platform owns and serves."""
        directory = self._keeper.current
        if platform.state is not State.REGISTERED or platform.version is None or platform.id in directory.offline:
            return []
        return [
            row
            for row in self._mirrored
            if row.version == platform.version
            and (row.module, Interface.SENDER) in platform.endpoints
            and any(row.owner_role in roles for roles in platform.roles.values())
        ]

    def _nothing(self, platform: Platform) -> NoReturn:
        if platform.state is not State.REGISTERED:
            raise _Stopped(f"it is {platform.state}")
        if platform.id in self._keeper.current.offline:
            raise _Stopped("it is offline; the hub pulls when it is back")
        raise _Stopped("it offers no SENDER interface of what the hub mirrors")

    async def _pull_list(self, platform: Platform, row: Operation, progress: Progress) -> None:
        module = row.module
        since = await self._mirror.pulled_until(platform.id, module)
        endpoint = platform.endpoints[module, Interface.SENDER]
        latest = since
        for party in (party for party, roles in platform.roles.items() if row.owner_role in roles):
            url: str | None = join(endpoint, (), urlencode({"date_from": since}, safe=":") if since else "")
            seen: set[str] = set()
            before = progress.objects
            while url is not None and url not in seen:
                self._check_size(progress)
                seen.add(url)
                rows, pages = await self._page(platform, party, url)
                progress.pages += 1
                progress.total = max(progress.total, before + (count(pages.total) or 0))
                came = progress.objects
                while batch := list(islice(rows, _BATCH)):
                    self._check_batch(batch, progress)
                    kept, newest = await self._mirror.keep(module, platform, party, batch)
                    progress.objects += len(batch)
                    progress.kept += kept
                    progress.refused += len(batch) - kept
                    latest = max(filter(None, (latest, newest)), key=milliseconds, default=None)
                url = next_page(url, pages) if progress.objects > came else None
        # One object from the future would hide every change until then.
        if latest and latest != since and milliseconds(latest) <= now_ms():
            await self._mirror.set_pulled_until(platform.id, module, latest)

    def _check_size(self, progress: Progress) -> None:
        if progress.pages >= self._settings.pages or progress.objects >= self._settings.objects:
            raise _Stopped(f"the list has no end: stopped after {progress.pages} pages, {progress.objects} objects")

    def _check_batch(self, batch: list[msgspec.Raw], progress: Progress) -> None:
        """Not even the objects of one page are read to their end where that would take for ever."""
        if progress.objects >= self._settings.objects:
            raise _Stopped(f"the list has no end: stopped after {progress.pages} pages, {progress.objects} objects")
        if len(batch) == _BATCH and sum(map(len, batch)) < _SMALLEST * _BATCH:
            raise _Stopped(f"the list does not hold objects: {_BATCH} in a row are too small to be any")

    async def _page(self, platform: Platform, party: Party, url: str) -> tuple[Iterator[msgspec.Raw], PageHeaders]:
        if platform.authorization is None:
            raise _Stopped("the hub has no token for this platform")
        request = Request(
            method="GET",
            url=url,
            headers=(*opening(platform.authorization), *routing(self._keeper.current.hub, party)),
            pool=platform.id,
            deadline=asyncio.get_running_loop().time() + self._settings.request_timeout,
        )
        try:
            response = await self._client.send(request)
        except SendError as error:
            raise _Stopped(str(error)) from None
        received = envelope.receive(response.body)
        if received is None or response.status != 200 or not 1000 <= received.status_code < 2000:
            raise _Stopped(f"the platform answered HTTP {response.status} with no OCPI success")
        pages = PageHeaders(*(response.headers.get(name) for name in ("Link", "X-Total-Count", "X-Limit")))
        try:
            return rows_of(received.data), pages
        except NoList:
            raise _Stopped("the platform's list is not a list") from None


class _Stopped(Exception):
    """The pull can not go on; the text says why."""
