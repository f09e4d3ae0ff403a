"""Runs what is due of the changes in `versions/`, with Alembic: a large library, which most starts need not import."""

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, inspect, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.database import Database
from hub.store.errors import OldNodesRun, SchemaTooNew
from hub.store.migrations import VERSION, newest, works_from

log = structlog.get_logger()

_CONNECTED = text(
    "SELECT DISTINCT application_name FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name LIKE 'ocpi-hub%'"
)


async def upgrade(database: Database) -> None:
    """Bring the database up to the newest schema, where it is older; see `hub.store.migrations.upgrade`."""

    async def work(connection: AsyncConnection) -> None:
        heads = await connection.run_sync(lambda plain: MigrationContext.configure(plain).get_current_heads())
        # Looked at only now, with the lock: another node may have begun to start at the same time.
        if heads and await _is_ahead(connection, database.where, heads[0]):
            return
        needed = oldest_programs()
        if heads and needed > heads[0] and connection.dialect.name == "postgresql":
            await _check_nobody_older(connection, database.where, needed)
        await connection.run_sync(lambda plain: _run(plain, needed))

    await database.migrate(work)


def _run(connection: Connection, needed: str) -> None:
    command.upgrade(script(connection), "head")
    if "works_from" not in {each["name"] for each in inspect(connection).get_columns("alembic_version")}:
        connection.execute(text("ALTER TABLE alembic_version ADD COLUMN works_from TEXT"))
    connection.execute(update(VERSION).values(works_from=needed))


async def _is_ahead(connection: AsyncConnection, where: str, revision: str) -> bool:
    """Whether a newer hub has changed the schema, in a way that this one can work with. Raises SchemaTooNew."""
    if revision in known_revisions():
        return False
    needed = await works_from(connection)
    if needed is None or needed > newest():
        raise SchemaTooNew(where, revision, newest(), needed)
    log.warning("schema_ahead", schema=revision, this_hub_is_for=newest(), works_from=needed)
    return True


async def _check_nobody_older(connection: AsyncConnection, where: str, needed: str) -> None:
    """Raises OldNodesRun. Hubs say in the name of their connections which schema they are for."""
    names = list(await connection.scalars(_CONNECTED))
    if older := {name for name in names if name.partition("/")[2][:4] < needed}:
        raise OldNodesRun(where, needed, older)


def oldest_programs() -> str:
    """The schema of the oldest programs that can work with the newest one."""
    return max(_works_from(each.revision, each.module) for each in _scripts())


def _works_from(revision: str, module: object) -> str:
    """What a file says; those from before that was asked say nothing, and no older program works with theirs."""
    found: str = getattr(module, "works_from", revision)
    return found


def known_revisions() -> frozenset[str]:
    """Every schema that this version of the hub can bring up to date."""
    return frozenset(each.revision for each in _scripts())


def _scripts() -> list[Script]:
    return list(ScriptDirectory.from_config(script()).walk_revisions())


def script(connection: Connection | None = None) -> Config:
    """What Alembic has to know."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "hub.store:migrations")
    config.set_main_option("path_separator", "os")
    return config
