"""The first tables: platforms, their parties, credentials and endpoints."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    _platform()
    _party()
    _credential()
    _endpoint()
    op.create_table(
        "meta",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_meta"),
    )


def _platform() -> None:
    op.create_table(
        "platform",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Text()),
        sa.Column("versions_url", sa.Text()),
        sa.Column("token_out", sa.LargeBinary()),
        sa.Column("token_out_encoding", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_platform"),
        sa.CheckConstraint("state IN ('INVITED', 'REGISTERED', 'SUSPENDED')", name="ck_platform_state"),
        sa.CheckConstraint(
            "state = 'SUSPENDED' OR (state = 'REGISTERED') = (token_out IS NOT NULL)",
            name="ck_platform_registered",
        ),
        sa.CheckConstraint("token_out_encoding IN ('BASE64', 'RAW')", name="ck_platform_encoding"),
        sa.CheckConstraint("(token_out IS NULL) = (token_out_encoding IS NULL)", name="ck_platform_token_out"),
        sqlite_autoincrement=True,
    )


def _party() -> None:
    op.create_table(
        "party",
        sa.Column("country_code", sa.String(2), nullable=False),
        sa.Column("party_id", sa.String(3), nullable=False),
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("business_name", sa.Text()),
        sa.Column("website", sa.Text()),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("country_code", "party_id", name="pk_party"),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], name="fk_party_platform", ondelete="CASCADE"),
        sa.CheckConstraint(
            "country_code = upper(country_code) AND party_id = upper(party_id)", name="ck_party_upper_case"
        ),
    )
    op.create_index("ix_party_platform_id", "party", ["platform_id"])
    op.create_table(
        "party_role",
        sa.Column("country_code", sa.String(2), nullable=False),
        sa.Column("party_id", sa.String(3), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("country_code", "party_id", "role", name="pk_party_role"),
        sa.ForeignKeyConstraint(
            ["country_code", "party_id"],
            ["party.country_code", "party.party_id"],
            name="fk_party_role_party",
            ondelete="CASCADE",
        ),
    )


def _credential() -> None:
    op.create_table(
        "credential",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("encoding", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_credential"),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], name="fk_credential_platform", ondelete="CASCADE"),
        sa.CheckConstraint("length(digest) = 32", name="ck_credential_digest"),
        sa.CheckConstraint("kind IN ('A', 'C', 'PENDING')", name="ck_credential_kind"),
        sa.CheckConstraint("encoding IN ('BASE64', 'RAW')", name="ck_credential_encoding"),
    )
    op.create_index("ix_credential_platform_id", "credential", ["platform_id"])


def _endpoint() -> None:
    op.create_table(
        "endpoint",
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("module", sa.Text(), nullable=False),
        sa.Column("interface", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("manual", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "version", "module", "interface", name="pk_endpoint"),
        sa.ForeignKeyConstraint(["platform_id"], ["platform.id"], name="fk_endpoint_platform", ondelete="CASCADE"),
        sa.CheckConstraint("interface IN ('SENDER', 'RECEIVER')", name="ck_endpoint_interface"),
    )
