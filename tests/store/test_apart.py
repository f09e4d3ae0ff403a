"""The process that writes the journal: what it acknowledged is on disk, and its death costs no row and doubles none."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError, OperationalError
from structlog.testing import capture_logs

from hub.core.route import Way
from hub.store import apart, counting, journal, journal_schema, sorting
from hub.store.database import Database
from hub.store.errors import StoreClosed
from hub.store.journal import keep
from hub.store.journal_rows import insert
from hub.store.journal_statements import sqlite_texts
from hub.store.metadata import metadata
from hub.store.migrations import upgrade
from hub.store.pruning import prune
from hub.store.writing import packed
from tests.store import works
from tests.store.test_sums import NOW, delivery, exchange
from tests.store.test_sums import batch as batch_of

ROOT = Path(__file__).parents[2]
SIZE = 300


@pytest.fixture
async def database(tmp_path):
    database = await Database.open(tmp_path / "data" / "hub.db", apart=True)
    await upgrade(database)
    await there(database)
    yield database
    await database.close()


async def there(database, other_than=None):
    """Wait for the process."""
    async with asyncio.timeout(10):
        while database._apart.pid in (None, other_than):
            await asyncio.sleep(0.005)
    return database._apart.pid


def batch(first=0):
    numbers = range(NOW * 1000 + first, NOW * 1000 + first + SIZE)
    return batch_of([exchange(n) for n in numbers], [delivery(n, n) for n in numbers])


def as_arguments(rows):
    return {"exchanges": rows.exchanges, "deliveries": rows.deliveries, "captured": rows.captured}


async def counted(database):
    """How many rows there are, by themselves and by their sums."""

    async def work(connection):
        tables = journal_schema.outcome_sum, journal_schema.pair_sum
        queries = [
            select(func.count()).select_from(each) for each in (journal_schema.exchange, journal_schema.delivery)
        ]
        queries += [select(func.coalesce(func.sum(each.c.count), 0)).where(each.c.span == 1) for each in tables]
        return {await connection.scalar(query) for query in queries}

    return await database.read(work)


def alive(pid):
    """Whether a process runs; one that nobody waited for counts, too."""
    return Path(f"/proc/{pid}").exists()


def state(pid):
    """The letter of it; that of one that is no more, or waits to be taken note of, is Z."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] if alive(pid) else "Z"


async def until(pid, wanted, within=10):
    async with asyncio.timeout(within):
        while state(pid) != wanted:
            await asyncio.sleep(0.005)


def open_files(pid):
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


async def test_what_it_acknowledged_is_on_disk_and_not_written_by_the_hub(database):
    assert await database.write_rows(works.number) == database._apart.pid != os.getpid()
    assert await database.write_rows(works.settings) == ["wal", 2, 1, 1]
    await keep(database, batch())
    with closing(sqlite3.connect(database.path)) as other:
        assert other.execute("SELECT count(*), min(id) FROM exchange").fetchone() == (SIZE, NOW * 1000)
    await keep(database, batch(SIZE))
    await keep(database, batch(SIZE))  # as after an error
    assert await counted(database) == {2 * SIZE}
    assert database._rows is None


async def test_it_tidies_up_as_well(database):
    for place in range(8):
        await keep(database, batch(place * SIZE))
    late = (NOW + counting.MINUTE) * 1000 + sorting.LAG
    assert await database.write_rows(partial(sorting.sort_part, now=late)) is True
    assert await database.write_rows(partial(sorting.sort_part, now=late)) is False, "there are too few for another"
    assert await database.write_rows(partial(prune, before_id=None, most=100)) == 200
    assert await database.write_rows(partial(prune, before_id=NOW * 1000 + 150, most=100)) == 100
    assert database._rows is None


async def test_an_error_is_the_same_as_elsewhere_and_holds_no_value(database):
    work = partial(insert, **as_arguments(batch()))
    await database.write_rows(work)
    with pytest.raises(IntegrityError) as found:
        await database.write_rows(work)
    assert isinstance(found.value.orig, sqlite3.IntegrityError)
    assert str(NOW) not in str(found.value)
    with pytest.raises(ValueError, match="no"):
        await database.write_rows(works.fail)
    await database.write_rows(partial(works.most_pages, pages=await database.write_rows(works.pages) + 2))
    with pytest.raises(OperationalError, match="full"):
        await keep(database, batch(SIZE))
    assert await counted(database) == {SIZE}
    await database.write_rows(partial(works.most_pages, pages=1_000_000))
    await keep(database, batch(SIZE))
    assert await counted(database) == {2 * SIZE}


async def test_killed_between_two_batches(database):
    database._apart._next_start = float("-inf")
    await keep(database, batch())
    first = database._apart.pid
    os.kill(first, signal.SIGKILL)
    with capture_logs() as logs:
        for place in range(1, 4):
            await keep(database, batch(place * SIZE))
        assert await there(database, first)
    assert await counted(database) == {4 * SIZE}
    assert logs[0] == {"event": "journal_process_ended", "log_level": "warning", "signal": "SIGKILL"}
    assert [each["event"] for each in logs] == ["journal_process_ended", "journal_process_back"]
    assert not alive(first), "it was waited for"
    assert await database.write_rows(works.number) == database._apart.pid


async def held_up(database, monkeypatch, tmp_path):
    """A batch that is begun and goes on when a file is there: its task, and the file."""
    begun, go = tmp_path / "begun", tmp_path / "go"
    held = partial(works.insert_once_it_may, begun=str(begun), go=str(go))
    monkeypatch.setattr(journal, "insert", held)
    writing = asyncio.create_task(keep(database, batch()))
    async with asyncio.timeout(10):
        while not begun.exists():
            await asyncio.sleep(0.005)
    return writing, go


async def test_killed_in_the_middle_of_a_batch(database, monkeypatch, tmp_path):
    writing, go = await held_up(database, monkeypatch, tmp_path)
    go.touch()
    os.kill(database._apart.pid, signal.SIGKILL)
    await writing
    assert await counted(database) == {SIZE}


async def test_killed_when_all_was_written_and_nobody_told(database, monkeypatch):
    monkeypatch.setattr(journal, "insert", works.insert_and_die)
    with capture_logs() as logs:
        await keep(database, batch())
    assert await counted(database) == {SIZE}, "none is lost, none counted twice"
    assert [each["event"] for each in logs] == ["journal_process_ended"]


async def test_it_is_not_started_again_and_again(database):
    first = database._apart.pid
    os.kill(first, signal.SIGKILL)
    for place in range(3):
        await keep(database, batch(place * SIZE))
    assert database._apart.pid is None
    assert await counted(database) == {3 * SIZE}


@pytest.mark.parametrize("program", ["/nowhere/python", "/bin/false"])
async def test_where_it_can_not_be_started_the_hub_writes_by_itself(tmp_path, monkeypatch, program):
    monkeypatch.setattr(sys, "executable", program)
    monkeypatch.setattr(apart, "_PAUSE", 0.0)
    with capture_logs() as logs:
        database = await Database.open(tmp_path / "data" / "hub.db", apart=True)
        await upgrade(database)
        for place in range(3):
            await asyncio.wait([database._apart._starting])
            await keep(database, batch(place * SIZE))
        assert await counted(database) == {3 * SIZE}
        await database.close()
    said = [each for each in logs if each["event"] == "journal_process_ended"]
    assert len(said) == 1, "it is said once"
    assert said[0].get("error") == "No such file or directory" or said[0].get("status") == 1


async def test_who_is_cancelled_leaves_no_answer_for_the_next_one(database, monkeypatch, tmp_path):
    writing, go = await held_up(database, monkeypatch, tmp_path)
    writing.cancel()
    next_one = asyncio.create_task(database.write_rows(works.number))
    await asyncio.sleep(0.02)
    assert not writing.done()
    go.touch()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await next_one == database._apart.pid
    assert await counted(database) == {SIZE}


async def test_closing_leaves_nothing_behind(tmp_path):
    descriptors = open_files("self")
    database = await Database.open(tmp_path / "data" / "hub.db", apart=True)
    await upgrade(database)
    pid = await there(database)
    assert open_files(pid) == 3, "it has nothing of the hub's"
    await keep(database, batch())
    await database.close()
    assert not alive(pid)
    assert [each.name for each in database.path.parent.iterdir()] == ["hub.db"], "the last to close empties the log"
    assert open_files("self") == descriptors
    with pytest.raises(StoreClosed):
        await database.write_rows(works.number)


async def test_closed_while_it_starts(tmp_path):
    database = await Database.open(tmp_path / "data" / "hub.db", apart=True)
    await asyncio.sleep(0)
    await database.close()
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    assert not any("hub.store.writing" in Path(f"/proc/{pid}/cmdline").read_text() for pid in children)


async def test_one_that_hangs_is_killed_at_the_end(database, monkeypatch):
    monkeypatch.setattr(apart, "_CLOSING", 0.05)
    pid = database._apart.pid
    os.kill(pid, signal.SIGSTOP)
    await until(pid, "T")
    await database.close()
    assert not alive(pid)


async def test_signals_to_all_of_a_group_do_not_end_it(database):
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(database._apart.pid, each)
    assert await database.write_rows(works.number) == database._apart.pid


HUB = """
import asyncio, sys
from pathlib import Path
from hub.store.database import Database
async def main():
    database = await Database.open(Path(sys.argv[1]), apart=True)
    while database._apart.pid is None:
        await asyncio.sleep(0.005)
    print(database._apart.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_it_does_not_outlive_a_hub_that_was_killed(tmp_path):
    command = [sys.executable, "-c", HUB, tmp_path / "data" / "hub.db"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as hub:
        pid = int(hub.stdout.readline())
        hub.kill()
    await until(pid, "Z", within=1)


def test_it_imports_next_to_nothing():
    """What SQLAlchemy takes of memory and time would be taken by each hub a second time."""
    names = "hub.store.writing", "hub.store.journal_rows", "hub.store.sorting", "hub.store.pruning"
    code = f"import sys, {', '.join(names)}; print(*(each for each in sys.modules if each in {HEAVY}))"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert told.stdout.strip() == ""
    assert b"sqlalchemy" not in packed(sqlite_texts())


HEAVY = ("sqlalchemy", "asyncio", "msgspec", "structlog", "hub.core.route", "hub.store.errors")


def test_what_it_knows_by_itself_is_as_elsewhere():
    assert (Way.DIRECT.value, Way.REFUSE.value) == (counting._DIRECT, counting._REFUSE)
    for name, columns in counting.COLUMNS.items():
        assert tuple(metadata.tables[name].columns.keys()) == columns
