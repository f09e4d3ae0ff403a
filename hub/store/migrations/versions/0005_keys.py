"""Keys of the admin API."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "admin_key",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("last_used_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("digest", name="pk_admin_key"),
        sa.UniqueConstraint("name", name="uq_admin_key_name"),
        sa.CheckConstraint("length(digest) = 32", name="ck_admin_key_digest"),
        sa.CheckConstraint("scope IN ('read', 'operate', 'admin')", name="ck_admin_key_scope"),
    )
