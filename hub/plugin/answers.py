"""Whether the hub can use what a hook returned."""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from hub.core.message import Message
from hub.core.party import Party
from hub.core.route import Refuse, Route
from hub.plugin.api import Outgoing
from hub.plugin.hooks import Kind

_KEPT = (
    "operation", "segments", "request_id", "correlation_id", "platform", "sender", "owner", "deadline", "directory",
)  # fmt: skip
_LARGEST = 2**24
"""Bytes by which a plugin may make a body longer."""
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
_OWN_HEADERS = re.compile(
    r"authorization|connection|content-.*|host|keep-alive|ocpi-.*|te|trailer|transfer-encoding|upgrade"
    r"|x-correlation-id|x-request-id",
    re.IGNORECASE,
)


def complaint(kind: Kind, given: tuple[Any, ...], answer: Any) -> str | None:
    """What is wrong with an answer to a hook that was called with `given`; None where it is fine."""
    if answer is None:
        return None
    if not isinstance(answer, kind.returns):
        wanted = " or ".join((*(each.__name__ for each in kind.returns), "None"))
        return f"returned {type(answer).__name__}, a {kind.name} hook returns {wanted}"
    if answer is given[-1]:
        return None
    body = getattr(answer, "body", b"")
    if not isinstance(body, bytes):
        return "the body it returned is not bytes; use with_body(...)"
    if len(body) > _LARGEST + len(getattr(given[-1], "body", b"")):
        return f"the body it returned has {len(body):,} bytes, which is more than it may add"
    check = _CHECKS.get(type(answer))
    return check(given, answer) if check else None


def _message(given: tuple[Any, ...], answer: Message) -> str | None:
    for name in _KEPT:
        if getattr(answer, name) != getattr(given[0], name):
            return f"changed {name} of the message; only body, query and receiver may be changed"
    return None


def _route(_given: tuple[Any, ...], answer: Route) -> str | None:
    return None if isinstance(answer.to, Party) else "the Route it returned goes to something that is no Party"


def _refuse(_given: tuple[Any, ...], answer: Refuse) -> str | None:
    fine = isinstance(answer.reason, str) and isinstance(answer.code, int) and 2000 <= answer.code < 5000
    return None if fine else "the Refuse it returned needs a reason (text) and a code from 2000 to 4999"


def _outgoing(given: tuple[Any, ...], answer: Outgoing) -> str | None:
    before: Outgoing = given[1]
    if (answer.to, answer.platform) != (before.to, before.platform):
        return "changed where the message goes; that is for a route hook"
    try:
        headers = msgspec.convert(answer.headers, tuple[tuple[str, str], ...])
    except msgspec.ValidationError:
        return "the headers it returned are not pairs of name and value"
    for name, value in headers:
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            return "a header it returned is not printable ASCII"
        if _OWN_HEADERS.fullmatch(name):
            return f"the header {name} is the hub's own"
    return None


_CHECKS: dict[type, Callable[[tuple[Any, ...], Any], str | None]] = {
    Message: _message,
    Route: _route,
    Refuse: _refuse,
    Outgoing: _outgoing,
}
