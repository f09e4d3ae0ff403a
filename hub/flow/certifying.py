"""Certification of partners through a running hub: its connection to them, and a place for results of commands.

The checks themselves stand in `hub.certify`. Nothing of them is routed: they go from the hub to the partner.
"""

import asyncio
from functools import partial

import msgspec
import structlog

from hub.certify import Ask, Awaited, Heard, NoAnswer, Report, Result, Subject, certify
from hub.core.directory import Encoding, Platform, State
from hub.core.party import Party
from hub.core.urls import hosted_by
from hub.errors import InvalidParameters, MethodNotAllowed, NotFound
from hub.flow.results import Came, waited_for_by, who_waits
from hub.nodes.relay import Relay
from hub.partners.directory import DirectoryKeeper, now_ms
from hub.upstream import Client, Request, SendError

log = structlog.get_logger()

CERTIFY = "certify"
"""First word of the path, below a version, at which results are awaited."""
_LARGEST = 16 * 1024 * 1024
_MOST_AWAITED = 1000
_MOST_PATIENCE = 10.0


class Inbox:
    """URLs of the hub itself at which results of commands are awaited, each for one run. `root` is `.../ocpi`.

    They may come in on any node.
    """

    def __init__(self, root: str, relay: Relay) -> None:
        self._root = root
        self._relay = relay
        self._awaited: dict[str, asyncio.Future[bytes]] = {}
        relay.on(CERTIFY, self._handed)

    def expect(self, version: str) -> "Place":
        """A new URL."""
        key = waited_for_by(self._relay.own, 24)
        if len(self._awaited) >= _MOST_AWAITED:
            del self._awaited[next(iter(self._awaited))]
        future = self._awaited[key] = asyncio.get_running_loop().create_future()
        return Place(f"{self._root}/{version}/{CERTIFY}/{key}", future)

    async def take(self, method: str, key: str, body: bytes) -> None:
        """A request came. One that comes a second time changes nothing.

        NotFound where none is awaited there, NotTold where the node that waits can not be told.
        """
        came = Came(key.strip("/"), body)
        if method != "POST" and came.key in self._awaited:
            raise MethodNotAllowed("a result is POSTed", ("POST",))
        if method != "POST" or not (self._taken(came) or await self._hand_on(came)):
            raise NotFound("no result is awaited at this URL")

    async def _hand_on(self, came: Came) -> bool:
        return await self._relay.hand(who_waits(came.key), CERTIFY, msgspec.msgpack.encode(came))

    def _handed(self, told: bytes) -> bool:
        return self._taken(msgspec.msgpack.decode(told, type=Came))

    def _taken(self, came: Came) -> bool:
        future = self._awaited.get(came.key)
        if future is not None and not future.done():
            future.set_result(came.body)
        return future is not None


class Place:
    """One URL at which one result is awaited."""

    def __init__(self, url: str, future: "asyncio.Future[bytes]") -> None:
        self.url = url
        self._future = future

    async def result(self, seconds: float) -> bytes | None:
        """The body of the first POST; None where none came within the seconds."""
        done, _ = await asyncio.wait({self._future}, timeout=seconds)
        return self._future.result() if done else None


class Progress(msgspec.Struct):
    """How far a run is. `latest` are the last result's check, module and outcome; `report` is there at the end."""

    platform: str
    checked: int = 0
    total: int = 0
    failed: int = 0
    latest: str = ""
    done: bool = False
    problem: str = ""
    report: Report | None = None


class Certifier:
    """Checks partners: one run at a time for each. `timeout` is seconds for one request."""

    def __init__(self, keeper: DirectoryKeeper, client: Client, inbox: Inbox, timeout: float) -> None:
        self._keeper = keeper
        self._client = client
        self._inbox = inbox
        self._timeout = timeout
        self._progress: dict[int, Progress] = {}
        self._running: dict[int, asyncio.Task[None]] = {}

    def reconfigure(self, timeout: float) -> None:
        """Other seconds for one request, from the next run on."""
        self._timeout = timeout

    async def stop(self) -> None:
        """End what is under way."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def begin(self, platform: Platform, *, write: bool, sender: Party | None = None) -> Progress:
        """Start a run, in the name of the hub or of another party. InvalidParameters where it can not be."""
        if platform.id in self._running:
            raise InvalidParameters(f"{platform.name} is being checked just now; wait until that is done")
        subject = self._subject(platform, write=write, sender=sender)
        progress = self._progress[platform.id] = Progress(platform.name)
        work = self._run(subject, platform.id, progress)
        task = self._running[platform.id] = asyncio.create_task(work, name=f"certify: {platform.name}")
        task.add_done_callback(lambda _: self._running.pop(platform.id, None))
        return progress

    async def finished(self, platform: Platform) -> None:
        """Wait until no run is under way."""
        if task := self._running.get(platform.id):
            await asyncio.wait({task})

    def progress(self, platform: Platform) -> Progress:
        """How far the latest run is. InvalidParameters where there was none."""
        found = self._progress.get(platform.id)
        if found is None:
            raise InvalidParameters(f"{platform.name} has not been checked since this hub was started")
        return found

    def _subject(self, platform: Platform, *, write: bool, sender: Party | None) -> Subject:
        if platform.state is not State.REGISTERED or platform.version is None or platform.versions_url is None:
            raise InvalidParameters(f"{platform.name} is {platform.state}; it can be checked when it is REGISTERED")
        record = self._keeper.records[platform.id]
        used = [each for each in record.endpoints if each.version == platform.version]
        return Subject(
            name=platform.name,
            version=platform.version,
            versions_url=platform.versions_url,
            token=self._keeper.token_out(platform.id),
            encoding=record.token_out_encoding or Encoding.BASE64,
            roles=platform.roles,
            endpoints={(each.module, each.interface): each.url for each in used},
            by_hand=frozenset((each.module, each.interface) for each in used if each.manual),
            sender=sender or self._keeper.current.hub,
            inside=hosted_by(platform.versions_url) is not None,
            write=write,
            patience=min(self._timeout, _MOST_PATIENCE),
            now=now_ms(),
        )

    async def _run(self, subject: Subject, platform_id: int, progress: Progress) -> None:
        wire = _Wire(self._client, platform_id, self._inbox, self._timeout)
        try:
            progress.report = await certify(subject, wire, partial(_tell, progress))
            log.info("certified", platform=subject.name, certified=progress.report.certified, failed=progress.failed)
        except asyncio.CancelledError:
            progress.problem = "the hub was stopped before all was checked"
            raise
        except Exception:
            log.exception("certification_failed", platform=subject.name)
            progress.problem = "the hub failed to check it; the reason is in its log"
        finally:
            progress.done = True


def _tell(progress: Progress, result: Result, number: int, total: int) -> None:
    progress.checked, progress.total = number, total
    progress.failed += result.outcome == "failed"
    progress.latest = " ".join(filter(None, (result.module, result.check)))


class _Wire:
    """The hub's own client, with the partner's pool of connections. A redirect is an answer here."""

    def __init__(self, client: Client, pool: int, inbox: Inbox, timeout: float) -> None:
        self._client = client
        self._pool = pool
        self._inbox = inbox
        self._timeout = timeout

    async def send(self, ask: Ask) -> Heard:
        deadline = asyncio.get_running_loop().time() + self._timeout
        request = Request(
            method=ask.method, url=ask.url, headers=ask.headers, body=ask.body, pool=self._pool, deadline=deadline,
            max_body=_LARGEST, follow=False,
        )  # fmt: skip
        try:
            answer = await self._client.send(request)
        except SendError as error:
            raise NoAnswer(str(error)) from None
        return Heard(answer.status, tuple(answer.headers.items()), answer.body)

    def expect(self, version: str) -> Awaited:
        return self._inbox.expect(version)
