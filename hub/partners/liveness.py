"""Who can be reached: a breaker for each platform, probes where there is doubt, and the status that is published.

Routing follows a breaker at once, through `Directory.offline`; what partners are told follows with hysteresis.
OCPI 2.2.1, hubclientinfo: Still alive check.
"""

import asyncio
import contextlib
import heapq
import random
from collections.abc import Collection, Iterator
from math import inf

import msgspec
import structlog

from hub.background import background
from hub.core.breaker import Breaker, Policy
from hub.core.directory import Platform, State
from hub.core.status import ConnectionStatus
from hub.events import (
    Bus,
    Event,
    PartnerChanged,
    Registered,
    StatusChanged,
    Subscription,
    TokenRefused,
    Unregistered,
)
from hub.nodes.node import Leads, always, never
from hub.ocpi import envelope
from hub.ocpi.client_info import standing
from hub.partners.calls import opening
from hub.partners.directory import DirectoryKeeper, now_ms
from hub.partners.statuses import Statuses
from hub.store.errors import StoreError
from hub.upstream import Client, Fault, Request, SendError

log = structlog.get_logger()

_TROUBLE = frozenset[Fault | int]((Fault.CONNECT, Fault.RESET, Fault.RESOLVE, Fault.TIMEOUT, Fault.TLS, 502, 503, 504))
# These say something of the hub or of one message, and nothing of whether the platform is there.
_NO_SIGN = frozenset[Fault | int]((Fault.BUSY, Fault.CLOSED, Fault.FORBIDDEN, Fault.PROTOCOL, Fault.REQUEST, Fault.URL))
_PROBE_BODY = 2**20
_WATCH = 3.0
"""Seconds between two looks at a platform that is left to the node that leads."""
_WORDS = {
    Fault.CONNECT: "it does not accept connections",
    Fault.RESET: "it closes connections without an answer",
    Fault.RESOLVE: "its host name can not be found",
    Fault.TIMEOUT: "it does not answer in time",
    Fault.TLS: "its TLS certificate or handshake fails",
}


class Look(msgspec.Struct, frozen=True):
    """What the breaker of a platform says: whether messages may go there, failures in a row, seconds to a probe.

    `down_for` is seconds since the trouble began, `why` what it is, where the platform is not reachable. `heard_ago` is
    seconds since it was last in contact, None where it was not since the hub started.
    """

    reachable: bool
    failures: int
    probe_in: float | None
    down_for: float | None
    why: str
    heard_ago: float | None


class Liveness:
    """Keeps the breakers. `report` and `seen` tell it what happens; probes and publications are its own task's."""

    def __init__(
        self,
        keeper: DirectoryKeeper,
        client: Client,
        bus: Bus,
        statuses: Statuses,
        policy: Policy,
        *,
        leads: Leads = always,
        alone: Leads = never,
        timeout: float = 5.0,
        at_once: int = 256,
    ) -> None:
        """`timeout` is the seconds of one probe, `at_once` how many probes run at the same time."""
        self._keeper = keeper
        self._leads = leads
        self._alone = alone
        self._client = client
        self._bus = bus
        self._statuses = statuses
        self._policy = policy
        self._timeout = timeout
        self._clock = asyncio.get_running_loop().time
        self._gate = asyncio.Semaphore(at_once)
        self._breakers: dict[int, Breaker] = {}
        self._heard: dict[int, float] = {}
        self._why: dict[int, str] = {}
        self._doubted: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []
        self._planned: dict[int, float] = {}
        self._wake = asyncio.Event()
        self._subscription: Subscription | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up every platform as it was left, and begin."""
        self._subscription = self._bus.subscribe(
            self._partners_changed, PartnerChanged, Registered, Unregistered, name="liveness"
        )
        self._reconcile()
        self._task = background(self._run(), "liveness")

    async def stop(self) -> None:
        """End probing and publishing. To be called while the client is still open."""
        if self._subscription:
            await self._bus.unsubscribe(self._subscription)
        if self._task:
            self._task.cancel()
            await asyncio.wait((self._task,))

    def reconfigure(self, policy: Policy, timeout: float) -> None:
        """Probe by another policy, and give other seconds for an answer."""
        self._policy, self._timeout = policy, timeout
        for platform_id, breaker in self._breakers.items():
            breaker.reconfigure(policy, _chance())
            self._follow(platform_id, breaker)

    def report(self, platform_id: int, outcome: Fault | int, took: float = 0.0) -> None:
        """How a message to a platform ended: the HTTP status of its answer, or why there was none.

        `took` is the seconds since it was sent. Not for a message whose deadline was cut shorter than a platform may
        take: that timeout says nothing of it.
        """
        breaker = self._breakers.get(platform_id)
        if breaker is None or outcome in _NO_SIGN:
            return
        now = self._clock()
        if outcome in _TROUBLE:
            self._why[platform_id] = f"HTTP {outcome}" if isinstance(outcome, int) else _WORDS[outcome]
            breaker.failed(now, _chance(), took)
            self._follow(platform_id, breaker)
        else:
            self._heard[platform_id] = now
            if breaker.answered(now):
                self._follow(platform_id, breaker)

    def seen(self, platform_id: int) -> None:
        """An authenticated request of a platform came in."""
        breaker = self._breakers.get(platform_id)
        if breaker is not None:
            self._heard[platform_id] = now = self._clock()
            if breaker.seen(now):
                self._follow(platform_id, breaker)

    def look(self, platform_id: int) -> Look | None:
        """The state of a platform's breaker, for people; None where the platform is gone."""
        breaker = self._breakers.get(platform_id)
        if breaker is None:
            return None
        due, now, heard = breaker.probe_due, self._clock(), self._heard.get(platform_id)
        return Look(
            reachable=not breaker.open,
            failures=breaker.failures,
            probe_in=None if due == inf else max(0.0, due - now),
            down_for=now - breaker.trouble_at if breaker.open else None,
            why=self._why.get(platform_id, "") if breaker.open else "",
            heard_ago=None if heard is None else now - heard,
        )

    async def follow_platforms(self, _: Collection[str] | None) -> None:
        """Other nodes changed partners."""
        self._reconcile()

    async def follow_statuses(self, keys: Collection[str] | None) -> None:
        """Other nodes published statuses: what they found holds here, too."""
        for platform_id in map(int, keys) if keys is not None else list(self._breakers):
            breaker, known = self._breakers.get(platform_id), self._statuses.get(platform_id)
            if breaker and known and breaker.published is not known.status:
                breaker.follow(known.status, self._clock(), _chance())
                self._follow(platform_id, breaker)

    async def follow_doubts(self, keys: Collection[str] | None) -> None:
        """Other nodes have reason to ask whether these platforms are there."""
        for platform_id in map(int, keys or ()):
            if breaker := self._breakers.get(platform_id):
                breaker.hurry(self._clock())
                self._follow(platform_id, breaker)

    async def _partners_changed(self, event: Event) -> None:
        self._reconcile(event.platform if isinstance(event, Registered) else None)

    def _reconcile(self, registered: str | None = None) -> None:
        """Bring the breakers in line with the directory. `registered` names a platform that did so just now."""
        platforms = self._keeper.current.platforms
        for platform_id in self._breakers.keys() - platforms.keys():
            self._forget(platform_id)
        for platform in platforms.values():
            breaker = self._breakers.get(platform.id) or self._add(platform)
            registers = breaker.state is State.INVITED and platform.state is State.REGISTERED
            confirmed = registers or platform.name == registered
            if confirmed or breaker.state is not platform.state:
                breaker.enter(platform.state, self._clock(), confirmed=confirmed)
            self._follow(platform.id, breaker)

    def _add(self, platform: Platform) -> Breaker:
        now = self._clock()
        known = self._statuses.get(platform.id)
        breaker = self._breakers[platform.id] = Breaker(
            self._policy, platform.state, now, _chance(),
            known.status if known else None, now - (now_ms() - known.changed_at) / 1000 if known else -inf,
        )  # fmt: skip
        return breaker

    def _forget(self, platform_id: int) -> None:
        del self._breakers[platform_id]
        self._heard.pop(platform_id, None)
        self._why.pop(platform_id, None)
        self._doubted.pop(platform_id, None)
        self._planned.pop(platform_id, None)
        self._statuses.forget(platform_id)
        self._keeper.set_offline(self._keeper.current.offline - {platform_id})

    def _follow(self, platform_id: int, breaker: Breaker) -> None:
        """Let routing follow a breaker, and see to what it wants next. Nothing of a platform that is gone by now."""
        directory = self._keeper.current
        platform = directory.platforms.get(platform_id)
        if platform is None or self._breakers.get(platform_id) is not breaker:
            return
        if breaker.open != (platform_id in directory.offline):
            self._keeper.set_offline(directory.offline ^ {platform_id})
            log.warning("unreachable" if breaker.open else "reachable", platform=platform.name)
        self._plan(platform_id, breaker.due)

    def _plan(self, platform_id: int, due: float) -> None:
        if due < self._planned.get(platform_id, inf):
            self._planned[platform_id] = due
            heapq.heappush(self._heap, (due, platform_id))
            self._wake.set()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as probes:
            while True:
                self._wake.clear()
                for platform_id in tuple(self._due()):
                    try:
                        await self._tend(platform_id, probes)
                    except Exception:
                        log.exception("liveness_failed", platform_id=platform_id)
                        self._plan(platform_id, self._clock() + _WATCH)
                await asyncio.sleep(0)  # whatever is due again by now, messages get their turn before
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(self._heap[0][0] if self._heap else None):
                        await self._wake.wait()

    def _due(self) -> Iterator[int]:
        """The platforms with something to do. Entries of the heap that were overtaken by earlier ones are dropped."""
        while self._heap and self._heap[0][0] <= self._clock():
            due, platform_id = heapq.heappop(self._heap)
            if self._planned.get(platform_id) == due:
                del self._planned[platform_id]
                yield platform_id

    async def _tend(self, platform_id: int, probes: asyncio.TaskGroup) -> None:
        breaker, now = self._breakers.get(platform_id), self._clock()
        if breaker is None:  # removed while others were seen to, or told of
            return
        if not self._leads() and await self._leave(platform_id, breaker, now):
            return
        if breaker.probe_due <= now:
            breaker.begin_probe(now)
            probes.create_task(self._probe(platform_id, breaker), name=f"probe {platform_id}")
        if not self._leads():  # what is to be told waits for who may
            self._plan(platform_id, min(breaker.probe_due, now + _WATCH))
            return
        if (status := breaker.publishable(now)) is not None:
            breaker.publish(now)
            await self._publish(platform_id, status)
        self._follow(platform_id, breaker)

    async def _leave(self, platform_id: int, breaker: Breaker, now: float) -> bool:
        """Leave a platform to the node that leads, and look again later whether that is still so.

        What this node alone can not reach, it probes itself until all agree; and it gives the other reason to ask.
        """
        gone = breaker.published is ConnectionStatus.OFFLINE
        news = self._heard.get(platform_id, -inf) if gone else breaker.trouble_at
        if breaker.open and news > self._doubted.get(platform_id, -inf):
            self._doubted[platform_id] = now
            await self._doubt(platform_id)
        if breaker.open and (self._alone() or not gone):
            return False
        self._plan(platform_id, max(breaker.due, now + _WATCH))
        return True

    async def _doubt(self, platform_id: int) -> None:
        try:
            await self._statuses.doubt(platform_id)
        except StoreError as error:
            log.debug("doubt_not_told", platform_id=platform_id, reason=str(error))

    async def _publish(self, platform_id: int, status: ConnectionStatus) -> None:
        before = self._statuses.get(platform_id)
        published = await self._statuses.set(platform_id, status)
        platform = self._keeper.current.platforms.get(platform_id)
        if platform is None:
            return
        log.info("status_published", platform=platform.name, status=status.value)
        self._bus.publish(
            StatusChanged(
                platform=platform.name,
                platform_id=platform_id,
                before=before.status if before else None,
                status=status,
                parties=standing(platform, status),
                at=published.changed_at,
            )
        )

    async def _probe(self, platform_id: int, breaker: Breaker) -> None:
        alive = False
        try:
            async with self._gate:
                platform = self._keeper.current.platforms.get(platform_id)
                alive = platform is not None and await self._answers(platform, breaker)
        except Exception:
            log.exception("liveness_failed", platform_id=platform_id)
        breaker.end_probe(self._clock(), _chance(), alive=alive)
        self._follow(platform_id, breaker)

    async def _answers(self, platform: Platform, breaker: Breaker) -> bool:
        """Whether a platform answers GET versions. On connections of its own: messages never wait for a probe."""
        if platform.versions_url is None or platform.authorization is None:
            return False
        request = Request(
            method="GET",
            url=platform.versions_url,
            headers=opening(platform.authorization),
            pool=f"probe {platform.id}",
            deadline=self._clock() + self._timeout,
            max_body=_PROBE_BODY,
        )
        tell = log.debug if breaker.open else log.info
        try:
            response = await self._client.send(request)
        except SendError as error:
            tell("probe_failed", platform=platform.name, reason=str(error))
            self._why[platform.id] = str(error)
            return False
        if response.status in (401, 403):
            log.warning("token_refused_by_partner", platform=platform.name, http=response.status)
            self._bus.publish(TokenRefused(platform=platform.name, http=response.status))
        alive = answers(response.status, response.body)
        if alive:
            self._heard[platform.id] = self._clock()
        else:
            reason = self._why[platform.id] = f"HTTP {response.status} without an OCPI answer"
            tell("probe_failed", platform=platform.name, reason=reason)
        return alive


def answers(status: int, body: bytes) -> bool:
    """Whether an answer to GET versions is the platform's own: OCPI, or a list without an envelope, or a refusal."""
    if status in (401, 403):
        return True
    return status < 500 and (envelope.status_code(body) is not None or _is_list(body))


def _is_list(body: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(body), list)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return False


def _chance() -> float:
    return random.random()  # noqa: S311 - it spreads probes, and guards nothing
