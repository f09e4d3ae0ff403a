"""The tables of the registry: listings, their classes, certificates with what they cover, and read keys."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Table, Text

from hub.plugin import Tables

tables = Tables()
listings = Table(
    "plugin_registry_listing",
    tables,
    Column("party", Text, primary_key=True),
    Column("country", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("website", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("synthetic", Boolean, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Index(None, "country"),
)
classes = Table(
    "plugin_registry_class",
    tables,
    Column("party", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("maker", Text, nullable=False),
    Index(None, "kind"),
)
certificates = Table(
    "plugin_registry_certificate",
    tables,
    Column("id", Text, primary_key=True),
    Column("party", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("checked", BigInteger, nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_until", BigInteger, nullable=False),
    Column("ended", BigInteger),
    Column("ended_why", Text, nullable=False),
    Index(None, "party"),
    Index(None, "valid_until"),
)
capabilities = Table(
    "plugin_registry_capability",
    tables,
    Column("certificate", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("module", Text, primary_key=True),
    Column("interface", Text, primary_key=True),
)
keys = Table(
    "plugin_registry_key",
    tables,
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("created", BigInteger, nullable=False),
)
