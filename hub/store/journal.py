"""The journal on disk: exchanges with their deliveries, found by partner, module, outcome and time, or by an id.

A number of the journal is a moment in microseconds since 1970, made unique. It is given at the receipt of a message,
so rows are read, paged and cut off by their numbers alone.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, Table, case, func, or_, select, text, true, union, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.core.outcome import Outcome
from hub.store.database import Database
from hub.store.journal_rows import insert, insert_new
from hub.store.journal_schema import COMMON, RARE, captured, delivery, exchange, trace_part
from hub.store.rows import Values
from hub.store.statements import Row, among
from hub.store.traces import holders

_TRACED = 200
"""So many exchanges of one correlation id are shown."""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which exchanges. `since` and `until` are milliseconds since 1970, `partner` is the id of a platform.

    `after` is a number: then it is only those after it, the nearest first and not the newest.
    """

    partner: int | None = None
    module: str | None = None
    outcome: Outcome | None = None
    since: int | None = None
    until: int | None = None
    after: int | None = None


class ExchangeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange: what came in, what became of it, and what went back. Sizes are bytes, `*_us` microseconds.

    `partner_us` is the time in which a partner was waited for, None where nobody was; the rest of the way took
    `hub_us`. `sender_id` and `receiver_id` are platforms. `path` and `address` are known of what was turned away: its
    `sender` is whom it said to be. Of the deliveries of a page, only the numbers are told.
    """

    id: int
    correlation_id: str
    request_id: str
    sender: str | None
    sender_id: int | None
    receiver: str | None
    receiver_id: int | None
    version: str | None
    module: str | None
    interface: str | None
    method: str
    object_id: str | None
    path: str | None
    address: str | None
    way: str | None
    why: str | None
    outcome: Outcome
    http_status: int
    ocpi_status: int
    hub_us: int
    partner_us: int | None
    bytes_in: int
    bytes_out: int
    reason: str | None
    findings: int
    finding: str | None
    at: int
    """Of its receipt, in milliseconds since 1970."""
    deliveries: int = 0
    undelivered: int = 0
    losses: int = 0


class Bodies(msgspec.Struct, frozen=True):
    """The bodies of one leg, as a capture keeps them."""

    request: str
    answer: str


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at a platform. `after_us` is counted from the receipt of the message."""

    id: int
    exchange_id: int
    request_id: str | None
    sender: str
    receiver: str
    module: str | None
    platform_id: int
    version: str | None
    after_us: int
    outcome: Outcome
    http_status: int | None
    ocpi_status: int | None
    partner_us: int
    bytes_out: int
    bytes_in: int
    reason: str | None
    losses: int
    loss: str | None
    bodies: Bodies | None = None


class Traced(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange with both its legs."""

    exchange: ExchangeRow
    deliveries: tuple[DeliveryRow, ...]
    bodies: Bodies | None = None


class Batch(msgspec.Struct):
    """Rows that are written at once: values in the order of the columns of their tables."""

    exchanges: list[Values] = []
    deliveries: list[Values] = []
    captured: list[Values] = []


async def keep(database: Database, batch: Batch) -> None:
    """Write a batch, and count it in the sums. A row whose number is there already is passed by."""
    given = msgspec.structs.asdict(batch)
    try:
        await database.write_rows(partial(insert, **given))
    except IntegrityError:  # what was written before an error is written again after it
        await database.write_rows(partial(insert_new, **given))


def named(table: Table, values: Values) -> Row:
    """A row by the names of its columns."""
    return dict(zip(table.columns.keys(), values, strict=True))


async def add_findings(connection: AsyncConnection, found: Mapping[int, tuple[int, str]]) -> set[int]:
    """Add to the findings of exchanges: how many, and the first in words. Returns those that are on disk."""
    row = exchange.c
    there = set()
    for number, (count, words) in found.items():
        values = {"findings": row.findings + count, "finding": func.coalesce(row.finding, words)}
        if (await connection.execute(update(exchange).where(row.id == number).values(values))).rowcount:
            there.add(number)
    return there


async def page(connection: AsyncConnection, wanted: Filter, before_id: int | None, limit: int) -> list[ExchangeRow]:
    """The newest exchanges that are wanted, before a number if one is given: the newest first.

    Where only those after a number are wanted, they are the nearest to it, and the nearest is first.
    """
    found = await connection.execute(page_query(wanted, before_id, limit))
    rows = [dict(row) for row in found.mappings()]
    sums = await _sums(connection, [row["id"] for row in rows])
    return [exchange_row(row, sums.get(row["id"], {})) for row in rows]


def page_query(wanted: Filter, before_id: int | None, limit: int) -> Select[Any]:
    """The exchanges of a page. Each part of it reads an index backwards and stops after `limit` rows."""
    order = _nearest if wanted.after is not None else _newest
    newest = order(exchange.c.id)
    parts = _parts(wanted, before_id)
    if wanted.partner is None and wanted.outcome is None:
        rare = [RARE] if wanted.module not in (None, COMMON) else []
        return select(exchange).where(*parts[0], *rare).order_by(newest).limit(limit)
    own = [select(exchange.c.id).where(*part).order_by(newest).limit(limit) for part in parts]
    by_delivery = (
        select(delivery.c.exchange_id.label("id"))
        .join(exchange, exchange.c.id == delivery.c.exchange_id)
        .where(*_by_delivery(wanted, before_id))
        .distinct()
        .order_by(order(delivery.c.exchange_id))
        .limit(limit)
    )
    ids = union(*(select(part.subquery().c.id) for part in (*own, by_delivery))).subquery()
    return select(exchange).where(exchange.c.id.in_(select(ids.c.id))).order_by(newest).limit(limit)


def _newest(number: ColumnElement[int]) -> ColumnElement[int]:
    return number.desc()


def _nearest(number: ColumnElement[int]) -> ColumnElement[int]:
    return number.asc()


async def trace(connection: AsyncConnection, name: str) -> list[Traced]:
    """All exchanges of a correlation id, or of the one that a request id belongs to: the oldest first."""
    row = exchange.c
    sent = select(delivery.c.id).where(delivery.c.exchange_id == row.id, delivery.c.request_id == name).exists()
    found = select(row.correlation_id).distinct().limit(_TRACED)
    found = found.where(among(row.id, await holders(connection, [name])), or_(row.request_id == name, sent))
    names = [name, *await connection.scalars(found)]
    ours = among(row.id, await holders(connection, names)), among(row.correlation_id, names)
    query = select(exchange).where(*ours)
    rows = [dict(each) for each in (await connection.execute(query.order_by(row.id).limit(_TRACED))).mappings()]
    return await _traced(connection, rows)


async def correlated(connection: AsyncConnection, name: str, near: int, limit: int) -> list[ExchangeRow]:
    """Exchanges of a correlation id beside one of them: so many before and after it, the oldest first."""
    number = exchange.c.id
    candidates = await holders(connection, [name])
    ours = select(exchange).where(among(number, candidates), exchange.c.correlation_id == name)
    before = ours.where(number < near).order_by(number.desc()).limit(limit)
    after = ours.where(number > near).order_by(number).limit(limit)
    rows = [dict(row) for query in (before, after) for row in (await connection.execute(query)).mappings()]
    return [exchange_row(row, {}) for row in sorted(rows, key=lambda row: row["id"])]


async def exchange_of(connection: AsyncConnection, number: int) -> Traced | None:
    """One exchange with both its legs, by its number."""
    found = (await connection.execute(select(exchange).where(exchange.c.id == number))).mappings()
    traced = await _traced(connection, [dict(row) for row in found])
    return traced[0] if traced else None


async def size(connection: AsyncConnection) -> int:
    """How many exchanges and deliveries there are. Only the oldest and the newest are counted, one by one."""
    until = trace_part.c.until_id
    oldest, newest = (await connection.execute(select(func.min(until), func.max(until)))).one()
    between = await connection.scalar(select(func.sum(trace_part.c.held)).where(until > (oldest or 0)))
    counted = 0
    for number in (exchange.c.id, delivery.c.exchange_id):
        ends = [number > newest, number <= oldest] if newest is not None else [true()]
        counted += sum([await connection.scalar(select(func.count(number)).where(end)) or 0 for end in ends])
    return int(between or 0) + counted


def _parts(wanted: Filter, before_id: int | None) -> list[list[ColumnElement[bool]]]:
    """The ways in which an exchange itself can be one that is wanted."""
    row = exchange.c
    found = _conditions(wanted, before_id, row.id, row.module)
    if wanted.outcome is not None:
        found += _ended(row.outcome, wanted.outcome)
    if wanted.partner is not None:
        return [[side == wanted.partner, *found] for side in (row.sender_id, row.receiver_id)]
    return [found]


def _by_delivery(wanted: Filter, before_id: int | None) -> list[ColumnElement[bool]]:
    # By its own module: with that of the exchange, all exchanges of the module may be gone through.
    found = _conditions(wanted, before_id, delivery.c.exchange_id, delivery.c.module)
    if wanted.partner is not None:
        found.append(delivery.c.platform_id == wanted.partner)
    if wanted.outcome is not None and wanted.partner is not None:
        found.append(or_(exchange.c.outcome == wanted.outcome.value, delivery.c.outcome == wanted.outcome.value))
    elif wanted.outcome is not None:
        found += _ended(delivery.c.outcome, wanted.outcome)
    return found


def _ended(column: ColumnElement[str], outcome: Outcome) -> list[ColumnElement[bool]]:
    """That it ended so. Only what says that it was not delivered is looked up in the index of these."""
    undelivered = [] if outcome is Outcome.DELIVERED else [column != text("'delivered'")]
    return [column == outcome.value, *undelivered]


def _conditions(
    wanted: Filter, before_id: int | None, number: ColumnElement[int], module: ColumnElement[Any]
) -> list[ColumnElement[bool]]:
    """What holds of an exchange, whichever way it is found."""
    found = []
    if before_id is not None:
        found.append(number < before_id)
    if wanted.after is not None:
        found.append(number > wanted.after)
    if wanted.since is not None:
        found.append(number >= wanted.since * 1000)
    if wanted.until is not None:
        found.append(number < wanted.until * 1000)
    if wanted.module is not None:
        found.append(module == wanted.module)
    return found


async def _sums(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    if not ids:
        return {}
    row = delivery.c
    query = (
        select(
            row.exchange_id,
            func.count().label("deliveries"),
            func.sum(case((row.outcome == Outcome.DELIVERED.value, 0), else_=1)).label("undelivered"),
            func.sum(row.losses).label("losses"),
        )
        .where(among(row.exchange_id, ids))
        .group_by(row.exchange_id)
    )
    found = (await connection.execute(query)).mappings()
    return {
        each["exchange_id"]: {name: each[name] for name in ("deliveries", "undelivered", "losses")} for each in found
    }


async def _traced(connection: AsyncConnection, rows: Sequence[Row]) -> list[Traced]:
    ids = [row["id"] for row in rows]
    bodies: dict[tuple[int, int], Bodies] = {}
    for each in await connection.execute(select(captured).where(among(captured.c.exchange_id, ids))):
        bodies[each.exchange_id, each.delivery_id] = Bodies(each.request, each.answer)
    legs: dict[int, list[DeliveryRow]] = defaultdict(list)
    query = select(delivery).where(among(delivery.c.exchange_id, ids)).order_by(delivery.c.exchange_id, delivery.c.id)
    for row in (await connection.execute(query)).mappings():
        leg = {**row, "outcome": Outcome(row["outcome"])}
        legs[row["exchange_id"]].append(DeliveryRow(**leg, bodies=bodies.get((row["exchange_id"], row["id"]))))
    return [
        Traced(
            exchange=exchange_row(row, _summed(legs[row["id"]])),
            deliveries=tuple(legs[row["id"]]),
            bodies=bodies.get((row["id"], 0)),
        )
        for row in rows
    ]


def _summed(legs: Sequence[DeliveryRow]) -> Row:
    return {
        "deliveries": len(legs),
        "undelivered": sum(leg.outcome is not Outcome.DELIVERED for leg in legs),
        "losses": sum(leg.losses for leg in legs),
    }


def exchange_row(row: Row, sums: Mapping[str, Any]) -> ExchangeRow:
    """A row of the table, as it is shown."""
    shown = {**row, "outcome": Outcome(row["outcome"]), "at": row["id"] // 1000}
    return ExchangeRow(**shown, **sums)
