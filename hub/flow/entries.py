"""Rows of the journal, made of events. They hold no body and no token, and of a driver's card only the end."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from hub.bridge import Loss
from hub.core.message import Message, Reply
from hub.core.modules import Interface, Operation, is_placeholder
from hub.core.outcome import Outcome
from hub.core.plain import line
from hub.core.route import Refuse, Route, Way
from hub.events import Delivered, Handled, Refused, Served
from hub.ocpi import envelope
from hub.store.rows import Values

_REASON = 500
_WHY = 200
_SHORT = 100
_LOSSES = 3
_SHOWN = 4
_CARDS = "tokens"
_GOOD = (Outcome.DELIVERED, Outcome.ANSWERED)
_WORDS = {each: each.value for kind in (Interface, Outcome, Way) for each in kind}
"""A member's value is a property, and costs more than this."""
_BROKEN = 3000
"""From this code on, a message that was refused before any attempt failed: its receiver was not there to take it."""


def handled(event: Handled, waited: int | None) -> Values:
    """The row of an exchange. `waited` is the time in which partners were waited for, in microseconds, if any were."""
    message, route, reply = event.message, event.route, event.reply
    operation = message.operation
    receiver = _receiver(message, route)
    platform = message.directory.parties.get(receiver) if receiver else None
    outcome = outcome_of(route, reply)
    hide = _Hide(message) if operation.module == _CARDS else line
    # In the order of the columns of hub.store.journal_schema.exchange.
    return [
        message.exchange,
        message.correlation_id,
        message.request_id,
        message.sender.id,
        message.platform.id,
        receiver.id if receiver else None,
        platform.id if platform else None,
        operation.version,
        operation.module,
        _WORDS[operation.interface],
        operation.method,
        _object_id(message, hide),
        None,
        None,
        _WORDS[route.way],
        None if isinstance(route, Refuse) else hide(route.why, _WHY),
        _WORDS[outcome],
        reply.status,
        reply.ocpi_status,
        max(0, round(event.seconds * 1_000_000) - (waited or 0)),
        waited,
        len(message.body),
        len(reply.body),
        None if outcome in _GOOD else hide(_said(reply.body), _REASON),
        0,
        None,
    ]


def delivered(event: Delivered) -> Values:
    """The row of a delivery."""
    message, leg = event.message, event.leg
    lost = (*event.lost, *event.lost_back) if event.lost or event.lost_back else ()
    reason = None
    if leg.ended is not Outcome.DELIVERED:
        hide = _Hide(message) if message.operation.module == _CARDS else line
        reason = hide(leg.reason or _said(leg.answer), _REASON)
    # In the order of the columns of hub.store.journal_schema.delivery.
    return [
        leg.number,
        message.exchange,
        leg.request_id,
        message.sender.id,
        event.to.id,
        leg.platform.id,
        leg.platform.version,
        leg.number - message.exchange if leg.number > message.exchange else 0,
        _WORDS[leg.ended],
        leg.http,
        leg.ocpi,
        leg.waited,
        len(leg.sent),
        len(leg.answer),
        reason,
        len(lost),
        _lost(lost) if lost else None,
        message.operation.module,
    ]


def refused(event: Refused) -> Values:
    """The row of a request that never became a message. `sender` is whom it said to be from."""
    headers, platform = event.headers, event.platform
    parts = [part for part in event.path.split("/") if part]
    version, interface, module = _aim(parts)
    return [
        event.number,
        headers.correlation_id or "",
        headers.request_id or "",
        headers.claimed.id if headers.claimed else _only_party(platform),
        platform.id if platform else None,
        headers.receiver.id if headers.receiver else None,
        None,
        version,
        module,
        interface,
        line(event.method, 20),
        None,
        line(_open_path(event.path), _WHY),
        event.address,
        None,
        None,
        _WORDS[Outcome.FAILED if event.code == _BROKEN else Outcome.TURNED_AWAY],
        event.http,
        event.code,
        round(event.seconds * 1_000_000),
        None,
        event.bytes_in,
        event.bytes_out,
        line(event.reason, _REASON),
        0,
        None,
    ]


def served(event: Served) -> Values:
    """The row of a request to a configuration module."""
    headers, platform = event.headers, event.platform
    sender = headers.claimed.id if headers.claimed in platform.parties else _only_party(platform)
    return [
        event.number,
        headers.correlation_id,
        headers.request_id,
        sender,
        platform.id,
        None,
        None,
        event.version,
        event.module,
        None,
        event.method,
        None,
        None,
        None,
        None,
        None,
        _WORDS[Outcome.ANSWERED],
        event.http,
        1000,
        round(event.seconds * 1_000_000),
        None,
        event.bytes_in,
        event.bytes_out,
        None,
        0,
        None,
    ]


def _receiver(message: Message, route: Route | Refuse) -> Any:
    return route.destinations[0] if isinstance(route, Route) and route.way is Way.DIRECT else message.receiver


def outcome_of(route: Route | Refuse, reply: Reply) -> Outcome:
    """How an exchange ended."""
    if isinstance(route, Refuse):
        # An unknown receiver is a mistake of the sender's.
        return Outcome.FAILED if route.code >= _BROKEN and route.code != 4001 else Outcome.REFUSED
    ok = 1000 <= reply.ocpi_status < 2000 and 200 <= reply.status < 300
    if reply.by is not None:
        return Outcome.DELIVERED if ok else Outcome.DECLINED
    if ok:
        return Outcome.ANSWERED
    return Outcome.FAILED if reply.ocpi_status >= _BROKEN else Outcome.REFUSED


def _object_id(message: Message, hide: Callable[[str, int], str]) -> str | None:
    """The id of the object in the path. A URL that was sealed has none."""
    place = None if message.url is not None else _place(message.operation)
    return hide(message.segments[place], _SHORT) or None if place is not None else None


@lru_cache(maxsize=1024)
def _place(operation: Operation) -> int | None:
    """Where the id of the object stands: the last placeholder of the path."""
    places = [place for place, shape in enumerate(operation.path) if is_placeholder(shape)]
    return places[-1] if places else None


def _said(body: bytes) -> str:
    """The status_message of an answer."""
    received = envelope.receive(body)
    return str(received.status_message or "") if received else ""


def _lost(lost: Sequence[Loss]) -> str:
    more = f", and {len(lost) - _LOSSES} more" if len(lost) > _LOSSES else ""
    return line(", ".join(str(each) for each in lost[:_LOSSES]) + more, _REASON)


class _Hide:
    """Makes the uid of a driver's card unreadable wherever it stands in a text about it."""

    def __init__(self, message: Message) -> None:
        self._card = None if message.url is not None else message.object_id

    def __call__(self, text: str, longest: int) -> str:
        if card := self._card:
            text = text.replace(card, f"…{card[-_SHOWN:] if len(card) > 2 * _SHOWN else ''}")
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
