"""The tables [telemetry] and [log] of config.toml: what the hub tells of itself while it runs."""

from typing import Annotated, Literal

from msgspec import Meta

from hub.config.section import Section


class Telemetry(Section, frozen=True):
    """Spans for OpenTelemetry."""

    enabled: Annotated[
        bool, Meta(description="Whether spans are sent to a collector. Needs: pip install 'ocpi-hub[otel]'.")
    ] = False
    endpoint: Annotated[str, Meta(description="URL of the collector's receiver for OTLP over HTTP.")] = (
        "http://127.0.0.1:4318/v1/traces"
    )
    service_name: Annotated[
        str, Meta(min_length=1, max_length=100, description="Name of this hub among other services.")
    ] = "ocpi-hub"
    sample_ratio: Annotated[float, Meta(ge=0, le=1, description="Part of the exchanges that have spans.")] = 1.0
    accept_traceparent: Annotated[bool, Meta(description="Whether traceparent headers of partners are followed.")] = (
        False
    )


class Log(Section, frozen=True):
    """What the hub writes to stderr."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="Least level that is written.")] = (
        "info"
    )
    format: Annotated[
        Literal["auto", "console", "json"],
        Meta(description="How lines look; auto is console on a terminal, else json."),
    ] = "auto"
