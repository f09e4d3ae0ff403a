"""The next page of a partner's list, also where its `Link` header is wrong (transport_and_format: Pagination).

Seen in the field: a Link that is empty on the last page or on every one, that leads to another scheme, host or path,
that has lost the filters, or holds `date_from=None`.
"""

import re
from urllib.parse import unquote_plus, urljoin, urlsplit

import msgspec

_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_RELATION = re.compile(r';\s*rel\s*=\s*"?([^";,]*)', re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\S*)?", re.ASCII)
_FILTERS = ("date_from", "date_to")
_PAGING = ("offset", "limit")


class PageHeaders(msgspec.Struct, frozen=True):
    """What a partner's paged answer says of its pages, as it came."""

    link: str | None = None
    total: str | None = None
    limit: str | None = None


def next_page(asked: str, headers: PageHeaders) -> str | None:
    """The URL of the page after the one at the URL `asked`; None after the last.

    It is always a page of the list that was asked for, at the host that was asked: of a Link only the query is taken,
    and where its path is another one, only offset and limit. Where it does not say which page is next,
    X-Total-Count and X-Limit do.
    """
    return (_by_link(asked, headers.link) if headers.link else None) or _by_counts(asked, headers)


def _by_link(asked: str, link: str) -> str | None:
    target = _target(link)
    if target is None:
        return None
    try:
        there, here = urlsplit(urljoin(asked, target)), urlsplit(asked)
    except ValueError:
        return None
    parts = [part for part in there.query.split("&") if _is_usable(part)]
    if there.path != here.path:
        parts = [part for part in parts if query_name(part) in _PAGING]
    says_which = any(query_name(part) not in (*_FILTERS, "limit") for part in parts)
    offset = _numbers(parts).get("offset")
    # One that leads back, or to the same page again, would never come to an end.
    back = offset is not None and offset <= (_numbers(here.query.split("&")).get("offset") or 0)
    return _page(asked, parts) if says_which and not back else None


def _by_counts(asked: str, headers: PageHeaders) -> str | None:
    # X-Limit is the most that the partner would return: less may have been asked for.
    total = count(headers.total)
    if total is None:
        return None
    query = _numbers(urlsplit(asked).query.split("&"))
    sizes = [size for size in (count(headers.limit), query.get("limit")) if size]
    if not sizes:
        return None
    following = (query.get("offset") or 0) + min(sizes)
    return _page(asked, [f"offset={following}", f"limit={min(sizes)}"]) if following < total else None


def query_name(part: str) -> str:
    """The decoded name of one `name=value` of a query."""
    return unquote_plus(part.partition("=")[0])


def _target(link: str) -> str | None:
    for target, parameters in _LINK.findall(link):
        relation = _RELATION.search(parameters)
        if relation and "next" in relation[1].lower().split():
            return str(target).strip() or None
    return None


def _page(asked: str, parts: list[str]) -> str:
    """The list that was asked for with these query parts; what else was asked, as the filters, is kept as it was."""
    base, _, query = asked.partition("?")
    names = {"offset", *map(query_name, parts)}
    kept = [part for part in query.split("&") if part and query_name(part) not in names]
    return f"{base}?{'&'.join((*parts, *kept))}"


def _is_usable(part: str) -> bool:
    name, value = query_name(part), part.partition("=")[2]
    if name in _FILTERS:
        return _DATE.fullmatch(value) is not None
    return count(value) is not None if name in _PAGING else part != ""


def _numbers(parts: list[str]) -> dict[str, int | None]:
    return {query_name(part): count(part.partition("=")[2]) for part in parts}


def count(text: str | None) -> int | None:
    """A whole number as headers and queries hold it, of at most eleven digits; None where it is not one."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 12 else None
