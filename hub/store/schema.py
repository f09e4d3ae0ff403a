"""The tables, as they are after the newest migration.

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
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

# Migrations refer to constraints by name, so every one needs a name that both databases agree on.
metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


# SQLite has 64 bits in every INTEGER, and numbers its rows only by a column of that very name.
_LONG = BigInteger().with_variant(Integer, "sqlite")


def _platform_id(*, primary_key: bool = False, index: bool = True) -> Column[int]:
    return Column(
        "platform_id",
        Integer,
        ForeignKey("platform.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
        index=index and not primary_key,
    )


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
    _platform_id(),
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
    _platform_id(),
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
    _platform_id(primary_key=True),
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
mirror = Table(
    "mirror",
    metadata,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("module", Text, nullable=False),
    Column("owner", String(6), nullable=False),
    Column("object_key", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("version", Text, nullable=False),
    _platform_id(index=False),
    Column("last_updated", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    # In this order it also finds the owners of an id, without a look at the table.
    UniqueConstraint("module", "object_key", "owner"),
    # Everything that decides which objects are on a page: bodies are read only for those that are.
    Index(None, "module", "position", "last_updated", "owner"),
    Index(None, "platform_id", "owner"),
    sqlite_autoincrement=True,
)

# Which token a contract is about: sessions and CDRs of OCPI 2.1.1 name nothing else. Lower case.
token_contract = Table(
    "token_contract",
    metadata,
    Column("owner", String(6), primary_key=True),
    Column("object_key", Text, primary_key=True),
    Column("contract", Text, nullable=False, index=True),
    _platform_id(),
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
    _platform_id(primary_key=True),
    Column("validation", Text, nullable=False),
    CheckConstraint("validation IN ('enforce', 'report', 'off')", name="validation"),
)

# What one platform may ask of the hub; where there is no row or no value, the configuration holds.
platform_limit = Table(
    "platform_limit",
    metadata,
    _platform_id(primary_key=True),
    Column("requests", Float),
    Column("broadcasts", Float),
    Column("parallel", Integer),
)

# Where a platform's objects break the rules of its OCPI version: how often, by path and rule. Never a value.
finding = Table(
    "finding",
    metadata,
    _platform_id(primary_key=True),
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
    _platform_id(primary_key=True),
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
    _platform_id(primary_key=True),
    Column("status", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    CheckConstraint("status IN ('CONNECTED', 'OFFLINE', 'PLANNED', 'SUSPENDED')", name="status"),
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

# The journal. A number is the moment of receipt in microseconds since 1970, made unique: it sorts and cuts by time.
# What is kept of a removed platform stays until it is too old, so no id here refers to a platform.
exchange = Table(
    "exchange",
    metadata,
    Column("id", _LONG, primary_key=True, autoincrement=False),
    Column("correlation_id", Text, nullable=False, index=True),
    Column("request_id", Text, nullable=False, index=True),
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
    Index(None, "outcome", "id"),
)

# One attempt to hand the message of an exchange to a platform. `after_us`: since the receipt of that message.
delivery = Table(
    "delivery",
    metadata,
    Column("id", _LONG, primary_key=True, autoincrement=False),
    Column("exchange_id", BigInteger, nullable=False, index=True),
    Column("request_id", Text, index=True),
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
    Index(None, "platform_id", "exchange_id"),
    Index(None, "outcome", "exchange_id"),
)

# Until when the bodies of a platform's exchanges are kept, too.
capture = Table(
    "capture",
    metadata,
    _platform_id(primary_key=True),
    Column("until_at", BigInteger, nullable=False),
)

# Bodies of an exchange (`delivery_id` 0) or of a delivery, while a capture is on: cut, and without what is secret.
captured = Table(
    "captured",
    metadata,
    Column("exchange_id", _LONG, primary_key=True, autoincrement=False),
    Column("delivery_id", _LONG, primary_key=True, autoincrement=False),
    Column("request", Text, nullable=False),
    Column("answer", Text, nullable=False),
)

# Facts about this database itself, such as the key check value.
meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
