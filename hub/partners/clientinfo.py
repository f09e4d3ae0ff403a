"""HubClientInfo: tells every platform the connection status of the parties that it can communicate with.

OCPI 2.2.1, chapter 15. A platform sees the parties of all others that it has any agreement with. What changes is PUT
to those who may see it: one attempt each, and never what is outdated by then. What a platform may no longer see, and
what is gone, is PUT as SUSPENDED (15.2.1: invalidated objects) and left out of GET.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping

import msgspec
import structlog

from hub.core.agreements import ANY, Agreements
from hub.core.directory import Directory, Platform, State
from hub.core.modules import Interface
from hub.core.party import Party, PartyRole
from hub.core.paths import join
from hub.core.status import ConnectionStatus
from hub.events import Bus, Event, PartnerChanged, Registered, StatusChanged, Subscription, Unregistered
from hub.ocpi import envelope
from hub.ocpi.client_info import ClientInfo, standing
from hub.partners.calls import JSON, opening
from hub.partners.directory import DirectoryKeeper, now_ms
from hub.partners.statuses import Statuses
from hub.upstream import Client, Fault, Request, SendError

log = structlog.get_logger()

_NAMES = ("hubclientinfo", "clientinfo")
_EVENTS = 10_000
_PUSH_BODY = 2**16

Told = Mapping[PartyRole, ConnectionStatus]


class HubClientInfo:
    """Answers GET, and pushes what changes. `report` takes what came of each push: see `Liveness.report`."""

    def __init__(
        self,
        keeper: DirectoryKeeper,
        client: Client,
        bus: Bus,
        statuses: Statuses,
        report: Callable[[int, Fault | int, float], None],
        *,
        timeout: float = 10.0,
        at_once: int = 64,
    ) -> None:
        """`timeout` is the seconds of one push, `at_once` how many run at the same time; one for each platform."""
        self._keeper = keeper
        self._client = client
        self._bus = bus
        self._statuses = statuses
        self._report = report
        self._timeout = timeout
        self._gate = asyncio.Semaphore(at_once)
        self._told: dict[int, Told] = {}
        self._looked_at: dict[int, tuple[Platform, ConnectionStatus | None]] = {}
        self._viewers: tuple[Mapping[int, Platform], list[Platform]] = ({}, [])
        self._waiting: dict[int, dict[PartyRole, ClientInfo]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        """Begin to push. Before `Liveness.start`, so that nothing it publishes is missed."""
        for platform in self._keeper.current.platforms.values():
            if (published := self._statuses.get(platform.id)) is not None:
                self._told[platform.id] = standing(platform, published.status)
                self._looked_at[platform.id] = platform, published.status
        self._subscription = self._bus.subscribe(
            self._changed, StatusChanged, PartnerChanged, Registered, Unregistered, name="clientinfo", size=_EVENTS
        )

    async def stop(self) -> None:
        """End all pushes; what has not gone out by now never will."""
        if self._subscription:
            await self._bus.unsubscribe(self._subscription)
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def page(
        self, viewer: Platform, *, date_from: int | None, date_to: int | None, offset: int, limit: int
    ) -> tuple[list[ClientInfo], int]:
        """One page of what `viewer` may see, and how much that is in all. The platforms that came first are first.

        Times are milliseconds since 1970; `date_from` is inclusive, `date_to` is not (15.3.2.1).
        """
        found = [
            (who, status, at)
            for who, status, at in self._visible(viewer)
            if (date_from is None or at >= date_from) and (date_to is None or at < date_to)
        ]
        rows = [ClientInfo.of(*each).in_version(viewer.version) for each in found[offset : offset + limit]]
        return rows, len(found)

    async def agreements_changed(self, before: Agreements, after: Agreements) -> None:
        """Both sides learn of each other when an agreement opens, and see the other SUSPENDED when it closes.

        Their `last_updated` is renewed: who asks by date has to find them, and newer has to look newer.
        """
        moved = []
        for viewer, platform in _concerned(self._keeper.current, _changed_pairs(before, after)):
            await asyncio.sleep(0)  # there may be very many, and messages must not wait for all of them
            if parties := _seen(viewer, platform, before) ^ _seen(viewer, platform, after):
                moved.append((viewer, platform, parties))
        await self._statuses.renew({platform.id for _, platform, _ in moved})
        for viewer, platform, parties in moved:
            if (published := self._statuses.get(platform.id)) is not None:
                # What holds now: the next change may have been quicker than this one.
                seen = _seen(viewer, platform, self._keeper.current.agreements)
                for who, status in standing(platform, published.status).items():
                    if who.party in parties:
                        told = status if who.party in seen else ConnectionStatus.SUSPENDED
                        self._tell(viewer, who, told, published.changed_at)

    async def follow(self, keys: Collection[str] | None) -> None:
        """Other nodes changed platforms, or published of them, and told who has to know: here it is only noted."""
        for platform_id in {*self._looked_at, *self._keeper.current.platforms} if keys is None else map(int, keys):
            platform = self._keeper.current.platforms.get(platform_id)
            published = self._statuses.get(platform_id)
            if platform is None:
                self._told.pop(platform_id, None)
                self._looked_at.pop(platform_id, None)
                continue
            self._looked_at[platform_id] = platform, self._status(platform_id)
            if published is not None:
                self._told[platform_id] = standing(platform, published.status)

    async def _changed(self, event: Event) -> None:
        if isinstance(event, StatusChanged):
            await self._announce(event.platform_id, renewed=True)
            return
        for platform_id in sorted(self._changed_platforms()):
            await self._announce(platform_id, renewed=False)
        if isinstance(event, Registered):
            self._show_all(event.platform)

    def _changed_platforms(self) -> set[int]:
        """The platforms that are not as they were when they were looked at last: of very many, mostly one."""
        platforms, looked_at = self._keeper.current.platforms, self._looked_at
        found = looked_at.keys() - platforms.keys()
        for platform_id, platform in platforms.items():
            before = looked_at.get(platform_id)
            if before is None or before[0] is not platform or before[1] is not self._status(platform_id):
                found.add(platform_id)
        return found

    def _status(self, platform_id: int) -> ConnectionStatus | None:
        published = self._statuses.get(platform_id)
        return published.status if published else None

    async def _announce(self, platform_id: int, *, renewed: bool) -> None:
        """Tell all who may see a platform what is new since it was announced last. `renewed`: its status is."""
        platform = self._keeper.current.platforms.get(platform_id)
        published = self._statuses.get(platform_id)
        before = self._told.get(platform_id, {})
        if platform is None:
            self._told.pop(platform_id, None)
            self._looked_at.pop(platform_id, None)
            self._tell_all(platform_id, dict.fromkeys(before, ConnectionStatus.SUSPENDED), now_ms())
            return
        self._looked_at[platform_id] = platform, self._status(platform_id)
        if published is not None:
            after = self._told[platform_id] = standing(platform, published.status)
            gone = dict.fromkeys(before.keys() - after.keys(), ConnectionStatus.SUSPENDED)
            news = {who: status for who, status in after.items() if before.get(who) is not status}
            if not gone and not news:
                return
            if not renewed:
                await self._statuses.renew([platform_id])
            self._tell_all(platform_id, gone | news, (self._statuses.get(platform_id) or published).changed_at)

    def _show_all(self, name: str) -> None:
        """The full picture, for a platform that has just connected."""
        for viewer in self._keeper.current.platforms.values():
            if viewer.name == name:
                for who, status, at in self._visible(viewer):
                    self._tell(viewer, who, status, at)

    def _visible(self, viewer: Platform) -> Iterator[tuple[PartyRole, ConnectionStatus, int]]:
        directory = self._keeper.current
        for platform_id in sorted(directory.platforms.keys() - {viewer.id}):
            published = self._statuses.get(platform_id)
            if published is not None:
                for who, status in standing(directory.platforms[platform_id], published.status).items():
                    if _sees(viewer, who.party, directory.agreements):
                        yield who, status, published.changed_at

    def _tell_all(self, platform_id: int, told: Told, at: int) -> None:
        agreements = self._keeper.current.agreements
        for viewer in self._who_listens():
            if viewer.id != platform_id:
                for who, status in told.items():
                    if _sees(viewer, who.party, agreements):
                        self._tell(viewer, who, status, at)

    def _who_listens(self) -> list[Platform]:
        """The platforms that take client infos. All of them may change their status within seconds."""
        platforms = self._keeper.current.platforms
        if self._viewers[0] is not platforms:
            self._viewers = platforms, [each for each in platforms.values() if _endpoint(each)]
        return self._viewers[1]

    def _tell(self, viewer: Platform, who: PartyRole, status: ConnectionStatus, at: int) -> None:
        """Have one object PUT to one platform; it takes the place of an older one that has not gone out yet."""
        if not _endpoint(viewer):
            return
        waiting = self._waiting.setdefault(viewer.id, {})
        waiting.pop(who, None)
        waiting[who] = ClientInfo.of(who, status, at)
        if viewer.id not in self._tasks:
            self._tasks[viewer.id] = asyncio.create_task(self._push(viewer.id), name=f"clientinfo {viewer.id}")

    async def _push(self, viewer_id: int) -> None:
        """Empty what waits for one platform, one after the other: newer must not overtake older."""
        waiting = self._waiting[viewer_id]
        try:
            while waiting:
                info = waiting.pop(next(iter(waiting)))
                async with self._gate:
                    viewer = self._reachable(viewer_id)
                    if viewer is None:
                        return
                    await self._put(viewer, info)
        finally:
            del self._waiting[viewer_id], self._tasks[viewer_id]

    def _reachable(self, viewer_id: int) -> Platform | None:
        directory = self._keeper.current
        viewer = directory.platforms.get(viewer_id)
        return viewer if viewer and _endpoint(viewer) and viewer_id not in directory.offline else None

    async def _put(self, viewer: Platform, info: ClientInfo) -> None:
        """One attempt. Without routing headers, which configuration modules do not have."""
        endpoint, authorization = _endpoint(viewer), viewer.authorization
        if endpoint is None or authorization is None:
            return
        clock = asyncio.get_running_loop().time
        began = clock()
        request = Request(
            method="PUT",
            url=join(endpoint, (info.country_code, info.party_id)),
            headers=(*opening(authorization), *JSON),
            body=msgspec.json.encode(info.in_version(viewer.version)),
            pool=f"clientinfo {viewer.id}",
            deadline=began + self._timeout,
            max_body=_PUSH_BODY,
        )
        try:
            response = await self._client.send(request)
        except SendError as error:
            self._report(viewer.id, error.fault, clock() - began)
            reason = str(error)
        else:
            self._report(viewer.id, response.status, clock() - began)
            code = envelope.status_code(response.body)
            if response.status < 300 and code is not None and 1000 <= code < 2000:
                return
            reason = f"HTTP {response.status}, OCPI {code}"
        log.info(
            "client_info_refused", platform=viewer.name, about=f"{info.country_code}-{info.party_id}", reason=reason
        )


def _endpoint(platform: Platform) -> str | None:
    """Where a platform takes client infos, under either of the names that are in use. None where it takes none."""
    if platform.state is not State.REGISTERED:
        return None
    urls = (platform.endpoints.get((name, Interface.RECEIVER)) for name in _NAMES)
    return next((url for url in urls if url), None)


def _sees(viewer: Platform, party: Party, agreements: Agreements) -> bool:
    return any(agreements.visible(own, party) for own in viewer.roles)


def _changed_pairs(before: Agreements, after: Agreements) -> frozenset[tuple[str, str]]:
    """The parties that some changed rule is between; `*` is every party."""
    if before.default != after.default:
        return frozenset({(ANY, ANY)})
    return frozenset((rule.one, rule.other) for rule in {*before.rules.values()} ^ {*after.rules.values()})


def _concerned(directory: Directory, pairs: frozenset[tuple[str, str]]) -> Iterator[tuple[Platform, Platform]]:
    """Who sees, and whom, wherever that is between two of these parties."""
    owners = {party.id: platform for party, platform in directory.parties.items()}
    for viewer in directory.platforms.values():
        own = {ANY, *(party.id for party in viewer.roles)}
        others = {other for pair in pairs for one, other in (pair, pair[::-1]) if one in own}
        everybody = directory.platforms.values()
        named = {owners[each].id: owners[each] for each in others if each in owners}.values()
        for platform in everybody if ANY in others else named:
            if platform.id != viewer.id:
                yield viewer, platform


def _seen(viewer: Platform, platform: Platform, agreements: Agreements) -> frozenset[Party]:
    """The parties of `platform` that `viewer` sees."""
    return frozenset(party for party in platform.parties if _sees(viewer, party, agreements))
