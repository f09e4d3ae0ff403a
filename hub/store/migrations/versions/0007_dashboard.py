"""Who is logged in to the dashboard, and how the statuses of partners changed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "admin_session",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(digest) = 32", name="ck_admin_session_digest"),
        sa.PrimaryKeyConstraint("digest", name="pk_admin_session"),
    )
    op.create_table(
        "status_change",
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "at", name="pk_status_change"),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], name="fk_status_change_platform", ondelete="CASCADE"),
    )
