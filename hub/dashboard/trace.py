"""One message on its whole way: what happened in words, both legs over time, and all that is known of them."""

import re
from itertools import accumulate
from urllib.parse import quote, urlencode

import msgspec

from hub.admin.routes import Query
from hub.control import needed
from hub.core.plain import lines, seen
from hub.dashboard.pages import Visit
from hub.dashboard.timeline import FOLDED, Timeline, timeline
from hub.errors import NotFound
from hub.partners.directory import now_ms
from hub.partners.journal import Delivery, Exchange, JournalBook, Trace

_BRACKETS = re.compile(r"[\[\]{}]")
_DIGITS = 18
_BODY = 100_000
_DEEPEST = 50
_SETTLED = 60_000
"""Milliseconds after which nothing more is added to an exchange."""


class TracePage(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange, its deliveries, and others with its correlation id. `live`: something may still be added to it.

    `question` is the query of the page `explain` for the same message; None where it never became a message.
    """

    trace: Trace
    others: tuple[Exchange, ...]
    question: str | None
    live: bool

    def timeline(self) -> Timeline:
        """Both legs, drawn."""
        return timeline(self.trace)

    def shown(self) -> tuple[Delivery, ...]:
        """The deliveries that are not folded."""
        return self.trace.deliveries[:FOLDED]

    def folded(self) -> tuple[Delivery, ...]:
        """The other ones."""
        return self.trace.deliveries[FOLDED:]

    @staticmethod
    def pretty(body: str) -> str:
        """A body with a line for each value; one that was cut off or is nested deeply stays as it is."""
        try:
            if _depth(body) > _DEEPEST:
                return lines(body, _BODY)
            return seen(msgspec.json.format(body.encode(), indent=2)).decode()
        except (msgspec.MsgspecError, RecursionError):
            return lines(body, _BODY)


async def trace(visit: Visit[Query]) -> TracePage:
    """The page. Its id is the number of an exchange, a correlation id, or the X-Request-ID of one of its legs."""
    one, others = await _found(needed(visit.do.journal), visit.path["id"])
    live = now_ms() - one.exchange.at < _SETTLED
    return TracePage(trace=one, others=others, question=_question(one.exchange), live=live)


def _depth(body: str) -> int:
    """How deeply it is nested, at most: each line begins with so many spaces."""
    return max(accumulate(1 if each in "[{" else -1 for each in _BRACKETS.findall(body)), default=0)


async def _found(book: JournalBook, name: str) -> tuple[Trace, tuple[Exchange, ...]]:
    numbered = name.isascii() and name.isdecimal() and len(name) <= _DIGITS
    if numbered and (found := await book.exchange(int(name))):
        return found
    traced = await book.trace(name)
    of_request = [
        each for each in traced if name in (each.exchange.request_id, *(leg.request_id for leg in each.deliveries))
    ]
    if found := await book.exchange((of_request or traced)[0].exchange.id):
        return found
    raise NotFound(f"the journal has just let go of {name[:200]!r}")


def _question(row: Exchange) -> str | None:
    """The message again, as far as the journal knows it: the owner that a path names is the sender, as a rule."""
    if row.path is not None or row.module is None or row.interface is None or row.sender is None:
        return None
    if row.object_id is None and row.interface == "SENDER" and row.method != "GET":
        return None  # it came to a URL that a partner had made up
    parts = [row.interface.lower(), row.module]
    if row.module == "commands" and row.interface == "RECEIVER":
        parts.append("START_SESSION")  # which one it was is not kept; they all go the same way
    elif row.object_id is not None:
        if row.interface == "RECEIVER" and row.module != "chargingprofiles":
            parts += row.sender.split("-")
        parts.append(row.object_id)
        if row.module == "tokens" and row.method == "POST":
            parts.append("authorize")
    found_by_hub = row.way == "direct" and row.why is not None and not row.why.startswith("direct:")
    receiver = None if found_by_hub else row.receiver
    asked = {
        "method": row.method,
        "path": "/".join(quote(part, safe="") for part in parts),
        "sender": row.sender,
        "receiver": receiver,
    }
    return urlencode({name: text for name, text in asked.items() if text})
