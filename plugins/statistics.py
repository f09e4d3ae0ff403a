"""Counts what is charged in the network: energy, time and cost, from the sessions and CDRs that pass. Off by default.

    [plugins.statistics]
    enabled = true

For PDFs it needs the package fpdf2: `pip install ocpi-hub[pdf]`. Everything about it stands in docs/statistics.md.
"""

import asyncio
import base64
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from hub.plugin import (
    Call,
    Chart,
    Connection,
    Figure,
    Figures,
    Line,
    OcpiError,
    Party,
    PdfMissing,
    Plugin,
    Problem,
    Push,
    Query,
    Rows,
    Scope,
    Settings,
    admin_route,
    on_push,
    panel,
    verb,
    web_route,
)

from .answers import CsvPart, Log, Pdf, Running, Snapshots, SnapshotsWanted, Sums
from .early import Early
from .papers import by_day, csv, pdf
from .queries import (
    PERSONAL,
    Live,
    OfTokens,
    Sum,
    SumsOfTokens,
    Wanted,
    WantedSums,
    count,
    forget,
    groups,
    history,
    known,
    load,
    log,
    moment,
    running,
    sums,
    take_snapshot,
)
from .reading import Row, Seen, Unreadable, cdr, merged, session
from .tables import NOT_KNOWN, charges, snapshots, tables

_DAY = 86_400_000
_HOUR = 3_600_000
_PLACES = 10_000
_SWEEP, _LOOK = 3600.0, 60.0
_MOST = 1000
_BATCH = 500
_POINTS = 10_000


class StatisticsSettings(Settings):
    """The `[plugins.statistics]` table."""

    every: Annotated[float, Meta(ge=0.05, le=60, description="Seconds between two writes.")] = 1.0
    waiting: Annotated[int, Meta(ge=100, le=1_000_000, description="Pushes that may wait to be written.")] = 20_000
    snapshot_every: Annotated[
        int, Meta(ge=1, le=86_400, description="Seconds between two snapshots of running sessions.")
    ] = 60
    snapshot_days: Annotated[int, Meta(ge=1, le=10_000, description="Days that snapshots are kept.")] = 14
    keep_days: Annotated[
        int, Meta(ge=0, le=100_000, description="Days that sessions and CDRs are kept; 0 means for ever.")
    ] = 0
    stale_hours: Annotated[
        int, Meta(ge=1, le=10_000, description="Hours without a word after which a session is not taken as running.")
    ] = 24
    pdf_rows: Annotated[int, Meta(ge=1, le=100_000, description="Rows of one PDF, at most.")] = 5000
    pdf_font: Annotated[str, Meta(description="TrueType file for PDFs; else Western European letters only.")] = ""


class Statistics(Plugin[StatisticsSettings]):
    """What passes waits in memory for a moment, and is written together."""

    enabled_by_default = False
    tables = tables

    async def start(self) -> None:
        self.waiting: list[Seen] = []
        self.early = Early(self.settings.every)
        self.counted: Counter[str] = Counter()
        self.problem = ""
        self.places: dict[tuple[str, str], tuple[str, str]] = {}
        self.writing = asyncio.Lock()
        self.spawn(self.write_for_ever(), name="write")
        self.spawn(self.look_for_ever(), name="snapshots")
        self.spawn(self.forget_for_ever(), name="retention")

    async def stop(self) -> None:
        await self.flush()

    @on_push("cdrs.receiver.post", "sessions.receiver.put", "sessions.receiver.patch")
    async def seen(self, push: Push) -> None:
        if not push.ok:
            return
        if len(self.waiting) >= self.settings.waiting:
            self.counted["lost, too many waited"] += 1
            return
        try:
            self.waiting.append(await self.read(push))
        except (OcpiError, Unreadable) as error:
            self.counted["not as OCPI has it"] += 1
            self.log.debug("not_counted", sender=push.message.sender.id, reason=str(error))

    async def read(self, push: Push) -> Seen:
        message = push.message
        value = await self.hub.told(message)
        cpo = (message.owner or message.sender).id
        emsp = NOT_KNOWN if push.route.way == "refuse" else push.route.to.id
        raw = push.json()
        contract = str(raw.get("auth_id") or NOT_KNOWN) if isinstance(raw, dict) else NOT_KNOWN
        if message.module == "cdrs":
            return cdr(value, cpo, emsp, contract)
        return session(value, cpo, message.object_id or "", emsp, contract, whole=message.method == "PUT")

    async def write_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self.settings.every)
            await self.flush()

    async def flush(self) -> None:
        """Write what waits. Where the disk does not take it, it goes on waiting."""
        async with self.writing:
            self.waiting = self.early.ripe() + self.waiting
            for _ in range(0, len(self.waiting), _BATCH):
                batch = self.waiting[:_BATCH]
                if not await self.done(self.write(batch)):
                    return
                del self.waiting[: len(batch)]

    async def write(self, batch: list[Seen]) -> None:
        await self.find_places(batch)
        await self.store.write(lambda own: self.put(own, batch))

    async def done(self, work: Coroutine[Any, Any, Any]) -> bool:
        """Whether something could be written. Whatever is wrong with the disk now, it may be over later."""
        try:
            await work
        except Exception as error:  # noqa: BLE001
            if not self.problem:
                self.log.warning("statistics_not_written", reason=str(error))
            self.problem = "not written to the disk; the reason is in the log"
            return False
        self.problem = ""
        return True

    async def find_places(self, batch: list[Seen]) -> None:
        """Look up what locations are called, and their time zones, where the objects do not say it."""
        if len(self.places) > _PLACES:
            self.places.clear()
        wanted = {(each.cpo, each.told["location"]) for each in batch if each.whole and not each.told["zone"]}
        for cpo, location in wanted - self.places.keys():
            held = await self.hub.held("locations", Party.parse(cpo), location)
            if isinstance(held, dict):
                name = str(held.get("name") or held.get("address") or "")[:255]
                self.places[cpo, location] = name, str(held.get("time_zone") or "")[:255]

    async def put(self, own: Connection, batch: list[Seen]) -> None:
        rows = await known(own, batch)
        changed: dict[tuple[str, str, str], Row] = {}
        for each in batch:
            key = each.kind, each.cpo, each.key
            if (row := merged(rows.get(key), each)) is None:
                if key not in rows and self.nodes.several and self.early.take(each):
                    continue
                what = "changes of sessions that nobody knows" if key not in rows else "seen before, or older"
                self.counted[what] += 1
                continue
            place, zone = self.places.get((row["cpo"], row["location"]), ("", ""))
            rows[key] = changed[key] = {**row, "place": row["place"] or place, "zone": row["zone"] or zone}
        await own.upsert(charges, list(changed.values()))
        self.counted["rows written"] += len(changed)

    async def look_for_ever(self) -> None:
        """Each snapshot is at a whole multiple of the interval: they are as far apart, however long one takes."""
        every = self.settings.snapshot_every
        while True:
            await asyncio.sleep(every - time.time() % every)
            await self.flush()
            at = int(time.time() // every * every) * 1000
            if self.nodes.leads:
                await self.done(self.store.write(lambda own, at=at: take_snapshot(own, at, self.since)))

    async def forget_for_ever(self) -> None:
        while True:
            if leads := self.nodes.leads:
                now = _now()
                await self.done(self.forget(snapshots, snapshots.c.at, now - self.settings.snapshot_days * _DAY))
                if self.settings.keep_days:
                    await self.done(self.forget(charges, charges.c.started, now - self.settings.keep_days * _DAY))
            await asyncio.sleep(_SWEEP if leads else _LOOK)

    async def forget(self, table: Any, column: Any, before: int) -> None:
        more = True
        while more:  # others write between two parts
            more = await self.store.write(lambda own: forget(own, table, column, before))

    @property
    def since(self) -> int:
        """When something has to have been heard of a session that runs."""
        return _now() - self.settings.stale_hours * _HOUR

    @admin_route("GET", "/sums", scope=Scope.READ)
    async def list_sums(self, call: Call[WantedSums, None]) -> Sums:
        """List sums of energy, time and cost."""
        if found := PERSONAL.intersection(groups(call.query.by)):
            raise Problem(403, f"by: {min(found)} tells of drivers", "ask for sums-by-driver, with a key for admin")
        return await self.sums(call.query)

    @admin_route("GET", "/sums-by-driver", scope=Scope.ADMIN)
    async def list_sums_by_driver(self, call: Call[SumsOfTokens, None]) -> Sums:
        """List sums of energy, time and cost, of cards and contracts as well."""
        return await self.sums(call.query)

    @admin_route("GET", "/log", scope=Scope.ADMIN)
    async def list_log(self, call: Call[OfTokens, None]) -> Log:
        """List CDRs or sessions, the oldest first."""
        await self.flush()
        return Log(*await self.store.read(lambda own: log(own, call.query)))

    @admin_route("GET", "/running", scope=Scope.READ)
    async def list_running(self, call: Call[Query, None]) -> Running:
        """List running sessions."""
        return Running(await self.running())

    @admin_route("GET", "/snapshots", scope=Scope.READ)
    async def list_snapshots(self, call: Call[SnapshotsWanted, None]) -> Snapshots:
        """List the snapshots of a session, the oldest first."""
        asked = call.query
        return Snapshots(*await self.store.read(lambda own: history(own, asked.cpo, asked.session, asked)))

    @web_route("GET", "/log.csv", scope=Scope.ADMIN)
    async def download_csv(self, request: web.Request) -> web.StreamResponse:
        """The charging log as CSV."""
        wanted = _wanted(request)
        response = web.StreamResponse(headers=_headers("text/csv; charset=utf-8", "csv"))
        first = await self.csv(wanted)
        await response.prepare(request)
        await response.write(first.csv.encode())
        async for part in self.following(wanted, first.next):
            await response.write(part.csv.encode())
        return response

    @web_route("GET", "/log.pdf", scope=Scope.ADMIN)
    async def download_pdf(self, request: web.Request) -> web.StreamResponse:
        """The charging log as a PDF."""
        return web.Response(body=await self.pdf(_wanted(request)), headers=_headers("application/pdf", "pdf"))

    @verb("sums")
    async def tell_sums(self, given: SumsOfTokens) -> Sums:
        """Sums; what can be asked for stands at the route /sums-by-driver."""
        return await self.sums(given)

    @verb("csv")
    async def tell_csv(self, given: OfTokens) -> CsvPart:
        """A part of the charging log as CSV; what can be asked for stands at the route /log."""
        return await self.csv(given)

    @verb("pdf")
    async def tell_pdf(self, given: OfTokens) -> Pdf:
        """The charging log as a PDF; what can be asked for stands at the route /log."""
        return Pdf(base64.b64encode(await self.pdf(given)).decode())

    async def sums(self, wanted: WantedSums | SumsOfTokens) -> Sums:
        names = groups(wanted.by)
        await self.flush()
        return Sums(*await self.store.read(lambda own: sums(own, wanted, names)))

    async def latest(self, days: int, by: str, of: str = "cdr") -> list[Sum]:
        """All sums of so many days until now."""
        wanted = Wanted(of=of, date_from=moment(_now() - days * _DAY), limit=_MOST)
        await self.flush()
        return (await self.store.read(lambda own: sums(own, wanted, groups(by))))[0]

    async def running(self) -> list[Live]:
        await self.flush()
        return await self.store.read(lambda own: running(own, self.since, _MOST))

    async def csv(self, wanted: OfTokens) -> CsvPart:
        await self.flush()
        rows, following = await self.store.read(lambda own: log(own, wanted))
        return CsvPart(csv(rows, head=wanted.cursor is None), following)

    async def following(self, wanted: OfTokens, cursor: str | None) -> AsyncIterator[CsvPart]:
        while cursor is not None:
            part = await self.csv(msgspec.structs.replace(wanted, cursor=cursor))
            cursor = part.next
            yield part

    async def pdf(self, wanted: OfTokens) -> bytes:
        await self.flush()
        found = await self.store.read(lambda own: count(own, wanted))
        if found > self.settings.pdf_rows:
            hint = "ask for a shorter time or for CSV, or set pdf_rows"
            raise Problem(413, f"these are {found} rows; a PDF has {self.settings.pdf_rows} at most", hint)
        every = msgspec.structs.replace(wanted, limit=found + 1, cursor=None)
        rows, _ = await self.store.read(lambda own: log(own, every))
        totals, _ = await self.store.read(lambda own: sums(own, every, ()))
        font = self.folder / self.settings.pdf_font if self.settings.pdf_font else None
        try:
            return await asyncio.to_thread(pdf, self.hub.party.id, moment(_now()), wanted, rows, totals, font)
        except PdfMissing as error:
            raise Problem(501, str(error)) from None

    @panel("The last 30 days")
    async def show_totals(self) -> Figures:
        found = await self.latest(30, "")
        energy = round(sum(each.kwh for each in found), 1)
        figures = [Figure("CDRs, less credits", sum(each.count for each in found)), Figure("energy", energy, "kWh")]
        figures.append(Figure("time", round(sum(each.hours for each in found), 1), "hours"))
        figures += [Figure("cost", round(each.cost, 2), f"{each.currency} without VAT") for each in found]
        return Figures((*figures, Figure("sessions that run", len(await self.running()))))

    @panel("Energy by day, 90 days")
    async def show_energy(self) -> Chart:
        days: dict[str, float] = {}
        for each in await self.latest(90, "day"):
            days[each.group["day"]] = days.get(each.group["day"], 0.0) + each.kwh
        return Chart((Line("energy", by_day(days)),), "kWh")

    @panel("Cost by day, 90 days, without VAT")
    async def show_cost(self) -> Chart:
        lines: dict[str, dict[str, float]] = {}
        for each in await self.latest(90, "day"):
            lines.setdefault(each.currency, {})[each.group["day"]] = each.cost
        return Chart(tuple(Line(currency, by_day(days)) for currency, days in sorted(lines.items())))

    @panel("Power of running sessions, 24 hours")
    async def show_load(self) -> Chart:
        found = await self.store.read(lambda own: load(own, _now() - _DAY))
        points: list[tuple[int, float | None]] = []
        for at, power in found[-_POINTS // 2 :]:
            if points and at - points[-1][0] > 2000 * self.settings.snapshot_every:
                points.append((points[-1][0] + 1, None))  # nothing ran, or the hub did not
            points.append((at, power))
        return Chart((Line("power", tuple(points)),), "kW")

    @panel("CPOs and eMSPs, 30 days")
    async def show_parties(self) -> Rows:
        found = sorted(await self.latest(30, "cpo,emsp"), key=lambda each: -each.kwh)
        rows = [(*each.group.values(), each.count, each.kwh, each.hours, each.cost, each.currency) for each in found]
        return Rows(("CPO", "eMSP", "CDRs", "kWh", "hours", "cost", ""), tuple(rows))

    @panel("Running sessions")
    async def show_running(self) -> Rows:
        rows = [
            (each.cpo, each.emsp, each.location, each.id, each.started, each.updated, each.kwh, each.kw)
            for each in await self.running()
        ]
        return Rows(("CPO", "eMSP", "location", "session", "begun", "heard of", "kWh", "kW"), tuple(rows))

    @panel("What passed")
    async def show_work(self) -> Figures:
        figures = [Figure(what, times, "pushes") for what, times in sorted(self.counted.items())]
        return Figures((*figures, Figure("problem", self.problem or "none")))


def _wanted(request: web.Request) -> OfTokens:
    try:
        return msgspec.convert({"limit": _MOST, **request.query}, OfTokens, strict=False)
    except msgspec.ValidationError as error:
        raise Problem(400, str(error), "what can be asked for stands at the route /log, see /docs") from None


def _headers(kind: str, ending: str) -> dict[str, str]:
    name = f"charging-log-{moment(_now())[:10]}.{ending}"
    return {"Content-Type": kind, "Content-Disposition": f'attachment; filename="{name}"'}


def _now() -> int:
    return time.time_ns() // 1_000_000
