"""Paged lists: date filters, offset, limit and the three headers (OCPI 2.2.1, transport_and_format: Pagination)."""

import datetime
import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from hub.errors import InvalidParameters
from hub.sim.messages import Answer, Json

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z?")
_COUNT = re.compile(r"[0-9]{1,9}")
_FILTERS = ("date_from", "date_to")


def page(objects: Sequence[Json], query: Mapping[str, str], *, cap: int, url: str) -> Answer:
    """The page of `objects` (oldest first) that the query asks for; never more than `cap` of them."""
    date_from, date_to = (_moment(query, name) for name in _FILTERS)
    fitting = [each for each in objects if _between(each, date_from, date_to)]
    offset = _count(query, "offset", 0)
    limit = min(_count(query, "limit", cap), cap)
    end = offset + limit
    headers = {"X-Total-Count": str(len(fitting)), "X-Limit": str(cap)}
    if limit and end < len(fitting):
        following = {name: query[name] for name in _FILTERS if name in query} | {"offset": end, "limit": limit}
        headers["Link"] = f'<{url}?{urlencode(following)}>; rel="next"'
    return Answer(data=fitting[offset:end], headers=headers)


def moment(text: str) -> datetime.datetime:
    """An OCPI DateTime (types 16.2): always UTC, with or without Z. ValueError where it is none."""
    if not _DATE_TIME.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a DateTime such as 2025-01-31T12:00:00Z")
    return datetime.datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=datetime.UTC)


def _moment(query: Mapping[str, str], name: str) -> datetime.datetime | None:
    try:
        return moment(query[name]) if name in query else None
    except ValueError as reason:
        raise InvalidParameters(f"query {name}: {reason}") from None


def _between(each: Json, date_from: datetime.datetime | None, date_to: datetime.datetime | None) -> bool:
    updated = moment(each["last_updated"])
    return (date_from is None or updated >= date_from) and (date_to is None or updated < date_to)


def _count(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not _COUNT.fullmatch(text):
        raise InvalidParameters(f"query {name}: {text[:20]!r} is not a whole number")
    return int(text)
