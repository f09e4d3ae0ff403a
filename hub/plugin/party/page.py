"""Lists: which part of one is asked for, and what it is answered with (2.2.1, transport_and_format: Pagination)."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeAlias, TypeVar

import msgspec

from hub.core.paging import PageQuery
from hub.ocpi.types import DateTime, as_utc

T = TypeVar("T")

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Paged(msgspec.Struct, Generic[T], frozen=True):
    """A page of a list: its objects, and how many the whole list has (what fits the filters)."""

    objects: Sequence[T]
    total: int


Rows: TypeAlias = Sequence[T] | Paged[T]
"""What a list may be answered with: all objects, to be filtered and paged; or the page that was asked for."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a list that is asked for: `limit` objects after the first `offset`, the oldest first.

    Only objects whose `last_updated` is `date_from` or later, and before `date_to` (UTC; None: no bound). `filters` are
    the other parameters of the query, by name.
    """

    offset: int = 0
    limit: int = 100
    date_from: DateTime | None = None
    date_to: DateTime | None = None
    filters: Mapping[str, str] = {}

    @classmethod
    def read(cls, asked: PageQuery) -> "Page":
        """The page that a query asks for."""
        return cls(
            offset=asked.offset,
            limit=asked.limit,
            date_from=_moment(asked.date_from),
            date_to=_moment(asked.date_to),
            filters={name: value for name, value in asked.filters if name not in ("date_from", "date_to")},
        )

    def of(self, objects: Iterable[T]) -> Paged[T]:
        """This page of a list that is given whole. Objects may also be dicts, as JSON has them."""
        found = sorted((each for each in objects if self._holds(each)), key=lambda each: _changed(each) or _EPOCH)
        return Paged(found[self.offset : self.offset + self.limit], len(found))

    def _holds(self, each: object) -> bool:
        at = _changed(each)
        if at is None:
            return True
        return (self.date_from is None or at >= self.date_from) and (self.date_to is None or at < self.date_to)


def _changed(each: object) -> DateTime | None:
    at = each.get("last_updated") if isinstance(each, dict) else getattr(each, "last_updated", None)
    if isinstance(at, str):
        at = msgspec.convert(at, DateTime)
    return as_utc(at) if isinstance(at, datetime.datetime) else None


def _moment(milliseconds: int | None) -> DateTime | None:
    return None if milliseconds is None else _EPOCH + datetime.timedelta(milliseconds=milliseconds)
