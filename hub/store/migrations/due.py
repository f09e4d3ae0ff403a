"""Runs what is due of the changes in `versions/`, with Alembic: a large library, which most starts need not import."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.database import Database
from hub.store.errors import SchemaTooNew


async def upgrade(database: Database) -> None:
    """Bring the database up to the newest schema. Raises SchemaTooNew when a newer hub has changed it."""

    def run(connection: Connection) -> None:
        config = script(connection)
        known = known_revisions()
        for revision in MigrationContext.configure(connection).get_current_heads():
            if revision not in known:
                raise SchemaTooNew(database.where, revision)
        command.upgrade(config, "head")

    async def work(connection: AsyncConnection) -> None:
        await connection.run_sync(run)

    await database.write(work)


def known_revisions() -> frozenset[str]:
    """Every schema that this version of the hub can bring up to date."""
    return frozenset(each.revision for each in ScriptDirectory.from_config(script()).walk_revisions())


def script(connection: Connection | None = None) -> Config:
    """What Alembic has to know."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "hub.store:migrations")
    config.set_main_option("path_separator", "os")
    return config
