"""Spans, made from events: their ids, times and attributes. They hold no body, no token and no driver's card."""

import re
from collections.abc import Mapping
from hashlib import blake2b

import msgspec

from hub.core.outcome import Outcome
from hub.events import Delivered, Event, Handled, Refused, Served
from hub.flow import entries
from hub.store.journal import named
from hub.store.journal_schema import delivery, exchange
from hub.store.statements import Row

_TRACEPARENT = re.compile(r"(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(?:-.*)?")
_SAMPLED = 1
_TRACE_BITS = 2**63
_BAD = frozenset((Outcome.FAILED.value,))
_NAMES = {
    "correlation_id": "ocpi.correlation_id",
    "http_status": "http.response.status_code",
    "interface": "ocpi.interface",
    "method": "http.request.method",
    "module": "ocpi.module",
    "ocpi_status": "ocpi.status_code",
    "outcome": "ocpi.outcome",
    "receiver": "ocpi.receiver",
    "request_id": "ocpi.request_id",
    "sender": "ocpi.sender",
    "version": "ocpi.version",
    "way": "ocpi.way",
}
_PLATFORM = "ocpi.platform"


class Parent(msgspec.Struct, frozen=True):
    """What a span belongs to. `remote`: another system made it."""

    trace: int
    span: int
    remote: bool


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A span that is over. Begin and end are nanoseconds since 1970; `error` is None where all went well."""

    name: str
    is_server: bool
    trace: int
    id: int
    parent: Parent | None
    begin: int
    end: int
    attributes: Mapping[str, str | int]
    error: str | None


class Maker:
    """Makes spans. Which of them are wanted is decided by the exchange, so that all of its spans are, or none."""

    def __init__(self, secret: bytes, ratio: float, *, joins: bool) -> None:
        """`ratio` of all exchanges are wanted. `joins`: partners say by traceparent to which trace one belongs."""
        self._secret = secret
        self._ratio = ratio
        self._joins = joins

    def span(self, event: Event) -> Span | None:
        """The span of an event; None where it has none, or is not wanted."""
        match event:
            case Handled():
                return self._handled(event)
            case Delivered():
                return self._delivered(event)
            case Served():
                return self._served(event)
            case Refused():
                return self._refused(event)
        return None

    def _handled(self, event: Handled) -> Span | None:
        message = event.message
        parent = self._parent(message.exchange, message.traceparent)
        if parent is None:
            return None
        row = named(exchange, entries.handled(event, None))
        name = f"ocpi {message.module} {message.method}"
        return self._server(name, parent, message.exchange, event.seconds, row, message.platform.name)

    def _served(self, event: Served) -> Span | None:
        parent = self._parent(event.number, event.headers.traceparent)
        if parent is None:
            return None
        name = f"ocpi {event.module} {event.method}"
        row = named(exchange, entries.served(event))
        return self._server(name, parent, event.number, event.seconds, row, event.platform.name)

    def _refused(self, event: Refused) -> Span | None:
        # Who has no token has no say in where its spans belong to, nor in their names.
        parent = self._parent(event.number, event.headers.traceparent if event.platform else None)
        if parent is None:
            return None
        row = named(exchange, entries.refused(event))
        return self._server(
            "ocpi turned away",
            parent,
            event.number,
            event.seconds,
            row,
            event.platform.name if event.platform else None,
        )

    def _delivered(self, event: Delivered) -> Span | None:
        message, leg = event.message, event.leg
        parent = self._parent(message.exchange, message.traceparent)
        if parent is None:
            return None
        row = named(delivery, entries.delivered(event))
        row |= {"correlation_id": message.correlation_id, "method": message.method}
        return Span(
            name=f"ocpi {message.module} {message.method}",
            is_server=False,
            trace=parent.trace,
            id=self._id(leg.number),
            parent=Parent(parent.trace, self._id(message.exchange), remote=False),
            begin=leg.number * 1000,
            end=leg.number * 1000 + round(event.seconds * 1_000_000_000),
            attributes=_attributes(row, leg.platform.name) | {"ocpi.interface": message.interface.value},
            error=_error(row, _BAD | {Outcome.DECLINED.value}),
        )

    def _server(self, name: str, parent: Parent, number: int, seconds: float, row: Row, platform: str | None) -> Span:
        return Span(
            name=name,
            is_server=True,
            trace=parent.trace,
            id=self._id(number),
            parent=parent if parent.remote else None,
            begin=number * 1000,
            end=number * 1000 + round(seconds * 1_000_000_000),
            attributes=_attributes(row, platform),
            error=_error(row),
        )

    def _parent(self, number: int, traceparent: str | None) -> Parent | None:
        """The trace of an exchange and what it belongs to in it; None where it is not wanted."""
        if self._joins and traceparent and (found := _TRACEPARENT.fullmatch(traceparent)):
            trace, span, flags = (int(each, 16) for each in found.groups())
            return Parent(trace, span, remote=True) if flags & _SAMPLED else None
        trace = int.from_bytes(self._hash(number, 16))
        return Parent(trace, 0, remote=False) if trace % _TRACE_BITS < self._ratio * _TRACE_BITS else None

    def _id(self, number: int) -> int:
        return int.from_bytes(self._hash(number, 8))

    def _hash(self, number: int, size: int) -> bytes:
        return blake2b(number.to_bytes(8), digest_size=size, key=self._secret).digest()


def _attributes(row: Row, platform: str | None) -> dict[str, str | int]:
    found = {name: row[key] for key, name in _NAMES.items() if row.get(key) is not None}
    return found if platform is None else found | {_PLATFORM: platform}


def _error(row: Row, bad: frozenset[str] = _BAD) -> str | None:
    return (row["reason"] or row["outcome"]) if row["outcome"] in bad else None
