"""What Prometheus is told: counts and times of what passes, and how partners, plugins and the hub itself stand.

docs/metrics.md explains each. No label has more than a bounded number of values, whatever partners send.
"""

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import cache
from itertools import accumulate
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, Counter, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from hub import __version__
from hub.core.modules import Operation
from hub.core.route import Way
from hub.core.status import ConnectionStatus
from hub.events import (
    Bus,
    Delivered,
    Found,
    Handled,
    Handlers,
    Limited,
    PartnerChanged,
    PluginFault,
    Refused,
    TokenRefused,
)
from hub.flow.waiting import Waiting
from hub.partners.board import Board
from hub.plugin.runner import Runner

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "other"
MOST_PLATFORMS = 100
"""So many platforms have a label of their own at a time: the first that are seen."""
_ABANDONED = "abandoned"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_CODES = frozenset((1000, 2000, 2001, 2002, 2003, 2004, 3000, 3001, 3002, 3003, 4000, 4001, 4002, 4003))
_TOLD = {code: str(code) for code in _CODES}
_AS_TOLD = {told: told for told in _TOLD.values()}


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

    def forget(self, name: str) -> None:
        """There is no such name any more: another one may have its place."""
        self._known.discard(name)


class Gauges(msgspec.Struct, frozen=True, kw_only=True):
    """What others know and is asked for at each scrape.

    `refused_keys` counts requests without a good key, `rows_lost` rows that the journal could not keep, `spans_lost`
    spans that no collector took, `connections` those of partners that are open. `certificate_ends` is None where the
    hub has no certificate. `nodes` counts those that are there, and those of them that are not alike; `leads` says
    whether this one does, `without_store` for how many seconds it has been without its database.
    """

    refused_keys: Callable[[], int] = lambda: 0
    rows_lost: Callable[[], int] = lambda: 0
    spans_lost: Callable[[], int] = lambda: 0
    connections: Callable[[], int] = lambda: 0
    certificate_ends: Callable[[], datetime | None] = lambda: None
    nodes: Callable[[], tuple[int, int]] = lambda: (1, 0)
    leads: Callable[[], bool] = lambda: True
    without_store: Callable[[], float] = lambda: 0.0


class Metrics:
    """Counts what the bus tells. `text` is what /metrics answers."""

    def __init__(self, bus: Bus, board: Board, plugins: Runner, gauges: Gauges) -> None:
        self.registry = CollectorRegistry()
        self._bus = bus
        self._platforms = Names(MOST_PLATFORMS)
        self._plugins = Names(MOST_PLATFORMS)
        self._waiting = Waiting()
        self._traffic = _Traffic()
        self._counts()
        self.registry.register(self._traffic)
        self.registry.register(_Standing(bus, board, plugins, gauges, self._platforms))
        ProcessCollector(registry=self.registry)

    def start(self) -> None:
        """Begin to count."""
        handlers: Handlers = {
            Handled: self._handled,
            Delivered: self._delivered,
            Found: self._found,
            Limited: self._over_limit,
            PartnerChanged: self._partner_changed,
            PluginFault: self._plugin_failed,
            Refused: self._turned,
            TokenRefused: self._token_refused,
        }
        self._bus.attach(handlers, name="metrics")

    def text(self) -> bytes:
        """All metrics, as Prometheus reads them (text format 0.0.4)."""
        return generate_latest(self.registry)

    def _counts(self) -> None:
        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(f"ocpi_hub_{name}", meaning, labels, registry=self.registry)

        # Labels are looked up once for each combination: that costs more than counting does.
        self._turned_away = cache(
            counter("turned_away", "Requests that never became a message, by the HTTP status they got.", "http").labels
        )
        findings = counter("findings", "Rules of OCPI that objects of a platform broke.", "platform")
        losses = counter("losses", "Fields that could not be told in another version, by who was told.", "platform")
        tokens = counter("token_refused", "Answers 401 or 403 of a platform to the hub.", "platform")
        self._findings, self._losses, self._tokens = (cache(each.labels) for each in (findings, losses, tokens))
        self._of_platforms = (findings, self._findings), (losses, self._losses), (tokens, self._tokens)
        self._limited = cache(counter("limited", "Requests over a limit.", "limit").labels)
        self._faults = cache(counter("plugin_faults", "Calls of a plugin that failed.", "plugin", "kind").labels)

    def _handled(self, event: Handled) -> None:
        message, reply = event.message, event.reply
        code = reply.ocpi_status
        passed = self._traffic.messages[message.operation, event.route.way, _TOLD.get(code) or outcome(code)]
        passed.count += 1
        passed.bytes_in += len(message.body)
        passed.bytes_out += len(reply.body)
        seconds = event.seconds
        passed.whole.seconds += seconds
        passed.whole.steps[bisect_left(_SECONDS, seconds)] += 1
        if (own := self._waiting.own(event)) is not None:
            seconds = max(0.0, own / 1_000_000)
            passed.own.seconds += seconds
            passed.own.steps[bisect_left(_SECONDS, seconds)] += 1

    def _delivered(self, event: Delivered) -> None:
        message, leg = event.message, event.leg
        platform = self._platforms.label(event.platform)
        if (told := _AS_TOLD.get(event.outcome)) is None:
            code = event.outcome.partition(" ")[0]
            told = outcome(int(code)) if code.isdigit() else _ABANDONED  # nobody waits for the slower of many
        traffic = self._traffic
        traffic.deliveries[platform, message.operation.module, told] += 1
        if leg.waited:
            seconds = leg.waited / 1_000_000
            times = traffic.partners[platform]
            times.seconds += seconds
            times.steps[bisect_left(_SECONDS, seconds)] += 1
        if not leg.broadcast:
            self._waiting.delivered(event)
        if event.lost:
            self._losses(platform).inc(len(event.lost))
        if event.lost_back:
            self._losses(self._platforms.label(message.platform.name)).inc(len(event.lost_back))

    def _found(self, event: Found) -> None:
        self._findings(self._platforms.label(event.platform)).inc(len(event.findings))

    def _turned(self, event: Refused) -> None:
        self._turned_away(str(event.http)).inc()

    def _over_limit(self, event: Limited) -> None:
        self._limited(event.limit).inc()

    def _partner_changed(self, event: PartnerChanged) -> None:
        """A partner that was removed is told of no more, and makes room for one that comes."""
        if event.change != "removed" or self._platforms.label(event.platform) == OTHER:
            return
        self._platforms.forget(event.platform)
        self._traffic.forget(event.platform)
        for counter, found in self._of_platforms:
            with suppress(KeyError):
                counter.remove(event.platform)
            found.cache_clear()

    def _plugin_failed(self, event: PluginFault) -> None:
        self._faults(self._plugins.label(event.plugin), event.kind).inc()

    def _token_refused(self, event: TokenRefused) -> None:
        self._tokens(self._platforms.label(event.platform)).inc()


class _Times:
    """Durations in few numbers: their sum, and how many were in each step."""

    __slots__ = ("seconds", "steps")

    def __init__(self) -> None:
        self.seconds = 0.0
        self.steps = [0] * (len(_SECONDS) + 1)

    def plus(self, other: "_Times") -> None:
        self.seconds += other.seconds
        self.steps = [ours + theirs for ours, theirs in zip(self.steps, other.steps, strict=True)]


class _Passed:
    """What is counted of messages that are alike."""

    __slots__ = ("bytes_in", "bytes_out", "count", "own", "whole")

    def __init__(self) -> None:
        self.count = self.bytes_in = self.bytes_out = 0
        self.own, self.whole = _Times(), _Times()


class _Traffic(Collector):
    """What is counted of every message, in plain numbers: Prometheus has its metrics made of them when it asks."""

    def __init__(self) -> None:
        self.messages: defaultdict[tuple[Operation, Way, str], _Passed] = defaultdict(_Passed)
        self.deliveries: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self.partners: defaultdict[str, _Times] = defaultdict(_Times)

    def forget(self, platform: str) -> None:
        """A platform is gone."""
        self.partners.pop(platform, None)
        for each in [each for each in self.deliveries if each[0] == platform]:
            del self.deliveries[each]

    def collect(self) -> Iterator[Metric]:
        """What passed until now."""
        messages: defaultdict[tuple[str, ...], int] = defaultdict(int)
        refused: defaultdict[tuple[str, ...], int] = defaultdict(int)
        size: defaultdict[tuple[str, ...], int] = defaultdict(int)
        whole: defaultdict[tuple[str, ...], _Times] = defaultdict(_Times)
        own: defaultdict[tuple[str, ...], _Times] = defaultdict(_Times)
        for (operation, way, code), passed in self.messages.items():
            module = operation.module
            messages[module, operation.method, way, code] += passed.count
            if way is Way.REFUSE:
                refused[module, code] += passed.count
            size[module, "in"] += passed.bytes_in
            size[module, "out"] += passed.bytes_out
            whole[module, way].plus(passed.whole)
            if any(passed.own.steps):
                own[module,].plus(passed.own)
        yield _counter("messages", "Messages that were answered.", messages, "module", "method", "way", "outcome")
        yield _counter("refused", "Messages that the hub or a plugin refused.", refused, "module", "code")
        yield _counter("bytes", "Bytes of bodies of messages and of answers.", size, "module", "direction")
        yield _counter(
            "deliveries", "Attempts to hand a message to a platform.", self.deliveries, "platform", "module", "outcome"
        )
        yield _histogram("message_seconds", "From the receipt of a message to its answer.", whole, "module", "way")
        yield _histogram("own_seconds", "Of that, the hub's part; not where many partners are asked.", own, "module")
        partners = {(name,): times for name, times in self.partners.items()}
        yield _histogram("partner_seconds", "From sending a message to a platform to its answer.", partners, "platform")


def _counter(name: str, meaning: str, counts: Mapping[Any, int], *labels: str) -> Metric:
    family = CounterMetricFamily(f"ocpi_hub_{name}", meaning, labels=labels)
    for values, count in counts.items():
        family.add_metric(values, count)
    return family


def _histogram(name: str, meaning: str, of: Mapping[Any, _Times], *labels: str) -> Metric:
    family = HistogramMetricFamily(f"ocpi_hub_{name}", meaning, labels=labels)
    for values, times in of.items():
        up_to = zip((*map(floatToGoString, _SECONDS), "+Inf"), accumulate(times.steps), strict=True)
        family.add_metric(values, list(up_to), times.seconds)
    return family


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
        yield from self._of_the_nodes()
        tasks = len(asyncio.all_tasks())
        yield GaugeMetricFamily("ocpi_hub_tasks", "Tasks that run in the hub, of its parts and plugins.", value=tasks)
        expires = GaugeMetricFamily(
            "ocpi_hub_certificate_expires_seconds", "When the hub's certificate ends, in seconds since 1970."
        )
        if ends := gauges.certificate_ends():
            expires.add_metric((), ends.timestamp())
        yield expires

    def _of_the_nodes(self) -> Iterable[Metric]:
        there, unlike = self._gauges.nodes()
        for name, meaning, value in (
            ("ocpi_hub_leads", "1 where this node does what only one may do.", float(self._gauges.leads())),
            ("ocpi_hub_nodes", "Nodes that are there, as this one knows them.", there),
            ("ocpi_hub_nodes_unlike", "Nodes that are not set up as this one is.", unlike),
            ("ocpi_hub_without_store_seconds", "Seconds without the database.", self._gauges.without_store()),
        ):
            yield GaugeMetricFamily(name, meaning, value=value)

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
