"""Schema changes, run by the hub itself when it starts.

A change to `schema.py` needs a new file in `versions/`, which never changes once it was released. All that are due
run in one transaction: they succeed together, or leave the database as it was. SQLite changes most things about a
table by copying it into a new one and dropping the old one. Foreign keys are enforced meanwhile, so dropping a table
that others refer to with ON DELETE CASCADE empties those: copy them too, and fill them again.
"""

from pathlib import Path

from sqlalchemy import column, select, table
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.database import Database

_VERSION = table("alembic_version", column("version_num"))


async def upgrade(database: Database) -> None:
    """Bring the database up to this version of the hub. Raises SchemaTooNew when a newer hub has changed it."""
    if await revisions(database) != [newest()]:
        from hub.store.migrations import due  # noqa: PLC0415 - it imports Alembic, which takes a tenth of a start

        await due.upgrade(database)


def newest() -> str:
    """The revision of the last file in `versions/`."""
    return max(each.name for each in Path(__file__).with_name("versions").glob("[0-9]*.py"))[:4]


async def revisions(database: Database) -> list[str]:
    """The schema that the database has; nothing where it is new."""

    async def read(connection: AsyncConnection) -> list[str]:
        return list(await connection.scalars(select(_VERSION.c.version_num)))

    try:
        return await database.read(read)
    except (OperationalError, ProgrammingError):  # no such table: the database is new
        return []
