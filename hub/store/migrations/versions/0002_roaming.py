"""What roaming needs beside direct messages: agreements, the mirror, hints, and the published connection status."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables. Nothing that was there changes."""
    op.create_table(
        "agreement",
        sa.Column("one", sa.String(6), nullable=False),
        sa.Column("other", sa.String(6), nullable=False),
        sa.Column("module", sa.Text(), nullable=False),
        sa.Column("allow", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("one", "other", "module", name="pk_agreement"),
    )
    _mirror()
    _hint()
    op.create_table(
        "connection_status",
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", name="pk_connection_status"),
        sa.ForeignKeyConstraint(
            ["platform_id"], ["platform.id"], name="fk_connection_status_platform", ondelete="CASCADE"
        ),
        sa.CheckConstraint(
            "status IN ('CONNECTED', 'OFFLINE', 'PLANNED', 'SUSPENDED')", name="ck_connection_status_status"
        ),
    )


def _mirror() -> None:
    op.create_table(
        "mirror",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("module", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(6), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("last_updated", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_mirror"),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], name="fk_mirror_platform", ondelete="CASCADE"),
        sa.UniqueConstraint("module", "object_key", "owner", name="uq_mirror_module_object_key_owner"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_mirror_platform_id_owner", "mirror", ["platform_id", "owner"])
    op.create_index(
        "ix_mirror_module_version_position_last_updated_owner",
        "mirror",
        ["module", "version", "position", "last_updated", "owner"],
    )
    op.create_table(
        "sync_state",
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("module", sa.Text(), nullable=False),
        sa.Column("date_from", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "module", name="pk_sync_state"),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], name="fk_sync_state_platform", ondelete="CASCADE"),
    )


def _hint() -> None:
    op.create_table(
        "hint",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("asker", sa.String(6), nullable=False),
        sa.Column("party", sa.String(6), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "object_key", "asker", "party", name="pk_hint"),
    )
    op.create_index("ix_hint_seen_at", "hint", ["seen_at"])
