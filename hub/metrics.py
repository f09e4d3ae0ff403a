"""What Prometheus is told: counts and times of what passes, and how partners, plugins and the hub itself stand.

docs/metrics.md explains each. No label has more than a bounded number of values, whatever partners send.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cache

import msgspec
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hub import __version__
from hub.core.status import ConnectionStatus
from hub.events import Bus, Delivered, Event, Found, Handled, Limited, PluginFault, Refused, TokenRefused
from hub.flow.waiting import Waiting
from hub.partners.board import Board
from hub.plugin.runner import Runner

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "other"
MOST_PLATFORMS = 100
"""So many platforms have a label of their own: the first that are seen."""
_QUEUE = 10_000
_ABANDONED = "abandoned"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_CODES = frozenset((1000, 2000, 2001, 2002, 2003, 2004, 3000, 3001, 3002, 3003, 4000, 4001, 4002, 4003))


class Names:
    """Bounds the values of a label: the first `most` names are kept, all later ones are `other`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def label(self, name: str) -> str:
        """The name, or `other`."""
        if name in self._known:
            return name
        if len(self._known) >= self._most:
            return OTHER
        self._known.add(name)
        return name


class Gauges(msgspec.Struct, frozen=True, kw_only=True):
    """What others know and is asked for at each scrape.

    `refused_keys` counts requests without a good key, `rows_lost` rows that the journal could not keep, `spans_lost`
    spans that no collector took, `connections` those of partners that are open. `certificate_ends` is None where the
    hub has no certificate.
    """

    refused_keys: Callable[[], int] = lambda: 0
    rows_lost: Callable[[], int] = lambda: 0
    spans_lost: Callable[[], int] = lambda: 0
    connections: Callable[[], int] = lambda: 0
    certificate_ends: Callable[[], datetime | None] = lambda: None


class Metrics:
    """Counts what the bus tells. `text` is what /metrics answers."""

    def __init__(self, bus: Bus, board: Board, plugins: Runner, gauges: Gauges) -> None:
        self.registry = CollectorRegistry()
        self._bus = bus
        self._platforms = Names(MOST_PLATFORMS)
        self._plugins = Names(MOST_PLATFORMS)
        self._waiting = Waiting()
        self._counts()
        self._durations()
        self.registry.register(_Standing(bus, board, plugins, gauges, self._platforms))
        ProcessCollector(registry=self.registry)

    def start(self) -> None:
        """Begin to count."""
        self._bus.subscribe(
            self._count,
            Handled,
            Delivered,
            Found,
            Limited,
            PluginFault,
            Refused,
            TokenRefused,
            name="metrics",
            size=_QUEUE,
        )

    def text(self) -> bytes:
        """All metrics, as Prometheus reads them (text format 0.0.4)."""
        return generate_latest(self.registry)

    def _counts(self) -> None:
        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(f"ocpi_hub_{name}", meaning, labels, registry=self.registry)

        # Labels are looked up once for each combination: that costs more than counting does.
        self._messages = cache(
            counter("messages", "Messages that were answered.", "module", "method", "way", "outcome").labels
        )
        self._refused = cache(counter("refused", "Messages that the hub or a plugin refused.", "module", "code").labels)
        self._turned_away = cache(
            counter("turned_away", "Requests that never became a message, by the HTTP status they got.", "http").labels
        )
        self._bytes = cache(
            counter("bytes", "Bytes of bodies of messages and of answers.", "module", "direction").labels
        )
        self._deliveries = cache(
            counter("deliveries", "Attempts to hand a message to a platform.", "platform", "module", "outcome").labels
        )
        self._findings = cache(
            counter("findings", "Rules of OCPI that objects of a platform broke.", "platform").labels
        )
        self._losses = cache(
            counter("losses", "Fields that could not be told in another version, by who was told.", "platform").labels
        )
        self._limited = cache(counter("limited", "Requests over a limit.", "limit").labels)
        self._tokens = cache(
            counter("token_refused", "Answers 401 or 403 of a platform to the hub.", "platform").labels
        )
        self._faults = cache(counter("plugin_faults", "Calls of a plugin that failed.", "plugin", "kind").labels)

    def _durations(self) -> None:
        def histogram(name: str, meaning: str, *labels: str) -> Histogram:
            return Histogram(f"ocpi_hub_{name}", meaning, labels, buckets=_SECONDS, registry=self.registry)

        self._message_seconds = cache(
            histogram("message_seconds", "From the receipt of a message to its answer.", "module", "way").labels
        )
        self._hub_seconds = cache(
            histogram("own_seconds", "Of that, the hub's part; not where many partners are asked.", "module").labels
        )
        self._partner_seconds = cache(
            histogram("partner_seconds", "From sending a message to a platform to its answer.", "platform").labels
        )

    async def _count(self, event: Event) -> None:
        match event:
            case Handled():
                self._handled(event)
            case Delivered():
                self._delivered(event)
            case Found():
                self._findings(self._platforms.label(event.platform)).inc(len(event.findings))
            case Refused():
                self._turned_away(str(event.http)).inc()
            case Limited():
                self._limited(event.limit).inc()
            case PluginFault():
                self._faults(self._plugins.label(event.plugin), event.kind).inc()
            case TokenRefused():
                self._tokens(self._platforms.label(event.platform)).inc()
            case _:
                pass

    def _handled(self, event: Handled) -> None:
        message, way, reply = event.message, event.route.way, event.reply
        self._messages(message.module, message.method, way, outcome(reply.ocpi_status)).inc()
        self._message_seconds(message.module, way).observe(event.seconds)
        if (own := self._waiting.own(event)) is not None:
            self._hub_seconds(message.module).observe(max(0.0, own / 1_000_000))
        self._bytes(message.module, "in").inc(len(message.body))
        self._bytes(message.module, "out").inc(len(reply.body))
        if way == "refuse":
            self._refused(message.module, outcome(reply.ocpi_status)).inc()

    def _delivered(self, event: Delivered) -> None:
        platform = self._platforms.label(event.platform)
        code = event.outcome.partition(" ")[0]
        # Where several are asked at once, nobody waits for those that are slower than the first.
        told = outcome(int(code)) if code.isdigit() else _ABANDONED
        self._deliveries(platform, event.message.module, told).inc()
        if event.leg.waited:
            self._partner_seconds(platform).observe(event.leg.waited / 1_000_000)
        self._waiting.delivered(event)
        if event.lost:
            self._losses(platform).inc(len(event.lost))
        if event.lost_back:
            self._losses(self._platforms.label(event.message.platform.name)).inc(len(event.lost_back))


class _Standing(Collector):
    """How things stand at the moment of a scrape: nothing is counted for it in between."""

    def __init__(self, bus: Bus, board: Board, plugins: Runner, gauges: Gauges, platforms: Names) -> None:
        self._bus = bus
        self._board = board
        self._plugins = plugins
        self._gauges = gauges
        self._platforms = platforms

    def collect(self) -> Iterator[Metric]:
        """Every gauge, and the counters that others keep."""
        build = GaugeMetricFamily("ocpi_hub_build_info", "The version of the hub.", labels=("version",))
        build.add_metric((__version__,), 1)
        yield build
        yield from self._of_platforms()
        yield from self._of_plugins()
        yield from self._of_the_bus()
        yield from self._of_the_hub()

    def _of_the_hub(self) -> Iterable[Metric]:
        gauges = self._gauges
        counters = (
            ("ocpi_hub_admin_refused", "Requests to the admin listener without a good key.", gauges.refused_keys),
            ("ocpi_hub_journal_lost", "Rows that the journal could not keep.", gauges.rows_lost),
            ("ocpi_hub_spans_lost", "Spans that the collector of telemetry did not take.", gauges.spans_lost),
        )
        for name, meaning, count in counters:
            yield CounterMetricFamily(name, meaning, value=count())
        yield GaugeMetricFamily(
            "ocpi_hub_inbound_connections", "Connections of partners to the hub.", value=gauges.connections()
        )
        tasks = len(asyncio.all_tasks())
        yield GaugeMetricFamily("ocpi_hub_tasks", "Tasks that run in the hub, of its parts and plugins.", value=tasks)
        expires = GaugeMetricFamily(
            "ocpi_hub_certificate_expires_seconds", "When the hub's certificate ends, in seconds since 1970."
        )
        if ends := gauges.certificate_ends():
            expires.add_metric((), ends.timestamp())
        yield expires

    def _of_platforms(self) -> Iterable[Metric]:
        status = GaugeMetricFamily(
            "ocpi_hub_platforms", "Platforms by the status that partners are told.", labels=("status",)
        )
        connected = GaugeMetricFamily(
            "ocpi_hub_platform_connected", "1 where partners are told CONNECTED.", labels=("platform",)
        )
        reachable = GaugeMetricFamily(
            "ocpi_hub_platform_reachable", "0 while the breaker is open.", labels=("platform",)
        )
        connections = GaugeMetricFamily(
            "ocpi_hub_connections", "Connections from the hub to a platform.", labels=("platform", "state")
        )
        counts = dict.fromkeys((*ConnectionStatus, "UNKNOWN"), 0)
        others = [0, 0]
        for each in self._board.all():
            counts[each.status or "UNKNOWN"] += 1
            name = self._platforms.label(each.partner)
            if name == OTHER:
                others = [others[0] + each.connections_in_use, others[1] + each.connections_idle]
                continue
            connected.add_metric((name,), each.status is ConnectionStatus.CONNECTED)
            reachable.add_metric((name,), each.reachable)
            connections.add_metric((name, "in_use"), each.connections_in_use)
            connections.add_metric((name, "idle"), each.connections_idle)
        for value, number in counts.items():
            status.add_metric((value,), number)
        for state, number in zip(("in_use", "idle"), others, strict=True):
            connections.add_metric((OTHER, state), number)
        return status, connected, reachable, connections

    def _of_plugins(self) -> Iterable[Metric]:
        running = GaugeMetricFamily("ocpi_hub_plugin_running", "0 where a plugin is set aside.", labels=("plugin",))
        calls = CounterMetricFamily(
            "ocpi_hub_plugin_calls", "Calls of a hook that were answered.", labels=("plugin", "hook")
        )
        seconds = CounterMetricFamily("ocpi_hub_plugin_seconds", "Seconds of those calls.", labels=("plugin", "hook"))
        for plugin in self._plugins.status():
            if plugin.state in ("running", "set aside"):
                running.add_metric((plugin.name,), plugin.state == "running")
            for each in plugin.timings:
                calls.add_metric((plugin.name, each.hook), each.calls)
                seconds.add_metric((plugin.name, each.hook), each.seconds)
        return running, calls, seconds

    def _of_the_bus(self) -> Iterable[Metric]:
        dropped = CounterMetricFamily(
            "ocpi_hub_events_dropped", "Events that a slow subscriber lost.", labels=("subscriber",)
        )
        waiting = GaugeMetricFamily(
            "ocpi_hub_events_waiting", "Events that a subscriber has yet to handle.", labels=("subscriber",)
        )
        for name, lost, left in self._bus.backlog():
            dropped.add_metric((name,), lost)
            waiting.add_metric((name,), left)
        return dropped, waiting


def outcome(code: int) -> str:
    """A status_code as a label: those of OCPI as they are, a platform's own by their thousand."""
    if code in _CODES:
        return str(code)
    return f"{code // 1000}xxx" if 1000 <= code < 5000 else OTHER
