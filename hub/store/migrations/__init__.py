"""Schema changes, run by the hub itself when it starts.

A change to `schema.py` needs a new file in `versions/`, which never changes once it was released. All that are due
run in one transaction: they succeed together, or leave the database as it was. SQLite changes most things about a
table by copying it into a new one and dropping the old one. Foreign keys are enforced meanwhile, so dropping a table
that others refer to with ON DELETE CASCADE empties those: copy them too, and fill them again.

Nodes of the last release are at work meanwhile. So each file says in `works_from` which schema the oldest programs are
for that can work with what it makes; docs/upgrading.md tells how to change things in two releases.
"""

from functools import cache
from pathlib import Path

from sqlalchemy import column, select, table
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.database import Database

VERSION = table("alembic_version", column("version_num"), column("works_from"))
"""Alembic's own table of one row, and beside the schema that there is, that of the oldest programs for it."""


async def upgrade(database: Database) -> None:
    """Bring the database up to this version of the hub, where it is older.

    Raises SchemaTooNew when a newer hub has changed it so that this one can not work with it, and OldNodesRun when
    older ones are at work that could not work with it afterwards.
    """
    if await revisions(database) != [newest()]:
        from hub.store.migrations import due  # noqa: PLC0415 - it imports Alembic, which takes a tenth of a start

        await due.upgrade(database)


@cache
def newest() -> str:
    """The revision of the last file in `versions/`: the schema that this program is for.

    Looked up once: an installation may be replaced by a newer one while the program runs.
    """
    return max(each.name for each in Path(__file__).with_name("versions").glob("[0-9]*.py"))[:4]


async def revisions(database: Database) -> list[str]:
    """The schema that the database has; nothing where it is new."""

    async def read(connection: AsyncConnection) -> list[str]:
        return list(await connection.scalars(select(VERSION.c.version_num)))

    try:
        return await database.read(read)
    except (OperationalError, ProgrammingError):  # no such table: the database is new
        return []


async def works_from(connection: AsyncConnection) -> str | None:
    """The schema that the oldest programs are for which can work with what is there."""
    found: str | None = await connection.scalar(select(VERSION.c.works_from))
    return found


async def outgrown(connection: AsyncConnection) -> str:
    """Why this program can not work with the database any more, in words; empty where it can.

    A newer one may have changed it while this one runs.
    """
    needed = await works_from(connection)
    if needed is None or needed <= newest():
        return ""
    return f"its schema is for hubs of schema {needed} and newer, and this one is of {newest()}: install the newer one"
