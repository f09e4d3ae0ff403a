"""The tables of the journal: its rows, its sums, and captured bodies. They are a part of hub.store.schema."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text, text

from hub.store.metadata import LONG, metadata, platform_id

UNDELIVERED = text("outcome <> 'delivered'")
"""Of these there is an index. The others are most of all, so they are found without one."""
COMMON = "locations"
RARE = text("module <> 'locations'")
"""Of these, too. Most messages are of the other one."""

# The journal. A number is the moment of receipt in microseconds since 1970, made unique: it sorts and cuts by time.
# What is kept of a removed platform stays until it is too old, so no id here refers to a platform.
exchange = Table(
    "exchange",
    metadata,
    Column("id", LONG, primary_key=True, autoincrement=False),
    Column("correlation_id", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("sender", Text),
    Column("sender_id", Integer),
    Column("receiver", Text),
    Column("receiver_id", Integer),
    Column("version", Text),
    Column("module", Text),
    Column("interface", Text),
    Column("method", Text, nullable=False),
    Column("object_id", Text),
    Column("path", Text),
    Column("address", Text),
    Column("way", Text),
    Column("why", Text),
    Column("outcome", Text, nullable=False),
    Column("http_status", Integer, nullable=False),
    Column("ocpi_status", Integer, nullable=False),
    Column("hub_us", BigInteger, nullable=False),
    Column("partner_us", BigInteger),
    Column("bytes_in", Integer, nullable=False),
    Column("bytes_out", Integer, nullable=False),
    Column("reason", Text),
    Column("findings", Integer, nullable=False),
    Column("finding", Text),
    Index(None, "sender_id", "id"),
    Index(None, "receiver_id", "id"),
    Index(None, "outcome", "id", sqlite_where=UNDELIVERED, postgresql_where=UNDELIVERED),
    Index(None, "module", "id", sqlite_where=RARE, postgresql_where=RARE),
)

# One attempt to hand the message of an exchange to a platform. `after_us`: since the receipt of that message.
delivery = Table(
    "delivery",
    metadata,
    Column("id", LONG, primary_key=True, autoincrement=False),
    Column("exchange_id", BigInteger, nullable=False, index=True),
    Column("request_id", Text),
    Column("sender", Text, nullable=False),
    Column("receiver", Text, nullable=False),
    Column("platform_id", Integer, nullable=False),
    Column("version", Text),
    Column("after_us", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("http_status", Integer),
    Column("ocpi_status", Integer),
    Column("partner_us", BigInteger, nullable=False),
    Column("bytes_out", Integer, nullable=False),
    Column("bytes_in", Integer, nullable=False),
    Column("reason", Text),
    Column("losses", Integer, nullable=False),
    Column("loss", Text),
    Column("module", Text),
    Index(None, "platform_id", "exchange_id"),
    Index(None, "outcome", "exchange_id", sqlite_where=UNDELIVERED, postgresql_where=UNDELIVERED),
)

# Where an id of a message is to be looked for: its `key`, and the exchange that it stands in. To put each into an index
# as its row is written would cost more than the row, since ids are random. So keys are sorted later, part by part: one
# part has those of the exchanges after the part before, up to `until_id`. Of the newest there are no keys yet.
# `held`: how many exchanges and deliveries the part had then.
trace_part = Table(
    "trace_part",
    metadata,
    Column("until_id", BigInteger, primary_key=True, autoincrement=False),
    Column("held", Integer, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)
trace_key = Table(
    "trace_key",
    metadata,
    Column("part", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("exchange_id", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# Sums of the journal, which outlive its rows. A row counts what came in within `span` minutes, from `at` on. Those of
# single minutes are written with the rows of the journal, longer ones are made of them later: until when, is told here.
sum_mark = Table(
    "sum_mark",
    metadata,
    Column("span", Integer, primary_key=True, autoincrement=False),
    Column("until_at", BigInteger, nullable=False),
)

# How exchanges ended.
outcome_sum = Table(
    "outcome_sum",
    metadata,
    Column("span", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("outcome", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# How long the hub or the partners took (`of`), in steps of core.durations.
duration_sum = Table(
    "duration_sum",
    metadata,
    Column("span", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("of", Text, primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Who talked to whom. No receiver: the hub itself, or nobody. `last`: the number of the latest exchange of these.
pair_sum = Table(
    "pair_sum",
    metadata,
    Column("span", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("sender", String(6), primary_key=True),
    Column("receiver", String(6), primary_key=True),
    Column("module", Text, primary_key=True),
    Column("outcome", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Until when the bodies of a platform's exchanges are kept, too.
capture = Table(
    "capture",
    metadata,
    platform_id(primary_key=True),
    Column("until_at", BigInteger, nullable=False),
)

# Bodies of an exchange (`delivery_id` 0) or of a delivery, while a capture is on: cut, and without what is secret.
captured = Table(
    "captured",
    metadata,
    Column("exchange_id", LONG, primary_key=True, autoincrement=False),
    Column("delivery_id", LONG, primary_key=True, autoincrement=False),
    Column("request", Text, nullable=False),
    Column("answer", Text, nullable=False),
)


def places(table: Table, *names: str) -> tuple[int, ...]:
    """Where the values of columns stand in a list of all values of a row."""
    columns = table.columns.keys()
    return tuple(map(columns.index, names))
