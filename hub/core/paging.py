"""Pages of lists that are answered with here (2.2.1, transport_and_format: Pagination)."""

from urllib.parse import parse_qsl, urlencode

import msgspec

from hub.core.moments import milliseconds
from hub.core.pages import count
from hub.errors import InvalidParameters


class PageQuery(msgspec.Struct, frozen=True):
    """The paging parameters of a request. Dates are kept as they were written, and as milliseconds since 1970."""

    offset: int
    limit: int
    cap: int
    filters: tuple[tuple[str, str], ...] = ()
    date_from: int | None = None
    date_to: int | None = None

    @classmethod
    def read(cls, query: str, cap: int) -> "PageQuery":
        """Read a raw query string. InvalidParameters names the parameter that is wrong."""
        given = dict(parse_qsl(query, keep_blank_values=True))
        offset, limit = _count(given, "offset", 0), _count(given, "limit", cap)
        return cls(
            offset=offset,
            limit=min(limit, cap),
            cap=cap,
            filters=tuple((name, value) for name, value in given.items() if name not in ("offset", "limit")),
            date_from=_moment(given, "date_from"),
            date_to=_moment(given, "date_to"),
        )

    def with_paging(self, offset: int, limit: int) -> str:
        """The query string of another page, filters kept."""
        return urlencode([*self.filters, ("offset", offset), ("limit", limit)], safe=":")


class Page(msgspec.Struct, frozen=True):
    """One page of a list: its rows as JSON bytes, and how many there are in all."""

    rows: tuple[msgspec.Raw, ...]
    total: int
    query: PageQuery


def paging(query: PageQuery, total: int, url: str) -> tuple[tuple[str, str], ...]:
    """X-Total-Count, X-Limit, and Link where this is not the last page. `url` is that of the list."""
    fixed = (("X-Total-Count", str(total)), ("X-Limit", str(query.cap)))
    following = query.offset + query.limit
    if following >= total or not query.limit:
        return fixed
    return (*fixed, ("Link", f'<{url}?{query.with_paging(following, query.limit)}>; rel="next"'))


def _count(given: dict[str, str], name: str, default: int) -> int:
    value = given.get(name, "")
    if not value:
        return default
    number = count(value)
    if number is None:
        raise InvalidParameters(f"query: {name} must be a whole number, 0 or more")
    return number


def _moment(given: dict[str, str], name: str) -> int | None:
    value = given.get(name, "")
    if not value:
        return None
    try:
        # A '+' that was not encoded arrives as a space.
        return milliseconds(value.replace(" ", "+"))
    except ValueError:
        raise InvalidParameters(f"query: {name} must be a DateTime, as 2026-01-31T12:00:00Z") from None
