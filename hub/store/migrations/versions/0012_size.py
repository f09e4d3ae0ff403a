"""Large mirrors and journals: counts that need not be counted again, and an index of modules."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
works_from = "0011"

_KEYS = "module, part, owner"
_COUNTED = f"""
CREATE FUNCTION mirror_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO mirror_part ({_KEYS}, objects)
    SELECT module, position / 4096, owner, count(*) FROM changed GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT ({_KEYS}) DO UPDATE SET objects = mirror_part.objects + excluded.objects;
  ELSE
    UPDATE mirror_part SET objects = mirror_part.objects - gone.objects
    FROM (SELECT module, position / 4096 AS part, owner, count(*) AS objects FROM changed GROUP BY 1, 2, 3) AS gone
    WHERE (mirror_part.module, mirror_part.part, mirror_part.owner) = (gone.module, gone.part, gone.owner);
    DELETE FROM mirror_part WHERE objects = 0 AND ({_KEYS}) IN (SELECT module, position / 4096, owner FROM changed);
  END IF;
  RETURN NULL;
END $$
"""  # noqa: S608 - names of columns
_POSTGRESQL = (
    _COUNTED,
    """
CREATE TRIGGER mirror_counted_in AFTER INSERT ON mirror REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION mirror_counted()
""",
    """
CREATE TRIGGER mirror_counted_out AFTER DELETE ON mirror REFERENCING OLD TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION mirror_counted()
""",
)
_GONE = "module = OLD.module AND part = OLD.position / 4096 AND owner = OLD.owner"
_SQLITE = (
    f"""
CREATE TRIGGER mirror_counted_in AFTER INSERT ON mirror BEGIN
  INSERT INTO mirror_part ({_KEYS}, objects) VALUES (NEW.module, NEW.position / 4096, NEW.owner, 1)
  ON CONFLICT ({_KEYS}) DO UPDATE SET objects = objects + 1;
END
""",  # noqa: S608
    f"""
CREATE TRIGGER mirror_counted_out AFTER DELETE ON mirror BEGIN
  UPDATE mirror_part SET objects = objects - 1 WHERE {_GONE};
  DELETE FROM mirror_part WHERE {_GONE} AND objects = 0;
END
""",  # noqa: S608
)


def upgrade() -> None:
    """Make and fill what counts. The database counts the mirror itself: whoever changes it, it is right."""
    op.create_table(
        "mirror_part",
        sa.Column("module", sa.Text(), nullable=False),
        sa.Column("part", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.String(6), nullable=False),
        sa.Column("objects", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("module", "part", "owner", name="pk_mirror_part"),
        sqlite_with_rowid=False,
    )
    op.execute(
        f"INSERT INTO mirror_part ({_KEYS}, objects) "  # noqa: S608 - names of columns
        "SELECT module, position / 4096, owner, count(*) FROM mirror GROUP BY 1, 2, 3"
    )
    for statement in _POSTGRESQL if op.get_context().dialect.name == "postgresql" else _SQLITE:
        op.execute(sa.text(statement))
    op.add_column("trace_part", sa.Column("held", sa.Integer(), nullable=False, server_default="0"))
    held = f"{_rows_of('exchange', 'id')} + {_rows_of('delivery', 'exchange_id')}"
    op.execute(f"UPDATE trace_part SET held = {held}")  # noqa: S608 - names of tables and columns
    rare = sa.text("module <> 'locations'")
    op.create_index(
        "ix_exchange_module_id", "exchange", ["module", "id"], sqlite_where=rare, postgresql_where=rare
    )  # fmt: skip


def _rows_of(table: str, number: str) -> str:
    before = "(SELECT coalesce(max(one.until_id), 0) FROM trace_part AS one WHERE one.until_id < trace_part.until_id)"
    return f"(SELECT count(*) FROM {table} WHERE {number} <= trace_part.until_id AND {number} > {before})"  # noqa: S608
