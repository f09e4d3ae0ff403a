"""The journal: exchanges, deliveries, and bodies while a capture is on."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    _exchange()
    _delivery()
    op.create_table(
        "capture",
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", name="pk_capture"),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], name="fk_capture_platform", ondelete="CASCADE"),
    )
    op.create_table(
        "captured",
        sa.Column("exchange_id", _LONG, nullable=False, autoincrement=False),
        sa.Column("delivery_id", _LONG, nullable=False, autoincrement=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("exchange_id", "delivery_id", name="pk_captured"),
    )


def _exchange() -> None:
    op.create_table(
        "exchange",
        sa.Column("id", _LONG, nullable=False, autoincrement=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text()),
        sa.Column("sender_id", sa.Integer()),
        sa.Column("receiver", sa.Text()),
        sa.Column("receiver_id", sa.Integer()),
        sa.Column("version", sa.Text()),
        sa.Column("module", sa.Text()),
        sa.Column("interface", sa.Text()),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text()),
        sa.Column("path", sa.Text()),
        sa.Column("address", sa.Text()),
        sa.Column("way", sa.Text()),
        sa.Column("why", sa.Text()),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=False),
        sa.Column("ocpi_status", sa.Integer(), nullable=False),
        sa.Column("hub_us", sa.BigInteger(), nullable=False),
        sa.Column("partner_us", sa.BigInteger()),
        sa.Column("bytes_in", sa.Integer(), nullable=False),
        sa.Column("bytes_out", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("findings", sa.Integer(), nullable=False),
        sa.Column("finding", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_exchange"),
    )
    op.create_index("ix_exchange_correlation_id", "exchange", ["correlation_id"])
    op.create_index("ix_exchange_request_id", "exchange", ["request_id"])
    op.create_index("ix_exchange_sender_id_id", "exchange", ["sender_id", "id"])
    op.create_index("ix_exchange_receiver_id_id", "exchange", ["receiver_id", "id"])
    op.create_index("ix_exchange_outcome_id", "exchange", ["outcome", "id"])


def _delivery() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", _LONG, nullable=False, autoincrement=False),
        sa.Column("exchange_id", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.Text()),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text()),
        sa.Column("after_us", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("http_status", sa.Integer()),
        sa.Column("ocpi_status", sa.Integer()),
        sa.Column("partner_us", sa.BigInteger(), nullable=False),
        sa.Column("bytes_out", sa.Integer(), nullable=False),
        sa.Column("bytes_in", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("loss", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
    )
    op.create_index("ix_delivery_exchange_id", "delivery", ["exchange_id"])
    op.create_index("ix_delivery_request_id", "delivery", ["request_id"])
    op.create_index("ix_delivery_platform_id_exchange_id", "delivery", ["platform_id", "exchange_id"])
    op.create_index("ix_delivery_outcome_exchange_id", "delivery", ["outcome", "exchange_id"])
