"""Migrations lead to exactly the schema, all or nothing, and never backwards."""

import asyncio
import re
import sys

import asyncpg
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
from hub.store.errors import OldNodesRun, SchemaTooNew
from hub.store.migrations import newest, outgrown, upgrade
from hub.store.migrations.due import known_revisions, oldest_programs, script
from hub.store.platforms import create_platform, load_all
from hub.store.schema import metadata
from tests.store.kinds import only_postgresql, only_sqlite


async def statements(connection):
    """What SQLite was told, per table or index: as pieces in any order, for constraints and added columns have none."""
    query = "SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL"
    rows = await connection.execute(text(query))
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


NEWER = "UPDATE alembic_version SET version_num = '9999', works_from = :since"


async def test_a_newer_database_is_refused(database):
    for since, words in (("9998", "needs a hub for schema 9998 or newer, and this hub"), (None, "and this hub is for")):
        await database.write(lambda connection, since=since: connection.execute(text(NEWER), {"since": since}))
        with pytest.raises(SchemaTooNew, match=f"schema 9999.*{words}.*{newest()}.*Install the newer") as raised:
            await upgrade(database)
        assert raised.value.revision == "9999"


@pytest.mark.parametrize("since", ["0011", newest()])
async def test_a_newer_database_that_says_so_is_worked_with(database, since):
    await database.write(lambda connection: connection.execute(text(NEWER), {"since": since}))
    await upgrade(database)
    assert await database.read(revisions) == ["9999"]
    assert await database.read(outgrown) == ""


async def revisions(connection):
    return list(await connection.scalars(text("SELECT version_num FROM alembic_version")))


async def test_a_program_that_runs_learns_that_it_is_too_old(database):
    assert await database.read(outgrown) == ""
    await database.write(lambda connection: connection.execute(text(NEWER), {"since": "9998"}))
    assert "for hubs of schema 9998 and newer" in await database.read(outgrown)


def test_each_file_says_with_which_programs_it_works():
    """Those from before that was asked need not: no program of their time looks."""
    found = {each.revision: each.module for each in ScriptDirectory.from_config(script()).walk_revisions()}
    for revision, module in found.items():
        if revision > "0010":
            assert "0010" <= module.works_from <= revision, f"{revision}: works_from is missing or wrong"
    assert oldest_programs() == max(getattr(each, "works_from", "") for each in found.values())


async def test_two_that_start_at_once_bring_it_up_to_date_once(kind, tmp_path, request):
    server = request.getfixturevalue("postgresql") if kind == "postgresql" else None
    where = server.make() if server else tmp_path / "hub.db"
    nodes = [await Database.open(where) for _ in range(3)]
    await asyncio.gather(*(upgrade(node) for node in nodes))
    for node in nodes:
        assert await node.read(revisions) == [newest()]
        await node.close()
    if server:
        server.drop(where)


@only_postgresql
async def test_what_old_programs_can_not_bear_waits_until_they_are_gone(empty):
    """Connections say for which schema their program is."""
    await empty.write(lambda connection: connection.run_sync(lambda plain: command.upgrade(script(plain), "0010")))
    server = await empty.read(lambda connection: connection.scalar(text("SELECT inet_server_port()")))
    url = f"postgresql://hub@127.0.0.1:{server}/{empty.where.rpartition('/')[2]}"
    for name in ("ocpi-hub", "ocpi-hub/0010"):
        old = await asyncpg.connect(url, server_settings={"application_name": name})
        with pytest.raises(OldNodesRun, match=rf"only hubs for schema .* \({name}\). Stop all of those"):
            await upgrade(empty)
        assert await empty.read(revisions) == ["0010"]
        await old.close()
        while await empty.read(lambda c, name=name: c.scalar(text(CONNECTED), {"name": name})):
            await asyncio.sleep(0.01)
    await upgrade(empty)
    assert await empty.read(revisions) == [newest()]


CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE application_name = :name"


@only_postgresql
async def test_a_table_in_use_delays_a_change_and_not_those_who_come_after(empty):
    """What waits for a table would let nobody else at it."""
    await empty.write(lambda connection: connection.run_sync(lambda plain: command.upgrade(script(plain), "0009")))
    reading, over = asyncio.Event(), asyncio.Event()

    async def read(connection):
        await connection.execute(text("SELECT count(*) FROM exchange"))
        reading.set()
        await over.wait()

    long = asyncio.create_task(empty.read(read))
    await reading.wait()
    upgrading = asyncio.create_task(upgrade(empty))
    for _ in range(10):
        async with asyncio.timeout(5):
            await empty.read(lambda connection: connection.execute(text("SELECT count(*) FROM exchange")))
        await asyncio.sleep(0.1)
    assert not upgrading.done()
    over.set()
    await long
    await upgrading
    assert await empty.read(revisions) == [newest()]


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
