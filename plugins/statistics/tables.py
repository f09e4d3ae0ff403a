"""The tables of the statistics: sessions and CDRs in a common form, and snapshots of running sessions.

Amounts are whole numbers, so that sums are exact: energy in 0.1 Wh, costs in 1/10000 of the currency. Times are
milliseconds since 1970. `sign` is -1 in a credit CDR, whose amounts are below zero. `key` is the id in capitals,
`hour` begins with the day and the month, in UTC: `2026-01-31T12`.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from hub.plugin import Tables

UNIT = 10_000
NOT_KNOWN = "?"

tables = Tables()
charges = Table(
    "plugin_statistics_charge",
    tables,
    Column("kind", Text, primary_key=True),
    Column("cpo", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("id", Text, nullable=False),
    Column("emsp", Text, nullable=False),
    Column("location", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("contract", Text, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("hour", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("sign", Integer, nullable=False),
    Column("energy", BigInteger, nullable=False),
    Column("seconds", BigInteger, nullable=False),
    Column("cost", BigInteger, nullable=False),
    Column("cost_vat", BigInteger),
    Column("status", Text, nullable=False),
    Column("power", BigInteger),
    Index(None, "kind", "started", "cpo", "key"),
    Index(None, "kind", "cpo", "started"),
    Index(None, "kind", "emsp", "started"),
    Index(None, "kind", "token", "started"),
    Index(None, "kind", "contract", "started"),
    Index(None, "kind", "status", "updated"),
)
snapshots = Table(
    "plugin_statistics_snapshot",
    tables,
    Column("at", BigInteger, primary_key=True),
    Column("cpo", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("energy", BigInteger, nullable=False),
    Column("power", BigInteger),
    Column("status", Text, nullable=False),
    Index(None, "cpo", "key", "at"),
)
