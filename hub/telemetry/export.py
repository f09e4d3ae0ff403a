"""Spans to a collector, by OTLP over HTTP. The only file that needs the packages of OpenTelemetry."""

from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from hub import __version__
from hub.telemetry.spans import Parent, Span


class Exporter:
    """Sends spans. Used from one thread, but for `close`; `seconds` is what one batch may take."""

    def __init__(self, endpoint: str, service: str, hub: str, seconds: float) -> None:
        """More headers come from the environment (OTEL_EXPORTER_OTLP_HEADERS), and so do certificates."""
        self._otlp = OTLPSpanExporter(endpoint=endpoint, timeout=seconds)
        self._ids = _Ids()
        self._made = _Made()
        resource = Resource.create({"service.name": service, "service.version": __version__, "ocpi.hub": hub})
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False, id_generator=self._ids
        )
        self._provider.add_span_processor(self._made)
        self._tracer = self._provider.get_tracer("ocpi-hub", __version__)

    def export(self, spans: Sequence[Span]) -> bool:
        """Send spans and wait for the answer; whether the collector took them."""
        for span in spans:
            self._make(span)
        return self._otlp.export(self._made.taken()) is SpanExportResult.SUCCESS

    def close(self) -> None:
        """Give up waiting."""
        self._otlp.shutdown()  # type: ignore[no-untyped-call]

    def _make(self, span: Span) -> None:
        self._ids.trace, self._ids.span = span.trace, span.id
        made = self._tracer.start_span(
            span.name,
            context=_context(span.parent) if span.parent else trace.set_span_in_context(trace.INVALID_SPAN),
            kind=SpanKind.SERVER if span.is_server else SpanKind.CLIENT,
            attributes=span.attributes,
            start_time=span.begin,
        )
        if span.error is not None:
            made.set_status(Status(StatusCode.ERROR, span.error))
        made.end(span.end)


def _context(parent: Parent) -> Context:
    known = SpanContext(parent.trace, parent.span, parent.remote, TraceFlags(TraceFlags.SAMPLED))
    return trace.set_span_in_context(NonRecordingSpan(known))


class _Ids(IdGenerator):
    """The ids that the spans have already."""

    trace = span = 0

    def generate_trace_id(self) -> int:
        return self.trace

    def generate_span_id(self) -> int:
        return self.span


class _Made(SpanProcessor):
    """Keeps spans that ended until they are taken."""

    def __init__(self) -> None:
        self._spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self._spans.append(span)

    def taken(self) -> list[ReadableSpan]:
        spans, self._spans = self._spans, []
        return spans
