"""Sums of the journal, and of what is in it already."""

import math
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_MINUTE = 60_000
_AT_ONCE = 10_000

_exchange = sa.table(
    "exchange", *map(sa.column, ("id", "way", "outcome", "hub_us", "sender", "receiver", "receiver_id", "module"))
)
_delivery = sa.table(
    "delivery",
    *map(sa.column, ("id", "exchange_id", "outcome", "http_status", "partner_us", "sender", "receiver", "module")),
)

Counts = dict[tuple[Any, ...], list[int]]


def upgrade() -> None:
    """Create the tables, and count what is there by the minute; the hub makes longer spans of that."""
    op.add_column("delivery", sa.Column("module", sa.Text()))
    op.create_table(
        "sum_mark",
        sa.Column("span", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("span", name="pk_sum_mark"),
    )
    outcome = _table("outcome_sum", sa.Column("outcome", sa.Text(), nullable=False))
    duration = _table(
        "duration_sum", sa.Column("of", sa.Text(), nullable=False), sa.Column("step", sa.Integer(), nullable=False)
    )
    pair = _table(
        "pair_sum",
        sa.Column("sender", sa.String(6), nullable=False),
        sa.Column("receiver", sa.String(6), nullable=False),
        sa.Column("module", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        last=True,
    )
    outcomes: Counts = {}
    durations: Counts = {}
    pairs: Counts = {}
    _count_exchanges(outcomes, durations, pairs)
    _count_deliveries(durations, pairs)
    _insert(outcome, outcomes, "outcome")
    _insert(duration, durations, "of", "step")
    _insert(pair, pairs, "sender", "receiver", "module", "outcome")


def _table(name: str, *keys: sa.Column[Any], last: bool = False) -> sa.Table:
    return op.create_table(
        name,
        sa.Column("span", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("at", sa.BigInteger(), nullable=False, autoincrement=False),
        *keys,
        sa.Column("count", sa.BigInteger(), nullable=False),
        *([sa.Column("last", sa.BigInteger(), nullable=False)] if last else []),
        sa.PrimaryKeyConstraint("span", "at", *(each.name for each in keys), name=f"pk_{name}"),
        sqlite_with_rowid=False,
    )


def _count_exchanges(outcomes: Counts, durations: Counts, pairs: Counts) -> None:
    row = _exchange.c
    for each in _rows(sa.select(*row), row.id):
        _count(outcomes, each.id, each.outcome)
        if each.way is None:
            continue
        _count(durations, each.id, "hub", _step(each.hub_us))
        if each.way != "direct":
            known = each.way == "refuse" and each.receiver_id is not None
            _count(pairs, each.id, each.sender, each.receiver if known else "", each.module, each.outcome)


def _count_deliveries(durations: Counts, pairs: Counts) -> None:
    row, of = _delivery.c, _exchange.c
    module = sa.select(of.module).where(of.id == row.exchange_id).scalar_subquery()
    op.execute(sa.update(_delivery).values(module=module))
    for each in _rows(sa.select(*row), row.id):
        if each.http_status is not None:
            _count(durations, each.exchange_id, "partner", _step(each.partner_us))
        _count(pairs, each.exchange_id, each.sender, each.receiver, each.module or "", each.outcome)


def _rows(query: sa.Select[Any], number: sa.ColumnElement[int]) -> Iterator[Any]:
    last = -1
    while rows := op.get_bind().execute(query.where(number > last).order_by(number).limit(_AT_ONCE)).all():
        yield from rows
        last = rows[-1].id


def _count(counts: Counts, number: int, *key: object) -> None:
    count = counts.setdefault((number // (_MINUTE * 1000), *key), [0, 0])
    count[0] += 1
    count[1] = max(count[1], number)


def _step(microseconds: int) -> int:
    return round(math.log2(max(microseconds, 1)) * 8)


def _insert(table: sa.Table, counts: Counts, *names: str) -> None:
    columns = ("span", "at", *names, "count", *(["last"] if "last" in table.c else []))
    rows = [
        dict(zip(columns, (1, minute * _MINUTE, *key, *count), strict=False))
        for (minute, *key), count in counts.items()
    ]
    if rows:
        op.get_bind().execute(table.insert(), rows)
