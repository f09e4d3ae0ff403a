"""A batch of the journal, written in one transaction with all that is counted and looked up by it.

It is imported by the small process that writes the journal, and so imports next to nothing.
"""

from itertools import chain
from operator import itemgetter

from hub.store.counting import add
from hub.store.rows import Rows, Values
from hub.store.sorting import add_late


def insert(rows: Rows, exchanges: list[Values], deliveries: list[Values], captured: list[Values]) -> None:
    """Write rows that are all new."""
    for table, values in (("exchange", exchanges), ("delivery", deliveries), ("captured", captured)):
        rows.insert(table, values)
    _count(rows, exchanges, deliveries)


def insert_new(rows: Rows, exchanges: list[Values], deliveries: list[Values], captured: list[Values]) -> None:
    """Write those rows that are new, and count only these."""
    new_exchanges = rows.insert_missing("exchange", exchanges)
    new_deliveries = rows.insert_missing("delivery", deliveries)
    rows.insert_missing("captured", captured)
    _count(rows, new_exchanges, new_deliveries)


def _count(rows: Rows, exchanges: list[Values], deliveries: list[Values]) -> None:
    add(rows, exchanges, deliveries)
    ids = rows.places("exchange", "correlation_id", "request_id")
    (of,) = rows.places("delivery", "exchange_id")
    sent = itemgetter(*rows.places("delivery", "exchange_id", "request_id"))
    came = ((row[0], row[place]) for row in exchanges for place in ids)
    numbers = chain((row[0] for row in exchanges), (row[of] for row in deliveries))
    add_late(rows, chain(came, map(sent, deliveries)), numbers)
