"""Migrations lead to exactly the schema, all or nothing, and never backwards."""

import asyncio
import re
import sys

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.schema import CreateTable

from hub.core.modules import Interface
from hub.core.party import PartyRole
from hub.store.database import Database
from hub.store.endpoints import set_endpoint
from hub.store.errors import SchemaTooNew
from hub.store.migrations import newest, upgrade
from hub.store.migrations.due import known_revisions, script
from hub.store.platforms import create_platform, load_all
from hub.store.schema import metadata
from tests.store.kinds import only_sqlite


async def statements(connection):
    """What SQLite was told, per table or index: as pieces in any order, for constraints and added columns have none."""
    rows = await connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    return {name: sorted(re.split(r",?\s*\n\s*|, ", sql)) for name, sql in rows}


async def test_migrated_is_what_the_schema_says(database):
    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection), metadata)

    assert await database.read(lambda connection: connection.run_sync(differences)) == []


@only_sqlite
async def test_the_checks_of_a_migrated_file_are_what_the_schema_says(database, tmp_path):
    # Alembic does not compare checks or autoincrement on SQLite.
    migrated = await database.read(statements)
    del migrated["alembic_version"]
    fresh = await Database.open(tmp_path / "fresh.db")
    await fresh.write(lambda connection: connection.run_sync(metadata.create_all))
    assert migrated == await fresh.read(statements)
    await fresh.close()


@only_sqlite
async def test_upgrading_again_changes_nothing(database):
    before = await database.read(statements)
    await database.write(
        lambda connection: connection.execute(insert(metadata.tables["meta"]).values(key="k", value="v"))
    )
    await upgrade(database)
    assert await database.read(statements) == before
    assert await database.read(lambda connection: connection.scalar(text("SELECT value FROM meta"))) == "v"


async def tables(connection):
    return await connection.run_sync(lambda sync: inspect(sync).get_table_names())


async def test_an_upgrade_keeps_what_the_first_release_wrote(empty):
    database = empty

    def first(connection):
        command.upgrade(script(connection), "0001")

    async def fill(connection):
        roles = [PartyRole.parse("NL-TNM:CPO"), PartyRole.parse("BE-TNM:EMSP")]
        platform_id = await create_platform(connection, "Tiny", roles, bytes(32), 1)
        await set_endpoint(connection, platform_id, "2.2.1", "commands", Interface.RECEIVER, url="u")
        await connection.execute(insert(metadata.tables["meta"]).values(key="k", value="v"))

    await database.write(lambda connection: connection.run_sync(first))
    await database.write(fill)
    assert "mirror" not in await database.read(tables)
    await upgrade(database)
    before = await database.read(load_all)
    assert (len(before), len(before[0].parties), len(before[0].credentials), len(before[0].endpoints)) == (1, 2, 1, 1)
    assert await database.read(lambda connection: connection.scalar(text("SELECT value FROM meta"))) == "v"
    assert "mirror" in await database.read(tables)


async def test_a_failing_migration_leaves_the_database_as_it_was(empty):
    await empty.write(lambda connection: connection.execute(text("CREATE TABLE endpoint (mine TEXT)")))
    with pytest.raises((OperationalError, ProgrammingError), match="already exists"):
        await upgrade(empty)
    assert await empty.read(tables) == ["endpoint"]


async def test_a_newer_database_is_refused(database):
    await database.write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(SchemaTooNew, match="newer version of the hub") as raised:
        await upgrade(database)
    assert raised.value.revision == "9999"


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=str)
def test_postgresql_can_have_the_same_tables(table):
    assert f"CREATE TABLE {table}" in str(CreateTable(table).compile(dialect=postgresql.dialect()))


def test_the_newest_file_is_where_alembic_leads(tmp_path):
    """A start compares with the name of that file alone."""
    assert newest() == ScriptDirectory.from_config(script()).get_current_head() == max(known_revisions())


@only_sqlite
async def test_a_start_with_nothing_due_does_without_alembic(database):
    """It takes a tenth of a start to import."""
    code = """
import asyncio, sys
from pathlib import Path
from hub.store.database import Database
from hub.store.migrations import upgrade

async def main():
    database = await Database.open(Path(sys.argv[1]))
    await upgrade(database)
    await database.close()

asyncio.run(main())
print("alembic" in sys.modules)
"""
    await database.close()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, database.path, stdout=-1)
    out, _ = await process.communicate()
    assert out == b"False\n"
