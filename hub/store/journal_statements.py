"""The statements by which the journal is written, by the names that `rows` knows them by."""

from collections.abc import Mapping

from sqlalchemy import BigInteger, Executable, bindparam, case, delete, func, insert, select, union_all, update
from sqlalchemy.dialects import sqlite

from hub.store.counting import COLUMNS
from hub.store.journal_schema import captured, delivery, exchange, sum_mark, trace_key, trace_part
from hub.store.metadata import metadata
from hub.store.sorting import KEPT
from hub.store.sqlite_rows import Texts
from hub.store.statements import insert_text, upsert_text

_MARK, _UNTIL, _BEFORE, _BOUND = (bindparam(name, type_=BigInteger()) for name in ("mark", "until", "before", "bound"))
_NAMES = union_all(
    *(
        select(name.label("name"), number.label("number")).where(number > _MARK, number <= _UNTIL, name.is_not(None))
        for name, number in (
            (exchange.c.correlation_id, exchange.c.id),
            (exchange.c.request_id, exchange.c.id),
            (delivery.c.request_id, delivery.c.exchange_id),
        )
    )
).subquery()
_LENGTH = func.length(_NAMES.c.name)
_KEY = func.substr(_NAMES.c.name, case((_LENGTH > KEPT, _LENGTH - KEPT + 1), else_=1)).label("key")

MARKS = select(sum_mark.c.span, sum_mark.c.until_at)
SO_FAR = select(func.max(trace_part.c.until_id))
STATEMENTS: Mapping[str, Executable] = {
    "marks": MARKS,
    "so_far": SO_FAR,
    "part_of": select(func.min(trace_part.c.until_id)).where(
        trace_part.c.until_id >= bindparam("number", type_=BigInteger())
    ),
    **{
        name: select(column).where(column > _MARK, column < _BEFORE).order_by(column).offset(bindparam("most")).limit(1)
        for name, column in (("end_of_exchanges", exchange.c.id), ("end_of_deliveries", delivery.c.exchange_id))
    },
    **{
        name: select(column).order_by(column).offset(bindparam("n")).limit(1)
        for name, column in (("nth_exchange", exchange.c.id), ("nth_delivery", delivery.c.exchange_id))
    },
    **{
        name: delete(column.table).where(column < _BOUND)
        for name, column in (
            ("drop_exchanges", exchange.c.id),
            ("drop_deliveries", delivery.c.exchange_id),
            ("drop_keys", trace_key.c.part),
            ("drop_parts", trace_part.c.until_id),
            ("drop_captured", captured.c.exchange_id),
        )
    },
    "held": select(
        *(
            select(func.count()).where(number > _MARK, number <= _UNTIL).scalar_subquery()
            for number in (exchange.c.id, delivery.c.exchange_id)
        )
    ),
    "more_held": (
        update(trace_part)
        .where(trace_part.c.until_id == _UNTIL)
        .values(held=trace_part.c.held + bindparam("more", type_=BigInteger()))
    ),
    "sort_keys": insert(trace_key).from_select(
        ["part", "key", "exchange_id"],
        select(_UNTIL, _KEY, _NAMES.c.number).distinct().order_by(_KEY, _NAMES.c.number),
    ),
}
_TABLES = exchange, delivery, captured, trace_part, trace_key


def counting_text(dialect: str, table: str) -> str:
    """The SQL that counts a sum."""
    latest = ("last",) if "last" in COLUMNS[table] else ()
    return upsert_text(dialect, metadata.tables[table], adding=("count",), latest=latest)


def sqlite_texts() -> Texts:
    """All of it as SQLite takes it, in plain strings: a process without SQLAlchemy unpickles them."""
    statements = {}
    for name, statement in STATEMENTS.items():
        compiled = statement.compile(dialect=sqlite.dialect(paramstyle="named"))  # type: ignore[attr-defined]
        statements[name] = str(compiled), {str(key): value for key, value in compiled.params.items()}
    return Texts(
        columns={str(table.name): tuple(map(str, table.columns.keys())) for table in _TABLES},
        inserts={str(table.name): insert_text("sqlite", table) for table in _TABLES},
        counts={table: counting_text("sqlite", table) for table in COLUMNS},
        statements=statements,
    )
