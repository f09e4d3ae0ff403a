"""Rows of the journal that are too old or too much go, some at once, with all that belongs to them.

It is imported by the small process that writes the journal, and so imports next to nothing.
"""

from hub.store.rows import Rows

_NTH = "nth_exchange", "nth_delivery"
_ROWS = "drop_exchanges", "drop_deliveries"
_BESIDE = "drop_keys", "drop_parts", "drop_captured"
_ALL = 2**63 - 1
"""After every number."""


def prune(rows: Rows, before_id: int | None, most: int) -> int:
    """Delete the oldest rows, of those before a number if one is given; how many exchanges and deliveries went.

    Of each kind it is about `most` at once, so that nobody waits for long; an exchange goes with its deliveries.
    """
    before = _ALL if before_id is None else before_id
    oldest = _nth(rows, 0)
    if not oldest or min(oldest) >= before:
        return 0
    ends = _nth(rows, most)  # none: there are fewer rows than were to go
    bound = {"bound": min(before, max(min(oldest) + 1, min(ends))) if ends else before}
    gone = sum(rows.run(each, bound) for each in _ROWS)
    for each in _BESIDE:
        rows.run(each, bound)
    return gone


def _nth(rows: Rows, n: int) -> list[int]:
    return [row[0] for each in _NTH for row in rows.all(each, {"n": n})]
