"""One writer, several readers, and what is left when work fails, is cancelled, or meets a broken file."""

import _sqlite3
import asyncio
import ctypes
import gc
import os
import sqlite3
import stat
import threading
import time

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from hub.store.database import CONNECTIONS, Database
from hub.store.errors import StoreClosed, StoreDamaged, StoreUnavailable, StoreUnsuitable
from hub.store.journal_schema import trace_key
from hub.store.schema import meta, party
from hub.store.sqlite_rows import set_pragmas
from tests.store.kinds import only_sqlite

# Keeps SQLite busy for a moment.
LONG = text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT max(i) FROM n")

EIGHT_MEGABYTES = text(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8000) "
    "INSERT INTO meta (key, value) SELECT printf('%05d', i) || hex(zeroblob(498)), '' FROM n"
)


def put(*keys):
    """Work that inserts these keys into `meta`, and gives others a chance to run after each."""

    async def work(connection):
        for key in keys:
            await connection.execute(insert(meta).values(key=key, value=""))
            await asyncio.sleep(0)

    return work


async def keys(connection):
    return set((await connection.execute(select(meta.c.key))).scalars())


def ended(before):
    """Every thread that was started since has come to its end."""
    started = set(threading.enumerate()) - before
    for thread in started:
        thread.join(5)
    return not any(thread.is_alive() for thread in started)


async def count(connection):
    return await connection.scalar(select(func.count()).select_from(meta))


async def test_write_returns_what_work_returns_and_read_sees_it(database):
    async def work(connection):
        await put("a")(connection)
        return 7

    assert await database.write(work) == 7
    assert await database.read(keys) == {"a"}


async def test_a_failing_writer_undoes_its_own_changes_only(database):
    async def fail(connection):
        await put("lost", "lost too")(connection)
        raise RuntimeError("no")

    writes = [database.write(put(f"{n}", f"{n} twin")) for n in range(99)]
    writes.insert(50, database.write(fail))
    results = await asyncio.gather(*writes, return_exceptions=True)

    assert [str(result) for result in results if result is not None] == ["no"]
    assert await database.read(keys) == {key for n in range(99) for key in (f"{n}", f"{n} twin")}


async def test_cancelled_in_the_middle_nothing_is_left(database):
    halfway, never = asyncio.Event(), asyncio.Event()

    async def work(connection):
        await put("half")(connection)
        halfway.set()
        await never.wait()

    task = asyncio.create_task(database.write(work))
    await halfway.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await database.write(put("next"))
    assert await database.read(keys) == {"next"}


async def test_cancelled_during_a_long_statement_nothing_is_left(database):
    begun = asyncio.Event()

    async def work(connection):
        await put("half")(connection)
        begun.set()
        await connection.execute(LONG)

    task = asyncio.create_task(database.write(work))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await database.write(put("next"))
    assert await database.read(keys) == {"next"}


async def test_cancelled_during_the_commit_the_commit_is_finished(database):
    async def work(connection):
        await put("kept")(connection)
        asyncio.get_running_loop().call_soon(task.cancel)

    connections = set(threading.enumerate())
    task = asyncio.create_task(database.write(work))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await database.read(keys) == {"kept"}
    assert set(threading.enumerate()) == connections


async def test_cancelled_twice_the_connection_is_still_closed_properly(database):
    troubles = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(context))

    for turns_between in range(12):
        begun = asyncio.Event()

        async def work(connection, begun=begun):
            await put("half")(connection)
            begun.set()
            await connection.execute(LONG)

        task = asyncio.create_task(database.write(work))
        await asyncio.wait_for(begun.wait(), 5)
        await asyncio.sleep(0)
        task.cancel()
        for _ in range(turns_between):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    await database.write(put("next"))
    assert await database.read(keys) == {"next"}
    gc.collect()
    assert troubles == []


async def test_cancelled_while_waiting_for_its_turn_work_never_runs(database):
    async def work(connection):
        waiting = asyncio.create_task(database.write(put("never")))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await put("mine")(connection)

    await database.write(work)
    assert await database.read(keys) == {"mine"}


async def test_cancelled_at_any_moment_a_write_is_there_whole_or_not_at_all(database):
    threads = set(threading.enumerate())
    begun = time.monotonic()
    await database.write(put("first", "first twin"))
    usual = time.monotonic() - begun

    acknowledged = {"first"}
    for n in range(200):
        task = asyncio.create_task(database.write(put(f"{n}", f"{n} twin")))
        await asyncio.wait([task], timeout=usual * n / 100)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            assert task.exception() is None
            acknowledged.add(f"{n}")
    await database.write(put("last", "last twin"))
    assert set(threading.enumerate()) == threads

    present = await database.read(keys)
    assert acknowledged | {"last"} <= present
    assert {key for key in present if "twin" not in key} == {key[:-5] for key in present if "twin" in key}
    assert "0" not in present


@only_sqlite
async def test_a_write_keeps_other_programs_from_writing_from_its_first_statement_on(database):
    other = sqlite3.connect(database.path, timeout=0)

    async def work(connection):
        await count(connection)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("INSERT INTO meta VALUES ('k', 'v')")

    await database.write(work)
    other.execute("INSERT INTO meta VALUES ('k', 'v')")
    other.close()


async def test_readers_see_the_last_commit_while_a_write_is_open(database):
    await database.write(put("before"))

    async def work(connection):
        await put("during")(connection)
        return await database.read(keys)

    assert await database.write(work) == {"before"}
    assert await database.read(keys) == {"before", "during"}


async def test_a_read_is_one_unchanging_view(database):
    async def work(connection):
        first = await count(connection)
        await database.write(put("meanwhile"))
        return first, await count(connection)

    assert await database.read(work) == (0, 0)
    assert await database.read(count) == 1


async def test_more_readers_than_connections_take_turns(database):
    assert await asyncio.gather(*(database.read(count) for _ in range(100))) == [0] * 100


async def test_a_cancelled_read_takes_no_connection_with_it(database):
    threads = set(threading.enumerate())
    for turns in range(40):
        task = asyncio.create_task(database.read(count))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await asyncio.gather(*(database.read(count) for _ in range(20))) == [0] * 20
    assert len(set(threading.enumerate()) - threads) <= 4


async def test_a_read_can_not_write(database):
    with pytest.raises((OperationalError, StoreUnavailable), match=r"readonly|can only be read"):
        await database.read(put("no"))


@only_sqlite
async def test_every_connection_is_durable(database):
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}

    async def pragmas(connection):
        return {name: (await connection.execute(text(f"PRAGMA {name}"))).scalar() for name in wanted}

    assert await database.write(pragmas) == wanted
    assert await database.read(pragmas) == wanted


def sqlite_takes() -> int:
    """Bytes of memory."""
    taken = ctypes.CDLL(_sqlite3.__file__).sqlite3_memory_used
    taken.restype = ctypes.c_longlong
    return taken()


@only_sqlite
async def test_readers_keep_few_pages(database):
    """Eight megabytes that all of them have read: each next write would throw them away."""
    await database.write(lambda connection: connection.execute(EIGHT_MEGABYTES))
    before, together = sqlite_takes(), asyncio.Barrier(CONNECTIONS)

    async def read_all(connection):
        await connection.execute(select(func.sum(func.length(meta.c.key))))
        await together.wait()
        return sqlite_takes() - before

    assert max(await asyncio.gather(*(database.read(read_all) for _ in range(CONNECTIONS)))) < CONNECTIONS * 750_000


def test_without_wal_the_store_does_not_start():
    connection = sqlite3.connect(":memory:")
    with pytest.raises(StoreUnsuitable, match="local disk"):
        set_pragmas(connection)
    connection.close()


async def test_an_error_shows_no_values(database):
    async def work(connection):
        row = {"country_code": "NL", "party_id": "TNM", "platform_id": 1, "updated_at": 0}
        await connection.execute(insert(party).values(row | {"business_name": "s3cret"}))

    with pytest.raises(IntegrityError, match=r"(?i)foreign key") as raised:
        await database.write(work)
    assert "s3cret" not in str(raised.value)


async def test_files_are_for_the_owner_alone(tmp_path):
    before = os.umask(0)
    try:
        database = await Database.open(tmp_path / "data" / "hub.db")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
    await database.close()
    assert modes == {"hub.db": 0o600, "hub.db-wal": 0o600, "hub.db-shm": 0o600}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


async def test_an_existing_file_is_taken_away_from_others(tmp_path):
    path = tmp_path / "hub.db"
    path.touch(mode=0o644)
    await (await Database.open(path)).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_folder_without_a_parent_is_refused(tmp_path):
    with pytest.raises(StoreUnsuitable, match="Make it first"):
        await Database.open(tmp_path / "no" / "data" / "hub.db")


async def test_a_file_where_the_folder_should_be_is_refused(tmp_path):
    (tmp_path / "data").touch()
    with pytest.raises(StoreUnsuitable, match="Not a directory"):
        await Database.open(tmp_path / "data" / "hub.db")


async def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "hub.db"
    path.write_bytes(b"no database " * 1000)
    threads = set(threading.enumerate())
    with pytest.raises(StoreDamaged, match="backup"):
        await Database.open(path)
    assert ended(threads)


@only_sqlite
async def test_a_damaged_page_is_found_at_start(database):
    await database.write(put(*(f"{n:04}" * 50 for n in range(200))))
    await database.close()
    with database.path.open("r+b") as file:
        file.seek(-4096, os.SEEK_END)
        file.write(b"\xff" * 4096)
    with pytest.raises(StoreDamaged, match="damaged"):
        await Database.open(database.path)


async def test_closing_waits_for_the_write_under_way_and_ends_every_thread(tmp_path):
    threads = set(threading.enumerate())
    database = await Database.open(tmp_path / "hub.db")
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def work(connection):
        inside.set()
        await go_on.wait()
        return "done"

    write = asyncio.create_task(database.write(work))
    await inside.wait()
    close = asyncio.create_task(database.close())
    await asyncio.sleep(0)
    go_on.set()

    assert await write == "done"
    await close
    assert ended(threads)
    assert [path.name for path in tmp_path.iterdir()] == ["hub.db"]
    with pytest.raises(StoreClosed):
        await database.write(work)
    with pytest.raises(StoreClosed):
        await database.read(work)


def put_rows(*names):
    """The same as `put`, with what is for many rows of the journal."""
    return lambda rows: rows.insert("trace_key", [[0, name, 0] for name in names])


async def row_keys(connection):
    return set((await connection.execute(select(trace_key.c.key))).scalars())


async def test_rows_written_in_one_go_are_all_there_or_none(database):
    await asyncio.gather(database.write_rows(put_rows("a", "b")), database.write(put("c")))
    for bad in (put_rows("d", "a"), put_rows("d", None)):
        with pytest.raises(IntegrityError):
            await database.write_rows(bad)
    await database.write_rows(put_rows("e"))
    assert await database.read(row_keys) == {"a", "b", "e"}
    assert await database.read(keys) == {"c"}


@only_sqlite
async def test_rows_are_written_to_the_end_where_nobody_waits_any_more(database):
    begun, go = threading.Event(), threading.Event()

    def work(connection):
        begun.set()
        assert go.wait(10)
        put_rows("a")(connection)

    writing = asyncio.create_task(database.write_rows(work))
    await asyncio.to_thread(begun.wait, 10)
    writing.cancel()
    other = asyncio.create_task(database.write(put("b")))
    await asyncio.sleep(0.01)
    assert not writing.done()
    assert not other.done(), "no other write overlaps it"
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await other
    assert await database.read(row_keys) == {"a"}
    assert await database.read(keys) == {"b"}


@only_sqlite
async def test_what_writes_rows_is_as_durable_and_closed_with_the_rest(database):
    def pragmas(rows):
        return [
            rows.connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "fullfsync")
        ]

    assert await database.write_rows(pragmas) == ["wal", 2, 1]
    await database.write_rows(put_rows("a"))
    await database.close()
    assert not database.path.with_name(f"{database.path.name}-wal").exists(), "the last to close empties it"
    with pytest.raises(StoreClosed):
        await database.write_rows(put_rows("b"))
