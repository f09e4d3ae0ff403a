"""Rows of the journal, made of events. They hold no body and no token, and of a driver's card only the end."""

from collections.abc import Sequence
from typing import Any

from hub.bridge import Loss
from hub.core.message import Message, Reply
from hub.core.outcome import Outcome
from hub.core.plain import line
from hub.core.route import Refuse, Route, Way
from hub.events import Delivered, Handled, Refused, Served
from hub.ocpi import envelope
from hub.store.statements import Row

_REASON = 500
_WHY = 200
_SHORT = 100
_LOSSES = 3
_SHOWN = 4
_CARDS = "tokens"
_BROKEN = 3000
"""From this code on, a message that was refused before any attempt failed: its receiver was not there to take it."""


def handled(event: Handled, waited: int | None) -> Row:
    """The row of an exchange. `waited` is the time in which partners were waited for, in microseconds, if any were."""
    message, route, reply = event.message, event.route, event.reply
    receiver = _receiver(message, route)
    platform = message.directory.parties.get(receiver) if receiver else None
    outcome = outcome_of(route, reply)
    good = outcome in (Outcome.DELIVERED, Outcome.ANSWERED)
    hide = _Hide(message)
    return {
        "id": message.exchange,
        "correlation_id": message.correlation_id,
        "request_id": message.request_id,
        "sender": message.sender.id,
        "sender_id": message.platform.id,
        "receiver": receiver.id if receiver else None,
        "receiver_id": platform.id if platform else None,
        "version": message.version,
        "module": message.module,
        "interface": message.interface.value,
        "method": message.method,
        "object_id": hide.object_id,
        "path": None,
        "address": None,
        "way": route.way.value,
        "why": None if isinstance(route, Refuse) else hide(route.why, _WHY),
        "outcome": outcome.value,
        "http_status": reply.status,
        "ocpi_status": reply.ocpi_status,
        "hub_us": max(0, round(event.seconds * 1_000_000) - (waited or 0)),
        "partner_us": waited,
        "bytes_in": len(message.body),
        "bytes_out": len(reply.body),
        "reason": None if good else hide(_said(reply.body), _REASON),
        "findings": 0,
        "finding": None,
    }


def delivered(event: Delivered) -> Row:
    """The row of a delivery."""
    message, leg = event.message, event.leg
    good = leg.ended is Outcome.DELIVERED
    lost = (*event.lost, *event.lost_back)
    return {
        "id": leg.number,
        "exchange_id": message.exchange,
        "request_id": leg.request_id,
        "sender": message.sender.id,
        "receiver": event.to.id,
        "module": message.module,
        "platform_id": leg.platform.id,
        "version": leg.platform.version,
        "after_us": max(0, leg.number - message.exchange),
        "outcome": leg.ended.value,
        "http_status": leg.http,
        "ocpi_status": leg.ocpi,
        "partner_us": leg.waited,
        "bytes_out": len(leg.sent),
        "bytes_in": len(leg.answer),
        "reason": None if good else _Hide(message)(leg.reason or _said(leg.answer), _REASON),
        "losses": len(lost),
        "loss": _lost(lost),
    }


def refused(event: Refused) -> Row:
    """The row of a request that never became a message. `sender` is whom it said to be from."""
    headers, platform = event.headers, event.platform
    parts = [part for part in event.path.split("/") if part]
    version, interface, module = _aim(parts)
    return {
        "id": event.number,
        "correlation_id": headers.correlation_id or "",
        "request_id": headers.request_id or "",
        "sender": headers.claimed.id if headers.claimed else _only_party(platform),
        "sender_id": platform.id if platform else None,
        "receiver": headers.receiver.id if headers.receiver else None,
        "receiver_id": None,
        "version": version,
        "module": module,
        "interface": interface,
        "method": line(event.method, 20),
        "object_id": None,
        "path": line(_open_path(event.path), _WHY),
        "address": event.address,
        "way": None,
        "why": None,
        "outcome": (Outcome.FAILED if event.code == _BROKEN else Outcome.TURNED_AWAY).value,
        "http_status": event.http,
        "ocpi_status": event.code,
        "hub_us": round(event.seconds * 1_000_000),
        "partner_us": None,
        "bytes_in": event.bytes_in,
        "bytes_out": event.bytes_out,
        "reason": line(event.reason, _REASON),
        "findings": 0,
        "finding": None,
    }


def served(event: Served) -> Row:
    """The row of a request to a configuration module."""
    headers, platform = event.headers, event.platform
    sender = headers.claimed.id if headers.claimed in platform.parties else _only_party(platform)
    return {
        "id": event.number,
        "correlation_id": headers.correlation_id,
        "request_id": headers.request_id,
        "sender": sender,
        "sender_id": platform.id,
        "receiver": None,
        "receiver_id": None,
        "version": event.version,
        "module": event.module,
        "interface": None,
        "method": event.method,
        "object_id": None,
        "path": None,
        "address": None,
        "way": None,
        "why": None,
        "outcome": Outcome.ANSWERED.value,
        "http_status": event.http,
        "ocpi_status": 1000,
        "hub_us": round(event.seconds * 1_000_000),
        "partner_us": None,
        "bytes_in": event.bytes_in,
        "bytes_out": event.bytes_out,
        "reason": None,
        "findings": 0,
        "finding": None,
    }


def _receiver(message: Message, route: Route | Refuse) -> Any:
    if isinstance(route, Route) and route.way is Way.DIRECT:
        return route.to
    return message.receiver


def outcome_of(route: Route | Refuse, reply: Reply) -> Outcome:
    """How an exchange ended."""
    if isinstance(route, Refuse):
        # An unknown receiver is a mistake of the sender's.
        return Outcome.FAILED if route.code >= _BROKEN and route.code != 4001 else Outcome.REFUSED
    if reply.by is not None:
        return Outcome.DELIVERED if reply.ok else Outcome.DECLINED
    if reply.ok:
        return Outcome.ANSWERED
    return Outcome.FAILED if reply.ocpi_status >= _BROKEN else Outcome.REFUSED


def _said(body: bytes) -> str:
    """The status_message of an answer."""
    received = envelope.receive(body)
    return str(received.status_message or "") if received else ""


def _lost(lost: Sequence[Loss]) -> str | None:
    if not lost:
        return None
    more = f", and {len(lost) - _LOSSES} more" if len(lost) > _LOSSES else ""
    return line(", ".join(str(each) for each in lost[:_LOSSES]) + more, _REASON)


class _Hide:
    """Makes the uid of a driver's card unreadable wherever it stands in a text about it."""

    def __init__(self, message: Message) -> None:
        found = None if message.url is not None else message.object_id
        self._card = found if found and message.module == _CARDS else None
        self.object_id = line(found, _SHORT) if found and not self._card else self._hidden

    @property
    def _hidden(self) -> str | None:
        return None if self._card is None else f"…{self._card[-_SHOWN:] if len(self._card) > 2 * _SHOWN else ''}"

    def __call__(self, text: str, longest: int) -> str:
        if self._card is not None and self._hidden is not None:
            text = text.replace(self._card, self._hidden)
        return line(text, longest)


def _aim(parts: Sequence[str]) -> tuple[str | None, str | None, str | None]:
    """Version, interface and module, as far as a path names them."""
    version, side, module = (*parts[parts.index("ocpi") + 1 :], "", "", "")[:3] if "ocpi" in parts else ("", "", "")
    if not version[:1].isdigit():
        return None, None, None
    if side in ("sender", "receiver"):
        return line(version, 10), side.upper(), line(module, _SHORT) or None
    return line(version, 10), None, line(side, _SHORT) or None


def _open_path(path: str) -> str:
    """A path without what opens something: the uid of a card, and a URL that the hub sealed."""
    for secret in (f"/{_CARDS}/", "/sealed/"):
        before, found, after = path.partition(secret)
        if found and after:
            return f"{before}{found}…"
    return path


def _only_party(platform: Any) -> str | None:
    parties = sorted(platform.parties) if platform else ()
    return parties[0].id if len(parties) == 1 else None
