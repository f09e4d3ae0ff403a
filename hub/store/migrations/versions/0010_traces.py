"""Rows of the journal are put into fewer indices: ids are sorted later, and what was delivered is found without one."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Drop what made a row of the journal dear. What is there already is sorted by the hub, part by part."""
    op.drop_index("ix_exchange_correlation_id", "exchange")
    op.drop_index("ix_exchange_request_id", "exchange")
    op.drop_index("ix_delivery_request_id", "delivery")
    undelivered = sa.text("outcome <> 'delivered'")
    for table, number in (("exchange", "id"), ("delivery", "exchange_id")):
        name = f"ix_{table}_outcome_{number}"
        op.drop_index(name, table)
        columns = ["outcome", number]
        op.create_index(name, table, columns, sqlite_where=undelivered, postgresql_where=undelivered)
    op.create_table(
        "trace_part",
        sa.Column("until_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("until_id", name="pk_trace_part"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "trace_key",
        sa.Column("part", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("exchange_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("part", "key", "exchange_id", name="pk_trace_key"),
        sqlite_with_rowid=False,
    )
