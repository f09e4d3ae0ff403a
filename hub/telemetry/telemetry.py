"""Takes spans from the bus to the exporter: in the background, within bounds, and counted where they are lost."""

import asyncio
import importlib.util
import secrets
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol

import structlog

from hub.background import background
from hub.config import Config
from hub.events import Attached, Bus, Delivered, Event, Handled, Handlers, Refused, Served
from hub.telemetry.spans import Maker, Span

log = structlog.get_logger()

_MOST = 10_000
_BATCH = 500
_PAUSE = 1.0
_EXPORT = 5.0
"""Seconds that a collector has for a batch."""
_FLUSH = 3.0
"""Seconds that it has for all that is left when the hub stops."""
_TELL = 60.0
_PACKAGES = "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"


class Exporting(Protocol):
    """Sends spans; see hub.telemetry.export."""

    def export(self, spans: list[Span]) -> bool:
        """Send them, and say whether that went well. It may take long."""

    def close(self) -> None:
        """Give up waiting."""


def checked_telemetry(config: Config) -> list[str]:
    """What keeps telemetry from working as configured."""
    if not config.telemetry.enabled or all(_is_there(name) for name in _PACKAGES):
        return []
    reason = "enabled: OpenTelemetry is not installed; install it with: pip install 'ocpi-hub[otel]'"
    return [config.origin.problem(("telemetry", "enabled"), reason)]


def _is_there(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


class Telemetry:
    """Sends spans where [telemetry] says so; where it is not enabled, it does nothing and loads nothing."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._sender: _Sender | None = None
        self._config: Config | None = None
        self._lost = 0

    @property
    def lost(self) -> int:
        """Spans that the collector did not get, since the hub started."""
        return self._lost + (self._sender.lost if self._sender else 0)

    async def follow(self, config: Config) -> None:
        """Begin, go on or end as a configuration says. What it needs has to be installed: see `checked_telemetry`."""
        before, self._config = self._config, config
        if before is not None and before.telemetry == config.telemetry:
            return
        await self.stop()
        if config.telemetry.enabled:
            self._sender = _Sender(self._bus, config)
            self._sender.start()

    async def stop(self) -> None:
        """Send what is left, within a few seconds."""
        if self._sender:
            await self._sender.stop()
            self._lost, self._sender = self.lost, None


class _Sender:
    def __init__(self, bus: Bus, config: Config) -> None:
        from hub.telemetry.export import Exporter  # noqa: PLC0415 - needs what only telemetry does

        settings = config.telemetry
        self._bus = bus
        self._maker = Maker(secrets.token_bytes(16), settings.sample_ratio, joins=settings.accept_traceparent)
        self._exporter: Exporting = Exporter(settings.endpoint, settings.service_name, config.hub.party, _EXPORT)
        self._thread = ThreadPoolExecutor(1, "telemetry")
        self._waiting: deque[Span] = deque()
        self._many = asyncio.Event()
        self._missed = 0
        self._stopping = False
        self._told_at = float("-inf")
        self._subscription: Attached
        self._task: asyncio.Task[None]

    @property
    def lost(self) -> int:
        return self._missed + self._subscription.dropped

    def start(self) -> None:
        handlers: Handlers = dict.fromkeys((Handled, Delivered, Refused, Served), self._note)
        self._subscription = self._bus.attach(handlers, name="telemetry")
        self._task = background(self._send(), "telemetry")

    async def stop(self) -> None:
        await self._bus.unsubscribe(self._subscription, drain=_FLUSH)
        self._stopping = True
        self._many.set()
        await asyncio.wait({self._task}, timeout=_FLUSH)
        self._task.cancel()
        await asyncio.wait({self._task})
        self._lose(len(self._waiting))
        self._exporter.close()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _note(self, event: Event) -> None:
        span = self._maker.span(event)
        if span is None:
            return
        if len(self._waiting) >= _MOST:
            self._missed += 1
            return
        self._waiting.append(span)
        if len(self._waiting) >= _BATCH:
            self._many.set()

    async def _send(self) -> None:
        while not self._stopping:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE):
                    await self._many.wait()
            self._many.clear()
            while self._waiting:
                await self._send_some()

    async def _send_some(self) -> None:
        """Send a batch; what the collector does not take is lost, or memory would be what runs out."""
        batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
        taken = False
        try:
            taken = await self._in_thread(lambda: self._exporter.export(batch))
        finally:
            if not taken:
                self._lose(len(batch))

    async def _in_thread(self, work: Callable[[], bool]) -> bool:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except Exception as error:  # noqa: BLE001 - whatever a collector does, the next batch is tried
            log.debug("telemetry_failed", error=repr(error))
            return False

    def _lose(self, count: int) -> None:
        self._missed += count
        now = asyncio.get_running_loop().time()
        if count and now - self._told_at >= _TELL:
            self._told_at = now
            log.warning("spans_lost", spans=self.lost, reason="the collector at telemetry.endpoint did not take them")
