"""Limits of one partner."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "platform_limit",
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("requests", sa.Float(), nullable=True),
        sa.Column("broadcasts", sa.Float(), nullable=True),
        sa.Column("parallel", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("platform_id", name="pk_platform_limit"),
        sa.ForeignKeyConstraint(
            ["platform_id"], ["platform.id"], name="fk_platform_limit_platform", ondelete="CASCADE"
        ),
    )
