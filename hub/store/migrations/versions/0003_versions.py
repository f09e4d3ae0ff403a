"""What several OCPI versions need: contracts of tokens, numbers of reservations, findings and losses."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables. GET All pages through all versions now, so the version leaves its index."""
    op.drop_index("ix_mirror_module_version_position_last_updated_owner", "mirror")
    op.create_index(
        "ix_mirror_module_position_last_updated_owner", "mirror", ["module", "position", "last_updated", "owner"]
    )
    op.create_table(
        "token_contract",
        sa.Column("owner", sa.String(6), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "object_key", name="pk_token_contract"),
        _platform("platform_id", "token_contract"),
    )
    op.create_index("ix_token_contract_contract", "token_contract", ["contract"])
    op.create_index("ix_token_contract_platform_id", "token_contract", ["platform_id"])
    op.create_table(
        "reservation_number",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sender", sa.String(6), nullable=False),
        sa.Column("reservation_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_reservation_number"),
        sa.UniqueConstraint("sender", "reservation_id", name="uq_reservation_number_sender_reservation_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "platform_setting",
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("validation", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", name="pk_platform_setting"),
        _platform("platform_id", "platform_setting"),
        sa.CheckConstraint("validation IN ('enforce', 'report', 'off')", name="ck_platform_setting_validation"),
    )
    _counts()


def _counts() -> None:
    op.create_table(
        "finding",
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("got", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "kind", "path", "rule", name="pk_finding"),
        _platform("platform_id", "finding"),
    )
    op.create_table(
        "loss",
        sa.Column("sender_id", sa.Integer(), nullable=False),
        sa.Column("receiver_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sender_id", "receiver_id", "kind", "version", "path", name="pk_loss"),
        _platform("sender_id", "loss"),
        _platform("receiver_id", "loss"),
    )
    op.create_index("ix_loss_receiver_id", "loss", ["receiver_id"])


def _platform(column: str, table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{'' if column == 'platform_id' else column.removesuffix('_id') + '_'}platform"
    return sa.ForeignKeyConstraint([column], ["platform.id"], name=name, ondelete="CASCADE")
