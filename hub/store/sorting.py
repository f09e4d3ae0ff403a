"""Keys of ids, put in order part by part after the rows of the journal were written; see `traces` for why.

It is imported by the small process that writes the journal, and so imports next to nothing.
"""

from collections import Counter
from collections.abc import Iterable

from hub.store.rows import Rows

PART = 2000
"""Exchanges of one part; it has that of their deliveries which is twice as many, too, if there are so many."""
LAG = 60_000_000
"""Microseconds: what is not so old is not sorted yet. Rows that come even later are put into the part of their time."""
KEPT = 8
"""Characters of a key."""


def sort_part(rows: Rows, now: int) -> bool:
    """Put the keys of the next part in order; whether there was enough for one. `now` is in microseconds."""
    mark = _mark(rows)
    ends = [
        row[0]
        for query, most in (("end_of_exchanges", PART), ("end_of_deliveries", 2 * PART))
        for row in rows.all(query, {"mark": mark, "before": now - LAG, "most": most - 1})
    ]
    if not ends:
        return False
    until = min(ends)
    rows.run("sort_keys", {"mark": mark, "until": until})
    held = sum(rows.all("held", {"mark": mark, "until": until})[0])
    rows.insert("trace_part", [[until, held]])
    return True


def add_late(rows: Rows, ids: Iterable[tuple[int, str | None]], numbers: Iterable[int]) -> None:
    """Put ids of new rows, each after the number of its exchange, into the parts that were sorted without them.

    `numbers` are those of the rows' exchanges, once for each row.
    """
    mark = _mark(rows)
    late = [
        [_part_of(rows, number), key_of(name), number] for number, name in ids if number <= mark and name is not None
    ]
    rows.insert_missing("trace_key", late)
    for part, count in Counter(_part_of(rows, number) for number in numbers if number <= mark).items():
        rows.run("more_held", {"until": part, "more": count})


def key_of(name: str) -> str:
    """The key of an id."""
    return name[-KEPT:]


def _part_of(rows: Rows, number: int) -> int:
    part: int = rows.all("part_of", {"number": number})[0][0]
    return part


def _mark(rows: Rows) -> int:
    until: int | None = rows.all("so_far")[0][0]
    return until or 0
