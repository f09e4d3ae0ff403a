"""What all tables share: how their constraints are named, and columns that many of them have."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData

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
LONG = BigInteger().with_variant(Integer, "sqlite")


def platform_id(*, primary_key: bool = False, index: bool = True) -> Column[int]:
    """The column of what belongs to a platform, and goes with it."""
    return Column(
        "platform_id",
        Integer,
        ForeignKey("platform.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
        index=index and not primary_key,
    )
