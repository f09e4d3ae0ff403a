"""The tables of the presets: the presets themselves, sessions that have yet to begin, and what came of each sending."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from hub.plugin import Tables

tables = Tables()
presets = Table(
    "plugin_presets_preset",
    tables,
    Column("name", Text, primary_key=True),
    Column("json", Text, nullable=False),
    Column("changed", BigInteger, nullable=False),
)
waiting = Table(
    "plugin_presets_waiting",
    tables,
    Column("cpo", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("json", Text, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Index(None, "seen"),
)
outcomes = Table(
    "plugin_presets_outcome",
    tables,
    Column("cpo", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("session", Text, nullable=False),
    Column("emsp", Text, nullable=False),
    Column("preset", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Integer),
    Column("reason", Text, nullable=False),
    Column("sent", Text, nullable=False),
    Column("node", Text, nullable=False, server_default=""),
    Index(None, "at", "cpo", "key", "what"),
)
