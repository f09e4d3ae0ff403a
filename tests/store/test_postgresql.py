"""What only PostgreSQL has: several nodes at once, a connection that breaks off, and a server that says no."""

import asyncio

import pytest
from sqlalchemy import insert, select, text, update

from hub.core.party import PartyRole
from hub.store.database import Database, Part
from hub.store.errors import (
    DatabaseMissing,
    DatabaseReadOnly,
    LoginRefused,
    NoConnection,
    NotAllowed,
    PartyTaken,
    StoreUnavailable,
    StoreUnsuitable,
    TooManyConnections,
)
from hub.store.platforms import create_platform
from hub.store.schema import meta
from hub.store.statements import among, among_rows
from tests.ports import free_port
from tests.postgresql import cluster

SECRET = "s3cret"


@pytest.fixture
async def nodes(postgresql):
    """Two nodes on one database."""
    url = postgresql.migrated()
    both = [await Database.open(url) for _ in range(2)]
    yield both
    for node in both:
        await node.close()
    postgresql.drop(url)


async def keys(connection):
    return set(await connection.scalars(select(meta.c.key)))


def put(*names):
    async def work(connection):
        for name in names:
            await connection.execute(insert(meta).values(key=name, value="0"))

    return work


async def test_what_one_node_read_before_it_writes_no_other_has_changed(nodes):
    await nodes[0].write(put("n"))

    async def add(connection):
        value = await connection.scalar(select(meta.c.value).where(meta.c.key == "n"))
        await connection.execute(update(meta).values(value=str(int(value) + 1)))

    await asyncio.gather(*(node.write(add) for _ in range(50) for node in nodes))
    assert await nodes[1].read(lambda c: c.scalar(select(meta.c.value))) == "100"


async def test_of_two_nodes_that_give_a_party_away_one_does(nodes):
    roles = [PartyRole.parse("NL-TNM:CPO")]
    made = await asyncio.gather(
        *(node.write(lambda c, n=n: create_platform(c, f"P{n}", roles, None, 1)) for n, node in enumerate(nodes * 4)),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in made) == ["PartyTaken"] * 7 + ["int"]
    assert all(isinstance(each, int | PartyTaken) for each in made)


async def test_the_journal_holds_up_nobody_else(nodes):
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def long(connection):
        begun.set()
        await go_on.wait()

    journal = asyncio.create_task(nodes[0].write(long, Part.JOURNAL))
    await begun.wait()
    await asyncio.gather(nodes[0].write(put("a")), nodes[1].write(put("b")))
    behind = asyncio.create_task(nodes[1].write(put("c"), Part.JOURNAL))
    await nodes[1].write(put("d"))
    assert await nodes[0].read(keys) == {"a", "b", "d"}
    go_on.set()
    await asyncio.gather(journal, behind)
    assert await nodes[0].read(keys) == {"a", "b", "c", "d"}


async def test_rows_are_written_to_the_end_where_nobody_waits_any_more(nodes):
    def work(rows):
        rows._connection.execute(text("SELECT pg_sleep(0.2)"))
        rows.insert("meta", [["a", ""]])

    writing = asyncio.create_task(nodes[0].write_rows(work))
    await asyncio.sleep(0.05)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await nodes[0].read(keys) == {"a"}


async def test_a_connection_that_breaks_off_costs_what_was_under_way_and_no_more(nodes):
    node, other = nodes

    async def work(connection):
        await put("lost")(connection)
        number = await connection.scalar(text("SELECT pg_backend_pid()"))
        await other.write(lambda c: c.execute(text("SELECT pg_terminate_backend(:n)"), {"n": number}), Part.JOURNAL)
        await put("lost too")(connection)

    with pytest.raises(NoConnection, match=r"There is no connection to postgresql://hub@127\.0\.0\.1"):
        await node.write(work)
    await node.write(put("next"))
    assert await node.read(keys) == {"next"}


async def test_a_server_that_dies_loses_nothing_that_was_acknowledged_and_is_found_again(postgresql):
    acknowledged = set()
    with cluster() as server:
        url = server.make()
        node = await Database.open(url)
        await node.write(lambda c: c.run_sync(meta.create))
        for life in range(3):
            for n in range(20 * (life + 1)):
                name = f"{life}.{n}"
                await node.write(put(name, f"{name} twin"))
                acknowledged.add(name)
            writing = asyncio.create_task(node.write(put(f"{life} unknown", f"{life} unknown twin")))
            server.stop("immediate")
            await asyncio.gather(writing, return_exceptions=True)
            with pytest.raises(NoConnection):
                await node.read(keys)
            server.start()
            present = await node.read(keys)
            assert acknowledged <= present
            assert {f"{each} twin" for each in present if "twin" not in each} == {e for e in present if "twin" in e}
        await node.close()


async def test_a_nul_in_a_text_costs_no_row(nodes):
    """SQLite takes it; partners may send it in any name or id."""
    node, bad = nodes[0], "a\0b"
    await node.write(lambda c: c.execute(insert(meta).values(key=bad, value="1")))
    await node.write_rows(lambda rows: rows.insert("meta", [[f"{n}{bad}", bad] for n in range(9)]))
    await node.write_rows(lambda rows: rows.insert("meta", [["one", bad]]))
    await node.write_rows(lambda rows: rows.insert_missing("meta", [["two", bad], ["one", bad]]))
    for found in (meta.c.key == bad, among(meta.c.key, [bad]), among_rows([meta.c.key, meta.c.value], [(bad, "1")])):
        rows = (await node.read(lambda c, found=found: c.execute(select(meta).where(found)))).all()
        assert [tuple(row) for row in rows] == [("a\ufffdb", "1")]
    assert len(await node.read(keys)) == 12


async def fails(url, kind, words):
    with pytest.raises(kind, match=words) as raised:
        await Database.open(url)
    assert SECRET not in f"{raised.value}{raised.value!r}"
    return str(raised.value)


async def test_nobody_is_there(postgresql):
    await fails(f"postgresql://hub:{SECRET}@127.0.0.1:{free_port()}/x", NoConnection, "Is PostgreSQL running")
    await fails(f"postgresql://hub:{SECRET}@nowhere.invalid/x", NoConnection, r"connection to postgresql://hub@nowhere")


async def test_a_wrong_password(postgresql):
    url = postgresql.url("migrated", "guarded")
    await fails(f"{url.replace('guarded', f'guarded:{SECRET}x')}", LoginRefused, "Mend user and password in store.url")
    await fails(f"{url}?password={SECRET}x", LoginRefused, "migrated: password authentication failed")


async def test_a_right_password_shows_nowhere(postgresql):
    url = postgresql.make().replace("hub@", f"guarded:{SECRET}@")
    node = await Database.open(url)
    assert SECRET not in f"{node.where}{vars(node)!r}"
    with pytest.raises(NotAllowed, match="Let it own the database"):
        await node.write(lambda c: c.run_sync(meta.create))
    await node.close()
    postgresql.drop(url)


async def test_a_url_that_the_driver_can_not_read(postgresql):
    await fails(f"postgresql://hub:{SECRET}@127.0.0.1:x/hub", StoreUnsuitable, "not well-formed")
    await fails(
        f"{postgresql.url('migrated')}?nonsense={SECRET}", StoreUnsuitable, "unrecognized configuration parameter"
    )


async def test_there_is_no_such_database(postgresql):
    await fails(postgresql.url("nothing"), DatabaseMissing, "Make it with createdb")


async def test_a_server_that_takes_no_more_connections(postgresql):
    url = postgresql.make()
    name = url.rpartition("/")[2]
    postgresql.sql(f"ALTER DATABASE {name} CONNECTION LIMIT 1")
    await fails(url, TooManyConnections, r"too many connections.*lower store\.connections")
    postgresql.drop(url)


async def test_a_database_that_can_only_be_read(nodes, postgresql):
    name = nodes[0].where.rpartition("/")[2]
    postgresql.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    late = await Database.open(f"{nodes[0].where}")
    with pytest.raises(DatabaseReadOnly, match=r"Is it a standby\?"):
        await late.write(put("no"))
    await late.close()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("ALTER DATABASE {} SET synchronous_commit = off", "synchronous_commit is off"),
        ("UPDATE pg_database SET encoding = 0 WHERE datname = '{}'", "its encoding is SQL_ASCII"),
    ],
)
async def test_where_data_is_not_safe_no_hub_begins(postgresql, how, words):
    url = postgresql.make()
    postgresql.sql(how.format(url.rpartition("/")[2]))
    await fails(url, StoreUnsuitable, words)
    postgresql.drop(url)


async def test_whether_the_server_waits_for_its_disk_is_known(nodes):
    assert not await nodes[0].keeps_on_disk(), "that of the tests does not"


def test_what_can_be_wrong_has_brief_words_without_a_place():
    for kind in StoreUnavailable.__subclasses__():
        assert "database" in kind.brief


async def test_of_two_nodes_that_give_a_name_away_one_does(nodes):
    """Letters may be large or small, also those that a database folds in its own way."""
    names = ["ACME Ä", "acme ä", "Acme ä", "ACME ä"] * 2
    made = await asyncio.gather(
        *(
            node.write(lambda c, n=n, name=name: create_platform(c, name, [PartyRole.parse(f"NL-P0{n}:CPO")], None, 1))
            for n, (name, node) in enumerate(zip(names, nodes * 4, strict=True))
        ),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in made) == ["NameTaken"] * 7 + ["int"]
    (other,) = await asyncio.gather(
        nodes[0].write(lambda c: create_platform(c, "Other", [PartyRole.parse("NL-P00:CPO")], None, 1)),
        return_exceptions=True,
    )
    assert isinstance(other, int | PartyTaken)
