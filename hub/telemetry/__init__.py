"""OpenTelemetry: one span for each exchange and each delivery, made from events and exported in the background.

Only `hub.telemetry.export` knows the packages of OpenTelemetry; it is loaded when [telemetry] is enabled.
"""

from hub.telemetry.spans import Maker, Span
from hub.telemetry.telemetry import Telemetry, checked_telemetry

__all__ = ["Maker", "Span", "Telemetry", "checked_telemetry"]
