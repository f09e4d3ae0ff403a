"""Schema changes, run by the hub itself when it starts.

A change to `schema.py` needs a new file in `versions/`, which never changes once it was released. All that are due
run in one transaction: they succeed together, or leave the database as it was. SQLite changes most things about a
table by copying it into a new one and dropping the old one. Foreign keys are enforced meanwhile, so dropping a table
that others refer to with ON DELETE CASCADE empties those: copy them too, and fill them again.
"""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.database import Database
from hub.store.errors import SchemaTooNew


async def upgrade(database: Database) -> None:
    """Bring the database up to this version of the hub. Raises SchemaTooNew when a newer hub has changed it."""

    def run(connection: Connection) -> None:
        config = _config(connection)
        known = known_revisions()
        for revision in MigrationContext.configure(connection).get_current_heads():
            if revision not in known:
                raise SchemaTooNew(database.path, revision)
        command.upgrade(config, "head")

    async def work(connection: AsyncConnection) -> None:
        await connection.run_sync(run)

    await database.write(work)


def known_revisions() -> frozenset[str]:
    """Every schema that this version of the hub can bring up to date."""
    return frozenset(each.revision for each in ScriptDirectory.from_config(_config()).walk_revisions())


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "hub.store:migrations")
    config.set_main_option("path_separator", "os")
    return config
