"""What rows of the journal are counted in as they are written: sums of single minutes, and of longer spans if late.

It is imported by the small process that writes the journal, and so imports next to nothing; see `sums` for the rest.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any

from hub.core.durations import step_of
from hub.store.rows import Rows, Values

MINUTE = 60_000
"""Milliseconds."""
HUB, PARTNER = "hub", "partner"
NOBODY = ""
"""Instead of a receiver: the hub answered by itself, or does not know the one that was asked for."""
SPANS = (1, 15, 60, 480, 1440)
"""Minutes of each span."""
COLUMNS = {
    "outcome_sum": ("span", "at", "outcome", "count"),
    "duration_sum": ("span", "at", "of", "step", "count"),
    "pair_sum": ("span", "at", "sender", "receiver", "module", "outcome", "count", "last"),
}
_MINUTE_US = MINUTE * 1000
_DIRECT, _REFUSE = "direct", "refuse"
"""Of core.route.Way, which would bring the whole core along."""
_OF_EXCHANGE = "id", "way", "outcome", "hub_us", "sender", "receiver", "receiver_id", "module"
_OF_DELIVERY = "exchange_id", "http_status", "partner_us", "sender", "receiver", "module", "outcome"
_Key = tuple[Any, ...]


def add(rows: Rows, exchanges: Iterable[Values], deliveries: Iterable[Values]) -> None:
    """Count rows of the journal, which must be new."""
    sums = Sums(
        map(itemgetter(*rows.places("exchange", *_OF_EXCHANGE)), exchanges),
        map(itemgetter(*rows.places("delivery", *_OF_DELIVERY)), deliveries),
    )
    made = made_until(rows.all("marks"))
    for table in COLUMNS:
        rows.count(table, sums.rows(table, made))


def made_until(marks: Iterable[Any]) -> dict[int, int]:
    """Until when the spans of each length are made, from what the database has of those that are."""
    return dict.fromkeys(SPANS[1:], 0) | dict(map(tuple, marks))


class Sums:
    """Counts of some rows, by the minute and by what tells them apart: how many, and the latest number."""

    def __init__(self, exchanges: Iterable[_Key], deliveries: Iterable[_Key]) -> None:
        self._counts: dict[str, dict[_Key, tuple[int, int]]] = {table: {} for table in COLUMNS}
        outcomes: list[_Key] = []
        durations: list[_Key] = []
        pairs: dict[_Key, tuple[int, int]] = self._counts["pair_sum"]
        for number, way, outcome, hub_us, sender, receiver, receiver_id, module in exchanges:
            at = number // _MINUTE_US * MINUTE
            outcomes.append((at, outcome))
            if way is None:
                continue  # of what never was a message, only how it ended: anybody could have sent it
            durations.append((at, HUB, step_of(hub_us)))
            if way != _DIRECT:  # else its delivery is what counts
                # A receiver that nobody knows may be any: each would be a sum of its own.
                known = way == _REFUSE and receiver_id is not None
                _add(pairs, (at, sender, receiver if known else NOBODY, module, outcome), 1, number)
        for number, http_status, partner_us, sender, receiver, module, outcome in deliveries:
            at = number // _MINUTE_US * MINUTE
            if http_status is not None:
                durations.append((at, PARTNER, step_of(partner_us)))
            _add(pairs, (at, sender, receiver, module, outcome), 1, number)
        for table, keys in (("outcome_sum", outcomes), ("duration_sum", durations)):
            self._counts[table] = {key: (count, 0) for key, count in Counter(keys).items()}

    def rows(self, table: str, made: Mapping[int, int]) -> list[_Key]:
        """Rows for a table, as its columns are: of minutes, and of longer spans where those are made already."""
        size = len(COLUMNS[table])  # not all have the latest number
        return [each[:size] for span in SPANS for each in self._of(table, span, made)]

    def _of(self, table: str, span: int, made: Mapping[int, int]) -> Iterator[_Key]:
        length, together = span * MINUTE, self._counts[table]
        if span > 1:
            late = [(key, count) for key, count in together.items() if key[0] < made[span]]
            together = {}
            for (at, *key), count in late:
                _add(together, (at // length * length, *key), *count)
        return ((span, *key, *count) for key, count in together.items())


def _add(counts: dict[_Key, tuple[int, int]], key: _Key, count: int, last: int) -> None:
    before, latest = counts.get(key, (0, 0))
    counts[key] = before + count, max(latest, last)
