"""The tables of the public API: app keys, users, their tokens, tickets and cards, commands, sessions and CDRs.

Keys and tokens are kept as SHA-256 digests: they are random, so nothing slower is needed. Times are milliseconds since
1970. Ids that apps see are random, and say nothing of partners. A row without a `user` is nobody's any more. The `node`
of a command is the one that waits for its answer.
"""

import secrets
import time

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from hub.plugin import Tables

tables = Tables()
keys = Table(
    "plugin_public_api_key",
    tables,
    Column("name", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("app", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger),
)
users = Table(
    "plugin_public_api_user",
    tables,
    Column("id", Text, primary_key=True),
    Column("app", Text, nullable=False),
    Column("reference", Text),
    Column("contract", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    UniqueConstraint("app", "reference"),
)
user_tokens = Table(
    "plugin_public_api_token",
    tables,
    Column("digest", LargeBinary, primary_key=True),
    Column("user", Text, nullable=False, index=True),
    Column("created", BigInteger, nullable=False),
)
cards = Table(
    "plugin_public_api_card",
    tables,
    Column("key", Text, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("user", Text, index=True),
    Column("uid", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("contract", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("valid", Boolean, nullable=False),
    Column("updated", BigInteger, nullable=False, index=True),
)
commands = Table(
    "plugin_public_api_command",
    tables,
    Column("id", Text, primary_key=True),
    Column("user", Text, index=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("message", Text, nullable=False),
    Column("session", Text),
    Column("created", BigInteger, nullable=False),
    Column("ended", BigInteger),
    Column("node", Text, nullable=False, server_default=""),
)
tickets = Table(
    "plugin_public_api_ticket",
    tables,
    Column("digest", LargeBinary, primary_key=True),
    Column("app", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("token", LargeBinary, nullable=False),
    Column("until", BigInteger, nullable=False, index=True),
)
sessions = Table(
    "plugin_public_api_session",
    tables,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("user", Text),
    Column("card", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("owner", "key"),
    Index("ix_plugin_public_api_session_of", "user", "started", "id"),
)
cdrs = Table(
    "plugin_public_api_cdr",
    tables,
    Column("position", Integer, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("user", Text),
    Column("card", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("ended", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("owner", "key"),
    Index("ix_plugin_public_api_cdr_of", "user", "ended", "position"),
)


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """An id that nobody can guess."""
    return secrets.token_hex(16)


def card_key(uid: str, kind: str) -> str:
    """Uid and type: together they are unique, without regard to case (2.2.1, tokens 12.3.2)."""
    return f"{uid.lower()} {kind}"
