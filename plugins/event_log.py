"""Writes what happens in the hub into files, a line of JSON for each event. Off until it is switched on.

    [plugins.event_log]
    enabled = true

Everything about it stands in docs/event-log.md.
"""

import asyncio
import contextlib
import json
import os
import re
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from hub.plugin import (
    Call,
    Delivered,
    Event,
    Figure,
    Figures,
    Found,
    Handled,
    Limited,
    Message,
    OcpiError,
    PartnerChanged,
    Plugin,
    PluginChanged,
    PluginFault,
    PluginSetAside,
    Problem,
    Query,
    Refused,
    Registered,
    Reloaded,
    Scope,
    Settings,
    StatusChanged,
    TokenRefused,
    Unregistered,
    admin_route,
    on,
    panel,
    redact,
    verb,
    web_route,
)

CURRENT = "events.jsonl"
_LONGEST = 2000
_KINDS: dict[type[Event], str] = {
    Handled: "handled",
    Delivered: "delivered",
    Refused: "refused",
    Limited: "limited",
    Registered: "registered",
    Unregistered: "unregistered",
    PartnerChanged: "partner_changed",
    StatusChanged: "status_changed",
    TokenRefused: "token_refused",
    Found: "found",
    Reloaded: "reloaded",
    PluginChanged: "plugin_changed",
    PluginFault: "plugin_fault",
    PluginSetAside: "plugin_set_aside",
}

Kind = Literal[
    "handled", "delivered", "refused", "limited", "registered", "unregistered", "partner_changed", "status_changed",
    "token_refused", "found", "reloaded", "plugin_changed", "plugin_fault", "plugin_set_aside",
]  # fmt: skip


class EventLogSettings(Settings):
    """The `[plugins.event_log]` table."""

    folder: Annotated[str, Meta(min_length=1, description="Folder of the files, made where it is not there.")] = (
        "events"
    )
    events: Annotated[list[Kind], Meta(description="Which events are written; an empty list means all.")] = []
    bodies: Annotated[bool, Meta(description="Whether the bodies of messages are written, too.")] = False
    hide_personal: Annotated[bool, Meta(description="Whether cards and what tells of a person is left out.")] = True
    megabytes: Annotated[float, Meta(ge=0.001, le=10_000, description="Size at which a new file is begun.")] = 64.0
    daily: Annotated[bool, Meta(description="Whether each day (UTC) begins a new file, too.")] = True
    keep: Annotated[int, Meta(ge=0, le=10_000, description="Finished files that are kept.")] = 14
    every: Annotated[float, Meta(ge=0.05, le=60, description="Seconds between two writes.")] = 0.5
    waiting: Annotated[int, Meta(ge=100, le=1_000_000, description="Events that may wait to be written.")] = 10_000
    fsync: Annotated[
        Literal["never", "finished", "always"],
        Meta(description="When a write is forced to the disk: never, at the end of a file, or each time."),
    ] = "finished"


class LogFile(msgspec.Struct, frozen=True):
    """One file. `changed` is when it was written to last, in milliseconds since 1970."""

    name: str
    bytes: int
    changed: int


class LogFiles(msgspec.Struct, frozen=True):
    """Every file, the current one first, then the newest."""

    files: list[LogFile]


class EventLog(Plugin[EventLogSettings]):
    """Events wait in memory for a moment, and are written together by a thread."""

    enabled_by_default = False

    async def start(self) -> None:
        folder = self.folder / self.settings.folder
        if self.nodes.several:  # they may be on one machine
            folder /= re.sub(r"[^\w.-]", "_", self.nodes.name).strip(".") or "node"
        self.files = Files(folder, self.settings)
        await asyncio.to_thread(self.files.open)
        self.waiting: deque[tuple[int, Event]] = deque()
        self.kinds = frozenset(self.settings.events) or frozenset(_KINDS.values())
        self.written = self.dropped = self.lost = 0
        self.problem = ""
        self.writing = asyncio.Lock()
        self.spawn(self.write_for_ever(), name="write")

    async def stop(self) -> None:
        await self.write()

    @on(*_KINDS)
    async def note(self, event: Event) -> None:
        if _KINDS[type(event)] not in self.kinds:
            return
        if len(self.waiting) >= self.settings.waiting:
            self.dropped += 1
        else:
            self.waiting.append((_now(), event))

    async def write_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self.settings.every)
            await self.write()

    async def write(self) -> None:
        """Write all that waits. What a full disk does not take is lost, and counted; the hub goes on."""
        async with self.writing:
            batch = list(self.waiting)
            self.waiting.clear()
            if not batch:
                return
            try:
                await asyncio.to_thread(self.files.append, lines(batch, self.settings))
            except OSError as error:
                self.lost += len(batch)
                reason = error.strerror or str(error)
                if self.problem != reason:
                    self.log.warning("event_log_fails", reason=reason, folder=str(self.files.folder))
                self.problem = reason
            else:
                self.written += len(batch)
                if self.problem:
                    self.log.info("event_log_writes_again", lost=self.lost)
                self.problem = ""

    @admin_route("GET", "/files", scope=Scope.READ)
    async def list_files(self, call: Call[Query, None]) -> LogFiles:
        """List the files of the event log."""
        return LogFiles(await asyncio.to_thread(self.files.all))

    @web_route("GET", "/files/{name}", scope=Scope.ADMIN)
    async def download(self, request: web.Request) -> web.StreamResponse:
        """One file of the event log."""
        name = request.path.rpartition("/")[2]
        if name not in {each.name for each in await asyncio.to_thread(self.files.all)}:
            raise Problem(404, "there is no such file", "see /api/v1/plugins/event_log/files")
        headers = {"Content-Type": "application/x-ndjson", "Content-Disposition": f'attachment; filename="{name}"'}
        return web.FileResponse(self.files.folder / name, headers=headers)

    @verb("rotate")
    async def rotate(self, given: None) -> LogFiles:
        """Write all that waits, and begin a new file."""
        await self.write()
        async with self.writing:
            await asyncio.to_thread(self.files.finish)
        return LogFiles(await asyncio.to_thread(self.files.all))

    @panel("Event log")
    async def figures(self) -> Figures:
        files = await asyncio.to_thread(self.files.all)
        return Figures(
            (
                Figure("written", self.written, "events"),
                Figure("not written, too many waited", self.dropped, "events"),
                Figure("not written, the disk did not take them", self.lost, "events"),
                Figure("problem", self.problem or "none"),
                Figure("files", len(files)),
                Figure("size", sum(each.bytes for each in files), "bytes"),
            )
        )


class Files:
    """The current file, and the finished ones, which have the time of their end in their names. Used by one thread."""

    def __init__(self, folder: Path, settings: EventLogSettings) -> None:
        self.folder = folder
        self._settings = settings
        self._most = int(settings.megabytes * 1_000_000)

    def open(self) -> None:
        """Make the folder, and look whether a file can be written."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(self._file())
        self._keep_names(self.folder.parent, self.folder)

    def append(self, lines: Iterator[bytes]) -> None:
        """Write lines. OSError where the disk does not take them: then none of those in a torn write stay."""
        self._finish_of_yesterday()
        piece, size = [], self._size()
        for line in lines:
            if size and size + len(line) > self._most:
                self._put(b"".join(piece))
                self.finish()
                piece, size = [], 0
            piece.append(line)
            size += len(line)
        self._put(b"".join(piece))

    def finish(self) -> None:
        """Give the current file its last name, and remove those that are too many."""
        if not self._size():
            return
        file = self.folder / CURRENT
        if self._settings.fsync != "never":
            descriptor = self._file()
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        file.rename(self._free_name(datetime.now(UTC)))
        for old in self._finished()[self._settings.keep :]:
            old.unlink(missing_ok=True)
        self._keep_names(self.folder)

    def all(self) -> list[LogFile]:
        """Every file."""
        paths = [each for each in (self.folder / CURRENT, *self._finished()) if each.exists()]
        return [LogFile(each.name, each.stat().st_size, int(each.stat().st_mtime * 1000)) for each in paths]

    def _put(self, data: bytes) -> None:
        descriptor = self._file()
        before = os.fstat(descriptor).st_size
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(descriptor, left) :]
            if self._settings.fsync == "always":
                os.fsync(descriptor)
                if not before:
                    self._keep_names(self.folder)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, before)  # or the next line would go on where this one was torn
            raise
        finally:
            os.close(descriptor)

    def _keep_names(self, *folders: Path) -> None:
        """A file whose name is not on the disk is lost with all that is in it."""
        if self._settings.fsync == "never":
            return
        for folder in folders:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _finish_of_yesterday(self) -> None:
        if self._settings.daily and self._size():
            written = datetime.fromtimestamp((self.folder / CURRENT).stat().st_mtime, UTC)
            if written.date() != datetime.now(UTC).date():
                self.finish()

    def _file(self) -> int:
        return os.open(self.folder / CURRENT, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _size(self) -> int:
        try:
            return (self.folder / CURRENT).stat().st_size
        except FileNotFoundError:
            return 0

    def _finished(self) -> list[Path]:
        return sorted(self.folder.glob("events-*.jsonl"), reverse=True)

    def _free_name(self, now: datetime) -> Path:
        number = 0
        while (name := self.folder / f"events-{now:%Y%m%dT%H%M%S}-{number:04}.jsonl").exists():
            number += 1
        return name


def lines(batch: list[tuple[int, Event]], settings: EventLogSettings) -> Iterator[bytes]:
    """A line for each event. What partners wrote is escaped, so that it acts on no terminal."""
    for at, event in batch:
        told = {"at": _time(at), "event": _KINDS[type(event)], **_told(event, settings)}
        yield json.dumps(told, separators=(",", ":")).encode() + b"\n"


def _told(event: Event, settings: EventLogSettings) -> dict[str, Any]:
    match event:
        case Handled():
            reply = event.reply
            return {
                **_of_message(event.message, settings),
                "way": event.route.way,
                "to": [] if event.route.way == "refuse" else _receivers(event),
                "http": reply.status,
                "code": reply.ocpi_status,
                "seconds": round(event.seconds, 6),
                **({"body": _body(event.message, settings)} if settings.bodies else {}),
            }
        case Delivered():
            return {
                **_of_message(event.message, settings),
                "to": event.to.id,
                "platform": event.platform,
                "outcome": _cut(event.outcome),
                "seconds": round(event.seconds, 6),
                "lost": len(event.lost) + len(event.lost_back),
            }
        case Refused():
            return {
                "method": event.method, "address": event.address, "http": event.http, "code": event.code,
                "reason": _cut(event.reason), "platform": event.platform.name if event.platform else None,
            }  # fmt: skip
        case StatusChanged():
            parties = {f"{role.party.id}:{role.role}": status for role, status in event.parties.items()}
            return {"platform": event.platform, "before": event.before, "status": event.status, "parties": parties}
        case Found():
            rules = [{"path": each.path, "rule": each.rule} for each in event.findings]
            return {"platform": event.platform, "kind": event.kind, "findings": rules}
        case Registered():
            roles = [f"{role.party.id}:{role.role}" for role in event.roles]
            return {"platform": event.platform, "version": event.version, "roles": roles}
        case _:
            return {name: _plain(getattr(event, name)) for name in event.__struct_fields__}


def _of_message(message: Message, settings: EventLogSettings) -> dict[str, Any]:
    hidden = settings.hide_personal and message.module == "tokens"  # its id is the number of a card
    return {
        "version": message.version,
        "module": message.module,
        "interface": message.interface,
        "method": message.method,
        "sender": message.sender.id,
        "receiver": message.receiver.id if message.receiver else None,
        "object": None if hidden else _cut(message.object_id or ""),
        "request_id": _cut(message.request_id),
        "correlation_id": _cut(message.correlation_id),
    }


def _receivers(event: Handled) -> list[str]:
    return [party.id for party in event.route.destinations]


def _body(message: Message, settings: EventLogSettings) -> Any:
    try:
        return redact(message.json(), personal=settings.hide_personal)
    except (OcpiError, RecursionError):
        return f"[not JSON: {len(message.body)} bytes]"


def _plain(value: Any) -> Any:
    return _cut(value) if isinstance(value, str) else list(map(_plain, value)) if isinstance(value, tuple) else value


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _now() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
