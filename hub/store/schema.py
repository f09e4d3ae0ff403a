"""The tables, as they are after the newest migration; those of the journal stand in hub.store.journal_schema.

Portable between SQLite and PostgreSQL. Every `*_at` is a point in time in milliseconds since 1970 (UTC), as an
integer: it compares, sorts and survives every driver without time zones. Country codes and party ids are upper
case; a party that is only looked up is one column, `NL-TNM`. What may be secret is never here in the clear: inbound
tokens as SHA-256, outbound ones encrypted.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from hub.store import journal_schema  # noqa: F401 - its tables are in the metadata, too
from hub.store.metadata import metadata, platform_id

# Ids are never given out twice: what is sealed for a removed platform must not open for the next one.
# A platform that was registered has a token_out, also while it is SUSPENDED: that is what `resume` goes by.
platform = Table(
    "platform",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Text),
    Column("versions_url", Text),
    Column("token_out", LargeBinary),
    Column("token_out_encoding", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    CheckConstraint("state IN ('INVITED', 'REGISTERED', 'SUSPENDED')", name="state"),
    CheckConstraint("state = 'SUSPENDED' OR (state = 'REGISTERED') = (token_out IS NOT NULL)", name="registered"),
    CheckConstraint("token_out_encoding IN ('BASE64', 'RAW')", name="encoding"),
    CheckConstraint("(token_out IS NULL) = (token_out_encoding IS NULL)", name="token_out"),
    sqlite_autoincrement=True,
)

# The primary key is the promise that a party belongs to exactly one platform.
party = Table(
    "party",
    metadata,
    Column("country_code", String(2), primary_key=True),
    Column("party_id", String(3), primary_key=True),
    platform_id(),
    Column("business_name", Text),
    Column("website", Text),
    Column("updated_at", BigInteger, nullable=False),
    CheckConstraint("country_code = upper(country_code) AND party_id = upper(party_id)", name="upper_case"),
)

# `confirmed` is False while only the invitation names the role, True once the platform has presented it.
party_role = Table(
    "party_role",
    metadata,
    Column("country_code", String(2), primary_key=True),
    Column("party_id", String(3), primary_key=True),
    Column("role", Text, primary_key=True),
    Column("confirmed", Boolean, nullable=False),
    ForeignKeyConstraint(["country_code", "party_id"], ["party.country_code", "party.party_id"], ondelete="CASCADE"),
)

# Inbound tokens: SHA-256 of the token's UTF-8 bytes, and how the platform was seen to write it.
credential = Table(
    "credential",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    platform_id(),
    Column("kind", Text, nullable=False),
    Column("encoding", Text),
    Column("created_at", BigInteger, nullable=False),
    CheckConstraint("length(digest) = 32", name="digest"),
    CheckConstraint("kind IN ('A', 'C', 'PENDING')", name="kind"),
    CheckConstraint("encoding IN ('BASE64', 'RAW')", name="encoding"),
)

# `manual` endpoints were set by hand, and stay through registrations.
endpoint = Table(
    "endpoint",
    metadata,
    platform_id(primary_key=True),
    Column("version", Text, primary_key=True),
    Column("module", Text, primary_key=True),
    Column("interface", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("manual", Boolean, nullable=False),
    CheckConstraint("interface IN ('SENDER', 'RECEIVER')", name="interface"),
)

# `one` and `other` are parties or `*`, `module` a module or `*`: a core.agreements.Rule, in its own order.
agreement = Table(
    "agreement",
    metadata,
    Column("one", String(6), primary_key=True),
    Column("other", String(6), primary_key=True),
    Column("module", Text, primary_key=True),
    Column("allow", Boolean, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

# Objects that are meant for everybody. `body` is the JSON as received, `object_id` the id as given, `object_key`
# what makes it unique without regard to case. `position` is given once and never again: the order of GET All.
# From `latitude` on: a core.places.Place of a location that tells where it is, so that it is found by that.
mirror = Table(
    "mirror",
    metadata,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("module", Text, nullable=False),
    Column("owner", String(6), nullable=False),
    Column("object_key", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("version", Text, nullable=False),
    platform_id(index=False),
    Column("last_updated", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("latitude", Integer),
    Column("longitude", Integer),
    Column("evses", Integer),
    Column("free", Integer),
    Column("busy", Integer),
    Column("broken", Integer),
    # In this order it also finds the owners of an id, without a look at the table.
    UniqueConstraint("module", "object_key", "owner"),
    # Everything that decides which objects are on a page: bodies are read only for those that are.
    Index(None, "module", "position", "last_updated", "owner"),
    Index(None, "platform_id", "owner"),
    # A rectangle of the map, with all that is drawn of it: bodies, which lie between, are not read for that.
    Index(
        "ix_mirror_place",
        *("latitude", "longitude", "owner", "evses", "free", "busy", "broken"),
        sqlite_where=text("latitude IS NOT NULL"),
        postgresql_where=text("latitude IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

# How many objects the mirror has, by their positions: `part` has those of 4096. Kept by triggers on the mirror.
mirror_part = Table(
    "mirror_part",
    metadata,
    Column("module", Text, primary_key=True),
    Column("part", BigInteger, primary_key=True, autoincrement=False),
    Column("owner", String(6), primary_key=True),
    Column("objects", Integer, nullable=False),
    sqlite_with_rowid=False,
    info={"derived": True},
)

# Which token a contract is about: sessions and CDRs of OCPI 2.1.1 name nothing else. Lower case.
token_contract = Table(
    "token_contract",
    metadata,
    Column("owner", String(6), primary_key=True),
    Column("object_key", Text, primary_key=True),
    Column("contract", Text, nullable=False, index=True),
    platform_id(),
)

# A reservation's id as a number, for OCPI 2.1.1, which knows no other. Given once and never again.
reservation_number = Table(
    "reservation_number",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("sender", String(6), nullable=False),
    Column("reservation_id", Text, nullable=False),
    UniqueConstraint("sender", "reservation_id"),
    sqlite_autoincrement=True,
)

# What an operator set for one platform; where there is no row, the configuration holds.
platform_setting = Table(
    "platform_setting",
    metadata,
    platform_id(primary_key=True),
    Column("validation", Text, nullable=False),
    CheckConstraint("validation IN ('enforce', 'report', 'off')", name="validation"),
)

# What one platform may ask of the hub; where there is no row or no value, the configuration holds.
platform_limit = Table(
    "platform_limit",
    metadata,
    platform_id(primary_key=True),
    Column("requests", Float),
    Column("broadcasts", Float),
    Column("parallel", Integer),
)

# Where a platform's objects break the rules of its OCPI version: how often, by path and rule. Never a value.
finding = Table(
    "finding",
    metadata,
    platform_id(primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("got", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
)

# What could not be carried from one platform to another, which speaks another OCPI version: how often, by path.
loss = Table(
    "loss",
    metadata,
    Column("sender_id", Integer, primary_key=True),
    Column("receiver_id", Integer, primary_key=True, index=True),
    Column("kind", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("why", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    ForeignKeyConstraint(["sender_id"], ["platform.id"], name="fk_loss_sender_platform", ondelete="CASCADE"),
    ForeignKeyConstraint(["receiver_id"], ["platform.id"], name="fk_loss_receiver_platform", ondelete="CASCADE"),
)

# From where the next pull of a module goes on, as the platform wrote that time.
sync_state = Table(
    "sync_state",
    metadata,
    platform_id(primary_key=True),
    Column("module", Text, primary_key=True),
    Column("date_from", Text, nullable=False),
)

# Which party was seen behind an id that `asker` knows. Keys only: no content is kept of what passes.
hint = Table(
    "hint",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("object_key", Text, primary_key=True),
    Column("asker", String(6), primary_key=True),
    Column("party", String(6), primary_key=True),
    Column("seen_at", BigInteger, nullable=False, index=True),
)

# The connection status that partners were told last (2.2.1, hubclientinfo: ConnectionStatus).
connection_status = Table(
    "connection_status",
    metadata,
    platform_id(primary_key=True),
    Column("status", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    CheckConstraint("status IN ('CONNECTED', 'OFFLINE', 'PLANNED', 'SUSPENDED')", name="status"),
)

# How it changed: the latest ones, told to people.
status_change = Table(
    "status_change",
    metadata,
    Column("platform_id", Integer, ForeignKey("platform.id", ondelete="CASCADE"), primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("status", Text, nullable=False),
)

# Who is logged in to the dashboard: SHA-256 of the session's token, and the digest of the key that it began with.
admin_session = Table(
    "admin_session",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("key", LargeBinary(32), nullable=False),
    Column("begun_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    CheckConstraint("length(digest) = 32", name="digest"),
)

# Keys of the admin API: SHA-256 of the key's ASCII bytes, and what it opens.
admin_key = Table(
    "admin_key",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("scope", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("last_used_at", BigInteger),
    CheckConstraint("length(digest) = 32", name="digest"),
    CheckConstraint("scope IN ('read', 'operate', 'admin')", name="scope"),
)

# How often the directory and all else that nodes keep in memory was changed: one row, which says in what order, too.
revision = Table(
    "revision",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

# What it was, the latest ones, and which node did it (`Database.node`).
change = Table(
    "change",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("node", Text, nullable=False),
)

# The nodes that share this database, and what each says of itself, as JSON. `seen_at` is by the clock of the database.
node = Table(
    "node",
    metadata,
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("leads", Boolean, nullable=False),
    Column("says", LargeBinary, nullable=False),
)

# Facts about this database itself, such as the key check value.
meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
